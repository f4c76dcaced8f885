/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "uring-hist.h"

#include <math.h>

/* Values below 2 * HIST_SUB have a bucket each. */
static unsigned int bucket_of(uint64_t v)
{
	unsigned int shift;

	if (v < HIST_SUB)
		return (unsigned int)v;
	shift = 63 - (unsigned int)__builtin_clzll(v) - HIST_SUB_BITS;
	return shift * HIST_SUB + (unsigned int)(v >> shift);
}

uint64_t hist_bucket_end(unsigned int i)
{
	unsigned int shift = i < 2 * HIST_SUB ? 0 : i / HIST_SUB - 1;
	uint64_t first = (uint64_t)(i - shift * HIST_SUB) << shift;

	return first + ((1ull << shift) - 1);
}

void hist_add(struct hist *h, uint64_t ns)
{
	if (!h->count || ns < h->min_ns)
		h->min_ns = ns;
	if (ns > h->max_ns)
		h->max_ns = ns;
	h->count++;
	h->sum_ns += (double)ns;
	h->bucket[bucket_of(ns)]++;
}

void hist_merge(struct hist *into, const struct hist *h)
{
	if (!h->count)
		return;
	if (!into->count || h->min_ns < into->min_ns)
		into->min_ns = h->min_ns;
	if (h->max_ns > into->max_ns)
		into->max_ns = h->max_ns;
	into->count += h->count;
	into->sum_ns += h->sum_ns;
	for (unsigned int i = 0; i < HIST_BUCKETS; i++)
		into->bucket[i] += h->bucket[i];
}

double hist_mean_ns(const struct hist *h)
{
	return h->count ? h->sum_ns / (double)h->count : 0;
}

uint64_t hist_percentile_ns(const struct hist *h, double share)
{
	double exact = ceil(share * (double)h->count * (1 - 1e-12)); /* .07 * 100 is a little more than 7 */
	uint64_t rank = exact < 1 ? 1 : (uint64_t)exact, seen = 0;

	for (unsigned int i = 0; i < HIST_BUCKETS; i++) {
		seen += h->bucket[i];
		if (seen >= rank)
			return hist_bucket_end(i) < h->max_ns ? hist_bucket_end(i) : h->max_ns;
	}
	return h->max_ns;
}
