/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Whole runs of a sysbench that is made up: what it is told to do, and what becomes of one that fails. */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "bench/file.h"
#include "bench/tests/bench-run.h"
#include "bench/why.h"
#include "tracer/base/cleanup.h"
#include "tracer/base/test.h"

/*
 * 1140 events a second, or the rate; it notes its steps. Of a mix 640 are fsyncs. It prints what
 * 1.1 does. SYSBENCH_MODE: dies (killed in the middle of a run), half (of any rate), full (from 300/s
 * on, and at any rate beside the slow arm, it ends as 1.0.20 does when its queue is full),
 * later (the first run at a rate is held, those from 300/s on behind it are not).
 */
static const char program[] =
	"#!/bin/sh\n"
	"time=1 rate=1140 step= of=1140\n"
	"for w; do\n"
	"	case $w in\n"
	"	--version) echo 'sysbench 1.1.0'; exit ;;\n"
	"	help) exit ;;\n"
	"	--time=*) time=${w#*=} ;;\n"
	"	--rate=*) rate=${w#*=}; [ \"$SYSBENCH_MODE\" != half ] || rate=$((rate / 2)) ;;\n"
	"	--file-test-mode=rndrw) of=500 ;;\n"
	"	prepare | run | cleanup) step=$w ;;\n"
	"	esac\n"
	"done\n"
	"echo \"$step $*\" >>\"$SYSBENCH_LOG\"\n"
	"[ $step = run ] || exit 0\n"
	"[ \"$SYSBENCH_MODE\" != dies ] || { sleep .3; kill -9 $$; }\n"
	"case $SYSBENCH_MODE$* in full*--rate=*)\n"
	"	[ $rate -lt 300 ] && [ ! -e \"$FAKE_FIO_FLAG\" ] || { sleep .3; echo 'FATAL: The event queue is full. This means' >&2; exit 1; }\n"
	"	;;\n"
	"later*--rate=*)\n"
	"	[ $rate -lt 300 ] || [ $(grep -c -e --rate= \"$SYSBENCH_LOG\") = 1 ] || { echo 'FATAL: The event queue is full.' >&2; exit 1; }\n"
	"esac\n"
	"sleep $time\n"
	"awk -v r=$rate -v o=$of 'BEGIN { f = \"IOPS=%.2f 1.00 MiB/s (1.05 MB/s)\\n\";\n"
	"	printf \"sysbench 1.1.0\\n\\nThroughput:\\n         read:  \" f \"         write: \" f \"         fsync: IOPS=%.2f\\n\",\n"
	"		r * o / 1140 * .6, r * o / 1140 * .4, r - r * o / 1140 }'\n";

static struct bench_run run_sysbench(const char *mode, const char *workload, const char *arm)
{
	struct bench_run r = run_new("--arms off,off2 --quick --rounds 1:1 --window 200ms --max-steal 100 --workload");

	ASSERT_EQ(file_replace(fmt("%s/sysbench", base), program), 0);
	ASSERT_EQ(chmod(fmt("%s/sysbench", base), 0755), 0);
	unlink(fmt("%s/steps", base));
	setenv("SYSBENCH_LOG", fmt("%s/steps", base), 1);
	setenv("SYSBENCH_MODE", mode, 1);
	add(&r, workload);
	add_words(&r, fmt("--sysbench %s/sysbench", base));
	if (arm) {
		add_words(&r, "--arm-ready ^on --arm");
		add(&r, arm);
	}
	run_start(&r);
	run_end(&r);
	return r;
}

/*
 * Files are prepared once; each pass has its run, at saturation and at rates; a
 * rate that it does not hold is missed, and a lower one tried.
 */
TEST(it_is_told_what_to_do_and_a_rate_that_it_does_not_hold_is_lowered)
{
	_cleanup_free_ char *steps = NULL;
	unsigned int rates = 0, last = 0;
	const char *prepare, *run;
	struct bench_run r;

	NEEDS_ROOT_AND_LOOP();
	setup();
	r = run_sysbench("half", "sysbench-rndrd", NULL);
	if (!strstr(r.text, "no fixed rate"))
		show(&r);
	ASSERT_TRUE(r.status == EXIT_INCONCLUSIVE || r.status == EXIT_ENVIRONMENT);
	ASSERT_EQ(file_read(fmt("%s/steps", base), &steps), 0);
	/* those of an earlier size away first */
	ASSERT_TRUE(!strncmp(steps, "cleanup fileio --file-test-mode=rndrd", 37));
	prepare = strstr(steps, "\nprepare ");
	run = strstr(steps, "\nrun ");
	ASSERT_TRUE(prepare && run && prepare < run && !strstr(prepare + 1, "\nprepare "));
	/* the same offsets in every run */
	ASSERT_EQ(count_in(fmt("%s/steps", base), "--rand-seed=1 "), count_in(fmt("%s/steps", base), "\nrun "));
	for (const char *p = steps; (p = strstr(p, "--rate=")); p++) {
		unsigned int rate = (unsigned int)atoi(p + 7);

		rates += rate < last || !last;
		last = rate;
	}
	ASSERT_TRUE(rates >= 2);
	ASSERT_TRUE(strstr(r.text, "no fixed rate") != NULL);
	/* at saturation it has 1140 events a second, of which the window has its share */
	ASSERT_TRUE(count_in(fmt("%s/out/results.jsonl", base), "\"valid\":true") >= 2);
	ASSERT_TRUE(count_in(fmt("%s/out/results.jsonl", base), "\"target_iops\":null") >= 2);
	check_files("summary");
	run_free(&r);
	expect_clean();
}

