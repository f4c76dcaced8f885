/* SPDX-License-Identifier: GPL-2.0-or-later */
/* `iopath trace --budget`: measures what tracing costs, and goes to another tier (governor.h). Part of the command. */
#ifndef IOPATH_TRACE_BUDGET_H
#define IOPATH_TRACE_BUDGET_H

#include "governor.h"
#include "session.h"

struct trace_budget {
	struct governor g;	/* g.budget 0: not asked for */
	bool measuring;
	u64 next_ns;		/* when to look again */
	u64 begin_ns, tier_ns[NR_TIERS], requests;	/* of the window */
	u64 since_ns, busy_ns, own_ns;	/* of the time since the last window's end */
	u64 look_ns;	/* processor time that the look under way, or the last one, has taken to turn statistics on and off */
};

void trace_budget_begin(struct trace_budget *b, double share, enum iop_tier tier, u64 now_ns);

/*
 * To be called at b->next_ns: begins a window of measurement, or ends it and
 * goes to the tier that fits. @requests: finished since tracing began; @own_ns:
 * processor time of this process. -errno.
 */
int trace_budget_look(struct trace_budget *b, struct session *s, u64 requests, u64 own_ns, u64 now_ns);

#endif
