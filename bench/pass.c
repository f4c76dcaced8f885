/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "pass.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "bench/file.h"
#include "bench/kmsg.h"
#include "bench/setting.h"
#include "bench/stop.h"
#include "tracer/base/cleanup.h"

#define LOG_PREFIX "cell"
#define SLACK_NS (200 * NS_PER_MS)	/* of fio's run behind the window */
#define START_IOS 20			/* on the device: fio is at work */
#define START_POLL_NS (10 * NS_PER_MS)
#define START_TIMEOUT_NS (2 * NS_PER_S)	/* then it is at work, or nothing shows */
#define FIO_END_TIMEOUT_NS (20 * NS_PER_S)
#define RATE_REACHED .99
#define STEAL_NOISE_NS (20 * NS_PER_MS) /* two ticks: less says nothing in a short window */
#define LOG_TOLERANCE .15

__attribute__((format(printf, 2, 3))) static void fault(struct pass_result *r, const char *fmt, ...)
{
	va_list ap;

	if (r->fault[0]) /* the first one is the cause */
		return;
	va_start(ap, fmt);
	vsnprintf(r->fault, sizeof(r->fault), fmt, ap);
	va_end(ap);
	text_clean(r->fault);
}

static int is_our_log(const struct dirent *e)
{
	return !strncmp(e->d_name, LOG_PREFIX "_iops", sizeof(LOG_PREFIX "_iops") - 1);
}

/* Read fio's logs into @s (may be NULL) and remove them. */
static int collect_logs(const char *dir, struct fio_series *s)
{
	struct dirent **entries;
	int nr = scandir(dir, &entries, is_our_log, alphasort), err = 0;

	if (nr < 0)
		return -errno;
	for (int i = 0; i < nr; i++) {
		_cleanup_free_ char *path = NULL, *text = NULL;

		if (asprintf(&path, "%s/%s", dir, entries[i]->d_name) < 0)
			err = -ENOMEM;
		if (!err && s)
			err = file_read(path, &text);
		if (!err && s)
			err = fio_series_add(s, text);
		if (path)
			unlink(path);
		free(entries[i]);
	}
	free(entries);
	return err;
}

static int write_job(const struct pass_env *e, const struct job_params *p, const char *path)
{
	_cleanup_free_ char *text = NULL;
	int err = workload_render(e->workload, p, &text);

	return err ? err : file_replace(path, text);
}

struct fio_run {
	struct child child;
	char job[320], out[320], err[320];
	uint64_t started_ns, started_ms;
};

static uint64_t wall_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / NS_PER_MS;
}

static int fio_start(struct pass_env *e, const struct job_params *p, struct fio_run *run,
		     struct why *why)
{
	char output[340];
	char *argv[] = { (char *)e->fio, "--output-format=json", output, run->job, NULL };
	_cleanup_close_ int talk = -1;
	struct child_io io = { .cwd = e->work_dir };
	int err;

	snprintf(run->job, sizeof(run->job), "%s/job.fio", e->work_dir);
	snprintf(run->out, sizeof(run->out), "%s/fio.json", e->work_dir);
	snprintf(run->err, sizeof(run->err), "%s/fio.err", e->work_dir);
	snprintf(output, sizeof(output), "--output=%s", run->out);
	err = write_job(e, p, run->job);
	if (err)
		return why_fail(why, EXIT_HARNESS, err, "cannot write %s: %s", run->job,
				strerror(-err));
	collect_logs(e->work_dir, NULL);
	unlink(run->out);
	talk = open(run->err, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0600);
	if (talk < 0)
		return why_fail(why, EXIT_HARNESS, -errno, "cannot write %s: %s", run->err,
				strerror(errno));
	io.out_fd = io.err_fd = talk;
	run->started_ns = now_ns();
	run->started_ms = wall_ms();
	err = child_spawn(argv, &io, &run->child);
	if (err)
		return why_fail(why, EXIT_ENVIRONMENT, err, "cannot run %s: %s", e->fio,
				err == -ENOENT ? "not installed" : strerror(-err));
	return undo_push_process(e->undo, run->child.pid, run->child.mark);
}

static void fio_abort(struct pass_env *e, struct fio_run *run)
{
	if (!run->child.pid)
		return;
	child_stop(&run->child, NULL, 0, false, 0, NULL);
	undo_drop(e->undo);
}

