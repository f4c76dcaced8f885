/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "compare.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "bench/compare-numbers.h"
#include "bench/machine.h"
#include "tracer/base/cleanup.h"

#define RATE_APART .05 /* of the capacity: fixed rates that are told */

/* The worst core is another one from run to run: it is not compared. */
static const enum metric metrics[] = { METRIC_THROUGHPUT, METRIC_CPU_PER_IO, METRIC_SYSTEM_CPU, METRIC_P99 };

static const char *const change_names[] = {
	[CHANGE_NONE] = "no worse",
	[CHANGE_BETTER] = "better",
	[CHANGE_WORSE] = "worse",
	[CHANGE_UNDECIDED] = "undecided",
};

const char *change_name(enum change c)
{
	return change_names[c];
}

/* ---- what goes together ---- */

/* All that the key of a machine is made of, but for its kernel. */
static bool same_but_kernel(const struct report *a, const struct report *b)
{
	static const char *const parts[] = { "cpu_model", "nr_cpus", "arch", "fio", "sysbench", "uring" };
	const json_t *x = json_object_get(a->header, "fingerprint"), *y = json_object_get(b->header, "fingerprint");

	for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
		const json_t *u = json_object_get(x, parts[i]), *v = json_object_get(y, parts[i]);

		if (u != v && !json_equal(u, v))
			return false;
	}
	return true;
}

static int check_headers(const struct report *a, const struct report *b, bool kernels, struct why *why)
{
	static const char *const names[] = { "cpu_model", "arch", "fio", "sysbench", "uring", "kernel" };

	if (!a->complete || !b->complete)
		return why_fail(why, EXIT_USAGE, -EINVAL, "run %s is not complete: %s",
				a->complete ? "B" : "A", a->complete ? b->reason : a->reason);
	if (strcmp(machine_field(a->header, "key"), machine_field(b->header, "key")) && !(kernels && same_but_kernel(a, b))) {
		for (size_t i = 0; i < ARRAY_SIZE(names) - kernels; i++) /* the last is the kernel */
			if (strcmp(machine_field(a->header, names[i]), machine_field(b->header, names[i])))
				return why_fail(why, EXIT_USAGE, -EINVAL,
						"not the same machine: %s is %.100s in A, %.100s in B",
						names[i], machine_field(a->header, names[i]),
						machine_field(b->header, names[i]));
		return why_fail(why, EXIT_USAGE, -EINVAL, "not the same machine: fingerprint %.40s in A, %.40s in B",
				machine_field(a->header, "key"), machine_field(b->header, "key"));
	}
	if (json_integer_value(json_object_get(a->header, "window_ns")) !=
	    json_integer_value(json_object_get(b->header, "window_ns")))
		return why_fail(why, EXIT_USAGE, -EINVAL, "the windows of A and B are not of one length");
	return 0;
}

/* On a disk of one name, or one of as many scratch ones of a driver. */
static bool alike(const struct report_set *a, const struct report_set *b)
{
	return !strcmp(a->workload, b->workload) && !strcmp(a->scheduler, b->scheduler) && a->scratch == b->scratch &&
	       !strcmp(a->scratch ? a->driver : a->device, b->scratch ? b->driver : b->device);
}

/* Is there a set of @r on the disk of @like? */
static bool has_same(const struct report *r, const struct report_set *like, bool kernels)
{
	struct difference d;

	for (unsigned int i = 0; i < r->nr_sets; i++) {
		const struct report_set *s = &r->set[i];

		if (!s->skipped && alike(s, like) && !device_differs(s->outcome.disk, like->outcome.disk, kernels, &d))
			return true;
	}
	return false;
}

/* On the same disk; where there is none, on another of that name that has none of its own in @of. */
static const struct report_set *find_set(const struct report *r, const struct report *of, const struct report_set *like,
					 bool kernels)
{
	const struct report_set *other = NULL;
	struct difference d;

	for (unsigned int i = 0; i < r->nr_sets; i++) {
		const struct report_set *s = &r->set[i];

		if (s->skipped || !alike(s, like) || report_device_nr(r, s) != report_device_nr(of, like))
			continue;
		if (!device_differs(s->outcome.disk, like->outcome.disk, kernels, &d))
			return s;
		if (!other && !has_same(of, s, kernels))
			other = s;
	}
	return other;
}

/* Why the run tried that set and has no figures of it, or NULL. */
static const char *failure(const struct report *r, const struct report *of, const struct report_set *like)
{
	for (unsigned int i = 0; i < r->nr_sets; i++) {
		const struct report_set *s = &r->set[i];

		if (s->failed && alike(s, like) && (!s->scratch || report_same_order(s->order, like->order)) &&
		    report_device_nr(r, s) == report_device_nr(of, like))
			return s->skipped;
	}
	return NULL;
}

