/* SPDX-License-Identifier: GPL-2.0-or-later */
/* report.md: tables that a forge renders. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "bench/view.h"
#include "tracer/base/cleanup.h"
#include "tracer/base/parse.h"

/* What needs no quotes in a shell. */
#define WORD_CHARACTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-+=:,./@%"

/* A cell of a table must not hold its separator. */
void md_text(const char *s, FILE *f)
{
	for (; *s; s++) {
		if (strchr("|<>*_`\\[]", *s))
			fputc('\\', f);
		fputc(*s, f);
	}
}

static const char *fingerprint(const struct report *r, const char *key)
{
	return json_string_value(json_object_get(json_object_get(r->header, "fingerprint"), key));
}

/* Options whose argument is where a file was on that machine: nobody else wants it. */
static bool names_a_place(const char *word)
{
	static const char *const options[] = { "--out", "-o", "--state-dir", "--history" };

	for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++)
		if (!strcmp(word, options[i]))
			return true;
	return false;
}

void md_machine(const struct report *r, FILE *f)
{
	const json_t *cpus = json_object_get(json_object_get(r->header, "fingerprint"), "nr_cpus");
	const char *key = fingerprint(r, "key"), *model = fingerprint(r, "cpu_model");
	char loads[200];
	bool is_place = false;
	json_t *word;
	size_t i;

	if (!key)
		return;
	fputs("\n```\niopath-bench", f);
	json_array_foreach(json_object_get(r->header, "argv"), i, word) {
		const char *s = json_string_value(word) ? json_string_value(word) : "?";
		bool skip = is_place;

		is_place = names_a_place(s);
		if (skip || is_place || !strncmp(s, "--out=", 6))
			continue;
		fprintf(f, *s && !s[strspn(s, WORD_CHARACTERS)] ? " %s" : " '%s'", s);
	}
	fputs("\n```\n\nMachine ", f);
	md_text(key, f);
	fputs(": ", f);
	md_text(model ? model : "CPU unknown", f);
	fprintf(f, ", %lld CPUs, kernel ", json_integer_value(cpus));
	md_text(r->kernel, f);
	fputs(", ", f);
	view_loads(r, loads, sizeof(loads));
	md_text(loads, f);
	fprintf(f, "; windows of %g s, %u to %u rounds.\n",
		(double)json_integer_value(json_object_get(r->header, "window_ns")) / 1e9, r->rounds.min, r->rounds.max);
}

void md_verdict(const struct report *r, const struct set_outcome *o, unsigned int arm, FILE *f)
{
	_cleanup_free_ char *text = NULL;
	size_t len;
	FILE *v = open_memstream(&text, &len);

	if (!v)
		return;
	view_verdict(r, o, arm, v);
	if (!fclose(v))
		md_text(text, f);
}

static void print_arm(const struct report *r, const struct report_set *s, unsigned int arm, FILE *f)
{
	const struct set_outcome *o = &s->outcome;
	const struct arm_figures *fig = &o->figures[arm];
	char text[48];

	fprintf(f, "| ");
	md_text(r->arms->v[arm].name, f);
	view_cost(o, arm, METRIC_THROUGHPUT, text, sizeof(text));
	fprintf(f, " | %s", text);
	view_cost(o, arm, METRIC_CPU_PER_IO, text, sizeof(text));
	fprintf(f, " | %s", text);
	view_value(&o->decision[arm][METRIC_SYSTEM_CPU], text, sizeof(text));
	fprintf(f, " | %s", text);
	view_value(&o->decision[arm][METRIC_WORST_CORE], text, sizeof(text));
	fprintf(f, " | %s", text);
	if (o->decision[arm][METRIC_CPU_PER_IO].rounds)
		fprintf(f, " | %+.0f", fig->cpu_ns_per_io);
	else
		fprintf(f, " | -");
	fprintf(f, " | %s", fig->p99_ns > 0 ? fmt_duration((uint64_t)fig->p99_ns, text, sizeof(text)) : "-");
	view_p99_more(fig, text, sizeof(text));
	fprintf(f, " | %s", text);
	if (fig->is_traced)
		fprintf(f, " | %llu | ", (unsigned long long)fig->lost);
	else
		fprintf(f, " | - | ");
	md_verdict(r, o, arm, f);
	fprintf(f, " |\n");
}

