/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The gate, as whole runs: what FAILs, what does not, what is no verdict at
 * all. Most use fake-fio, whose figures are known however busy the machine is.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "bench/file.h"
#include "bench/setting.h"
#include "bench/stat.h"
#include "bench/stop.h"
#include "bench/tests/bench-run.h"
#include "bench/why.h"
#include "tracer/base/cleanup.h"
#include "tracer/base/test.h"

/* A report of the raw file is what the run printed: neither has a figure that the other has not. */
static void expect_same_report(const struct bench_run *r)
{
	char *argv[] = { (char *)fmt("%s/iopath-bench", build_dir), "report", (char *)fmt("%s/out", base), "-f", "text", NULL };
	_cleanup_free_ char *text = NULL, *verdict_json = NULL;
	struct child_end end = { 0 };
	json_t *again, *was = verdict();

	ASSERT_EQ(child_run(argv, 30 * NS_PER_S, &text, &end), 0);
	if (end.status || !strstr(r->text, text))
		printf("    %s", text);
	ASSERT_EQ(end.status, 0);
	ASSERT_TRUE(strstr(r->text, text) != NULL);
	argv[4] = "json";
	ASSERT_EQ(child_run(argv, 30 * NS_PER_S, &verdict_json, &end), 0);
	again = json_loads(verdict_json, 0, NULL);
	ASSERT_TRUE(again && json_equal(again, was));
	json_decref(again);
	json_decref(was);
}

/* ---- the gate itself ---- */

static struct bench_run run_slow(const char *loss, const char *words)
{
	struct bench_run r = run_new(words);

	run_fake(&r);
	setenv("FAKE_FIO_LOSS", loss, 1);
	add_words(&r, "--workload randread-4k-qd1 --arm-ready ^on --arm");
	add(&r, "slow=" SLOW_ARM);
	run_start(&r);
	run_end(&r);
	return r;
}

/* ---- the order of the arms ---- */

/* The arms of one round (by phase, round and attempt) in the order of their cells, "off off2 slow". */
struct order_of {
	char phase[16], arms[128];
	json_int_t round, attempt;
	unsigned int nr;
};

static unsigned int read_orders(struct order_of *o, unsigned int max)
{
	_cleanup_free_ char *text = NULL;
	unsigned int nr = 0;
	char *save = NULL;

	ASSERT_EQ(file_read(fmt("%s/out/results.jsonl", base), &text), 0);
	for (char *l = strtok_r(text, "\n", &save); l; l = strtok_r(NULL, "\n", &save)) {
		json_t *c = json_loads(l, 0, NULL);
		const char *phase = json_string_value(json_object_get(c, "phase"));
		json_int_t round = json_integer_value(json_object_get(c, "round")),
			   attempt = json_integer_value(json_object_get(c, "attempt"));
		struct order_of *last = nr ? &o[nr - 1] : NULL;

		if (phase && (!last || strcmp(last->phase, phase) || last->round != round || last->attempt != attempt) && nr < max) {
			last = &o[nr++];
			*last = (struct order_of){ .round = round, .attempt = attempt };
			snprintf(last->phase, sizeof(last->phase), "%s", phase);
		}
		if (phase && last) {
			ASSERT_EQ(json_integer_value(json_object_get(c, "position")), last->nr++);
			strcat(strcat(last->arms, " "), json_string_value(json_object_get(c, "arm")));
		}
		json_decref(c);
	}
	return nr;
}

/* Each arm once per round, rounds differ, and the seed alone says how. */
static void expect_random_order(uint64_t seed)
{
	static const char *const names[] = { "off", "off2", "slow" };
	struct order_of o[64];
	unsigned int nr = read_orders(o, ARRAY_SIZE(o)), differ = 0, main_rounds = 0;
	struct rng rng = { seed };

	for (unsigned int i = 0; i < nr; i++) {
		unsigned int order[3] = { 0, 1, 2 };
		char want[128] = "";

		for (unsigned int a = 0; a < 3; a++)
			ASSERT_TRUE(o[i].nr < 3 || strstr(o[i].arms, names[a]) != NULL);
		differ += i && strcmp(o[i].arms, o[i - 1].arms);
		if (strcmp(o[i].phase, "main"))
			continue;
		main_rounds++;
		rng_shuffle(&rng, order, 3);
		for (unsigned int a = 0; a < o[i].nr; a++)
			strcat(strcat(want, " "), names[order[a]]);
		ASSERT_STR(o[i].arms, want);
	}
	ASSERT_TRUE(main_rounds >= 8 && differ >= 3);
}

