/* SPDX-License-Identifier: GPL-2.0-or-later */
/* compare: decisions on runs with known effects, and exit codes as git bisect wants them. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "bench/child.h"
#include "bench/compare.h"
#include "bench/file.h"
#include "bench/replay.h"
#include "bench/stop.h"
#include "bench/tests/canned.h"
#include "bench/tests/schema.h"
#include "tracer/base/cleanup.h"
#include "tracer/base/test.h"

static char dir[64], file_a[96], file_b[96], program[512];

static void setup(void)
{
	if (dir[0])
		return;
	canned_place("test-bench-compare", dir);
	snprintf(file_a, sizeof(file_a), "%s/a.jsonl", dir);
	snprintf(file_b, sizeof(file_b), "%s/b.jsonl", dir);
	canned_program(program);
	stop_install();
}

__attribute__((destructor)) static void at_end(void)
{
	if (!dir[0])
		return;
	unlink(file_a);
	unlink(file_b);
	rmdir(dir);
}

static int run(char *const words[], char **ret_out)
{
	char *argv[12] = { program, "compare" };
	struct child_end end = { .status = -1 };
	int n = 2;

	for (int i = 0; words[i]; i++)
		argv[n++] = words[i];
	if (child_run(argv, 30 * NS_PER_S, ret_out, &end))
		CU_FAIL("cannot run iopath-bench");
	return end.status;
}

static struct canned run_of(double loss_pct, unsigned int seed)
{
	struct canned c = canned_default();

	c.loss_pct[2] = loss_pct;
	c.seed = seed;
	return c;
}

/* 0, or -errno; *ret is to be freed then. */
static int compare_canned(const struct canned *a, const struct canned *b, bool force, struct comparison *ret,
			  struct replay r[2], struct why *why)
{
	struct compare_rule rule = { .margin = 1, .force = force };

	setup();
	*why = (struct why){ 0 };
	ASSERT_EQ(canned_write(a, file_a), 0);
	ASSERT_EQ(canned_write(b, file_b), 0);
	if (replay_load(file_a, &r[0], why) || replay_load(file_b, &r[1], why))
		abort();
	return compare_runs(&r[0].report, &r[1].report, &rule, ret, why);
}

static void free_all(struct comparison *c, struct replay r[2])
{
	comparison_free(c);
	replay_free(&r[0]);
	replay_free(&r[1]);
}

TEST(a_change_of_cost_is_told_from_none)
{
	static const struct {
		double a, b;
		enum change want;
	} t[] = {
		{ 3, 3, CHANGE_NONE },	 { 0, 0, CHANGE_NONE }, { 3, 8, CHANGE_WORSE },
		{ 20, 3, CHANGE_NONE }, { 3, 4, CHANGE_UNDECIDED },
	};

	for (size_t i = 0; i < ARRAY_SIZE(t); i++) {
		struct canned a = run_of(t[i].a, 11), b = run_of(t[i].b, 22);
		struct comparison c = { 0 };
		struct replay r[2];
		struct why why;

		ASSERT_EQ(compare_canned(&a, &b, false, &c, r, &why), 0);
		ASSERT_EQ(comparison_verdict(&c), t[i].want);
		ASSERT_EQ(c.nr, 3);
		ASSERT_EQ(c.nr_off, 1);
		ASSERT_TRUE(fabs(c.cell[0].cost_a - t[i].a) < .3 && fabs(c.cell[0].cost_b - t[i].b) < .3);
		ASSERT_TRUE(c.cell[0].change.lower <= c.cell[0].change.estimate &&
			    c.cell[0].change.estimate <= c.cell[0].change.upper);
		if (t[i].a > t[i].b)
			ASSERT_EQ(c.cell[0].verdict, CHANGE_BETTER);
		free_all(&c, r);
	}
}

