/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "run.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include "bench/file.h"
#include "bench/history.h"
#include "bench/kmsg.h"
#include "bench/machine.h"
#include "bench/replay.h"
#include "bench/resume.h"
#include "bench/run-state.h"
#include "bench/stop.h"
#include "bench/tune.h"
#include "bench/view.h"
#include "tracer/base/cleanup.h"

/* From the start of a smoke run to its last cell; the rest of 90 s is set-up and report. */
#define QUICK_LIMIT_NS (78 * NS_PER_S)
/* The rounds that a smoke run aims at; five are the fewest with a bound at one look. */
#define QUICK_ROUNDS 7
/* A light load is looked at in the first rounds only: it is reported, not judged. */
#define LOW_ROUNDS 4
#define QUICK_SETUP_NS (5 * NS_PER_S)

static struct progress *talk; /* undo_say has no argument */

static void say_recovered(const char *line)
{
	progress_say(talk, "a run that crashed left something: %s", line);
}

void run_say_cleanup(const char *line)
{
	if (!strncmp(line, "cannot", 6))
		progress_say(talk, "%s", line);
}

static struct timing choose_timing(const struct run_config *c, unsigned int sets, unsigned int arms)
{
	struct timing t = {
		.settle_ns = 200 * NS_PER_MS,
		.discard_ns = 400 * NS_PER_MS,
		.window_ns = 1500 * NS_PER_MS,
	};

	if (c->long_cells)
		t = (struct timing){ NS_PER_S, 3 * NS_PER_S, 10 * NS_PER_S };
	if (c->quick) {
		/* what a cell leaves after fio's starts and ends and the attaching */
		uint64_t setup = sets * QUICK_SETUP_NS;
		uint64_t cell = setup < QUICK_LIMIT_NS ?
					(QUICK_LIMIT_NS - setup) / QUICK_ROUNDS / sets / arms : 0;
		uint64_t fixed = 1800 * NS_PER_MS, window = cell > fixed ? (cell - fixed) / 2 : 0;

		t = (struct timing){ 100 * NS_PER_MS, 150 * NS_PER_MS, window };
		if (t.window_ns < 300 * NS_PER_MS)
			t.window_ns = 300 * NS_PER_MS;
		if (t.window_ns > 1500 * NS_PER_MS)
			t.window_ns = 1500 * NS_PER_MS;
	}
	if (c->window_ns) {
		t.window_ns = c->window_ns;
		if (t.discard_ns > t.window_ns)
			t.discard_ns = t.window_ns;
		if (t.settle_ns > t.window_ns / 2)
			t.settle_ns = t.window_ns / 2;
	}
	return t;
}

static json_t *argv_json(const struct run_config *c)
{
	json_t *a = json_array();

	for (int i = 0; i < c->argc; i++) {
		char *copy = strdup(c->argv[i]);

		if (copy)
			text_clean(copy);
		json_array_append_new(a, json_string(copy ? copy : ""));
		free(copy);
	}
	return a;
}

static json_t *header_json(const struct run *r)
{
	const struct set_config *s = &r->set;
	json_t *arms = json_array(), *notes = json_array();
	_cleanup_free_ char *cwd = get_current_dir_name();
	struct timespec now;

	for (unsigned int a = 0; a < s->arms->nr; a++)
		json_array_append_new(arms, json_string(s->arms->v[a].name));
	for (unsigned int i = 0; i < r->report.preflight.nr; i++)
		json_array_append_new(notes, json_string(r->report.preflight.note[i]));
	clock_gettime(CLOCK_REALTIME, &now);
	if (cwd)
		text_clean(cwd);
	return json_pack("{s:s, s:s, s:o, s:I, s:I, s:s, s:o, s:b, s:b, s:o, s:f, s:[i,i], s:o, s:I, s:I, s:I, s:o, s:o, s:o, s:s?, s:o, s:b}",
			 "type", "header", "schema", RESULT_SCHEMA, "fingerprint",
			 machine_fingerprint(&r->in.versions), "seed", (json_int_t)s->seed, "started_ms",
			 (json_int_t)now.tv_sec * 1000, "cwd", cwd ? cwd : "/", "argv",
			 argv_json(r->c), "smoke", (int)r->c->quick, "staged", (int)r->staged, "shard",
			 !r->c->shard.of ? json_null() : json_pack("{s:i, s:i}", "index", (int)r->c->shard.index, "of",
								   (int)r->c->shard.of), "budget", s->budget, "rounds",
			 (int)s->rounds.min, (int)s->rounds.max, "arms", arms, "settle_ns",
			 (json_int_t)s->timing.settle_ns, "discard_ns",
			 (json_int_t)s->timing.discard_ns, "window_ns",
			 (json_int_t)s->timing.window_ns, "preflight", notes, "tuned", r->tuned ? json_incref(r->tuned) : json_array(), "meters",
			 meter_json(&r->meter), "lab", machine_lab_kernel(), "gate_p99",
			 s->p99_budget > 0 ? json_real(s->p99_budget) : json_null(), "inconclusive_fails",
			 (int)(r->c->inconclusive == EXIT_OVER_BUDGET));
}

