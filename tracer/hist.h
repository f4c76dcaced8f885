/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Latency histogram: log-linear, layout of bpf/wire.h.
 *
 * Count and sum are exact. A percentile is the middle of the bucket that holds
 * it, hence at most 6.25 % off (exact below 16 ns), and never above the
 * maximum. Pure: no I/O, no allocation. Not thread safe.
 */
#ifndef IOPATH_HIST_H
#define IOPATH_HIST_H

#include "bpf/wire.h"

struct hist {
	u64 count;
	u64 sum_ns;
	u64 max_ns;
	u64 n[HIST_BUCKETS];
};

u64 hist_bucket_low(u32 bucket);
/* Largest value of the bucket. */
u64 hist_bucket_high(u32 bucket);

void hist_add(struct hist *h, u64 ns);
void hist_merge(struct hist *h, const struct hist *other);

/*
 * Take in what one shard counted since @prev (its buckets as read last time,
 * 32-bit and wrapping; updated). A maximum that lost a race in the kernel is
 * mended from the topmost bucket that filled.
 */
void hist_absorb(struct hist *h, const struct iop_hist *shard, struct iop_hist *prev);

/* now - before, for the figures of an interval; the maximum is then a bound. */
void hist_since(struct hist *ret, const struct hist *now, const struct hist *before);

u64 hist_mean(const struct hist *h);
/* @p in (0, 100]; 0 for an empty histogram: ask count first. */
u64 hist_percentile(const struct hist *h, double p);

#endif