/* CPU per I/O is taken at 70 % of the capacity; at 30 % too, in the first rounds, where nothing gates. */
static void expect_rates(void)
{
	_cleanup_free_ char *text = NULL;
	unsigned int low[4] = { 0 }, fixed = 0; /* low: of each round, which arms by their position */
	double capacity = 0;
	char *save = NULL;

	ASSERT_EQ(file_read(fmt("%s/out/results.jsonl", base), &text), 0);
	for (char *l = strtok_r(text, "\n", &save); l; l = strtok_r(NULL, "\n", &save)) {
		json_t *c = json_loads(l, 0, NULL);
		const char *phase = json_string_value(json_object_get(c, "phase"));
		double at_fixed = json_number_value(json_object_get(json_object_get(c, "fixed_rate"), "target_iops")),
		       at_low = json_number_value(json_object_get(json_object_get(c, "low_rate"), "target_iops"));

		if (json_number_value(json_object_get(c, "capacity_iops")) > 0)
			capacity = json_number_value(json_object_get(c, "capacity_iops"));
		if (phase && json_is_true(json_object_get(c, "valid"))) {
			bool early = !strcmp(phase, "main") && json_integer_value(json_object_get(c, "round")) < 4;

			ASSERT_TRUE(at_fixed > .67 * capacity && at_fixed < .73 * capacity);
			ASSERT_EQ(at_low > 0, early);
			ASSERT_TRUE(!early || (at_low > .27 * capacity && at_low < .33 * capacity));
			fixed++;
			if (early) /* a cell that was redone is one */
				low[json_integer_value(json_object_get(c, "round"))] |= 1u << json_integer_value(json_object_get(c, "position"));
		}
		json_decref(c);
	}
	ASSERT_TRUE(capacity > 9000 && capacity < 11000);
	for (int i = 0; i < 4; i++)
		ASSERT_EQ(low[i], 7); /* of 3 arms each */
	ASSERT_TRUE(fixed >= 48);
}

TEST(a_loss_of_ten_percent_fails_and_is_confirmed)
{
	struct bench_run r;
	json_t *v;

	NEEDS_ROOT_AND_LOOP();
	r = run_slow("10", "--rounds 8:8 --window 200ms --seed 7");
	v = verdict();
	if (strcmp(verdict_text(v), "FAIL"))
		show(&r);
	ASSERT_EQ(r.status, EXIT_OVER_BUDGET);
	ASSERT_STR(verdict_text(v), "FAIL");
	ASSERT_STR(cell_verdict(v, "slow", "throughput_loss_pct"), "FAIL");
	ASSERT_STR(cell_verdict(v, "off2", "throughput_loss_pct"), "PASS");
	ASSERT_EQ(json_integer_value(json_object_get(v, "seed")), 7);
	expect_random_order(7);
	expect_rates();
	ASSERT_TRUE(count_in(fmt("%s/out/results.jsonl", base), "\"phase\":\"confirm\"") >= 24);
	check_files("summary");
	expect_same_report(&r);
	expect_clean();
	json_decref(v);
	run_free(&r);
}

TEST(no_loss_never_fails)
{
	struct bench_run r;
	json_t *v;

	NEEDS_ROOT_AND_LOOP();
	r = run_slow("0", "--quick --rounds 5:5 --window 200ms");
	v = verdict();
	if (!strcmp(verdict_text(v), "FAIL"))
		show(&r);
	ASSERT_TRUE(strcmp(cell_verdict(v, "slow", "throughput_loss_pct"), "FAIL") != 0);
	ASSERT_TRUE(r.status != EXIT_HARNESS && r.status != EXIT_USAGE);
	ASSERT_TRUE(r.text && strstr(r.text, "smoke run") != NULL);
	check_files("summary");
	expect_same_report(&r);
	expect_clean();
	json_decref(v);
	run_free(&r);
}