static uint64_t make_seed(void)
{
	uint64_t seed = 0;

	/* 48 bits: exact in every JSON reader, short enough to type again */
	if (getrandom(&seed, sizeof(seed), 0) != sizeof(seed))
		seed = now_ns();
	seed &= 0xffffffffffff;
	return seed ? seed : 1;
}

static struct rounds choose_rounds(const struct run_config *c)
{
	if (c->quick && !c->rounds_set)
		return (struct rounds){ 5, 8 };
	return c->rounds;
}

static int make_work_dir(struct run *r, struct why *why)
{
	int err;

	if (asprintf(&r->work_dir, "%s/work", r->undo.dir) < 0)
		return -ENOMEM;
	err = undo_push_dir(&r->undo, r->work_dir);
	if (!err && mkdir(r->work_dir, 0700) && errno != EEXIST)
		err = why_fail(why, EXIT_ENVIRONMENT, -errno, "cannot create %s: %s", r->work_dir,
			       strerror(errno));
	return err;
}

static void fill_set_config(struct run *r)
{
	const struct run_config *c = r->c;
	unsigned int sets = run_nr_sets(r);

	r->set = (struct set_config){
		.arms = &r->in.arms,
		.iopath = r->in.iopath,
		.fio = r->in.fio,
		.sysbench = r->in.sysbench,
		.uring = r->in.uring,
		.work_dir = r->work_dir,
		.rounds = choose_rounds(c),
		.budget = c->budget,
		.p99_budget = c->gate_p99,
		.seed = c->seed ? c->seed : make_seed(),
		.timing = choose_timing(c, sets ? sets : 1, r->in.arms.nr),
		.confirm = !c->quick,
		.single_look = c->quick,
		.live = true,
		.staged = r->staged,
		.kmsg_fd = kmsg_open(),
		.low_rounds = c->quick ? 0 : LOW_ROUNDS,
		.meter = &r->meter,
		.attribute = !c->quick && !c->no_attribution,
		.max_steal_pct = c->max_steal_pct,
		.undo = &r->undo,
		.result = &r->result,
	};
	r->progress.nr_sets = sets;
	r->progress.cells_per_set = rounds_next_look(&r->set.rounds, 0) * r->in.arms.nr;
	r->progress.deadline_ns = r->deadline_ns;
}

static void fill_report(struct run *r)
{
	uname(&r->uts);
	r->report.arms = &r->in.arms;
	r->report.set = r->sets;
	r->report.rounds = r->set.rounds;
	r->report.budget = r->set.budget;
	r->report.p99_budget = r->set.p99_budget;
	r->report.seed = r->set.seed;
	r->report.smoke = r->c->quick;
	r->report.kernel = r->uts.release;
}

/* ---- the end ---- */

/* An error that nobody has a word for. */
static void name_error(const struct run *r, int err, struct why *why)
{
	if (why->text[0])
		return;
	if (r->undo.fault[0])
		why_fail(why, EXIT_ENVIRONMENT, err, "%s", r->undo.fault);
	else
		why_fail(why, EXIT_HARNESS, err, "%s", strerror(-err));
}

static void name_stop(struct why *why, const char *what)
{
	why_fail(why, EXIT_INCONCLUSIVE, -EINTR, "stopped by %s; %s", sigabbrev_np(stop_signal()) ? sigdescr_np(stop_signal()) : "a signal", what);
}

static int final_code(const struct run *r, int err, const struct why *why)
{
	if (err == -EINTR)
		return EXIT_INCONCLUSIVE;
	if (err)
		return why->code ? (int)why->code : EXIT_HARNESS;
	return report_exit(&r->report);
}

static int keep_history(const struct run *r, struct why *why)
{
	struct history *h = NULL;
	enum history_added added;
	struct replay done = { 0 };
	/* as a later import would: only the file has all of it */
	int err = replay_load(r->in.out, &done, why);

	if (!err)
		err = history_open(r->c->history, true, &h, why);
	if (!err)
		err = history_add(h, &done.report, r->in.out, &added, why);
	history_close(h);
	replay_free(&done);
	return err;
}