static void print_set(const struct report *r, const struct report_set *s, FILE *f)
{
	const struct set_outcome *o = &s->outcome;
	char text[128], rate[320], disk[400];

	fprintf(f, "\n## ");
	md_text(s->workload, f);
	fprintf(f, " on %s, scheduler %s\n\n", s->device, s->scheduler);
	if (s->skipped) {
		fputs(s->failed ? "INVALID: " : "Skipped: ", f);
		md_text(s->skipped, f);
		fputc('\n', f);
		return;
	}
	view_disk(s, disk, sizeof(disk));
	if (disk[0]) {
		md_text(disk, f);
		fputs(".\n\n", f);
	}
	view_twin(r, o, text, sizeof(text));
	fprintf(f, "%u of at most %u rounds", o->rounds, r->rounds.max);
	if (o->confirm_rounds)
		fprintf(f, ", %u more to confirm", o->confirm_rounds);
	if (o->redone)
		fprintf(f, ", %u redone", o->redone);
	fprintf(f, "; %s", text);
	if (o->off_iops > 0) {
		view_rate(o, rate, sizeof(rate));
		fprintf(f, "; without a tracer %.0f IOPS, ", o->off_iops);
		md_text(rate, f);
	}
	if (o->figures[r->arms->off].p99_ns > 0)
		fprintf(f, ", p99 of %s %s", view_operation(o),
			fmt_duration((uint64_t)o->figures[r->arms->off].p99_ns, text, sizeof(text)));
	fprintf(f, ".\n\n| tier | throughput loss %% | CPU per I/O %% | system pp | worst core pp | ns/IO | p99 | p99 more %% | lost | verdict |\n"
		   "|---|---:|---:|---:|---:|---:|---:|---:|---:|---|\n");
	for (unsigned int a = 0; a < r->arms->nr; a++)
		if (a != r->arms->off)
			print_arm(r, s, a, f);
	view_cpu_md(r, s, f);
	if (o->fault[0]) {
		fprintf(f, "\nNot decided: ");
		md_text(o->fault, f);
		fputc('\n', f);
	}
}

void view_md(const struct report *r, FILE *f)
{
	int code = report_exit(r);

	fprintf(f, "# iopath-bench: %s\n\nBudget %g%%, kernel %s, seed %llu.", report_verdict_text(r, code),
		r->budget, r->kernel, (unsigned long long)r->seed);
	if (!r->complete) {
		fprintf(f, " The run is not complete: ");
		md_text(r->reason ? r->reason : "?", f);
		fputc('.', f);
	}
	fputc('\n', f);
	md_machine(r, f);
	if (r->smoke)
		fprintf(f, "\nA smoke run (--quick): few short rounds, one look, no confirmation. It does not gate,\n"
			   "and its figures are not for publishing.\n");
	for (unsigned int i = 0; i < r->preflight.nr; i++) {
		fprintf(f, "\n> note: ");
		md_text(r->preflight.note[i], f);
		fputc('\n', f);
	}
	for (unsigned int i = 0; i < r->nr_sets; i++)
		print_set(r, &r->set[i], f);
	fprintf(f,
		"\nPositive is cost, against the off cell of the same round. Throughput at saturation; CPU time of the whole\n"
		"machine per I/O, system and busiest core at a fixed rate. [bounds] are one-sided, error %.3g each: PASS needs\n"
		"the upper one under the margin, FAIL the lower one over it. off2 is no tracer again: what it shows is noise.\n"
		"\n" VIEW_CPU_LEGEND "\n",
		r->smoke ? .05 : rounds_alpha(&r->rounds));
}
