/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Runs while somebody sets the wall clock. It is a made-up one (step-clock.so in
 * the run and all that it starts): the machine's own stays as it is.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "bench/file.h"
#include "bench/stop.h"
#include "bench/tests/bench-run.h"
#include "bench/why.h"
#include "tracer/base/cleanup.h"
#include "tracer/base/test.h"

#define FAKE_IOPS 10000

static struct bench_run run_stepping(uint64_t at_ms, uint64_t every_ms, int64_t by_ms, const char *words)
{
	struct bench_run r = run_new(words);

	setenv("LD_PRELOAD", fmt("%s/step-clock.so", build_dir), 1);
	/* a sanitizer wants to be the first of the preloaded */
	setenv("ASAN_OPTIONS", "verify_asan_link_order=0", 1);
	setenv("STEP_CLOCK", fmt("%llu %llu %lld", (unsigned long long)at_ms, (unsigned long long)every_ms, (long long)by_ms), 1);
	run_start(&r);
	unsetenv("LD_PRELOAD");
	unsetenv("STEP_CLOCK");
	unsetenv("ASAN_OPTIONS");
	run_end(&r);
	return r;
}

/* Of all cells that count: how far their throughput is from what it was, at most; and how many there are. */
static double worst_error(unsigned int *ret_cells)
{
	_cleanup_free_ char *text = NULL;
	char *save = NULL;
	double worst = 0;

	*ret_cells = 0;
	if (file_read(fmt("%s/out/results.jsonl", base), &text))
		return NAN;
	for (char *l = strtok_r(text, "\n", &save); l; l = strtok_r(NULL, "\n", &save)) {
		json_t *line = json_loads(l, 0, NULL);
		json_t *iops = json_object_get(json_object_get(line, "saturation"), "iops");

		if (json_is_true(json_object_get(line, "valid"))) {
			worst = fmax(worst, fabs(json_number_value(iops) / FAKE_IOPS - 1));
			++*ret_cells;
		}
		json_decref(line);
	}
	return worst;
}

/* Forwards and backwards: whatever is measured is right, and the rest is not measured. */
TEST(a_step_costs_the_cell_and_no_figure_is_wrong)
{
	static const int64_t steps_ms[] = { 400, -7000 };

	NEEDS_ROOT_AND_LOOP();
	for (size_t i = 0; i < ARRAY_SIZE(steps_ms); i++) {
		unsigned int cells;
		double error;
		struct bench_run r;

		setup();
		setenv("FAKE_FIO_LOSS", "0", 1);
		r = run_stepping(now_ns() / NS_PER_MS + 1500, 900, steps_ms[i],
				 fmt("--max-steal 100 --fio %s/fake-fio --arms off,off2 --quick --time-limit 15s --rounds 5:5 --window 200ms "
				     "--workload randread-4k-qd1", build_dir));
		error = worst_error(&cells);
		if (!(error < .03) || !count_in(fmt("%s/out/results.jsonl", base), "the clock was set")) {
			printf("    step of %lld ms: %u cells, off by %.1f%%\n", (long long)steps_ms[i], cells, 100 * error);
			show(&r);
		}
		ASSERT_TRUE(error < .03);
		ASSERT_TRUE(count_in(fmt("%s/out/results.jsonl", base), "the clock was set") > 0);
		ASSERT_TRUE(r.status != EXIT_HARNESS && r.status != EXIT_USAGE);
		check_files("summary");
		expect_clean();
		run_free(&r);
	}
}

/* A clock that never goes right for the length of a pass: nothing is measured, and it is said once, clearly. */
TEST(a_clock_that_is_always_set_gives_no_verdict)
{
	static const char *const loads[] = { "randread-4k-qd1", "uring-randread-qd1" };

	NEEDS_ROOT_AND_LOOP();
	for (size_t i = 0; i < ARRAY_SIZE(loads); i++) {
		struct bench_run r;

		setup();
		r = run_stepping(0, 150, 900,
				 fmt("--max-steal 100 --arms off,off2 --quick --time-limit 8s --rounds 5:5 --window 300ms --workload %s", loads[i]));
		if (r.status != EXIT_ENVIRONMENT || !strstr(r.text, "the clock was set"))
			show(&r);
		ASSERT_EQ(r.status, EXIT_ENVIRONMENT);
		ASSERT_TRUE(r.text && strstr(r.text, "the clock was set") != NULL);
		ASSERT_EQ(count_in(fmt("%s/out/results.jsonl", base), "\"valid\":true"), 0);
		expect_clean();
		run_free(&r);
	}
}

TEST_MAIN("test-bench-clock", T(a_step_costs_the_cell_and_no_figure_is_wrong),
	  T(a_clock_that_is_always_set_gives_no_verdict))
