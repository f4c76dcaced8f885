/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The gate's decisions, on made-up results of a guest. */
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>

#include "ci/gate/gate.h"
#include "tracer/base/cleanup.h"
#include "tracer/base/test.h"

static char raw[65536];

__attribute__((format(printf, 1, 2))) static void say(const char *fmt, ...)
{
	size_t len = strlen(raw);
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(raw + len, sizeof(raw) - len, fmt, ap);
	va_end(ap);
}

static void head(const char *arms)
{
	raw[0] = '\0';
	say("{\"type\":\"head\",\"kernel\":\"6.1\",\"release\":\"6.1.0-50\",\"fio\":\"fio-3.33\",\"libbpf\":\"v1.1\",\"arms\":[%s],\"workloads\":[\"W1\"]}\n",
	    arms);
}

static void cell(const char *arm, double latency_ns)
{
	say("{\"type\":\"cell\",\"arm\":\"%s\",\"workload\":\"W1\",\"arm_cpu_ns\":20000,\"fio\":{\"jobs\":[{\"error\":0,\"read\":{\"lat_ns\":{\"mean\":%f,\"N\":10000},\"clat_ns\":{\"percentile\":{\"99.900000\":%f}}}}]}}\n",
	    arm, latency_ns, 2 * latency_ns - 20000);
}

/* Of a program that no workload runs. */
static int idle_insns = 1000, idle_bytes = 500;

static void programs(const char *arm, double issue_ns, double complete_ns)
{
	say("{\"type\":\"programs\",\"arm\":\"%s\",\"workload\":\"W1\","
	    "\"before\":[{\"id\":7,\"name\":\"issue\",\"runs\":100,\"run_ns\":5000},{\"id\":8,\"name\":\"complete\",\"runs\":0,\"run_ns\":0}],"
	    "\"after\":[{\"id\":7,\"name\":\"issue\",\"runs\":1100,\"run_ns\":%.0f},{\"id\":8,\"name\":\"complete\",\"runs\":1000,\"run_ns\":%.0f},"
	    "{\"id\":9,\"name\":\"idle\",\"runs\":0,\"run_ns\":0,\"insns\":%d,\"jited_bytes\":%d}],"
	    "\"fio\":[{\"jobs\":[{\"error\":0,\"read\":{\"lat_ns\":{\"mean\":31000,\"N\":1000}}}]}]}\n",
	    arm, 5000 + 1000 * issue_ns, 1000 * complete_ns, idle_insns, idle_bytes);
}

static void end_of(const char *arm, const char *why, int finished, int lost)
{
	say("{\"type\":\"arm\",\"arm\":\"%s\",\"why\":\"%s\",\"summary\":{\"coverage\":{\"requests\":{\"finished\":%d},\"lost\":{\"slots\":%d}}}}\n",
	    arm, why, finished, lost);
}

static void end(void)
{
	say("{\"type\":\"end\"}\n");
}

/* A run of off2 and full, with full's latency and its programs' times as given. */
static void whole_run(double twin_ns, double full_ns, double issue_ns, double complete_ns)
{
	head("\"off2\",\"full\"");
	cell("base", 30000);
	cell("off2", twin_ns);
	end_of("off2", "", 0, 0);
	cell("base", 30000);
	cell("full", full_ns);
	programs("full", issue_ns, complete_ns);
	end_of("full", "", 10000, 0);
	cell("base", 30000);
	end();
}

static const char budget_5[] = "[tolerance]\nns = 40\npercent = 3\nsize_percent = 10\ntwin_percent = 0.1\n"
			       "spread_percent = 0.2\n[6.1 W1]\nfull = 5\n[6.12 W1]\nfull = 1\n";

static const char baseline_1000[] =
	"{\"schema\":1,\"kernel\":\"6.1\",\"fingerprint\":{\"fio\":\"fio-3.33\"},\"arms\":["
	"{\"arm\":\"full\",\"workload\":\"W1\",\"extra_ns_per_io\":1000,\"tracer_ns_per_io\":2,"
	"\"programs\":[{\"name\":\"issue\",\"runs_per_io\":1,\"ns_per_run\":200},"
	"{\"name\":\"complete\",\"runs_per_io\":1,\"ns_per_run\":400},"
	"{\"name\":\"idle\",\"runs_per_io\":0,\"ns_per_run\":null,\"insns\":1000,\"jited_bytes\":500}]}]}";