/* ---- two runs ---- */

/* @s of @r. @lost: why the other of the two, which was tried too, has no figures; or NULL. */
static int add_missing(struct comparison *c, const char *arm, const struct report *r, const struct report_set *s,
		       const char *only, const char *lost)
{
	char device[REPORT_DEVICE_MAX];
	char (*bigger)[COMPARE_TEXT_MAX] = realloc(c->missing, (c->nr_missing + 1) * sizeof(*bigger));

	if (!bigger)
		return -ENOMEM;
	c->missing = bigger;
	snprintf(c->missing[c->nr_missing++], sizeof(*bigger), "%s%s%s on %s, scheduler %s: only in %s%s%s", arm ? arm : "",
		 arm ? " under " : "", s->workload, report_device(r, s, device), s->scheduler, only, lost ? "; the other: " : "",
		 lost ? lost : "");
	return 0;
}

/* What A had and B lost. */
static int add_lost(struct comparison *c, const char *arm, const struct report *r, const struct report_set *s,
		    const char *only, const char *why)
{
	c->nr_lost++;
	return add_missing(c, arm, r, s, only, why);
}

static int add_differing(struct comparison *c, const char *what, const struct difference *d)
{
	char (*bigger)[COMPARE_TEXT_MAX] = realloc(c->differing, (c->nr_differing + 1) * sizeof(*bigger));
	char text[sizeof(*bigger)];

	if (!bigger)
		return -ENOMEM;
	c->differing = bigger;
	snprintf(text, sizeof(text), "%s%s is %.80s in A, %.80s in B", what, d->name, d->a, d->b);
	for (unsigned int i = 0; i < c->nr_differing; i++)
		if (!strcmp(bigger[i], text)) /* of another set on the same disk */
			return 0;
	memcpy(bigger[c->nr_differing++], text, sizeof(text));
	return 0;
}

static int add_settings(struct comparison *c, const struct report *a, const struct report *b)
{
	struct difference d;
	size_t at = 0;
	int err = 0;

	while (!err && machine_setting_differs(a->header, b->header, &at, &d))
		err = add_differing(c, "", &d);
	return err;
}

static bool usable(const struct report_set *s, unsigned int arm)
{
	return !s->outcome.reason[arm][0] && s->outcome.table.nr_rounds;
}

static const char *why_unusable(const struct report_set *s, unsigned int arm)
{
	return s->outcome.reason[arm][0] ? s->outcome.reason[arm] :
	       s->outcome.fault[0]	 ? s->outcome.fault :
					   "no round counts";
}

/* Is there a p99 of each round of the arm, and of off? */
static bool tells_p99(const struct report *r, const struct report_set *s, const char *arm)
{
	double d[STAT_MAX_N];
	unsigned int n = compare_costs(r, s, (unsigned int)compare_find_arm(r, arm), METRIC_P99, d);

	for (unsigned int i = 0; i < n; i++)
		if (!isfinite(d[i]))
			return false;
	return true;
}

/* CPU time at saturation is not that at a fixed rate. */
static const char *rate_gap(const struct report_set *a, const struct report_set *b)
{
	bool in_a = !a->outcome.no_rate[0], in_b = !b->outcome.no_rate[0];

	return in_a == in_b ? NULL :
	       in_a	    ? "no fixed rate in B: its CPU time is that at saturation" :
			      "no fixed rate in A: its CPU time is that at saturation";
}

/* Each run has the percentiles of one operation, by its first round. */
static const char *operation_gap(const struct report_set *a, const struct report_set *b)
{
	return a->outcome.table.op == b->outcome.table.op ? NULL : "reads in one, writes in the other";
}

/* All metrics of @like, where both of @r have figures of its arms: of an open loop no throughput. */
static int add_cells(struct comparison *c, const struct runs *r, const struct compared *like, bool force)
{
	struct compared *bigger = realloc(c->cell, (c->nr + ARRAY_SIZE(metrics)) * sizeof(*bigger));
	const char *gap = force ? NULL : rate_gap(like->set_a, like->set);

	if (!bigger)
		return -ENOMEM;
	c->cell = bigger;
	for (size_t i = 0; i < ARRAY_SIZE(metrics); i++) {
		enum metric m = metrics[i];

		if (m == METRIC_THROUGHPUT && (like->set_a->outcome.open_loop || like->set->outcome.open_loop))
			continue;
		if (m == METRIC_P99 && (!c->has_p99 || !tells_p99(r->a, like->set_a, like->arm_a) ||
					!tells_p99(r->b, like->set, like->arm_b)))
			continue;
		c->cell[c->nr] = *like;
		c->cell[c->nr].metric = m;
		c->cell[c->nr++].reason = m == METRIC_CPU_PER_IO || m == METRIC_SYSTEM_CPU ? gap :
					  m == METRIC_P99 ? operation_gap(like->set_a, like->set) : NULL;
	}
	return 0;
}

