/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "pass.h"

#include <errno.h>
#include <math.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>

#include "bench/file.h"
#include "bench/kmsg.h"
#include "bench/load.h"
#include "bench/setting.h"
#include "bench/stop.h"
#include "tracer/base/cleanup.h"

#define SLACK_NS (200 * NS_PER_MS)	/* of fio's run behind the window */
#define START_IOS 20			/* on the device: fio is at work */
#define START_POLL_NS (10 * NS_PER_MS)
#define END_TIMEOUT_NS (20 * NS_PER_S)
#define STOP_GRACE_NS (5 * NS_PER_S)
#define RATE_REACHED .99
#define CLOCK_STEP_S .05	/* more than slewing does to a window */
#define STEAL_NOISE_NS (20 * NS_PER_MS) /* two ticks: less says nothing in a short window */

void pass_fault(struct pass_result *r, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	fault_keep_first(r->fault, sizeof(r->fault), fmt, ap);
	va_end(ap);
}

void pass_output_fault(struct pass_result *r, const char *fmt, ...)
{
	va_list ap;

	if (!r->fault[0])
		r->flags |= PASS_CUT_OFF;
	va_start(ap, fmt);
	fault_keep_first(r->fault, sizeof(r->fault), fmt, ap);
	va_end(ap);
}

struct tracer_place pass_tracer_place(const struct pass_env *e)
{
	return (struct tracer_place){
		.cgroup = e->meter ? groups_dir(&e->meter->groups, GROUP_TRACER) : NULL,
		.cpus = e->tracer_cpus,
	};
}

/* One end of the window. */
struct edge {
	struct cpu_snapshot cpu;
	struct meter_edge meter;
	uint64_t tracer_cpu_ns, tracer_rss_bytes;
	uint64_t disk_ios;
	uint64_t uevents;	/* so far, of the machine; 0: unknown */
};

/*
 * The load's run was over before the window: it failed, or a machine that is slow
 * to look needs a longer run the next time.
 */
static void ended_early(struct pass_env *e, struct load_run *run, const struct child_end *end, bool unseen,
			struct pass_result *r)
{
	undo_drop(e->undo);
	r->fio_status = end->status;
	load_of(e->workload)->read(e, run, r);
	if (unseen) /* it has done its I/O, and none of it showed */
		e->unseen_start |= !r->fault[0];
	pass_fault(r, "%s ended before the window did", load_of(e->workload)->name);
	if (!end->status && !(r->flags & PASS_TOO_FAST) && e->slack_ns < START_SLOWEST_NS)
		e->slack_ns = 2 * e->slack_ns + NS_PER_S / 2;
}

/* Devices that come, go or change keep udev busy. */
static uint64_t uevents_now(void)
{
	char line[32];

	return file_read_line("/sys/kernel/uevent_seqnum", line, sizeof(line)) ? 0 : strtoull(line, NULL, 10);
}

/* Sleep to @at, then look; a fio that ended before is a fault. */
static int take_edge(struct pass_env *e, struct load_run *run, const struct tracer *tracer,
		     uint64_t at, bool last, struct edge *edge, struct pass_result *r)
{
	pid_t tracer_pid = tracer ? tracer->child.pid : 0;
	uint64_t now = now_ns();
	struct child_end end;
	int err = child_wait(&run->child, at > now ? at - now : 0, false, &end);

	if (err == -EINTR)
		return err;
	if (!err) {
		ended_early(e, run, &end, false, r);
		return 0;
	}
	err = 0;
	if (last) { /* what the looking costs lies outside the window */
		err = cpu_snapshot_take(&edge->cpu);
		device_ios(e->device, &edge->disk_ios);
	}
	if (tracer_pid)
		session_usage(tracer_pid, &edge->tracer_cpu_ns, &edge->tracer_rss_bytes);
	if (!err && e->meter)
		err = meter_edge_take(e->meter, run->child.pid, tracer_pid, last, &edge->meter);
	if (!last && !err) {
		device_ios(e->device, &edge->disk_ios);
		err = cpu_snapshot_take(&edge->cpu);
	}
	edge->uevents = uevents_now();
	return err;
}

