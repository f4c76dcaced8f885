/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * From the cells of one set (workload x device x scheduler) to verdicts.
 * Pure: nothing here reads a clock, a file or a random device.
 *
 * The burden of proof is on the tracer: PASS needs the whole interval on the
 * good side of the margin, FAIL the whole interval beyond it, and where the A/A
 * interval is wide beyond that too. While the A/A
 * twin (off2 against off) shows a difference, or successive rounds depend on
 * each other, nothing is decided; at the last look that is INVALID. So is what
 * is undecided then where the A/A interval is wide; it keeps no PASS back.
 */
#ifndef BENCH_VERDICT_H
#define BENCH_VERDICT_H

#include <stdbool.h>
#include <stdint.h>

#include "bench/stat.h"

enum metric {
	METRIC_THROUGHPUT,	/* loss at saturation, percent */
	METRIC_CPU_PER_IO,	/* growth at the fixed rate, percent */
	METRIC_SYSTEM_CPU,	/* system + irq + softirq of the machine, percentage points */
	METRIC_WORST_CORE,	/* busy time of one core, percentage points */
	METRIC_P99,		/* growth of the latency at saturation, percent; judged only on request */
	METRIC_NR,
};

enum verdict {
	VERDICT_UNDECIDED,	/* more rounds to come; never in a report */
	VERDICT_PASS,
	VERDICT_FAIL,
	VERDICT_INCONCLUSIVE,
	VERDICT_INVALID,
};

const char *metric_name(enum metric m);	   /* "throughput_loss_pct" */
const char *verdict_name(enum verdict v);  /* "PASS" */
/* -1 when @name is none. */
int metric_by_name(const char *name);
int verdict_by_name(const char *name);

/* What one cell answered. */
struct response {
	double ln_throughput;	/* ln(I/Os per second), saturation pass */
	double ln_cpu_per_io;	/* ln(busy ns per I/O over all CPUs), fixed-rate pass */
	double system_pct;	/* of the whole machine, fixed-rate pass */
	const double *core_pct;	/* busy, per core, fixed-rate pass */
	double ln_p99;		/* ln(ns), saturation pass; not finite: the load tells none */
};

/* Complete rounds only: at[round * nr_arms + arm]. */
struct series {
	unsigned int nr_rounds, nr_arms, nr_cores;
	const unsigned int *core_id;	/* nr_cores */
	unsigned int off, twin;		/* arm indexes */
	const struct response *at;
};

struct rule {
	double budget;		/* percent, and percentage points */
	double p99_budget;	/* percent, of METRIC_P99 */
	double alpha;		/* one-sided, per look */
	double twin_alpha;	/* two-sided, for the A/A twin */
	double twin_half_width;	/* the widest A/A interval that still tells something, pp */
	double max_lag1;
	unsigned int flips;	/* sign flips of the max-T bound */
	uint64_t seed;
};

struct decision {
	enum verdict verdict;
	struct interval loss;	/* percent or pp, positive is cost */
	double lag1;
	int core;		/* METRIC_WORST_CORE: which, else -1 */
	unsigned int rounds;
	unsigned int rounds_needed; /* estimate of the total, when undecided, else 0 */
	const char *reason;	/* a clause, or NULL */
};

extern const struct rule rule_default;

/* One-sided error of the bounds when the data are looked at once. */
#define SINGLE_LOOK_ALPHA .05

#define P99_BUDGET_MAX 10000

/* @arm may be the twin itself: then the question is the noise of the machine. */
int verdict_decide(const struct series *s, unsigned int arm, enum metric m, const struct rule *rule,
		   bool last_look, struct decision *ret);

/* Rounds at which the data are looked at; the rest is not peeking. */
struct rounds {
	unsigned int min, max;
};

/* "8:32" or "8"; -EINVAL, -ERANGE (1 <= min <= max <= 32). */
int rounds_parse(const char *s, struct rounds *ret);
/* The first look after @done rounds; 0 when there is none. */
unsigned int rounds_next_look(const struct rounds *r, unsigned int done);
unsigned int rounds_nr_looks(const struct rounds *r);
/* One-sided error per look that keeps the whole at .05. */
double rounds_alpha(const struct rounds *r);

/* FAIL over INVALID over INCONCLUSIVE over PASS. */
enum verdict verdict_worse(enum verdict a, enum verdict b);
int verdict_exit(enum verdict v);

#endif
