/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Whole runs under a time limit, in a time of their own: the machine's clock,
 * devices and cells are made up here, and the rest is the harness as it is. A
 * cell takes a second, so what has its turn and what there is no time for is
 * known to the second.
 */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench/calibrate.h"
#include "bench/cell.h"
#include "bench/file.h"
#include "bench/load.h"
#include "bench/progress.h"
#include "bench/replay.h"
#include "bench/run-state.h"
#include "bench/stop.h"
#include "bench/tests/canned.h"
#include "tracer/base/cleanup.h"
#include "tracer/base/test.h"

enum { OFF, TWIN, SLOW, NR_ARMS, SETS_AT_MOST = 4 };

static struct {
	uint64_t now_ns;
	struct rng rng;
	double loss_pct[SETS_AT_MOST];	/* of throughput, by workload */
	double cpu_sd_pct;	/* of CPU time per I/O: so much that it is never decided, or little */
	unsigned int attributions;
} world;

/* The linker has these in place of what they are named after: see bench.mk. */
uint64_t __wrap_now_ns(void);
int __wrap_cell_run(struct pass_env *e, const struct arm *arm, const char *iopath, const struct cell_rates *rates,
		    struct cell *ret, struct why *why);
int __wrap_calibrate(struct pass_env *e, struct calibration *ret, struct why *why);
const struct load *__wrap_load_of(const struct workload *w);
int __wrap_attribution_run(struct pass_env *e, const struct arm *arm, const char *iopath, const struct cell_rates *rates,
			   struct attribution *ret, struct why *why);
int __wrap_device_open(const struct device_spec *spec, const struct opt_list *overwrite, struct undo *u,
		       struct device *ret, struct why *why);
int __wrap_target_open(const struct device *d, const struct workload *w, uint64_t span_bytes, struct undo *u,
		       struct target *ret, struct why *why);
void __wrap_target_close(struct target *t, struct undo *u);
int __wrap_file_read_line(const char *path, char *buf, size_t len);
int __wrap_setting_write(const char *path, const char *value);
void __wrap_progress_cell(const struct set_progress *p, void *arg);

uint64_t __wrap_now_ns(void)
{
	return world.now_ns;
}

static struct pass_result make_pass(double iops, double ns_per_io, double target_iops)
{
	struct pass_result r = { .window_s = 1, .ios = iops, .bytes = 4096, .target_iops = target_iops };

	r.cpu = (struct cpu_usage){ .window_ns = NS_PER_S, .busy_ns = (uint64_t)(iops * ns_per_io), .nr = 2 };
	r.cpu.core = calloc(2, sizeof(*r.cpu.core));
	for (unsigned int i = 0; i < 2; i++)
		r.cpu.core[i] = (struct cpu_usage_core){ .id = i, .busy_ns = r.cpu.busy_ns / 2 };
	return r;
}

static double noisy(double v, double sd_pct)
{
	double u = rng_uniform(&world.rng), w = rng_uniform(&world.rng);

	return v * exp(sd_pct / 100 * sqrt(-2 * log(u > 0 ? u : 1e-12)) * cos(2 * M_PI * w));
}

int __wrap_cell_run(struct pass_env *e, const struct arm *arm, const char *iopath, const struct cell_rates *rates,
		    struct cell *ret, struct why *why)
{
	double loss = arm->kind == ARM_OFF ? 0 : world.loss_pct[e->workload->name[1] - '0'];
	struct cell c = { .took_ns = NS_PER_S };

	(void)iopath, (void)why;
	c.saturation = make_pass(noisy(10000 * (1 - loss / 100), .3), 1e4, 0);
	c.fixed = make_pass(rates->iops, noisy(2e4, world.cpu_sd_pct), rates->iops);
	world.now_ns += c.took_ns;
	*ret = c;
	return cell_take_core_pct(ret);
}

int __wrap_calibrate(struct pass_env *e, struct calibration *ret, struct why *why)
{
	(void)e, (void)why;
	*ret = (struct calibration){ .capacity_iops = 10000, .rate_iops = 7000, .nr_cores = 2 };
	return 0;
}

static int nothing_to_prepare(struct pass_env *e, struct why *why)
{
	(void)e, (void)why;
	return 0;
}

const struct load *__wrap_load_of(const struct workload *w)
{
	static const struct load load = { .name = "made up", .prepare = nothing_to_prepare };

	(void)w;
	return &load;
}

int __wrap_attribution_run(struct pass_env *e, const struct arm *arm, const char *iopath, const struct cell_rates *rates,
			   struct attribution *ret, struct why *why)
{
	(void)e, (void)arm, (void)iopath, (void)rates, (void)why;
	*ret = (struct attribution){ .ios = 1000 };
	world.now_ns += NS_PER_S;
	world.attributions++;
	return 0;
}

