/* SPDX-License-Identifier: GPL-2.0-or-later */
/* For programs that compute: CSV, OpenMetrics, Go benchmark lines. */
#include <math.h>
#include <string.h>

#include "bench/view.h"

/* ---- CSV (RFC 4180) ---- */

void csv_text(const char *s, FILE *f)
{
	if (!s[strcspn(s, ",\"\r\n")]) {
		fputs(s, f);
		return;
	}
	fputc('"', f);
	for (; *s; s++) {
		if (*s == '"')
			fputc('"', f);
		fputc(*s, f);
	}
	fputc('"', f);
}

/* Empty is "not measured". */
static void csv_number(double v, FILE *f)
{
	if (isfinite(v))
		fprintf(f, ",%.6g", v);
	else
		fputc(',', f);
}

static void csv_key(const struct report *r, const struct report_set *s, FILE *f)
{
	char device[REPORT_DEVICE_MAX];

	csv_text(s->workload, f);
	fputc(',', f);
	csv_text(report_device(r, s, device), f);
	fputc(',', f);
	csv_text(s->scheduler, f);
	fputc(',', f);
}

static void csv_row(const struct report *r, const struct report_set *s, unsigned int arm, enum metric m,
		    FILE *f)
{
	const struct decision *d = &s->outcome.decision[arm][m];
	const struct table *t = &s->outcome.table;

	csv_key(r, s, f);
	csv_text(r->arms->v[arm].name, f);
	fprintf(f, ",%s", metric_name(m));
	csv_number(d->rounds ? d->loss.estimate : NAN, f);
	csv_number(d->loss.lower, f);
	csv_number(d->loss.upper, f);
	fprintf(f, ",%g,%u,%s,%d,", report_margin(r, m), d->rounds,
		verdict_name(d->verdict == VERDICT_UNDECIDED ? VERDICT_INCONCLUSIVE : d->verdict),
		s->outcome.confirmed[arm][m]);
	if (d->core >= 0)
		fprintf(f, "%d", d->core);
	fputc(',', f);
	csv_text(d->reason ? d->reason : "", f);
	fprintf(f, ",%u,%u,%u\r\n", table_count(t, COLUMN_RATE_MISSED, arm), table_count(t, COLUMN_UNSTEADY, arm),
		table_count(t, COLUMN_UEVENTS, arm));
}

void view_csv(const struct report *r, FILE *f)
{
	fputs("workload,device,scheduler,arm,metric,estimate,lower,upper,margin,rounds,verdict,confirmed,core,reason,"
	      "rate_missed,unsteady,uevents\r\n",
	      f);
	for (unsigned int i = 0; i < r->nr_sets; i++) {
		const struct report_set *s = &r->set[i];

		if (s->skipped) {
			csv_key(r, s, f);
			fprintf(f, ",,,,,%g,0,%s,0,,", r->budget, s->failed ? "INVALID" : "SKIPPED");
			csv_text(s->skipped, f);
			fputs(",,,\r\n", f);
			continue;
		}
		for (unsigned int a = 0; a < r->arms->nr; a++)
			for (enum metric m = 0; m < METRIC_NR && a != r->arms->off; m++)
				if (report_judges(r, s, m))
					csv_row(r, s, a, m, f);
	}
}

/* ---- OpenMetrics ---- */

static void label(const char *s, FILE *f)
{
	for (; *s; s++) {
		if (*s == '\\' || *s == '"')
			fputc('\\', f);
		fputc(*s, f);
	}
}

static void labels(const struct report *r, const struct report_set *s, unsigned int arm, FILE *f)
{
	char device[REPORT_DEVICE_MAX];

	fprintf(f, "device=\"");
	label(report_device(r, s, device), f);
	fprintf(f, "\",scheduler=\"");
	label(s->scheduler, f);
	fprintf(f, "\",workload=\"");
	label(s->workload, f);
	fprintf(f, "\",arm=\"");
	label(r->arms->v[arm].name, f);
	fputc('"', f);
}

static void om_sample(const struct report *r, const struct report_set *s, unsigned int arm, enum metric m,
		      const char *bound, double v, FILE *f)
{
	if (!isfinite(v))
		return;
	fprintf(f, "iopath_bench_overhead_ratio{");
	labels(r, s, arm, f);
	fprintf(f, ",metric=\"%.*s\",bound=\"%s\"} %.6g\n", (int)(strrchr(metric_name(m), '_') - metric_name(m)),
		metric_name(m), bound, v / 100);
}