static void keep_stderr(const char *path, struct pass_result *r)
{
	_cleanup_free_ char *text = NULL;

	if (file_read(path, &text))
		return;
	snprintf(r->fio_stderr, sizeof(r->fio_stderr), "%s", text);
	text_clean(r->fio_stderr);
}

/* fio has ended: its JSON, or why there is none. */
static void read_output(struct fio_run *run, struct pass_result *r)
{
	_cleanup_free_ char *text = NULL;
	struct why why = { 0 };

	keep_stderr(run->err, r);
	if (file_read(run->out, &text)) {
		fault(r, "fio ended with status %d and no output: %.150s", r->fio_status,
		      r->fio_stderr);
		return;
	}
	if (fio_parse(text, &r->fio, &why)) {
		fault(r, "%.100s %.140s", why.text, r->fio_stderr);
		return;
	}
	if (r->fio.error || r->fio_status)
		fault(r, "fio failed (status %d, error %d: %s): %.140s", r->fio_status, r->fio.error,
		      strerror(r->fio.error),
		      r->fio.prefix[0] ? r->fio.prefix : r->fio_stderr);
	else if (!r->fio.ios)
		fault(r, "fio did no I/O");
}

/* One end of the window. */
struct edge {
	struct cpu_snapshot cpu;
	uint64_t tracer_cpu_ns, tracer_rss_bytes;
};

/* Sleep to @at, then look; a fio that ended before is a fault. */
static int take_edge(struct pass_env *e, struct fio_run *run, const struct tracer *tracer,
		     uint64_t at, struct edge *edge, struct pass_result *r)
{
	uint64_t now = now_ns();
	struct child_end end;
	int err = child_wait(&run->child, at > now ? at - now : 0, false, &end);

	if (err == -EINTR)
		return err;
	if (!err) {
		undo_drop(e->undo);
		r->fio_status = end.status;
		read_output(run, r);
		fault(r, "fio ended before the window did");
		return 0;
	}
	if (tracer && tracer->child.pid)
		session_usage(tracer->child.pid, &edge->tracer_cpu_ns, &edge->tracer_rss_bytes);
	return cpu_snapshot_take(&edge->cpu);
}

/*
 * Is the log that of this run? Its counts fall short by the last bucket or two;
 * its rate is off when fio's own clockwork starved. One of the two agrees.
 */
static bool log_agrees(const struct fio_series *s, const struct fio_result *f)
{
	double totals = (double)f->ios, span_s = (double)(s->last_ms - s->first_ms) / 1000;
	double rate = span_s > 0 ? s->ios / span_s * f->job[0].runtime_s : 0;

	return s->nr && (fabs(s->ios - totals) < LOG_TOLERANCE * totals ||
			 fabs(rate - totals) < LOG_TOLERANCE * totals);
}

static void judge_window(struct pass_env *e, const struct fio_run *run, const struct fio_series *s,
			 struct pass_result *r)
{
	uint64_t startup_ms;

	if (r->fault[0])
		return;
	if (!log_agrees(s, &r->fio)) {
		fault(r, "fio's log (%.0f I/Os) and its totals (%llu) disagree", s->ios,
		      (unsigned long long)r->fio.ios);
		return;
	}
	startup_ms = s->first_ms > run->started_ms ? s->first_ms - run->started_ms : 0;
	if (s->first_ms + e->timing.discard_ns / NS_PER_MS / 2 > r->from_ms)
		fault(r, "fio was slow to start (%llu ms): nothing left to discard",
		      (unsigned long long)startup_ms);
	else if (s->last_ms + 100 < r->to_ms)
		fault(r, "fio ended %llu ms before the window",
		      (unsigned long long)(r->to_ms - s->last_ms));
	r->ios = fio_series_ios(s, r->from_ms, r->to_ms);
	r->bytes = (uint64_t)(r->ios * (double)r->fio.bytes / (double)r->fio.ios);
	if (r->ios <= 0)
		fault(r, "fio did no I/O in the window");
	if (fio_series_unsteady(s, r->from_ms, r->to_ms))
		r->flags |= PASS_UNSTEADY;
	if (r->target_iops > 0 && pass_iops(r) < RATE_REACHED * r->target_iops)
		r->flags |= PASS_RATE_MISSED;
}

