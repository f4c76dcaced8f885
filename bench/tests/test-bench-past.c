/* SPDX-License-Identifier: GPL-2.0-or-later */
/* results.jsonl read back: what is whole, what is partial, what is an error. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "bench/file.h"
#include "bench/replay.h"
#include "bench/stat.h"
#include "bench/tests/canned.h"
#include "bench/tests/schema.h"
#include "bench/view.h"
#include "tracer/base/cleanup.h"
#include "tracer/base/test.h"

static char dir[64], path[96];

static void setup(void)
{
	if (dir[0])
		return;
	strcpy(dir, "/tmp/test-bench-past.XXXXXX");
	if (!mkdtemp(dir))
		abort();
	snprintf(path, sizeof(path), "%s/results.jsonl", dir);
}

__attribute__((destructor)) static void at_end(void)
{
	if (!dir[0])
		return;
	unlink(path);
	rmdir(dir);
}

static enum verdict verdict_of(const struct canned *c)
{
	enum verdict v = VERDICT_UNDECIDED;
	struct why why = { 0 };
	struct replay r;

	setup();
	ASSERT_EQ(canned_write(c, path), 0);
	if (replay_load(dir, &r, &why)) {
		printf("    %s\n", why.text);
		CU_FAIL("not loaded");
		return v;
	}
	v = report_verdict(&r.report);
	ASSERT_EQ(r.report.complete, !c->no_end);
	replay_free(&r);
	return v;
}

TEST(decisions_are_made_again_from_the_cells)
{
	struct canned c = canned_default();

	ASSERT_EQ(verdict_of(&c), VERDICT_PASS);
	c.loss_pct[2] = 20;
	ASSERT_EQ(verdict_of(&c), VERDICT_FAIL);
	c.loss_pct[2] = 5;
	ASSERT_EQ(verdict_of(&c), VERDICT_INCONCLUSIVE);
	c.loss_pct[2] = 0;
	c.loss_pct[1] = 3; /* the twin */
	ASSERT_EQ(verdict_of(&c), VERDICT_INVALID);
}

TEST(a_fail_needs_its_confirmation_in_the_file)
{
	struct canned c = canned_default();

	c.smoke = false;
	c.max_rounds = 32;
	c.loss_pct[2] = 20;
	c.confirm_rounds = 8;
	ASSERT_EQ(verdict_of(&c), VERDICT_FAIL);
	c.confirm_rounds = 0;
	ASSERT_EQ(verdict_of(&c), VERDICT_INCONCLUSIVE);
}

TEST(over_the_budget_once_is_no_fail)
{
	struct canned c = canned_default();
	struct why why = { 0 };
	struct replay r;
	const struct decision *d;

	setup();
	c.smoke = false;
	c.max_rounds = 32;
	c.loss_pct[2] = 20;
	c.confirm_rounds = 8;
	c.not_confirmed = true;
	ASSERT_EQ(canned_write(&c, path), 0);
	ASSERT_EQ(replay_load(dir, &r, &why), 0);
	d = &r.report.set[0].outcome.decision[2][METRIC_THROUGHPUT];
	ASSERT_EQ(d->verdict, VERDICT_INCONCLUSIVE);
	ASSERT_STR(d->reason, "over the budget once, but not in the rounds that were to confirm it");
	ASSERT_TRUE(!r.report.set[0].outcome.confirmed[2][METRIC_THROUGHPUT]);
	ASSERT_EQ(report_verdict(&r.report), VERDICT_INCONCLUSIVE);
	replay_free(&r);
}

