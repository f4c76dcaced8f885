/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the reports for people say, and leave out. */
#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "bench/calibrate.h"
#include "bench/child.h"
#include "bench/file.h"
#include "bench/replay.h"
#include "bench/stop.h"
#include "bench/tests/rendered.h"
#include "bench/tests/schema.h"
#include "bench/view.h"
#include "tracer/base/cleanup.h"
#include "tracer/base/test.h"

TEST(a_cell_of_a_markdown_table_does_not_break_it)
{
	struct canned c = all_kinds();
	_cleanup_free_ char *text = render(&c, "md");
	char *save = NULL;
	int verdict_rows = 0, width = 0;

	for (char *l = strtok_r(text, "\n", &save); l; l = strtok_r(NULL, "\n", &save)) {
		int bars = 0;

		if (*l != '|') {
			width = 0;
			continue;
		}
		for (const char *p = l; *p; p++)
			bars += *p == '|' && (p == l || p[-1] != '\\');
		if (!width)
			width = bars;
		ASSERT_EQ(bars, width);
		verdict_rows += bars == 11;
	}
	ASSERT_EQ(verdict_rows, 2 * (2 + 3));
}

TEST(schedulers_are_compared_at_saturation)
{
	struct canned c = canned_default();
	_cleanup_free_ char *text = NULL;

	c.noise_pct = 0;
	text = render(&c, "schedulers");
	/* 15 us there, 20 us at the fixed rate */
	ASSERT_TRUE(strstr(text, "| none | 10000 [10000,10000] | reads | 11.0us [11.0us,11.0us] | 30.0us [30.0us,30.0us] | "
				 "90.0us [90.0us,90.0us] | 15.0us [15.0us,15.0us] |\n") != NULL);
}

/* One is measured behind the other: how far cells of no tracer are apart within a turn stands beside both tables. */
TEST(what_may_be_drift_is_said_beside_the_schedulers)
{
	static const struct {
		const char *format, *before;
	} t[] = { { "schedulers", "differences of throughput below " }, { "html", "differences of IOPS below " } };
	struct canned c = canned_default();

	c.second_scheduler = "bfq";
	for (size_t i = 0; i < ARRAY_SIZE(t); i++) {
		_cleanup_free_ char *steady = NULL, *noisy = NULL;
		const char *at;

		c.noise_pct = 0;
		steady = render(&c, t[i].format);
		c.noise_pct = 4;
		noisy = render(&c, t[i].format);
		at = strstr(steady, t[i].before);
		ASSERT_TRUE(at && !strncmp(at + strlen(t[i].before), "0.0 % may be drift", 18));
		at = strstr(noisy, t[i].before);
		/* 16 cells of 2 % more or less */
		ASSERT_TRUE(at && atof(at + strlen(t[i].before)) > 2 && atof(at + strlen(t[i].before)) < 4.1);
		ASSERT_TRUE(strstr(steady, "10000 [10000,10000]") && !strstr(noisy, "10000 [10000,10000]"));
	}
}

TEST(schedulers_that_did_not_run_say_why)
{
	struct canned c = canned_default();
	_cleanup_free_ char *text = NULL;

	c.skipped = "bfq";
	c.loss_pct[2] = 20;
	text = render(&c, "schedulers");
	ASSERT_TRUE(strstr(text, "| bfq | skipped | | | | | |\n") != NULL);
	ASSERT_TRUE(strstr(text, "\nbfq: the kernel does not offer") != NULL);
	ASSERT_TRUE(strstr(text, "| FAIL thr, cpu/IO") != NULL);
}

