/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Time that is short: who has the next turn, and what that does to the errors of the verdicts. */
#include <math.h>

#include "bench/turns.h"
#include "tracer/base/cleanup.h"
#include "tracer/base/test.h"

TEST(fewest_needed_rounds_come_first_and_nobody_begins_what_has_no_time)
{
	struct turn t[] = { { false, 20, 100 }, { false, 4, 500 }, { true, 1, 1 }, { false, 6, 100 } };

	ASSERT_EQ(turns_next(t, 4, 1000), 1);
	ASSERT_EQ(turns_next(t, 4, 500), 3);
	ASSERT_EQ(turns_next(t, 4, 100), -1);
	t[3].over = true;
	ASSERT_EQ(turns_next(t, 4, 500), 0);
	ASSERT_EQ(turns_next(t, 0, 500), -1);
}

TEST(a_turn_is_what_the_dearest_metric_of_a_judged_arm_needs)
{
	struct arm_list arms = { .nr = 3, .off = 0, .twin = 1 };
	struct rounds rounds = { 8, 32 };
	struct set_outcome o = { .yielded = true, .rounds = 8, .round_ns = 7 };
	struct turn t;

	o.decision[1][0] = (struct decision){ .verdict = VERDICT_UNDECIDED, .rounds_needed = 900 };
	o.decision[2][0] = (struct decision){ .verdict = VERDICT_UNDECIDED, .rounds_needed = 14 };
	o.decision[2][1] = (struct decision){ .verdict = VERDICT_PASS, .rounds_needed = 0 };
	o.decision[2][2] = (struct decision){ .verdict = VERDICT_UNDECIDED, .rounds_needed = 11 };
	t = turn_of(&o, &arms, &rounds);
	ASSERT_TRUE(!t.over);
	ASSERT_EQ(t.need, 6);
	ASSERT_EQ(t.least_ns, 7);
	o.rounds = 3;
	o.decision[2][0].rounds_needed = o.decision[2][2].rounds_needed = 0;
	ASSERT_EQ(turn_of(&o, &arms, &rounds).need, 5);
	o.yielded = false;
	ASSERT_TRUE(turn_of(&o, &arms, &rounds).over);
}

TEST(a_confirmation_needs_its_own_rounds_and_time_for_all_of_them)
{
	struct arm_list arms = { .nr = 3, .off = 0, .twin = 1 };
	struct rounds rounds = { 8, 32 };
	struct set_outcome o = { .yielded = true, .rounds = 8, .round_ns = 7, .confirm_left = 5 };
	struct turn t[2];

	o.decision[2][0] = (struct decision){ .verdict = VERDICT_FAIL };
	o.decision[2][1] = (struct decision){ .verdict = VERDICT_UNDECIDED, .rounds_needed = 32 };
	t[0] = turn_of(&o, &arms, &rounds);
	ASSERT_EQ(t[0].need, 5);
	ASSERT_EQ(t[0].least_ns, 35);
	o = (struct set_outcome){ .yielded = true, .rounds = 8, .round_ns = 7, .attribution_left = true };
	t[1] = turn_of(&o, &arms, &rounds);
	ASSERT_EQ(turns_next(t, 2, 36), 0);
	ASSERT_EQ(turns_next(t, 2, 35), 1);
	ASSERT_EQ(turns_next(t, 2, 7), -1);
}

/* ---- simulation: sets that share a number of rounds ---- */

enum { OFF, TWIN, ARM, NR_ARMS, SETS = 6, MAX_ROUNDS = 32 };

struct sim {
	struct response at[MAX_ROUNDS * NR_ARMS];
	double cores[MAX_ROUNDS * NR_ARMS];
	double loss_pct, sd_pct;
	unsigned int rounds;
	struct decision d;
	bool over;
};

static double normal(struct rng *r)
{
	double u = rng_uniform(r), v = rng_uniform(r);

	return sqrt(-2 * log(u > 0 ? u : 1e-12)) * cos(2 * M_PI * v);
}

static void add_round(struct sim *s, struct rng *rng)
{
	for (unsigned int a = 0; a < NR_ARMS; a++) {
		unsigned int k = s->rounds * NR_ARMS + a;
		double y = log(1 - (a == ARM ? s->loss_pct : 0) / 100) + s->sd_pct / 100 / M_SQRT2 * normal(rng);

		s->cores[k] = 0;
		s->at[k] = (struct response){ y, 0, 0, &s->cores[k], 0 };
	}
	s->rounds++;
}

