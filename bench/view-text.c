/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The table for people. */
#include <math.h>

#include "bench/view.h"
#include "tracer/base/parse.h"

static void print_arm(const struct report *r, const struct report_set *s, unsigned int arm, FILE *f)
{
	const struct set_outcome *o = &s->outcome;
	const struct arm_figures *fig = &o->figures[arm];
	char thr[48], cpu[48], sys[24], core[32], ns[24] = "-", lost[24] = "-", p99[24] = "-";

	view_cost(o, arm, METRIC_THROUGHPUT, thr, sizeof(thr));
	view_cost(o, arm, METRIC_CPU_PER_IO, cpu, sizeof(cpu));
	view_value(&o->decision[arm][METRIC_SYSTEM_CPU], sys, sizeof(sys));
	view_value(&o->decision[arm][METRIC_WORST_CORE], core, sizeof(core));
	if (o->decision[arm][METRIC_CPU_PER_IO].rounds)
		snprintf(ns, sizeof(ns), "%+.0f", fig->cpu_ns_per_io);
	if (fig->is_traced)
		snprintf(lost, sizeof(lost), "%llu", (unsigned long long)fig->lost);
	if (fig->p99_ns > 0)
		fmt_duration((uint64_t)fig->p99_ns, p99, sizeof(p99));
	fprintf(f, "%-14s %-21s %-21s %6s  %-12s %7s %7s %6s  ", r->arms->v[arm].name, thr, cpu,
		sys, core, ns, p99, lost);
	view_verdict(r, o, arm, f);
	fputc('\n', f);
}

static void print_set_head(const struct report *r, const struct report_set *s, FILE *f)
{
	const struct set_outcome *o = &s->outcome;
	json_t *pmu = json_object_get(json_object_get(r->header, "meters"), "pmu");
	char text[128], rate[320], disk[400];

	view_disk(s, disk, sizeof(disk));
	if (disk[0])
		fprintf(f, "%s: %s\n", s->device, disk);
	view_twin(r, o, text, sizeof(text));
	fprintf(f, "bench %s %s %s kernel %s n=%u/%u seed=%llu  %s", s->device, s->scheduler,
		s->workload, r->kernel, o->rounds, r->rounds.max, (unsigned long long)r->seed, text);
	if (json_is_boolean(pmu))
		fprintf(f, " pmu=%s", json_is_true(pmu) ? "yes" : "no");
	if (o->cpu_ns > 0)
		fprintf(f, " steal=%.1f%%", 100 * o->steal_ns / o->cpu_ns);
	if (o->off_iops > 0) {
		view_rate(o, rate, sizeof(rate));
		fprintf(f, "  off %.0f IOPS, %s", o->off_iops, rate);
	}
	if (o->figures[r->arms->off].p99_ns > 0)
		fprintf(f, ", p99 of %s %s", view_operation(o),
			fmt_duration((uint64_t)o->figures[r->arms->off].p99_ns, text, sizeof(text)));
	if (o->redone)
		fprintf(f, "  redone=%u", o->redone);
	if (o->confirm_rounds)
		fprintf(f, "  %u more to confirm", o->confirm_rounds);
	fputc('\n', f);
}

/* What the tracer adds to the slowest I/Os; it is not judged. */
static void print_p99(const struct report *r, const struct report_set *s, FILE *f)
{
	bool has_head = false;
	char text[48];

	for (unsigned int a = 0; a < r->arms->nr; a++) {
		if (!s->outcome.figures[a].has_p99_more)
			continue;
		if (!has_head)
			fprintf(f, "p99 of %s %s  %% more than off [bounds]\n", view_operation(&s->outcome),
				view_full_load(&s->outcome));
		has_head = true;
		view_p99_more(&s->outcome.figures[a], text, sizeof(text));
		fprintf(f, "%-18s %s\n", r->arms->v[a].name, text);
	}
}

static void print_set(const struct report *r, const struct report_set *s, FILE *f)
{
	fputc('\n', f);
	if (s->skipped) {
		fprintf(f, "bench %s %s %s: %s: %s\n", s->device, s->scheduler, s->workload,
			s->failed ? "INVALID" : "skipped", s->skipped);
		return;
	}
	print_set_head(r, s, f);
	fprintf(f, "%-14s %-21s %-21s %6s  %-12s %7s %7s %6s  verdict (margin %g%%)\n", "tier",
		"thr-loss% [bounds]", "cpu/IO% [bounds]", "sys pp", "worst core", "ns/IO", "p99", "lost",
		r->budget);
	for (unsigned int a = 0; a < r->arms->nr; a++)
		if (a != r->arms->off)
			print_arm(r, s, a, f);
	print_p99(r, s, f);
	view_cpu_text(r, s, f);
	if (s->outcome.fault[0])
		fprintf(f, "not decided: %s\n", s->outcome.fault);
}

static void print_legend(const struct report *r, FILE *f)
{
	fprintf(f,
		"\nthr-loss   throughput lost at saturation, not measured of an open loop; cpu/IO: CPU time of the whole machine per I/O at a fixed\n"
		"           rate (some 70%% of what the machine does without a tracer, or less; the head says, by the off cells); both against the off cell of the same round\n"
		"[bounds]   one-sided, error %.3g each: PASS needs the upper one under the margin, FAIL the lower one over it\n"
		"sys pp     system + irq + softirq time, percentage points of the machine; worst core: busy time of one core\n"
		"ns/IO      CPU time added per I/O; p99: latency at saturation, of what the head names; lost: I/Os the\n"
		"           tracer says it lost; off2: no tracer, so all it shows is noise\n",
		r->smoke ? .05 : rounds_alpha(&r->rounds));
}

static void print_verdict(const struct report *r, FILE *f)
{
	fprintf(f, "\nverdict: %s (budget %g%%)", report_verdict_text(r, report_exit(r)), r->budget);
	if (!r->complete)
		fprintf(f, ": the run is not complete: %s", r->reason);
	fputc('\n', f);
	if (r->smoke)
		fprintf(f,
			"This was a smoke run (--quick): few short rounds, one look, no confirmation. It shows that the\n"
			"pieces work and how large a large effect is; it does not gate, and its figures are not for publishing.\n");
}

void view_text(const struct report *r, FILE *f)
{
	for (unsigned int i = 0; i < r->preflight.nr; i++)
		fprintf(f, "note: %s\n", r->preflight.note[i]);
	for (unsigned int i = 0; i < r->nr_sets; i++)
		print_set(r, &r->set[i], f);
	print_legend(r, f);
	print_verdict(r, f);
}