/* A name such as nvme0n1 tells a reader of another machine nothing. */
TEST(the_disk_is_described_in_every_report_for_people)
{
	static const char *const formats[] = { "text", "md", "html" };
	struct canned c = canned_default();
	_cleanup_free_ char *plain = canned_text(&c),
			    *text = canned_edit(plain, "\"queue\":{}",
						"\"nr_hw_queues\":2,\"queue\":{\"nr_requests\":\"1023\",\"write_cache\":\"write back\"}");

	for (size_t i = 0; i < ARRAY_SIZE(formats); i++) {
		_cleanup_free_ char *page = render_text(text, formats[i]);
		bool is_md = !strcmp(formats[i], "md");

		ASSERT_TRUE(strstr(page, is_md ? "loop, 1.00MiB; 2 hardware queues, nr\\_requests 1023, write\\_cache write back" :
						 "loop, 1.00MiB; 2 hardware queues, nr_requests 1023, write_cache write back") != NULL);
	}
}

/* On request it gates: in each format, with its own margin. */
TEST(the_p99_is_judged_where_it_was_asked_for)
{
	static const struct {
		const char *format, *says;
	} t[] = {
		{ "text", ", p99 (" }, { "md", ", p99 (" }, { "csv", ",full,p99_pct," }, { "json", "\"metric\": \"p99_pct\"" },
		{ "junit", "p99_pct +" }, { "openmetrics", "metric=\"p99\"" }, { "bmf", "p99" }, { "gha", "p99" },
	};
	struct canned c = canned_default();
	_cleanup_free_ char *plain = NULL, *gated = NULL, *plain_html = NULL, *gated_html = NULL;

	c.loss_pct[2] = 20;
	plain = canned_text(&c);
	gated = canned_edit(plain, "\"budget\":5,", "\"budget\":5,\"gate_p99\":10.0,");
	for (size_t i = 0; i < ARRAY_SIZE(t); i++) {
		_cleanup_free_ char *with = render_text(gated, t[i].format), *without = render_text(plain, t[i].format);

		if (!strstr(with, t[i].says))
			printf("    %s lacks %s\n%s\n", t[i].format, t[i].says, with);
		ASSERT_TRUE(strstr(with, t[i].says) && !strstr(without, t[i].says));
		if (strcmp(t[i].format, "json"))
			continue;
		/* at the top, beside the budget */
		ASSERT_TRUE(strstr(with, "\n \"gate_p99\": 10.0,\n") && strstr(without, "\n \"gate_p99\": null,\n"));
	}
	plain_html = render_text(plain, "html");
	gated_html = render_text(gated, "html");
	ASSERT_TRUE(strstr(plain_html, "at saturation; reported and not judged.") != NULL);
	ASSERT_TRUE(strstr(gated_html, "at saturation; its p99 is judged, the rest reported.") != NULL);
}

/* Its rates are of the whole run, its CPU time is not: a reader must know. */
TEST(what_sysbench_counts_is_said)
{
	struct canned c = canned_default();
	_cleanup_free_ char *plain = canned_text(&c),
			    *text = canned_edit(plain, "\"fio\":\"fio-3.33\",\"key\"",
						"\"fio\":\"fio-3.33\",\"sysbench\":\"sysbench 1.0.20\",\"key\"");
	_cleanup_free_ char *md = render_text(text, "md"), *html = render_text(text, "html");

	ASSERT_TRUE(strstr(md, "fio-3.33, sysbench 1.0.20 (throughput of its whole run") != NULL);
	ASSERT_TRUE(strstr(html, "sysbench 1.0.20 (throughput of its whole run") != NULL);
}

/* ---- the CPU behind it ---- */

