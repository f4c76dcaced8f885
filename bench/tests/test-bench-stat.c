/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "bench/stat.h"
#include "bench/tests/golden-stat.h"
#include "bench/verdict.h"
#include "tracer/base/cleanup.h"
#include "tracer/base/test.h"

#define NEAR(a, b) ASSERT_TRUE(fabs((a) - (b)) < 1e-9)

TEST(rank_index_is_that_of_full_enumeration)
{
	for (size_t i = 0; i < ARRAY_SIZE(golden_q); i++)
		ASSERT_EQ(stat_rank_q(golden_q[i].n, golden_q[i].alpha), golden_q[i].q);
}

TEST(rank_index_of_the_look_table)
{
	static const int want[][2] = { { 8, 2 }, { 12, 12 }, { 16, 27 }, { 24, 76 }, { 32, 152 } };

	for (size_t i = 0; i < ARRAY_SIZE(want); i++)
		ASSERT_EQ(stat_rank_q((unsigned int)want[i][0], .018), want[i][1]);
	ASSERT_EQ(stat_rank_q(0, .05), -1);
	ASSERT_EQ(stat_rank_q(4, .05), -1);
	ASSERT_EQ(stat_rank_q(5, .05), 0);
	ASSERT_EQ(stat_rank_q(STAT_MAX_N + 1, .05), -1);
}

TEST(hodges_lehmann_is_that_of_the_definition)
{
	for (size_t i = 0; i < ARRAY_SIZE(golden_hl); i++) {
		struct interval v;

		ASSERT_EQ(stat_hodges_lehmann(golden_hl[i].d, golden_hl[i].n, golden_hl[i].alpha, &v), 0);
		NEAR(v.estimate, golden_hl[i].estimate);
		NEAR(v.lower, golden_hl[i].lower);
		NEAR(v.upper, golden_hl[i].upper);
		NEAR(stat_lag1(golden_hl[i].d, golden_hl[i].n), golden_hl[i].lag1);
		NEAR(stat_sd(golden_hl[i].d, golden_hl[i].n), golden_hl[i].sd);
	}
}

TEST(few_rounds_have_no_bound)
{
	static const double d[] = { 1, 2, 3, 4 };
	struct interval v;

	ASSERT_EQ(stat_hodges_lehmann(d, 4, .05, &v), 0);
	NEAR(v.estimate, 2.5);
	ASSERT_TRUE(isinf(v.lower) && v.lower < 0 && isinf(v.upper) && v.upper > 0);
	ASSERT_EQ(stat_hodges_lehmann(d, 0, .05, &v), -EINVAL);
	ASSERT_EQ(stat_hodges_lehmann(d, STAT_MAX_N + 1, .05, &v), -EINVAL);
}

/* All ways to deal n + m ranks to two samples. */
TEST(rank_sum_index_is_that_of_full_enumeration)
{
	for (unsigned int n = 1; n <= 6; n++) {
		for (unsigned int m = 1; m <= 6; m++) {
			unsigned int count[37] = { 0 }, all = 0, sum = 0;
			int q = -1;

			for (unsigned int deal = 0; deal < 1u << (n + m); deal++) {
				unsigned int u = 0, seen = 0;

				if ((unsigned int)__builtin_popcount(deal) != n)
					continue;
				for (unsigned int r = 0; r < n + m; r++) {
					if (deal >> r & 1)
						u += seen; /* of the second sample, below */
					else
						seen++;
				}
				count[u]++;
				all++;
			}
			for (unsigned int u = 0; u <= n * m; u++) {
				sum += count[u];
				if ((double)sum / all <= .05)
					q = (int)u;
			}
			ASSERT_EQ(stat_rank_sum_q(n, m, .05), q);
		}
	}
	/* published tables: critical values of U, one-sided .05 */
	ASSERT_EQ(stat_rank_sum_q(8, 8, .05), 15);
	ASSERT_EQ(stat_rank_sum_q(10, 10, .05), 27);
	ASSERT_EQ(stat_rank_sum_q(20, 20, .05), 138);
	ASSERT_EQ(stat_rank_sum_q(STAT_MAX_N + 1, 8, .05), -1);
	ASSERT_TRUE(stat_rank_sum_q(STAT_MAX_N, STAT_MAX_N, .05) > 1500);
}

