/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which tier --budget goes to, under made-up loads. */
#include "tracer/base/test.h"
#include "tracer/governor.h"

#define S 1000000000ull

/* ns that each tier adds to a request; requests of a second take one processor, or @busy of them. */
static const u64 adds[NR_TIERS] = { 200, 800, 400, 600 };

static struct governor_sample load(const struct governor *g, u64 requests_per_s, double busy)
{
	struct governor_sample m = { .window_ns = S / 10, .requests = requests_per_s / 10, .busy = busy };

	for (int t = 0; t <= (int)g->tier; t++)
		m.tier_ns[t] = adds[t] * m.requests;
	return m;
}

/* One measurement each second until @until_s. */
static enum iop_tier run(struct governor *g, u64 *now_ns, u64 until_s, u64 requests_per_s, double busy)
{
	for (; *now_ns < until_s * S; *now_ns += S) {
		struct governor_sample m = load(g, requests_per_s, busy);

		governor_stepped(g, governor_decide(g, &m, *now_ns), *now_ns);
	}
	return g->tier;
}

/* 2000 ns per request: at 20 000 a second 4 % of a processor, at 30 000 6 %. */
TEST(within_the_budget_nothing_changes)
{
	struct governor g;
	u64 now = 0;

	governor_begin(&g, 0.05, TIER_FULL, 0);
	ASSERT_EQ(run(&g, &now, 10, 20000, 0.5), TIER_FULL);
	ASSERT_EQ(g.steps_down + g.steps_up, 0);
	ASSERT_EQ(governor_in_tier(&g, TIER_FULL, now), 10 * S);
	CU_ASSERT_DOUBLE_EQUAL(g.cost, 0.04, 1e-9);
}

TEST(down_to_the_highest_tier_that_fits)
{
	const struct {
		u64 requests_per_s;
		enum iop_tier tier;
		bool over;
	} cases[] = {
		{ 30000, TIER_FILEMAP, false },	/* 1400 ns: 4.2 % */
		{ 45000, TIER_VFS, false },	/* 1000 ns: 4.5 % */
		{ 100000, TIER_BLOCK, false },	/* 200 ns: 2 % */
		{ 300000, TIER_BLOCK, true },	/* 6 % */
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct governor g;
		u64 now = 0;

		governor_begin(&g, 0.05, TIER_FULL, 0);
		ASSERT_EQ(run(&g, &now, 1, cases[i].requests_per_s, 1), cases[i].tier);
		ASSERT_EQ(g.over, cases[i].over);
		ASSERT_EQ(g.steps_down, 1);
	}
}

/* Four processors share what one would not bear. */
TEST(a_share_of_the_processors_in_use)
{
	struct governor g;
	u64 now = 0;

	governor_begin(&g, 0.05, TIER_FULL, 0);
	ASSERT_EQ(run(&g, &now, 3, 80000, 4), TIER_FULL);
	ASSERT_EQ(run(&g, &now, 4, 80000, 1), TIER_BLOCK);
}

TEST(up_again_when_there_is_room)
{
	struct governor g;
	u64 now = 0;

	governor_begin(&g, 0.05, TIER_FULL, 0);
	ASSERT_EQ(run(&g, &now, 5, 100000, 1), TIER_BLOCK);
	ASSERT_EQ(run(&g, &now, 8, 10000, 1), TIER_FULL);
	ASSERT_EQ(g.steps_up, 1);
	/* 4.5 % would fit, but leaves too little room to go up for */
	ASSERT_EQ(run(&g, &now, 9, 100000, 1), TIER_BLOCK);
	ASSERT_EQ(run(&g, &now, 20, 22500, 1), TIER_FILEMAP);
}

/* A load that goes up and down faster than tiers should: each step up that did not last is waited for longer. */
TEST(steps_that_do_not_last_get_rare)
{
	struct governor g;
	u64 now = 0, ups[2];

	governor_begin(&g, 0.05, TIER_FULL, 0);
	for (int half = 0; half < 2; half++) {
		u64 before = g.steps_up;

		for (u64 until = now / S + 200; now < until * S;)
			run(&g, &now, now / S + 1, g.tier == TIER_FULL ? 100000 : 1000, 1);
		ups[half] = g.steps_up - before;
	}
	CU_ASSERT(ups[0] > ups[1]);
	CU_ASSERT(ups[1] <= 4);
	CU_ASSERT(ups[1] >= 1);
}

TEST(its_own_process_counts)
{
	struct governor g;
	struct governor_sample m;

	governor_begin(&g, 0.05, TIER_FULL, 0);
	m = load(&g, 1000, 1);
	m.own_share = 0.06;
	ASSERT_EQ(governor_decide(&g, &m, 0), TIER_BLOCK);
	CU_ASSERT(g.over);
}

TEST_MAIN("governor", T(within_the_budget_nothing_changes), T(down_to_the_highest_tier_that_fits),
	  T(a_share_of_the_processors_in_use), T(up_again_when_there_is_room), T(steps_that_do_not_last_get_rare),
	  T(its_own_process_counts))
