/* SPDX-License-Identifier: GPL-2.0-or-later */
/* --budget on a load that crosses the line both ways, and words that it does not take. */
#include <signal.h>
#include <time.h>

#include "ground-attempt.h"
#include "ground-check.h"
#include "ground-loop.h"
#include "ground-trace.h"
#include "tracer/base/test.h"

enum { DEVICE_BYTES = 64 << 20 };

static struct loop loop = { .fd = -1 };

/* Intervals until one says that it is at @tier; in 20 s. */
static bool until_tier(struct trace *t, const char *tier)
{
	for (int i = 0; i < 200; i++) {
		const struct timespec ms100 = { 0, 100000000 };
		const char *now;

		nanosleep(&ms100, NULL);
		trace_read(t);
		now = text_at(json_array_get(t->lines, json_array_size(t->lines) - 1), "budget.tier");
		if (now && !strcmp(now, tier))
			return true;
	}
	return false;
}

/* Each I/O of a busy loop costs more than 1 % of it; nothing at all costs less. */
TRACE_TEST(down_under_load_and_up_again)
{
	const char *why = loop_need(&loop, DEVICE_BYTES);
	struct proc p = {};
	struct trace t = {};

	if (why)
		TEST_SKIP(why);
	check_case("a busy loop, then rest");
	/* the load itself must be there: other work of the machine may cross the line as well */
	proc_start(&p, "fio --name=x --filename=%s --rw=randread --bs=4k --direct=1 --thread --time_based --runtime=90",
		   loop.path);
	if (trace_begin(&t, "--tier full --dev %s --budget 1%% --interval 200ms", loop.name)) {
		check_true("goes down", until_tier(&t, "block"));
		proc_signal(&p, SIGKILL);
		proc_wait(&p, 20000);
		check_true("goes up again", until_tier(&t, "full"));
		if (trace_end(&t, SIGINT)) {
			check_between("requests", number_at(t.summary, "coverage.requests.seen"), 1000, INT64_MAX);
			check_between("steps down", number_at(t.summary, "budget.steps_down"), 1, 1000);
			check_between("steps up", number_at(t.summary, "budget.steps_up"), 1, 1000);
			check_between("time in tier block", number_at(t.summary, "budget.in_tier_ns.block"), 1, INT64_MAX);
			check_coverage_under_load(&t);
		}
	}
	trace_free(&t);
	proc_free(&p);
}

TEST(what_it_does_not_take)
{
	static const struct {
		const char *words, *says;
	} cases[] = {
		{ "--budget 0", "not a percentage" },	  { "--budget 101%", "not a percentage" },
		{ "--budget 5pc", "not a percentage" },	  { "--budget five", "not a percentage" },
		{ "--budget 5% --floor", "measures nothing" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct proc p = {};

		check_case("%s", cases[i].words);
		check_same("status", proc_line(&p, "iopath trace %s", cases[i].words), 2);
		check_has("it says", p.err.text, cases[i].says);
		proc_free(&p);
	}
}

TEST_MAIN("trace-budget", T(down_under_load_and_up_again), T(what_it_does_not_take))