TEST(shift_is_the_median_of_all_differences)
{
	static const double a[] = { 1, 2, 3, 4, 5 }, b[] = { 11, 12, 13, 14, 15, 16 };
	struct interval v;

	ASSERT_EQ(stat_shift(a, 5, b, 6, .05, &v), 0);
	NEAR(v.estimate, 10.5);
	ASSERT_TRUE(v.lower > 7 && v.lower < 10.5 && v.upper > 10.5 && v.upper < 14);
	ASSERT_EQ(stat_shift(a, 2, b, 2, .05, &v), 0);
	ASSERT_TRUE(isinf(v.lower) && isinf(v.upper));
	ASSERT_EQ(stat_shift(a, 0, b, 2, .05, &v), -EINVAL);
}

TEST(median_of_odd_and_even)
{
	static const double d[] = { 5, 1, 4, 2, 3, 7, 6 };

	NEAR(stat_median(d, 5), 3);
	NEAR(stat_median(d, 7), 4);
	NEAR(stat_median(d, 6), 3.5);
	NEAR(stat_median(d, 1), 5);
}

TEST(constant_series_has_no_autocorrelation)
{
	static const double d[] = { 2, 2, 2, 2 }, up[] = { 1, 2, 3, 4, 5, 6, 7, 8 };

	NEAR(stat_lag1(d, 4), 0);
	NEAR(stat_lag1(up, 2), 0);
	ASSERT_TRUE(stat_lag1(up, 8) > .5);
}

TEST(rounds_needed_follows_the_fixed_n_guide)
{
	ASSERT_EQ(stat_rounds_needed(1, 1), 11);
	ASSERT_EQ(stat_rounds_needed(2, -1), 36);
	ASSERT_EQ(stat_rounds_needed(1, 0), 9999);
}

TEST(shuffle_is_seeded_and_uniform)
{
	struct rng a = { 7 }, b = { 7 }, r = { 1 };
	unsigned int at_first[4] = { 0 };

	for (int i = 0; i < 100; i++)
		ASSERT_EQ(rng_next(&a), rng_next(&b));
	for (int i = 0; i < 40000; i++) {
		unsigned int v[] = { 0, 1, 2, 3 };

		rng_shuffle(&r, v, 4);
		ASSERT_EQ(v[0] + v[1] + v[2] + v[3], 6);
		at_first[v[0]]++;
	}
	for (int i = 0; i < 4; i++) /* sd is 87 */
		ASSERT_TRUE(at_first[i] > 9600 && at_first[i] < 10400);
}

/* Of 64 cores without any effect the largest is high; its simultaneous bound must not be. */
TEST(worst_of_many_idle_cores_is_not_over_the_margin)
{
	enum { CORES = 64, ROUNDS = 8, TRIALS = 200 };
	struct rng r = { 99 };
	int over = 0;

	for (int t = 0; t < TRIALS; t++) {
		double d[CORES * ROUNDS], lower;
		unsigned int core;

		for (int i = 0; i < CORES * ROUNDS; i++)
			d[i] = 2 * rng_normal(&r);
		ASSERT_EQ(stat_max_t_lower(d, ROUNDS, CORES, .05, 500, (uint64_t)t, &lower, &core), 0);
		over += lower > 0;
	}
	printf("    %d of %d families of 64 idle cores over 0\n", over, TRIALS);
	ASSERT_TRUE(over <= TRIALS / 8);
}

