/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "table.h"

#include <errno.h>
#include <stdlib.h>

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
	size_t n = (size_t)(t->nr_rounds + 1) * t->nr_arms;

	if (resize((void **)&t->response, n * sizeof(*t->response)) ||
	    resize((void **)&t->core_pct, n * t->nr_cores * sizeof(*t->core_pct)) ||
	    resize((void **)&t->ns_per_io, n * sizeof(*t->ns_per_io)) ||
	    resize((void **)&t->p99_ns, n * sizeof(*t->p99_ns)))
		return -ENOMEM;
	return 0;
}

static double busiest_p99(const struct fio_result *f)
{
	const struct fio_latency *l = f->latency;

	return (double)(l[FIO_WRITE].count > l[FIO_READ].count ? l[FIO_WRITE].p99_ns :
								  l[FIO_READ].p99_ns);
}

void table_put(struct table *t, unsigned int arm, const struct cell *c)
{
	size_t at = (size_t)t->nr_rounds * t->nr_arms + arm;

	t->response[at] = cell_response(c);
	for (unsigned int i = 0; i < t->nr_cores; i++)
		t->core_pct[at * t->nr_cores + i] = i < c->nr_cores ? c->core_pct[i] : 0;
	t->ns_per_io[at] = pass_cpu_ns_per_io(&c->fixed);
	t->p99_ns[at] = busiest_p99(&c->saturation.fio);
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

double table_median(const struct table *t, const double *v, unsigned int arm)
{
	double column[STAT_MAX_N];

	for (unsigned int i = 0; i < t->nr_rounds && i < STAT_MAX_N; i++)
		column[i] = v[i * t->nr_arms + arm];
	return stat_median(column, t->nr_rounds);
}

double table_difference(const struct table *t, const double *v, unsigned int arm, unsigned int off)
{
	struct interval r = { 0 };
	double d[STAT_MAX_N];

	for (unsigned int i = 0; i < t->nr_rounds && i < STAT_MAX_N; i++)
		d[i] = v[i * t->nr_arms + arm] - v[i * t->nr_arms + off];
	stat_hodges_lehmann(d, t->nr_rounds, SINGLE_LOOK_ALPHA, &r);
	return r.estimate;
}

void table_free(struct table *t)
{
	free(t->response);
	free(t->core_pct);
	free(t->ns_per_io);
	free(t->p99_ns);
	*t = (struct table){ 0 };
}