/* Reads what was said and decides it; the caller releases g. */
static void decide(struct gate *g, const char *budget, const char *baseline)
{
	_cleanup_fclose_ FILE *f = fmemopen(raw, strlen(raw), "r");
	_cleanup_fclose_ FILE *ini = fmemopen((char *)budget, strlen(budget), "r");
	json_t *b = baseline ? json_loads(baseline, 0, NULL) : NULL;

	if (!gate_read(g, f) && !gate_read_budget(g, ini) && b)
		gate_set_baseline(g, b);
	json_decref(b);
	gate_decide(g);
}

static bool says(const char *text, const char *want)
{
	if (strstr(text, want))
		return true;
	printf("    no \"%s\" in \"%s\"\n", want, text);
	return false;
}

TEST(nothing_attached_passes)
{
	struct gate g;

	whole_run(30002, 31000, 200, 400);
	decide(&g, budget_5, baseline_1000);
	ASSERT_STR(gate_verdict_name(g.verdict), "PASS");
	ASSERT_EQ(gate_exit_code(&g), 0);
	ASSERT_EQ(gate_result(&g, 0, 0)->verdict, GATE_PASS);
	CU_ASSERT_DOUBLE_EQUAL(gate_result(&g, 1, 0)->loss_pct, 100 * (1 - 30.0 / 31), 1e-9);
	CU_ASSERT_DOUBLE_EQUAL(gate_result(&g, 1, 0)->extra_ns, 1000, 1e-6);
	CU_ASSERT_DOUBLE_EQUAL(gate_result(&g, 1, 0)->tracer_ns, 2, 1e-6);
	/* 42 us where it was 40 */
	CU_ASSERT_DOUBLE_EQUAL(gate_result(&g, 1, 0)->p999_pct, 5, 1e-6);
	gate_release(&g);
}

TEST(something_where_nothing_is_attached_is_an_error)
{
	struct gate g;

	whole_run(30100, 31000, 200, 400);
	decide(&g, budget_5, baseline_1000);
	ASSERT_EQ(gate_exit_code(&g), 5);
	ASSERT_TRUE(says(gate_result(&g, 0, 0)->why, "not to be trusted"));
	ASSERT_EQ(gate_result(&g, 1, 0)->verdict, GATE_PASS);
	gate_release(&g);
}

TEST(growth_of_one_program_fails_and_is_named)
{
	const struct gate_result *r;
	struct gate g;

	whole_run(30000, 31300, 500, 400);
	decide(&g, budget_5, baseline_1000);
	r = gate_result(&g, 1, 0);
	ASSERT_EQ(gate_exit_code(&g), 1);
	ASSERT_EQ(r->verdict, GATE_FAIL);
	ASSERT_TRUE(says(r->why, "+300 ns per I/O over the baseline of 1000 ns (40 allowed)"));
	ASSERT_TRUE(says(r->why, "+300 ns in issue (1.00 runs of 500 ns, was 1.00 of 200)"));
	ASSERT_TRUE(!strstr(r->why, "complete"));
	ASSERT_TRUE(!strstr(r->why, "budget"));
	gate_release(&g);
}

TEST(growth_outside_programs_is_said_to_be_there)
{
	struct gate g;

	whole_run(30000, 31300, 200, 400);
	decide(&g, budget_5, baseline_1000);
	ASSERT_EQ(gate_exit_code(&g), 1);
	ASSERT_TRUE(says(gate_result(&g, 1, 0)->why, "in no program"));
	gate_release(&g);
}

TEST(a_program_that_became_larger_fails_though_nothing_runs_it)
{
	static const struct {
		int insns, bytes, exit_code;
		const char *says;
	} t[] = {
		{ 1100, 550, 0, "" },
		{ 1101, 500, 1, "idle: 1101 instructions to verify, was 1000 (10 % more allowed)" },
		{ 1000, 551, 1, "idle: 551 bytes of code, was 500 (10 % more allowed)" },
		{ 0, 500, 0, "" }, /* a kernel that does not tell */
	};

	for (size_t i = 0; i < ARRAY_SIZE(t); i++) {
		struct gate g;

		idle_insns = t[i].insns;
		idle_bytes = t[i].bytes;
		whole_run(30000, 31000, 200, 400);
		decide(&g, budget_5, baseline_1000);
		ASSERT_EQ(gate_exit_code(&g), t[i].exit_code);
		ASSERT_TRUE(says(gate_result(&g, 1, 0)->why, t[i].says));
		gate_release(&g);
	}
	idle_insns = 1000;
	idle_bytes = 500;
}