TEST(one_loaded_core_among_many_is_found)
{
	enum { CORES = 16, ROUNDS = 8 };
	double d[CORES * ROUNDS], lower;
	struct rng r = { 3 };
	unsigned int core;

	for (int i = 0; i < CORES * ROUNDS; i++)
		d[i] = rng_normal(&r) + (i % CORES == 11 ? 20 : 0);
	ASSERT_EQ(stat_max_t_lower(d, ROUNDS, CORES, .018, 2000, 1, &lower, &core), 0);
	ASSERT_EQ(core, 11);
	ASSERT_TRUE(lower > 10);
	ASSERT_EQ(stat_max_t_lower(d, 1, CORES, .018, 2000, 1, &lower, &core), -EINVAL);
}

/* ---- the whole procedure on made-up machines ---- */

enum noise { NORMAL, OUTLIERS, STALLS, NR_NOISE };

static double draw(struct rng *r, enum noise kind, double sd)
{
	double v = sd * rng_normal(r);

	if (kind == OUTLIERS && rng_uniform(r) < .1)
		v *= 5;
	if (kind == STALLS && rng_uniform(r) < .1) /* throughput only ever drops */
		v -= 5 * sd * rng_uniform(r);
	return v;
}

/* Rounds until a decision on throughput, as a run takes them. */
static enum verdict simulate_rounds(struct rng *r, enum noise kind, double sd, double loss, struct rounds rounds)
{
	struct response at[32 * 3];
	struct series s = { .nr_arms = 3, .twin = 1, .at = at };
	struct decision d = { 0 };
	unsigned int look;

	while ((look = rounds_next_look(&rounds, s.nr_rounds))) {
		for (; s.nr_rounds < look; s.nr_rounds++)
			for (int a = 0; a < 3; a++)
				at[s.nr_rounds * 3 + (unsigned int)a] = (struct response){
					.ln_throughput = 10 + draw(r, kind, sd) + (a == 2 ? log(1 - loss) : 0),
				};
		if (verdict_decide(&s, 2, METRIC_THROUGHPUT, &rule_default, look == rounds.max, &d))
			return VERDICT_UNDECIDED;
		if (d.verdict != VERDICT_UNDECIDED)
			break;
	}
	return d.verdict;
}

static enum verdict simulate(struct rng *r, enum noise kind, double sd, double loss)
{
	return simulate_rounds(r, kind, sd, loss, (struct rounds){ 8, 32 });
}

/* With the fresh rounds that a FAIL must be repeated in, as a run has them. */
static enum verdict simulate_run(struct rng *r, enum noise kind, double sd, double loss)
{
	enum verdict v = simulate(r, kind, sd, loss);

	if (v == VERDICT_FAIL && simulate_rounds(r, kind, sd, loss, (struct rounds){ 8, 16 }) != VERDICT_FAIL)
		return VERDICT_INCONCLUSIVE;
	return v;
}

static void count_verdicts(enum noise kind, double sd, double loss, int trials, int *count)
{
	struct rng r = { 42 + kind };

	memset(count, 0, 5 * sizeof(*count));
	for (int i = 0; i < trials; i++)
		count[simulate(&r, kind, sd, loss)]++;
}

TEST(at_the_margin_at_most_six_percent_pass_or_fail)
{
	enum { TRIALS = 3000 };

	for (int kind = 0; kind < NR_NOISE; kind++) {
		int n[5];

		count_verdicts((enum noise)kind, .01, .05, TRIALS, n);
		printf("    noise %d at the margin: PASS %.3f FAIL %.3f\n", kind,
		       n[VERDICT_PASS] / (double)TRIALS, n[VERDICT_FAIL] / (double)TRIALS);
		ASSERT_TRUE(n[VERDICT_PASS] <= .06 * TRIALS);
		ASSERT_TRUE(n[VERDICT_FAIL] <= .06 * TRIALS);
	}
}

/*
 * A wide A/A interval does not keep a PASS back: the arm's own bound, which the same noise makes as wide, has to be under
 * the margin. On a loud machine no more pass at the margin than on a quiet one.
 */
