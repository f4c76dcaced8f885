/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One page, nothing from elsewhere: readable at the width of a phone, in the
 * dark and on paper. It is well-formed XML too, so that a parser can check it.
 */
#include <string.h>

#include "bench/plot.h"
#include "bench/view.h"
#include "tracer/base/cleanup.h"
#include "tracer/base/parse.h"

static const char style[] =
	":root{--fg:#1b1f24;--bg:#fff;--soft:#5c6670;--line:#dfe3e8;--card:#f6f8fa;--heat:#0b62a8;"
	"--a0:#5c6670;--a1:#98a1ab;--a2:#0072b2;--a3:#d55e00;--a4:#009e73;--a5:#a8488a;--a6:#b07a00;--a7:#2f9fd0;"
	"--pass:#1a7f37;--fail:#c4262e;--inc:#8a6100;--inv:#6f42c1}\n"
	"@media (prefers-color-scheme:dark){:root{--fg:#e6e9ed;--bg:#14171a;--soft:#9aa4af;--line:#333a41;--card:#1d2126;"
	"--heat:#4aa3e0;--a0:#9aa4af;--a1:#6c7681;--a2:#4aa3e0;--a3:#ff8a3c;--a4:#2fc79a;--a5:#d684ba;--a6:#e0b040;--a7:#7cc8ee;"
	"--pass:#4cc26b;--fail:#ff6b70;--inc:#e0b040;--inv:#b693f0}}\n"
	"@media print{:root{--fg:#000;--bg:#fff;--soft:#444;--line:#ccc;--card:#fff;--heat:#0b62a8;"
	"--a0:#5c6670;--a1:#98a1ab;--a2:#0072b2;--a3:#d55e00;--a4:#009e73;--a5:#a8488a;--a6:#b07a00;--a7:#2f9fd0;"
	"--pass:#1a7f37;--fail:#c4262e;--inc:#8a6100;--inv:#6f42c1}"
	"}\n"
	"*{box-sizing:border-box}body{margin:0 auto;max-width:1180px;padding:16px;background:var(--bg);color:var(--fg);"
	"font:16px/1.45 system-ui,sans-serif}h1{font-size:1.5rem;margin:.2em 0}h2{font-size:1.15rem;margin:1.6em 0 .3em}"
	"p{margin:.4em 0}.soft{color:var(--soft);font-size:.9rem}.badge{display:inline-block;padding:.05em .6em;border-radius:1em;"
	"border:2px solid;font-weight:700}.PASS{color:var(--pass)}.FAIL{color:var(--fail)}.INCONCLUSIVE,.SKIPPED{color:var(--inc)}"
	".INVALID{color:var(--inv)}.grid{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,340px),1fr));gap:14px}"
	"figure{margin:0;padding:12px;background:var(--card);border:1px solid var(--line);border-radius:8px}"
	"svg{display:block;width:100%;height:auto;max-width:560px;margin:0 auto}"
	".wide{overflow-x:auto;margin:.6em 0}table{border-collapse:collapse;width:100%;font-size:.88rem;font-variant-numeric:tabular-nums}"
	"th,td{padding:.35em .6em;text-align:right;border-bottom:1px solid var(--line);white-space:nowrap}"
	"th:first-child,td:first-child,.arms th:nth-child(2),.arms td:nth-child(2){text-align:left}"
	".arms td:nth-child(2){white-space:normal;min-width:11em}"
	"thead th{color:var(--soft);font-weight:600}code{overflow-wrap:anywhere}\n"
	"text{font-family:system-ui,sans-serif;fill:var(--fg)}.h{font-size:12.5px;font-weight:600}.t{font-size:12px}"
	".s,.ms{font-size:11px;fill:var(--soft)}.ms{fill:var(--fail)}.g{stroke:var(--line)}.z{stroke:var(--soft)}"
	".m{stroke:var(--fail);stroke-dasharray:5 4}.i{stroke-width:5;stroke-linecap:round;stroke-opacity:.45}.l{fill:none;stroke-width:2}"
	".c{fill:var(--heat)}.cl,.cd{font-size:12px}.cd{fill:var(--bg)}"
	"line.a1,path.a1{stroke-dasharray:4 3}\n"
	/* Paper does not scroll. */
	"@media print{figure,tr{break-inside:avoid}h2{break-after:avoid}body{padding:0}.wide{overflow:visible}"
	"table{font-size:.58rem}th,td{white-space:normal;padding:.15em .25em}.arms td:nth-child(2){min-width:7em}}\n";

