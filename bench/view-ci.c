/* SPDX-License-Identifier: GPL-2.0-or-later */
/* For CI systems: JUnit XML, Bencher Metric Format, github-action-benchmark. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bench/stop.h"
#include "bench/view.h"
#include "tracer/base/cleanup.h"

/* ---- JUnit ---- */

static char *verdict_of(const struct report *r, const struct report_set *s, unsigned int arm)
{
	char *text = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);

	if (!f)
		return NULL;
	view_verdict(r, &s->outcome, arm, f);
	fclose(f);
	return text;
}

static void property(const char *name, const char *value, FILE *f)
{
	fprintf(f, "   <property name=\"%s\" value=\"", name);
	xml_text(value, f);
	fputs("\"/>\n", f);
}

static void properties(const struct report *r, const struct report_set *s, FILE *f)
{
	const json_t *fingerprint = json_object_get(r->header, "fingerprint");
	static const char *const keys[] = { "key", "cpu_model", "arch", "fio", "sysbench", "uring" };
	char text[32];

	fputs("  <properties>\n", f);
	property("kernel", r->kernel, f);
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		const char *v = json_string_value(json_object_get(fingerprint, keys[i]));

		if (v)
			property(keys[i], v, f);
	}
	property("device", s->device, f);
	property("driver", s->driver, f);
	snprintf(text, sizeof(text), "%llu", (unsigned long long)r->seed);
	property("seed", text, f);
	snprintf(text, sizeof(text), "%u", s->outcome.rounds);
	property("rounds", text, f);
	for (unsigned int i = 0; i < r->preflight.nr; i++)
		property("note", r->preflight.note[i], f);
	fputs("  </properties>\n", f);
}

/* A metric per line, for whoever opens the test case. */
static void system_out(const struct report *r, const struct report_set *s, unsigned int arm, FILE *f)
{
	fputs("   <system-out>", f);
	for (enum metric m = 0; m < METRIC_NR; m++) {
		const struct decision *d = &s->outcome.decision[arm][m];
		char text[64];

		if (!report_judges(r, s, m))
			continue;
		view_interval(d, text, sizeof(text));
		fprintf(f, "%s %s %s\n", metric_name(m), text, verdict_name(d->verdict));
	}
	fputs("</system-out>\n", f);
}

static void result(const char *element, const char *type, const char *message, FILE *f)
{
	fprintf(f, "   <%s", element);
	if (type)
		fprintf(f, " type=\"%s\"", type);
	fputs(" message=\"", f);
	xml_text(message, f);
	fputs("\">", f);
	xml_text(message, f);
	fprintf(f, "</%s>\n", element);
}

static double seconds(uint64_t ns)
{
	return (double)ns / NS_PER_S;
}

/* When and where it was measured; what the file does not tell is left out. NULL: the run as a whole. */
static void when_and_where(const struct report *r, const struct report_set *s, FILE *f)
{
	int64_t ms = s && s->first_ms ? s->first_ms : s && s->started_ms ? s->started_ms :
		     json_integer_value(json_object_get(r->header, "started_ms"));
	const char *host = s && s->hostname ? s->hostname :
			   json_string_value(json_object_get(json_object_get(r->header, "fingerprint"), "hostname"));
	time_t at = (time_t)(ms / 1000);
	char text[32];
	struct tm tm;

	if (ms > 0 && gmtime_r(&at, &tm) && strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &tm))
		fprintf(f, " timestamp=\"%s\"", text);
	if (!host)
		return;
	fputs(" hostname=\"", f);
	xml_text(host, f);
	fputc('"', f);
}

static void case_head(const struct report *r, const struct report_set *s, const char *arm, uint64_t took_ns, FILE *f)
{
	char device[REPORT_DEVICE_MAX];

	fprintf(f, "  <testcase classname=\"bench.");
	xml_text(report_device(r, s, device), f);
	fputc('.', f);
	xml_text(s->scheduler, f);
	fputs("\" name=\"", f);
	xml_text(s->workload, f);
	if (arm) {
		fputc('/', f);
		xml_text(arm, f);
	}
	fprintf(f, "\" time=\"%.3f\">\n", seconds(took_ns));
}