TEST(whose_the_cpu_time_was_is_in_every_report_for_people)
{
	static const struct {
		const char *format, *says[7];
	} t[] = {
		{ "text", { "CPU per I/O", "kernel threads", "own processes", "7B", "absent", "CPU % at 70% load", "rq_complete" } },
		{ "md", { "CPU per I/O:", "| kernel threads |", "| peak memory |", "| 7B |", "| absent |", "| off, core 1 |", "| rq\\_complete | " } },
		{ "html", { "CPU per I/O", "<th>kernel threads</th>", "<th>peak memory</th>", "<td>7B</td>", "<td>absent</td>", "<td>off, core 1</td>", "<td>rq_complete</td>" } },
	};
	struct canned c = canned_default();

	for (size_t i = 0; i < ARRAY_SIZE(t); i++) {
		_cleanup_free_ char *text = render(&c, t[i].format);

		for (size_t k = 0; k < ARRAY_SIZE(t[i].says); k++) {
			if (!strstr(text, t[i].says[k]))
				printf("    %s lacks %s\n", t[i].format, t[i].says[k]);
			ASSERT_TRUE(strstr(text, t[i].says[k]) != NULL);
		}
	}
}

/* Lowered behind the calibration, which had planned 70 %. */
TEST(loads_are_named_by_what_they_came_to)
{
	static const char *const formats[] = { "text", "md", "html" };
	struct canned c = canned_default();
	_cleanup_free_ char *json = NULL;
	json_t *doc, *off;

	c.noise_pct = 0;
	c.rate_iops = 5000;
	c.low_iops = 2100;
	for (size_t i = 0; i < ARRAY_SIZE(formats); i++) {
		_cleanup_free_ char *text = render(&c, formats[i]);

		ASSERT_TRUE(strstr(text, "fixed rate 5000 (50%)") != NULL);
		ASSERT_TRUE(strstr(text, "CPU % at 50% load") && strstr(text, "21% load"));
		ASSERT_TRUE(!strstr(text, "70% load") && !strstr(text, "30% load"));
	}
	json = render(&c, "json");
	doc = json_loads(json, 0, NULL);
	off = json_array_get(json_object_get(doc, "cpu"), 0);
	ASSERT_TRUE(fabs(json_number_value(json_object_get(off, "low_load_pct")) - 21) < .01);
	ASSERT_TRUE(fabs(json_number_value(json_object_get(off, "fixed_load_pct")) - 50) < .01);
	json_decref(doc);
}

/* The calibration had half of it: the share is of what the off cells did, and that it was not so before is said. */
TEST(a_load_is_a_share_of_what_the_rounds_saw)
{
	static const char *const formats[] = { "text", "md", "html" };
	struct canned c = canned_default();
	_cleanup_free_ char *plain = NULL, *text = NULL, *json = NULL;

	c.noise_pct = 0;
	plain = canned_text(&c);
	text = canned_edit(plain, "\"capacity_iops\":10000.0", "\"capacity_iops\":5000.0");
	for (size_t i = 0; i < ARRAY_SIZE(formats); i++) {
		_cleanup_free_ char *page = render_text(text, formats[i]), *steady = render_text(plain, formats[i]);

		ASSERT_TRUE(strstr(page, " 10000 IOPS, fixed rate 7000 (70%), planned when it did 5000 IOPS") != NULL);
		ASSERT_TRUE(strstr(page, "70% load") != NULL);
		ASSERT_TRUE(strstr(steady, " 10000 IOPS, fixed rate 7000 (70%)") && !strstr(steady, "planned when"));
	}
	json = render_text(text, "json");
	ASSERT_TRUE(strstr(json, "\"fixed_load_pct\": 70.0") && strstr(json, "\"iops_saturation\": 10000.0"));
}