/* Two samples without a difference: worse is called in at most 5 % of pairs. */
TEST(no_change_is_seldom_called_worse)
{
	unsigned int worse = 0;

	for (unsigned int i = 0; i < 100; i++) {
		struct canned a = run_of(3, 1000 + i), b = run_of(3, 2000 + i);
		struct compare_rule rule = { .margin = 0 }; /* the hardest */
		struct comparison c = { 0 };
		struct replay r[2];
		struct why why;

		a.noise_pct = b.noise_pct = 4;
		ASSERT_EQ(compare_canned(&a, &b, true, &c, r, &why), 0);
		comparison_free(&c);
		ASSERT_EQ(compare_runs(&r[0].report, &r[1].report, &rule, &c, &why), 0);
		worse += comparison_verdict(&c) == CHANGE_WORSE;
		free_all(&c, r);
	}
	if (worse > 10)
		printf("    %u of 100\n", worse);
	ASSERT_TRUE(worse <= 10);
}

TEST(runs_that_do_not_go_together_are_refused)
{
	struct canned a = run_of(3, 11), b[4] = { a, a, a, a };
	static const char *const says[] = { "kernel is 6.12.9 in A, 6.1.0 in B", "fingerprint 0123456789abcdef",
					    "run B is not complete", "no arm under the same workload" };

	b[0].kernel = "6.1.0";
	b[0].key = b[1].key = "feedfeedfeedfeed";
	b[2].no_end = true;
	b[3].workload = "other";
	for (size_t i = 0; i < ARRAY_SIZE(b); i++) {
		struct comparison c = { 0 };
		struct replay r[2];
		struct why why;

		ASSERT_EQ(compare_canned(&a, &b[i], false, &c, r, &why), -EINVAL);
		ASSERT_EQ(why.code, EXIT_USAGE);
		if (!strstr(why.text, says[i]))
			printf("    %s\n", why.text);
		ASSERT_TRUE(strstr(why.text, says[i]) != NULL);
		free_all(&c, r);
		if (i == 3) /* nothing to force */
			break;
		ASSERT_EQ(compare_canned(&a, &b[i], true, &c, r, &why), 0);
		ASSERT_EQ(comparison_verdict(&c), CHANGE_NONE);
		free_all(&c, r);
	}
}

/* Each with its own, whatever number the kernel gave it; what only one run has is only there. */
TEST(two_scratch_devices_of_a_driver_are_kept_apart)
{
	struct canned a = run_of(9, 11), b = run_of(9, 22), alone = run_of(9, 33);

	for (int like = 0; like < 2; like++) {
		struct comparison c = { 0 };
		char device[REPORT_DEVICE_MAX];
		struct replay r[2];
		struct why why;

		a.order = b.order = alone.order = "loop";
		a.second_order = b.second_order = like ? "loop" : "loop:size=1G"; /* there nothing is lost */
		ASSERT_EQ(compare_canned(&a, &b, false, &c, r, &why), 0);
		ASSERT_EQ(c.nr, 6);
		ASSERT_EQ(c.nr_missing, 0);
		ASSERT_STR(report_device(c.b, c.cell[3].set, device), like ? "loop#2" : "loop:size=1G");
		ASSERT_TRUE(c.cell[0].cost_a > 8 && fabs(c.cell[3].cost_a) < 1 && fabs(c.cell[3].cost_b) < 1);
		free_all(&c, r);
		ASSERT_EQ(compare_canned(&a, &alone, false, &c, r, &why), 0);
		ASSERT_EQ(c.nr, 3);
		ASSERT_EQ(c.nr_missing, 1);
		ASSERT_STR(c.missing[0], like ? "randread-4k-qd1 on loop#2, scheduler none: only in A" :
						"randread-4k-qd1 on loop:size=1G, scheduler none: only in A");
		free_all(&c, r);
		ASSERT_EQ(compare_canned(&alone, &a, false, &c, r, &why), 0);
		ASSERT_EQ(c.nr, 3);
		ASSERT_EQ(c.nr_missing, 1);
		ASSERT_TRUE(strstr(c.missing[0], ": only in B") != NULL);
		free_all(&c, r);
	}
}

