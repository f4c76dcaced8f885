/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "set.h"

#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/calibrate.h"
#include "bench/cell.h"
#include "bench/load.h"
#include "bench/machine.h"
#include "bench/restore.h"
#include "bench/stop.h"
#include "tracer/base/cleanup.h"

#define REDO_SHARE .10		/* of the rounds; at least two */
#define ARM_FAULTS_MAX 2	/* then the arm is out, and the others go on */

static const struct rounds confirm_rounds = { 8, 16 };

/* The rounds of one phase (main or confirmation) of a set. */
struct phase {
	const char *name;
	bool is_confirm;
	struct rounds rounds;
	bool in[ARM_MAX];	/* arms that take part */
	/* what keeps the rounds going; the rest is only looked at */
	bool open[ARM_MAX][METRIC_NR];
	char fault[256];	/* too many rounds did not count, or "" */
	struct rng rng;
	struct table table;
	unsigned int redone;
};

struct set_state {
	const struct set_config *c;
	const struct set_key *key;
	struct pass_env env;
	struct calibration cal, low;
	unsigned int faults[ARM_MAX];
	char last_fault[256];
	uint64_t cell_ns_sum;
	unsigned int cells;
	unsigned int past_next;	/* of the cells in key->past */
	unsigned int live_cells;	/* measured now */
	set_progress_fn *progress;
	void *progress_arg;
	struct set_outcome out;
};

static unsigned int arms_in(const struct set_state *s, const struct phase *p)
{
	unsigned int n = 0;

	for (unsigned int a = 0; a < s->c->arms->nr; a++)
		n += p->in[a];
	return n;
}

static void tell(struct set_state *s, const struct phase *p, const char *arm, unsigned int cells_done)
{
	unsigned int look = rounds_next_look(&p->rounds, p->table.nr_rounds);
	struct set_progress pr = {
		.key = s->key,
		.arm = arm,
		.phase = p->name,
		.round = p->table.nr_rounds + 1,
		.until = look,
		.cells_left = (look - p->table.nr_rounds) * arms_in(s, p) - cells_done,
		.cell_ns = s->cells ? s->cell_ns_sum / s->cells : 0,
	};

	if (s->progress)
		s->progress(&pr, s->progress_arg);
}

/* ---- rounds ---- */

static json_t *cell_json(const struct set_state *s, const struct phase *p, const struct cell *c,
			 unsigned int arm, unsigned int position)
{
	const struct set_key *k = s->key;

	return json_pack("{s:s, s:i, s:s, s:s, s:s, s:s, s:s, s:i, s:i, s:i, s:b, s:s, s:b, s:I, s:o, s:o, s:o, s:o}",
			 "type", "cell", "set", (int)k->index, "workload", k->workload->name,
			 "device", k->device->name, "scheduler", k->scheduler, "arm",
			 s->c->arms->v[arm].name, "phase", p->name, "round", (int)p->table.nr_rounds,
			 "attempt", (int)p->redone, "position", (int)position, "valid",
			 (int)!c->fault[0], "fault", c->fault, "arm_fault", (int)c->tracer_fault,
			 "took_ns", (json_int_t)c->took_ns,
			 "saturation", c->saturation.window_s > 0 || c->saturation.fault[0] ?
					       pass_json(&c->saturation) : json_null(),
			 "fixed_rate", c->fixed.window_s > 0 || c->fixed.fault[0] ?
					       pass_json(&c->fixed) : json_null(),
			 "low_rate", c->low.window_s > 0 || c->low.fault[0] ?
					       pass_json(&c->low) : json_null(),
			 "tracer", c->has_tracer ? tracer_report_json(&c->tracer) : json_null());
}