/* So many I/Os were due: that they came tells nothing, in no format; CPU time and the p99 do. */
TEST(an_open_loop_has_no_throughput)
{
	static const struct {
		const char *format, *says, *never;
	} t[] = {
		{ "text", "full           open loop ", "at saturation  %" }, { "md", "| full | open loop |", "FAIL thr" },
		{ "html", "open loop", "FAIL thr" }, { "schedulers", "Without a tracer, at its own rate:", "FAIL thr" },
		{ "json", "\"metric\": \"p99_pct\"", "throughput_loss" }, { "csv", "cpu_per_io_pct", "throughput" },
		{ "junit", "cpu_per_io_pct", "throughput" }, { "openmetrics", "metric=\"p99\"", "throughput" },
		{ "bmf", "cpu-per-io-pct", "throughput" }, { "gha", "p99_pct", "throughput" },
	};
	struct canned c = canned_default();
	_cleanup_free_ char *plain = NULL, *gated = NULL, *open = NULL;

	c.loss_pct[2] = 20;
	plain = canned_text(&c);
	gated = canned_edit(plain, "\"budget\":5,", "\"budget\":5,\"gate_p99\":10.0,");
	open = canned_edit(gated, "\"cpus\":null,", "\"cpus\":null,\"open_loop\":true,");
	for (size_t i = 0; i < ARRAY_SIZE(t); i++) {
		_cleanup_free_ char *text = render_text(open, t[i].format);

		if (!strstr(text, t[i].says) || strstr(text, t[i].never))
			printf("    %s lacks %s, or has %s\n%s\n", t[i].format, t[i].says, t[i].never, text);
		ASSERT_TRUE(strstr(text, t[i].says) && !strstr(text, t[i].never));
		if (i < 4)
			ASSERT_TRUE(strstr(text, "FAIL cpu/IO") != NULL);
	}
}

/* A twin that could not have seen a deviation is not "ok", whatever its own verdict; one without bounds is neither. */
TEST(a_wide_twin_is_not_called_ok)
{
	static const char *const formats[] = { "text", "md", "html" };
	struct canned c = canned_default();

	c.budget = 30; /* even the loud one is under it: PASS */
	for (size_t i = 0; i < ARRAY_SIZE(formats); i++) {
		_cleanup_free_ char *quiet = NULL, *loud = NULL, *few = NULL;

		c.rounds = c.max_rounds = 8;
		c.noise_pct = .5;
		quiet = render(&c, formats[i]);
		c.noise_pct = 20;
		loud = render(&c, formats[i]);
		c.rounds = c.max_rounds = 3;
		few = render(&c, formats[i]);
		ASSERT_TRUE(strstr(quiet, "% ok") && !strstr(quiet, "% wide"));
		ASSERT_TRUE(strstr(loud, "% wide") && !strstr(loud, "% ok"));
		ASSERT_TRUE(strstr(few, "[no bound]") && !strstr(few, "[no bound] ok") && !strstr(few, "% wide"));
	}
}

/* 30 % of the capacity, whatever the fixed rate was lowered to; none where that is no higher. */
TEST(the_low_rate_is_a_share_of_the_capacity)
{
	static const struct {
		double fixed, low;
	} t[] = { { 7000, 3000 }, { 4000, 3000 }, { 3000, 0 }, { 1000, 0 } };
	struct workload uring = { .kind = WORKLOAD_URING }, fio = { .kind = WORKLOAD_FIO };

	for (size_t i = 0; i < ARRAY_SIZE(t); i++) {
		struct calibration c = { .capacity_iops = 10000, .rate_iops = t[i].fixed }, low;

		calibration_low(&c, &uring, &low);
		ASSERT_TRUE(fabs(low.rate_iops - t[i].low) < 2);
		c.pace = (struct pace){ .nr = 1, .pacer_iops = 50, .weight = { (unsigned int)t[i].fixed / 50 }, .clones = { 1 } };
		calibration_low(&c, &fio, &low);
		ASSERT_TRUE(fabs(low.rate_iops - t[i].low) < 50);
	}
}