/* nvme0n1 there and nvme0n1 here: its model and its size say whether it is the same. */
TEST(another_disk_of_the_name_is_refused)
{
	static const struct {
		const char *model;
		unsigned long long size_bytes;
		const char *says;
	} t[] = {
		{ "QEMU NVMe Ctrl", 1ull << 40, "not the same device: model of nvme0n1 is Samsung 990 PRO in A, QEMU NVMe Ctrl in B" },
		{ "Samsung 990 PRO", 1ull << 30, "not the same device: size_bytes of nvme0n1 is 1099511627776 in A, 1073741824 in B" },
	};
	struct canned a = run_of(3, 11), b;

	a.disk = "nvme0n1";
	a.model = "Samsung 990 PRO";
	a.size_bytes = 1ull << 40;
	for (size_t i = 0; i < ARRAY_SIZE(t); i++) {
		struct comparison c = { 0 };
		struct replay r[2];
		struct why why;

		b = a;
		b.model = t[i].model;
		b.size_bytes = t[i].size_bytes;
		ASSERT_EQ(compare_canned(&a, &b, false, &c, r, &why), -EINVAL);
		ASSERT_EQ(why.code, EXIT_USAGE);
		ASSERT_STR(why.text, t[i].says);
		free_all(&c, r);
		ASSERT_EQ(compare_canned(&a, &b, true, &c, r, &why), 0);
		ASSERT_EQ(c.nr_differing, 1);
		free_all(&c, r);
		ASSERT_EQ(compare_canned(&a, &a, false, &c, r, &why), 0);
		ASSERT_EQ(c.nr_differing, 0);
		free_all(&c, r);
	}
}

TEST(settings_that_differ_are_told)
{
	struct canned a = run_of(3, 11), b = run_of(3, 22);
	struct comparison c = { 0 };
	struct replay r[2];
	struct why why;

	a.governor = "performance";
	b.governor = "powersave";
	ASSERT_EQ(compare_canned(&a, &b, false, &c, r, &why), 0);
	ASSERT_EQ(c.nr_differing, 1);
	ASSERT_STR(c.differing[0], "governor is performance in A, powersave in B");
	free_all(&c, r);
	b.governor = NULL; /* of before it was written down */
	ASSERT_EQ(compare_canned(&a, &b, false, &c, r, &why), 0);
	ASSERT_EQ(c.nr_differing, 0);
	free_all(&c, r);
}

/* @from in the file of B is @to there. */
static void compare_edited(const struct canned *a, const struct canned *b, const char *from, const char *to, bool in_both,
			   bool force, struct comparison *ret, struct replay r[2])
{
	struct compare_rule rule = { .margin = 1, .force = force };
	_cleanup_free_ char *x = canned_text(a), *y = canned_text(b), *edited_x = canned_edit(x, from, in_both ? to : from),
			     *edited_y = canned_edit(y, from, to);
	struct why why = { 0 };

	setup();
	ASSERT_EQ(file_replace(file_a, edited_x), 0);
	ASSERT_EQ(file_replace(file_b, edited_y), 0);
	if (replay_load(file_a, &r[0], &why) || replay_load(file_b, &r[1], &why) ||
	    compare_runs(&r[0].report, &r[1].report, &rule, ret, &why)) {
		printf("    %s\n", why.text);
		abort();
	}
}

TEST(cpu_time_at_another_load_is_not_compared)
{
	static const struct {
		double rate;
		const char *none;
		bool force;
		const char *differs;
		enum change cpu;
	} t[] = {
		{ 7000, ",\"no_fixed_rate\":\"it was too much\"", false, "the fixed rate is 70% of the capacity in A, none in B",
		  CHANGE_UNDECIDED },
		{ 7000, ",\"no_fixed_rate\":\"it was too much\"", true, "the fixed rate is 70% of the capacity in A, none in B",
		  CHANGE_NONE },
		{ 6400, "", false, "the fixed rate is 70% of the capacity in A, 64% of the capacity in B", CHANGE_NONE },
		{ 6600, "", false, NULL, CHANGE_NONE },
	};
	struct canned a = run_of(3, 11), b = run_of(3, 22);

	for (size_t i = 0; i < ARRAY_SIZE(t); i++) {
		_cleanup_free_ char *to = NULL;
		struct comparison c = { 0 };
		struct replay r[2];

		b.rate_iops = t[i].rate;
		ASSERT_TRUE(asprintf(&to, "\"fixed_rate_iops\":7000.0%s", t[i].none) > 0);
		compare_edited(&a, &b, "\"fixed_rate_iops\":7000.0", to, false, t[i].force, &c, r);
		ASSERT_EQ(c.nr, 3);
		ASSERT_EQ(c.cell[0].verdict, CHANGE_NONE); /* of throughput, which is at saturation anyway */
		ASSERT_EQ(c.cell[1].verdict, t[i].cpu);
		ASSERT_EQ(c.cell[2].verdict, t[i].cpu);
		if (t[i].cpu == CHANGE_UNDECIDED)
			ASSERT_STR(c.cell[1].reason, "no fixed rate in B: its CPU time is that at saturation");
		ASSERT_EQ(c.nr_differing, t[i].differs != NULL);
		if (c.nr_differing)
			ASSERT_TRUE(strstr(c.differing[0], t[i].differs) != NULL);
		free_all(&c, r);
	}
}

