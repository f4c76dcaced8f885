/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <math.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "bench/file.h"
#include "bench/report.h"
#include "bench/result.h"
#include "bench/view.h"
#include "bench/tests/schema.h"
#include "tracer/base/cleanup.h"
#include "tracer/base/test.h"

enum { OFF, OFF2, BLOCK, FULL };

static struct arm_list arms = {
	.nr = 4, .off = OFF, .twin = OFF2,
	.v = { { .name = "off" }, { .name = "off2" }, { .name = "block" }, { .name = "full" } },
};

static struct decision made(enum verdict v, double estimate, double lower, double upper)
{
	return (struct decision){ .verdict = v, .loss = { estimate, lower, upper }, .core = -1, .rounds = 12 };
}

static void fill(struct set_outcome *o, unsigned int arm, struct decision thr, struct decision cpu,
		 struct decision sys, struct decision core)
{
	core.core = 1;
	o->decision[arm][METRIC_THROUGHPUT] = thr;
	o->decision[arm][METRIC_CPU_PER_IO] = cpu;
	o->decision[arm][METRIC_SYSTEM_CPU] = sys;
	o->decision[arm][METRIC_WORST_CORE] = core;
}

static void make_sets(struct report_set sets[2])
{
	struct set_outcome *o = &sets[0].outcome;
	struct decision undecided = made(VERDICT_INCONCLUSIVE, 4.6, 3.8, 5.5);

	memset(sets, 0, 2 * sizeof(*sets));
	undecided.rounds_needed = 40;
	strcpy(sets[0].workload, "randread-4k-qd32");
	strcpy(sets[0].device, "nvme0n1");
	strcpy(sets[0].scheduler, "none");
	fill(o, OFF2, made(VERDICT_PASS, .1, -.6, .9), made(VERDICT_PASS, -.2, -.9, .4),
	     made(VERDICT_PASS, 0, -.1, .1), made(VERDICT_PASS, .2, -.5, .8));
	fill(o, BLOCK, made(VERDICT_PASS, .9, .2, 1.7), made(VERDICT_PASS, 1.8, 1.1, 2.6),
	     made(VERDICT_PASS, .4, .3, .5), made(VERDICT_PASS, .9, .4, 1.4));
	fill(o, FULL, undecided, made(VERDICT_FAIL, 6.9, 6, 7.7), made(VERDICT_PASS, 2.8, 2.5, 3),
	     made(VERDICT_FAIL, 5.9, 5.1, 6.4));
	o->confirmed[FULL][METRIC_CPU_PER_IO] = o->confirmed[FULL][METRIC_WORST_CORE] = true;
	o->figures[BLOCK] = (struct arm_figures){ .cpu_ns_per_io = 61, .p99_ns = 18400, .is_traced = true };
	o->figures[FULL] = (struct arm_figures){ .cpu_ns_per_io = 418, .p99_ns = 1200000, .is_traced = true, .lost = 17 };
	o->rounds = 12;
	o->confirm_rounds = 8;
	o->capacity_iops = o->off_iops = 250000;
	o->rate_iops = 175000;
	strcpy(sets[1].workload, "randread-4k-qd32");
	strcpy(sets[1].device, "nvme0n1");
	strcpy(sets[1].scheduler, "bfq");
	sets[1].skipped = "the kernel does not offer this scheduler for the device";
}

static struct report make_report(const struct report_set *sets)
{
	return (struct report){ .arms = &arms, .nr_sets = 2, .set = sets, .rounds = { 8, 32 },
				.budget = 5, .seed = 32574, .complete = true, .kernel = "6.12.9" };
}

static const char golden[] =
	"\nbench nvme0n1 none randread-4k-qd32 kernel 6.12.9 n=12/32 seed=32574  A/A +0.1 [-0.6,+0.9] floor 0.8% ok"
	"  off 250000 IOPS, fixed rate 175000 (70%)  8 more to confirm\n"
	"tier           thr-loss% [bounds]    cpu/IO% [bounds]      sys pp  worst core     ns/IO     p99   lost  verdict (margin 5%)\n"
	"off2           +0.1 [-0.6,+0.9]      -0.2 [-0.9,+0.4]        +0.0  cpu1 +0.2         +0       -      -  PASS\n"
	"block          +0.9 [+0.2,+1.7]      +1.8 [+1.1,+2.6]        +0.4  cpu1 +0.9        +61  18.4us      0  PASS\n"
	"full           +4.6 [+3.8,+5.5]      +6.9 [+6.0,+7.7]        +2.8  cpu1 +5.9       +418  1.20ms     17  FAIL cpu/IO, core; undecided thr, needs ~40 rounds\n"
	"\nbench nvme0n1 bfq randread-4k-qd32: skipped: the kernel does not offer this scheduler for the device\n";

TEST(report_is_the_golden_one)
{
	_cleanup_free_ char *text = NULL;
	struct report_set sets[2];
	struct report r;

	make_sets(sets);
	r = make_report(sets);
	ASSERT_EQ(view_render(view_find("text"), &r, &text), 0);
	if (!strstr(text, golden))
		printf("%s", text);
	ASSERT_TRUE(strstr(text, golden) != NULL);
	ASSERT_TRUE(strstr(text, "\nverdict: FAIL (budget 5%)\n") != NULL);
	ASSERT_TRUE(!strstr(text, "smoke"));
}

