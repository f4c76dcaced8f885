/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Every format, read by something that did not write it. */
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

/* ---- JSON ---- */

static void expect_schema(const char *format, const char *name)
{
	struct canned c = all_kinds();
	_cleanup_free_ char *text = render(&c, format);
	char file[128], err[512] = "";
	json_t *schema, *doc = json_loads(text, JSON_REJECT_DUPLICATES, NULL);

	snprintf(file, sizeof(file), "results/schema/%s", name);
	schema = json_load_file(file, 0, NULL);
	ASSERT_TRUE(schema && doc);
	if (!schema_check(schema, doc, err, sizeof(err)))
		printf("    %s: %s\n", format, err);
	ASSERT_STR(err, "");
	json_decref(schema);
	json_decref(doc);
}

TEST(json_formats_are_those_of_their_schemas)
{
	expect_schema("json", "verdict.schema.json");
	expect_schema("gha", "gha.schema.json");
}

/* Alone it has its driver's name, whatever it was made to; of two, none takes the place of the other. */
TEST(two_devices_of_one_driver_have_two_names)
{
	static const struct {
		const char *first, *second, *want[2];
	} t[] = {
		{ "loop:size=1G", NULL, { "loop", NULL } },
		{ "loop", "loop:size=1G", { "loop", "loop:size=1G" } },
		{ "loop:size=2G", "loop:size=1G", { "loop:size=2G", "loop:size=1G" } },
		{ "loop:size=1G", "loop:size=1G", { "loop", "loop#2" } },
	};

	for (size_t i = 0; i < ARRAY_SIZE(t); i++) {
		struct canned c = canned_default();
		_cleanup_free_ char *text = NULL;
		size_t want = t[i].second ? 2 : 1;
		json_t *doc;

		c.order = t[i].first;
		c.second_order = t[i].second;
		text = render(&c, "bmf");
		doc = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
		ASSERT_TRUE(doc != NULL);
		ASSERT_EQ(json_object_size(doc), want);
		for (size_t k = 0; k < want; k++) {
			char name[64];

			snprintf(name, sizeof(name), "%s/none/randread-4k-qd1/full", t[i].want[k]);
			ASSERT_TRUE(json_object_get(doc, name) != NULL);
		}
		json_decref(doc);
	}
}

/* bmf.json of Bencher says it with patternProperties: any name, any measure, these three numbers. */
TEST(bmf_is_names_of_measures_of_numbers)
{
	struct canned c = all_kinds();
	_cleanup_free_ char *text = render(&c, "bmf");
	json_t *doc = json_loads(text, JSON_REJECT_DUPLICATES, NULL), *measures, *m, *v;
	const char *name, *measure, *key;
	unsigned int seen = 0;

	ASSERT_TRUE(json_is_object(doc));
	json_object_foreach(doc, name, measures) {
		ASSERT_TRUE(strlen(name) <= 1024);
		json_object_foreach(measures, measure, m) {
			ASSERT_TRUE(strlen(measure) <= 64 && json_is_number(json_object_get(m, "value")));
			json_object_foreach(m, key, v) {
				ASSERT_TRUE(!strcmp(key, "value") || !strcmp(key, "lower_value") ||
					    !strcmp(key, "upper_value"));
				ASSERT_TRUE(json_is_number(v));
			}
			seen++;
		}
	}
	ASSERT_EQ(seen, 2 * 2 * METRIC_P99); /* sets x judged arms */
	m = json_object_get(json_object_get(doc, "loop/none/randread-4k-qd1/full"), "throughput-loss-pct");
	ASSERT_TRUE(fabs(json_number_value(json_object_get(m, "value")) - 20) < 1);
	json_decref(doc);
}

/* ---- XML ---- */

static void expect_valid(const char *text, const char *schema)
{
	_cleanup_free_ char *said = NULL;
	char *argv[] = { "xmllint", "--nonet", "--noout", rendered_out, NULL, NULL, NULL };
	struct child_end end = { 0 };

	if (schema) {
		argv[4] = "--schema";
		argv[5] = (char *)schema;
	}
	ASSERT_EQ(file_replace(rendered_out, text), 0);
	ASSERT_EQ(child_run(argv, 20 * NS_PER_S, &said, &end), 0);
	if (end.status)
		printf("    %s\n", said);
	ASSERT_EQ(end.status, 0);
}

