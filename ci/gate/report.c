/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <math.h>
#include <string.h>

#include "ci/gate/gate.h"

static json_t *num(double v)
{
	return isfinite(v) ? json_real(round(v * 1000) / 1000) : json_null();
}

static json_t *programs_json(const struct gate_result *r)
{
	json_t *list = json_array();

	for (size_t i = 0; i < r->nr_programs; i++)
		json_array_append_new(list, json_pack("{s:s, s:o, s:o, s:o, s:o}", "name", r->programs[i].name,
						      "runs_per_io", num(r->programs[i].runs),
						      "ns_per_run", num(r->programs[i].ns),
						      "insns", num(r->programs[i].insns),
						      "jited_bytes", num(r->programs[i].jited_bytes)));
	return list;
}

/*
 * Operating point: up to so many operations a second of one processor the arm is
 * inside 5 %, as what it adds is at most a twentieth of the time that one takes then.
 */
static double iops_within_5_pct(const struct gate_result *r)
{
	return isfinite(r->extra_ns) && r->extra_ns > 0 ? 1e9 / (20 * r->extra_ns) : NAN;
}

static json_t *result_json(const struct gate_result *r)
{
	bool any = isfinite(r->loss_pct);

	return json_pack("{s:s, s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:s, s:s, s:o}",
			 "arm", r->arm, "workload", r->workload,
			 "base_iops", any ? num(r->base_iops) : json_null(),
			 "iops", any ? num(r->iops) : json_null(),
			 "loss_pct", num(r->loss_pct),
			 "extra_ns_per_io", num(r->extra_ns),
			 "iops_within_5_pct", num(iops_within_5_pct(r)),
			 "p999_pct", num(r->p999_pct),
			 "tracer_ns_per_io", any ? num(r->tracer_ns) : json_null(),
			 "base_spread_pct", any ? num(r->spread_pct) : json_null(),
			 "budget_pct", num(r->budget_pct),
			 "baseline_ns_per_io", num(r->was_extra_ns),
			 "verdict", gate_verdict_name(r->verdict), "why", r->why,
			 "programs", programs_json(r));
}

json_t *gate_json(const struct gate *g)
{
	json_t *arms = json_array(), *spread = json_object(), *seen = json_object();

	for (size_t i = 0; g->results && i < g->nr_arms * g->nr_workloads; i++)
		json_array_append_new(arms, result_json(&g->results[i]));
	for (size_t w = 0; w < g->nr_workloads; w++)
		json_object_set_new(spread, g->workloads[w], num(g->spread_pct[w]));
	for (size_t a = 0; a < g->nr_arms; a++)
		json_object_set_new(seen, g->arms[a], num(g->seen[a]));
	return json_pack("{s:i, s:s, s:s, s:s, s:s, s:o, s:o, s:o, s:o*}", "schema", GATE_SCHEMA,
			 "verdict", gate_verdict_name(g->verdict), "kernel", g->kernel,
			 "error", g->error, "note", g->note, "arms", arms, "base_spread_pct", spread,
			 "events_seen", seen, "fingerprint", json_incref(g->fingerprint));
}

/* "12.3", or "-" */
static const char *text(double v, int digits, char *buf, size_t len)
{
	if (isfinite(v))
		snprintf(buf, len, "%.*f", digits, v);
	else
		snprintf(buf, len, "-");
	return buf;
}
#define TEXT(v, digits) text(v, digits, (char[32]){ 0 }, 32)

static void print_spread(const struct gate *g, const char *lead, FILE *out)
{
	fprintf(out, "%sSpread of all baselines:", lead);
	for (size_t w = 0; w < g->nr_workloads; w++)
		fprintf(out, "%s %s %s %%", w ? "," : "", g->workloads[w], TEXT(g->spread_pct[w], 3));
	fprintf(out, "\n");
}

static const struct gate_result *row(const struct gate *g, size_t i)
{
	return gate_result(g, i % g->nr_arms, i / g->nr_arms);
}

#define for_each_row(g, i) for (size_t i = 0; (g)->results && i < (g)->nr_arms * (g)->nr_workloads; i++)

static size_t count(const struct gate *g, enum gate_verdict v)
{
	size_t n = 0;

	for_each_row(g, i)
		n += g->results[i].verdict == v;
	return n;
}

