/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "report.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "bench/file.h"
#include "bench/result.h"
#include "bench/view.h"

bool report_counts(const struct report *r, unsigned int arm)
{
	if (arm == r->arms->off)
		return false;
	return arm != r->arms->twin || r->arms->nr == 2;
}

void report_set_name(struct report_set *s, const struct set_key *key)
{
	snprintf(s->workload, sizeof(s->workload), "%s", key->workload->name);
	snprintf(s->device, sizeof(s->device), "%s", key->device->name);
	snprintf(s->driver, sizeof(s->driver), "%s", key->device->driver);
	snprintf(s->scheduler, sizeof(s->scheduler), "%s", key->scheduler);
	snprintf(s->order, sizeof(s->order), "%s", key->device->order);
	text_clean(s->order);
	s->scratch = key->device->scratch;
}

bool report_same_order(const char *a, const char *b)
{
	return !*a || !*b || !strcmp(a, b);
}

static bool same_driver(const struct report_set *a, const struct report_set *b)
{
	return a->scratch == b->scratch && !strcmp(a->scratch ? a->driver : a->device, b->scratch ? b->driver : b->device);
}

unsigned int report_device_nr(const struct report *r, const struct report_set *s)
{
	unsigned int nr = 1;

	for (const struct report_set *o = r->set; o < s; o++)
		nr += same_driver(o, s) && (!s->scratch || !strcmp(o->order, s->order)) && !strcmp(o->workload, s->workload) &&
		      !strcmp(o->scheduler, s->scheduler);
	return nr;
}

const char *report_device(const struct report *r, const struct report_set *s, char buf[static REPORT_DEVICE_MAX])
{
	unsigned int nr = report_device_nr(r, s);
	const char *name = s->device;

	if (s->scratch && s->driver[0])
		name = s->driver;
	for (unsigned int i = 0; i < r->nr_sets && s->scratch; i++)
		if (same_driver(&r->set[i], s) && !report_same_order(r->set[i].order, s->order))
			name = s->order;
	if (nr == 1)
		return name;
	snprintf(buf, REPORT_DEVICE_MAX, "%s#%u", name, nr);
	return buf;
}

enum verdict report_verdict(const struct report *r)
{
	enum verdict v = VERDICT_UNDECIDED;

	for (unsigned int i = 0; i < r->nr_sets; i++) {
		if (r->set[i].failed)
			v = verdict_worse(v, VERDICT_INVALID);
		if (r->set[i].skipped)
			continue;
		for (unsigned int a = 0; a < r->arms->nr; a++)
			for (int m = 0; m < METRIC_NR && report_counts(r, a); m++)
				v = verdict_worse(v, r->set[i].outcome.decision[a][m].verdict);
	}
	/* a run that was stopped has not passed */
	if (!r->complete && (v == VERDICT_PASS || v == VERDICT_UNDECIDED))
		v = VERDICT_INCONCLUSIVE;
	return v;
}

bool report_judges(const struct report *r, const struct report_set *s, enum metric m)
{
	return m == METRIC_P99 ? r->p99_budget > 0 : m != METRIC_THROUGHPUT || !s->outcome.open_loop;
}

double report_margin(const struct report *r, enum metric m)
{
	return m == METRIC_P99 ? r->p99_budget : r->budget;
}

static json_t *number_or_null(double v)
{
	return isfinite(v) ? json_real(v) : json_null();
}

static json_t *cell_json(const struct report *r, const struct report_set *s, unsigned int arm,
			 enum metric m)
{
	const struct decision *d = &s->outcome.decision[arm][m];

	return json_pack("{s:s, s:s, s:s, s:s, s:s, s:o, s:o, s:o, s:f, s:i, s:s, s:b, s:b, s:o, s:o, s:s?, s:s?}",
			 "workload", s->workload, "device", s->device, "scheduler", s->scheduler,
			 "arm", r->arms->v[arm].name, "metric", metric_name(m), "estimate",
			 number_or_null(d->rounds ? d->loss.estimate : NAN), "lower",
			 number_or_null(d->loss.lower), "upper", number_or_null(d->loss.upper),
			 "margin", report_margin(r, m), "rounds", (int)d->rounds, "verdict",
			 verdict_name(d->verdict == VERDICT_UNDECIDED ? VERDICT_INCONCLUSIVE : d->verdict),
			 "gates", (int)report_counts(r, arm), "confirmed", (int)s->outcome.confirmed[arm][m],
			 "core", d->core >= 0 ? json_integer(d->core) : json_null(), "rounds_needed",
			 d->rounds_needed ? json_integer(d->rounds_needed) : json_null(), "reason",
			 d->reason, "operation", m == METRIC_P99 ? view_operation(&s->outcome) : NULL);
}

const char *report_verdict_text(const struct report *r, int exit_code)
{
	if (exit_code == EXIT_SKIPPED)
		return "SKIPPED";
	if (!r->complete)
		return verdict_name(exit_code == EXIT_INCONCLUSIVE ? VERDICT_INCONCLUSIVE : VERDICT_INVALID);
	return verdict_name(report_verdict(r));
}

json_t *report_verdict_json(const struct report *r, int exit_code)
{
	json_t *cells = json_array(), *skipped = json_array(), *cpu = json_array(), *notes = json_array();

	for (unsigned int i = 0; i < r->preflight.nr; i++)
		json_array_append_new(notes, json_string(r->preflight.note[i]));
	for (unsigned int i = 0; i < r->nr_sets; i++) {
		const struct report_set *s = &r->set[i];

		if (s->skipped) {
			json_array_append_new(skipped,
					      json_pack("{s:s, s:s, s:s, s:s, s:b}", "workload",
							s->workload, "device", s->device,
							"scheduler", s->scheduler, "reason",
							s->skipped, "failed", (int)s->failed));
			continue;
		}
		for (unsigned int a = 0; a < r->arms->nr; a++)
			for (enum metric m = 0; m < METRIC_NR && a != r->arms->off; m++)
				if (report_judges(r, s, m))
					json_array_append_new(cells, cell_json(r, s, a, m));
		for (unsigned int a = 0; a < r->arms->nr; a++)
			json_array_append_new(cpu, view_cpu_json(r, s, a));
	}
	return json_pack("{s:s, s:s, s:i, s:b, s:s?, s:b, s:I, s:f, s:o, s:o, s:o, s:o, s:o}", "schema",
			 VERDICT_SCHEMA, "verdict",
			 report_verdict_text(r, exit_code),
			 "exit_code", exit_code, "complete", (int)r->complete, "reason", r->reason,
			 "smoke", (int)r->smoke, "seed", (json_int_t)r->seed, "budget", r->budget,
			 "gate_p99", r->p99_budget > 0 ? json_real(r->p99_budget) : json_null(), "notes", notes, "cells", cells, "cpu", cpu, "skipped", skipped);
}

int report_exit(const struct report *r)
{
	unsigned int ran = 0;

	for (unsigned int i = 0; i < r->nr_sets; i++)
		ran += !r->set[i].skipped || r->set[i].failed;
	if (!r->complete)
		return r->stopped_code ? r->stopped_code : EXIT_INCONCLUSIVE;
	return ran ? verdict_exit(report_verdict(r)) : EXIT_SKIPPED;
}