/* A FAIL among the sets is one of the sets; the run has the end that it had. */
TEST(a_report_of_a_stopped_run_has_the_end_of_the_run)
{
	static const struct {
		const char *end, *verdict;
		int code;
	} t[] = {
		{ "{\"type\":\"stopped\",\"complete\":false,\"verdict\":\"INVALID\",\"exit_code\":5,\"reason\":\"a full disk\"}\n",
		  "INVALID", EXIT_HARNESS },
		{ "{\"type\":\"stopped\",\"complete\":false,\"verdict\":\"FAIL\",\"exit_code\":3,\"reason\":\"stopped by Interrupt\"}\n",
		  "INCONCLUSIVE", EXIT_INCONCLUSIVE },
		{ "{\"type\":\"stopped\",\"complete\":false,\"verdict\":\"PASS\",\"exit_code\":0,\"reason\":null}\n",
		  "INCONCLUSIVE", EXIT_INCONCLUSIVE }, /* nobody writes that */
		{ "", "INCONCLUSIVE", EXIT_INCONCLUSIVE },
	};
	struct canned c = canned_default();
	_cleanup_free_ char *text = NULL;
	char *last;

	c.loss_pct[2] = 20;
	text = canned_text(&c);
	last = strstr(text, "{\"type\":\"summary\"");
	ASSERT_TRUE(last != NULL);
	setup();
	for (size_t i = 0; i < ARRAY_SIZE(t); i++) {
		_cleanup_free_ char *file = NULL, *table = NULL;
		char line[64];
		struct why why = { 0 };
		struct replay r;

		ASSERT_TRUE(asprintf(&file, "%.*s%s", (int)(last - text), text, t[i].end) > 0);
		ASSERT_EQ(file_replace(path, file), 0);
		ASSERT_EQ(replay_load(path, &r, &why), 0);
		ASSERT_EQ(r.report.set[0].outcome.decision[2][METRIC_THROUGHPUT].verdict, VERDICT_FAIL);
		ASSERT_EQ(report_exit(&r.report), t[i].code);
		ASSERT_STR(report_verdict_text(&r.report, report_exit(&r.report)), t[i].verdict);
		ASSERT_EQ(view_render(view_find("text"), &r.report, &table), 0);
		snprintf(line, sizeof(line), "\nverdict: %s (budget 5%%): the run is not complete", t[i].verdict);
		ASSERT_TRUE(strstr(table, line) != NULL);
		replay_free(&r);
	}
}

/* Every I/O of a canned arm is slower by what it loses. */
TEST(the_p99_is_held_against_off_with_bounds)
{
	struct canned c = canned_default();
	_cleanup_free_ char *text = NULL;
	const struct arm_figures *f;
	struct why why = { 0 };
	struct replay r;

	setup();
	c.loss_pct[2] = 20;
	ASSERT_EQ(canned_write(&c, path), 0);
	ASSERT_EQ(replay_load(dir, &r, &why), 0);
	f = r.report.set[0].outcome.figures;
	ASSERT_TRUE(!f[0].has_p99_more && f[1].has_p99_more && f[2].has_p99_more);
	ASSERT_TRUE(fabs(f[1].p99_more.estimate) < .01);
	ASSERT_TRUE(f[2].p99_more.lower > 19.9 && f[2].p99_more.upper < 20.1);
	ASSERT_EQ(view_render(view_find("text"), &r.report, &text), 0);
	ASSERT_TRUE(text && strstr(text, "p99 of reads at saturation  % more than off [bounds]\n") && strstr(text, " +20.0 [+20.0,+20.0]\n"));
	replay_free(&r);
	c.rounds = c.max_rounds = 3; /* too few for a bound */
	ASSERT_EQ(canned_write(&c, path), 0);
	ASSERT_EQ(replay_load(dir, &r, &why), 0);
	ASSERT_TRUE(isinf(r.report.set[0].outcome.figures[2].p99_more.upper));
	replay_free(&r);
}

/* Reads and writes 50:50, which of them are more differs by chance: all cells tell the p99 of one of the two. */
static void write_mix(const char *more_writes)
{
	struct canned c = canned_default();
	_cleanup_free_ char *text = canned_text(&c);
	const char *at = text, *p;
	unsigned int i = 0;
	FILE *f = fopen(path, "we");

	if (!f)
		abort();
	for (; (p = strstr(at, "\"write\":null")); i++, at = p + strlen("\"write\":null"))
		fprintf(f, "%.*s\"write\":{\"count\":%s%u,\"mean_ns\":9.0,\"p50_ns\":900000,\"p90_ns\":900000,\"p99_ns\":2000000,"
			   "\"p999_ns\":2000000,\"max_ns\":2000000}", (int)(p - at), at, more_writes, 9950 + i * 37 % 100);
	fprintf(f, "%s", at);
	fclose(f);
}

TEST(the_p99_of_a_mix_is_that_of_one_operation)
{
	static const struct {
		const char *more_writes, *head;
		double p99_ns;
	} t[] = { { "", ", p99 of reads 30.0us", 30000 }, { "1", ", p99 of writes 2.00ms", 2000000 } };

	setup();
	for (size_t i = 0; i < ARRAY_SIZE(t); i++) {
		_cleanup_free_ char *text = NULL;
		const struct arm_figures *f;
		struct why why = { 0 };
		struct replay r;

		write_mix(t[i].more_writes);
		ASSERT_EQ(replay_load(dir, &r, &why), 0);
		f = r.report.set[0].outcome.figures;
		for (int a = 0; a < 3; a++)
			ASSERT_TRUE(fabs(f[a].p99_ns - t[i].p99_ns) < 1);
		ASSERT_TRUE(f[2].p99_more.lower > -.1 && f[2].p99_more.upper < .1);
		ASSERT_EQ(view_render(view_find("text"), &r.report, &text), 0);
		ASSERT_TRUE(text && strstr(text, t[i].head));
		replay_free(&r);
	}
}