TEST(growth_within_the_tolerance_passes)
{
	struct gate g;

	whole_run(30000, 31039, 239, 400);
	decide(&g, budget_5, baseline_1000);
	ASSERT_EQ(gate_exit_code(&g), 0);
	gate_release(&g);
}

TEST(a_gain_passes_and_asks_for_a_new_baseline)
{
	struct gate g;

	whole_run(30000, 30500, 100, 200);
	decide(&g, budget_5, baseline_1000);
	ASSERT_EQ(gate_exit_code(&g), 0);
	ASSERT_TRUE(says(gate_result(&g, 1, 0)->why, "500 ns per I/O less"));
	gate_release(&g);
}

TEST(over_the_budget_fails_by_how_much)
{
	struct gate g;

	whole_run(30000, 32000, 200, 400);
	decide(&g, budget_5, NULL);
	ASSERT_EQ(gate_exit_code(&g), 1);
	ASSERT_TRUE(says(gate_result(&g, 1, 0)->why,
			 "loses 6.25 %, 1.25 points over its budget of 5.00 %"));
	gate_release(&g);
}

TEST(no_bound_is_no_verdict)
{
	static const char none[] = "[tolerance]\nns = 40\npercent = 3\nsize_percent = 10\ntwin_percent = 0.1\nspread_percent = 0.2\n";
	struct gate g;

	whole_run(30000, 32000, 200, 400);
	decide(&g, none, NULL);
	ASSERT_EQ(gate_result(&g, 1, 0)->verdict, GATE_NONE);
	ASSERT_EQ(gate_exit_code(&g), 0);
	gate_release(&g);
}

TEST(bases_that_differ_are_an_error)
{
	struct gate g;

	head("\"mine\"");
	cell("base", 30000);
	cell("mine", 30000);
	end_of("mine", "", 0, 0);
	cell("base", 30100);
	end();
	decide(&g, budget_5, NULL);
	ASSERT_EQ(gate_exit_code(&g), 5);
	ASSERT_TRUE(says(g.note, "the baselines differ by 0.33 %"));
	gate_release(&g);
}

TEST(an_arm_that_did_not_run_is_an_error)
{
	struct gate g;

	head("\"full\",\"mine\"");
	cell("base", 30000);
	end_of("full", "ended before it was attached: no BTF", 0, 0);
	cell("base", 30000);
	cell("mine", 30300);
	end_of("mine", "", 0, 0);
	cell("base", 30000);
	end();
	decide(&g, budget_5, NULL);
	ASSERT_EQ(gate_exit_code(&g), 5);
	ASSERT_TRUE(says(gate_result(&g, 0, 0)->why, "no BTF"));
	CU_ASSERT_DOUBLE_EQUAL(gate_result(&g, 1, 0)->extra_ns, 300, 1e-6);
	gate_release(&g);
}

TEST(a_guest_that_stops_half_way_is_an_error)
{
	struct gate g;

	head("\"full\"");
	cell("base", 30000);
	cell("full", 30300);
	decide(&g, budget_5, baseline_1000);
	ASSERT_EQ(gate_exit_code(&g), 5);
	ASSERT_TRUE(says(g.error, "did not come to its end"));
	ASSERT_TRUE(says(gate_result(&g, 0, 0)->why, "not measured"));
	gate_release(&g);

	raw[0] = '\0';
	say("\n");
	decide(&g, budget_5, NULL);
	ASSERT_EQ(gate_exit_code(&g), 5);
	gate_release(&g);
}

TEST(a_tier_must_have_seen_the_requests)
{
	struct gate g;

	head("\"full\"");
	cell("base", 30000);
	cell("full", 30100);
	end_of("full", "", 9990, 0);
	cell("base", 30000);
	end();
	decide(&g, budget_5, NULL);
	ASSERT_EQ(gate_exit_code(&g), 1);
	ASSERT_TRUE(says(gate_result(&g, 0, 0)->why, "saw 9990 requests of 10000"));
	gate_release(&g);
}

TEST(a_tier_that_loses_fails)
{
	struct gate g;

	head("\"full\"");
	cell("base", 30000);
	cell("full", 30100);
	end_of("full", "", 9990, 10);
	cell("base", 30000);
	end();
	decide(&g, budget_5, NULL);
	ASSERT_EQ(gate_exit_code(&g), 1);
	ASSERT_TRUE(says(gate_result(&g, 0, 0)->why, "lost 10"));
	gate_release(&g);
}