static void look(struct sim *s, bool last)
{
	struct series series = { .nr_rounds = s->rounds, .nr_arms = NR_ARMS, .nr_cores = 1, .core_id = &(unsigned int){ 0 }, .off = OFF, .twin = TWIN,
				 .at = s->at };

	ASSERT_EQ(verdict_decide(&series, ARM, METRIC_THROUGHPUT, &rule_default, last, &s->d), 0);
	s->over = last || s->d.verdict != VERDICT_UNDECIDED;
}

/* To its next look, as long as there are rounds. */
static void turn(struct sim *s, unsigned int *left, struct rng *rng)
{
	static const struct rounds rounds = { 8, 32 };
	unsigned int next = rounds_next_look(&rounds, s->rounds);

	while (s->rounds < next && *left) {
		add_round(s, rng);
		(*left)--;
	}
	if (s->rounds == next)
		look(s, next == rounds.max);
}

static int next_sim(const struct sim *s, bool hardest)
{
	struct turn t[SETS];
	int best = -1;

	for (int i = 0; i < SETS; i++) {
		unsigned int need = s[i].d.rounds_needed > s[i].rounds ? s[i].d.rounds_needed - s[i].rounds : 1;

		t[i] = (struct turn){ s[i].over, need, 0 };
		if (!s[i].over && (best < 0 || need > t[best].need))
			best = i;
	}
	return hardest ? best : turns_next(t, SETS, 1);
}

/* All sets of one run on @budget rounds; how many had an answer. */
static unsigned int run(struct sim *s, const double *loss, unsigned int budget, bool hardest, struct rng *rng)
{
	unsigned int decided = 0;
	int next;

	for (int i = 0; i < SETS; i++) {
		s[i] = (struct sim){ .loss_pct = loss[i], .sd_pct = 2 };
		turn(&s[i], &budget, rng);
	}
	while (budget && (next = next_sim(s, hardest)) >= 0)
		turn(&s[next], &budget, rng);
	for (int i = 0; i < SETS; i++) {
		if (!s[i].over)
			look(&s[i], true);
		decided += s[i].d.verdict == VERDICT_PASS || s[i].d.verdict == VERDICT_FAIL;
	}
	return decided;
}

#define RUNS 400

TEST(at_the_margin_who_waits_makes_no_more_errors)
{
	static const double margin[SETS] = { 5, 5, 5, 5, 5, 5 };
	static struct sim s[SETS];
	struct rng rng = { 11 };
	unsigned int passed = 0, failed = 0;

	for (int i = 0; i < RUNS; i++) {
		run(s, margin, 90, false, &rng);
		for (int k = 0; k < SETS; k++) {
			passed += s[k].d.verdict == VERDICT_PASS;
			failed += s[k].d.verdict == VERDICT_FAIL;
		}
	}
	ASSERT_TRUE(passed < .06 * RUNS * SETS);
	ASSERT_TRUE(failed < .06 * RUNS * SETS);
}

TEST(the_easiest_first_decides_more_than_the_hardest_first)
{
	static const double mixed[SETS] = { 5, 3, 3.4, 4.6, 7, 5.4 };
	static struct sim s[SETS];
	struct rng a = { 3 }, b = { 3 };
	unsigned int easiest = 0, hardest = 0;

	for (int i = 0; i < RUNS; i++) {
		easiest += run(s, mixed, 80, false, &a);
		hardest += run(s, mixed, 80, true, &b);
	}
	if (easiest <= hardest)
		printf("    %u and %u of %d\n", easiest, hardest, RUNS * SETS);
	ASSERT_TRUE(easiest > hardest);
}

TEST_MAIN("test-bench-turns", T(fewest_needed_rounds_come_first_and_nobody_begins_what_has_no_time),
	  T(a_turn_is_what_the_dearest_metric_of_a_judged_arm_needs),
	  T(a_confirmation_needs_its_own_rounds_and_time_for_all_of_them),
	  T(at_the_margin_who_waits_makes_no_more_errors),
	  T(the_easiest_first_decides_more_than_the_hardest_first))