static void test_case(const struct report *r, const struct report_set *s, unsigned int arm, FILE *f)
{
	_cleanup_free_ char *text = verdict_of(r, s, arm);
	enum verdict v = view_worst(&s->outcome, arm);

	case_head(r, s, r->arms->v[arm].name, s->outcome.figures[arm].took_ns, f);
	if (v == VERDICT_FAIL)
		result("failure", "OverheadBudget", text ? text : "FAIL", f);
	else if (v == VERDICT_INVALID)
		result("error", "Invalid", text ? text : "INVALID", f);
	else if (v == VERDICT_INCONCLUSIVE)
		result(r->inconclusive_fails ? "failure" : "skipped", r->inconclusive_fails ? "Inconclusive" : NULL,
		       text ? text : "INCONCLUSIVE", f);
	system_out(r, s, arm, f);
	fputs("  </testcase>\n", f);
}

struct counts {
	unsigned int tests, failures, errors, skipped;
};

static void count_set(const struct report *r, const struct report_set *s, struct counts *c)
{
	if (s->skipped) {
		c->tests++;
		c->skipped += !s->failed;
		c->errors += s->failed;
	}
	for (unsigned int a = 0; a < r->arms->nr && !s->skipped; a++) {
		enum verdict v = view_worst(&s->outcome, a);

		if (!report_counts(r, a))
			continue;
		c->tests++;
		c->failures += v == VERDICT_FAIL || (v == VERDICT_INCONCLUSIVE && r->inconclusive_fails);
		c->errors += v == VERDICT_INVALID;
		c->skipped += v == VERDICT_INCONCLUSIVE && !r->inconclusive_fails;
	}
}

static void suite(const struct report *r, const struct report_set *s, FILE *f)
{
	struct counts c = { 0 };
	uint64_t took_ns = 0;
	char device[REPORT_DEVICE_MAX];

	count_set(r, s, &c);
	for (unsigned int a = 0; a < r->arms->nr && !s->skipped; a++)
		took_ns += report_counts(r, a) ? s->outcome.figures[a].took_ns : 0;
	fputs(" <testsuite name=\"", f);
	xml_text(report_device(r, s, device), f);
	fputc('/', f);
	xml_text(s->scheduler, f);
	fputc('/', f);
	xml_text(s->workload, f);
	fprintf(f, "\" tests=\"%u\" failures=\"%u\" errors=\"%u\" skipped=\"%u\" time=\"%.3f\"", c.tests,
		c.failures, c.errors, c.skipped, seconds(took_ns));
	when_and_where(r, s, f);
	fputs(">\n", f);
	properties(r, s, f);
	if (s->skipped) {
		case_head(r, s, NULL, 0, f);
		result(s->failed ? "error" : "skipped", s->failed ? "Invalid" : NULL, s->skipped, f);
		fputs("  </testcase>\n", f);
	}
	for (unsigned int a = 0; a < r->arms->nr && !s->skipped; a++)
		if (report_counts(r, a))
			test_case(r, s, a, f);
	fputs(" </testsuite>\n", f);
}

void view_junit(const struct report *r, FILE *f)
{
	struct counts c = { 0 };

	for (unsigned int i = 0; i < r->nr_sets; i++)
		count_set(r, &r->set[i], &c);
	if (!r->complete) {
		c.tests++;
		c.errors++;
	}
	fprintf(f,
		"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
		"<testsuites name=\"iopath-bench\" tests=\"%u\" failures=\"%u\" errors=\"%u\">\n",
		c.tests, c.failures, c.errors);
	for (unsigned int i = 0; i < r->nr_sets; i++)
		suite(r, &r->set[i], f);
	if (!r->complete) { /* a run that was stopped must not look green */
		fputs(" <testsuite name=\"run\" tests=\"1\" failures=\"0\" errors=\"1\" skipped=\"0\" time=\"0\"", f);
		when_and_where(r, NULL, f);
		fputs(">\n  <testcase classname=\"bench\" name=\"complete\" time=\"0\">\n", f);
		result("error", "Incomplete", r->reason ? r->reason : "stopped", f);
		fputs("  </testcase>\n </testsuite>\n", f);
	}
	fputs("</testsuites>\n", f);
}