static void judge_window(struct pass_result *r)
{
	if (r->fault[0])
		return;
	if (!(r->ios > 0))
		pass_fault(r, "no I/O in the window");
	else if (r->target_iops > 0 && pass_iops(r) < RATE_REACHED * r->target_iops)
		r->flags |= PASS_RATE_MISSED;
}

/* A moment by both clocks. */
struct moment {
	uint64_t wall_ms, ns;
};

static void judge_part(struct pass_result *r, const char *part, struct moment from, struct moment to)
{
	double wall_s = (double)(int64_t)(to.wall_ms - from.wall_ms) / 1000, s = (double)(to.ns - from.ns) / NS_PER_S;

	if (fabs(wall_s - s) > CLOCK_STEP_S)
		pass_fault(r, "the clock was set %s: %.3f s by the wall clock, %.3f s in truth", part, wall_s, s);
}

/*
 * The window is cut out of logs by the wall clock, as their writers knew it when they began: it
 * must have gone on like the other one up to the window's end.
 */
static void judge_clock(const struct load_run *run, const struct edge *a, const struct edge *b, struct pass_result *r)
{
	const struct moment start = { run->started_ms, run->started_ns }, from = { a->cpu.wall_ms, a->cpu.when_ns },
			    to = { b->cpu.wall_ms, b->cpu.when_ns };

	judge_part(r, "before the window", start, from);
	judge_part(r, "in the window", from, to);
}

/* A clock that heat set is that of the weather, not of an arm. */
static void judge_heat(struct pass_result *r)
{
	const struct meter_usage *u = &r->usage;

	if (r->has_usage && u->has_throttle && u->core_throttles + u->package_throttles)
		pass_fault(r, "the processor slowed down to cool off (throttle counts: core +%llu, package +%llu)",
			   (unsigned long long)u->core_throttles, (unsigned long long)u->package_throttles);
}

void pass_judge_machine(const struct pass_env *e, struct pass_result *r)
{
	char complaint[160];
	double all = (double)r->cpu.window_ns * r->cpu.nr;

	if (strcmp(r->scheduler_before, e->scheduler) || strcmp(r->scheduler_after, e->scheduler))
		pass_fault(r, "scheduler is %s, not %s: something else switched it",
		      strcmp(r->scheduler_after, e->scheduler) ? r->scheduler_after :
								 r->scheduler_before,
		      e->scheduler);
	if (kmsg_complaint(e->kmsg_fd, complaint, sizeof(complaint)))
		pass_fault(r, "the kernel complained: %s", complaint);
	if (r->cpu.steal_ns > STEAL_NOISE_NS &&
	    (double)r->cpu.steal_ns > e->max_steal_pct / 100 * all)
		pass_fault(r, "the hypervisor took %.1f%% of the CPU time", 100 * (double)r->cpu.steal_ns / all);
	judge_heat(r);
}

static void read_scheduler(const struct pass_env *e, char *buf, size_t len)
{
	char path[160];

	snprintf(path, sizeof(path), "/sys/block/%s/queue/scheduler", e->device->disk);
	if (setting_read(path, buf, len))
		snprintf(buf, len, "?");
}

/* From both edges and fio's end to the result. */
static int evaluate(struct pass_env *e, struct load_run *run, const struct edge *a,
		    const struct edge *b, bool has_tracer, struct pass_result *r)
{
	int err = 0;

	if (a->cpu.nr && b->cpu.nr) {
		err = cpu_usage_between(&a->cpu, &b->cpu, &r->cpu);
		if (err == -ESTALE) {
			pass_fault(r, "a core went on or off line");
			err = 0;
		}
		r->from_ms = a->cpu.wall_ms;
		r->to_ms = b->cpu.wall_ms;
		r->window_s = (double)(b->cpu.when_ns - a->cpu.when_ns) / NS_PER_S;
		judge_clock(run, a, b, r);
		r->tracer_cpu_ns = b->tracer_cpu_ns > a->tracer_cpu_ns ?
					   b->tracer_cpu_ns - a->tracer_cpu_ns : 0;
		r->tracer_rss_bytes = b->tracer_rss_bytes;
		if (e->meter) {
			r->has_usage = true;
			r->usage = meter_between(e->meter, &a->meter, &b->meter, has_tracer);
		}
		if (b->uevents != a->uevents)
			r->flags |= PASS_UEVENTS;
		r->window_disk_ios = b->disk_ios > a->disk_ios ? b->disk_ios - a->disk_ios : 0;
	}
	if (!err)
		err = load_of(e->workload)->count(e, run, r);
	if (!err) {
		judge_window(r);
		pass_judge_machine(e, r);
	}
	return err;
}