int __wrap_device_open(const struct device_spec *spec, const struct opt_list *overwrite, struct undo *u,
		       struct device *ret, struct why *why)
{
	(void)spec, (void)overwrite, (void)u, (void)why;
	*ret = (struct device){ .path = "/dev/mine", .name = "mine", .disk = "mine", .driver = "mine", .size_bytes = 1 << 20,
				.scratch = true, .fd = -1 };
	return 0;
}

int __wrap_target_open(const struct device *d, const struct workload *w, uint64_t span_bytes, struct undo *u,
		       struct target *ret, struct why *why)
{
	(void)d, (void)w, (void)span_bytes, (void)u, (void)why;
	*ret = (struct target){ 0 };
	return 0;
}

void __wrap_target_close(struct target *t, struct undo *u)
{
	(void)t, (void)u;
}

int __real_file_read_line(const char *path, char *buf, size_t len);

int __wrap_file_read_line(const char *path, char *buf, size_t len)
{
	if (strcmp(path, "/sys/block/mine/queue/scheduler"))
		return __real_file_read_line(path, buf, len);
	snprintf(buf, len, "[none]");
	return 0;
}

int __wrap_setting_write(const char *path, const char *value)
{
	(void)path, (void)value;
	return 0;
}

void __wrap_progress_cell(const struct set_progress *p, void *arg)
{
	(void)p, (void)arg;
}

/* ---- a run ---- */

static char dir[64];
static bool ends_late;	/* some sets have no turn */

static void write_header(struct run *r)
{
	struct why why = { 0 };

	ASSERT_EQ(result_open(dir, &r->result, &why), 0);
	ASSERT_EQ(result_line(&r->result, json_pack("{s:s, s:s, s:{s:s, s:s}, s:i, s:i, s:b, s:b, s:f, s:[i,i], s:[s,s,s], s:[], "
						    "s:[], s:i, s:i, s:i}", "type", "header", "schema", "iopath.bench/1",
						    "fingerprint", "key", "k", "kernel", "6.0", "seed", 1, "started_ms", 1,
						    "smoke", 0, "staged", (int)r->staged, "budget", 5., "rounds",
						    (int)r->set.rounds.min, (int)r->set.rounds.max, "arms", "off", "off2", "slow",
						    "argv", "preflight", "settle_ns", 1, "discard_ns", 1, "window_ns", 1000000000),
			      &why), 0);
}

/* @nr sets, @time_s for all of them; the outcomes into @ret, which owns them. */
static void run(unsigned int nr, unsigned int time_s, bool attribute, struct report_set *ret)
{
	static const char *schedulers[] = { "none" };
	struct run_config c = run_config_default;
	struct workload w[SETS_AT_MOST] = { 0 };
	struct device_spec spec = { 0 };
	bool stuck[SETS_AT_MOST] = { 0 };
	char *reasons[SETS_AT_MOST] = { 0 };
	struct why why = { 0 };
	struct run r = { .c = &c, .sets = ret, .reasons = reasons, .stuck = stuck, .only = -1 };
	static char name[SETS_AT_MOST][4] = { "w0", "w1", "w2", "w3" };

	if (!dir[0])
		canned_place("test-bench-time", dir);
	for (unsigned int i = 0; i < nr; i++)
		w[i] = (struct workload){ .name = name[i], .kind = WORKLOAD_COMMAND, .text = (char *)"true" };
	world.now_ns = 1000 * NS_PER_S;
	world.rng.state = 5;
	world.attributions = 0;
	r.in = (struct inputs){ .nr_workloads = nr, .nr_devices = 1, .nr_schedulers = 1, .workload = w, .device = &spec,
				.scheduler = schedulers, .out = dir };
	r.in.arms = (struct arm_list){ .nr = NR_ARMS, .off = OFF, .twin = TWIN,
				       .v = { { .name = "off" }, { .name = "off2" }, { .name = "slow", .kind = ARM_COMMAND } } };
	r.deadline_ns = world.now_ns + time_s * NS_PER_S;
	r.staged = nr > 1;
	r.undo = (struct undo){ .dir = dir, .lock_fd = -1, .steps = json_array() };
	r.set = (struct set_config){ .arms = &r.in.arms, .rounds = { 8, 32 }, .budget = 5, .seed = 1, .confirm = true, .live = true,
				     .staged = r.staged, .kmsg_fd = -1, .attribute = attribute, .undo = &r.undo,
				     .result = &r.result, .deadline_ns = r.deadline_ns };
	write_header(&r);
	ASSERT_EQ(run_sets(&r, &why), ends_late ? -ETIME : 0);
	ASSERT_STR(why.text, ends_late ? "--time was over before w1 on mine under none had its turn" : "");
	ASSERT_EQ(result_line(&r.result, json_pack("{s:s, s:b, s:s, s:i, s:s}", "type", ends_late ? "stopped" : "summary", "complete",
						   !ends_late, "verdict", "PASS", "exit_code", 0, "reason", why.text), &why), 0);
	result_close(&r.result);
	json_decref(r.undo.steps);
}

