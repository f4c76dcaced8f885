/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One pass: one run of the load (mostly fio) and the window that is measured
 * inside it. It runs longer than the window on both sides; the I/Os of the
 * window come from its log, the CPU time from the machine at the same two
 * instants.
 */
#ifndef BENCH_PASS_H
#define BENCH_PASS_H

#include <jansson.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>

#include "bench/cpu.h"
#include "bench/device.h"
#include "bench/fio.h"
#include "bench/meter.h"
#include "bench/target.h"
#include "bench/tracer.h"
#include "bench/undo.h"
#include "bench/why.h"
#include "bench/workload.h"

struct timing {
	uint64_t settle_ns;	/* after the tracer is attached, once per cell */
	uint64_t discard_ns;	/* of fio's run, before the window */
	uint64_t window_ns;
};

#define START_TIMEOUT_NS (2 * NS_PER_S)	/* then the load is at work, or nothing shows */
#define START_SLOWEST_NS (20 * NS_PER_S)

/* What the passes of one set share. */
struct pass_env {
	const char *fio, *sysbench, *uring;
	const char *work_dir;
	const struct device *device;
	const struct target *target;
	const struct workload *workload;
	const char *scheduler;
	const char *cpus;	/* for the load; NULL: not pinned */
	const cpu_set_t *tracer_cpus;	/* NULL: not pinned */
	struct timing timing;
	/* fio's I/O does not show on the device (cached reads): wait this long instead */
	bool unseen_start;
	uint64_t slack_ns;	/* of the load's run behind the window, beside SLACK_NS; grows where that was too short */
	uint64_t start_ns;	/* 0: START_TIMEOUT_NS; a machine that was slower is given more */
	int kmsg_fd;
	double max_steal_pct;	/* of the window; more, and it does not count */
	struct undo *undo;
	const struct meter *meter;	/* NULL: nothing of it is measured */
};

enum pass_flag {
	PASS_UNSTEADY = 1,	/* the rate drifted inside the window */
	PASS_RATE_MISSED = 2,	/* fixed rate: less than 99 % of it was reached */
	PASS_UEVENTS = 4,	/* devices came, went or changed in the window: udev was at work */
	PASS_TOO_FAST = 8,	/* the load gave up on the rate, with a fault: there are no counts */
	PASS_CUT_OFF = 16,	/* the fault is that the load's own output is not all there */
};

struct pass_result {
	char fault[256];	/* why it does not count, or "" */
	unsigned int flags;
	uint64_t from_ms, to_ms;	/* CLOCK_REALTIME */
	double window_s;
	double ios;
	uint64_t bytes;
	double target_iops;	/* 0: saturation */
	uint64_t disk_ios;	/* of the device, from before the load to after it */
	uint64_t window_disk_ios;	/* in the window */
	struct cpu_usage cpu;
	bool has_usage;
	struct meter_usage usage;
	uint64_t tracer_cpu_ns, tracer_rss_bytes;	/* in the window; 0 without a tracer */
	struct fio_result fio;
	int fio_status;
	char fio_stderr[256];
	char scheduler_before[32], scheduler_after[32];
};

/*
 * @target_iops 0, or a load that cannot hold a rate: saturation. @tracer may be NULL. 0 also when ret->fault says that
 * it does not count; -EINTR when asked to stop; else -errno with *why (the
 * load cannot be run at all).
 */
int pass_run(struct pass_env *e, const struct pace *pace, double target_iops,
	     const struct tracer *tracer, struct pass_result *ret, struct why *why);
/* Where the tracer of these passes runs. */
struct tracer_place pass_tracer_place(const struct pass_env *e);
/* Make it a fault when it was not under the machine's settings, or the machine not ours: uses cpu, usage and scheduler_*. */
void pass_judge_machine(const struct pass_env *e, struct pass_result *r);
void pass_result_free(struct pass_result *r);
json_t *pass_json(const struct pass_result *r);

double pass_iops(const struct pass_result *r);
double pass_cpu_ns_per_io(const struct pass_result *r);
/* @v of the window, per I/O of it. */
double pass_per_io(const struct pass_result *r, double v);

#endif