static void add_figures(struct set_state *s, unsigned int arm, const struct cell *c)
{
	struct arm_figures *f = &s->out.figures[arm];
	double cpu = c->fixed.window_s > 0 ?
			     100 * (double)c->fixed.tracer_cpu_ns / (c->fixed.window_s * NS_PER_S) : 0;

	if (!c->has_tracer)
		return;
	f->is_traced = c->tracer.has_summary;
	f->lost += c->tracer.lost;
	f->traced_ios += c->tracer.traced_ios;
	for (unsigned int i = 0; i < c->tracer.nr_stages; i++)
		stage_add(f->stage, &f->nr_stages, c->tracer.stage[i].name, c->tracer.stage[i].sum_ns);
	f->output_bytes += c->tracer.output_bytes;
	f->tracer_cpu_pct = fmax(f->tracer_cpu_pct, cpu);
	if (c->tracer.peak_rss_bytes > f->tracer_rss_bytes)
		f->tracer_rss_bytes = c->tracer.peak_rss_bytes;
}

static void note_arm_fault(struct set_state *s, struct phase *p, unsigned int arm,
			   const struct cell *c)
{
	if (++s->faults[arm] < ARM_FAULTS_MAX)
		return;
	p->in[arm] = false;
	snprintf(s->out.reason[arm], sizeof(s->out.reason[arm]), "%s", c->fault);
}

/* What was measured of this phase before and has not had its turn yet, or NULL. */
static const struct past_cell *past_cell(const struct set_state *s, const struct phase *p)
{
	const struct past_set *past = s->key->past;
	const struct past_cell *c;

	if (!past || s->past_next == past->nr)
		return NULL;
	c = &past->cell[s->past_next];
	return c->confirm == p->is_confirm ? c : NULL;
}

/* Where the past of a phase stands: it has a cell, the run had gone on to something else, or nothing. */
enum past_state { PAST_HAS, PAST_LEFT, PAST_NONE };

static enum past_state past_state(const struct set_state *s, const struct phase *p)
{
	const struct past_set *past = s->key->past;

	if (past_cell(s, p))
		return PAST_HAS;
	return past && (s->past_next < past->nr || past->over) ? PAST_LEFT : PAST_NONE;
}

static struct reader past_reader(const struct set_state *s, unsigned int line, struct why *why)
{
	return (struct reader){ .path = s->key->past->path, .line = line, .why = why };
}

/*
 * The arm of the next cell: recorded ones keep their order, which is that of
 * @order anyway where this program wrote them.
 */
static int choose_arm(const struct set_state *s, const struct phase *p, const struct past_cell *c,
		      unsigned int *order, unsigned int nr, unsigned int position, struct why *why)
{
	struct reader r = past_reader(s, c->line, why);
	unsigned int i = position;

	if (c->round != p->table.nr_rounds || c->attempt != p->redone || c->position != position)
		return rd_fail(&r, "round %u, attempt %u, position %u where %u, %u, %u was due",
			       c->round, c->attempt, c->position, p->table.nr_rounds, p->redone,
			       position);
	while (i < nr && order[i] != c->arm)
		i++;
	if (i == nr)
		return rd_fail(&r, "arm %s, which was not due in this round",
			       s->c->arms->v[c->arm].name);
	order[i] = order[position];
	order[position] = c->arm;
	return 0;
}

/* The file goes on where this round had cells to come. */
static int past_is_short(const struct set_state *s, const struct phase *p, struct why *why)
{
	const struct past_set *past = s->key->past;
	struct reader r = past_reader(s, s->past_next ? past->cell[s->past_next - 1].line : past->line,
				      why);

	return rd_fail(&r, "the last cell of round %u, %s phase, which is not whole",
		       p->table.nr_rounds, p->name);
}