/* The p99 of a canned run has no noise: what an arm loses, it is higher by. */
TEST(a_p99_that_both_judged_is_compared)
{
	static const struct {
		double loss;
		bool in_both;
		enum change p99;
	} t[] = { { 9, true, CHANGE_WORSE }, { 4.5, true, CHANGE_NONE }, { 9, false, CHANGE_UNDECIDED } };

	for (size_t i = 0; i < ARRAY_SIZE(t); i++) {
		struct canned a = run_of(3, 11), b = run_of(t[i].loss, 22);
		struct comparison c = { 0 };
		struct replay r[2];

		compare_edited(&a, &b, "\"budget\":5,", "\"budget\":5,\"gate_p99\":10.0,", t[i].in_both, false, &c, r);
		ASSERT_EQ(c.nr, t[i].in_both ? 4 : 3);
		if (!t[i].in_both) {
			free_all(&c, r);
			continue;
		}
		ASSERT_EQ(c.cell[3].metric, METRIC_P99);
		ASSERT_TRUE(fabs(c.cell[3].change.estimate - 100 * ((100 + t[i].loss) / 103 - 1)) < .01);
		ASSERT_EQ(c.cell[3].verdict, t[i].p99); /* 1.5 % is over the margin of the others */
		comparison_free(&c);
		r[0].set[0].outcome.table.op = FIO_WRITE;
		ASSERT_EQ(compare_runs(&r[0].report, &r[1].report, &(struct compare_rule){ .margin = 1 }, &c, &(struct why){ 0 }), 0);
		ASSERT_EQ(c.cell[3].verdict, CHANGE_UNDECIDED);
		ASSERT_STR(c.cell[3].reason, "reads in one, writes in the other");
		free_all(&c, r);
	}
}

TEST(an_arm_that_only_one_has_is_told)
{
	struct canned a = run_of(3, 11), b = run_of(3, 22);

	for (int in_a = 0; in_a < 2; in_a++) {
		struct comparison c = { 0 };
		struct replay r[2];
		struct why why;

		a.nr_arms = in_a ? 4 : 3;
		b.nr_arms = in_a ? 3 : 4;
		a.arm[3] = b.arm[3] = "blktrace";
		ASSERT_EQ(compare_canned(&a, &b, false, &c, r, &why), 0);
		ASSERT_TRUE(c.nr == 3 && c.nr_missing == 1 && !c.nr_lost);
		ASSERT_TRUE(strstr(c.missing[0], "blktrace") && strstr(c.missing[0], in_a ? ": only in A" : ": only in B"));
		free_all(&c, r);
	}
}

