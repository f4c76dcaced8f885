/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Runs on a machine that does not hold the fixed rate, made up by fake-fio. */
#include <stdlib.h>
#include <string.h>

#include "bench/tests/bench-run.h"
#include "tracer/base/cleanup.h"
#include "tracer/base/test.h"

#define ROUNDS "--arms off,off2 --quick --time-limit 30s --rounds 5:5 --window 200ms"

static struct bench_run run_mode(const char *mode)
{
	struct bench_run r = run_new("--workload randread-4k-qd1 " ROUNDS);

	run_fake(&r);
	setenv("FAKE_FIO_MODE", mode, 1);
	setenv("FAKE_FIO_LOSS", "0", 1);
	run_start(&r);
	run_end(&r);
	unsetenv("FAKE_FIO_MODE");
	return r;
}

/* Of the rounds that count: their lowest and highest fixed rate. */
static int rates(double *ret_min, double *ret_max)
{
	FILE *f = fopen(fmt("%s/out/results.jsonl", base), "r");
	char *line = NULL;
	size_t len = 0;
	int nr = 0;

	*ret_min = 1e9;
	*ret_max = 0;
	while (f && getline(&line, &len, f) > 0) {
		json_t *o = json_loads(line, 0, NULL);
		double v = json_number_value(json_object_get(json_object_get(o, "fixed_rate"), "target_iops"));

		if (json_is_true(json_object_get(o, "valid"))) {
			*ret_min = v < *ret_min ? v : *ret_min;
			*ret_max = v > *ret_max ? v : *ret_max;
			nr++;
		}
		json_decref(o);
	}
	free(line);
	if (f)
		fclose(f);
	return nr;
}

/* What looks for a rate has 10000 IOPS; what comes then has half of them. */
TEST(the_rate_is_lowered_while_no_round_counts)
{
	struct bench_run r;
	double min, max;

	NEEDS_ROOT_AND_LOOP();
	setup();
	r = run_mode("busier");
	if (!strstr(r.text, "n=5/5"))
		show(&r);
	ASSERT_TRUE(strstr(r.text, "n=5/5"));
	ASSERT_EQ(rates(&min, &max) >= 10, true);
	ASSERT_TRUE(min > 3000);
	ASSERT_TRUE(max < 5000);
	ASSERT_TRUE(max - min < 1);
	ASSERT_TRUE(strstr(r.text, "% load") && !strstr(r.text, "70% load"));
	check_files("summary");
	run_free(&r);
	expect_clean();
}

/* The verdict is about what was measured: throughput, and CPU time at saturation. */
TEST(without_a_rate_there_are_figures_at_saturation)
{
	struct bench_run r;
	double min, max;

	NEEDS_ROOT_AND_LOOP();
	setup();
	r = run_mode("norate");
	if (!strstr(r.text, "n=5/5"))
		show(&r);
	ASSERT_TRUE(strstr(r.text, "n=5/5"));
	ASSERT_TRUE(strstr(r.text, "no fixed rate, CPU at saturation ("));
	ASSERT_TRUE(strstr(r.text, "of the capacity was too much)"));
	ASSERT_TRUE(strstr(r.text, "CPU % at saturation") && !strstr(r.text, "% load"));
	ASSERT_EQ(rates(&min, &max) >= 10, true);
	ASSERT_TRUE(max == 0);
	ASSERT_EQ(count_in(fmt("%s/out/results.jsonl", base), "\"no_fixed_rate\":"), 1);
	check_files("summary");
	run_free(&r);
	expect_clean();
}

/* What a burst outside the window did is not what the window can hold. */
TEST(the_rate_is_planned_from_the_window)
{
	struct bench_run r;
	double min, max;

	NEEDS_ROOT_AND_LOOP();
	setup();
	r = run_mode("burst");
	if (!strstr(r.text, "n=5/5"))
		show(&r);
	ASSERT_EQ(rates(&min, &max) >= 10, true);
	ASSERT_TRUE(min > 6500 && max < 7500);
	ASSERT_TRUE(strstr(r.text, "fixed rate ") && strstr(r.text, "70% load") && !strstr(r.text, "planned when"));
	run_free(&r);
	expect_clean();
}

TEST_MAIN("test-bench-rate", T(the_rate_is_planned_from_the_window), T(the_rate_is_lowered_while_no_round_counts),
	  T(without_a_rate_there_are_figures_at_saturation))
