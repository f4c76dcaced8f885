/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "trace-budget.h"

#include <errno.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "tracer/base/cleanup.h"

#define WINDOW_NS 100000000ull
#define PAUSE_NS 900000000ull
#define PAUSE_MAX_NS 5000000000ull
/* Of the budget, what turning the kernel's statistics on and off may take: it rewrites code, which some hypervisors make dear. */
#define LOOK_SHARE 0.1

/* Processor time that all processors together have spent on anything; 0: not known. */
static u64 busy_ns(void)
{
	_cleanup_fclose_ FILE *f = fopen("/proc/stat", "re");
	unsigned long long user, nice, system, idle, iowait, irq, softirq;

	if (!f || fscanf(f, "cpu %llu %llu %llu %llu %llu %llu %llu", &user, &nice, &system, &idle, &iowait, &irq,
			 &softirq) != 7)
		return 0;
	return (user + nice + system + irq + softirq) * (1000000000ull / (u64)sysconf(_SC_CLK_TCK));
}

static u64 own_cpu_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (u64)t.tv_sec * 1000000000ull + (u64)t.tv_nsec;
}

/* What it took is added to what the look has taken. */
static int time_programs(struct trace_budget *b, struct session *s, bool on)
{
	u64 before = own_cpu_ns();
	int err = session_time_programs(s, on);

	b->look_ns += own_cpu_ns() - before;
	return err;
}

static u64 pause_ns(const struct trace_budget *b)
{
	double ns = (double)b->look_ns / (b->g.budget * LOOK_SHARE);

	return ns < PAUSE_NS ? PAUSE_NS : ns > PAUSE_MAX_NS ? PAUSE_MAX_NS : (u64)ns;
}

void trace_budget_begin(struct trace_budget *b, double share, enum iop_tier tier, u64 now_ns)
{
	*b = (struct trace_budget){ .next_ns = now_ns, .since_ns = now_ns, .busy_ns = busy_ns() };
	governor_begin(&b->g, share, tier, now_ns);
}

static int window_begins(struct trace_budget *b, struct session *s, u64 requests, u64 now_ns)
{
	int err;

	b->look_ns = 0;
	err = time_programs(b, s, true);
	if (!err)
		err = session_tier_times(s, b->tier_ns);
	b->measuring = true;
	b->begin_ns = now_ns;
	b->requests = requests;
	b->next_ns = now_ns + WINDOW_NS;
	return err;
}

static int window_ends(struct trace_budget *b, struct session *s, u64 requests, u64 own_ns, u64 now_ns,
		       struct governor_sample *ret)
{
	u64 tier_ns[NR_TIERS], busy = busy_ns(), since = now_ns - b->since_ns;
	int err = session_tier_times(s, tier_ns);

	if (!err)
		err = time_programs(b, s, false);
	if (err)
		return err;
	*ret = (struct governor_sample){
		.window_ns = now_ns - b->begin_ns,
		.requests = requests - b->requests,
		.own_share = (double)(own_ns - b->own_ns) / (double)since,
		.busy = (double)(busy - b->busy_ns) / (double)since,
	};
	for (int t = 0; t < NR_TIERS; t++)
		ret->tier_ns[t] = tier_ns[t] - b->tier_ns[t];
	b->since_ns = now_ns;
	b->busy_ns = busy;
	b->own_ns = own_ns;
	b->measuring = false;
	b->next_ns = now_ns + pause_ns(b);
	return 0;
}

static int go_to(struct trace_budget *b, struct session *s, enum iop_tier tier, u64 now_ns)
{
	u64 cut;
	int err;

	if (tier == b->g.tier || (b->g.stuck && tier > b->g.tier))
		return 0;
	err = session_set_tier(s, tier, &cut);
	if (err && tier > b->g.tier) {
		b->g.stuck = true;
		return 0;
	}
	if (err)
		return err;
	b->g.operations_cut += cut;
	governor_stepped(&b->g, tier, now_ns);
	return 0;
}

int trace_budget_look(struct trace_budget *b, struct session *s, u64 requests, u64 own_ns, u64 now_ns)
{
	struct governor_sample m;
	int err;

	if (!b->measuring)
		return window_begins(b, s, requests, now_ns);
	err = window_ends(b, s, requests, own_ns, now_ns, &m);
	return err ? err : go_to(b, s, governor_decide(&b->g, &m, now_ns), now_ns);
}