static int finish(struct run *r, int err, struct why *why)
{
	_cleanup_free_ char *text = NULL, *md = NULL;
	int code, write_err;

	r->report.complete = !err;
	code = final_code(r, err, why);
	if (err == -EINTR)
		name_stop(why, "what is there is partial");
	r->report.reason = err ? why->text : NULL;
	r->report.stopped_code = err ? code : 0;
	write_err = view_render(view_find("text"), &r->report, &text);
	if (!write_err)
		write_err = view_render(view_find("md"), &r->report, &md);
	if (!write_err)
		write_err = result_line(&r->result,
					json_pack("{s:s, s:b, s:s, s:i, s:s?}", "type",
						  err ? "stopped" : "summary", "complete", (int)!err,
						  "verdict", report_verdict_text(&r->report, code),
						  "exit_code", code, "reason", r->report.reason),
					why);
	if (!write_err)
		write_err = result_write_text(&r->result, "report.md", md, why);
	if (!write_err)
		write_err = result_write_json(&r->result, "verdict.json",
					      report_verdict_json(&r->report, code), why);
	if (!write_err && r->c->history)
		write_err = keep_history(r, why);
	if (write_err && (!err || err == -EINTR))
		code = EXIT_HARNESS;
	if (text && r->report.nr_sets)
		fputs(text, stdout);
	if (fflush(stdout) && code == EXIT_PASS)
		code = why_fail(why, EXIT_HARNESS, EXIT_HARNESS, "cannot write to stdout: %s",
				strerror(errno));
	return code;
}

void run_say_tuned(const char *line)
{
	progress_say(talk, "tune: %s", line);
}

/* What stands in a user's job file and is not done is said, not passed over. */
static void note_unused(const struct inputs *in, struct preflight *p)
{
	for (unsigned int i = 0; i < in->nr_workloads && p->nr < PREFLIGHT_MAX; i++) {
		char unused[100];

		workload_unused(&in->workload[i], unused, sizeof(unused));
		if (unused[0])
			snprintf(p->note[p->nr++], sizeof(p->note[0]), "workload %.30s: not used: %s",
				 in->workload[i].name, unused);
	}
}

/* Tuned first: what can be set right is not doubtful. */
static int look_at_machine(struct run *r)
{
	struct checks checks;
	char text[400];
	int err;

	r->tuned = json_array();
	err = r->c->tune ? tune_machine("", &r->undo, run_say_tuned, r->tuned) : 0;
	if (!err)
		err = preflight_all(r->in.out, r->c->state_dir, r->c->quick ? NS_PER_S / 2 : PREFLIGHT_WATCH_NS, &checks);
	if (err)
		return err;
	preflight_summary(&checks, text, sizeof(text));
	progress_say(&r->progress, "preflight: %s", text);
	preflight_notes(&checks, &r->report.preflight);
	note_unused(&r->in, &r->report.preflight);
	for (unsigned int i = 0; i < r->report.preflight.nr; i++)
		progress_say(&r->progress, "note: %s", r->report.preflight.note[i]);
	return 0;
}

/* What off and off2 have alike is in no figure: the A/A twin is blind to it. */
static int refuse_bias(struct run *r, struct why *why)
{
	const char *bias = r->report.preflight.bias;

	if (!bias[0])
		return 0;
	if (!r->c->quick && !r->c->force)
		return why_fail(why, EXIT_ENVIRONMENT, -EBUSY, "%s; off and off2 have that alike, so that no figure would show it: end it%s", bias,
				r->c->past ? "" : ", or say --force"); /* --resume stands alone */
	progress_say(&r->progress, "it goes on all the same, as it is told %s", r->c->force ? "--force" : "--quick");
	return 0;
}

static int measure(struct run *r, struct why *why)
{
	int err = 0;

	r->header = r->c->past ? json_incref(r->c->past->header) : header_json(r);
	r->report.header = r->header;
	if (!r->c->past)
		err = result_line(&r->result, json_incref(r->header), why);
	return err ? err : run_sets(r, why);
}

static void tell_not_begun(const struct run_config *c, int code, const struct preflight *notes, const struct why *why)
{
	struct arm_list none = { 0 };
	struct report report = { .arms = &none, .budget = c->budget, .p99_budget = c->gate_p99, .seed = c->seed, .smoke = c->quick, .reason = why->text,
				 .preflight = *notes };
	struct result r = { .dir = (char *)c->out };
	struct why ignored = { 0 };

	/* where the user named no directory nobody looks for it in one; the file of a run that is to be resumed stays */
	if (!c->out || c->past)
		return;
	if (!file_make_dirs(c->out) && !result_clear(c->out, &ignored))
		result_write_json(&r, "verdict.json", report_verdict_json(&report, code), &ignored);
}