static void judge_machine(struct pass_env *e, struct pass_result *r)
{
	char complaint[160];
	double all = (double)r->cpu.window_ns * r->cpu.nr;

	if (strcmp(r->scheduler_before, e->scheduler) || strcmp(r->scheduler_after, e->scheduler))
		fault(r, "scheduler is %s, not %s: something else switched it",
		      strcmp(r->scheduler_after, e->scheduler) ? r->scheduler_after :
								 r->scheduler_before,
		      e->scheduler);
	if (kmsg_complaint(e->kmsg_fd, complaint, sizeof(complaint)))
		fault(r, "the kernel complained: %s", complaint);
	if (r->cpu.steal_ns > STEAL_NOISE_NS &&
	    (double)r->cpu.steal_ns > e->max_steal_pct / 100 * all)
		fault(r, "the hypervisor took %.1f%% of the CPU time", 100 * (double)r->cpu.steal_ns / all);
}

static void read_scheduler(const struct pass_env *e, char *buf, size_t len)
{
	char path[160];

	snprintf(path, sizeof(path), "/sys/block/%s/queue/scheduler", e->device->disk);
	if (setting_read(path, buf, len))
		snprintf(buf, len, "?");
}

/* From both edges and fio's end to the result. */
static int evaluate(struct pass_env *e, struct fio_run *run, const struct edge *a,
		    const struct edge *b, struct pass_result *r)
{
	struct fio_series s = { 0 };
	int err = collect_logs(e->work_dir, &s);

	if (!err && a->cpu.nr && b->cpu.nr) {
		err = cpu_usage_between(&a->cpu, &b->cpu, &r->cpu);
		if (err == -ESTALE) {
			fault(r, "a core went on or off line");
			err = 0;
		}
		r->from_ms = a->cpu.wall_ms;
		r->to_ms = b->cpu.wall_ms;
		r->window_s = (double)(b->cpu.when_ns - a->cpu.when_ns) / NS_PER_S;
		r->tracer_cpu_ns = b->tracer_cpu_ns > a->tracer_cpu_ns ?
					   b->tracer_cpu_ns - a->tracer_cpu_ns : 0;
		r->tracer_rss_bytes = b->tracer_rss_bytes;
	}
	if (!err) {
		judge_window(e, run, &s, r);
		judge_machine(e, r);
	}
	fio_series_free(&s);
	return err;
}

/* fio takes .3 s and more before its first I/O; the device shows when that was. */
static int wait_started(struct pass_env *e, struct fio_run *run, uint64_t ios_before,
			struct pass_result *r)
{
	uint64_t deadline = run->started_ns + START_TIMEOUT_NS, ios = ios_before;

	while (now_ns() < deadline) {
		struct child_end end;
		int err = child_wait(&run->child, START_POLL_NS, false, &end);

		if (err == -EINTR)
			return err;
		if (!err) {
			undo_drop(e->undo);
			r->fio_status = end.status;
			read_output(run, r);
			fault(r, "fio ended before the window did");
			return 0;
		}
		if (!e->unseen_start && !device_ios(e->device, &ios) && ios >= ios_before + START_IOS)
			return 0;
	}
	e->unseen_start = true;
	return 0;
}

static int run_and_measure(struct pass_env *e, struct fio_run *run, const struct tracer *tracer,
			   uint64_t ios_before, struct edge *a, struct edge *b,
			   struct pass_result *r)
{
	struct child_end end = { 0 };
	int err = wait_started(e, run, ios_before, r);
	uint64_t from = now_ns() + e->timing.discard_ns;

	if (!err && !r->fault[0])
		err = take_edge(e, run, tracer, from, a, r);
	if (!err && !r->fault[0])
		err = take_edge(e, run, tracer, from + e->timing.window_ns, b, r);
	if (err || r->fault[0])
		return err;
	err = child_wait(&run->child, FIO_END_TIMEOUT_NS, false, &end);
	if (err == -ETIME) {
		fault(r, "fio did not end");
		return 0;
	}
	if (err)
		return err;
	undo_drop(e->undo);
	r->fio_status = end.status;
	read_output(run, r);
	return 0;
}

