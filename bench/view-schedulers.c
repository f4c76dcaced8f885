/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Schedulers side by side: what each does to the workload (without a tracer),
 * what tracing costs under it, and in which stage a request's time goes.
 */
#include <math.h>
#include <string.h>

#include "bench/view.h"
#include "tracer/base/parse.h"

#define ROUNDS_MIN 5 /* fewer have no bounds: a figure of theirs may be anything */

static const char *figure(enum column c, double v, char *buf, size_t len)
{
	if (c != COLUMN_IOPS)
		return fmt_duration((uint64_t)v, buf, len);
	snprintf(buf, len, "%.0f", v);
	return buf;
}

void view_level(const struct report *r, const struct report_set *s, enum column c, char *buf, size_t len)
{
	double alpha = r->smoke ? SINGLE_LOOK_ALPHA : rounds_alpha(&r->rounds);
	char estimate[24], lower[24], upper[24];
	struct interval v;

	if (table_level(&s->outcome.table, c, r->arms->off, alpha, &v) || !(v.estimate > 0))
		snprintf(buf, len, "-");
	else if (isinf(v.lower))
		snprintf(buf, len, "%s [no bound]", figure(c, v.estimate, estimate, sizeof(estimate)));
	else
		snprintf(buf, len, "%s [%s,%s]", figure(c, v.estimate, estimate, sizeof(estimate)),
			 figure(c, v.lower, lower, sizeof(lower)), figure(c, v.upper, upper, sizeof(upper)));
}

static double spread_pct(const struct report *r, const struct table *t)
{
	double lo = INFINITY, hi = 0;

	for (unsigned int i = 0; i < t->nr_rounds; i++) {
		double off = table_value(t, COLUMN_IOPS, i, r->arms->off), twin = table_value(t, COLUMN_IOPS, i, r->arms->twin);

		lo = fmin(lo, fmin(off, twin));
		hi = fmax(hi, fmax(off, twin));
	}
	return lo < hi ? 100 * (hi / lo - 1) : 0;
}

double view_drift_pct(const struct report *r, unsigned int first)
{
	double most = 0;

	for (unsigned int i = first; i < r->nr_sets; i++)
		if (view_same_place(&r->set[i], &r->set[first]) && !r->set[i].skipped)
			most = fmax(most, spread_pct(r, &r->set[i].outcome.table));
	return most;
}

/* Is there anything to be said of throughput and cost at this place? */
static bool has_figures(const struct report *r, unsigned int first)
{
	for (unsigned int i = first; i < r->nr_sets; i++)
		if (view_same_place(&r->set[i], &r->set[first]) &&
		    (r->set[i].skipped || r->set[i].outcome.table.nr_rounds >= ROUNDS_MIN))
			return true;
	return false;
}

static void print_workload(const struct report *r, unsigned int first, FILE *f)
{
	fprintf(f, "\nWithout a tracer, %s:\n\n| scheduler | IOPS | latency of | p50 | p99 | p99.9 | CPU per I/O |\n|---|---:|---|---:|---:|---:|---:|\n",
		view_full_load(&r->set[first].outcome));
	for (unsigned int i = first; i < r->nr_sets; i++) {
		const struct report_set *s = &r->set[i];
		const struct table *t = &s->outcome.table;
		static const enum column columns[] = { COLUMN_P50_NS, COLUMN_P99_NS, COLUMN_P999_NS, COLUMN_NS_PER_IO_FULL };
		char text[80];

		if (!view_same_place(s, &r->set[first]))
			continue;
		if (s->skipped || t->nr_rounds < ROUNDS_MIN) {
			fprintf(f, "| %s | %s | | | | | |\n", s->scheduler,
				s->skipped ? s->failed ? "failed" : "skipped" : "too few rounds for a figure");
			continue;
		}
		view_level(r, s, COLUMN_IOPS, text, sizeof(text));
		fprintf(f, "| %s | %s | %s |", s->scheduler, text, view_operation(&s->outcome));
		for (size_t c = 0; c < sizeof(columns) / sizeof(columns[0]); c++) {
			view_level(r, s, columns[c], text, sizeof(text));
			fprintf(f, " %s |", text);
		}
		fputc('\n', f);
	}
	fprintf(f, "\n[bounds] are one-sided. Measured one after the other: differences of throughput below %.1f %% may be drift,\n"
		   "as far apart were cells without a tracer (off, off2) in the turn of one scheduler.\n", view_drift_pct(r, first));
	for (unsigned int i = first; i < r->nr_sets; i++) {
		if (!r->set[i].skipped || !view_same_place(&r->set[i], &r->set[first]))
			continue;
		fprintf(f, "\n%s: ", r->set[i].scheduler);
		md_text(r->set[i].skipped, f);
		fputc('\n', f);
	}
}