/* In 3 of its 8 rounds "full" missed the rate; in one of them it drifted, in two a device came. */
static char *doubtful(const char *format)
{
	struct canned c = canned_default();
	_cleanup_free_ char *text = canned_text(&c), *shown = NULL;
	static const char *const flags[] = { "\"rate_missed\",\"unsteady\"", "\"rate_missed\",\"uevents\"", "\"rate_missed\"",
					     "\"uevents\"" };
	char *p = text;
	size_t len;
	FILE *f = open_memstream(&shown, &len);

	for (size_t i = 0; i < ARRAY_SIZE(flags); i++) {
		char *at = strstr(strstr(strstr(p, "\"arm\":\"full\""), "\"fixed_rate\""), "\"flags\":[");

		at += strlen("\"flags\":[");
		fprintf(f, "%.*s%s", (int)(at - p), p, flags[i]);
		p = at;
	}
	fputs(p, f);
	fclose(f);
	return render_text(shown, format);
}

TEST(doubtful_rounds_are_counted_in_every_report)
{
	static const struct {
		const char *format, *says[2];
	} t[] = {
		{ "text", { "full                  8            3         1             2\n", " (missed the fixed rate in 3 of 8 rounds)\n" } },
		{ "md", { "| full | 8 | 3 | 1 | 2 |", "PASS (missed the fixed rate in 3 of 8 rounds) |" } },
		{ "html", { "<td>full</td><td>8</td><td>3</td><td>1</td><td>2</td>", "PASS (missed the fixed rate in 3 of 8 rounds)" } },
		{ "csv", { ",missed the fixed rate in 3 of 8 rounds,3,1,2\r\n", ",full,throughput_loss_pct," } },
		{ "json", { "\"reason\": \"missed the fixed rate in 3 of 8 rounds\"", "\"rate_missed\": 3" } },
	};

	for (size_t i = 0; i < ARRAY_SIZE(t); i++) {
		_cleanup_free_ char *text = doubtful(t[i].format);
		struct canned c = canned_default();
		_cleanup_free_ char *plain = render(&c, t[i].format);

		for (size_t k = 0; k < ARRAY_SIZE(t[i].says); k++) {
			if (!strstr(text, t[i].says[k]))
				printf("    %s lacks %s: %s\n", t[i].format, t[i].says[k], text);
			ASSERT_TRUE(strstr(text, t[i].says[k]) != NULL);
		}
		ASSERT_TRUE(!strstr(plain, "missed the fixed rate") && !strstr(plain, "Doubtful"));
	}
}

/* @from's line that has @what, with up to three edits; malloc'd. */
static char *line_with(const char *from, const char *what, const char *const edit[3][2])
{
	const char *at = strstr(from, what), *begin = at;
	char *l;

	while (begin > from && begin[-1] != '\n')
		begin--;
	l = strndup(begin, strcspn(begin, "\n") + 1);
	for (int i = 0; i < 3; i++) {
		char *edited = canned_edit(l, edit[i][0], edit[i][1]);

		free(l);
		l = edited;
	}
	return l;
}

TEST(rounds_that_were_redone_raise_no_doubt)
{
	static const char *const flagged[3][2] = { { "\"attempt\":1,\"position\":2", "\"attempt\":0,\"position\":0" },
						   { "\"flags\":[]", "\"flags\":[\"rate_missed\"]" }, { "\n", "\n" } };
	static const char *const stolen[3][2] = { { "\"attempt\":1,\"position\":0", "\"attempt\":0,\"position\":1" },
						  { "\"valid\":true,\"fault\":\"\"", "\"valid\":false,\"fault\":\"stolen\"" },
						  { "\n", "\n" } };
	struct canned c = canned_default();
	_cleanup_free_ char *plain = canned_text(&c), *text = canned_edit(plain, "\"attempt\":0", "\"attempt\":1");
	_cleanup_free_ char *full = line_with(text, "\"arm\":\"full\"", flagged), *off = line_with(text, "\"arm\":\"off\"", stolen);
	_cleanup_free_ char *all = NULL, *shown = NULL;
	char *cells = strstr(text, "{\"type\":\"cell\"");

	if (asprintf(&all, "%.*s%s%s%s", (int)(cells - text), text, full, off, cells) < 0)
		abort();
	shown = render_text(all, "text");
	ASSERT_TRUE(strstr(shown, "redone=1") && !strstr(shown, "Doubtful") && !strstr(shown, "missed the"));
}

