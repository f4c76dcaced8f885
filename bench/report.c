/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "report.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "bench/result.h"
#include "tracer/base/parse.h"

static const char *const metric_short[] = {
	[METRIC_THROUGHPUT] = "thr",
	[METRIC_CPU_PER_IO] = "cpu/IO",
	[METRIC_SYSTEM_CPU] = "sys",
	[METRIC_WORST_CORE] = "core",
};

static bool counts(const struct report *r, unsigned int arm)
{
	if (arm == r->arms->off)
		return false;
	return arm != r->arms->twin || r->arms->nr == 2;
}

enum verdict report_verdict(const struct report *r)
{
	enum verdict v = VERDICT_UNDECIDED;

	for (unsigned int i = 0; i < r->nr_sets; i++) {
		if (r->set[i].skipped)
			continue;
		for (unsigned int a = 0; a < r->arms->nr; a++)
			for (int m = 0; m < METRIC_NR && counts(r, a); m++)
				v = verdict_worse(v, r->set[i].outcome.decision[a][m].verdict);
	}
	/* a run that was stopped has not passed */
	if (!r->complete && (v == VERDICT_PASS || v == VERDICT_UNDECIDED))
		v = VERDICT_INCONCLUSIVE;
	return v;
}

static json_t *number_or_null(double v)
{
	return isfinite(v) ? json_real(v) : json_null();
}

static json_t *cell_json(const struct report *r, const struct report_set *s, unsigned int arm,
			 enum metric m)
{
	const struct decision *d = &s->outcome.decision[arm][m];

	return json_pack("{s:s, s:s, s:s, s:s, s:s, s:o, s:o, s:o, s:f, s:i, s:s, s:b, s:b, s:o, s:o, s:s?}",
			 "workload", s->workload, "device", s->device, "scheduler", s->scheduler,
			 "arm", r->arms->v[arm].name, "metric", metric_name(m), "estimate",
			 number_or_null(d->rounds ? d->loss.estimate : NAN), "lower",
			 number_or_null(d->loss.lower), "upper", number_or_null(d->loss.upper),
			 "margin", r->budget, "rounds", (int)d->rounds, "verdict",
			 verdict_name(d->verdict == VERDICT_UNDECIDED ? VERDICT_INCONCLUSIVE : d->verdict),
			 "gates", (int)counts(r, arm), "confirmed", (int)s->outcome.confirmed[arm][m],
			 "core", d->core >= 0 ? json_integer(d->core) : json_null(), "rounds_needed",
			 d->rounds_needed ? json_integer(d->rounds_needed) : json_null(), "reason",
			 d->reason);
}

const char *report_verdict_text(const struct report *r, int exit_code)
{
	if (exit_code == EXIT_SKIPPED)
		return "SKIPPED";
	if (!r->complete && exit_code != EXIT_INCONCLUSIVE)
		return verdict_name(VERDICT_INVALID);
	return verdict_name(report_verdict(r));
}

json_t *report_verdict_json(const struct report *r, int exit_code)
{
	json_t *cells = json_array(), *skipped = json_array();

	for (unsigned int i = 0; i < r->nr_sets; i++) {
		const struct report_set *s = &r->set[i];

		if (s->skipped) {
			json_array_append_new(skipped,
					      json_pack("{s:s, s:s, s:s, s:s}", "workload",
							s->workload, "device", s->device,
							"scheduler", s->scheduler, "reason",
							s->skipped));
			continue;
		}
		for (unsigned int a = 0; a < r->arms->nr; a++)
			for (int m = 0; m < METRIC_NR && a != r->arms->off; m++)
				json_array_append_new(cells, cell_json(r, s, a, (enum metric)m));
	}
	return json_pack("{s:s, s:s, s:i, s:b, s:s?, s:b, s:I, s:f, s:o, s:o}", "schema",
			 VERDICT_SCHEMA, "verdict",
			 report_verdict_text(r, exit_code),
			 "exit_code", exit_code, "complete", (int)r->complete, "reason", r->reason,
			 "smoke", (int)r->smoke, "seed", (json_int_t)r->seed, "budget", r->budget,
			 "cells", cells, "skipped", skipped);
}

/* "+0.9 [+0.2,+1.7]" */
static void interval_text(const struct decision *d, char *buf, size_t len)
{
	if (!d->rounds)
		snprintf(buf, len, "-");
	else if (!isfinite(d->loss.lower) || !isfinite(d->loss.upper))
		snprintf(buf, len, "%+.1f [no bound]", d->loss.estimate);
	else
		snprintf(buf, len, "%+.1f [%+.1f,%+.1f]", d->loss.estimate, d->loss.lower,
			 d->loss.upper);
}

static void value_text(const struct decision *d, char *buf, size_t len)
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
static void verdict_text(const struct report *r, const struct set_outcome *o, unsigned int arm,
			 FILE *f)
{
	enum verdict worst = VERDICT_UNDECIDED;
	unsigned int n = most_rounds_needed(o, arm);
	const char *reason;
	char names[64];

	for (int m = 0; m < METRIC_NR; m++)
		worst = verdict_worse(worst, o->decision[arm][m].verdict);
	fprintf(f, "%s", worst == VERDICT_UNDECIDED ? "INCONCLUSIVE" : verdict_name(worst));
	if (worst == VERDICT_PASS)
		return;
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
	if (reason)
		fprintf(f, " (%s)", reason);
}