static void print_style(FILE *f)
{
	fputs("<style>\n", f);
	fputs(style, f);
	for (int i = 0; i < 8; i++)
		fprintf(f, ".a%d{stroke:var(--a%d)}circle.a%d{fill:var(--a%d);stroke:none}", i, i, i, i);
	fputs("\n</style>\n", f);
}

static void badge(const char *verdict, FILE *f)
{
	fprintf(f, "<span class=\"badge %s\">%s</span>", verdict, verdict);
}

static const char *header_text(const struct report *r, const char *key)
{
	return json_string_value(json_object_get(json_object_get(r->header, "fingerprint"), key));
}

static void print_argv(const struct report *r, FILE *f)
{
	json_t *word;
	size_t i;

	fputs("<code>iopath-bench", f);
	json_array_foreach(json_object_get(r->header, "argv"), i, word) {
		fputc(' ', f);
		xml_text(json_string_value(word) ? json_string_value(word) : "?", f);
	}
	fputs("</code>", f);
}

static void print_top(const struct report *r, FILE *f)
{
	const char *verdict = report_verdict_text(r, report_exit(r)), *cpu = header_text(r, "cpu_model");
	char loads[200];

	fprintf(f, "<h1>iopath-bench ");
	badge(verdict, f);
	fprintf(f, "</h1>\n<p>What a tracer costs the workload, against a budget of %g%%. Positive is cost.</p>\n",
		r->budget);
	fprintf(f, "<p class=\"soft\">kernel ");
	xml_text(r->kernel, f);
	if (cpu) {
		fputs(" · ", f);
		xml_text(cpu, f);
	}
	view_loads(r, loads, sizeof(loads));
	fputs(" · ", f);
	xml_text(loads, f);
	fprintf(f, " · seed %llu<br/>", (unsigned long long)r->seed);
	print_argv(r, f);
	fputs("</p>\n", f);
	if (!r->complete) {
		fputs("<p class=\"INCONCLUSIVE\">The run is not complete: ", f);
		xml_text(r->reason ? r->reason : "?", f);
		fputs("</p>\n", f);
	}
	if (r->smoke)
		fputs("<p class=\"INCONCLUSIVE\">A smoke run (--quick): few short rounds, one look, no confirmation. "
		      "It does not gate, and its figures are not for publishing.</p>\n", f);
	for (unsigned int i = 0; i < r->preflight.nr; i++) {
		fputs("<p class=\"INCONCLUSIVE\">Note: ", f);
		xml_text(r->preflight.note[i], f);
		fputs("</p>\n", f);
	}
}

/* ---- scheduler x tier ---- */

static void matrix_row(const struct report *r, const struct report_set *s, enum metric m, FILE *f)
{
	char text[80];

	fputs("<tr><td>", f);
	xml_text(s->scheduler, f);
	view_level(r, s, COLUMN_IOPS, text, sizeof(text));
	fprintf(f, "</td><td>%s</td>", text);
	for (unsigned int a = 0; a < r->arms->nr; a++) {
		const struct decision *d = &s->outcome.decision[a][m];

		if (a == r->arms->off)
			continue;
		view_cost(&s->outcome, a, m, text, sizeof(text));
		fprintf(f, "<td class=\"%s\">%s</td>", verdict_name(d->verdict), text);
	}
	fputs("</tr>\n", f);
}