static bool is_full(const char *dir)
{
	struct statvfs v;

	/* one without a limit counts none */
	return !statvfs(dir, &v) && ((v.f_blocks && !v.f_bfree) || (v.f_files && !v.f_ffree));
}

/* What a load says of itself is cut off there, and so is what would be said of that. */
static void tell_full(const struct pass_env *e, struct pass_result *r)
{
	if (r->flags & PASS_CUT_OFF)
		snprintf(r->fault, sizeof(r->fault), "no space left on %.160s (--state-dir), where %s's output goes", e->work_dir,
			 load_of(e->workload)->name);
}

static uint64_t start_timeout(const struct pass_env *e)
{
	return e->start_ns ? e->start_ns : START_TIMEOUT_NS;
}

/* fio takes .3 s and more before its first I/O; the device shows when that was. */
static int wait_started(struct pass_env *e, struct load_run *run, uint64_t ios_before,
			struct pass_result *r)
{
	uint64_t deadline = run->started_ns + start_timeout(e), ios = ios_before;

	while (now_ns() < deadline) {
		struct child_end end;
		int err = child_wait(&run->child, START_POLL_NS, false, &end);

		if (err == -EINTR)
			return err;
		if (!err) {
			ended_early(e, run, &end, true, r);
			return 0;
		}
		if (!e->unseen_start && !device_ios(e->device, &ios) && ios >= ios_before + START_IOS)
			return 0;
	}
	e->unseen_start = true;
	return 0;
}

static int run_and_measure(struct pass_env *e, struct load_run *run, const struct tracer *tracer,
			   uint64_t ios_before, struct edge *a, struct edge *b,
			   struct pass_result *r)
{
	static const int stop_signals[] = { SIGTERM };
	struct child_end end = { 0 };
	int err = wait_started(e, run, ios_before, r);
	uint64_t from = now_ns() + e->timing.discard_ns;

	if (!err && !r->fault[0])
		err = take_edge(e, run, tracer, from, false, a, r);
	if (!err && !r->fault[0])
		err = take_edge(e, run, tracer, from + e->timing.window_ns, true, b, r);
	if (err || r->fault[0])
		return err;
	if (load_of(e->workload)->is_stopped)
		err = child_stop(&run->child, stop_signals, ARRAY_SIZE(stop_signals), true, STOP_GRACE_NS, &end);
	else
		err = child_wait(&run->child, END_TIMEOUT_NS, false, &end);
	if (err == -ETIME) {
		pass_fault(r, "%s did not end", load_of(e->workload)->name);
		return 0;
	}
	if (err)
		return err;
	undo_drop(e->undo);
	r->fio_status = end.status;
	load_of(e->workload)->read(e, run, r);
	return 0;
}

