/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The answers of the complete rounds of one phase: a row per round, a column per arm. */
#ifndef BENCH_TABLE_H
#define BENCH_TABLE_H

#include "bench/cell.h"
#include "bench/verdict.h"

struct table {
	unsigned int nr_rounds, nr_arms, nr_cores;
	struct response *response;	/* [round * nr_arms + arm] */
	double *core_pct;		/* nr_cores per response */
	double *ns_per_io, *p99_ns;	/* like response; reported, not judged */
};

/* Room for one more row; it counts when the caller adds to nr_rounds. -ENOMEM. */
int table_grow(struct table *t);
/* Into the row after the last. An arm that takes no part is left unset. */
void table_put(struct table *t, unsigned int arm, const struct cell *c);
/* Valid until the table grows. */
struct series table_series(struct table *t, unsigned int off, unsigned int twin);
/* Of ns_per_io or p99_ns: the arm's median; its Hodges-Lehmann difference from @off. */
double table_median(const struct table *t, const double *v, unsigned int arm);
double table_difference(const struct table *t, const double *v, unsigned int arm, unsigned int off);
void table_free(struct table *t);

#endif