/* Measured, or from the past. */
static int get_cell(struct set_state *s, struct phase *p, const struct past_cell *past,
		    unsigned int arm, unsigned int position, struct cell *ret, struct why *why)
{
	struct cell_rates rates = { .pace = &s->cal.pace, .low_pace = &s->low.pace, .iops = s->cal.rate_iops };
	int err;

	if (past) {
		struct reader r = past_reader(s, past->line, why);

		s->past_next++;
		return cell_restore(&r, past->json, ret);
	}
	if (s->c->low_rounds > p->table.nr_rounds && !p->is_confirm)
		rates.low_iops = s->low.rate_iops;
	tell(s, p, s->c->arms->v[arm].name, position);
	err = cell_run(&s->env, &s->c->arms->v[arm], s->c->iopath, &rates, ret, why);
	if (!err)
		err = result_set_line(s->c->result, s->key->index, cell_json(s, p, ret, arm, position), why);
	s->live_cells++;
	return err;
}

static int one_cell(struct set_state *s, struct phase *p, const struct past_cell *past,
		    unsigned int arm, unsigned int position, bool *ret_valid, struct why *why)
{
	struct cell cell = { 0 };
	int err = get_cell(s, p, past, arm, position, &cell, why);

	if (err) {
		cell_free(&cell);
		return err;
	}
	*ret_valid = !cell.fault[0];
	s->cell_ns_sum += cell.took_ns;
	s->cells++;
	if (*ret_valid) {
		table_put(&p->table, arm, &cell);
		add_figures(s, arm, &cell);
	} else {
		snprintf(s->last_fault, sizeof(s->last_fault), "%.60s: %.180s",
			 s->c->arms->v[arm].name, cell.fault);
		if (cell.tracer_fault)
			note_arm_fault(s, p, arm, &cell);
	}
	cell_free(&cell);
	return err;
}

static int one_round(struct set_state *s, struct phase *p, bool *ret_valid, struct why *why)
{
	unsigned int order[ARM_MAX], nr = 0;
	int err = table_grow(&p->table);

	for (unsigned int a = 0; a < s->c->arms->nr; a++)
		if (p->in[a])
			order[nr++] = a;
	rng_shuffle(&p->rng, order, nr);
	*ret_valid = true;
	for (unsigned int i = 0; i < nr && !err && *ret_valid; i++) {
		const struct past_cell *past = past_cell(s, p);

		if (past)
			err = choose_arm(s, p, past, order, nr, i, why);
		else if (past_state(s, p) == PAST_LEFT)
			err = past_is_short(s, p, why);
		else if (!s->c->live)
			err = -EINTR;
		if (!err)
			err = one_cell(s, p, past, order[i], i, ret_valid, why);
	}
	return err;
}

/* ---- looks ---- */

static bool is_judged(const struct set_state *s, const struct phase *p, unsigned int arm)
{
	return p->in[arm] && arm != s->c->arms->off;
}

/* Arms beyond the twins that are still in. */
static unsigned int tracers_in(const struct set_state *s, const struct phase *p)
{
	unsigned int n = 0;

	for (unsigned int a = 0; a < s->c->arms->nr; a++)
		n += is_judged(s, p, a) && a != s->c->arms->twin;
	return n;
}

/* All that were to be judged are out; what the twins show is of no use. */
static bool no_arm_left(const struct set_state *s, const struct phase *p)
{
	return !tracers_in(s, p) && s->c->arms->nr > 2;
}

/* Decide every metric of every arm; *ret_open: something still needs rounds. */
static int look(struct set_state *s, struct phase *p, bool last, double alpha,
		struct decision d[ARM_MAX][METRIC_NR], bool *ret_open)
{
	struct series series = table_series(&p->table, s->c->arms->off, s->c->arms->twin);
	struct rule rule = rule_default;

	rule.budget = s->c->budget;
	rule.alpha = alpha;
	rule.seed = s->c->seed;
	*ret_open = false;
	for (unsigned int a = 0; a < s->c->arms->nr; a++) {
		if (!is_judged(s, p, a))
			continue;
		for (int m = 0; m < METRIC_NR; m++) {
			int err = verdict_decide(&series, a, (enum metric)m, &rule, last, &d[a][m]);

			if (err)
				return err;
			*ret_open |= p->open[a][m] && d[a][m].verdict == VERDICT_UNDECIDED;
		}
	}
	return 0;
}