static void print_matrix(const struct report *r, unsigned int first, enum metric m, FILE *f)
{
	const struct report_set *s = &r->set[first];

	fprintf(f, "<p class=\"soft\">%s, under each scheduler; IOPS without a tracer. "
		"Measured one after the other: differences of IOPS below %.1f %% may be drift.</p>\n",
		m == METRIC_THROUGHPUT ? "Throughput lost at saturation, %" : "CPU time per I/O at the fixed rate, % more",
		view_drift_pct(r, first));
	fputs("<div class=\"wide\"><table><thead><tr><th>scheduler</th><th>IOPS</th>", f);
	for (unsigned int a = 0; a < r->arms->nr; a++) {
		if (a == r->arms->off)
			continue;
		fputs("<th>", f);
		xml_text(r->arms->v[a].name, f);
		fputs("</th>", f);
	}
	fputs("</tr></thead><tbody>\n", f);
	for (unsigned int i = first; i < r->nr_sets; i++)
		if (view_same_place(&r->set[i], s) && !r->set[i].skipped)
			matrix_row(r, &r->set[i], m, f);
	fputs("</tbody></table></div>\n", f);
}

static void print_matrices(const struct report *r, FILE *f)
{
	for (unsigned int i = 0; i < r->nr_sets; i++) {
		unsigned int nr = 0;

		for (unsigned int k = i; k < r->nr_sets; k++)
			nr += view_same_place(&r->set[i], &r->set[k]) && !r->set[k].skipped;
		if (nr < 2 || !view_comes_first(r, i))
			continue;
		fputs("<section><h2>Schedulers: ", f);
		xml_text(r->set[i].workload, f);
		fputs(" on ", f);
		xml_text(r->set[i].device, f);
		fputs("</h2>\n", f);
		print_matrix(r, i, METRIC_THROUGHPUT, f);
		print_matrix(r, i, METRIC_CPU_PER_IO, f);
		fputs("</section>\n", f);
	}
}

/* ---- one set ---- */

static void print_arm(const struct report *r, const struct report_set *s, unsigned int arm, FILE *f)
{
	const struct set_outcome *o = &s->outcome;
	const struct arm_figures *fig = &o->figures[arm];
	char text[64];

	fputs("<tr><td>", f);
	xml_text(r->arms->v[arm].name, f);
	fprintf(f, "</td><td class=\"%s\">", verdict_name(view_worst(o, arm)));
	view_verdict(r, o, arm, f);
	for (int m = 0; m < METRIC_P99; m++) {
		const struct decision *d = &o->decision[arm][m];

		if (m <= METRIC_CPU_PER_IO)
			view_cost(o, arm, (enum metric)m, text, sizeof(text));
		else
			view_value(d, text, sizeof(text));
		fprintf(f, "</td><td class=\"%s\">%s", verdict_name(d->verdict), text);
	}
	if (o->decision[arm][METRIC_CPU_PER_IO].rounds)
		fprintf(f, "</td><td>%+.0f</td><td>", fig->cpu_ns_per_io);
	else
		fputs("</td><td>-</td><td>", f);
	fputs(fig->p99_ns > 0 ? fmt_duration((uint64_t)fig->p99_ns, text, sizeof(text)) : "-", f);
	view_p99_more(fig, text, sizeof(text));
	fprintf(f, "</td><td class=\"%s\">%s", r->p99_budget > 0 ? verdict_name(o->decision[arm][METRIC_P99].verdict) : "", text);
	if (fig->is_traced)
		fprintf(f, "</td><td>%llu", (unsigned long long)fig->lost);
	else
		fputs("</td><td>-", f);
	fputs("</td></tr>\n", f);
}

