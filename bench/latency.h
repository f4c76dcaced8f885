/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How long I/Os took: how many by value, ascending. The values are those of the writer's buckets; both of ours have 64 per power of two. */
#ifndef BENCH_LATENCY_H
#define BENCH_LATENCY_H

#include <jansson.h>
#include <stdint.h>

#include "bench/reader.h"

struct latency_bin {
	uint64_t ns, n;
};

struct latency_bins {
	unsigned int nr;
	struct latency_bin *bin;
};

/* -ENOMEM. */
int latency_bins_add(struct latency_bins *b, uint64_t ns, uint64_t n);
int latency_bins_merge(struct latency_bins *into, const struct latency_bins *from);
void latency_bins_free(struct latency_bins *b);

uint64_t latency_bins_count(const struct latency_bins *b);
/* The lowest value that @share of all do not exceed; 0 when empty. */
uint64_t latency_bins_quantile(const struct latency_bins *b, double share);

/* [value, count, value, count, ...] */
json_t *latency_bins_json(const struct latency_bins *b);
/* Member "bins" of @o, which has @count in all; none where there is no such member. */
void latency_bins_get(struct reader *r, const json_t *o, uint64_t count, struct latency_bins *ret);

#endif