/* Would one more round end after the deadline? In the past: did the run go on without one? */
static bool out_of_time(const struct set_state *s, const struct phase *p)
{
	uint64_t round = s->cells ? s->cell_ns_sum / s->cells * arms_in(s, p) : 0;
	enum past_state past = past_state(s, p);

	if (past == PAST_NONE && s->c->closing)
		return true;
	if (past != PAST_NONE || !s->c->live)
		return past == PAST_LEFT;
	return s->c->deadline_ns && now_ns() + round >= s->c->deadline_ns;
}

static unsigned int redo_limit(const struct set_state *s, const struct phase *p)
{
	unsigned int n = (unsigned int)ceil(REDO_SHARE * p->rounds.max);

	if (s->c->single_look) /* the clock ends it */
		return UINT_MAX;
	return n < 2 ? 2 : n;
}

static void give_up(struct set_state *s, struct phase *p)
{
	snprintf(p->fault, sizeof(p->fault), "%u rounds had to be redone; %.200s",
		 p->redone, s->last_fault);
}

/*
 * Where others wait: this one goes on later, at a look that decided nothing (of
 * its first turn, or behind rounds of this one), or when its share of the time
 * is used up.
 */
static bool yields(const struct set_state *s, const struct phase *p, bool first_turn, bool out_of_share)
{
	if (!s->c->staged || !s->c->live || p->is_confirm || p->fault[0] || past_state(s, p) != PAST_NONE ||
	    no_arm_left(s, p))
		return false;
	return out_of_share || first_turn || s->live_cells;
}

/*
 * Rounds until every cell of the phase is decided, the last look, the time
 * limit, or too many rounds that do not count. -EINTR leaves d[] as of the
 * last look.
 */
static int run_phase(struct set_state *s, struct phase *p, struct decision d[ARM_MAX][METRIC_NR],
		     struct why *why)
{
	unsigned int redone_limit = redo_limit(s, p), next;
	bool single = s->c->single_look, open = true;
	double alpha = single ? SINGLE_LOOK_ALPHA : rounds_alpha(&p->rounds);
	int err = 0;

	while (open && (next = single ? p->rounds.max : rounds_next_look(&p->rounds, p->table.nr_rounds))) {
		enum past_state past = past_state(s, p);
		bool stop_here = past == PAST_LEFT || (past == PAST_NONE && s->c->closing), late = false;

		while (p->table.nr_rounds < next && !stop_here && !err) {
			bool valid = false;

			err = one_round(s, p, &valid, why);
			if (!err && valid)
				p->table.nr_rounds++;
			else if (!err && ++p->redone > redone_limit)
				give_up(s, p);
			late = out_of_time(s, p);
			stop_here = p->fault[0] || late || no_arm_left(s, p);
		}
		if (err || p->fault[0])
			break;
		if (late && p->table.nr_rounds < next && yields(s, p, false, true)) {
			s->out.yielded = true;
			break;
		}
		if (!p->table.nr_rounds)
			break;
		stop_here = (stop_here && !(late && yields(s, p, false, true))) || next >= p->rounds.max || no_arm_left(s, p);
		err = look(s, p, stop_here, alpha, d, &open);
		if (!err && !open && !stop_here) /* what nobody waited for has its last look too */
			err = look(s, p, stop_here = true, alpha, d, &open);
		if (err || stop_here)
			break;
		if (open && yields(s, p, !s->c->late_turn, late)) {
			s->out.yielded = true;
			break;
		}
	}
	s->out.redone += p->redone;
	return err;
}

/* ---- the set ---- */

