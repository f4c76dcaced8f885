/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "view.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tracer/base/cleanup.h"
#include "tracer/base/parse.h"

/* Further from what the rounds saw than this, and a calibration says little of them. */
#define CALIBRATION_DRIFT .15

const struct view views[] = {
	{ "text", "the table that a run prints", view_text },
	{ "md", "Markdown, as report.md", view_md },
	{ "schedulers", "Markdown: schedulers side by side, and the stages in which the time goes", view_schedulers },
	{ "html", "one page with plots, self-contained", view_html },
	{ "json", "as verdict.json", view_json },
	{ "junit", "JUnit XML: a test case per arm, a FAIL is a failure", view_junit },
	{ "csv", "a row per arm and metric", view_csv },
	{ "openmetrics", "for a node_exporter's text files, or GitLab", view_openmetrics },
	{ "bmf", "Bencher Metric Format", view_bmf },
	{ "gha", "github-action-benchmark, customSmallerIsBetter: 100 + overhead", view_gha },
	{ "benchstat", "Go benchmark lines, one per round and arm", view_benchstat },
};
const size_t nr_views = ARRAY_SIZE(views);

static const char *const metric_short[] = {
	[METRIC_THROUGHPUT] = "thr",
	[METRIC_CPU_PER_IO] = "cpu/IO",
	[METRIC_SYSTEM_CPU] = "sys",
	[METRIC_WORST_CORE] = "core",
	[METRIC_P99] = "p99",
};

const struct view *view_find(const char *name)
{
	for (size_t i = 0; i < nr_views; i++)
		if (!strcmp(views[i].name, name))
			return &views[i];
	return NULL;
}

int view_render(const struct view *v, const struct report *r, char **ret)
{
	char *text = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);

	if (!f)
		return -errno;
	v->write(r, f);
	if (ferror(f) | fclose(f)) {
		free(text);
		return -ENOMEM;
	}
	*ret = text;
	return 0;
}

void view_loads(const struct report *r, char *buf, size_t len)
{
	static const struct {
		const char *name, *remark;
	} loads[] = {
		{ "fio", "" },
		{ "sysbench", " (throughput of its whole run, CPU time of the window)" },
		{ "uring", "" },
	};
	const json_t *fingerprint = json_object_get(r->header, "fingerprint");
	size_t at = 0;

	*buf = '\0';
	for (size_t i = 0; i < ARRAY_SIZE(loads) && at < len; i++) {
		const char *version = json_string_value(json_object_get(fingerprint, loads[i].name));

		if (version && *version)
			at += (size_t)snprintf(buf + at, len - at, "%s%s%s", at ? ", " : "", version, loads[i].remark);
	}
	if (!at)
		snprintf(buf, len, "load by a command");
}

void view_disk(const struct report_set *s, char *buf, size_t len)
{
	static const char *const words[] = { "driver", "model", "scsi_host", "order", "place" };
	static const char *const settings[] = { "nr_requests", "wbt_lat_usec", "rotational", "write_cache" };
	const json_t *queues = json_object_get(s->outcome.disk, "nr_hw_queues");
	FILE *f = fmemopen(buf, len, "w");
	char size[32];

	*buf = '\0';
	if (!f)
		return;
	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		const char *word = json_string_value(json_object_get(s->outcome.disk, words[i]));

		if (word && *word)
			fprintf(f, "%s%s", i ? ", " : "", word);
	}
	if (s->outcome.disk)
		fprintf(f, ", %s", fmt_size((uint64_t)json_integer_value(json_object_get(s->outcome.disk, "size_bytes")), size, sizeof(size)));
	if (json_is_integer(queues))
		fprintf(f, "; %lld hardware queue%s", json_integer_value(queues), json_integer_value(queues) == 1 ? "" : "s");
	for (size_t i = 0; i < ARRAY_SIZE(settings); i++) {
		const char *value = json_string_value(json_object_get(json_object_get(s->outcome.disk, "queue"), settings[i]));

		if (value)
			fprintf(f, ", %s %s", settings[i], value);
	}
	fclose(f);
}

