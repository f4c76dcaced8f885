/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "change.h"

#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "bench/stat.h"
#include "tracer/base/cleanup.h"

#define SHUFFLES 999
#define ALPHA .01	/* per place that is looked at */

static int by_value(const void *a, const void *b)
{
	double x = **(double *const *)a, y = **(double *const *)b;

	return (x > y) - (x < y);
}

/* Ranks, ties shared. */
static void rank(const double *v, unsigned int n, const double **order, double *r)
{
	for (unsigned int i = 0; i < n; i++)
		order[i] = &v[i];
	qsort(order, n, sizeof(*order), by_value);
	for (unsigned int i = 0; i < n;) {
		unsigned int k = i;

		while (k < n && *order[k] == *order[i])
			k++;
		for (unsigned int j = i; j < k; j++)
			r[order[j] - v] = (i + k + 1) / 2.;
		i = k;
	}
}

/* The largest standardised rank sum over all splits, and where. */
static double best_split(const double *r, unsigned int n, unsigned int *ret_at)
{
	double sum = 0, best = 0;

	for (unsigned int i = 0; i < n; i++) {
		unsigned int left = i + 1, right = n - left;
		double z;

		sum += r[i];
		if (left < CHANGE_MIN_SIDE || right < CHANGE_MIN_SIDE)
			continue;
		z = fabs(sum - left * (n + 1) / 2.) / sqrt((double)left * right * (n + 1) / 12);
		if (z > best) {
			best = z;
			*ret_at = left;
		}
	}
	return best;
}

static void shuffle(struct rng *rng, double *r, unsigned int n)
{
	for (unsigned int i = n; i > 1; i--) {
		unsigned int j = (unsigned int)rng_below(rng, i);
		double t = r[i - 1];

		r[i - 1] = r[j];
		r[j] = t;
	}
}

/* Is a split like that seldom where nothing changed? */
static bool is_change(double *r, unsigned int n, double z)
{
	struct rng rng = { 0x5eed + n };
	unsigned int as_large = 1, at;

	for (int i = 0; i < SHUFFLES; i++) {
		shuffle(&rng, r, n);
		as_large += best_split(r, n, &at) >= z;
	}
	return as_large <= ALPHA * (SHUFFLES + 1);
}

struct search {
	const double **order;
	double *r;
	unsigned int max, nr, *found;
};

static void split(struct search *s, const double *v, unsigned int from, unsigned int n)
{
	unsigned int at = 0;
	double z;

	if (n < 2 * CHANGE_MIN_SIDE || s->nr == s->max)
		return;
	rank(v + from, n, s->order, s->r);
	z = best_split(s->r, n, &at);
	if (!at || !is_change(s->r, n, z))
		return;
	split(s, v, from, at);
	if (s->nr < s->max)
		s->found[s->nr++] = from + at;
	split(s, v, from + at, n - at);
}

int change_points(const double *v, unsigned int n, unsigned int max, unsigned int *ret)
{
	_cleanup_free_ const double **order = calloc(n ? n : 1, sizeof(*order));
	_cleanup_free_ double *r = calloc(n ? n : 1, sizeof(*r));
	struct search s = { .order = order, .r = r, .max = max, .found = ret };

	if (n > CHANGE_MAX_POINTS)
		return -EINVAL;
	if (!order || !r)
		return -ENOMEM;
	split(&s, v, 0, n);
	return (int)s.nr;
}
