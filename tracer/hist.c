/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "hist.h"

#include <math.h>
#include <string.h>

u64 hist_bucket_low(u32 bucket)
{
	u32 e;

	if (bucket < HIST_SUB)
		return bucket;
	e = bucket / HIST_SUB + HIST_SUB_BITS - 1;
	return (1ull << e) + (u64)(bucket % HIST_SUB) * (1ull << (e - HIST_SUB_BITS));
}

u64 hist_bucket_high(u32 bucket)
{
	return bucket + 1 < HIST_BUCKETS ? hist_bucket_low(bucket + 1) - 1 : UINT64_MAX;
}

void hist_add(struct hist *h, u64 ns)
{
	h->count++;
	h->sum_ns += ns;
	h->n[iop_hist_bucket(ns)]++;
	if (ns > h->max_ns)
		h->max_ns = ns;
}

void hist_merge(struct hist *h, const struct hist *other)
{
	h->count += other->count;
	h->sum_ns += other->sum_ns;
	for (u32 b = 0; b < HIST_BUCKETS; b++)
		h->n[b] += other->n[b];
	if (other->max_ns > h->max_ns)
		h->max_ns = other->max_ns;
}

void hist_absorb(struct hist *h, const struct iop_hist *shard, struct iop_hist *prev)
{
	u32 top = 0;

	for (u32 b = 0; b < HIST_BUCKETS; b++) {
		u32 now = __atomic_load_n(&shard->n[b], __ATOMIC_RELAXED);
		u32 more = now - prev->n[b];

		prev->n[b] = now;
		h->n[b] += more;
		h->count += more;
		if (more)
			top = b;
	}
	u64 sum = __atomic_load_n(&shard->sum_ns, __ATOMIC_RELAXED);
	u64 max = __atomic_load_n(&shard->max_ns, __ATOMIC_RELAXED);

	h->sum_ns += sum - prev->sum_ns;
	prev->sum_ns = sum;
	if (top && max < hist_bucket_low(top))
		max = hist_bucket_low(top);
	if (max > h->max_ns)
		h->max_ns = max;
}

void hist_since(struct hist *ret, const struct hist *now, const struct hist *before)
{
	u32 top = 0;

	ret->count = now->count - before->count;
	ret->sum_ns = now->sum_ns - before->sum_ns;
	for (u32 b = 0; b < HIST_BUCKETS; b++) {
		ret->n[b] = now->n[b] - before->n[b];
		if (ret->n[b])
			top = b;
	}
	ret->max_ns = hist_bucket_high(top);
	if (now->max_ns < ret->max_ns)
		ret->max_ns = now->max_ns;
	if (!ret->count)
		ret->max_ns = 0;
}

u64 hist_mean(const struct hist *h)
{
	return h->count ? h->sum_ns / h->count : 0;
}

u64 hist_percentile(const struct hist *h, double p)
{
	u64 rank = (u64)ceil((double)h->count * p / 100), seen = 0;

	if (!h->count)
		return 0;
	if (rank < 1)
		rank = 1;
	for (u32 b = 0; b < HIST_BUCKETS; b++) {
		u64 mid;

		seen += h->n[b];
		if (seen < rank)
			continue;
		mid = b + 1 < HIST_BUCKETS ?
			      hist_bucket_low(b) + (hist_bucket_high(b) - hist_bucket_low(b)) / 2 :
			      h->max_ns;
		return mid < h->max_ns ? mid : h->max_ns;
	}
	return h->max_ns;
}