/* "+0.9 [+0.2,+1.7]" */
void view_interval(const struct decision *d, char *buf, size_t len)
{
	if (!d->rounds)
		snprintf(buf, len, "-");
	else if (!isfinite(d->loss.lower) || !isfinite(d->loss.upper))
		snprintf(buf, len, "%+.1f [no bound]", d->loss.estimate);
	else
		snprintf(buf, len, "%+.1f [%+.1f,%+.1f]", d->loss.estimate, d->loss.lower,
			 d->loss.upper);
}

void view_cost(const struct set_outcome *o, unsigned int arm, enum metric m, char *buf, size_t len)
{
	if (o->open_loop && m == METRIC_THROUGHPUT)
		snprintf(buf, len, "open loop");
	else
		view_interval(&o->decision[arm][m], buf, len);
}

const char *view_full_load(const struct set_outcome *o)
{
	return o->open_loop ? "at its own rate" : "at saturation";
}

/* "ok" is a twin that could have seen a deviation that matters. */
static const char *twin_word(const struct decision *d)
{
	if (d->verdict == VERDICT_INVALID)
		return " INVALID";
	if (!d->rounds || !isfinite(d->loss.upper))
		return "";
	return (d->loss.upper - d->loss.lower) / 2 > rule_default.twin_half_width ? " wide" : " ok";
}

void view_twin(const struct report *r, const struct set_outcome *o, char *buf, size_t len)
{
	enum metric m = o->open_loop ? METRIC_CPU_PER_IO : METRIC_THROUGHPUT;
	const struct decision *d = &o->decision[r->arms->twin][m];
	char text[64], floor[32] = "";

	view_interval(d, text, sizeof(text));
	if (isfinite(d->loss.upper) && d->rounds)
		snprintf(floor, sizeof(floor), " floor %.1f%%", (d->loss.upper - d->loss.lower) / 2);
	snprintf(buf, len, "A/A %s%s%s%s", m == METRIC_CPU_PER_IO ? "cpu/IO " : "", text, floor, twin_word(d));
}

const char *view_operation(const struct set_outcome *o)
{
	return o->table.op == FIO_WRITE ? "writes" : "reads";
}

void view_rate(const struct set_outcome *o, char *buf, size_t len)
{
	int at = o->no_rate[0] ? snprintf(buf, len, "no fixed rate, CPU %s (%s)", view_full_load(o), o->no_rate) :
		 snprintf(buf, len, "fixed rate %.0f (%.0f%%)", o->rate_iops, 100 * o->rate_iops / o->off_iops);

	if (at >= 0 && (size_t)at < len && fabs(o->off_iops / o->capacity_iops - 1) > CALIBRATION_DRIFT)
		snprintf(buf + at, len - (size_t)at, ", planned when it did %.0f IOPS", o->capacity_iops);
}

const char *view_load(const struct set_outcome *o, double iops, const char *none, char *buf, size_t len)
{
	if (iops > 0 && o->off_iops > 0)
		snprintf(buf, len, "%.0f%% load", 100 * iops / o->off_iops);
	else
		snprintf(buf, len, "%s", none);
	return buf;
}

void view_p99_more(const struct arm_figures *f, char *buf, size_t len)
{
	struct decision d = { .loss = f->p99_more, .rounds = f->has_p99_more };

	view_interval(&d, buf, len);
}

void view_value(const struct decision *d, char *buf, size_t len)
{
	if (!d->rounds)
		snprintf(buf, len, "-");
	else if (d->core >= 0)
		snprintf(buf, len, "cpu%d %+.1f", d->core, d->loss.estimate);
	else
		snprintf(buf, len, "%+.1f", d->loss.estimate);
}

/* Names of the metrics of @arm with verdict @v: "cpu/IO, core". */
static void name_metrics(const struct set_outcome *o, unsigned int arm, enum verdict v, char *buf,
			 size_t len)
{
	size_t at = 0;

	buf[0] = '\0';
	for (int m = 0; m < METRIC_NR; m++) {
		if (o->decision[arm][m].verdict != v || at >= len)
			continue;
		at += (size_t)snprintf(buf + at, len - at, "%s%s", at ? ", " : "", metric_short[m]);
	}
}