static void invalidate(struct set_state *s, const char *reason)
{
	for (unsigned int a = 0; a < s->c->arms->nr; a++) {
		bool out = s->out.reason[a][0] || s->out.fault[0];

		for (int m = 0; m < METRIC_NR; m++) {
			struct decision *d = &s->out.decision[a][m];

			if (!out && d->rounds)
				continue;
			*d = (struct decision){
				.verdict = VERDICT_INVALID,
				.loss = { NAN, -INFINITY, INFINITY },
				.core = -1,
				.reason = s->out.reason[a][0] ? s->out.reason[a] : reason,
			};
		}
	}
}

static void fill_figures(struct set_state *s, const struct table *t)
{
	for (unsigned int a = 0; a < t->nr_arms && t->nr_rounds; a++) {
		struct arm_figures *f = &s->out.figures[a];

		if (s->out.reason[a][0])
			continue;
		f->p99_ns = table_median(t, COLUMN_P99_NS, a);
		f->cpu_ns_per_io = table_difference(t, COLUMN_NS_PER_IO, a, s->c->arms->off);
	}
}

static int keep_attribution(struct set_state *s, unsigned int arm, const struct attribution *a)
{
	struct attribution *copy = malloc(sizeof(*copy));

	if (!copy)
		return -ENOMEM;
	*copy = *a;
	free(s->out.attribution[arm]);
	s->out.attribution[arm] = copy;
	return 0;
}

static int attribute_arm(struct set_state *s, const struct phase *p, unsigned int arm, struct why *why)
{
	struct cell_rates rates = { .pace = &s->cal.pace, .iops = s->cal.rate_iops };
	struct attribution a;
	json_t *line;
	int err;

	tell(s, p, s->c->arms->v[arm].name, 0);
	err = attribution_run(&s->env, &s->c->arms->v[arm], s->c->iopath, &rates, &a, why);
	if (err)
		return err;
	line = json_pack("{s:s, s:i, s:s}", "type", "attribution", "set", (int)s->key->index, "arm",
			 s->c->arms->v[arm].name);
	attribution_put(&a, line);
	err = result_set_line(s->c->result, s->key->index, line, why);
	return err ? err : keep_attribution(s, arm, &a);
}

/* What was attributed before, then what is missing: a tracer that does not work has nothing to attribute. */
static int attribute(struct set_state *s, const struct phase *p, struct why *why)
{
	const struct past_set *past = s->key->past;
	struct phase mine = { .name = "attribution", .rounds = { 1, 1 } };
	int err = 0;

	for (unsigned int i = 0; past && i < past->nr_attributions && !err; i++)
		err = keep_attribution(s, past->attribution[i].arm, &past->attribution[i].a);
	if (!s->c->live || !s->c->attribute || (past && past->over))
		return err;
	for (unsigned int a = 0; a < s->c->arms->nr && !err; a++) {
		if (s->c->arms->v[a].kind == ARM_OFF || s->out.attribution[a] || !p->in[a])
			continue;
		if (out_of_time(s, p))
			break;
		mine.in[a] = true;
		err = attribute_arm(s, &mine, a, why);
		mine.in[a] = false;
	}
	return err;
}

