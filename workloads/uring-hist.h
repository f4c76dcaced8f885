/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A log-linear histogram of durations: 64 buckets per power of two, so that a
 * percentile is never below the true value and at most 1.6 % above it. Count,
 * sum, minimum and maximum are exact. One writer at a time.
 */
#ifndef URING_HIST_H
#define URING_HIST_H

#include <stdint.h>

#define HIST_SUB_BITS 6
#define HIST_SUB (1 << HIST_SUB_BITS)
#define HIST_BUCKETS ((64 - HIST_SUB_BITS + 1) * HIST_SUB)

struct hist {
	uint64_t count;
	double sum_ns;		/* exact up to 2^53 ns, 104 days of waiting */
	uint64_t min_ns, max_ns;
	uint64_t bucket[HIST_BUCKETS];
};

/* The largest value of bucket @i. */
uint64_t hist_bucket_end(unsigned int i);
void hist_add(struct hist *h, uint64_t ns);
void hist_merge(struct hist *into, const struct hist *h);
double hist_mean_ns(const struct hist *h); /* 0 when empty */
/*
 * The value that @share (0 to 1) of all values do not exceed, as the upper end of its
 * bucket, and never above the maximum. 0 when empty.
 */
uint64_t hist_percentile_ns(const struct hist *h, double share);

#endif