/* What makes the run an error is in no cell: it counts as one more. */
static bool whole_failed(const struct gate *g)
{
	return g->verdict == GATE_ERROR && !count(g, GATE_ERROR);
}

void gate_print_table(const struct gate *g, FILE *out)
{
	fprintf(out, "%-10s %-14s %10s %10s %7s %7s %9s %9s %8s %9s  %s\n", "workload", "arm",
		"base IOPS", "IOPS", "loss %", "budget", "+ns/IO", "baseline", "p99.9 %", "tracer", "verdict");
	for_each_row(g, i) {
		const struct gate_result *r = row(g, i);
		bool any = isfinite(r->loss_pct);

		fprintf(out, "%-10s %-14s %10s %10s %7s %7s %9s %9s %8s %9s  %s%s%s\n", r->workload, r->arm,
			TEXT(any ? r->base_iops : NAN, 0), TEXT(any ? r->iops : NAN, 0),
			TEXT(r->loss_pct, 2), TEXT(r->budget_pct, 2), TEXT(r->extra_ns, 0),
			TEXT(r->was_extra_ns, 0), TEXT(r->p999_pct, 1), TEXT(any ? r->tracer_ns : NAN, 1),
			gate_verdict_name(r->verdict), r->why[0] ? ": " : "", r->why);
	}
	if (g->results)
		print_spread(g, "", out);
	if (g->note[0])
		fprintf(out, "Note: %s\n", g->note);
	if (g->error[0])
		fprintf(out, "Error: %s\n", g->error);
	fprintf(out, "%s\ngate: %zu passed, %zu failed, %zu skipped\n", gate_verdict_name(g->verdict),
		count(g, GATE_PASS), count(g, GATE_FAIL) + count(g, GATE_ERROR) + whole_failed(g),
		count(g, GATE_NONE));
}

void gate_print_escaped(const char *s, FILE *out)
{
	for (; *s; s++) {
		if (*s == '&')
			fputs("&amp;", out);
		else if (*s == '<')
			fputs("&lt;", out);
		else if (*s == '"')
			fputs("&quot;", out);
		else if (*s == '|')
			fputs("&#124;", out);
		else if ((unsigned char)*s >= ' ')
			fputc(*s, out);
	}
}

/* Runs and time of each program, a column per workload. */
static void markdown_programs(const struct gate *g, size_t a, FILE *out)
{
	char done[MAX_PROGRAMS][NAME_LEN];
	size_t nr = 0;

	for (size_t w = 0; w < g->nr_workloads; w++)
		for (size_t i = 0; i < gate_result(g, a, w)->nr_programs; i++) {
			const char *name = gate_result(g, a, w)->programs[i].name;
			size_t d = 0;

			while (d < nr && strcmp(done[d], name))
				d++;
			if (d == nr && nr < MAX_PROGRAMS)
				snprintf(done[nr++], NAME_LEN, "%s", name);
		}
	for (size_t d = 0; d < nr; d++) {
		const struct gate_program *p = NULL;

		fprintf(out, "| %s | %s |", g->arms[a], done[d]);
		for (size_t w = 0; w < g->nr_workloads; w++) {
			const struct gate_result *r = gate_result(g, a, w);
			bool any = false;

			for (size_t i = 0; i < r->nr_programs && !any; i++) {
				any = !strcmp(r->programs[i].name, done[d]);
				if (any)
					p = &r->programs[i];
			}
			if (any && !isnan(p->ns))
				fprintf(out, " %.2f × %.0f |", p->runs, p->ns);
			else
				fputs(" |", out);
		}
		fprintf(out, " %s | %s |\n", TEXT(p->insns, 0), TEXT(p->jited_bytes, 0));
	}
}