/* Arms with a FAIL, and the twins, again with a fresh seed. */
static int confirm(struct set_state *s, struct why *why)
{
	struct decision again[ARM_MAX][METRIC_NR] = { 0 };
	struct phase p = { .name = "confirm", .is_confirm = true, .rounds = confirm_rounds };
	bool any = false;
	int err;

	p.table = (struct table){ .nr_arms = s->c->arms->nr, .nr_cores = s->cal.nr_cores };
	p.rng.state = s->c->seed ^ 0xc0f1c0f1c0f1c0f1u ^ s->key->index;
	for (unsigned int a = 0; a < s->c->arms->nr; a++)
		for (int m = 0; m < METRIC_NR; m++)
			if (s->out.decision[a][m].verdict == VERDICT_FAIL)
				p.open[a][m] = p.in[a] = any = true;
	if (!any)
		return 0;
	p.in[s->c->arms->off] = p.in[s->c->arms->twin] = true;
	err = run_phase(s, &p, again, why);
	s->out.confirm_rounds = p.table.nr_rounds;
	for (unsigned int a = 0; a < s->c->arms->nr && !err; a++) {
		for (int m = 0; m < METRIC_NR; m++) {
			struct decision *d = &s->out.decision[a][m];

			if (d->verdict != VERDICT_FAIL)
				continue;
			s->out.confirmed[a][m] = again[a][m].verdict == VERDICT_FAIL;
			if (s->out.confirmed[a][m])
				continue;
			d->verdict = VERDICT_INCONCLUSIVE;
			d->reason = p.fault[0] ? "over the budget, but too few rounds counted to confirm it" :
				    !s->out.confirm_rounds ? "over the budget, but there was no time to confirm it" :
						 "over the budget once, but not in the rounds that were to confirm it";
		}
	}
	table_free(&p.table);
	return err;
}

static void init_state(struct set_state *s, const struct target *target, char *cpus, size_t len)
{
	const struct set_config *c = s->c;

	s->env = (struct pass_env){
		.fio = c->fio,
		.sysbench = c->sysbench,
		.uring = c->uring,
		.work_dir = c->work_dir,
		.device = s->key->device,
		.target = target,
		.workload = s->key->workload,
		.scheduler = s->key->scheduler,
		.timing = c->timing,
		.kmsg_fd = c->kmsg_fd,
		.max_steal_pct = c->max_steal_pct,
		.undo = c->undo,
		.meter = c->meter,
	};
	machine_last_cpus(s->key->workload->cpus, cpus, len);
	s->env.cpus = cpus[0] ? cpus : NULL;
}

/* A user's file may hold any bytes; JSON may not. */
static json_t *text_json(const char *text)
{
	json_t *s = json_string(text);
	char *copy;

	if (s)
		return s;
	copy = strdup(text);
	for (char *p = copy; p && *p; p++)
		if (*p != '\n' && (*p < ' ' || *p > '~'))
			*p = ' ';
	s = json_string(copy ? copy : "");
	free(copy);
	return s;
}

static json_t *set_json(const struct set_state *s)
{
	const struct set_key *k = s->key;

	json_t *o = json_pack("{s:s, s:i, s:s, s:o, s:s, s:s?, s:o}", "type", "set", "set",
			      (int)k->index, "workload", k->workload->name, "device",
			      device_fingerprint(k->device), "scheduler", k->scheduler, "cpus",
			      s->env.cpus, "job", text_json(k->workload->text));

	calibration_put(&s->cal, o);
	return o;
}

/* Files of before "nr_cores": the first cell knows. */
static unsigned int past_nr_cores(const struct past_set *past)
{
	for (unsigned int i = 0; i < past->nr; i++) {
		json_t *cpu = json_object_get(json_object_get(past->cell[i].json, "fixed_rate"), "cpu");
		size_t n = json_array_size(json_object_get(cpu, "cores"));

		if (n)
			return (unsigned int)n;
	}
	return 0;
}

/* Files, capacity and fixed rate; of a set that has a past, its own. */
static int begin(struct set_state *s, const struct phase *p, struct why *why)
{
	const struct past_set *past = s->key->past;
	int err = 0;

	if (past && past->head) {
		struct reader r = past_reader(s, past->line, why);

		err = calibration_get(&r, past->head, s->c->live && s->key->workload->kind == WORKLOAD_FIO, &s->cal);
		if (!err && !s->cal.nr_cores)
			s->cal.nr_cores = past_nr_cores(past);
	}
	if (!err && s->c->live) {
		tell(s, p, "calibration", 0);
		err = load_of(s->key->workload)->prepare(&s->env, why);
	}
	if (!err && !(past && past->head)) {
		err = s->c->live ? calibrate(&s->env, &s->cal, why) : -EINTR;
		if (!err) {
			s->c->result->set = s->key->index;
			err = result_line(s->c->result, set_json(s), why);
		}
	}
	if (!err && s->c->live)
		calibration_low(&s->cal, s->key->workload, &s->low);
	return err;
}