/* A report made of the file has what the run had. */
static void expect_same_from_file(const struct report_set *set, unsigned int nr)
{
	struct why why = { 0 };
	struct replay again;

	ASSERT_EQ(replay_load(dir, &again, &why), 0);
	ASSERT_STR(why.text, "");
	ASSERT_EQ(again.report.nr_sets, nr);
	for (unsigned int i = 0; i < again.report.nr_sets; i++) {
		const struct set_outcome *a = &set[i].outcome, *b = &again.set[i].outcome;

		ASSERT_EQ(a->rounds, b->rounds);
		ASSERT_EQ(a->confirm_rounds, b->confirm_rounds);
		for (unsigned int arm = 0; arm < NR_ARMS; arm++) {
			for (int m = 0; m < METRIC_NR; m++) {
				const struct decision *x = &a->decision[arm][m], *y = &b->decision[arm][m];

				ASSERT_EQ(x->verdict, y->verdict);
				ASSERT_EQ(x->rounds, y->rounds);
				ASSERT_STR(x->reason ? x->reason : "", y->reason ? y->reason : "");
			}
		}
	}
	replay_free(&again);
}

static const struct decision *thr(const struct report_set *s)
{
	return &s->outcome.decision[SLOW][METRIC_THROUGHPUT];
}

static void run_free(struct report_set *set, unsigned int nr)
{
	for (unsigned int i = 0; i < nr; i++)
		set_outcome_free(&set[i].outcome);
}

/* ---- what becomes of a FAIL ---- */

#define FIRST_LOOK_S (8 * NR_ARMS)
#define NO_TIME "over the budget, but there was no time to confirm it"

TEST(a_fail_that_all_of_its_set_is_decided_with_is_confirmed_in_another_turn)
{
	struct report_set set[SETS_AT_MOST] = { 0 };

	world.cpu_sd_pct = .3;
	world.loss_pct[0] = 20;
	world.loss_pct[1] = world.loss_pct[2] = world.loss_pct[3] = 0;
	/* the share of the first is 36 s: not enough for 24 to the look and 24 to confirm */
	run(4, 4 * FIRST_LOOK_S * 3 / 2, false, set);
	ASSERT_EQ(thr(&set[0])->verdict, VERDICT_FAIL);
	ASSERT_TRUE(set[0].outcome.confirmed[SLOW][METRIC_THROUGHPUT]);
	ASSERT_EQ(set[0].outcome.confirm_rounds, 8);
	for (int i = 1; i < 4; i++)
		ASSERT_EQ(thr(&set[i])->verdict, VERDICT_PASS);
	expect_same_from_file(set, 4);
	run_free(set, 4);
}

TEST(a_fail_is_confirmed_before_more_rounds_go_to_what_is_undecided)
{
	struct report_set set[SETS_AT_MOST] = { 0 };

	world.cpu_sd_pct = 20;
	world.loss_pct[0] = world.loss_pct[1] = 20;
	run(2, 4 * FIRST_LOOK_S + 20, false, set);
	for (int i = 0; i < 2; i++) {
		ASSERT_EQ(thr(&set[i])->verdict, VERDICT_FAIL);
		ASSERT_TRUE(set[i].outcome.confirmed[SLOW][METRIC_THROUGHPUT]);
	}
	ASSERT_TRUE(set[0].outcome.rounds + set[1].outcome.rounds > 16); /* the rest is theirs */
	expect_same_from_file(set, 2);
	run_free(set, 2);
}

TEST(where_time_is_for_one_confirmation_one_set_has_all_of_it)
{
	struct report_set set[SETS_AT_MOST] = { 0 };
	unsigned int confirmed = 0;

	world.cpu_sd_pct = 20;
	world.loss_pct[0] = world.loss_pct[1] = 20;
	run(2, 3 * FIRST_LOOK_S + 2, false, set);
	for (int i = 0; i < 2; i++) {
		confirmed += set[i].outcome.confirmed[SLOW][METRIC_THROUGHPUT];
		if (!set[i].outcome.confirmed[SLOW][METRIC_THROUGHPUT]) {
			ASSERT_EQ(thr(&set[i])->verdict, VERDICT_INCONCLUSIVE);
			ASSERT_STR(thr(&set[i])->reason, NO_TIME);
			ASSERT_EQ(set[i].outcome.confirm_rounds, 0);
		}
	}
	ASSERT_EQ(confirmed, 1);
	expect_same_from_file(set, 2);
	run_free(set, 2);
}