int pass_run(struct pass_env *e, const struct pace *pace, double target_iops,
	     const struct tracer *tracer, struct pass_result *ret, struct why *why)
{
	uint64_t runtime = e->timing.discard_ns + e->timing.window_ns + SLACK_NS +
			   (e->unseen_start ? START_TIMEOUT_NS : 0);
	struct job_params p = {
		.filename = e->target->filename,
		.size_bytes = e->target->size_bytes,
		.runtime_ms = runtime / NS_PER_MS,
		.cpus = e->cpus,
		.log_prefix = LOG_PREFIX,
		.pace = pace,
	};
	struct pass_result r = { .target_iops = pace ? target_iops : 0 };
	struct edge a = { 0 }, b = { 0 };
	struct fio_run run = { .child.pidfd = -1 };
	uint64_t before = 0, after = 0;
	int err;

	read_scheduler(e, r.scheduler_before, sizeof(r.scheduler_before));
	device_ios(e->device, &before);
	err = fio_start(e, &p, &run, why);
	if (!err)
		err = run_and_measure(e, &run, tracer, before, &a, &b, &r);
	fio_abort(e, &run);
	if (!err) {
		device_ios(e->device, &after);
		r.disk_ios = after - before;
		read_scheduler(e, r.scheduler_after, sizeof(r.scheduler_after));
		err = evaluate(e, &run, &a, &b, &r);
	}
	cpu_snapshot_free(&a.cpu);
	cpu_snapshot_free(&b.cpu);
	if (err) {
		pass_result_free(&r);
		return err;
	}
	*ret = r;
	return 0;
}

int pass_lay_out(struct pass_env *e, struct why *why)
{
	struct job_params p = { .filename = e->target->filename,
				.size_bytes = e->target->size_bytes,
				.runtime_ms = 1000,
				.create_only = true };
	struct pass_result r = { 0 };
	struct fio_run run = { .child.pidfd = -1 };
	struct child_end end = { 0 };
	int err = fio_start(e, &p, &run, why);

	if (err)
		return err;
	err = child_wait(&run.child, 600 * NS_PER_S, false, &end);
	if (!err) {
		undo_drop(e->undo);
		keep_stderr(run.err, &r);
		if (end.status)
			err = why_fail(why, EXIT_ENVIRONMENT, -EIO,
				       "workload %s: fio failed (status %d): %.200s",
				       e->workload->name, end.status, r.fio_stderr);
	}
	fio_abort(e, &run);
	return err;
}

void pass_result_free(struct pass_result *r)
{
	cpu_usage_free(&r->cpu);
	*r = (struct pass_result){ 0 };
}

double pass_iops(const struct pass_result *r)
{
	return r->window_s > 0 ? r->ios / r->window_s : 0;
}

double pass_cpu_ns_per_io(const struct pass_result *r)
{
	double window = (double)r->cpu.window_ns / NS_PER_S;

	return r->ios > 0 && window > 0 ? (double)r->cpu.busy_ns / (pass_iops(r) * window) : 0;
}

static json_t *flags_json(unsigned int flags)
{
	json_t *a = json_array();

	if (flags & PASS_UNSTEADY)
		json_array_append_new(a, json_string("unsteady"));
	if (flags & PASS_RATE_MISSED)
		json_array_append_new(a, json_string("rate_missed"));
	return a;
}

json_t *pass_json(const struct pass_result *r)
{
	json_t *fio = json_pack("{s:s, s:i, s:i, s:s, s:s}", "version", r->fio.version, "exit_status",
				r->fio_status, "error", r->fio.error, "prefix", r->fio.prefix,
				"stderr", r->fio_stderr);
	bool measured = r->ios > 0;

	return json_pack(
		"{s:I, s:I, s:f, s:o, s:o, s:o, s:o, s:o, s:I, s:o, s:o, s:I, s:I, s:s, s:s, s:o, s:o, s:s}",
		"start_ms", (json_int_t)r->from_ms, "end_ms", (json_int_t)r->to_ms, "window_s",
		r->window_s, "ios", measured ? json_integer((json_int_t)(r->ios + .5)) : json_null(),
		"bytes", measured ? json_integer((json_int_t)r->bytes) : json_null(), "iops",
		measured ? json_real(pass_iops(r)) : json_null(), "target_iops",
		r->target_iops > 0 ? json_real(r->target_iops) : json_null(), "cpu_ns_per_io",
		measured ? json_real(pass_cpu_ns_per_io(r)) : json_null(), "disk_ios",
		(json_int_t)r->disk_ios, "latency", fio_latency_json(&r->fio), "cpu",
		r->cpu.nr ? cpu_usage_json(&r->cpu) : json_null(), "tracer_cpu_ns",
		(json_int_t)r->tracer_cpu_ns, "tracer_rss_bytes", (json_int_t)r->tracer_rss_bytes,
		"scheduler_before", r->scheduler_before, "scheduler_after", r->scheduler_after,
		"fio", fio, "flags", flags_json(r->flags), "fault", r->fault);
}
