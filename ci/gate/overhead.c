/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is published: each arm a row, each workload a column. */
#include <math.h>

#include "ci/gate/gate.h"

static const struct gate_result *cell(const struct gate *g, size_t arm, size_t workload)
{
	return gate_result(g, arm, workload);
}

/* Runs of BPF programs per operation; 0: none ran, or it has none. */
static double runs(const struct gate_result *r)
{
	double sum = 0;

	for (size_t i = 0; i < r->nr_programs; i++)
		sum += r->programs[i].runs;
	return sum;
}

static double tracer_ns(const struct gate_result *r)
{
	return isfinite(r->loss_pct) ? r->tracer_ns : NAN;
}

/* "1.2 / 3.4 / -" */
static void print_each(const struct gate *g, size_t arm, double (*figure)(const struct gate_result *), int digits,
		       FILE *out)
{
	for (size_t w = 0; w < g->nr_workloads; w++) {
		double v = figure(cell(g, arm, w));

		fprintf(out, w ? " / " : " ");
		if (isfinite(v))
			fprintf(out, "%.*f", digits, v);
		else
			fputc('-', out);
	}
	fputs(" |", out);
}

static void print_row(const struct gate *g, size_t arm, FILE *out)
{
	fprintf(out, "| `%s` |", g->arms[arm]);
	for (size_t w = 0; w < g->nr_workloads; w++) {
		const struct gate_result *r = cell(g, arm, w);

		if (isfinite(r->loss_pct))
			fprintf(out, " %.2f %% (%+.0f) |", r->loss_pct, r->extra_ns);
		else
			fputs(" - |", out);
	}
	print_each(g, arm, runs, 1, out);
	print_each(g, arm, tracer_ns, 0, out);
	if (isfinite(g->seen[arm]))
		fprintf(out, " %.0f", g->seen[arm]);
	else
		fputs(" -", out);
	fputs(" |\n", out);
}

/* Of an arm that was not measured, or not wholly. */
static void print_why(const struct gate *g, size_t arm, FILE *out)
{
	for (size_t w = 0; w < g->nr_workloads; w++) {
		const struct gate_result *r = cell(g, arm, w);

		if (isfinite(r->loss_pct) && r->verdict != GATE_ERROR)
			continue;
		fprintf(out, "- `%s`: ", g->arms[arm]);
		gate_print_escaped(r->why, out);
		fputc('\n', out);
		return;
	}
}

void gate_print_overhead(const struct gate *g, FILE *out)
{
	const json_t *v;
	const char *key;

	fprintf(out, "| kernel %s |", g->kernel);
	for (size_t w = 0; w < g->nr_workloads; w++)
		fprintf(out, " %s: loss (+ns/IO) |", g->workloads[w]);
	fputs(" program runs per I/O | own process, ns/IO | events it showed |\n|---|", out);
	for (size_t w = 0; w < g->nr_workloads + 3; w++)
		fputs("---:|", out);
	fputc('\n', out);
	for (size_t a = 0; g->results && a < g->nr_arms; a++)
		print_row(g, a, out);
	fputc('\n', out);
	for (size_t w = 0; w < g->nr_workloads; w++)
		fprintf(out, "%s%s %.3f %%", w ? ", " : "Baselines around the arms differed by at most: ", g->workloads[w],
			g->spread_pct[w]);
	fputs(".\n\n", out);
	for (size_t a = 0; g->results && a < g->nr_arms; a++)
		print_why(g, a, out);
	if (g->error[0])
		fprintf(out, "**%s**\n", g->error);
	fputs("\nMade with: ", out);
	json_object_foreach(g->fingerprint, key, v)
		fprintf(out, "%s %s; ", key, json_string_value(v));
	fputc('\n', out);
}
