/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <math.h>

#include "bench/verdict.h"
#include "bench/why.h"
#include "tracer/base/cleanup.h"
#include "tracer/base/test.h"

enum { OFF, TWIN, ARM, NR_ARMS, CORES = 2, MAX_ROUNDS = 32 };

/* A made-up set: the twin and the arm shifted against off, with a fixed ripple. */
struct made {
	struct response at[MAX_ROUNDS * NR_ARMS];
	double cores[MAX_ROUNDS * NR_ARMS * CORES];
	struct series series;
};

static const double ripple[] = { .3, -.5, .1, .4, -.2, -.4, .5, -.1, .2, -.3, .45, -.15 };

/* Core 1 is off line. */
static const unsigned int core_ids[CORES] = { 0, 2 };

static void make(struct made *m, unsigned int rounds, double twin_pct, double arm_pct, double noise)
{
	m->series = (struct series){ .nr_rounds = rounds, .nr_arms = NR_ARMS, .nr_cores = CORES,
				     .core_id = core_ids, .off = OFF, .twin = TWIN, .at = m->at };
	for (unsigned int i = 0; i < rounds; i++) {
		for (unsigned int a = 0; a < NR_ARMS; a++) {
			unsigned int k = i * NR_ARMS + a;
			double pct = (a == TWIN ? twin_pct : a == ARM ? arm_pct : 0) +
				     noise * ripple[(i * 5 + a * 3) % ARRAY_SIZE(ripple)];

			m->cores[k * CORES] = 50 + pct;
			m->cores[k * CORES + 1] = 20 + noise * ripple[(i + a) % ARRAY_SIZE(ripple)];
			m->at[k] = (struct response){ 10 + log(1 - pct / 100), 5 + log(1 + pct / 100),
						      30 + pct, &m->cores[k * CORES], 12 + log(1 + pct / 100) };
		}
	}
}

static struct decision decide(const struct made *m, unsigned int arm, enum metric metric, bool last)
{
	struct rule rule = rule_default;
	struct decision d = { 0 };

	rule.p99_budget = rule.budget;
	ASSERT_EQ(verdict_decide(&m->series, arm, metric, &rule, last, &d), 0);
	return d;
}

TEST(small_cost_passes_in_every_metric)
{
	struct made m;

	make(&m, 8, 0, 1, .5);
	for (int i = 0; i < METRIC_NR; i++) {
		struct decision d = decide(&m, ARM, (enum metric)i, false);

		ASSERT_EQ(d.verdict, VERDICT_PASS);
		ASSERT_TRUE(d.loss.estimate > .4 && d.loss.estimate < 1.6);
		ASSERT_TRUE(d.loss.lower < d.loss.estimate && d.loss.estimate < d.loss.upper);
		ASSERT_EQ(d.rounds, 8);
		ASSERT_EQ(d.rounds_needed, 0);
	}
}

TEST(large_cost_fails_in_every_metric)
{
	struct made m;

	make(&m, 8, 0, 12, .5);
	for (int i = 0; i < METRIC_NR; i++)
		ASSERT_EQ(decide(&m, ARM, (enum metric)i, false).verdict, VERDICT_FAIL);
	ASSERT_EQ(decide(&m, ARM, METRIC_WORST_CORE, false).core, 0);
	ASSERT_EQ(decide(&m, ARM, METRIC_THROUGHPUT, false).core, -1);
}

TEST(the_worst_core_is_told_by_the_kernels_number)
{
	struct made m;

	make(&m, 8, 0, 1, .5);
	for (unsigned int i = 0; i < 8; i++)
		m.cores[(i * NR_ARMS + ARM) * CORES + 1] += 12;
	ASSERT_EQ(decide(&m, ARM, METRIC_WORST_CORE, false).core, 2);
}

/* It has a margin of its own; and what was not measured is no number. */
TEST(the_p99_is_held_to_its_own_margin)
{
	struct rule rule = rule_default;
	struct decision d = { 0 };
	struct made m;

	make(&m, 8, 0, 12, .5);
	rule.p99_budget = 30;
	ASSERT_EQ(verdict_decide(&m.series, ARM, METRIC_P99, &rule, false, &d), 0);
	ASSERT_EQ(d.verdict, VERDICT_PASS);
	ASSERT_TRUE(d.loss.estimate > 11 && d.loss.upper < 13);
	rule.p99_budget = 10;
	ASSERT_EQ(verdict_decide(&m.series, ARM, METRIC_P99, &rule, false, &d), 0);
	ASSERT_EQ(d.verdict, VERDICT_FAIL);
	m.at[5 * NR_ARMS + OFF].ln_p99 = -INFINITY;
	ASSERT_EQ(verdict_decide(&m.series, ARM, METRIC_P99, &rule, false, &d), 0);
	ASSERT_EQ(d.verdict, VERDICT_INCONCLUSIVE);
	ASSERT_TRUE(strstr(d.reason, "no latencies") != NULL);
}