static void print_arm(const struct report *r, const struct report_set *s, unsigned int arm, FILE *f)
{
	const struct set_outcome *o = &s->outcome;
	const struct arm_figures *fig = &o->figures[arm];
	char thr[48], cpu[48], sys[24], core[32], ns[24] = "-", lost[24] = "-", p99[24] = "-";

	interval_text(&o->decision[arm][METRIC_THROUGHPUT], thr, sizeof(thr));
	interval_text(&o->decision[arm][METRIC_CPU_PER_IO], cpu, sizeof(cpu));
	value_text(&o->decision[arm][METRIC_SYSTEM_CPU], sys, sizeof(sys));
	value_text(&o->decision[arm][METRIC_WORST_CORE], core, sizeof(core));
	if (o->decision[arm][METRIC_CPU_PER_IO].rounds)
		snprintf(ns, sizeof(ns), "%+.0f", fig->cpu_ns_per_io);
	if (fig->is_traced)
		snprintf(lost, sizeof(lost), "%llu", (unsigned long long)fig->lost);
	if (fig->p99_ns > 0)
		fmt_duration((uint64_t)fig->p99_ns, p99, sizeof(p99));
	fprintf(f, "%-14s %-21s %-21s %6s  %-12s %7s %7s %6s  ", r->arms->v[arm].name, thr, cpu,
		sys, core, ns, p99, lost);
	verdict_text(r, o, arm, f);
	fputc('\n', f);
}

static void print_set_head(const struct report *r, const struct report_set *s, FILE *f)
{
	const struct set_outcome *o = &s->outcome;
	const struct decision *aa = &o->decision[r->arms->twin][METRIC_THROUGHPUT];
	char text[48];

	interval_text(aa, text, sizeof(text));
	fprintf(f, "bench %s %s %s kernel %s n=%u/%u seed=%llu  A/A %s", s->device, s->scheduler,
		s->workload, r->kernel, o->rounds, r->rounds.max, (unsigned long long)r->seed, text);
	if (isfinite(aa->loss.upper) && aa->rounds)
		fprintf(f, " floor %.1f%%", (aa->loss.upper - aa->loss.lower) / 2);
	fprintf(f, " %s", aa->verdict == VERDICT_INVALID ? "INVALID" : "ok");
	if (o->capacity_iops > 0)
		fprintf(f, "  off %.0f IOPS, fixed rate %.0f", o->capacity_iops, o->rate_iops);
	if (o->figures[r->arms->off].p99_ns > 0)
		fprintf(f, ", p99 %s", fmt_duration((uint64_t)o->figures[r->arms->off].p99_ns, text,
						    sizeof(text)));
	if (o->redone)
		fprintf(f, "  redone=%u", o->redone);
	if (o->confirm_rounds)
		fprintf(f, "  confirmed in %u", o->confirm_rounds);
	fputc('\n', f);
}

static void print_set(const struct report *r, const struct report_set *s, FILE *f)
{
	fputc('\n', f);
	if (s->skipped) {
		fprintf(f, "bench %s %s %s: skipped: %s\n", s->device, s->scheduler, s->workload,
			s->skipped);
		return;
	}
	print_set_head(r, s, f);
	fprintf(f, "%-14s %-21s %-21s %6s  %-12s %7s %7s %6s  verdict (margin %g%%)\n", "tier",
		"thr-loss% [bounds]", "cpu/IO% [bounds]", "sys pp", "worst core", "ns/IO", "p99", "lost",
		r->budget);
	for (unsigned int a = 0; a < r->arms->nr; a++)
		if (a != r->arms->off)
			print_arm(r, s, a, f);
	if (s->outcome.fault[0])
		fprintf(f, "not decided: %s\n", s->outcome.fault);
}

static void print_legend(const struct report *r, FILE *f)
{
	fprintf(f,
		"\nthr-loss   throughput lost at saturation; cpu/IO: CPU time of the whole machine per I/O at a fixed\n"
		"           rate (70%% of what the machine does without a tracer, if it holds that); both against the off cell of the same round\n"
		"[bounds]   one-sided, error %.3g each: PASS needs the upper one under the margin, FAIL the lower one over it\n"
		"sys pp     system + irq + softirq time, percentage points of the machine; worst core: busy time of one core\n"
		"ns/IO      CPU time added per I/O; p99: latency at saturation; lost: I/Os the\n"
		"           tracer says it lost; off2: no tracer, so all it shows is noise\n",
		r->smoke ? .05 : rounds_alpha(&r->rounds));
}

static void print_verdict(const struct report *r, FILE *f)
{
	enum verdict v = report_verdict(r);

	fprintf(f, "\nverdict: %s (budget %g%%)", v == VERDICT_UNDECIDED ? "SKIPPED" : verdict_name(v),
		r->budget);
	if (!r->complete)
		fprintf(f, ": the run is not complete: %s", r->reason);
	fputc('\n', f);
	if (r->smoke)
		fprintf(f,
			"This was a smoke run (--quick): few short rounds, one look, no confirmation. It shows that the\n"
			"pieces work and how large a large effect is; it does not gate, and its figures are not for publishing.\n");
}

int report_text(const struct report *r, char **ret)
{
	char *text = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);

	if (!f)
		return -errno;
	fprintf(f, "# iopath-bench report\n\n```\n");
	for (unsigned int i = 0; i < r->preflight.nr; i++)
		fprintf(f, "note: %s\n", r->preflight.note[i]);
	for (unsigned int i = 0; i < r->nr_sets; i++)
		print_set(r, &r->set[i], f);
	print_legend(r, f);
	print_verdict(r, f);
	fprintf(f, "```\n");
	if (fclose(f)) {
		free(text);
		return -ENOMEM;
	}
	*ret = text;
	return 0;
}
