/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "compare-numbers.h"

#include <math.h>
#include <string.h>

int compare_find_arm(const struct report *r, const char *name)
{
	for (unsigned int a = 0; a < r->arms->nr; a++)
		if (!strcmp(r->arms->v[a].name, name))
			return (int)a;
	return -1;
}

static double response_of(const struct response *v, enum metric m)
{
	return m == METRIC_THROUGHPUT ? v->ln_throughput :
	       m == METRIC_CPU_PER_IO ? v->ln_cpu_per_io :
	       m == METRIC_P99	      ? v->ln_p99 :
					v->system_pct;
}

unsigned int compare_costs(const struct report *r, const struct report_set *s, unsigned int arm,
			   enum metric m, double *d)
{
	const struct table *t = &s->outcome.table;
	unsigned int n = t->nr_rounds < STAT_MAX_N ? t->nr_rounds : STAT_MAX_N;

	for (unsigned int i = 0; i < n; i++) {
		const struct response *row = &t->response[(size_t)i * t->nr_arms];

		d[i] = response_of(&row[arm], m) - response_of(&row[r->arms->off], m);
	}
	return n;
}

/* A difference of logarithms is a ratio; both kinds become "more cost". */
static double to_cost(enum metric m, double v)
{
	return m == METRIC_THROUGHPUT ? 100 * -expm1(v) : m == METRIC_SYSTEM_CPU ? v : 100 * expm1(v);
}

static struct interval interval_to_cost(enum metric m, struct interval v)
{
	struct interval r = { to_cost(m, v.estimate), to_cost(m, v.lower), to_cost(m, v.upper) };

	if (m == METRIC_THROUGHPUT) {
		r.lower = to_cost(m, v.upper);
		r.upper = to_cost(m, v.lower);
	}
	if (isinf(v.lower)) {
		r.lower = -INFINITY;
		r.upper = INFINITY;
	}
	return r;
}

static double cost_estimate(enum metric m, const double *d, unsigned int n)
{
	struct interval v = { 0 };

	stat_hodges_lehmann(d, n, COMPARE_ALPHA, &v);
	return to_cost(m, v.estimate);
}

static bool twin_invalid(const struct report *r, const struct report_set *s, enum metric m)
{
	const struct decision *d = &s->outcome.decision[r->arms->twin][m];

	return d->verdict == VERDICT_INVALID && d->reason && strstr(d->reason, "off2 differs");
}

struct samples {
	double a[STAT_MAX_N], b[STAT_MAX_N];	/* paired: b is the difference, and a unused */
	unsigned int n, m;
	bool paired;
};

static struct samples samples_of(const struct compared *c, const struct runs *r)
{
	struct samples s = { .paired = r->a == r->b };

	s.n = compare_costs(r->a, c->set_a, (unsigned int)compare_find_arm(r->a, c->arm_a), c->metric, s.a);
	s.m = compare_costs(r->b, c->set, (unsigned int)compare_find_arm(r->b, c->arm_b), c->metric, s.b);
	return s;
}

static int change_of(const struct samples *s, double alpha, struct interval *ret)
{
	double d[STAT_MAX_N];

	if (!s->paired)
		return stat_shift(s->a, s->n, s->b, s->m, alpha, ret);
	for (unsigned int i = 0; i < s->n; i++)
		d[i] = s->b[i] - s->a[i];
	return stat_hodges_lehmann(d, s->n, alpha, ret);
}

/* Of the difference of one round and one round. */
static double spread(const struct samples *s)
{
	double d[STAT_MAX_N];

	if (!s->paired)
		return hypot(stat_sd(s->a, s->n), stat_sd(s->b, s->m));
	for (unsigned int i = 0; i < s->n; i++)
		d[i] = s->b[i] - s->a[i];
	return stat_sd(d, s->n);
}

/* The fewest rounds of each with a bound at @alpha. */
static unsigned int rounds_for(double alpha, bool paired)
{
	unsigned int n = 1;

	while (n < STAT_MAX_N && (paired ? stat_rank_q(n, alpha) : stat_rank_sum_q(n, n, alpha)) < 0)
		n++;
	return n;
}

static double margin_of(const struct comparison *c, enum metric m)
{
	return m == METRIC_P99 ? c->p99_margin : c->margin;
}

static unsigned int needed(const struct compared *c, const struct samples *s, double margin, double alpha)
{
	double unit = c->metric == METRIC_SYSTEM_CPU ? 1 : 100;
	unsigned int least = rounds_for(alpha, s->paired), have = s->n < s->m ? s->n : s->m;
	unsigned int n = stat_rounds_needed(unit * spread(s), margin - c->change.estimate);

	if (n < least)
		n = least;
	return n > have ? n : have + 1;
}

int compare_measure(struct compared *c, const struct runs *r)
{
	struct samples s = samples_of(c, r);
	struct interval plain;
	int err = change_of(&s, COMPARE_ALPHA, &plain);

	if (err)
		return err;
	c->cost_a = cost_estimate(c->metric, s.a, s.n);
	c->cost_b = cost_estimate(c->metric, s.b, s.m);
	c->rounds_a = s.n;
	c->rounds_b = s.m;
	c->change = interval_to_cost(c->metric, plain);
	c->verdict = CHANGE_UNDECIDED;
	if (twin_invalid(r->a, c->set_a, c->metric) || twin_invalid(r->b, c->set, c->metric))
		c->reason = "off2 differs from off where nothing differs";
	return 0;
}

/* Lower bounds with an error of COMPARE_ALPHA / @family. *ret: how many cells became worse by them. */
static int bound(struct comparison *c, const struct runs *r, unsigned int family, unsigned int *ret)
{
	unsigned int nr = 0;

	for (unsigned int i = 0; i < c->nr; i++) {
		struct compared *o = &c->cell[i];
		struct samples s;
		struct interval strict;
		int err;

		if (o->verdict == CHANGE_WORSE)
			continue;
		s = samples_of(o, r);
		err = change_of(&s, COMPARE_ALPHA / family, &strict);
		if (err)
			return err;
		o->change.lower = interval_to_cost(o->metric, strict).lower;
		if (o->change.lower > margin_of(c, o->metric) && !o->reason) {
			o->verdict = CHANGE_WORSE;
			nr++;
		}
	}
	*ret = nr;
	return 0;
}

/* Holm: what is worse leaves more of the error to the others. */
int compare_decide(struct comparison *c, const struct runs *r)
{
	unsigned int family = c->nr, last = 0, worse;
	int err = 0;

	do {
		last = family;
		err = bound(c, r, family, &worse);
		if (!err)
			family -= worse;
	} while (!err && worse && family);
	for (unsigned int i = 0; i < c->nr && !err; i++) {
		struct compared *o = &c->cell[i];
		struct samples s;

		if (o->verdict == CHANGE_WORSE || o->reason)
			continue;
		if (o->change.upper < margin_of(c, o->metric)) {
			o->verdict = o->change.upper < 0 ? CHANGE_BETTER : CHANGE_NONE;
			continue;
		}
		s = samples_of(o, r);
		o->rounds_needed = needed(o, &s, margin_of(c, o->metric), COMPARE_ALPHA / last);
		if (isinf(o->change.upper))
			o->reason = "too few rounds for a bound";
		else if (isinf(o->change.lower))
			o->reason = "too few rounds to call one of so many cells worse";
	}
	return err;
}