static void expect_xml(const char *format, const char *schema)
{
	struct canned c = all_kinds();
	_cleanup_free_ char *text = render(&c, format);

	expect_valid(text, schema);
}

static int count_of(const char *text, const char *word)
{
	int n = 0;

	for (const char *p = text; (p = strstr(p, word)); p++)
		n++;
	return n;
}

static int failures_in(const char *junit)
{
	const char *p = strstr(junit, " failures=\"");

	return p ? atoi(p + 11) : -1;
}

TEST(junit_is_valid_and_counts_right)
{
	struct canned c = all_kinds();
	_cleanup_free_ char *text = render(&c, "junit");

	expect_xml("junit", "bench/tests/junit.xsd");
	ASSERT_TRUE(strstr(text, "<testsuites name=\"iopath-bench\" tests=\"5\" failures=\"2\" errors=\"0\">") != NULL);
	ASSERT_TRUE(strstr(text, "name=\"randread-4k-qd1/a&lt;b&gt;&amp;&quot;c,|d\"") != NULL);
	/* 8 cells of 1 ms: an arm; two of them: a set */
	ASSERT_TRUE(strstr(text, "name=\"randread-4k-qd1/full\" time=\"0.008\"") && strstr(text, "skipped=\"1\" time=\"0.016\""));
	ASSERT_TRUE(strstr(text, "<skipped message=\"the kernel does not offer it\">") != NULL);
}

/* Skipped is green in most services: not what a run that was told to fail on it may look like. */
TEST(an_undecided_arm_fails_in_junit_where_the_run_did)
{
	struct canned c = all_kinds();
	_cleanup_free_ char *plain = NULL, *strict = NULL, *text = NULL, *before = NULL;

	plain = canned_text(&c);
	strict = canned_edit(plain, "\"budget\":5,", "\"budget\":5,\"inconclusive_fails\":true,");
	before = render_text(plain, "junit");
	text = render_text(strict, "junit");
	expect_valid(text, "bench/tests/junit.xsd");
	ASSERT_TRUE(strstr(before, "<skipped message=\"INCONCLUSIVE") && !strstr(before, "type=\"Inconclusive\""));
	ASSERT_TRUE(!strstr(text, "<skipped message=\"INCONCLUSIVE") && strstr(text, "<failure type=\"Inconclusive\" message=\"INCONCLUSIVE"));
	/* a set that was not run is no such arm */
	ASSERT_TRUE(strstr(text, "<skipped message=\"the kernel does not offer it\">") != NULL);
	ASSERT_TRUE(failures_in(text) > failures_in(before) && failures_in(text) == count_of(text, "<failure "));
}

/* As they are in the file; the time in UTC, wherever it is made. */
TEST(junit_says_when_and_where_it_was_measured)
{
	struct canned c = canned_default();
	_cleanup_free_ char *plain = NULL, *dated = NULL, *text = NULL, *older = NULL;

	c.skipped = "bfq";
	plain = canned_text(&c);
	dated = canned_edit(plain, "\"start_ms\":1000,\"end_ms\":2000,", "\"start_ms\":1764284400000,\"end_ms\":1764284401000,");
	text = canned_edit(dated, "\"seed\":1,", "\"seed\":1,\"started_ms\":1764284390000,");
	free(dated);
	dated = canned_edit(text, "\"hostname\":\"ci-7\"", "\"hostname\":\"a<b\"");
	free(text);
	setenv("TZ", "Asia/Tokyo", 1);
	text = render_text(dated, "junit");
	unsetenv("TZ");
	expect_valid(text, "bench/tests/junit.xsd");
	ASSERT_TRUE(strstr(text, "randread-4k-qd1\" tests=\"1\"") &&
		    strstr(text, " time=\"0.008\" timestamp=\"2025-11-27T23:00:00\" hostname=\"a&lt;b\">"));
	/* it has no cells: when the run began */
	ASSERT_TRUE(strstr(text, " skipped=\"1\" time=\"0.000\" timestamp=\"2025-11-27T22:59:50\" hostname=\"a&lt;b\">"));
	/* a file of before */
	free(dated);
	dated = canned_edit(plain, "\"hostname\":\"ci-7\",", "");
	older = render_text(dated, "junit");
	expect_valid(older, "bench/tests/junit.xsd");
	ASSERT_TRUE(!strstr(older, "hostname="));
}