TEST(at_the_margin_a_wide_twin_makes_no_pass_wrong)
{
	enum { TRIALS = 3000 };

	for (int kind = 0; kind < NR_NOISE; kind++) {
		static const double sds[] = { .03, .05, .10, .20 };

		for (size_t i = 0; i < sizeof(sds) / sizeof(sds[0]); i++) {
			int n[5];

			count_verdicts((enum noise)kind, sds[i], .05, TRIALS, n);
			printf("    noise %d of %g%%, at the margin: PASS %.3f FAIL %.3f\n", kind, 100 * sds[i],
			       n[VERDICT_PASS] / (double)TRIALS, n[VERDICT_FAIL] / (double)TRIALS);
			ASSERT_TRUE(n[VERDICT_PASS] <= .06 * TRIALS);
			ASSERT_TRUE(n[VERDICT_FAIL] <= .06 * TRIALS);
		}
	}
}

/* A tracer at the margin is accused once in twenty, and confirmed guilty once in some hundreds; a dear one still is. */
TEST(the_confirmation_keeps_chance_out_and_the_guilty_in)
{
	enum { TRIALS = 3000 };

	for (int kind = 0; kind < NR_NOISE; kind++) {
		struct rng r = { 4242 + (uint64_t)kind };
		int chance = 0, guilty = 0;

		for (int i = 0; i < TRIALS; i++)
			chance += simulate_run(&r, (enum noise)kind, .01, .05) == VERDICT_FAIL;
		for (int i = 0; i < 300; i++)
			guilty += simulate_run(&r, (enum noise)kind, .01, .10) == VERDICT_FAIL;
		printf("    noise %d: confirmed at the margin %.4f, at twice of it %.3f\n", kind, chance / (double)TRIALS,
		       guilty / 300.);
		ASSERT_TRUE(chance <= .006 * TRIALS);
		ASSERT_TRUE(guilty >= 285);
	}
}

TEST(no_overhead_never_fails)
{
	enum { TRIALS = 1500 };

	for (int kind = 0; kind < NR_NOISE; kind++) {
		int n[5];

		count_verdicts((enum noise)kind, .01, 0, TRIALS, n);
		ASSERT_EQ(n[VERDICT_FAIL], 0);
		ASSERT_TRUE(n[VERDICT_PASS] > .95 * TRIALS);
		/* a loud machine: it may not know, but it must not accuse */
		count_verdicts((enum noise)kind, .05, 0, TRIALS, n);
		ASSERT_TRUE(n[VERDICT_FAIL] <= .01 * TRIALS);
	}
}

TEST(ten_percent_fails_and_one_passes)
{
	int n[5];

	count_verdicts(NORMAL, .01, .10, 500, n);
	ASSERT_TRUE(n[VERDICT_FAIL] >= 480);
	count_verdicts(NORMAL, .01, .01, 500, n);
	ASSERT_TRUE(n[VERDICT_PASS] >= 480);
	ASSERT_EQ(n[VERDICT_FAIL], 0);
}

TEST_MAIN("test-bench-stat", T(rank_index_is_that_of_full_enumeration),
	  T(rank_index_of_the_look_table), T(hodges_lehmann_is_that_of_the_definition),
	  T(few_rounds_have_no_bound), T(rank_sum_index_is_that_of_full_enumeration), T(shift_is_the_median_of_all_differences),
	  T(median_of_odd_and_even),
	  T(constant_series_has_no_autocorrelation), T(rounds_needed_follows_the_fixed_n_guide),
	  T(shuffle_is_seeded_and_uniform), T(worst_of_many_idle_cores_is_not_over_the_margin),
	  T(one_loaded_core_among_many_is_found), T(at_the_margin_at_most_six_percent_pass_or_fail),
	  T(at_the_margin_a_wide_twin_makes_no_pass_wrong),
	  T(the_confirmation_keeps_chance_out_and_the_guilty_in), T(no_overhead_never_fails), T(ten_percent_fails_and_one_passes))