TEST(a_closed_loop_of_depth_16_counts_each_io_once)
{
	struct gate g;

	head("\"mine\"");
	for (int i = 0; i < 3; i++) {
		say("{\"type\":\"cell\",\"arm\":\"%s\",\"workload\":\"W1\",\"arm_cpu_ns\":0,\"fio\":{\"jobs\":[{\"error\":0,\"job options\":{\"iodepth\":\"16\"},"
		    "\"read\":{\"lat_ns\":{\"mean\":%d,\"N\":600}},\"write\":{\"lat_ns\":{\"mean\":160000,\"N\":400}},\"sync\":{\"lat_ns\":{\"mean\":0,\"N\":10}}}]}}\n",
		    i == 1 ? "mine" : "base", i == 1 ? 176000 : 160000);
		if (i == 1)
			end_of("mine", "", 0, 0);
	}
	end();
	decide(&g, budget_5, NULL);
	ASSERT_EQ(gate_exit_code(&g), 0);
	CU_ASSERT_DOUBLE_EQUAL(gate_result(&g, 0, 0)->base_iops, 1e5, 1e-3);
	CU_ASSERT_DOUBLE_EQUAL(gate_result(&g, 0, 0)->extra_ns, 600, 1e-6);
	gate_release(&g);
}

TEST(a_cell_is_the_mean_of_its_repetitions)
{
	struct gate g;

	head("\"mine\"");
	cell("base", 30000);
	cell("base", 31000);
	cell("mine", 30200);
	cell("mine", 31400);
	end_of("mine", "", 0, 0);
	cell("base", 31000);
	cell("base", 30000);
	end();
	decide(&g, budget_5, NULL);
	ASSERT_EQ(gate_exit_code(&g), 0);
	CU_ASSERT_DOUBLE_EQUAL(gate_result(&g, 0, 0)->extra_ns, 300, 1e-6);
	CU_ASSERT_DOUBLE_EQUAL(gate_result(&g, 0, 0)->tracer_ns, 2, 1e-6);
	CU_ASSERT_DOUBLE_EQUAL(g.spread_pct[0], 0, 1e-6);
	gate_release(&g);
}

TEST(fio_that_failed_is_an_error)
{
	struct gate g;

	head("\"mine\"");
	say("{\"type\":\"cell\",\"arm\":\"base\",\"workload\":\"W1\",\"fio\":{\"jobs\":[{\"error\":5,\"read\":{\"lat_ns\":{\"mean\":1,\"N\":1}}}]}}\n");
	decide(&g, budget_5, NULL);
	ASSERT_EQ(gate_exit_code(&g), 5);
	ASSERT_TRUE(says(g.error, "W1 base: fio failed"));
	gate_release(&g);
}

TEST(a_budget_that_makes_no_sense_is_an_error)
{
	static const char *const bad[] = {
		"[tolerance]\nns = 40\n",
		"[tolerance]\nns = 40\npercent = 3\nsize_percent = 10\ntwin_percent = 0.1\nspread_percent = 0.2\n[6.1 W1]\nfull = -1\n",
		"[tolerance]\nns = 40\npercent = 3\nsize_percent = 10\ntwin_percent = 0.1\nspread_percent = 0.2\n[6.1 W1]\nfull = 5 %\n",
		"[tolerance]\nnanoseconds = 40\n",
	};

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct gate g;

		whole_run(30000, 31000, 200, 400);
		decide(&g, bad[i], baseline_1000);
		ASSERT_EQ(gate_exit_code(&g), 5);
		ASSERT_TRUE(says(g.error, "budget"));
		gate_release(&g);
	}
}

TEST(a_baseline_of_another_kernel_is_an_error)
{
	struct gate g;

	whole_run(30000, 31000, 200, 400);
	decide(&g, budget_5, "{\"schema\":1,\"kernel\":\"6.12\",\"arms\":[]}");
	ASSERT_EQ(gate_exit_code(&g), 5);
	gate_release(&g);
}

static char *printed(const struct gate *g, void (*print)(const struct gate *, FILE *))
{
	char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	print(g, f);
	fclose(f);
	return text;
}

