/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A report as text and as Markdown. */
#include <string.h>

#include "ci/validate/report.h"
#include "tracer/base/cleanup.h"
#include "tracer/tests/ground-trace.h"

static const char *const words[] = { [PASSED] = "ok", [FAILED] = "FAIL", [SKIPPED] = "skip", [NOT_RUN] = "not run" };

#define for_each_row(r, p, s)                                   \
	for (size_t p = 0; p < (r)->cfg->pairs.nr; p++)         \
		for (size_t s = 0; s < (r)->cfg->schedulers.nr; s++)
#define for_each_cell(r, p, s, t) \
	for_each_row(r, p, s)     \
		for (size_t t = 0; t < (r)->cfg->tiers.nr; t++)

static const char *kernel_of(const char *pair, char buf[32])
{
	snprintf(buf, 32, "%.*s", (int)strcspn(pair, ":"), pair);
	return buf;
}
#define KERNEL(pair) kernel_of(pair, (char[32]){ 0 })

static const char *disk_of(const char *pair)
{
	return pair + strcspn(pair, ":") + 1;
}

/* "6.1 nvme none full" */
static void print_name(const struct report *r, size_t p, size_t s, size_t t, FILE *out)
{
	const struct report_cfg *cfg = r->cfg;

	fprintf(out, "%s %s %s %s", KERNEL(cfg->pairs.v[p]), disk_of(cfg->pairs.v[p]), cfg->schedulers.v[s],
		cfg->tiers.v[t]);
}

static void print_differs(json_t *line, const char *lead, FILE *out)
{
	json_t *text;
	size_t i;

	json_array_foreach(json_at(line, "differs"), i, text)
		fprintf(out, "%s%s\n", lead, json_string_value(text));
}

/* Once per kernel and disk. */
static void print_not_run(const struct report *r, const char *bullet, FILE *out)
{
	for (size_t p = 0; p < r->cfg->pairs.nr; p++) {
		int missing = 0;

		for (size_t s = 0; s < r->cfg->schedulers.nr; s++)
			for (size_t t = 0; t < r->cfg->tiers.nr; t++)
				missing += report_cell(r, p, s, t).verdict == NOT_RUN;
		if (missing)
			fprintf(out, "%s%s %s: %d cells were not run\n", bullet, KERNEL(r->cfg->pairs.v[p]),
				disk_of(r->cfg->pairs.v[p]), missing);
	}
}

static void print_failures(const struct report *r, const char *bullet, const char *lead, FILE *out)
{
	const char *kernel;
	json_t *line;

	for_each_cell(r, p, s, t) {
		struct outcome o = report_cell(r, p, s, t);

		if (o.verdict != FAILED)
			continue;
		fputs(bullet, out);
		print_name(r, p, s, t, out);
		fputs(":\n", out);
		if (text_at(o.line, "why"))
			fprintf(out, "%s%s\n", lead, text_at(o.line, "why"));
		print_differs(o.line, lead, out);
	}
	print_not_run(r, bullet, out);
	json_object_foreach(r->doctors, kernel, line) {
		if (strcmp(text_at(line, "verdict"), "FAIL") != 0)
			continue;
		fprintf(out, "%sdoctor of %s: %s\n", bullet, kernel, text_at(line, "why"));
		print_differs(line, lead, out);
	}
}

/* Cells of a row are skipped for one reason. */
static void print_skips(const struct report *r, const char *bullet, FILE *out)
{
	const char *kernel;
	json_t *line;

	for_each_row(r, p, s) {
		struct outcome o = report_cell(r, p, s, 0);	/* a report with schedulers has tiers */

		if (o.verdict == SKIPPED)
			fprintf(out, "%s%s %s %s: %s\n", bullet, KERNEL(r->cfg->pairs.v[p]),
				disk_of(r->cfg->pairs.v[p]), r->cfg->schedulers.v[s], text_at(o.line, "why"));
	}
	json_object_foreach(r->doctors, kernel, line)
		if (!strcmp(text_at(line, "verdict"), "skip"))
			fprintf(out, "%sdoctor of %s: %s\n", bullet, kernel, text_at(line, "why"));
}

/* What was left out of cells that passed: once per kernel and disk. */
static void print_left_out(const struct report *r, const char *bullet, FILE *out)
{
	size_t n = r->cfg->schedulers.nr && r->cfg->tiers.nr ? r->cfg->pairs.nr : 0;

	for (size_t p = 0; p < n; p++) {
		struct outcome o = report_cell(r, p, 0, 0);
		json_t *names = json_at(o.line, "not_offered"), *name;
		size_t i;

		if (!json_array_size(names))
			continue;
		fprintf(out, "%s%s %s: without", bullet, KERNEL(r->cfg->pairs.v[p]), disk_of(r->cfg->pairs.v[p]));
		json_array_foreach(names, i, name)
			fprintf(out, "%s %s", i ? "," : "", json_string_value(name));
		fputc('\n', out);
	}
}

/* Where a report admitted a loss that was not the tracer's doing. */
static void print_repeated(const struct report *r, const char *bullet, FILE *out)
{
	for_each_cell(r, p, s, t) {
		struct outcome o = report_cell(r, p, s, t);

		if (o.verdict != PASSED || number_at(o.line, "tries") < 2)
			continue;
		fputs(bullet, out);
		print_name(r, p, s, t, out);
		fprintf(out, ": asked %d times\n", (int)number_at(o.line, "tries"));
	}
}

