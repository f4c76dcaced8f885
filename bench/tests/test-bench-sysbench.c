/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Whole runs of a sysbench that is made up: what it is told to do, and what becomes of one that fails; and of the real one. */
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
	"		r * o / 1140 * .6, r * o / 1140 * .4, r - r * o / 1140 }'\n"
	"[ -e \"$FAKE_FIO_FLAG\" ] && ms=765432.10 || ms=876.54\n"
	"printf '\\nLatency (ms):\\n         min: %10s\\n         avg: %10s\\n         max: %10s\\n         95th percentile: %10s\\n' "
	"0.01 $ms $ms $ms\n";

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

/* Of all kinds together and in steps of 10 us: nothing of it is a figure, and an arm that it calls slow loses nothing by it. */
TEST(its_latency_is_neither_shown_nor_judged)
{
	static const char *const files[] = { "results.jsonl", "report.md", "verdict.json", "html" };
	static const char none[] = "\"latency\":{\"read\":null,\"write\":null,\"sync\":null}";
	struct bench_run r;
	json_t *v;

	NEEDS_ROOT_AND_LOOP();
	setup();
	r = run_sysbench("", "sysbench-rndrw", "dear=" SLOW_ARM);
	ASSERT_EQ(system(fmt("%s/iopath-bench report --format html %s/out >%s/out/html", build_dir, base, base)), 0);
	/* a pass at saturation and one at the rate in every cell; on a busy machine some are redone */
	ASSERT_TRUE(count_in(fmt("%s/out/results.jsonl", base), "\"valid\":true") >= 3);
	ASSERT_TRUE(count_in(fmt("%s/out/results.jsonl", base), none) >= 2 * 3);
	ASSERT_EQ(count_in(fmt("%s/out/results.jsonl", base), none), count_in(fmt("%s/out/results.jsonl", base), "\"latency\":"));
	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		ASSERT_TRUE(count_in(fmt("%s/out/%s", base, files[i]), "dear") > 0);
		ASSERT_EQ(count_in(fmt("%s/out/%s", base, files[i]), "765432"), 0);
		ASSERT_EQ(count_in(fmt("%s/out/%s", base, files[i]), "876.54"), 0);
	}
	ASSERT_TRUE(strstr(r.text, "765432") == NULL && strstr(r.text, ", p99 of ") == NULL);
	v = verdict();
	ASSERT_TRUE(strcmp(cell_verdict(v, "dear", "throughput_loss_pct"), "none") != 0);
	ASSERT_TRUE(strcmp(cell_verdict(v, "dear", "throughput_loss_pct"), "FAIL") != 0);
	json_decref(v);
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

/* ---- the real one ---- */

/* Around it: of each step the device's reads, the files that are there, and of a run its events and reads a second. */
static const char around[] =
	"#!/bin/sh\n"
	"step=\n"
	"for w; do case $w in prepare | run | cleanup) step=$w ;; esac; done\n"
	"[ \"$step\" ] || exec sysbench \"$@\"\n"
	"reads() { read -r n rest <\"/sys/class/block/$SYSBENCH_DISK/stat\" && echo \"$n\"; }\n"
	"before=$(reads)\n"
	"said=$(sysbench \"$@\" 2>&1); status=$?\n"
	"after=$(reads)\n"
	"number() { n=$(printf '%s\\n' \"$said\" | sed -n \"s,^ *$1: *,,p\"); echo \"${n:--1}\"; }\n"
	"echo \"$step $((after - before)) $(ls | grep -c '^test_file[.]') $(number 'total number of events') $(number reads/s)\" >>\"$SYSBENCH_LOG\"\n"
	"printf '%s\\n' \"$said\"\n"
	"exit $status\n";

#define REAL_STEPS 64

struct real_step {
	char name[16];
	unsigned long reads, files;
	long events;
	double reads_s;
};

static unsigned int read_steps(struct real_step *steps)
{
	_cleanup_fclose_ FILE *f = fopen(fmt("%s/steps", base), "re");
	unsigned int nr = 0;

	for (struct real_step *s = steps; f && nr < REAL_STEPS && fscanf(f, "%15s %lu %lu %ld %lf", s->name, &s->reads, &s->files,
									 &s->events, &s->reads_s) == 5; s++)
		nr++;
	return nr;
}

/* A pass is one of the runs: its rate to the digits that sysbench prints, and no fewer I/Os at the disk than it did. */
static void expect_one_of_the_runs(const json_t *pass, const struct real_step *steps, unsigned int nr)
{
	double iops = json_number_value(json_object_get(pass, "iops"));
	json_int_t disk_ios = json_integer_value(json_object_get(pass, "disk_ios"));
	unsigned int found = 0;

	for (unsigned int i = 0; i < nr; i++)
		found += !strcmp(steps[i].name, "run") && iops > steps[i].reads_s - 1e-6 && iops < steps[i].reads_s + 1e-6 &&
			 disk_ios >= (json_int_t)steps[i].reads;
	if (!found)
		printf("    no run had %f reads/s and at most %lld reads\n", iops, (long long)disk_ios);
	ASSERT_TRUE(found > 0);
}