static int end(struct set_state *s, struct why *why)
{
	const struct past_set *past = s->key->past;

	if (past && s->past_next < past->nr) {
		struct reader r = past_reader(s, past->cell[s->past_next].line, why);

		return rd_fail(&r, "a cell when all of its set was decided");
	}
	if ((!s->c->live && !s->c->closing) || (past && past->over))
		return 0;
	return result_set_line(s->c->result, s->key->index,
			   json_pack("{s:s, s:i, s:i, s:i, s:i}", "type", "set_end", "set",
				     (int)s->key->index, "rounds", (int)s->out.rounds, "confirm_rounds",
				     (int)s->out.confirm_rounds, "redone", (int)s->out.redone),
			   why);
}

void set_outcome_free(struct set_outcome *o)
{
	table_free(&o->table);
	for (int a = 0; a < ARM_MAX; a++) {
		free(o->attribution[a]);
		o->attribution[a] = NULL;
	}
}

int set_run(const struct set_config *c, const struct set_key *key, const struct target *target,
	    set_progress_fn *progress, void *progress_arg, struct set_outcome *ret, struct why *why)
{
	struct set_state s = { .c = c, .key = key, .progress = progress, .progress_arg = progress_arg };
	struct phase p = { .name = "main", .rounds = c->rounds };
	char cpus[256];
	int err;

	init_state(&s, target, cpus, sizeof(cpus));
	p.rng.state = c->seed ^ (uint64_t)key->index * 0x9e3779b97f4a7c15u;
	for (unsigned int a = 0; a < c->arms->nr; a++) {
		p.in[a] = true;
		/* the twin keeps a run going only when nothing else is in it */
		for (int m = 0; m < METRIC_NR; m++)
			p.open[a][m] = a != c->arms->twin || c->arms->nr == 2;
	}
	err = begin(&s, &p, why);
	s.out.capacity_iops = s.cal.capacity_iops;
	s.out.rate_iops = s.cal.rate_iops;
	p.table = (struct table){ .nr_arms = c->arms->nr, .nr_cores = s.cal.nr_cores };
	if (!err)
		err = run_phase(&s, &p, s.out.decision, why);
	s.out.rounds = p.table.nr_rounds;
	memcpy(s.out.fault, p.fault, sizeof(s.out.fault));
	if (!err && !p.fault[0] && !p.table.nr_rounds)
		snprintf(s.out.fault, sizeof(s.out.fault), "no round counted; the last one: %.200s",
			 s.last_fault);
	fill_figures(&s, &p.table);
	if (!err && c->confirm && !p.fault[0] && !s.out.yielded)
		err = confirm(&s, why);
	if (!err)
		err = attribute(&s, &p, why);
	if (!err && !s.out.yielded)
		err = end(&s, why);
	invalidate(&s, err == -EINTR ? "stopped before its first look" :
		       s.out.fault[0] ? s.out.fault : "no round that counts");
	s.out.complete = !err && !s.out.yielded;
	s.out.round_ns = s.cells ? s.cell_ns_sum / s.cells * arms_in(&s, &p) : 0;
	s.out.table = p.table;
	*ret = s.out;
	/* reasons point into the outcome itself */
	for (unsigned int a = 0; a < c->arms->nr; a++)
		for (int m = 0; m < METRIC_NR; m++) {
			struct decision *d = &ret->decision[a][m];

			if (d->reason == s.out.reason[a])
				d->reason = ret->reason[a];
			else if (d->reason == s.out.fault)
				d->reason = ret->fault;
		}
	return err;
}