/* Real fio, a real load: half of every core, so that only a very noisy machine hides it. */
/* Its time is up from the beginning, and a cell does not count at the first try. */
TEST(a_smoke_run_short_of_time_tries_its_only_round_again)
{
	struct bench_run r;
	json_t *v;

	NEEDS_ROOT_AND_LOOP();
	r = run_new("--quick --time-limit 1s --rounds 5:5 --window 200ms --workload randread-4k-qd1 --arm-ready ^on");
	run_fake(&r);
	setenv("FAKE_FIO_LOSS", "0", 1);
	add(&r, "--arm");
	add(&r, fmt("odd=test -e %s/seen || { touch %s/seen; exit 1; }; trap 'echo 1 event; exit 0' INT TERM; "
		    "echo on; while :; do sleep 0.05; done", base, base));
	run_start(&r);
	run_end(&r);
	v = verdict();
	if (strcmp(cell_verdict(v, "odd", "throughput_loss_pct"), "INCONCLUSIVE"))
		show(&r);
	ASSERT_STR(cell_verdict(v, "odd", "throughput_loss_pct"), "INCONCLUSIVE");
	ASSERT_EQ(count_in(fmt("%s/out/results.jsonl", base), "\"type\":\"set_end\",\"set\":0,\"rounds\":1"), 1);
	unlink(fmt("%s/seen", base));
	check_files("summary");
	expect_clean();
	json_decref(v);
	run_free(&r);
}

TEST(a_load_on_every_core_fails_with_real_fio)
{
	struct bench_run r;
	json_t *v;

	NEEDS_ROOT_AND_LOOP();
	r = run_new("--quick --time-limit 75s --rounds 5:5 --window 300ms --workload randread-4k-qd1 --arm-ready ready --arm-proof ready --arm");
	add(&r, fmt("burn=exec %s/bench-burn 50", build_dir));
	run_start(&r);
	run_end(&r);
	v = verdict();
	if (r.text && strstr(r.text, "burn ended")) {
		test_skip_reason = "real-time scheduling is not allowed here";
	} else if (r.status == EXIT_OVER_BUDGET) {
		ASSERT_STR(verdict_text(v), "FAIL");
	} else {
		show(&r);
		ASSERT_TRUE(r.status == EXIT_ENVIRONMENT || r.status == EXIT_INCONCLUSIVE);
		test_skip_reason = "the machine is too noisy";
	}
	check_files(json_is_true(json_object_get(v, "complete")) ? "summary" : "stopped");
	expect_clean();
	json_decref(v);
	run_free(&r);
}

/* ---- fio that fails ---- */

static struct bench_run run_mode(const char *mode, const char *words)
{
	struct bench_run r = run_new(words);

	run_fake(&r);
	setenv("FAKE_FIO_MODE", mode, 1);
	run_start(&r);
	run_end(&r);
	unsetenv("FAKE_FIO_MODE");
	return r;
}

TEST(fio_that_fails_is_named)
{
	static const struct {
		const char *mode, *says;
	} t[] = {
		{ "error", "error 5" },
		{ "exit", "engine not loadable" },
		{ "nojson", "wrote no JSON" },
		{ "noio", "fio did no I/O" },
		{ "dies", "status 137" },
	};

	NEEDS_ROOT_AND_LOOP();
	for (size_t i = 0; i < ARRAY_SIZE(t); i++) {
		struct bench_run r = run_mode(t[i].mode, "--arms off,off2 --workload randread-4k-qd1 "
							 "--quick --window 200ms");

		if (!strstr(r.text, t[i].says))
			show(&r);
		ASSERT_EQ(r.status, EXIT_ENVIRONMENT);
		ASSERT_TRUE(strstr(r.text, t[i].says) != NULL);
		check_files("stopped");
		run_free(&r);
	}
	expect_clean();
}

TEST(fio_with_talk_before_its_json_is_understood)
{
	struct bench_run r;
	json_t *v;

	NEEDS_ROOT_AND_LOOP();
	r = run_mode("rubbish", "--arms off,off2 --workload randread-4k-qd1 --quick --rounds 1:1 --window 200ms --inconclusive=fail");
	/* the exit status is as asked for, the verdict stays what it is */
	v = verdict();
	ASSERT_EQ(r.status, !strcmp(verdict_text(v), "INCONCLUSIVE") ? EXIT_OVER_BUDGET : EXIT_ENVIRONMENT);
	json_decref(v);
	ASSERT_TRUE(strstr(r.text, " steal=") && strstr(r.text, " pmu="));
	ASSERT_TRUE(count_in(fmt("%s/out/results.jsonl", base), "both iodepth and sync engine") > 0);
	run_free(&r);
	expect_clean();
}

/* ---- a command as the workload ---- */