/* Two kernels only when asked, and only where nothing else differs. */
TEST(two_kernels_are_compared_when_told)
{
	struct canned a = run_of(1, 11), b = run_of(12, 13), other;
	struct compare_rule rule = { .margin = 1, .kernels = true };

	b.kernel = "6.1.0";
	b.key = "feedfeedfeedfeed";
	other = b;
	other.cpus = 4;
	for (int i = 0; i < 3; i++) {
		struct comparison c = { 0 };
		struct replay r[2];
		struct why why = { 0 };
		int err;

		ASSERT_EQ(compare_canned(&a, i == 2 ? &other : &b, true, &c, r, &why), 0);
		comparison_free(&c);
		rule.kernels = i > 0;
		err = compare_runs(&r[0].report, &r[1].report, &rule, &c, &why);
		ASSERT_EQ(err, i == 1 ? 0 : -EINVAL);
		if (i == 1)
			ASSERT_EQ(comparison_verdict(&c), CHANGE_WORSE);
		else if (!strstr(why.text, i ? "fingerprint" : "kernel is 6.12.9 in A, 6.1.0 in B"))
			ASSERT_STR(why.text, "");
		free_all(&c, r);
	}
}

TEST(a_noisy_twin_decides_nothing)
{
	struct canned a = run_of(3, 11), b = run_of(9, 22);
	struct comparison c = { 0 };
	struct replay r[2];
	struct why why;

	b.loss_pct[1] = 3;
	ASSERT_EQ(compare_canned(&a, &b, false, &c, r, &why), 0);
	ASSERT_EQ(comparison_verdict(&c), CHANGE_UNDECIDED);
	ASSERT_TRUE(c.cell[0].reason && strstr(c.cell[0].reason, "off2") != NULL);
	free_all(&c, r);
}

TEST(arms_of_one_run_are_paired)
{
	struct canned one = run_of(3, 12);
	struct compare_rule rule = { .margin = 1 };
	struct comparison c = { 0 };
	struct why why = { 0 };
	struct replay r;

	setup();
	one.arm[3] = "next";
	one.loss_pct[3] = 9;
	one.nr_arms = 4;
	ASSERT_EQ(canned_write(&one, file_a), 0);
	ASSERT_EQ(replay_load(file_a, &r, &why), 0);
	ASSERT_EQ(compare_arms(&r.report, "full", "next", &rule, &c, &why), 0);
	ASSERT_EQ(comparison_verdict(&c), CHANGE_WORSE);
	ASSERT_TRUE(fabs(c.cell[0].change.estimate - 100 * (1 - .91 / .97)) < .5);
	comparison_free(&c);
	ASSERT_EQ(compare_arms(&r.report, "next", "full", &rule, &c, &why), 0);
	ASSERT_EQ(comparison_verdict(&c), CHANGE_NONE);
	comparison_free(&c);
	r.set[0].outcome.open_loop = true; /* no throughput of it */
	ASSERT_EQ(compare_arms(&r.report, "full", "next", &rule, &c, &why), 0);
	ASSERT_TRUE(c.nr == 2 && c.cell[0].metric == METRIC_CPU_PER_IO && c.cell[1].metric == METRIC_SYSTEM_CPU);
	comparison_free(&c);
	ASSERT_EQ(compare_arms(&r.report, "full", "nobody", &rule, &c, &why), -EINVAL);
	ASSERT_STR(why.text, "the run has no arm nobody");
	why = (struct why){ 0 };
	ASSERT_EQ(compare_arms(&r.report, "full", "full", &rule, &c, &why), -EINVAL);
	ASSERT_STR(why.text, "arm full against itself");
	replay_free(&r);
}

/* A tracer that does not run costs nothing: that is not "no worse". */
TEST(an_arm_that_died_is_not_no_worse)
{
	struct canned one = run_of(3, 12), healthy;
	struct compare_rule rule = { .margin = 1 };
	struct comparison c = { 0 };
	struct why why = { 0 };
	struct replay r, two[2];

	setup();
	one.arm[3] = "next";
	one.loss_pct[3] = 3;
	one.nr_arms = 4;
	one.second_scheduler = "bfq";
	healthy = one;
	one.dies_second = true;
	ASSERT_EQ(canned_write(&one, file_a), 0);
	ASSERT_EQ(replay_load(file_a, &r, &why), 0);
	ASSERT_EQ(compare_arms(&r.report, "full", "next", &rule, &c, &why), 0);
	ASSERT_EQ(c.nr, 3);
	ASSERT_EQ(c.cell[0].verdict, CHANGE_NONE);
	ASSERT_EQ(comparison_verdict(&c), CHANGE_UNDECIDED);
	ASSERT_EQ(c.nr_missing, 1);
	ASSERT_STR(c.missing[0], "randread-4k-qd1 on loop, scheduler bfq: only in full; the other: the tracer died");
	comparison_free(&c);
	ASSERT_EQ(compare_arms(&r.report, "next", "full", &rule, &c, &why), 0); /* it lives now */
	ASSERT_EQ(comparison_verdict(&c), CHANGE_NONE);
	ASSERT_EQ(c.nr_missing, 1);
	comparison_free(&c);
	replay_free(&r);
	for (int i = 0; i < 2; i++) { /* of two runs: B's, then A's */
		ASSERT_EQ(compare_canned(i ? &one : &healthy, i ? &healthy : &one, false, &c, two, &why), 0);
		ASSERT_EQ(comparison_verdict(&c), i ? CHANGE_NONE : CHANGE_UNDECIDED);
		ASSERT_EQ(c.nr_missing, 1);
		free_all(&c, two);
	}
}