static double number_behind(const char *text, const char *label)
{
	const char *p = strstr(text, label);

	return p ? atof(p + strlen(label)) : -1;
}

/* As fio's: so that the two can be compared, and a pass cannot be fsyncs mostly. */
TEST(its_ios_are_reads_and_writes_and_its_rate_is_of_events)
{
	_cleanup_free_ char *steps = NULL, *results = NULL;
	double capacity, rate;
	struct bench_run r;

	NEEDS_ROOT_AND_LOOP();
	setup();
	r = run_sysbench("", "sysbench-rndrw", NULL);
	ASSERT_EQ(file_read(fmt("%s/steps", base), &steps), 0);
	ASSERT_EQ(file_read(fmt("%s/out/results.jsonl", base), &results), 0);
	capacity = number_behind(results, "\"capacity_iops\":");
	rate = number_behind(results, "\"fixed_rate_iops\":");
	if (capacity < 0 || strstr(r.text, "no fixed rate"))
		show(&r);
	ASSERT_TRUE(capacity > 499.99 && capacity < 500.01);
	ASSERT_TRUE(rate >= 349 && rate <= 350);
	ASSERT_TRUE(number_behind(steps, "--rate=") > 2.28 * rate - 1 && number_behind(steps, "--rate=") < 2.28 * rate + 1);
	ASSERT_TRUE(!strstr(r.text, "no fixed rate"));
	ASSERT_EQ(count_in(fmt("%s/steps", base), "--file-fsync-end=off "), count_in(fmt("%s/steps", base), "\nrun "));
	check_files("summary");
	run_free(&r);
	expect_clean();
}

/* 798/s of 1140, then 399, then 199; an arm that cannot keep up with that is named by it. */
TEST(a_full_queue_is_a_rate_that_was_too_high)
{
	struct bench_run r;
	json_t *v;

	NEEDS_ROOT_AND_LOOP();
	setup();
	r = run_sysbench("full", "sysbench-rndrd", "dear=" SLOW_ARM);
	if (!strstr(r.text, "gave up"))
		show(&r);
	ASSERT_TRUE(strstr(r.text, "no fixed rate") == NULL);
	ASSERT_EQ(count_in(fmt("%s/steps", base), "--rate=7"), 1);
	ASSERT_EQ(count_in(fmt("%s/steps", base), "--rate=3"), 1);
	ASSERT_TRUE(count_in(fmt("%s/steps", base), "--rate=19") >= 3);
	v = verdict();
	ASSERT_STR(cell_verdict(v, "dear", "throughput_loss_pct"), "INVALID");
	/* its own reason, not that of a round */
	ASSERT_TRUE(strstr(r.text, "core (sysbench gave up on 19") != NULL);
	json_decref(v);
	check_files("summary");
	run_free(&r);
	expect_clean();
}

/* Held when it was found, and not in the first cell. */
TEST(a_rate_is_lowered_when_the_queue_fills_later)
{
	struct bench_run r;

	NEEDS_ROOT_AND_LOOP();
	setup();
	r = run_sysbench("later", "sysbench-rndrd", NULL);
	if (strstr(r.text, "gave up"))
		show(&r);
	ASSERT_TRUE(r.status <= EXIT_OVER_BUDGET || r.status == EXIT_INCONCLUSIVE || !strstr(r.text, "gave up"));
	ASSERT_TRUE(count_in(fmt("%s/steps", base), "--rate=7") >= 2);
	ASSERT_TRUE(count_in(fmt("%s/steps", base), "--rate=19") >= 2);
	check_files("summary");
	run_free(&r);
	expect_clean();
}

TEST(one_that_dies_in_the_middle_is_named)
{
	struct bench_run r;

	NEEDS_ROOT_AND_LOOP();
	setup();
	r = run_sysbench("dies", "sysbench-rndrd", NULL);
	if (!strstr(r.text, "137"))
		show(&r);
	ASSERT_EQ(r.status, EXIT_ENVIRONMENT);
	ASSERT_TRUE(strstr(r.text, "(status 137)") != NULL);
	ASSERT_EQ(count_in(fmt("%s/out/results.jsonl", base), "\"valid\":true"), 0);
	check_files("stopped");
	run_free(&r);
	expect_clean();
}

TEST_MAIN("test-bench-sysbench", T(it_is_told_what_to_do_and_a_rate_that_it_does_not_hold_is_lowered),
	  T(its_ios_are_reads_and_writes_and_its_rate_is_of_events),
	  T(a_full_queue_is_a_rate_that_was_too_high), T(a_rate_is_lowered_when_the_queue_fills_later),
	  T(one_that_dies_in_the_middle_is_named))