static void om_overhead(const struct report *r, const struct report_set *s, unsigned int arm, FILE *f)
{
	for (enum metric m = 0; m < METRIC_NR; m++) {
		const struct decision *d = &s->outcome.decision[arm][m];

		if (!d->rounds || !report_judges(r, s, m))
			continue;
		om_sample(r, s, arm, m, "estimate", d->loss.estimate, f);
		om_sample(r, s, arm, m, "lower", d->loss.lower, f);
		om_sample(r, s, arm, m, "upper", d->loss.upper, f);
	}
}

static void om_verdict(const struct report *r, const struct report_set *s, unsigned int arm, FILE *f)
{
	static const enum verdict all[] = { VERDICT_PASS, VERDICT_FAIL, VERDICT_INCONCLUSIVE,
					    VERDICT_INVALID };
	enum verdict v = view_worst(&s->outcome, arm);

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		fprintf(f, "iopath_bench_verdict{");
		labels(r, s, arm, f);
		fprintf(f, ",verdict=\"%s\"} %d\n", verdict_name(all[i]), v == all[i]);
	}
}

static void om_rounds(const struct report *r, const struct report_set *s, unsigned int arm, FILE *f)
{
	fprintf(f, "iopath_bench_rounds{");
	labels(r, s, arm, f);
	fprintf(f, "} %u\n", s->outcome.rounds);
}

/* The samples of one family must stand together. */
static void om_family(const struct report *r, FILE *f,
		      void (*one)(const struct report *, const struct report_set *, unsigned int, FILE *))
{
	for (unsigned int i = 0; i < r->nr_sets; i++)
		for (unsigned int a = 0; a < r->arms->nr && !r->set[i].skipped; a++)
			if (a != r->arms->off)
				one(r, &r->set[i], a, f);
}

void view_openmetrics(const struct report *r, FILE *f)
{
	fputs("# TYPE iopath_bench_overhead_ratio gauge\n"
	      "# UNIT iopath_bench_overhead_ratio ratio\n"
	      "# HELP iopath_bench_overhead_ratio Cost of the arm against no tracer, Hodges-Lehmann, with one-sided bounds.\n",
	      f);
	om_family(r, f, om_overhead);
	/* a node_exporter refuses a whole file for a type, as stateset, that its older format does not have */
	fputs("# TYPE iopath_bench_verdict gauge\n"
	      "# HELP iopath_bench_verdict The worst verdict over the metrics of the arm is 1, the others 0.\n",
	      f);
	om_family(r, f, om_verdict);
	fputs("# TYPE iopath_bench_rounds gauge\n"
	      "# HELP iopath_bench_rounds Rounds that counted.\n",
	      f);
	om_family(r, f, om_rounds);
	fputs("# EOF\n", f);
}

/* ---- Go benchmark lines ---- */

static void go_line(const struct report *r, const struct report_set *s, unsigned int arm,
		    unsigned int round, FILE *f)
{
	const struct table *t = &s->outcome.table;
	double iops = table_value(t, COLUMN_IOPS, round, arm);
	double ns = table_value(t, COLUMN_NS_PER_IO, round, arm);
	double p99 = table_value(t, COLUMN_P99_NS, round, arm);
	char device[REPORT_DEVICE_MAX];

	if (!isfinite(iops) || !isfinite(ns))
		return;
	/* last what never ends in "-NUMBER", which would be taken for a number of processors */
	fprintf(f, "BenchmarkIopath/dev=%s/wl=%s/tier=%s/sched=%s 1 %.6g ns/op %.6g IOPS %.6g cpu-ns/op",
		report_device(r, s, device), s->workload, r->arms->v[arm].name, s->scheduler, 1e9 / iops, iops, ns);
	if (p99 > 0)
		fprintf(f, " %.6g p99-ns", p99);
	fputc('\n', f);
}

static const char *header_text(const struct report *r, const char *key)
{
	const char *s = json_string_value(
		json_object_get(json_object_get(r->header, "fingerprint"), key));

	return s ? s : "unknown";
}

void view_benchstat(const struct report *r, FILE *f)
{
	fprintf(f, "goos: linux\ngoarch: %s\npkg: iopath-bench\ncpu: %s\nkernel: %s\nseed: %llu\n",
		header_text(r, "arch"), header_text(r, "cpu_model"), r->kernel,
		(unsigned long long)r->seed);
	fprintf(f, "Unit IOPS better=higher\n");
	for (unsigned int i = 0; i < r->nr_sets; i++) {
		const struct report_set *s = &r->set[i];

		for (unsigned int a = 0; a < r->arms->nr && !s->skipped; a++)
			for (unsigned int n = 0; n < s->outcome.table.nr_rounds; n++)
				go_line(r, s, a, n, f);
	}
}
