/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * --budget: which tier can be afforded. A pure function of what was measured;
 * who measures and switches is trace-budget.c.
 *
 * The cost is processor time that went into tracing (the programs' run time,
 * the tracer's process), as a share of the processor time that was used, one
 * whole processor at least: a task that waits for each I/O loses that share of
 * its throughput too. Run times are the kernel's (BPF_ENABLE_STATS); entering
 * a program is in them as far as the statistics' own clock reads weigh it up.
 */
#ifndef IOPATH_GOVERNOR_H
#define IOPATH_GOVERNOR_H

#include <stdbool.h>

#include "bpf/wire.h"

/* One measurement. */
struct governor_sample {
	u64 window_ns;		/* in which run times were taken */
	u64 tier_ns[NR_TIERS];	/* run time of the programs that a tier adds */
	u64 requests;		/* that finished in it */
	double own_share;	/* of one processor: the tracer's process */
	double busy;		/* processors that were in use, by everything */
};

#define MAX_GOVERNOR_STEPS 64

struct governor_step {
	u64 at_ns;		/* CLOCK_MONOTONIC */
	enum iop_tier from, to;
	double cost;		/* as measured before it */
};

struct governor {
	double budget;		/* a share; 0: no governor */
	enum iop_tier top, tier;	/* asked for; now */
	double cost;		/* as last measured */
	bool over;		/* tier block costs more than the budget */
	bool stuck;		/* this kernel does not attach again: no way up */
	double per_request[NR_TIERS];	/* ns that a tier adds, as last measured */
	u64 since_ns, hold_ns, hold_until_ns;
	bool went_up;		/* the last step was one up */
	u64 in_tier_ns[NR_TIERS];
	u64 steps_down, steps_up, operations_cut;
	struct governor_step steps[MAX_GOVERNOR_STEPS];	/* the first ones */
};

void governor_begin(struct governor *g, double budget, enum iop_tier top, u64 now_ns);

/*
 * The tier to go on with: down, to the highest that fits the budget, at once;
 * up, when it would leave a fifth of the budget unused, and not before a time that
 * doubles with each step up that did not last.
 */
enum iop_tier governor_decide(struct governor *g, const struct governor_sample *m, u64 now_ns);

/* That tier is on now. */
void governor_stepped(struct governor *g, enum iop_tier to, u64 now_ns);

/* Time spent in @tier until @now_ns. */
u64 governor_in_tier(const struct governor *g, enum iop_tier tier, u64 now_ns);

#endif