static void print_cost(const struct report *r, unsigned int first, unsigned int arm, FILE *f)
{
	fprintf(f, "\nCost of `%s`:\n\n| scheduler | throughput loss %% | CPU per I/O %% | verdict |\n|---|---:|---:|---|\n",
		r->arms->v[arm].name);
	for (unsigned int i = first; i < r->nr_sets; i++) {
		const struct report_set *s = &r->set[i];
		char thr[48], cpu[48];

		if (!view_same_place(s, &r->set[first]) || s->skipped)
			continue;
		if (s->outcome.table.nr_rounds < ROUNDS_MIN) {
			fprintf(f, "| %s | - | - | too few rounds for a figure |\n", s->scheduler);
			continue;
		}
		view_cost(&s->outcome, arm, METRIC_THROUGHPUT, thr, sizeof(thr));
		view_cost(&s->outcome, arm, METRIC_CPU_PER_IO, cpu, sizeof(cpu));
		fprintf(f, "| %s | %s | %s | ", s->scheduler, thr, cpu);
		md_verdict(r, &s->outcome, arm, f);
		fputs(" |\n", f);
	}
}

static const struct arm_figures *with_stages(const struct report_set *s, unsigned int arm)
{
	const struct arm_figures *fig = &s->outcome.figures[arm];

	return !s->skipped && fig->nr_stages && fig->traced_ios ? fig : NULL;
}

static double stage_mean(const struct arm_figures *f, const char *name)
{
	for (unsigned int i = 0; i < f->nr_stages; i++)
		if (!strcmp(f->stage[i].name, name))
			return f->stage[i].sum_ns / (double)f->traced_ios;
	return NAN;
}

/* Columns are the stages of the first set that has any; a stage that is always 0 has none. */
static void print_stages(const struct report *r, unsigned int first, unsigned int arm, FILE *f)
{
	const struct arm_figures *head = NULL;

	for (unsigned int i = first; i < r->nr_sets && !head; i++)
		if (view_same_place(&r->set[i], &r->set[first]))
			head = with_stages(&r->set[i], arm);
	if (!head)
		return;
	fprintf(f, "\nWhere a request's time goes, mean, by `%s`:\n\n| scheduler |", r->arms->v[arm].name);
	for (unsigned int k = 0; k < head->nr_stages; k++)
		fprintf(f, " %s |", head->stage[k].name);
	fprintf(f, "\n|---|");
	for (unsigned int k = 0; k < head->nr_stages; k++)
		fprintf(f, "---:|");
	fputc('\n', f);
	for (unsigned int i = first; i < r->nr_sets; i++) {
		const struct arm_figures *fig = with_stages(&r->set[i], arm);

		if (!view_same_place(&r->set[i], &r->set[first]) || !fig)
			continue;
		fprintf(f, "| %s |", r->set[i].scheduler);
		for (unsigned int k = 0; k < head->nr_stages; k++) {
			double mean = stage_mean(fig, head->stage[k].name);
			char text[32];

			fprintf(f, " %s |", isnan(mean) ? "not measured" :
						fmt_duration((uint64_t)mean, text, sizeof(text)));
		}
		fputc('\n', f);
	}
}

void view_schedulers(const struct report *r, FILE *f)
{
	fprintf(f, "# Schedulers\n\nKernel %s, seed %llu, budget %g%%.%s\n", r->kernel, (unsigned long long)r->seed,
		r->budget, r->smoke ? " A smoke run: few short rounds, one look; it does not gate." : "");
	md_machine(r, f);
	for (unsigned int i = 0; i < r->nr_sets; i++) {
		if (!view_comes_first(r, i))
			continue;
		fprintf(f, "\n## %s on %s\n", r->set[i].workload, r->set[i].device);
		if (!has_figures(r, i))
			fprintf(f, "\nFewer than %d rounds counted: no figures of throughput and cost.\n", ROUNDS_MIN);
		else
			print_workload(r, i, f);
		for (unsigned int a = 0; a < r->arms->nr; a++)
			if (report_counts(r, a) && has_figures(r, i))
				print_cost(r, i, a, f);
		for (unsigned int a = 0; a < r->arms->nr; a++)
			if (report_counts(r, a))
				print_stages(r, i, a, f);
	}
}