int run_did_not_begin(const struct run_config *c, int code, const struct why *why)
{
	tell_not_begun(c, code, &(struct preflight){ .nr = 0 }, why);
	return code;
}

/* Nothing of an older run is touched before it is known that this one begins. */
static int open_results(struct run *r, struct why *why)
{
	int err = 0;

	if (r->c->past) {
		json_t *header = header_json(r);

		err = resume_check(r->c->past, header, &r->in.arms, &r->set.timing, why);
		json_decref(header);
	}
	if (!err)
		err = look_at_machine(r);
	if (!err)
		err = refuse_bias(r, why);
	if (err)
		return err;
	return r->c->past ? result_resume(r->in.out, r->c->past, &r->result, why) : result_open(r->in.out, &r->result, why);
}

static int prepare(struct run *r, struct why *why)
{
	int err = r->c->out && !r->c->past ? result_clear(r->c->out, why) : 0;
	unsigned int nr;

	if (!err)
		err = inputs_check(r->c, &r->in, why);
	if (!err && r->c->history) /* hours later is too late */
		err = history_check(r->c->history, why);
	if (err)
		return err;
	err = undo_open(&r->undo, r->c->state_dir, say_recovered, why);
	if (!err)
		err = make_work_dir(r, why);
	if (!err)
		err = meter_open(&r->undo, &r->meter);
	if (err)
		return err;
	nr = run_nr_sets(r);
	if (!nr) /* a file of no set: merge is to know that none is missing */
		progress_say(&r->progress, "--shard %u/%u: there are only %u sets", r->c->shard.index, r->c->shard.of,
			     inputs_nr_sets(&r->in));
	r->sets = calloc(nr + 1, sizeof(*r->sets));
	r->reasons = calloc(nr + 1, sizeof(*r->reasons));
	r->stuck = calloc(nr + 1, sizeof(*r->stuck));
	if (!r->sets || !r->reasons || !r->stuck)
		return -ENOMEM;
	/* a smoke run has one look; a set alone has all the time anyway */
	r->staged = r->deadline_ns && !r->c->quick && nr > 1;
	fill_set_config(r);
	fill_report(r);
	return open_results(r, why);
}

int run_bench(const struct run_config *c, struct why *why)
{
	struct run r = { .c = c, .undo.lock_fd = -1, .set.kmsg_fd = -1, .past = c->past, .only = -1 };
	int err = stop_install(), code;

	talk = &r.progress;
	r.progress.terminal = isatty(STDERR_FILENO);
	if (c->quick || c->time_limit_ns)
		r.deadline_ns = now_ns() + (c->time_limit_ns ? c->time_limit_ns : QUICK_LIMIT_NS);
	if (!err)
		err = prepare(&r, why);
	if (err) {
		if (err == -EINTR)
			name_stop(why, "it had not begun");
		else
			name_error(&r, err, why);
		if (r.undo.steps) /* else the state is not ours */
			undo_all(&r.undo, run_say_cleanup);
		code = (int)why->code;
		tell_not_begun(c, code, &r.report.preflight, why);
	} else {
		err = measure(&r, why);
		if (err && err != -EINTR)
			name_error(&r, err, why);
		/* first take down, then write: a full disk must not keep a loop device alive */
		undo_all(&r.undo, run_say_cleanup);
		code = finish(&r, err, why);
		if (!err && code == EXIT_INCONCLUSIVE)
			code = c->inconclusive;
		if ((err == -EINTR || err == -ETIME) && !machine_lab_kernel())
			progress_say(&r.progress, "results in %s; to go on: iopath-bench run --resume %s", r.in.out, r.in.out);
		else
			progress_say(&r.progress, "results in %s", r.in.out);
	}
	if (r.set.kmsg_fd >= 0)
		close(r.set.kmsg_fd);
	meter_close(&r.meter);
	undo_close(&r.undo);
	result_close(&r.result);
	inputs_free(&r.in);
	free(r.work_dir);
	for (unsigned int i = 0; i < r.report.nr_sets; i++) {
		set_outcome_free(&r.sets[i].outcome);
		free(r.reasons[i]);
	}
	free(r.reasons);
	free(r.stuck);
	free(r.sets);
	json_decref(r.header);
	json_decref(r.tuned);
	json_decref(r.interrupts);
	return code;
}