TEST(a_set_alone_keeps_time_for_the_confirmation_or_says_that_there_was_none)
{
	struct report_set set = { 0 };

	world.cpu_sd_pct = 20;
	world.loss_pct[0] = 20;
	run(1, 2 * FIRST_LOOK_S + 20, false, &set);
	ASSERT_EQ(thr(&set)->verdict, VERDICT_FAIL);
	ASSERT_TRUE(set.outcome.rounds > 8);
	expect_same_from_file(&set, 1);
	run_free(&set, 1);
	run(1, 2 * FIRST_LOOK_S - 2, false, &set);
	ASSERT_EQ(thr(&set)->verdict, VERDICT_INCONCLUSIVE);
	ASSERT_STR(thr(&set)->reason, NO_TIME);
	ASSERT_TRUE(set.outcome.rounds > 8); /* what is left is of use to the others */
	expect_same_from_file(&set, 1);
	run_free(&set, 1);
}

TEST(the_attribution_that_a_share_had_no_time_for_comes_last)
{
	struct report_set set[SETS_AT_MOST] = { 0 };

	world.cpu_sd_pct = .3;
	world.loss_pct[0] = world.loss_pct[1] = 0;
	/* 26 s and a half for the first: its look and two and a half */
	run(2, 2 * FIRST_LOOK_S + 5, true, set);
	ASSERT_EQ(world.attributions, 2);
	ASSERT_TRUE(set[0].outcome.attribution[SLOW] && set[1].outcome.attribution[SLOW]);
	expect_same_from_file(set, 2);
	run_free(set, 2);
}

static const char *no_attribution(const struct report_set *s)
{
	const struct attribution *a = s->outcome.attribution[SLOW];

	return a ? a->fault : "none";
}

/* One set alone, and two that wait for each other's turns: where it never has its own the report says why. */
TEST(the_attribution_that_there_was_no_time_for_says_so)
{
	for (unsigned int nr = 1; nr <= 2; nr++) {
		struct report_set set[SETS_AT_MOST] = { 0 };
		struct why why = { 0 };
		struct replay again;

		world.cpu_sd_pct = .3;
		world.loss_pct[0] = world.loss_pct[1] = 0;
		run(nr, nr * FIRST_LOOK_S + 1, true, set);
		ASSERT_EQ(world.attributions, 0);
		expect_same_from_file(set, nr);
		ASSERT_EQ(replay_load(dir, &again, &why), 0);
		for (unsigned int i = 0; i < nr; i++) {
			ASSERT_EQ(thr(&set[i])->verdict, VERDICT_PASS);
			ASSERT_STR(no_attribution(&set[i]), "no time was left for its attribution pass");
			ASSERT_STR(no_attribution(&again.set[i]), "no time was left for its attribution pass");
		}
		replay_free(&again);
		run_free(set, nr);
	}
}

/* A round is three cells of a second. */
TEST(a_set_whose_turn_comes_behind_the_time_is_not_begun)
{
	struct report_set set[SETS_AT_MOST] = { 0 };
	struct why why = { 0 };
	struct replay again;

	world.cpu_sd_pct = .3;
	world.loss_pct[0] = world.loss_pct[1] = 0;
	ends_late = true;
	run(2, 2, false, set);
	ends_late = false;
	ASSERT_EQ(world.now_ns, (1000 + NR_ARMS) * NS_PER_S);
	ASSERT_TRUE(set[0].outcome.rounds == 1 && set[0].outcome.complete && !set[1].workload[0]);
	expect_same_from_file(set, 1);
	ASSERT_EQ(replay_load(dir, &again, &why), 0);
	ASSERT_TRUE(!again.report.complete && strstr(again.report.reason, "before w1 on mine"));
	ASSERT_EQ(report_exit(&again.report), EXIT_INCONCLUSIVE);
	replay_free(&again);
	run_free(set, 2);
}

__attribute__((destructor)) static void at_end(void)
{
	char path[96];

	if (!dir[0])
		return;
	snprintf(path, sizeof(path), "%s/results.jsonl", dir);
	unlink(path);
	snprintf(path, sizeof(path), "%s/results.jsonl.old", dir);
	unlink(path);
	rmdir(dir);
}

TEST_MAIN("test-bench-time", T(a_fail_that_all_of_its_set_is_decided_with_is_confirmed_in_another_turn),
	  T(a_fail_is_confirmed_before_more_rounds_go_to_what_is_undecided),
	  T(where_time_is_for_one_confirmation_one_set_has_all_of_it),
	  T(a_set_alone_keeps_time_for_the_confirmation_or_says_that_there_was_none),
	  T(the_attribution_that_a_share_had_no_time_for_comes_last),
	  T(the_attribution_that_there_was_no_time_for_says_so),
	  T(a_set_whose_turn_comes_behind_the_time_is_not_begun))