void gate_print_markdown(const struct gate *g, FILE *out)
{
	const json_t *v;
	const char *key;

	fprintf(out, "## Overhead gate, kernel %s: %s\n\n", g->kernel, gate_verdict_name(g->verdict));
	if (g->error[0])
		fprintf(out, "**%s**\n\n", g->error);
	fprintf(out, "Virtual time: 1 ns = 1 instruction.\n\n"
		     "| workload | arm | base IOPS | IOPS | loss %% | budget %% | extra ns/IO | within 5 %% to IOPS | baseline | p99.9 %% | tracer ns/IO | spread %% | verdict | |\n"
		     "|---|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---|---|\n");
	for_each_row(g, i) {
		const struct gate_result *r = row(g, i);
		bool any = isfinite(r->loss_pct);

		fprintf(out, "| %s | %s | %s | %s | %s | %s | %s | %s | %s | %s | %s | %s | %s | ", r->workload,
			r->arm, TEXT(any ? r->base_iops : NAN, 0), TEXT(any ? r->iops : NAN, 0),
			TEXT(r->loss_pct, 2), TEXT(r->budget_pct, 2), TEXT(r->extra_ns, 0),
			TEXT(iops_within_5_pct(r), 0),
			TEXT(r->was_extra_ns, 0), TEXT(r->p999_pct, 1), TEXT(any ? r->tracer_ns : NAN, 1),
			TEXT(any ? r->spread_pct : NAN, 3), gate_verdict_name(r->verdict));
		gate_print_escaped(r->why, out);
		fprintf(out, " |\n");
	}
	if (g->results)
		print_spread(g, "\n", out);
	if (g->note[0])
		fprintf(out, "\n%s\n", g->note);
	fprintf(out, "\nRuns per I/O × ns per run, with the kernel's statistics on (which cost some 30 to 60 ns of each run):\n\n| arm | program |");
	for (size_t w = 0; w < g->nr_workloads; w++)
		fprintf(out, " %s |", g->workloads[w]);
	fprintf(out, " instructions verified | bytes of code |\n|---|---|");
	for (size_t w = 0; w < g->nr_workloads + 2; w++)
		fprintf(out, "---:|");
	fprintf(out, "\n");
	for (size_t a = 0; g->results && a < g->nr_arms; a++)
		markdown_programs(g, a, out);
	fprintf(out, "\n");
	json_object_foreach(g->fingerprint, key, v)
		fprintf(out, "- %s: %s\n", key, json_string_value(v));
}

static void junit_case(const struct gate_result *r, FILE *out)
{
	fprintf(out, "  <testcase classname=\"gate.%s\" name=\"%s\"", r->workload, r->arm);
	switch (r->verdict) {
	case GATE_FAIL:
		fprintf(out, "><failure message=\"");
		gate_print_escaped(r->why, out);
		fprintf(out, "\"/></testcase>\n");
		break;
	case GATE_ERROR:
		fprintf(out, "><error message=\"");
		gate_print_escaped(r->why, out);
		fprintf(out, "\"/></testcase>\n");
		break;
	case GATE_NONE:
		fprintf(out, "><skipped message=\"no budget and no baseline\"/></testcase>\n");
		break;
	case GATE_PASS:
		fprintf(out, "/>\n");
		break;
	}
}

void gate_print_junit(const struct gate *g, FILE *out)
{
	bool whole = whole_failed(g);

	fprintf(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
		     "<testsuite name=\"gate %s\" tests=\"%zu\" failures=\"%zu\" errors=\"%zu\" skipped=\"%zu\">\n",
		g->kernel, (g->results ? g->nr_arms * g->nr_workloads : 0) + whole,
		count(g, GATE_FAIL), count(g, GATE_ERROR) + whole, count(g, GATE_NONE));
	for_each_row(g, i)
		junit_case(row(g, i), out);
	if (whole) {
		fprintf(out, "  <testcase classname=\"gate\" name=\"run\"><error message=\"");
		gate_print_escaped(g->error[0] ? g->error : g->note, out);
		fprintf(out, "\"/></testcase>\n");
	}
	fprintf(out, "</testsuite>\n");
}

void gate_print_renewal(const struct gate *g, FILE *out)
{
	fprintf(out, "%-10s %-14s %14s %14s %9s\n", "workload", "arm", "old +ns/IO", "new +ns/IO",
		"change");
	for_each_row(g, i) {
		const struct gate_result *r = row(g, i);

		fprintf(out, "%-10s %-14s %14s %14s %9s\n", r->workload, r->arm,
			TEXT(r->was_extra_ns, 1), TEXT(r->extra_ns, 1),
			TEXT(r->extra_ns - r->was_extra_ns, 1));
	}
}