static void expect_passes_are_runs(const struct real_step *steps, unsigned int nr)
{
	_cleanup_free_ char *text = NULL;
	unsigned int passes = 0;
	char *save = NULL;

	ASSERT_EQ(file_read(fmt("%s/out/results.jsonl", base), &text), 0);
	for (char *l = strtok_r(text, "\n", &save); l; l = strtok_r(NULL, "\n", &save)) {
		static const char *const names[] = { "saturation", "fixed_rate" };
		json_t *cell = json_loads(l, 0, NULL);

		for (size_t i = 0; i < ARRAY_SIZE(names) && json_is_true(json_object_get(cell, "valid")); i++)
			if (json_is_object(json_object_get(cell, names[i]))) {
				expect_one_of_the_runs(json_object_get(cell, names[i]), steps, nr);
				passes++;
			}
		json_decref(cell);
	}
	ASSERT_TRUE(passes >= 2);
}

static char disk[64];

/* A file system of the user's, with a file of theirs. */
static bool make_place(void)
{
	static const char job[] = "file-test-mode=rndrd\nfile-num=4\nfile-total-size=8M\nfile-block-size=16384\nfile-extra-flags=direct\n";

	return !file_replace(fmt("%s/real.sysbench", base), job) && !file_replace(fmt("%s/sysbench", base), around) &&
	       !chmod(fmt("%s/sysbench", base), 0755) &&
	       !system(fmt("rm -f %s/steps; mkfs.ext4 -q -E lazy_itable_init=0,lazy_journal_init=0 %s && mkdir %s/mine && "
			   "mount %s %s/mine && echo mine >%s/mine/keep", base, disk, base, disk, base, base));
}

/* Each read of the real one is one at the device: direct, 16 KiB, one at a time, and nobody else reads there. */
TEST(what_the_real_one_says_is_what_the_kernel_counted)
{
	struct real_step steps[REAL_STEPS] = { 0 };
	unsigned int nr, runs = 0;
	struct bench_run r;

	if (system("sysbench --version >/dev/null 2>&1"))
		TEST_SKIP("sysbench is not installed");
	NEEDS_DISK(disk, 640); /* it wants 512 MiB free */
	ASSERT_TRUE(make_place());
	setenv("SYSBENCH_LOG", fmt("%s/steps", base), 1);
	setenv("SYSBENCH_DISK", strrchr(disk, '/') + 1, 1);
	r = run_new(fmt("--device %s/mine --arms off,off2 --quick --rounds 1:1 --window 400ms --max-steal 100 "
			"--sysbench %s/sysbench --workload %s/real.sysbench", base, base, base));
	run_start(&r);
	run_end(&r);
	nr = read_steps(steps);
	if (nr < 4 || nr == REAL_STEPS)
		show(&r);
	ASSERT_TRUE(nr >= 4 && nr < REAL_STEPS);
	ASSERT_STR(steps[0].name, "cleanup");
	ASSERT_STR(steps[1].name, "prepare");
	for (unsigned int i = 1; i < nr; i++) {
		ASSERT_EQ(steps[i].files, 4);
		/* one that gave up on a rate counts nothing */
		if (strcmp(steps[i].name, "run") || steps[i].events < 0)
			continue;
		runs++;
		ASSERT_EQ((long)steps[i].reads, steps[i].events);
	}
	ASSERT_TRUE(runs >= 3);
	expect_passes_are_runs(steps, nr);
	check_files("summary");
	/* nothing of it is left, and what is the user's is there */
	ASSERT_EQ(system(fmt("test \"$(ls %s/mine)\" = \"$(printf 'keep\\nlost+found')\" && grep -qx mine %s/mine/keep", base, base)), 0);
	ASSERT_EQ(system(fmt("umount %s/mine && rmdir %s/mine", base, base)), 0);
	run_free(&r);
	expect_clean();
	end_disk(disk);
}

TEST_MAIN("test-bench-sysbench", T(it_is_told_what_to_do_and_a_rate_that_it_does_not_hold_is_lowered),
	  T(its_ios_are_reads_and_writes_and_its_rate_is_of_events), T(its_latency_is_neither_shown_nor_judged),
	  T(a_full_queue_is_a_rate_that_was_too_high), T(a_rate_is_lowered_when_the_queue_fills_later),
	  T(one_that_dies_in_the_middle_is_named), T(what_the_real_one_says_is_what_the_kernel_counted))