/* It died wherever it ran: for git bisect run that is no error, which would end it, but a revision to skip. */
TEST(an_arm_that_died_everywhere_is_undecided)
{
	struct canned one = run_of(3, 12);
	_cleanup_free_ char *text = NULL, *only = NULL, *whole = NULL, *out = NULL, *other = NULL;
	char *bisect[] = { "--bisect", "--arms", "full,next", file_a, NULL },
	     *turned[] = { "--bisect", "--arms", "next,full", file_a, NULL };
	char *first, *second;

	setup();
	one.arm[3] = "next";
	one.nr_arms = 4;
	one.second_scheduler = "bfq";
	one.dies_second = true;
	text = canned_text(&one);
	first = strstr(text, "{\"type\":\"set\",\"set\":0");
	second = strstr(text, "{\"type\":\"set\",\"set\":1");
	ASSERT_TRUE(first && second);
	ASSERT_TRUE(asprintf(&only, "%.*s%s", (int)(first - text), text, second) > 0);
	whole = canned_edit(only, "\"set\":1,", "\"set\":0,");
	ASSERT_EQ(file_replace(file_a, whole), 0);
	ASSERT_EQ(run(bisect, &out), 125);
	ASSERT_TRUE(out && strstr(out, "verdict: undecided") != NULL);
	ASSERT_EQ(run(turned, &other), 128 + 2); /* nothing to compare with */
}

/* Sets that B tried and failed; one that it was not made for is no fault. */
TEST(a_set_that_failed_in_b_is_not_no_worse)
{
	static const struct {
		const char *more, *says;
		enum change want;
	} t[] = {
		{ "\"", "randread-4k-qd1 on loop, scheduler bfq: only in A", CHANGE_NONE },
		{ "\",\"failed\":true",
		  "randread-4k-qd1 on loop, scheduler bfq: only in A; the other: the kernel does not offer it", CHANGE_UNDECIDED },
	};
	struct canned a = run_of(3, 11), b = run_of(3, 22);
	_cleanup_free_ char *text = NULL;

	setup();
	a.second_scheduler = "bfq";
	b.skipped = "bfq";
	text = canned_text(&b);
	ASSERT_EQ(canned_write(&a, file_a), 0);
	for (size_t i = 0; i < ARRAY_SIZE(t); i++) {
		_cleanup_free_ char *to = NULL, *edited = NULL;
		struct compare_rule rule = { .margin = 1 };
		struct comparison c = { 0 };
		struct why why = { 0 };
		struct replay r[2];

		ASSERT_TRUE(asprintf(&to, "does not offer it%s", t[i].more) > 0);
		edited = canned_edit(text, "does not offer it\"", to);
		ASSERT_EQ(file_replace(file_b, edited), 0);
		ASSERT_EQ(replay_load(file_a, &r[0], &why), 0);
		ASSERT_EQ(replay_load(file_b, &r[1], &why), 0);
		ASSERT_EQ(compare_runs(&r[0].report, &r[1].report, &rule, &c, &why), 0);
		ASSERT_EQ(comparison_verdict(&c), t[i].want);
		ASSERT_EQ(c.nr_missing, 1);
		ASSERT_STR(c.missing[0], t[i].says);
		free_all(&c, r);
	}
}

