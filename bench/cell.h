/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One cell: one arm's turn in one round. The tracer is attached, both passes
 * run under it, it is detached; attaching is never inside a window.
 */
#ifndef BENCH_CELL_H
#define BENCH_CELL_H

#include <jansson.h>

#include "bench/pass.h"
#include "bench/tracer.h"
#include "bench/verdict.h"

struct cell {
	struct pass_result saturation, fixed;
	struct pass_result low;	/* reported, not judged; not in every cell */
	struct tracer_report tracer;
	bool has_tracer;
	bool tracer_fault;	/* the fault is the tracer's own */
	char fault[256];	/* why the cell does not count, or "" */
	uint64_t took_ns;
	/* responses, valid when fault is "" */
	double *core_pct;
	unsigned int nr_cores;
};

struct cell_rates {
	const struct pace *pace, *low_pace;
	double iops, low_iops;	/* low_iops 0: no pass at the low rate */
};

/* As pass_run(): 0 also for a cell that does not count. */
int cell_run(struct pass_env *e, const struct arm *arm, const char *iopath, const struct cell_rates *rates,
	     struct cell *ret, struct why *why);
/* Make it a fault when a tier did not trace what there was: it would seem to cost nothing. */
void cell_judge_tracer(struct cell *c, const struct arm *arm);
/* Fill core_pct from the fixed-rate pass. -ENOMEM. */
int cell_take_core_pct(struct cell *c);
/* The answers of a valid cell but the p99, whose operation is the set's to choose; points into it. */
struct response cell_response(const struct cell *c);
void cell_free(struct cell *c);

#endif