TEST(a_run_that_crashed_has_not_passed)
{
	struct canned c = canned_default();

	c.smoke = false;
	c.max_rounds = 32;
	c.rounds = 5;
	c.no_end = true;
	ASSERT_EQ(verdict_of(&c), VERDICT_INVALID); /* no look yet */
	c.rounds = 8; /* all that was to be decided was, but the run did not say that it was over */
	ASSERT_EQ(verdict_of(&c), VERDICT_INCONCLUSIVE);
}

/* ---- files that are not whole, or not ours ---- */

static int load_text(const char *text, size_t len, struct why *why)
{
	FILE *f;
	struct replay r;
	int err;

	setup();
	*why = (struct why){ 0 };
	f = fopen(path, "w");
	if (!f || fwrite(text, 1, len, f) != len || fclose(f))
		abort();
	err = replay_load(path, &r, why);
	if (!err)
		replay_free(&r);
	return err;
}

/* Line @nr (from 1) of @text replaced; malloc'd. NULL removes it. */
static char *with_line(const char *text, unsigned int nr, const char *line)
{
	char *out = NULL;
	size_t len;
	FILE *f = open_memstream(&out, &len);

	for (unsigned int at = 1; *text; at++) {
		size_t n = strcspn(text, "\n") + 1;

		if (at != nr)
			fwrite(text, 1, n, f);
		else if (line)
			fprintf(f, "%s\n", line);
		text += n;
	}
	fclose(f);
	return out;
}

TEST(what_is_wrong_is_named_with_file_and_line)
{
	static const struct {
		unsigned int line;
		const char *with, *says;
	} t[] = {
		{ 1, "{\"type\":\"header\",\"schema\":\"iopath.bench/2\"}", "results.jsonl:1: schema iopath.bench/2" },
		{ 1, "{\"fio version\":\"fio-3.33\"}", "results.jsonl:1: not a results file" },
		{ 1, "goos: linux", "results.jsonl:1: not a results file" },
		{ 1, "[1,2]", "results.jsonl:1: not a results file" },
		{ 2, NULL, "results.jsonl:2: a cell of set 0, which has not begun" },
		{ 2, "{\"type\":\"set\",\"set\":7}", "results.jsonl:2: set 7 where set 0 was due" },
		{ 3, NULL, "results.jsonl:3: round 0, attempt 0, position 1 where 0, 0, 0 was due" },
		{ 4, "{\"type\":\"cell\"}", "results.jsonl:4: no \"arm\"" },
		{ 4, "{\"type\":\"surprise\"}", "results.jsonl:4: a line of type \"surprise\"" },
		{ 4, "{\"type\":3}", "results.jsonl:4: \"type\" is not a text" },
		{ 4, "", "results.jsonl:4: not a JSON object" },
		{ 4, "{\"type\":\"cell\",\"type\":\"set\"}", "results.jsonl:4: not a JSON object" },
		{ 4, "{\"type\":\"summary\",\"complete\":true}", "results.jsonl:5: a line behind the end" },
		{ 5, "{\"type\":\"cell\",\"arm\":\"nobody\",\"set\":0,\"phase\":\"main\",\"round\":0,\"attempt\":0,\"position\":2}",
		  "results.jsonl:5: a cell of arm nobody" },
		{ 5, "{\"type\":\"cell\",\"arm\":\"off\",\"set\":0,\"phase\":\"main\",\"round\":0,\"attempt\":0,\"position\":2}",
		  "results.jsonl:5: arm off, which was not due" },
		{ 5, "{\"type\":\"cell\",\"arm\":\"full\",\"set\":0,\"phase\":\"main\",\"round\":-1,\"attempt\":0,\"position\":2}",
		  "results.jsonl:5: \"round\" is not a count" },
		{ 5, "{\"type\":\"cell\",\"arm\":\"full\",\"set\":0,\"phase\":\"main\",\"round\":0,\"attempt\":0,\"position\":2,"
		     "\"took_ns\":1,\"valid\":true,\"fault\":\"\",\"saturation\":null,\"fixed_rate\":null,\"tracer\":null}",
		  "results.jsonl:5: a valid cell without I/Os in \"saturation\"" },
	};
	struct canned c = canned_default();
	_cleanup_free_ char *text = canned_text(&c);

	for (size_t i = 0; i < ARRAY_SIZE(t); i++) {
		_cleanup_free_ char *bad = with_line(text, t[i].line, t[i].with);
		struct why why;

		ASSERT_TRUE(load_text(bad, strlen(bad), &why) < 0);
		if (!strstr(why.text, t[i].says))
			printf("    %zu: got    %s\n", i, why.text);
		ASSERT_TRUE(strstr(why.text, t[i].says) != NULL);
		ASSERT_EQ(why.code, EXIT_USAGE);
	}
}