/* Arms full and next of @rounds rounds in each of @sets sets; next has half the throughput, or @loss. */
static struct comparison many_cells(unsigned int sets, unsigned int rounds, double loss, struct replay *r)
{
	struct canned c = run_of(3, 12);
	struct compare_rule rule = { .margin = 1 };
	struct comparison ret = { 0 };
	struct why why = { 0 };

	setup();
	c.arm[3] = "next";
	c.loss_pct[3] = loss;
	c.nr_arms = 4;
	c.rounds = c.max_rounds = rounds;
	c.more_sets = sets - 1;
	ASSERT_EQ(canned_write(&c, file_a), 0);
	ASSERT_EQ(replay_load(file_a, r, &why), 0);
	ASSERT_EQ(compare_arms(&r->report, "full", "next", &rule, &ret, &why), 0);
	ASSERT_EQ(ret.nr, sets * 3);
	return ret;
}

/* 2^-8 is more than .05 / 15: no bound says worse, whatever was lost. It is not silent about it. */
TEST(too_few_rounds_for_so_many_cells_are_told)
{
	struct replay r;
	struct comparison c = many_cells(5, 8, 50, &r);

	ASSERT_EQ(comparison_verdict(&c), CHANGE_UNDECIDED);
	ASSERT_STR(c.cell[0].reason, "too few rounds to call one of so many cells worse");
	ASSERT_EQ(c.cell[0].rounds_needed, 9); /* 2^-9 is less */
	comparison_free(&c);
	replay_free(&r);
	c = many_cells(5, 16, 50, &r); /* as bench-compare has them */
	ASSERT_EQ(comparison_verdict(&c), CHANGE_WORSE);
	for (unsigned int i = 0; i < c.nr; i++)
		if (c.cell[i].metric != METRIC_SYSTEM_CPU)
			ASSERT_TRUE(c.cell[i].verdict == CHANGE_WORSE && !c.cell[i].rounds_needed);
	comparison_free(&c);
	replay_free(&r);
}

/* Of 12 cells 8 are worse: the bounds of the rest share the error among 4. */
TEST(what_is_worse_leaves_its_error_to_the_others)
{
	struct replay r;
	struct comparison c = many_cells(4, 8, 12, &r);
	const struct table *t = &r.set[0].outcome.table;
	unsigned int worse = 0;
	struct interval v;
	double d[8];

	for (unsigned int i = 0; i < c.nr; i++)
		worse += c.cell[i].verdict == CHANGE_WORSE;
	ASSERT_EQ(worse, 8);
	ASSERT_EQ(t->nr_rounds, 8);
	for (unsigned int i = 0; i < 8; i++)
		d[i] = t->response[i * t->nr_arms + 3].system_pct - t->response[i * t->nr_arms + 2].system_pct;
	ASSERT_EQ(stat_hodges_lehmann(d, 8, .05 / 4, &v), 0);
	ASSERT_EQ(c.cell[2].metric, METRIC_SYSTEM_CPU);
	ASSERT_TRUE(fabs(c.cell[2].change.lower - v.lower) < 1e-9);
	comparison_free(&c);
	replay_free(&r);
}

/* ---- the program ---- */