static int add_off(struct comparison *c, const struct report *a, const struct report_set *sa,
		   const struct report *b, const struct report_set *sb)
{
	double va[STAT_MAX_N], vb[STAT_MAX_N];
	unsigned int n = sa->outcome.table.nr_rounds, m = sb->outcome.table.nr_rounds;
	struct interval v;
	void *bigger = realloc(c->off, (c->nr_off + 1) * sizeof(*c->off));
	int err;

	if (!bigger)
		return -ENOMEM;
	c->off = bigger;
	for (unsigned int i = 0; i < n && i < STAT_MAX_N; i++)
		va[i] = log(table_value(&sa->outcome.table, COLUMN_IOPS, i, a->arms->off));
	for (unsigned int i = 0; i < m && i < STAT_MAX_N; i++)
		vb[i] = log(table_value(&sb->outcome.table, COLUMN_IOPS, i, b->arms->off));
	err = stat_shift(va, n, vb, m, COMPARE_ALPHA, &v);
	if (err)
		return err;
	c->off[c->nr_off].set = sb;
	c->off[c->nr_off++].ratio = (struct interval){ exp(v.estimate), exp(v.lower), exp(v.upper) };
	return 0;
}

static int add_set(struct comparison *c, const struct report *a, const struct report_set *sa,
		   const struct report *b, const struct report_set *sb, bool force)
{
	struct runs runs = { a, b };
	int err = 0;

	if (sa->outcome.table.nr_rounds && sb->outcome.table.nr_rounds)
		err = add_off(c, a, sa, b, sb);
	for (unsigned int i = 0; i < b->arms->nr && !err; i++) {
		int k = compare_find_arm(a, b->arms->v[i].name);
		bool in_a;

		if (i == b->arms->off || i == b->arms->twin)
			continue;
		in_a = k >= 0 && usable(sa, (unsigned int)k);
		if (!in_a || !usable(sb, i)) {
			if (in_a)
				err = add_lost(c, b->arms->v[i].name, b, sb, "A", why_unusable(sb, i));
			else if (usable(sb, i))
				err = add_missing(c, b->arms->v[i].name, b, sb, "B",
						  k < 0 ? NULL : why_unusable(sa, (unsigned int)k));
			continue;
		}
		err = add_cells(c, &runs, &(struct compared){ .set = sb, .set_a = sa, .arm_a = a->arms->v[k].name,
							      .arm_b = b->arms->v[i].name }, force);
	}
	for (unsigned int k = 0; k < a->arms->nr && !err; k++)
		if (compare_find_arm(b, a->arms->v[k].name) < 0 && usable(sa, k))
			err = add_missing(c, a->arms->v[k].name, b, sb, "A", NULL);
	return err;
}

static void rate_text(const struct set_outcome *o, char *buf, size_t len)
{
	if (o->no_rate[0])
		snprintf(buf, len, "none");
	else
		snprintf(buf, len, "%.0f%% of the capacity", 100 * o->rate_iops / o->capacity_iops);
}

/* What CPU time costs at another load is another question. */
static int check_rates(const struct report_set *a, const struct report_set *b, struct comparison *c)
{
	char device[REPORT_DEVICE_MAX];
	struct difference d = { .name = "the fixed rate" };
	const struct set_outcome *x = &a->outcome, *y = &b->outcome;
	double apart = x->rate_iops / x->capacity_iops - y->rate_iops / y->capacity_iops;
	char what[COMPARE_TEXT_MAX];

	if (!rate_gap(a, b) && (x->no_rate[0] || !(fabs(apart) > RATE_APART)))
		return 0;
	rate_text(x, d.a, sizeof(d.a));
	rate_text(y, d.b, sizeof(d.b));
	snprintf(what, sizeof(what), "%s on %s, scheduler %s: ", b->workload, report_device(c->b, b, device), b->scheduler);
	return add_differing(c, what, &d);
}

static int check_jobs(const struct report_set *a, const struct report_set *b, struct why *why)
{
	if (a->job && b->job && strcmp(a->job, b->job))
		return why_fail(why, EXIT_USAGE, -EINVAL, "workload %s is not the same in A and B: its job file differs",
				b->workload);
	return 0;
}

