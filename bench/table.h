/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The answers of the complete rounds of one phase: a row per round, a column per arm. */
#ifndef BENCH_TABLE_H
#define BENCH_TABLE_H

#include "bench/cell.h"
#include "bench/verdict.h"

/* Reported, not judged. Latencies are those of the saturation pass, of the table's operation. */
enum column {
	COLUMN_IOPS,		/* at saturation */
	COLUMN_NS_PER_IO,	/* CPU time of the machine, at the fixed rate */
	COLUMN_P50_NS,
	COLUMN_P90_NS,
	COLUMN_P99_NS,
	COLUMN_P999_NS,
	COLUMN_NS_PER_IO_LOW,	/* CPU time of the machine, at the low rate */
	COLUMN_NS_PER_IO_FULL,	/* at saturation */
	/* per I/O at the fixed rate; NAN where it was not measured */
	COLUMN_WORKLOAD_USER_NS,
	COLUMN_WORKLOAD_SYSTEM_NS,
	COLUMN_TRACER_NS,
	COLUMN_KTHREADS_NS,
	COLUMN_CYCLES,
	COLUMN_INSTRUCTIONS,
	COLUMN_ENERGY_NJ,
	/* 1 or 0: flags of the passes that are judged; busy time is by the kernel's idle stamps, not ticks */
	COLUMN_UNSTEADY,
	COLUMN_UEVENTS,
	COLUMN_RATE_MISSED,
	COLUMN_STAMPED,
	COLUMN_NR,
};

/* Who used the CPU time of a core, by ticks; at the fixed rate. */
enum core_kind { KIND_USER, KIND_SYSTEM, KIND_IRQ, KIND_SOFTIRQ, KIND_STEAL, KIND_NR };

struct table {
	unsigned int nr_rounds, nr_arms, nr_cores;
	struct response *response;	/* [round * nr_arms + arm] */
	unsigned int *core_id;		/* nr_cores: the kernel's numbers, which have gaps where cores are off line */
	double *core_pct;		/* nr_cores per response */
	float *kind_pct;		/* nr_cores x KIND_NR per response */
	double *column[COLUMN_NR];	/* like response; NAN where an arm took no part; none of latencies */
	struct table_latency *latency;	/* like response, of FIO_READ and FIO_WRITE each */
	enum fio_op op;		/* whose latencies are told; one for all cells: reads and writes are not compared */
};

/* Room for one more row; it counts when the caller adds to nr_rounds. -ENOMEM. */
int table_grow(struct table *t);
/* Into the row after the last. An arm that takes no part is left unset. */
void table_put(struct table *t, unsigned int arm, const struct cell *c);
/* What there is more of in the rounds of @off; reads where a mix has about as many. */
enum fio_op table_busier(const struct table *t, unsigned int off);
/* Valid until the table grows. */
struct series table_series(struct table *t, unsigned int off, unsigned int twin);
double table_value(const struct table *t, enum column c, unsigned int round, unsigned int arm);
/* Rounds of the arm; those with a 1. */
unsigned int table_rounds(const struct table *t, unsigned int arm);
unsigned int table_count(const struct table *t, enum column c, unsigned int arm);
/* The arm's own Hodges-Lehmann estimate with one-sided bounds. -ENODATA: no rounds. */
int table_level(const struct table *t, enum column c, unsigned int arm, double alpha, struct interval *ret);
/* The arm's median; its Hodges-Lehmann difference from @off. */
double table_median(const struct table *t, enum column c, unsigned int arm);
double table_difference(const struct table *t, enum column c, unsigned int arm, unsigned int off);
/* The arm's mean over its rounds, percent of the core at that position; -1: of the machine. NAN without rounds. */
double table_kind(const struct table *t, enum core_kind k, unsigned int arm, int core);
/* Busy time alike: that which is judged. */
double table_busy(const struct table *t, unsigned int arm, int core);
/* How much more than @off, percent, as the gate does it: from log ratios within a round. -ENODATA: nowhere in both. */
int table_more_pct(const struct table *t, enum column c, unsigned int arm, unsigned int off, double alpha,
		   struct interval *ret);
void table_free(struct table *t);

#endif