static void print_facts(const struct report *r, const struct report_set *s, FILE *f)
{
	const struct set_outcome *o = &s->outcome;
	char text[128], rate[320], disk[400];

	view_disk(s, disk, sizeof(disk));
	if (disk[0]) {
		fputs("<p class=\"soft\">", f);
		xml_text(disk, f);
		fputs("</p>\n", f);
	}
	view_twin(r, o, text, sizeof(text));
	fprintf(f, "<p class=\"soft\">%u of at most %u rounds", o->rounds, r->rounds.max);
	if (o->confirm_rounds)
		fprintf(f, ", %u to confirm", o->confirm_rounds);
	if (o->redone)
		fprintf(f, ", %u redone", o->redone);
	fprintf(f, " · %s", text);
	if (o->off_iops > 0) {
		view_rate(o, rate, sizeof(rate));
		fprintf(f, " · without a tracer %.0f IOPS, ", o->off_iops);
		xml_text(rate, f);
	}
	if (o->figures[r->arms->off].p99_ns > 0)
		fprintf(f, ", p99 of %s %s", view_operation(o),
			fmt_duration((uint64_t)o->figures[r->arms->off].p99_ns, text, sizeof(text)));
	fputs("</p>\n", f);
	if (o->fault[0]) {
		fputs("<p class=\"INVALID\">Not decided: ", f);
		xml_text(o->fault, f);
		fputs("</p>\n", f);
	}
}

/* Three figures of about one height: cost and cores, latency, rounds. */
static void print_plots(const struct report *r, const struct report_set *s, FILE *f)
{
	if (!s->outcome.table.nr_rounds)
		return;
	fputs("<div class=\"grid\">\n<figure>", f);
	if (!s->outcome.open_loop)
		plot_cost(r, s, METRIC_THROUGHPUT, f);
	plot_cost(r, s, METRIC_CPU_PER_IO, f);
	plot_cores(r, s, f);
	fputs("</figure>\n<figure>", f);
	plot_latency(r, s, f);
	fputs("</figure>\n<figure>", f);
	plot_rounds(r, s, f);
	fputs("</figure>\n</div>\n", f);
}

static void print_set(const struct report *r, const struct report_set *s, FILE *f)
{
	fputs("<section><h2>", f);
	xml_text(s->workload, f);
	fputs(" on ", f);
	xml_text(s->device, f);
	fputs(", scheduler ", f);
	xml_text(s->scheduler, f);
	fputs("</h2>\n", f);
	if (s->skipped) {
		fputs(s->failed ? "<p class=\"INVALID\">Invalid: " : "<p class=\"SKIPPED\">Skipped: ", f);
		xml_text(s->skipped, f);
		fputs("</p></section>\n", f);
		return;
	}
	print_facts(r, s, f);
	print_plots(r, s, f);
	fputs("<div class=\"wide\"><table class=\"arms\"><thead><tr><th>arm</th><th>verdict</th><th>throughput lost %</th><th>CPU per I/O %</th>"
	      "<th>system pp</th><th>worst core pp</th><th>ns/IO</th><th>p99</th><th>p99 more %</th><th>lost</th></tr></thead><tbody>\n", f);
	for (unsigned int a = 0; a < r->arms->nr; a++)
		if (a != r->arms->off)
			print_arm(r, s, a, f);
	fputs("</tbody></table></div>\n", f);
	view_cpu_html(r, s, f);
	fputs("</section>\n", f);
}

void view_html(const struct report *r, FILE *f)
{
	fputs("<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"/>"
	      "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\"/><title>iopath-bench: ", f);
	xml_text(report_verdict_text(r, report_exit(r)), f);
	fputs("</title>\n", f);
	print_style(f);
	fputs("</head><body>\n", f);
	print_top(r, f);
	print_matrices(r, f);
	for (unsigned int i = 0; i < r->nr_sets; i++)
		print_set(r, &r->set[i], f);
	fprintf(f,
		"<p class=\"soft\">[bounds] are one-sided, error %.3g each: PASS needs the upper one under the margin, FAIL the "
		"lower one over it. All differences are against the off cell of the same round; off2 is no tracer again, so what it "
		"shows is noise. Latency is the load's own, of all its runs at saturation; %s. " VIEW_CPU_LEGEND "</p>\n</body></html>\n",
		r->smoke ? .05 : rounds_alpha(&r->rounds),
		r->p99_budget > 0 ? "its p99 is judged, the rest reported" : "reported and not judged");
}