static int check_disks(const struct report_set *a, const struct report_set *b, const struct compare_rule *rule,
		       struct comparison *c, struct why *why)
{
	struct difference d;
	char device[REPORT_DEVICE_MAX], what[REPORT_DEVICE_MAX + 8];

	if (!device_differs(a->outcome.disk, b->outcome.disk, rule->kernels, &d))
		return 0;
	if (!rule->force)
		return why_fail(why, EXIT_USAGE, -EINVAL, "not the same device: %s of %s is %s in A, %s in B", d.name,
				report_device(c->b, b, device), d.a, d.b);
	snprintf(what, sizeof(what), "%s: ", report_device(c->b, b, device));
	return add_differing(c, what, &d);
}

/* Does a set of B go with that of A? */
static bool is_paired(const struct report *a, const struct report_set *s, const struct report *b, bool kernels)
{
	for (unsigned int i = 0; i < b->nr_sets; i++)
		if (!b->set[i].skipped && find_set(a, b, &b->set[i], kernels) == s)
			return true;
	return false;
}

/* The sets of A that B has not. */
static int add_gone(struct comparison *c, const struct report *a, const struct report *b, bool kernels)
{
	int err = 0;

	for (unsigned int i = 0; i < a->nr_sets && !err; i++) {
		const struct report_set *s = &a->set[i];
		const char *lost = failure(b, a, s);

		if (s->skipped || is_paired(a, s, b, kernels))
			continue;
		err = lost ? add_lost(c, NULL, a, s, "A", lost) : add_missing(c, NULL, a, s, "A", NULL);
	}
	return err;
}

static int pair_up(const struct report *a, const struct report *b, const struct compare_rule *rule,
		   struct comparison *c, struct why *why)
{
	int err = add_settings(c, a, b);

	for (unsigned int i = 0; i < b->nr_sets && !err; i++) {
		const struct report_set *sb = &b->set[i], *sa = find_set(a, b, sb, rule->kernels);

		if (sb->skipped)
			continue;
		if (!sa) {
			err = add_missing(c, NULL, b, sb, "B", failure(a, b, sb));
			continue;
		}
		err = rule->force ? 0 : check_jobs(sa, sb, why);
		if (!err)
			err = check_disks(sa, sb, rule, c, why);
		if (!err)
			err = check_rates(sa, sb, c);
		if (!err)
			err = add_set(c, a, sa, b, sb, rule->force);
	}
	if (!err)
		err = add_gone(c, a, b, rule->kernels);
	if (!err && !c->nr && !c->nr_lost)
		err = why_fail(why, EXIT_USAGE, -EINVAL, "A and B have no arm under the same workload, device and scheduler");
	return err;
}

/* What is in @c, from its cells; frees it on an error. */
static int judge(struct comparison *c, const struct runs *r, int err, struct comparison *ret)
{
	for (unsigned int i = 0; i < c->nr && !err; i++)
		err = compare_measure(&c->cell[i], r);
	if (!err)
		err = compare_decide(c, r);
	if (err)
		comparison_free(c);
	else
		*ret = *c;
	return err;
}

/* The margin of the p99 is to its budget as that of the others to theirs. */
static struct comparison new_comparison(const struct runs *r, const struct compare_rule *rule)
{
	return (struct comparison){ .b = r->b, .margin = rule->margin, .p99_margin = rule->margin * r->a->p99_budget / r->a->budget,
				    .has_p99 = r->a->p99_budget > 0 && r->b->p99_budget > 0 };
}

int compare_runs(const struct report *a, const struct report *b, const struct compare_rule *rule,
		 struct comparison *ret, struct why *why)
{
	struct runs runs = { a, b };
	struct comparison c = new_comparison(&runs, rule);
	int err = rule->force ? 0 : check_headers(a, b, rule->kernels, why);

	if (!err)
		err = pair_up(a, b, rule, &c, why);
	return judge(&c, &runs, err, ret);
}

/* ---- two arms of one run ---- */

static int pair_arms(const struct report *r, unsigned int a, unsigned int b, struct comparison *c)
{
	const char *arm_a = r->arms->v[a].name, *arm_b = r->arms->v[b].name;
	struct runs runs = { r, r };
	int err = 0;

	for (unsigned int i = 0; i < r->nr_sets && !err; i++) {
		const struct report_set *s = &r->set[i];
		bool in_a = !s->skipped && usable(s, a), in_b = !s->skipped && usable(s, b);

		if (in_a && !in_b)
			err = add_lost(c, NULL, r, s, arm_a, why_unusable(s, b));
		else if (in_b && !in_a)
			err = add_missing(c, NULL, r, s, arm_b, why_unusable(s, a));
		if (!in_a || !in_b)
			continue;
		err = add_cells(c, &runs, &(struct compared){ .set = s, .set_a = s, .arm_a = arm_a, .arm_b = arm_b }, false);
	}
	return err;
}