TEST(a_partial_run_is_an_error_in_junit)
{
	struct canned c = canned_default();
	_cleanup_free_ char *text = NULL;

	c.no_end = true;
	text = render(&c, "junit");
	ASSERT_TRUE(strstr(text, "errors=\"1\"") && strstr(text, "type=\"Incomplete\""));
}

TEST(html_is_well_formed_and_needs_nothing_from_elsewhere)
{
	struct canned c = all_kinds();
	_cleanup_free_ char *text = render(&c, "html");
	unsigned int plots = 0;

	expect_xml("html", NULL);
	for (const char *p = text; (p = strstr(p, "<svg")); p++)
		plots++;
	ASSERT_EQ(plots, 2 * 5);
	ASSERT_TRUE(!strstr(text, "http") && !strstr(text, "<script") && !strstr(text, "url("));
	ASSERT_TRUE(!strstr(text, "nan") && !strstr(text, "inf\""));
	ASSERT_TRUE(strstr(text, "Schedulers: randread-4k-qd1") != NULL);
}

/* ---- CSV (RFC 4180) ---- */

/* The fields of one record; *text moves behind it. -1: not CSV. */
static int csv_record(const char **text, char field[32][256])
{
	const char *p = *text;
	int nr = 0;

	for (;;) {
		size_t len = 0;
		bool quoted = *p == '"';

		p += quoted;
		for (; *p && (quoted || !strchr(",\r\n\"", *p)); p++) {
			if (quoted && *p == '"' && p[1] != '"')
				break;
			p += quoted && *p == '"';
			field[nr][len++] = *p;
		}
		field[nr++][len] = '\0';
		if (quoted && *p++ != '"')
			return -1;
		if (*p == ',' && nr < 32) {
			p++;
			continue;
		}
		if (strncmp(p, "\r\n", 2))
			return -1;
		*text = p + 2;
		return nr;
	}
}

TEST(csv_has_a_row_per_arm_and_metric)
{
	struct canned c = all_kinds();
	_cleanup_free_ char *text = render(&c, "csv");
	char field[32][256];
	const char *p = text;
	int rows = 0, n = csv_record(&p, field), nasty = 0, skipped = 0;

	ASSERT_EQ(n, 17);
	ASSERT_STR(field[5], "estimate");
	while (*p && n == 17) {
		n = csv_record(&p, field);
		ASSERT_EQ(n, 17);
		rows++;
		nasty += !strcmp(field[3], "a<b>&\"c,|d");
		skipped += !strcmp(field[10], "SKIPPED");
		if (!strcmp(field[3], "full") && !strcmp(field[4], "throughput_loss_pct"))
			ASSERT_TRUE(fabs(atof(field[5]) - 20) < 1);
	}
	ASSERT_EQ(rows, 2 * 3 * METRIC_P99 + 1);
	ASSERT_EQ(nasty, 2 * METRIC_P99);
	ASSERT_EQ(skipped, 1);
}

/* ---- OpenMetrics ---- */

static bool is_metric_name(const char *s, size_t len)
{
	if (!len || !(isalpha(*s) || *s == '_' || *s == ':'))
		return false;
	for (size_t i = 0; i < len; i++)
		if (!isalnum(s[i]) && s[i] != '_' && s[i] != ':')
			return false;
	return true;
}