TEST(reports_name_every_arm_and_why)
{
	_cleanup_free_ char *junit = NULL, *markdown = NULL, *table = NULL;
	json_t *o, *arm;
	struct gate g;

	whole_run(30000, 31300, 500, 400);
	decide(&g, budget_5, baseline_1000);
	junit = printed(&g, gate_print_junit);
	markdown = printed(&g, gate_print_markdown);
	table = printed(&g, gate_print_table);
	ASSERT_TRUE(says(junit, "tests=\"2\" failures=\"1\" errors=\"0\""));
	ASSERT_TRUE(says(junit, "<failure message=\"+300 ns per I/O"));
	ASSERT_TRUE(says(markdown, "| W1 | full |"));
	ASSERT_TRUE(says(markdown, "| full | issue | 1.00 × 500 |"));
	ASSERT_TRUE(says(table, "FAIL: +300 ns"));
	ASSERT_TRUE(says(table, "FAIL\ngate: 1 passed, 1 failed, 0 skipped\n"));
	o = gate_json(&g);
	arm = json_array_get(json_object_get(o, "arms"), 1);
	ASSERT_STR(json_string_value(json_object_get(o, "verdict")), "FAIL");
	ASSERT_STR(json_string_value(json_object_get(arm, "arm")), "full");
	CU_ASSERT_DOUBLE_EQUAL(json_real_value(json_object_get(arm, "extra_ns_per_io")), 1300, 1e-3);
	/* 1300 ns are a twentieth of 26 us */
	CU_ASSERT_DOUBLE_EQUAL(json_real_value(json_object_get(arm, "iops_within_5_pct")), 1e9 / 26000, 1e-3);
	/* what is written is a baseline */
	ASSERT_EQ(gate_set_baseline(&g, o), 0);
	CU_ASSERT_DOUBLE_EQUAL(gate_result(&g, 1, 0)->was_extra_ns, 1300, 1e-3);
	json_decref(o);
	gate_release(&g);
}

static void end_of_other(const char *arm, int seen)
{
	say("{\"type\":\"arm\",\"arm\":\"%s\",\"why\":\"\",\"seen\":%d,\"summary\":null}\n", arm, seen);
}

TEST(another_tracer_that_showed_nothing_is_an_error)
{
	char text[2000] = "";
	struct gate g;
	FILE *f;

	head("\"snoop\",\"blind\"");
	cell("base", 30000);
	cell("snoop", 33000);
	end_of_other("snoop", 20000);
	cell("base", 30000);
	cell("blind", 30000);
	end_of_other("blind", 0);
	cell("base", 30000);
	end();
	decide(&g, budget_5, NULL);
	ASSERT_EQ(gate_exit_code(&g), 5);
	ASSERT_EQ(gate_result(&g, 0, 0)->verdict, GATE_NONE);
	ASSERT_EQ(gate_result(&g, 1, 0)->verdict, GATE_ERROR);
	ASSERT_TRUE(says(gate_result(&g, 1, 0)->why, "it showed no event"));
	f = fmemopen(text, sizeof(text), "w");
	gate_print_overhead(&g, f);
	fclose(f);
	ASSERT_TRUE(says(text, "| `snoop` | 9.09 % (+3000) | 0.0 | 2 | 20000 |"));
	ASSERT_TRUE(says(text, "| `blind` | - |"));
	ASSERT_TRUE(says(text, "- `blind`: it showed no event"));
	gate_release(&g);
}

TEST_MAIN("gate", T(nothing_attached_passes), T(something_where_nothing_is_attached_is_an_error),
	  T(growth_of_one_program_fails_and_is_named), T(growth_outside_programs_is_said_to_be_there),
	  T(a_program_that_became_larger_fails_though_nothing_runs_it),
	  T(growth_within_the_tolerance_passes), T(a_gain_passes_and_asks_for_a_new_baseline),
	  T(over_the_budget_fails_by_how_much), T(no_bound_is_no_verdict),
	  T(bases_that_differ_are_an_error), T(an_arm_that_did_not_run_is_an_error),
	  T(a_guest_that_stops_half_way_is_an_error), T(a_tier_must_have_seen_the_requests),
	  T(a_tier_that_loses_fails), T(another_tracer_that_showed_nothing_is_an_error), T(a_closed_loop_of_depth_16_counts_each_io_once),
	  T(a_cell_is_the_mean_of_its_repetitions), T(fio_that_failed_is_an_error), T(a_budget_that_makes_no_sense_is_an_error),
	  T(a_baseline_of_another_kernel_is_an_error), T(reports_name_every_arm_and_why))