/* 3.5 % busy by the kernel's stamps, where ticks saw half of it; without stamps only theirs is left. */
TEST(busy_time_stands_beside_what_ticks_say)
{
	static const struct {
		const char *format, *both, *ticks;
	} t[] = {
		{ "text", "full                7.0            3.5 ", "full                  -            3.5 " },
		{ "md", "| full | 7.0 | 3.5 | 0.0 |", "| full | - | 3.5 | 0.0 |" },
		{ "html", "<td>full</td><td>7.0</td><td>3.5</td><td>0.0</td>", "<td>full</td><td>-</td><td>3.5</td><td>0.0</td>" },
		{ "json", "\"busy_source\": \"timer_list\"", "\"busy_source\": \"stat\"" },
	};
	struct canned c = canned_default();

	c.noise_pct = 0;
	for (size_t i = 0; i < ARRAY_SIZE(t); i++) {
		_cleanup_free_ char *text = render(&c, t[i].format), *plain = canned_text(&c), *coarse = NULL;

		coarse = canned_edit(plain, "\"timer_list\"", "\"stat\"");
		ASSERT_TRUE(strstr(text, t[i].both) && !strstr(text, t[i].ticks));
		free(text);
		text = render_text(coarse, t[i].format);
		if (!strstr(text, t[i].ticks))
			printf("    %s: %s\n", t[i].format, text);
		ASSERT_TRUE(strstr(text, t[i].ticks) && !strstr(text, t[i].both));
	}
}

TEST(cpu_figures_are_null_where_nothing_was_measured)
{
	struct canned c = canned_default();
	_cleanup_free_ char *text = render(&c, "json");
	json_t *doc = json_loads(text, 0, NULL), *off = json_array_get(json_object_get(doc, "cpu"), 0);
	json_t *full = json_array_get(json_object_get(doc, "cpu"), 2), *program, *tracer;

	ASSERT_STR(json_string_value(json_object_get(off, "arm")), "off");
	ASSERT_TRUE(json_is_null(json_object_get(off, "cycles_per_io")));
	ASSERT_TRUE(json_is_null(json_object_get(off, "cpu_ns_per_io_low")));
	ASSERT_TRUE(json_is_null(json_object_get(off, "low_load_pct")));
	ASSERT_TRUE(json_is_null(json_object_get(off, "programs")));
	ASSERT_TRUE(fabs(json_real_value(json_object_get(off, "energy_nj_per_io")) - 3000) < 1);
	ASSERT_TRUE(fabs(json_real_value(json_object_get(off, "kthreads_ns_per_io")) - 2500) < 50);
	ASSERT_EQ(json_array_size(json_object_get(off, "cores")), 3);
	program = json_array_get(json_object_get(full, "programs"), 0);
	ASSERT_TRUE(json_real_value(json_object_get(program, "runs_per_io")) == 2);
	ASSERT_TRUE(json_real_value(json_object_get(program, "ns_per_io")) == 300);
	tracer = json_object_get(full, "tracer");
	ASSERT_EQ(json_integer_value(json_object_get(tracer, "printed_bytes_per_cell")), 7);
	ASSERT_EQ(json_integer_value(json_object_get(tracer, "peak_rss_bytes")), 6);
	ASSERT_TRUE(json_is_null(json_object_get(off, "tracer")));
	json_decref(doc);
}