TEST(faster_than_off_is_a_negative_loss_and_passes)
{
	struct made m;
	struct decision d;

	make(&m, 8, 0, -10, .5);
	d = decide(&m, ARM, METRIC_THROUGHPUT, false);
	ASSERT_EQ(d.verdict, VERDICT_PASS);
	ASSERT_TRUE(d.loss.estimate < -9 && d.loss.lower < d.loss.upper);
}

TEST(near_the_margin_is_undecided_then_inconclusive)
{
	struct made m;
	struct decision d;

	make(&m, 8, 0, 5, 1);
	ASSERT_EQ(decide(&m, ARM, METRIC_THROUGHPUT, false).verdict, VERDICT_UNDECIDED);
	d = decide(&m, ARM, METRIC_THROUGHPUT, true);
	ASSERT_EQ(d.verdict, VERDICT_INCONCLUSIVE);
	ASSERT_TRUE(d.rounds_needed > 8);
}

/* The same relative growth is the same work to decide, whichever metric it is of. */
TEST(rounds_needed_are_those_of_the_spread_in_every_unit)
{
	unsigned int needed[METRIC_NR];
	struct made m;

	make(&m, 12, 0, 6, 6);
	for (int i = 0; i < METRIC_NR; i++)
		needed[i] = decide(&m, ARM, (enum metric)i, true).rounds_needed;
	ASSERT_EQ(needed[METRIC_P99], needed[METRIC_CPU_PER_IO]);
	for (int i = 0; i < METRIC_NR; i++)
		ASSERT_TRUE(needed[i] > 40 && needed[i] < 9999);
}

TEST(a_twin_that_differs_makes_it_invalid)
{
	struct made m;
	struct decision d;

	make(&m, 8, 3, 12, .5);
	ASSERT_EQ(decide(&m, ARM, METRIC_THROUGHPUT, false).verdict, VERDICT_UNDECIDED);
	d = decide(&m, ARM, METRIC_THROUGHPUT, true);
	ASSERT_EQ(d.verdict, VERDICT_INVALID);
	ASSERT_TRUE(d.reason && strstr(d.reason, "off2"));
	ASSERT_EQ(decide(&m, ARM, METRIC_WORST_CORE, true).verdict, VERDICT_INVALID);
}

TEST(a_noisy_machine_is_invalid_not_inconclusive)
{
	struct made m;
	struct decision d;

	make(&m, 12, 0, 4, 14);
	d = decide(&m, ARM, METRIC_SYSTEM_CPU, true);
	ASSERT_EQ(d.verdict, VERDICT_INVALID);
	ASSERT_TRUE(d.reason && strstr(d.reason, "noisy"));
}

TEST(on_a_noisy_machine_a_fail_must_stand_out_from_the_twin)
{
	struct made m;

	make(&m, 12, 0, 16, 14); /* the twin's interval reaches some 8, the arm's begins at 9 */
	for (unsigned int i = 0; i < 12; i++)
		m.at[i * NR_ARMS + TWIN].system_pct += i % 2 ? 24 : -24;
	ASSERT_EQ(decide(&m, ARM, METRIC_SYSTEM_CPU, true).verdict, VERDICT_INVALID);
	make(&m, 12, 0, 60, 14);
	ASSERT_EQ(decide(&m, ARM, METRIC_SYSTEM_CPU, true).verdict, VERDICT_FAIL);
}

TEST(rounds_that_depend_on_each_other_are_invalid)
{
	struct made m;
	struct decision d;

	make(&m, 12, 0, 1, .2);
	for (unsigned int i = 0; i < 12; i++) /* the arm alone warms up */
		m.at[i * NR_ARMS + ARM].system_pct += .3 * i;
	d = decide(&m, ARM, METRIC_SYSTEM_CPU, true);
	ASSERT_EQ(d.verdict, VERDICT_INVALID);
	ASSERT_TRUE(d.lag1 > .5);
	ASSERT_EQ(decide(&m, ARM, METRIC_SYSTEM_CPU, false).verdict, VERDICT_UNDECIDED);
}

TEST(the_twin_itself_never_fails)
{
	struct made m;

	make(&m, 8, 0, 0, .5);
	ASSERT_EQ(decide(&m, TWIN, METRIC_THROUGHPUT, true).verdict, VERDICT_PASS);
	make(&m, 8, 12, 0, .5);
	ASSERT_EQ(decide(&m, TWIN, METRIC_THROUGHPUT, true).verdict, VERDICT_INVALID);
}

