/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The statistics of the gate: pure functions of numbers, nothing else.
 *
 * A sample is one difference per round (arm minus the one `off` cell of the
 * same round). Location is the Hodges-Lehmann estimate, the median of the
 * Walsh averages (d_i + d_j) / 2, i <= j; bounds are order statistics of the
 * same averages whose error rate is the exact null distribution of Wilcoxon's
 * signed rank. Both need only that a difference is symmetric about its centre,
 * which the random order inside a round gives.
 */
#ifndef BENCH_STAT_H
#define BENCH_STAT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define STAT_MAX_N 64 /* rounds; the Walsh averages live on the stack */

struct interval {
	double estimate;
	double lower, upper; /* -INFINITY, INFINITY where no bound exists at this n */
};

/*
 * Index q of the bounds W[q] and W[M-1-q] among the M = n(n+1)/2 sorted Walsh
 * averages: the largest q with P(T <= q) <= alpha, T the signed rank under the
 * null. -1 when even q = 0 errs too often (n too small).
 */
int stat_rank_q(unsigned int n, double alpha);

/* alpha is one-sided, for each bound. -EINVAL: n is 0 or over STAT_MAX_N. */
int stat_hodges_lehmann(const double *d, unsigned int n, double alpha, struct interval *ret);

/*
 * Two samples that are not paired: the median of all differences b_j - a_i, and
 * the order statistics of the same differences whose error is that of the exact
 * null distribution of Mann and Whitney's U. -EINVAL as above, -ENOMEM.
 */
int stat_shift(const double *a, unsigned int n, const double *b, unsigned int m, double alpha,
	       struct interval *ret);
/* The index of its bounds: the largest q with P(U <= q) <= alpha, or -1. */
int stat_rank_sum_q(unsigned int n, unsigned int m, double alpha);

/* First-order autocorrelation; 0 for n < 3 or a constant series. */
double stat_lag1(const double *d, unsigned int n);

double stat_mean(const double *d, unsigned int n);
/* Bessel-corrected; 0 for n < 2. */
double stat_sd(const double *d, unsigned int n);
double stat_median(const double *d, unsigned int n);

/*
 * Simultaneous lower bounds for @k means (cores) from @n rounds, by @flips
 * joint sign flips of the centred vectors (max-T): the family errs with at
 * most alpha. d[i * k + c] is core c in round i. Returns the largest bound and
 * its core, or -EINVAL.
 */
int stat_max_t_lower(const double *d, unsigned int n, unsigned int k, double alpha,
		     unsigned int flips, uint64_t seed, double *ret_lower, unsigned int *ret_core);

/*
 * Rounds that a decision will take when the spread is @sd and the estimate is
 * @gap away from the margin (power .9): 11 at sd/gap = 1, 36 at 2.
 */
unsigned int stat_rounds_needed(double sd, double gap);

/* splitmix64: one word of state, any seed is good. */
struct rng {
	uint64_t state;
};

uint64_t rng_next(struct rng *r);
/* Uniform in [0, n), without modulo bias. */
uint64_t rng_below(struct rng *r, uint64_t n);
double rng_uniform(struct rng *r);
double rng_normal(struct rng *r);
/* Fisher-Yates. */
void rng_shuffle(struct rng *r, unsigned int *v, size_t n);

#endif