TEST(smoke_and_partial_runs_say_so)
{
	_cleanup_free_ char *text = NULL;
	struct report_set sets[2];
	struct report r;

	make_sets(sets);
	r = make_report(sets);
	r.smoke = true;
	r.complete = false;
	r.reason = "stopped by Interrupt";
	ASSERT_EQ(view_render(view_find("text"), &r, &text), 0);
	ASSERT_TRUE(strstr(text, "smoke run") && strstr(text, "(not confirmed)"));
	ASSERT_TRUE(strstr(text, "the run is not complete: stopped by Interrupt") != NULL);
}

TEST(the_worst_arm_decides_and_the_twin_does_not)
{
	struct report_set sets[2];
	struct report r;

	make_sets(sets);
	r = make_report(sets);
	ASSERT_EQ(report_verdict(&r), VERDICT_FAIL);
	for (int m = 0; m < METRIC_NR; m++) {
		sets[0].outcome.decision[FULL][m].verdict = VERDICT_PASS;
		sets[0].outcome.decision[OFF2][m].verdict = VERDICT_INVALID;
	}
	ASSERT_EQ(report_verdict(&r), VERDICT_PASS);
	r.complete = false; /* what was stopped has not passed */
	ASSERT_EQ(report_verdict(&r), VERDICT_INCONCLUSIVE);
	r.complete = true;
	arms.nr = 2; /* nothing but the twins: then they are the question */
	ASSERT_EQ(report_verdict(&r), VERDICT_INVALID);
	arms.nr = 4;
}

static json_t *load_schema(const char *name)
{
	char path[128];
	json_error_t err;
	json_t *schema;

	snprintf(path, sizeof(path), "results/schema/%s", name);
	schema = json_load_file(path, 0, &err);
	if (!schema)
		printf("    %s:%d: %s\n", path, err.line, err.text);
	return schema;
}

TEST(verdict_json_is_that_of_its_schema)
{
	json_t *schema = load_schema("verdict.schema.json"), *doc;
	struct report_set sets[2];
	struct report r;
	char err[512];

	make_sets(sets);
	sets[0].outcome.decision[FULL][METRIC_WORST_CORE].loss.lower = -INFINITY;
	sets[0].outcome.decision[FULL][METRIC_SYSTEM_CPU].verdict = VERDICT_UNDECIDED;
	r = make_report(sets);
	doc = report_verdict_json(&r, 1);
	if (!schema_check(schema, doc, err, sizeof(err)))
		printf("    %s\n", err);
	ASSERT_STR(err, "");
	ASSERT_EQ(json_array_size(json_object_get(doc, "cells")), 12);
	ASSERT_EQ(json_array_size(json_object_get(doc, "skipped")), 1);
	ASSERT_STR(json_string_value(json_object_get(doc, "verdict")), "FAIL");
	json_object_del(json_array_get(json_object_get(doc, "cells"), 3), "margin");
	ASSERT_TRUE(!schema_check(schema, doc, err, sizeof(err)));
	ASSERT_STR(err, "/cells[3]/margin: missing");
	json_decref(doc);
	json_decref(schema);
}

TEST(result_files_of_an_earlier_run_are_removed)
{
	char dir[] = "/tmp/test-bench-report.XXXXXX", path[64];
	struct result r = { 0 };
	struct why why = { 0 };

	ASSERT_TRUE(mkdtemp(dir) != NULL);
	snprintf(path, sizeof(path), "%s/verdict.json", dir);
	ASSERT_EQ(file_replace(path, "{\"verdict\":\"PASS\"}"), 0);
	ASSERT_EQ(result_open(dir, &r, &why), 0);
	ASSERT_TRUE(access(path, F_OK) != 0);
	ASSERT_EQ(result_line(&r, json_pack("{s:s}", "type", "header"), &why), 0);
	ASSERT_EQ(result_write_json(&r, "verdict.json", json_pack("{s:i}", "a", 1), &why), 0);
	ASSERT_EQ(access(path, F_OK), 0);
	result_close(&r);
	unlink(path);
	snprintf(path, sizeof(path), "%s/results.jsonl", dir);
	unlink(path);
	ASSERT_EQ(rmdir(dir), 0);
}

TEST(results_that_cannot_be_written_are_named)
{
	struct result r = { 0 };
	struct why why = { 0 };

	ASSERT_TRUE(result_open("/proc/nonsense", &r, &why) < 0);
	ASSERT_EQ(why.code, EXIT_ENVIRONMENT);
	ASSERT_TRUE(strstr(why.text, "/proc/nonsense") != NULL);
	r = (struct result){ .dir = strdup("/nowhere"), .lines = fopen("/dev/full", "w") };
	why = (struct why){ 0 };
	ASSERT_TRUE(result_line(&r, json_pack("{s:s}", "type", "cell"), &why) < 0);
	ASSERT_EQ(why.code, EXIT_HARNESS);
	ASSERT_STR(why.text, "cannot write /nowhere/results.jsonl: No space left on device");
	result_close(&r);
}

TEST_MAIN("test-bench-report", T(report_is_the_golden_one), T(smoke_and_partial_runs_say_so),
	  T(the_worst_arm_decides_and_the_twin_does_not), T(verdict_json_is_that_of_its_schema),
	  T(result_files_of_an_earlier_run_are_removed), T(results_that_cannot_be_written_are_named))