TEST(too_few_rounds_decide_nothing)
{
	struct made m;
	struct decision d;

	for (unsigned int n = 1; n < 6; n++) {
		make(&m, n, 0, 50, .1);
		d = decide(&m, ARM, METRIC_THROUGHPUT, true);
		ASSERT_EQ(d.verdict, VERDICT_INCONCLUSIVE);
		ASSERT_TRUE(d.loss.estimate > 49);
		ASSERT_EQ(decide(&m, ARM, METRIC_WORST_CORE, true).verdict, VERDICT_INCONCLUSIVE);
	}
	m.series.nr_rounds = 0;
	ASSERT_EQ(verdict_decide(&m.series, ARM, METRIC_THROUGHPUT, &rule_default, true, &d), -EINVAL);
}

TEST(looks_are_those_of_the_table_inside_the_range)
{
	static const struct {
		struct rounds r;
		unsigned int look[6];
	} t[] = {
		{ { 8, 32 }, { 8, 12, 16, 24, 32, 0 } }, { { 8, 16 }, { 8, 12, 16, 0 } },
		{ { 12, 20 }, { 12, 16, 20, 0 } },	 { { 5, 8 }, { 8, 0 } },
		{ { 3, 3 }, { 3, 0 } },			 { { 8, 12 }, { 8, 12, 0 } },
	};

	for (size_t i = 0; i < ARRAY_SIZE(t); i++) {
		unsigned int at = 0, n = 0;

		do {
			at = rounds_next_look(&t[i].r, at);
			ASSERT_EQ(at, t[i].look[n]);
			n++;
		} while (at && n < 6);
		ASSERT_EQ(rounds_nr_looks(&t[i].r), n - 1);
	}
	ASSERT_TRUE(fabs(rounds_alpha(&t[0].r) - .018) < 1e-9);
	ASSERT_TRUE(fabs(rounds_alpha(&t[3].r) - .05) < 1e-9);
}

TEST(rounds_are_parsed_strictly)
{
	static const char *const bad[] = { "", "8:", ":8", "0:8", "9:8", "8:33", "8:32x", "-1:8", "a" };
	struct rounds r;

	ASSERT_EQ(rounds_parse("8:32", &r), 0);
	ASSERT_EQ(r.min, 8);
	ASSERT_EQ(r.max, 32);
	ASSERT_EQ(rounds_parse("6", &r), 0);
	ASSERT_EQ(r.min, 6);
	ASSERT_EQ(r.max, 6);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		ASSERT_TRUE(rounds_parse(bad[i], &r) < 0);
	ASSERT_EQ(r.max, 6);
}

TEST(names_and_exit_codes)
{
	for (int m = 0; m < METRIC_NR; m++)
		ASSERT_EQ(metric_by_name(metric_name((enum metric)m)), m);
	for (int v = 0; v <= VERDICT_INVALID; v++)
		ASSERT_EQ(verdict_by_name(verdict_name((enum verdict)v)), v);
	ASSERT_STR(metric_name(METRIC_THROUGHPUT), "throughput_loss_pct");
	ASSERT_EQ(metric_by_name("nonsense"), -1);
	ASSERT_EQ(verdict_worse(VERDICT_PASS, VERDICT_INCONCLUSIVE), VERDICT_INCONCLUSIVE);
	ASSERT_EQ(verdict_worse(VERDICT_INVALID, VERDICT_FAIL), VERDICT_FAIL);
	ASSERT_EQ(verdict_worse(VERDICT_UNDECIDED, VERDICT_PASS), VERDICT_PASS);
	ASSERT_EQ(verdict_exit(VERDICT_PASS), 0);
	ASSERT_EQ(verdict_exit(VERDICT_FAIL), 1);
	ASSERT_EQ(verdict_exit(VERDICT_INCONCLUSIVE), 3);
	ASSERT_EQ(verdict_exit(VERDICT_INVALID), 4);
}

TEST_MAIN("test-bench-verdict", T(small_cost_passes_in_every_metric),
	  T(large_cost_fails_in_every_metric), T(the_worst_core_is_told_by_the_kernels_number), T(the_p99_is_held_to_its_own_margin), T(faster_than_off_is_a_negative_loss_and_passes),
	  T(near_the_margin_is_undecided_then_inconclusive),
	  T(rounds_needed_are_those_of_the_spread_in_every_unit),
	  T(a_twin_that_differs_makes_it_invalid), T(a_noisy_machine_is_invalid_not_inconclusive),
	  T(on_a_noisy_machine_a_fail_must_stand_out_from_the_twin),
	  T(rounds_that_depend_on_each_other_are_invalid), T(the_twin_itself_never_fails),
	  T(too_few_rounds_decide_nothing), T(looks_are_those_of_the_table_inside_the_range),
	  T(rounds_are_parsed_strictly), T(names_and_exit_codes))
