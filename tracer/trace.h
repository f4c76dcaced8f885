/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One run of `iopath trace`: what it holds, its loop (trace-run.c), its reports
 * (trace-report.c). Part of the command.
 */
#ifndef IOPATH_TRACE_H
#define IOPATH_TRACE_H

#include <signal.h>
#include <stdio.h>

#include "child.h"
#include "hung.h"
#include "trace-budget.h"
#include "trace-opts.h"
#include "trace-records.h"
#include "view.h"

/* Everything that a run holds. */
struct trace {
	struct trace_cfg cfg;
	struct kernel kernel;
	struct hook_plan plan;
	struct session *session;
	struct child child;
	int child_status;
	FILE *out;
	int signal_fd;
	bool interval_asked;	/* by SIGUSR1 */
	sigset_t old_mask;
	struct stats now, before, view;
	u64 start_ns, interval_start_ns, cpu_at_start_ns, in_flight_at_start;
	struct who who;
	u64 who_ns;		/* when it was last read */
	struct anomalies anomalies;
	struct stacks stacks;
	FILE *folded;
	int folded_error;	/* -errno of writing it */
	u64 stacks_ns;		/* when processes were last looked for */
	struct trace_who who_opts;
	struct hung hung;
	struct trace_budget budget;
	struct trace_records records;
	struct watch_list watched;
	int write_error;	/* -errno of the first write that failed */
	int stop_signal;
};

/* CLOCK_MONOTONIC. */
u64 trace_now_ns(void);
/* Processor time of this process. */
u64 trace_cpu_ns(void);

static inline bool trace_has_records(const struct trace *t)
{
	return t->cfg.threshold_ns || t->cfg.sample || t->cfg.top;
}

static inline bool trace_keeps_who(const struct trace *t)
{
	return t->who_opts.shown || t->anomalies.window_ns;
}

/* Keep the first -errno of writing; 0: none. */
void trace_note_write(struct trace *t, int err);

/* What was counted until @now_ns; a window of anomalies that has ended is judged. -errno. */
int trace_read_all(struct trace *t, u64 now_ns, bool last);
/* Read and print; what cannot be written is noted. -errno. */
int trace_report_interval(struct trace *t, u64 end_ns);
int trace_report_summary(struct trace *t, u64 end_ns);

/* Signals come by a descriptor from here on, in the command not yet started too. -errno. */
int trace_catch_signals(struct trace *t);
/* Until the end: a signal, the command's end, --duration, an output that cannot be written. -errno. */
int trace_loop(struct trace *t);
/* Wait a moment for what the command left in flight. -errno. */
int trace_linger(struct trace *t);
/* Take what the ring holds, and print it. -EIO. */
int trace_drain(struct trace *t);

#endif