/* 7000 I/Os in the second; of a machine that has a PMU and tells its energy, one that only has the PMU, and one with neither. */
TEST(counters_are_shown_per_io_or_absent)
{
	static const struct {
		const char *from, *to, *md, *json;
	} t[] = {
		{ "\"cycles\":null,\"instructions\":null", "\"cycles\":21000000,\"instructions\":14000000", " | 3000 | 2000 | 3.0 |\n",
		  "\"cycles_per_io\": 3000.0,\n   \"instructions_per_io\": 2000.0,\n   \"energy_nj_per_io\": 3000.0," },
		{ "\"energy_uj\":21000}", "\"energy_uj\":null}", " | 3000 | 2000 | absent |\n", "\"energy_nj_per_io\": null," },
		{ "\"cycles\":21000000,\"instructions\":14000000", "\"cycles\":null,\"instructions\":null", " | absent | absent | absent |\n",
		  "\"cycles_per_io\": null," },
	};
	struct canned c = canned_default();
	_cleanup_free_ char *text = NULL;

	c.noise_pct = 0;
	text = canned_text(&c);
	for (size_t i = 0; i < ARRAY_SIZE(t); i++) {
		_cleanup_free_ char *edited = canned_edit(text, t[i].from, t[i].to);
		_cleanup_free_ char *md = render_text(edited, "md"), *json = render_text(edited, "json");

		if (!strstr(md, t[i].md) || !strstr(json, t[i].json))
			printf("    %zu\n%s\n%s\n", i, md, json);
		ASSERT_TRUE(strstr(md, t[i].md) && strstr(json, t[i].json));
		free(text);
		text = take_ptr(edited);
	}
}

/* An arm whose row is just not there would look like one without programs. */
TEST(programs_that_were_not_measured_say_why)
{
	static const char *const formats[] = { "text", "md", "html", "json" };
	struct canned c = canned_default();
	_cleanup_free_ char *plain = canned_text(&c), *text = NULL;

	text = canned_edit(plain, "\"missed\":1}],\"fault\":\"\"", "\"missed\":1}],\"fault\":\"no time\"");
	for (size_t i = 0; i < ARRAY_SIZE(formats); i++) {
		_cleanup_free_ char *with = render_text(plain, formats[i]), *without = render_text(text, formats[i]);

		ASSERT_TRUE(strstr(with, "_complete") && !strstr(with, "BPF programs: not measured"));
		ASSERT_TRUE(!strstr(without, "_complete") && strstr(without, "no time"));
		ASSERT_TRUE(strstr(without, i < 3 ? "BPF programs: not measured" : "\"programs_absent\": \"no time\""));
	}
}

TEST(formats_are_named_once)
{
	for (size_t i = 0; i < nr_views; i++) {
		struct canned c = canned_default();
		_cleanup_free_ char *text = render(&c, views[i].name);

		ASSERT_TRUE(view_find(views[i].name) == &views[i]);
		ASSERT_TRUE(text && text[0] && text[strlen(text) - 1] == '\n');
	}
	ASSERT_TRUE(view_find("pdf") == NULL);
}

TEST_MAIN("test-bench-view-people", T(a_cell_of_a_markdown_table_does_not_break_it),
	  T(schedulers_are_compared_at_saturation), T(what_may_be_drift_is_said_beside_the_schedulers),
	  T(the_disk_is_described_in_every_report_for_people), T(the_p99_is_judged_where_it_was_asked_for),
	  T(what_sysbench_counts_is_said), T(schedulers_that_did_not_run_say_why),
	  T(whose_the_cpu_time_was_is_in_every_report_for_people), T(loads_are_named_by_what_they_came_to),
	  T(a_load_is_a_share_of_what_the_rounds_saw), T(a_wide_twin_is_not_called_ok),
	  T(an_open_loop_has_no_throughput), T(the_low_rate_is_a_share_of_the_capacity),
	  T(doubtful_rounds_are_counted_in_every_report), T(rounds_that_were_redone_raise_no_doubt),
	  T(busy_time_stands_beside_what_ticks_say), T(cpu_figures_are_null_where_nothing_was_measured),
	  T(programs_that_were_not_measured_say_why), T(counters_are_shown_per_io_or_absent),
	  T(formats_are_named_once))
