/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "governor.h"

#define HOLD_MIN_NS 2000000000ull
#define HOLD_MAX_NS 64000000000ull
/* Going up must leave this share of the budget unused. */
#define ROOM 0.2

void governor_begin(struct governor *g, double budget, enum iop_tier top, u64 now_ns)
{
	*g = (struct governor){ .budget = budget, .top = top, .tier = top, .since_ns = now_ns, .hold_ns = HOLD_MIN_NS };
}

/* What tier @t costs at the load of @m: measured as far as it is on, else as each request cost when it was. */
static double cost_at(const struct governor *g, const struct governor_sample *m, enum iop_tier t)
{
	double ns = 0;

	for (int i = 0; i <= (int)t; i++)
		ns += i <= (int)g->tier ? (double)m->tier_ns[i] : g->per_request[i] * (double)m->requests;
	return (ns / (double)m->window_ns + m->own_share) / (m->busy > 1 ? m->busy : 1);
}

/* The highest of tiers [@lo, @hi] that costs @limit at most; -1: none. */
static int highest(const struct governor *g, const struct governor_sample *m, int lo, int hi, double limit)
{
	for (int t = hi; t >= lo; t--)
		if (cost_at(g, m, t) <= limit)
			return t;
	return -1;
}

static enum iop_tier step_down(struct governor *g, const struct governor_sample *m, u64 now_ns)
{
	int t = highest(g, m, TIER_BLOCK, (int)g->tier - 1, g->budget);

	g->over = t < 0;
	if (g->went_up && now_ns >= g->hold_until_ns)
		g->hold_ns = HOLD_MIN_NS;
	else if (g->went_up && g->hold_ns < HOLD_MAX_NS)
		g->hold_ns *= 2;
	return t < 0 ? TIER_BLOCK : (enum iop_tier)t;
}

static enum iop_tier step_up(struct governor *g, const struct governor_sample *m, u64 now_ns)
{
	int t;

	g->over = false;
	if (g->tier == g->top || now_ns < g->hold_until_ns)
		return g->tier;
	t = highest(g, m, (int)g->tier + 1, (int)g->top, g->budget * (1 - ROOM));
	return t < 0 ? g->tier : (enum iop_tier)t;
}

enum iop_tier governor_decide(struct governor *g, const struct governor_sample *m, u64 now_ns)
{
	for (int i = 0; i <= (int)g->tier; i++)
		if (m->requests)
			g->per_request[i] = (double)m->tier_ns[i] / (double)m->requests;
	g->cost = cost_at(g, m, g->tier);
	return g->cost > g->budget ? step_down(g, m, now_ns) : step_up(g, m, now_ns);
}

void governor_stepped(struct governor *g, enum iop_tier to, u64 now_ns)
{
	u64 n = g->steps_down + g->steps_up;

	if (to == g->tier)
		return;
	if (n < MAX_GOVERNOR_STEPS)
		g->steps[n] = (struct governor_step){ now_ns, g->tier, to, g->cost };
	if (to < g->tier)
		g->steps_down++;
	else
		g->steps_up++;
	g->in_tier_ns[g->tier] += now_ns - g->since_ns;
	g->since_ns = now_ns;
	g->hold_until_ns = now_ns + g->hold_ns;
	g->went_up = to > g->tier;
	g->tier = to;
}

u64 governor_in_tier(const struct governor *g, enum iop_tier tier, u64 now_ns)
{
	return g->in_tier_ns[tier] + (tier == g->tier ? now_ns - g->since_ns : 0);
}
