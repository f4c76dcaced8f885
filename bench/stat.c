/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "stat.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tracer/base/cleanup.h"

#define MAX_T (STAT_MAX_N * (STAT_MAX_N + 1) / 2)

/* p[t] = P(T = t), built up one rank at a time: rank r is in the sum or not. */
static void signed_rank_pmf(unsigned int n, double *p)
{
	unsigned int top = 0;

	memset(p, 0, (MAX_T + 1) * sizeof(*p));
	p[0] = 1;
	for (unsigned int r = 1; r <= n; r++) {
		top += r;
		for (int t = (int)top; t >= 0; t--)
			p[t] = (p[t] + (t >= (int)r ? p[t - (int)r] : 0)) / 2;
	}
}

int stat_rank_q(unsigned int n, double alpha)
{
	double p[MAX_T + 1], sum = 0;
	int q = -1;

	if (!n || n > STAT_MAX_N)
		return -1;
	signed_rank_pmf(n, p);
	for (int t = 0; t <= (int)(n * (n + 1) / 2); t++) {
		sum += p[t];
		if (sum > alpha)
			break;
		q = t;
	}
	return q;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double sorted_median(const double *v, size_t n)
{
	return n % 2 ? v[n / 2] : (v[n / 2 - 1] + v[n / 2]) / 2;
}

int stat_hodges_lehmann(const double *d, unsigned int n, double alpha, struct interval *ret)
{
	double w[MAX_T];
	size_t m = 0;
	int q;

	if (!n || n > STAT_MAX_N)
		return -EINVAL;
	for (unsigned int i = 0; i < n; i++)
		for (unsigned int j = i; j < n; j++)
			w[m++] = (d[i] + d[j]) / 2;
	qsort(w, m, sizeof(*w), by_value);
	q = stat_rank_q(n, alpha);
	*ret = (struct interval){
		.estimate = sorted_median(w, m),
		.lower = q < 0 ? -INFINITY : w[q],
		.upper = q < 0 ? INFINITY : w[m - 1 - (size_t)q],
	};
	return 0;
}

/*
 * P(U = u) of two samples of n and m: the largest value is of the first sample,
 * and above all m of the second, or of the second. at[i] holds the row of i.
 */
static int rank_sum_pmf(unsigned int n, unsigned int m, double **ret)
{
	size_t width = (size_t)n * m + 1;
	double *at = calloc((n + 1) * width, sizeof(*at));

	if (!at)
		return -ENOMEM;
	for (unsigned int i = 0; i <= n; i++)
		at[i * width] = 1; /* nobody to be compared with: U is 0 */
	for (unsigned int k = 1; k <= m; k++) {
		for (unsigned int i = 1; i <= n; i++) {
			double own = (double)i / (i + k), other = (double)k / (i + k);
			double *row = &at[i * width];
			const double *fewer = &at[(i - 1) * width];

			for (size_t u = (size_t)i * k + 1; u-- > 0;)
				row[u] = other * row[u] + (u >= k ? own * fewer[u - k] : 0);
		}
	}
	*ret = at;
	return 0;
}

int stat_rank_sum_q(unsigned int n, unsigned int m, double alpha)
{
	_cleanup_free_ double *at = NULL;
	double sum = 0;
	int q = -1;

	if (!n || !m || n > STAT_MAX_N || m > STAT_MAX_N || rank_sum_pmf(n, m, &at))
		return -1;
	for (unsigned int u = 0; u <= n * m; u++) {
		sum += at[n * ((size_t)n * m + 1) + u];
		if (sum > alpha)
			break;
		q = (int)u;
	}
	return q;
}

int stat_shift(const double *a, unsigned int n, const double *b, unsigned int m, double alpha,
	       struct interval *ret)
{
	_cleanup_free_ double *w = NULL;
	size_t nr = 0;
	int q;

	if (!n || !m || n > STAT_MAX_N || m > STAT_MAX_N)
		return -EINVAL;
	w = calloc((size_t)n * m, sizeof(*w));
	if (!w)
		return -ENOMEM;
	for (unsigned int i = 0; i < n; i++)
		for (unsigned int j = 0; j < m; j++)
			w[nr++] = b[j] - a[i];
	qsort(w, nr, sizeof(*w), by_value);
	q = stat_rank_sum_q(n, m, alpha);
	*ret = (struct interval){
		.estimate = sorted_median(w, nr),
		.lower = q < 0 ? -INFINITY : w[q],
		.upper = q < 0 ? INFINITY : w[nr - 1 - (size_t)q],
	};
	return 0;
}

double stat_mean(const double *d, unsigned int n)
{
	double sum = 0;

	for (unsigned int i = 0; i < n; i++)
		sum += d[i];
	return n ? sum / n : 0;
}

double stat_sd(const double *d, unsigned int n)
{
	double mean = stat_mean(d, n), sum = 0;

	for (unsigned int i = 0; i < n; i++)
		sum += (d[i] - mean) * (d[i] - mean);
	return n < 2 ? 0 : sqrt(sum / (n - 1));
}

double stat_median(const double *d, unsigned int n)
{
	double v[STAT_MAX_N];

	if (!n || n > STAT_MAX_N)
		return 0;
	memcpy(v, d, n * sizeof(*v));
	qsort(v, n, sizeof(*v), by_value);
	return sorted_median(v, n);
}

double stat_lag1(const double *d, unsigned int n)
{
	double mean = stat_mean(d, n), cov = 0, var = 0;

	if (n < 3)
		return 0;
	for (unsigned int i = 0; i < n; i++) {
		var += (d[i] - mean) * (d[i] - mean);
		if (i)
			cov += (d[i] - mean) * (d[i - 1] - mean);
	}
	return var > 0 ? cov / var : 0;
}

/*
 * The largest t of the centred vectors under one set of signs. Each flip has its
 * own spread: signs leave the sum of squares alone and move the mean, and with
 * few rounds the t of the data varies as much through its spread as through its
 * mean.
 */
static double flipped_max(const double *d, unsigned int n, unsigned int k, const double *mean,
			  const double *se, struct rng *r)
{
	uint64_t signs = rng_next(r);
	double max = -INFINITY;

	for (unsigned int c = 0; c < k; c++) {
		double squares = se[c] * se[c] * n * (n - 1), sum = 0, var;

		if (se[c] <= 0)
			continue;
		for (unsigned int i = 0; i < n; i++)
			sum += (signs >> i & 1 ? 1 : -1) * (d[i * k + c] - mean[c]);
		var = (squares - sum * sum / n) / (n - 1);
		max = fmax(max, var > 0 ? sum / sqrt(n * var) : INFINITY);
	}
	return max;
}

int stat_max_t_lower(const double *d, unsigned int n, unsigned int k, double alpha,
		     unsigned int flips, uint64_t seed, double *ret_lower, unsigned int *ret_core)
{
	_cleanup_free_ double *mean = calloc(k, sizeof(*mean));
	_cleanup_free_ double *se = calloc(k, sizeof(*se));
	_cleanup_free_ double *t = calloc(flips, sizeof(*t));
	struct rng r = { seed };
	double crit, best = -INFINITY;
	unsigned int core = 0;

	if (n < 2 || n > STAT_MAX_N || !k || !flips)
		return -EINVAL;
	if (!mean || !se || !t)
		return -ENOMEM;
	for (unsigned int c = 0; c < k; c++) {
		double v[STAT_MAX_N];

		for (unsigned int i = 0; i < n; i++)
			v[i] = d[i * k + c];
		mean[c] = stat_mean(v, n);
		se[c] = stat_sd(v, n) / sqrt(n);
	}
	for (unsigned int f = 0; f < flips; f++)
		t[f] = flipped_max(d, n, k, mean, se, &r);
	qsort(t, flips, sizeof(*t), by_value);
	crit = t[(unsigned int)fmin(flips - 1, ceil((1 - alpha) * flips))];
	if (crit == -INFINITY) /* every core is constant: its mean is its bound */
		crit = 0;
	for (unsigned int c = 0; c < k; c++) {
		double lower = se[c] > 0 ? mean[c] - crit * se[c] : mean[c];

		if (lower > best) {
			best = lower;
			core = c;
		}
	}
	*ret_lower = best;
	*ret_core = core;
	return 0;
}

unsigned int stat_rounds_needed(double sd, double gap)
{
	double ratio = fabs(gap) > 1e-9 ? sd / fabs(gap) : INFINITY;
	double n = ceil(2.7 + 8.3 * ratio * ratio);

	return n > 9999 ? 9999 : (unsigned int)n;
}

uint64_t rng_next(struct rng *r)
{
	uint64_t z = r->state += 0x9e3779b97f4a7c15u;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return z ^ z >> 31;
}

uint64_t rng_below(struct rng *r, uint64_t n)
{
	uint64_t limit = UINT64_MAX - UINT64_MAX % n, v;

	do
		v = rng_next(r);
	while (v >= limit);
	return v % n;
}

double rng_uniform(struct rng *r)
{
	return (double)(rng_next(r) >> 11) * 0x1p-53;
}

double rng_normal(struct rng *r)
{
	double u = 1 - rng_uniform(r); /* log(0) never */

	return sqrt(-2 * log(u)) * cos(2 * M_PI * rng_uniform(r));
}

void rng_shuffle(struct rng *r, unsigned int *v, size_t n)
{
	for (size_t i = n; i > 1; i--) {
		size_t j = rng_below(r, i);
		unsigned int tmp = v[i - 1];

		v[i - 1] = v[j];
		v[j] = tmp;
	}
}