int compare_arms(const struct report *r, const char *arm_a, const char *arm_b,
		 const struct compare_rule *rule, struct comparison *ret, struct why *why)
{
	int a = compare_find_arm(r, arm_a), b = compare_find_arm(r, arm_b), err;
	struct runs runs = { r, r };
	struct comparison c = new_comparison(&runs, rule);

	if (a < 0 || b < 0)
		return why_fail(why, EXIT_USAGE, -EINVAL, "the run has no arm %s", a < 0 ? arm_a : arm_b);
	if (a == b)
		return why_fail(why, EXIT_USAGE, -EINVAL, "arm %s against itself", arm_a);
	if (!r->complete && !rule->force)
		return why_fail(why, EXIT_USAGE, -EINVAL, "the run is not complete: %s", r->reason);
	err = pair_arms(r, (unsigned int)a, (unsigned int)b, &c);
	if (!err && !c.nr && !c.nr_lost)
		err = why_fail(why, EXIT_USAGE, -EINVAL, "no set has figures of both arms");
	return judge(&c, &runs, err, ret);
}

void comparison_free(struct comparison *c)
{
	free(c->cell);
	free(c->off);
	free(c->missing);
	free(c->differing);
	*c = (struct comparison){ 0 };
}

enum change comparison_verdict(const struct comparison *c)
{
	enum change worst = c->nr && !c->nr_lost ? CHANGE_NONE : CHANGE_UNDECIDED;

	for (unsigned int i = 0; i < c->nr; i++) {
		if (c->cell[i].verdict == CHANGE_WORSE)
			return CHANGE_WORSE;
		if (c->cell[i].verdict == CHANGE_UNDECIDED)
			worst = CHANGE_UNDECIDED;
	}
	return worst;
}

static json_t *number_or_null(double v)
{
	return isfinite(v) ? json_real(v) : json_null();
}

json_t *comparison_json(const struct comparison *c)
{
	json_t *cells = json_array(), *off = json_array(), *missing = json_array(), *differing = json_array();

	char device[REPORT_DEVICE_MAX];

	for (unsigned int i = 0; i < c->nr; i++) {
		const struct compared *o = &c->cell[i];

		json_array_append_new(
			cells,
			json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:f, s:f, s:i, s:i, s:f, s:o, s:o, s:s, s:s?, s:o}",
				  "workload", o->set->workload, "device", report_device(c->b, o->set, device), "scheduler",
				  o->set->scheduler, "arm_a", o->arm_a, "arm_b", o->arm_b, "metric",
				  metric_name(o->metric), "cost_a", o->cost_a, "cost_b", o->cost_b, "rounds_a",
				  (int)o->rounds_a, "rounds_b", (int)o->rounds_b, "change", o->change.estimate,
				  "lower", number_or_null(o->change.lower), "upper",
				  number_or_null(o->change.upper), "verdict", change_name(o->verdict), "reason",
				  o->reason, "rounds_needed",
				  o->rounds_needed ? json_integer(o->rounds_needed) : json_null()));
	}
	for (unsigned int i = 0; i < c->nr_off; i++)
		json_array_append_new(off, json_pack("{s:s, s:s, s:s, s:f, s:o, s:o}", "workload",
						     c->off[i].set->workload, "device",
						     report_device(c->b, c->off[i].set, device), "scheduler",
						     c->off[i].set->scheduler, "throughput_ratio",
						     c->off[i].ratio.estimate, "lower",
						     number_or_null(c->off[i].ratio.lower), "upper",
						     number_or_null(c->off[i].ratio.upper)));
	for (unsigned int i = 0; i < c->nr_missing; i++)
		json_array_append_new(missing, json_string(c->missing[i]));
	for (unsigned int i = 0; i < c->nr_differing; i++)
		json_array_append_new(differing, json_string(c->differing[i]));
	return json_pack("{s:s, s:s, s:f, s:o, s:o, s:o, s:o, s:o}", "schema", "iopath.compare/1", "verdict",
			 change_name(comparison_verdict(c)), "margin", c->margin, "p99_margin",
			 c->has_p99 ? json_real(c->p99_margin) : json_null(), "cells", cells, "off", off,
			 "missing", missing, "differing", differing);
}