/* What the script for two kernels refuses, with the codes that git bisect run understands. */
TEST(kernels_are_two_on_one_disk)
{
	static const struct {
		const char *command, *says;
		int status;
	} t[] = {
		{ "bench/bench-kernels 6.1", "KERNELS='6.1': expected two", 2 },
		{ "BISECT=1 bench/bench-kernels '6.1 6.12 7.2'", "expected two", 130 },
		{ "DISK=nvme,virtio bench/bench-kernels '6.1 6.12'", "expected one disk", 2 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(t); i++) {
		char *argv[] = { "sh", "-c", (char *)t[i].command, NULL };
		_cleanup_free_ char *text = NULL;
		struct child_end end = { 0 };

		ASSERT_EQ(child_run(argv, 20 * NS_PER_S, &text, &end), 0);
		ASSERT_EQ(end.status, t[i].status);
		ASSERT_TRUE(text && strstr(text, t[i].says) != NULL);
	}
}

static void gate_p99(const char *path)
{
	struct canned c = run_of(3, 11);
	_cleanup_free_ char *text = canned_text(&c), *edited = canned_edit(text, "\"budget\":5,", "\"budget\":5,\"gate_p99\":10.0,");

	ASSERT_EQ(file_replace(path, edited), 0);
}

TEST(exit_codes)
{
	struct canned low = run_of(3, 11), high = run_of(9, 22), middle = run_of(4, 33);
	char *worse[] = { file_a, file_b, NULL }, *same[] = { file_a, file_a, NULL },
	     *bisect[] = { "--bisect", file_a, file_b, NULL }, *nofile[] = { file_a, "/nowhere", "--bisect", NULL },
	     *one[] = { file_a, NULL }, *json[] = { "--json", file_a, file_b, NULL }, *gated[] = { "--json", file_a, file_a, NULL };
	_cleanup_free_ char *a = NULL, *b = NULL, *c = NULL, *d = NULL, *e = NULL, *f = NULL, *g = NULL, *h = NULL;
	json_t *doc, *schema = json_load_file("results/schema/compare.schema.json", 0, NULL);
	char err[256] = "";

	setup();
	low.governor = "performance";
	high.governor = "powersave";
	ASSERT_EQ(canned_write(&low, file_a), 0);
	ASSERT_EQ(canned_write(&high, file_b), 0);
	ASSERT_EQ(run(worse, &a), 1);
	ASSERT_TRUE(a && strstr(a, "\nnot alike: governor is performance in A, powersave in B\n") != NULL);
	ASSERT_TRUE(a && strstr(a, "verdict: worse (margin 1)") != NULL);
	ASSERT_EQ(run(same, &b), 0);
	ASSERT_EQ(run(nofile, &c), 128 + 2);
	ASSERT_TRUE(c && strstr(c, "/nowhere: No such file") != NULL);
	ASSERT_EQ(run(one, &d), 2);
	ASSERT_EQ(run(json, &e), 1);
	doc = json_loads(e ? e : "", 0, NULL);
	ASSERT_TRUE(schema && doc && schema_check(schema, doc, err, sizeof(err)));
	ASSERT_STR(err, "");
	gate_p99(file_a);
	ASSERT_EQ(run(gated, &h), 0);
	ASSERT_TRUE(h && strstr(h, "\"metric\": \"p99_pct\"") && strstr(h, "\"p99_margin\": 2.0"));
	json_decref(doc);
	doc = json_loads(h ? h : "", 0, NULL);
	ASSERT_TRUE(schema && doc && schema_check(schema, doc, err, sizeof(err)));
	ASSERT_STR(err, "");
	ASSERT_EQ(canned_write(&low, file_a), 0);
	ASSERT_EQ(canned_write(&middle, file_b), 0);
	ASSERT_EQ(run(worse, &f), 3);
	ASSERT_TRUE(f && strstr(f, "undecided, needs ~") != NULL);
	ASSERT_EQ(run(bisect, &g), 125);
	json_decref(doc);
	json_decref(schema);
}

TEST_MAIN("test-bench-compare", T(a_change_of_cost_is_told_from_none), T(no_change_is_seldom_called_worse),
	  T(runs_that_do_not_go_together_are_refused), T(two_kernels_are_compared_when_told), T(two_scratch_devices_of_a_driver_are_kept_apart),
	  T(another_disk_of_the_name_is_refused), T(settings_that_differ_are_told),
	  T(cpu_time_at_another_load_is_not_compared), T(a_p99_that_both_judged_is_compared),
	  T(an_arm_that_only_one_has_is_told),
	  T(a_noisy_twin_decides_nothing),
	  T(arms_of_one_run_are_paired), T(an_arm_that_died_is_not_no_worse),
	  T(an_arm_that_died_everywhere_is_undecided), T(a_set_that_failed_in_b_is_not_no_worse),
	  T(too_few_rounds_for_so_many_cells_are_told),
	  T(what_is_worse_leaves_its_error_to_the_others), T(kernels_are_two_on_one_disk), T(exit_codes))
