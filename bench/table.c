/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "table.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "bench/stat.h"

/* realloc() that leaves *p alone when it fails. */
static int resize(void **p, size_t bytes)
{
	void *bigger = realloc(*p, bytes ? bytes : 1);

	if (!bigger)
		return -ENOMEM;
	*p = bigger;
	return 0;
}

int table_grow(struct table *t)
{
	size_t at = (size_t)t->nr_rounds * t->nr_arms, n = at + t->nr_arms;

	if (resize((void **)&t->response, n * sizeof(*t->response)) ||
	    resize((void **)&t->core_pct, n * t->nr_cores * sizeof(*t->core_pct)))
		return -ENOMEM;
	for (int c = 0; c < COLUMN_NR; c++) {
		if (resize((void **)&t->column[c], n * sizeof(double)))
			return -ENOMEM;
		for (size_t i = at; i < n; i++)
			t->column[c][i] = NAN;
	}
	memset(&t->response[at], 0, t->nr_arms * sizeof(*t->response));
	memset(&t->core_pct[at * t->nr_cores], 0, t->nr_arms * t->nr_cores * sizeof(*t->core_pct));
	return 0;
}

static const struct fio_latency *busier(const struct fio_result *f)
{
	const struct fio_latency *l = f->latency;

	return l[FIO_WRITE].count > l[FIO_READ].count ? &l[FIO_WRITE] : &l[FIO_READ];
}

void table_put(struct table *t, unsigned int arm, const struct cell *c)
{
	const struct fio_latency *l = busier(&c->saturation.fio);
	size_t at = (size_t)t->nr_rounds * t->nr_arms + arm;
	const double value[COLUMN_NR] = {
		[COLUMN_IOPS] = pass_iops(&c->saturation),
		[COLUMN_NS_PER_IO] = pass_cpu_ns_per_io(&c->fixed),
		[COLUMN_MEAN_NS] = l->mean_ns,
		[COLUMN_P50_NS] = (double)l->p50_ns,
		[COLUMN_P90_NS] = (double)l->p90_ns,
		[COLUMN_P99_NS] = (double)l->p99_ns,
		[COLUMN_P999_NS] = (double)l->p999_ns,
		[COLUMN_MAX_NS] = (double)l->max_ns,
	};

	t->response[at] = cell_response(c);
	for (unsigned int i = 0; i < t->nr_cores; i++)
		t->core_pct[at * t->nr_cores + i] = i < c->nr_cores ? c->core_pct[i] : 0;
	for (int i = 0; i < COLUMN_NR; i++)
		t->column[i][at] = value[i];
}

struct series table_series(struct table *t, unsigned int off, unsigned int twin)
{
	for (size_t i = 0; i < (size_t)t->nr_rounds * t->nr_arms; i++)
		t->response[i].core_pct = &t->core_pct[i * t->nr_cores];
	return (struct series){
		.nr_rounds = t->nr_rounds,
		.nr_arms = t->nr_arms,
		.nr_cores = t->nr_cores,
		.off = off,
		.twin = twin,
		.at = t->response,
	};
}

double table_value(const struct table *t, enum column c, unsigned int round, unsigned int arm)
{
	return t->column[c][(size_t)round * t->nr_arms + arm];
}

double table_median(const struct table *t, enum column c, unsigned int arm)
{
	double v[STAT_MAX_N];

	for (unsigned int i = 0; i < t->nr_rounds && i < STAT_MAX_N; i++)
		v[i] = table_value(t, c, i, arm);
	return stat_median(v, t->nr_rounds);
}

double table_difference(const struct table *t, enum column c, unsigned int arm, unsigned int off)
{
	struct interval r = { 0 };
	double d[STAT_MAX_N];

	for (unsigned int i = 0; i < t->nr_rounds && i < STAT_MAX_N; i++)
		d[i] = table_value(t, c, i, arm) - table_value(t, c, i, off);
	stat_hodges_lehmann(d, t->nr_rounds, SINGLE_LOOK_ALPHA, &r);
	return r.estimate;
}

void table_free(struct table *t)
{
	free(t->response);
	free(t->core_pct);
	for (int c = 0; c < COLUMN_NR; c++)
		free(t->column[c]);
	*t = (struct table){ 0 };
}