static const char *or_none(const char *text)
{
	return text ? text : "unknown";
}

static void print_lost(const struct report *r, const char *bullet, FILE *out)
{
	json_t *line;
	size_t i;

	json_array_foreach(r->lost, i, line)
		fprintf(out, "%s%s: a guest was lost to the emulator (%s) and another booted for: %s\n", bullet,
			text_at(line, "kernel"), or_none(text_at(line, "why")), or_none(text_at(line, "disks")));
}

void report_print(const struct report *r, FILE *out)
{
	const struct report_cfg *cfg = r->cfg;
	const char *kernel;
	json_t *line;

	if (cfg->schedulers.nr)
		fprintf(out, "%-8s %-11s %-12s", "kernel", "disk", "scheduler");
	for (size_t t = 0; t < cfg->tiers.nr; t++)
		fprintf(out, " %-8s", cfg->tiers.v[t]);
	if (cfg->schedulers.nr)
		fputc('\n', out);
	for_each_row(r, p, s) {
		fprintf(out, "%-8s %-11s %-12s", KERNEL(cfg->pairs.v[p]), disk_of(cfg->pairs.v[p]),
			cfg->schedulers.v[s]);
		for (size_t t = 0; t < cfg->tiers.nr; t++)
			fprintf(out, " %-8s", words[report_cell(r, p, s, t).verdict]);
		fputc('\n', out);
	}
	json_object_foreach(r->doctors, kernel, line)
		fprintf(out, "%-8s %-24s %s\n", kernel, "doctor as expected", text_at(line, "verdict"));
	print_left_out(r, "  ", out);
	print_repeated(r, "  ", out);
	print_lost(r, "  ", out);
	print_skips(r, "  skipped: ", out);
	print_failures(r, "  FAILED: ", "      ", out);
	fprintf(out, "%d passed, %d failed, %d skipped\n", r->passed, r->failed, r->skipped);
}

static void print_heads(const struct report *r, FILE *out)
{
	json_t *head;
	size_t i;

	fputs("| kernel | its release and build | on | iopath | date |\n|---|---|---|---|---|\n", out);
	json_array_foreach(r->heads, i, head)
		fprintf(out, "| %s | %s | %s | %s | %s |\n", or_none(text_at(head, "kernel")), or_none(text_at(head, "build")),
			or_none(text_at(head, "machine")), or_none(text_at(head, "iopath")),
			or_none(text_at(head, "date")));
}

/* Sums over the cells that passed. */
static void print_counts(const struct report *r, FILE *out)
{
	int64_t requests = 0, operations = 0;

	for_each_cell(r, p, s, t) {
		struct outcome o = report_cell(r, p, s, t);

		if (o.verdict != PASSED)
			continue;
		requests += number_at(o.line, "requests");
		operations += number_at(o.line, "operations");
	}
	fprintf(out,
		"\n%d passed, %d failed, %d skipped. %lld requests and %lld operations were done in the cells that passed,"
		" and counted exactly.\n",
		r->passed, r->failed, r->skipped, (long long)requests, (long long)operations);
}

static void print_section(const char *title, const struct report *r,
			  void (*print)(const struct report *, const char *, FILE *), FILE *out)
{
	_cleanup_free_ char *text = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);

	if (!f)
		return;
	print(r, "- ", f);
	fclose(f);
	if (len)
		fprintf(out, "\n## %s\n\n%s", title, text);
}

static void print_failed_items(const struct report *r, const char *bullet, FILE *out)
{
	print_failures(r, bullet, "  - ", out);
}

void report_print_markdown(const struct report *r, FILE *out)
{
	const struct report_cfg *cfg = r->cfg;
	const char *kernel;
	json_t *line;

	fprintf(out, "# Validation\n\nMade by `%s`; what a cell does and checks stands in `ci/README.md`.\n\n",
		cfg->command);
	print_heads(r, out);
	print_counts(r, out);
	fputs("\n| kernel | disk | scheduler |", out);
	for (size_t t = 0; t < cfg->tiers.nr; t++)
		fprintf(out, " %s |", cfg->tiers.v[t]);
	fputs("\n|---|---|---|", out);
	for (size_t t = 0; t < cfg->tiers.nr; t++)
		fputs("---|", out);
	fputc('\n', out);
	for_each_row(r, p, s) {
		fprintf(out, "| %s | %s | %s |", KERNEL(cfg->pairs.v[p]), disk_of(cfg->pairs.v[p]),
			cfg->schedulers.v[s]);
		for (size_t t = 0; t < cfg->tiers.nr; t++)
			fprintf(out, " %s |", words[report_cell(r, p, s, t).verdict]);
		fputc('\n', out);
	}
	fputs("\n`iopath doctor` against `ci/expect/`:", out);
	json_object_foreach(r->doctors, kernel, line)
		fprintf(out, " %s %s;", kernel, text_at(line, "verdict"));
	fputc('\n', out);
	print_section("Left out in cells that passed", r, print_left_out, out);
	print_section("Asked again, since the report admitted a loss that the kernel is the cause of", r,
		      print_repeated, out);
	print_section("Booted again", r, print_lost, out);
	print_section("Skipped", r, print_skips, out);
	print_section("Failed", r, print_failed_items, out);
}
