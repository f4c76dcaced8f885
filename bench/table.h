/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The answers of the complete rounds of one phase: a row per round, a column per arm. */
#ifndef BENCH_TABLE_H
#define BENCH_TABLE_H

#include "bench/cell.h"
#include "bench/verdict.h"

/* Reported, not judged. Latencies are those of the saturation pass's busier direction. */
enum column {
	COLUMN_IOPS,		/* at saturation */
	COLUMN_NS_PER_IO,	/* CPU time of the machine, at the fixed rate */
	COLUMN_MEAN_NS,
	COLUMN_P50_NS,
	COLUMN_P90_NS,
	COLUMN_P99_NS,
	COLUMN_P999_NS,
	COLUMN_MAX_NS,
	COLUMN_NR,
};

struct table {
	unsigned int nr_rounds, nr_arms, nr_cores;
	struct response *response;	/* [round * nr_arms + arm] */
	double *core_pct;		/* nr_cores per response */
	double *column[COLUMN_NR];	/* like response; NAN where an arm took no part */
};

/* Room for one more row; it counts when the caller adds to nr_rounds. -ENOMEM. */
int table_grow(struct table *t);
/* Into the row after the last. An arm that takes no part is left unset. */
void table_put(struct table *t, unsigned int arm, const struct cell *c);
/* Valid until the table grows. */
struct series table_series(struct table *t, unsigned int off, unsigned int twin);
double table_value(const struct table *t, enum column c, unsigned int round, unsigned int arm);
/* The arm's median; its Hodges-Lehmann difference from @off. */
double table_median(const struct table *t, enum column c, unsigned int arm);
double table_difference(const struct table *t, enum column c, unsigned int arm, unsigned int off);
void table_free(struct table *t);

#endif