int pass_run(struct pass_env *e, const struct pace *pace, double target_iops,
	     const struct tracer *tracer, struct pass_result *ret, struct why *why)
{
	const struct load *load = load_of(e->workload);
	uint64_t runtime = e->timing.discard_ns + e->timing.window_ns + SLACK_NS + e->slack_ns +
			   (e->unseen_start ? start_timeout(e) : 0);
	struct job_params p = {
		.filename = e->target->filename,
		.size_bytes = e->target->size_bytes,
		.runtime_ms = runtime / NS_PER_MS,
		.cpus = e->cpus,
		.pace = target_iops > 0 && pace && pace->nr ? pace : NULL,
	};
	struct pass_result r = { .target_iops = load->has_rate ? target_iops : 0 };
	struct edge a = { 0 }, b = { 0 };
	struct load_run run = { .child.pidfd = -1 };
	uint64_t before = 0, after = 0;
	bool full = false;
	int err;

	read_scheduler(e, r.scheduler_before, sizeof(r.scheduler_before));
	device_ios(e->device, &before);
	err = load->start(e, &p, r.target_iops, &run, why);
	if (!err)
		err = run_and_measure(e, &run, tracer, before, &a, &b, &r);
	load_abort(e, &run);
	if (!err) {
		full = is_full(e->work_dir); /* what is counted there is removed */
		device_ios(e->device, &after);
		r.disk_ios = after - before;
		read_scheduler(e, r.scheduler_after, sizeof(r.scheduler_after));
		err = evaluate(e, &run, &a, &b, tracer && tracer->child.pid, &r);
		if (full)
			tell_full(e, &r);
	}
	cpu_snapshot_free(&a.cpu);
	cpu_snapshot_free(&b.cpu);
	meter_edge_free(&a.meter);
	meter_edge_free(&b.meter);
	if (err) {
		pass_result_free(&r);
		return err;
	}
	*ret = r;
	return 0;
}

void pass_result_free(struct pass_result *r)
{
	cpu_usage_free(&r->cpu);
	fio_result_free(&r->fio);
	*r = (struct pass_result){ 0 };
}

double pass_iops(const struct pass_result *r)
{
	return r->window_s > 0 ? r->ios / r->window_s : 0;
}

double pass_cpu_ns_per_io(const struct pass_result *r)
{
	return pass_per_io(r, (double)r->cpu.busy_ns);
}

double pass_per_io(const struct pass_result *r, double v)
{
	double window = (double)r->cpu.window_ns / NS_PER_S;

	return r->ios > 0 && window > 0 ? v / (pass_iops(r) * window) : 0;
}

static json_t *flags_json(unsigned int flags)
{
	json_t *a = json_array();

	if (flags & PASS_UNSTEADY)
		json_array_append_new(a, json_string("unsteady"));
	if (flags & PASS_RATE_MISSED)
		json_array_append_new(a, json_string("rate_missed"));
	if (flags & PASS_UEVENTS)
		json_array_append_new(a, json_string("uevents"));
	return a;
}

json_t *pass_json(const struct pass_result *r)
{
	json_t *fio = json_pack("{s:s, s:i, s:i, s:s, s:s}", "version", r->fio.version, "exit_status",
				r->fio_status, "error", r->fio.error, "prefix", r->fio.prefix,
				"stderr", r->fio_stderr);
	bool measured = r->ios > 0;

	return json_pack(
		"{s:I, s:I, s:f, s:o, s:o, s:o, s:o, s:o, s:I, s:o, s:o, s:o, s:I, s:I, s:s, s:s, s:o, s:o, s:s}",
		"start_ms", (json_int_t)r->from_ms, "end_ms", (json_int_t)r->to_ms, "window_s",
		r->window_s, "ios", measured ? json_integer((json_int_t)(r->ios + .5)) : json_null(),
		"bytes", r->bytes ? json_integer((json_int_t)r->bytes) : json_null(), "iops",
		measured ? json_real(pass_iops(r)) : json_null(), "target_iops",
		r->target_iops > 0 ? json_real(r->target_iops) : json_null(), "cpu_ns_per_io",
		measured ? json_real(pass_cpu_ns_per_io(r)) : json_null(), "disk_ios",
		(json_int_t)r->disk_ios, "latency", fio_latency_json(&r->fio), "cpu",
		r->cpu.nr ? cpu_usage_json(&r->cpu) : json_null(), "usage",
		r->has_usage ? meter_usage_json(&r->usage) : json_null(), "tracer_cpu_ns",
		(json_int_t)r->tracer_cpu_ns, "tracer_rss_bytes", (json_int_t)r->tracer_rss_bytes,
		"scheduler_before", r->scheduler_before, "scheduler_after", r->scheduler_after,
		"fio", fio, "flags", flags_json(r->flags), "fault", r->fault);
}