/* ---- JSON of CI services ---- */

static void bmf_arm(const struct report *r, const struct report_set *s, unsigned int arm, json_t *doc)
{
	json_t *measures = json_object();
	char *name = NULL;
	size_t len;
	FILE *n = open_memstream(&name, &len);

	for (enum metric m = 0; m < METRIC_NR; m++) {
		const struct decision *d = &s->outcome.decision[arm][m];
		char measure[64];
		json_t *v;

		if (!d->rounds || !report_judges(r, s, m))
			continue;
		v = json_pack("{s:f}", "value", d->loss.estimate);
		if (isfinite(d->loss.lower) && isfinite(d->loss.upper)) {
			json_object_set_new(v, "lower_value", json_real(d->loss.lower));
			json_object_set_new(v, "upper_value", json_real(d->loss.upper));
		}
		snprintf(measure, sizeof(measure), "%s", metric_name(m));
		for (char *c = measure; *c; c++)
			if (*c == '_')
				*c = '-';
		json_object_set_new(measures, measure, v);
	}
	if (n) {
		view_cell_name(r, s, arm, n);
		if (!fclose(n) && json_object_size(measures))
			json_object_set(doc, name, measures);
	}
	free(name);
	json_decref(measures);
}

void view_bmf(const struct report *r, FILE *f)
{
	json_t *doc = json_object();

	for (unsigned int i = 0; i < r->nr_sets; i++)
		for (unsigned int a = 0; a < r->arms->nr && !r->set[i].skipped; a++)
			if (report_counts(r, a))
				bmf_arm(r, &r->set[i], a, doc);
	json_dumpf(doc, f, JSON_INDENT(1) | JSON_SORT_KEYS);
	fputc('\n', f);
	json_decref(doc);
}

/*
 * That action compares by ratio with the run before, so that a loss of 0.1 %
 * that becomes 0.4 % is "4x" and a negative one breaks it: 100 + overhead does not.
 */
static void gha_metric(const struct report *r, const struct report_set *s, unsigned int arm, enum metric m,
		       json_t *doc)
{
	const struct decision *d = &s->outcome.decision[arm][m];
	char *name = NULL, range[32], extra[160];
	bool bounded = isfinite(d->loss.upper) && isfinite(d->loss.lower);
	size_t len;
	FILE *n;

	if (!d->rounds || !(n = open_memstream(&name, &len)))
		return;
	view_cell_name(r, s, arm, n);
	fprintf(n, " %s cost-index", metric_name(m));
	snprintf(range, sizeof(range), "± %.2f", (d->loss.upper - d->loss.lower) / 2);
	snprintf(extra, sizeof(extra), "n=%u verdict=%s kernel=%.100s", d->rounds,
		 verdict_name(d->verdict == VERDICT_UNDECIDED ? VERDICT_INCONCLUSIVE : d->verdict), r->kernel);
	if (!fclose(n))
		json_array_append_new(doc, json_pack("{s:s, s:s, s:f, s:s*, s:s}", "name", name, "unit",
						     "off=100", "value",
						     round((100 + d->loss.estimate) * 100) / 100, "range",
						     bounded ? range : NULL, "extra", extra));
	free(name);
}

void view_gha(const struct report *r, FILE *f)
{
	json_t *doc = json_array();

	for (unsigned int i = 0; i < r->nr_sets; i++)
		for (unsigned int a = 0; a < r->arms->nr && !r->set[i].skipped; a++)
			for (enum metric m = 0; m < METRIC_NR && report_counts(r, a); m++)
				if (report_judges(r, &r->set[i], m))
					gha_metric(r, &r->set[i], a, m, doc);
	json_dumpf(doc, f, JSON_INDENT(1));
	fputc('\n', f);
	json_decref(doc);
}