static const char *first_reason(const struct set_outcome *o, unsigned int arm, enum verdict v)
{
	for (int m = 0; m < METRIC_NR; m++)
		if (o->decision[arm][m].verdict == v && o->decision[arm][m].reason)
			return o->decision[arm][m].reason;
	return NULL;
}

static unsigned int most_rounds_needed(const struct set_outcome *o, unsigned int arm)
{
	unsigned int n = 0;

	for (int m = 0; m < METRIC_NR; m++)
		if (o->decision[arm][m].verdict == VERDICT_INCONCLUSIVE &&
		    o->decision[arm][m].rounds_needed > n)
			n = o->decision[arm][m].rounds_needed;
	return n;
}

/* "FAIL cpu/IO; undecided thr, needs ~40 rounds" */
void view_verdict(const struct report *r, const struct set_outcome *o, unsigned int arm, FILE *f)
{
	enum verdict worst = VERDICT_UNDECIDED;
	unsigned int n = most_rounds_needed(o, arm);
	const char *reason;
	char names[64];

	for (int m = 0; m < METRIC_NR; m++)
		worst = verdict_worse(worst, o->decision[arm][m].verdict);
	fprintf(f, "%s", worst == VERDICT_UNDECIDED ? "INCONCLUSIVE" : verdict_name(worst));
	if (worst == VERDICT_PASS) {
		if (o->missed[arm][0])
			fprintf(f, " (%s)", o->missed[arm]);
		return;
	}
	name_metrics(o, arm, worst, names, sizeof(names));
	fprintf(f, " %s", names);
	if (worst == VERDICT_FAIL && r->smoke)
		fprintf(f, " (not confirmed)");
	name_metrics(o, arm, VERDICT_INCONCLUSIVE, names, sizeof(names));
	if (worst != VERDICT_INCONCLUSIVE && names[0])
		fprintf(f, "; undecided %s", names);
	if (n)
		fprintf(f, ", needs %s%u rounds", n > 999 ? "over " : "~", n > 999 ? 999 : n);
	reason = first_reason(o, arm, worst);
	if (!reason && o->missed[arm][0])
		reason = o->missed[arm];
	if (reason)
		fprintf(f, " (%s)", reason);
}

enum verdict view_worst(const struct set_outcome *o, unsigned int arm)
{
	enum verdict worst = VERDICT_UNDECIDED;

	for (int m = 0; m < METRIC_NR; m++)
		worst = verdict_worse(worst, o->decision[arm][m].verdict);
	return worst == VERDICT_UNDECIDED ? VERDICT_INCONCLUSIVE : worst;
}

void view_json(const struct report *r, FILE *f)
{
	json_t *doc = report_verdict_json(r, report_exit(r));

	json_dumpf(doc, f, JSON_INDENT(1));
	fputc('\n', f);
	json_decref(doc);
}

void xml_text(const char *s, FILE *f)
{
	for (; *s; s++) {
		switch (*s) {
		case '&':
			fputs("&amp;", f);
			break;
		case '<':
			fputs("&lt;", f);
			break;
		case '>':
			fputs("&gt;", f);
			break;
		case '"':
			fputs("&quot;", f);
			break;
		default: /* XML has no other control characters, not even escaped */
			fputc((unsigned char)*s < ' ' && *s != '\n' ? ' ' : *s, f);
		}
	}
}

void view_cell_name(const struct report *r, const struct report_set *s, unsigned int arm, FILE *f)
{
	char device[REPORT_DEVICE_MAX];

	fprintf(f, "%s/%s/%s/%s", report_device(r, s, device), s->scheduler, s->workload, r->arms->v[arm].name);
}

bool view_same_place(const struct report_set *a, const struct report_set *b)
{
	return !strcmp(a->workload, b->workload) && !strcmp(a->device, b->device);
}

bool view_comes_first(const struct report *r, unsigned int set)
{
	for (unsigned int i = 0; i < set; i++)
		if (view_same_place(&r->set[i], &r->set[set]))
			return false;
	return true;
}