TEST(any_command_is_a_workload)
{
	static const struct {
		const char *command, *says;
		bool counts;
	} t[] = {
		{ "dd=while :; do dd if={dev} of=/dev/null bs=4k iflag=direct count=2000 2>/dev/null; done", "cpu/IO", true },
		{ "short=echo no more >&2; exit 3", "status 3: no more", false },
	};

	NEEDS_ROOT_AND_LOOP();
	for (size_t i = 0; i < ARRAY_SIZE(t); i++) {
		struct bench_run r = run_new("--arms off,off2 --quick --rounds 1:1 --window 200ms --max-steal 100 --time-limit 8s --workload-command");

		add(&r, t[i].command);
		run_start(&r);
		run_end(&r);
		if (!strstr(r.text, t[i].says))
			show(&r);
		ASSERT_TRUE(strstr(r.text, t[i].says) != NULL);
		ASSERT_TRUE(r.status == EXIT_ENVIRONMENT || (t[i].counts && r.status == EXIT_INCONCLUSIVE));
		check_files(t[i].counts ? "summary" : "stopped");
		run_free(&r);
	}
	expect_clean();
}

/* ---- time that is short ---- */

TEST(time_goes_to_what_is_undecided_and_shards_make_one_run)
{
	_cleanup_free_ char *lines = NULL;
	struct bench_run r;

	NEEDS_ROOT_AND_LOOP();
	setup();
	unlink(fmt("%s/out/results.jsonl", base));
	r = run_new("--arms off,off2 --time 30s --rounds 2:32 --budget 0.1 --window 200ms --workload randread-4k-qd1,randwrite-4k-qd1 --seed 3");
	run_fake(&r);
	run_start(&r);
	run_end(&r);
	if (r.status != EXIT_INCONCLUSIVE && r.status != EXIT_ENVIRONMENT && r.status != EXIT_PASS)
		show(&r);
	check_files("summary");
	/* both sets came to an end of their own, each once */
	ASSERT_EQ(count_in(fmt("%s/out/results.jsonl", base), "\"type\":\"set_end\""), 2);
	ASSERT_EQ(count_in(fmt("%s/out/results.jsonl", base), "\"type\":\"set\","), 2);
	ASSERT_TRUE(count_in(fmt("%s/out/results.jsonl", base), "\"type\":\"again\"") >= 1);
	expect_same_report(&r);
	run_free(&r);
	r = run_new("--arms off,off2 --quick --rounds 1:1 --window 200ms --workload randread-4k-qd1,randwrite-4k-qd1 --shard 2/2");
	run_fake(&r);
	run_start(&r);
	run_end(&r);
	check_files("summary");
	ASSERT_EQ(file_read(fmt("%s/out/results.jsonl", base), &lines), 0);
	ASSERT_TRUE(strstr(lines, "\"shard\":{\"index\":2,\"of\":2}") && strstr(lines, "\"set\":0,\"workload\":\"randwrite-4k-qd1\""));
	ASSERT_TRUE(!strstr(lines, "\"workload\":\"randread-4k-qd1\""));
	run_free(&r);
	r = run_new("--arms off,off2 --quick --workload randread-4k-qd1 --shard 2/2");
	run_fake(&r);
	run_start(&r);
	run_end(&r);
	ASSERT_EQ(r.status, EXIT_SKIPPED);
	ASSERT_TRUE(strstr(r.text, "there are only 1 sets") != NULL);
	check_files("summary"); /* merge is to know that none is missing */
	ASSERT_EQ(count_in(fmt("%s/out/results.jsonl", base), "\"type\":\"set\","), 0);
	run_free(&r);
	expect_clean();
}

/* ---- bad input ---- */

TEST(a_program_that_is_not_there_costs_its_own_sets)
{
	struct bench_run r;

	NEEDS_ROOT_AND_LOOP();
	r = run_new("--arms off,off2 --quick --rounds 1:1 --window 200ms --sysbench /nowhere/sysbench "
		    "--workload sysbench-rndrd,randread-4k-qd1");
	run_fake(&r);
	run_start(&r);
	run_end(&r);
	if (!strstr(r.text, "skipped: sysbench is not installed"))
		show(&r);
	ASSERT_TRUE(strstr(r.text, "skipped: sysbench is not installed") != NULL);
	ASSERT_TRUE(r.status == EXIT_INCONCLUSIVE || r.status == EXIT_ENVIRONMENT);
	check_files("summary");
	run_free(&r);
	expect_clean();
}

TEST_MAIN("test-bench-run", T(a_program_that_is_not_there_costs_its_own_sets),
	  T(fio_that_fails_is_named), T(fio_with_talk_before_its_json_is_understood),
	  T(any_command_is_a_workload),
	  T(time_goes_to_what_is_undecided_and_shards_make_one_run),
	  T(a_loss_of_ten_percent_fails_and_is_confirmed), T(no_loss_never_fails),
	  T(a_smoke_run_short_of_time_tries_its_only_round_again),
	  T(a_load_on_every_core_fails_with_real_fio))