TEST(no_file_and_no_text)
{
	struct replay r;
	struct why why = { 0 };

	ASSERT_TRUE(load_text("", 0, &why) < 0);
	ASSERT_TRUE(strstr(why.text, "empty") != NULL);
	ASSERT_TRUE(load_text("{\"a\":\0}\n", 8, &why) < 0);
	ASSERT_TRUE(strstr(why.text, "results.jsonl:1: a NUL byte") != NULL);
	ASSERT_TRUE(replay_load("/nowhere", &r, &why) < 0);
	ASSERT_STR(why.text, "/nowhere: No such file or directory");
	ASSERT_TRUE(replay_load("/proc", &r, &why) < 0);
	ASSERT_STR(why.text, "/proc/results.jsonl: No such file or directory");
}

TEST(cut_anywhere_it_is_partial_or_an_error_and_never_a_pass)
{
	struct canned c = canned_default();
	_cleanup_free_ char *text = NULL;
	size_t len;

	c.rounds = c.max_rounds = 2;
	text = canned_text(&c);
	len = strlen(text);
	for (size_t cut = 0; cut < len; cut += cut % 7 ? 3 : 11) {
		bool at_end = cut && text[cut - 1] == '\n';
		struct why why;
		int err = load_text(text, cut, &why);

		if (at_end && cut < len) {
			ASSERT_EQ(err, 0);
		} else if (!err || !strstr(why.text, path)) {
			printf("    cut at %zu: %d %s\n", cut, err, why.text);
			CU_FAIL("a file that is cut off is taken");
		}
	}
}

/* Whatever is changed: an answer, or an error that names the file. */
TEST(rubbish_is_survived)
{
	struct canned c = canned_default();
	_cleanup_free_ char *text = NULL;
	struct rng rng = { 4711 };
	size_t len;

	c.rounds = c.max_rounds = 2;
	text = canned_text(&c);
	len = strlen(text);
	for (int i = 0; i < 1500; i++) {
		_cleanup_free_ char *copy = strdup(text);
		struct why why;

		for (uint64_t k = 1 + rng_below(&rng, 3); k; k--)
			copy[rng_below(&rng, len)] = "\"{}[],:0123456789-eE.\nxtfn\\ "[rng_below(&rng, 28)];
		if (load_text(copy, strlen(copy), &why) && !strstr(why.text, path)) {
			printf("    %s\n", why.text);
			CU_FAIL("an error that does not name the file");
		}
	}
}

TEST(canned_files_are_of_the_schema)
{
	json_t *schema = json_load_file("results/schema/results.schema.json", 0, NULL);
	struct canned c = canned_default();
	_cleanup_free_ char *text = NULL;
	char err[512] = "", *save = NULL;

	c.skipped = "bfq";
	text = canned_text(&c);
	ASSERT_TRUE(schema != NULL);
	for (char *l = strtok_r(text, "\n", &save); l; l = strtok_r(NULL, "\n", &save)) {
		json_t *line = json_loads(l, 0, NULL);

		if (!schema_check(schema, line, err, sizeof(err)))
			printf("    %s: %.60s\n", err, l);
		ASSERT_STR(err, "");
		json_decref(line);
	}
	json_decref(schema);
}

TEST_MAIN("test-bench-past", T(decisions_are_made_again_from_the_cells),
	  T(a_fail_needs_its_confirmation_in_the_file), T(over_the_budget_once_is_no_fail), T(a_report_of_a_stopped_run_has_the_end_of_the_run),
	  T(the_p99_is_held_against_off_with_bounds), T(the_p99_of_a_mix_is_that_of_one_operation), T(a_run_that_crashed_has_not_passed),
	  T(what_is_wrong_is_named_with_file_and_line), T(no_file_and_no_text),
	  T(cut_anywhere_it_is_partial_or_an_error_and_never_a_pass), T(rubbish_is_survived),
	  T(canned_files_are_of_the_schema))