/* {a="b",c="d"}; the end of it, or NULL. */
static const char *om_labels(const char *p)
{
	if (*p != '{')
		return p;
	do {
		size_t len = strcspn(++p, "=");

		if (!is_metric_name(p, len) || p[len + 1] != '"')
			return NULL;
		for (p += len + 2; *p && *p != '"'; p++)
			if (*p == '\\' && !strchr("\\\"n", *++p))
				return NULL;
		if (*p++ != '"')
			return NULL;
	} while (*p == ',');
	return *p == '}' ? p + 1 : NULL;
}

static bool om_line(const char *l, char *family, size_t len)
{
	char word[16], name[128], *end;
	const char *p;

	if (!strncmp(l, "# ", 2)) {
		if (sscanf(l, "# %15s %127s", word, name) != 2)
			return false;
		if (!strcmp(word, "UNIT")) {
			const char *unit = strrchr(l, ' ') + 1;

			return strlen(name) > strlen(unit) &&
			       !strcmp(name + strlen(name) - strlen(unit), unit);
		}
		snprintf(family, len, "%s", name);
		return !strcmp(word, "TYPE") || !strcmp(word, "HELP");
	}
	p = l + strcspn(l, "{ ");
	if (!is_metric_name(l, (size_t)(p - l)) || strncmp(l, family, strlen(family)))
		return false; /* a family's samples stand together */
	p = om_labels(p);
	if (!p || *p != ' ')
		return false;
	strtod(p + 1, &end);
	return end > p + 1 && !*end;
}

TEST(openmetrics_is_read_by_its_grammar)
{
	struct canned c = all_kinds();
	_cleanup_free_ char *text = render(&c, "openmetrics");
	char family[128] = "", *save = NULL;
	bool eof = false;
	int samples = 0;

	ASSERT_TRUE(text[strlen(text) - 1] == '\n');
	for (char *l = strtok_r(text, "\n", &save); l; l = strtok_r(NULL, "\n", &save)) {
		ASSERT_TRUE(!eof);
		eof = !strcmp(l, "# EOF");
		if (!eof && !om_line(l, family, sizeof(family))) {
			printf("    %s\n", l);
			CU_FAIL("not OpenMetrics");
		}
		samples += *l != '#';
	}
	ASSERT_TRUE(eof);
	ASSERT_EQ(samples, 2 * 3 * (METRIC_P99 * 3 + 4 + 1));
}

/* ---- Go benchmark format ---- */

TEST(benchstat_lines_are_of_the_go_format)
{
	struct canned c = all_kinds();
	_cleanup_free_ char *text = render(&c, "benchstat");
	char *save = NULL;
	int lines = 0;

	for (char *l = strtok_r(text, "\n", &save); l; l = strtok_r(NULL, "\n", &save)) {
		char name[512], unit[32];
		double v;
		int iterations, at, n, pairs = 0;

		if (strncmp(l, "Benchmark", 9)) {
			ASSERT_TRUE(!strncmp(l, "Unit ", 5) || (islower(*l) && strstr(l, ": ")));
			continue;
		}
		ASSERT_EQ(sscanf(l, "%511s %d%n", name, &iterations, &at), 2);
		ASSERT_TRUE(isupper(name[9]) && strstr(name, "/tier=") && iterations == 1);
		while (sscanf(l + at, " %lf %31s%n", &v, unit, &n) == 2) {
			at += n;
			pairs++;
			ASSERT_TRUE(v > 0);
		}
		ASSERT_TRUE(!l[at] && pairs == 4);
		lines++;
	}
	ASSERT_EQ(lines, 2 * 4 * 8);
}

TEST_MAIN("test-bench-view", T(json_formats_are_those_of_their_schemas),
	  T(two_devices_of_one_driver_have_two_names), T(bmf_is_names_of_measures_of_numbers),
	  T(an_undecided_arm_fails_in_junit_where_the_run_did), T(junit_is_valid_and_counts_right),
	  T(junit_says_when_and_where_it_was_measured), T(a_partial_run_is_an_error_in_junit),
	  T(html_is_well_formed_and_needs_nothing_from_elsewhere), T(csv_has_a_row_per_arm_and_metric),
	  T(openmetrics_is_read_by_its_grammar), T(benchstat_lines_are_of_the_go_format))
