/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <math.h>
#include <stdlib.h>

#include "tracer/base/test.h"
#include "tracer/hist.h"
#include "tracer/stats.h"

static u64 rng = 88172645463325252ull;

static u64 next_random(void)
{
	rng ^= rng << 13;
	rng ^= rng >> 7;
	return rng ^= rng << 17;
}

TEST(buckets_tile_the_range)
{
	for (u32 b = 0; b + 1 < HIST_BUCKETS; b++) {
		u64 lo = hist_bucket_low(b), hi = hist_bucket_high(b);

		ASSERT_TRUE(lo <= hi);
		ASSERT_EQ(hist_bucket_low(b + 1), hi + 1);
		ASSERT_EQ(iop_hist_bucket(lo), b);
		ASSERT_EQ(iop_hist_bucket(hi), b);
		/* the stated width: at most 1/8 of the lower bound */
		ASSERT_TRUE(lo < HIST_SUB || (hi - lo + 1) * HIST_SUB <= lo);
	}
	ASSERT_EQ(iop_hist_bucket(1ull << HIST_MAX_EXP), HIST_BUCKETS - 1);
	ASSERT_EQ(iop_hist_bucket(UINT64_MAX), HIST_BUCKETS - 1);
}

static int by_value(const void *a, const void *b)
{
	u64 x = *(const u64 *)a, y = *(const u64 *)b;

	return x < y ? -1 : x > y;
}

TEST(percentiles_are_within_the_bound)
{
	static const double ps[] = { 1, 25, 50, 90, 99, 99.9, 100 };
	enum { N = 20011 };
	static u64 v[N];
	static struct hist h;

	for (int round = 0; round < 20; round++) {
		u64 sum = 0;

		memset(&h, 0, sizeof(h));
		for (int i = 0; i < N; i++) {
			/* seven decades, evenly in the logarithm */
			v[i] = (u64)exp((double)(next_random() % 1000000) / 1e6 * 16) + 1;
			sum += v[i];
			hist_add(&h, v[i]);
		}
		qsort(v, N, sizeof(v[0]), by_value);
		ASSERT_EQ(h.count, N);
		ASSERT_EQ(h.sum_ns, sum);
		ASSERT_EQ(h.max_ns, v[N - 1]);
		for (size_t i = 0; i < sizeof(ps) / sizeof(ps[0]); i++) {
			u64 want = v[(size_t)ceil(N * ps[i] / 100) - 1];
			u64 got = hist_percentile(&h, ps[i]);
			double off = fabs((double)got - (double)want) / (double)want;

			if (off > 0.0625)
				printf("    p%g: %llu, exactly %llu\n", ps[i],
				       (unsigned long long)got, (unsigned long long)want);
			ASSERT_TRUE(off <= 0.0625);
		}
	}
}

TEST(empty_and_single)
{
	static struct hist h;

	ASSERT_EQ(hist_percentile(&h, 99), 0);
	ASSERT_EQ(hist_mean(&h), 0);
	hist_add(&h, 12345);
	ASSERT_EQ(hist_percentile(&h, 0.001), hist_percentile(&h, 100));
	ASSERT_TRUE(hist_percentile(&h, 50) <= h.max_ns);
}

/* Shards' 32-bit buckets wrap; what is added up does not. */
TEST(absorbing_survives_a_wrap)
{
	static struct hist h;
	static struct iop_hist shard, prev;

	shard.n[10] = prev.n[10] = UINT32_MAX - 2;
	shard.sum_ns = prev.sum_ns = 1000;
	shard.n[10] += 7;
	shard.sum_ns += 70;
	shard.max_ns = 10;
	hist_absorb(&h, &shard, &prev);
	ASSERT_EQ(h.count, 7);
	ASSERT_EQ(h.sum_ns, 70);
	hist_absorb(&h, &shard, &prev);
	ASSERT_EQ(h.count, 7);
}

/* The maximum is not updated atomically; a lost race shows as a bucket above it. */
TEST(a_lost_maximum_is_mended)
{
	static struct hist h;
	static struct iop_hist shard, prev;

	shard.n[50] = 1;
	shard.sum_ns = hist_bucket_low(50);
	shard.max_ns = 3;
	hist_absorb(&h, &shard, &prev);
	ASSERT_EQ(h.max_ns, hist_bucket_low(50));
}

TEST(interval_is_the_difference)
{
	static struct hist before, now, d;

	hist_add(&before, 5000000);
	now = before;
	hist_add(&now, 100);
	hist_add(&now, 200);
	hist_since(&d, &now, &before);
	ASSERT_EQ(d.count, 2);
	ASSERT_EQ(d.sum_ns, 300);
	/* the interval's own maximum: known to its bucket */
	ASSERT_TRUE(d.max_ns >= 200 && d.max_ns < 226);
}

TEST(rows_of_one_device_are_merged)
{
	static struct stats now, view;
	struct stats_row *a = stats_row(&now, 0), *b = stats_row(&now, 1), *c = stats_row(&now, 2);

	a->id = b->id = (struct iop_row_id){ 7 << 20, BOP_READ };
	c->id = (struct iop_row_id){ 8 << 20, BOP_READ };
	a->c.count = 3;
	b->c.count = 4;
	c->c.count = 5;
	hist_add(&a->h[0], 10);
	hist_add(&b->h[0], 20);
	ASSERT_EQ(stats_since(&view, &now, NULL), 0);
	ASSERT_EQ(view.rows[0]->c.count, 7);
	ASSERT_EQ(view.rows[0]->h[0].count, 2);
	ASSERT_TRUE(!view.rows[1]);
	ASSERT_EQ(view.rows[2]->c.count, 5);
	/* rows of the view are used again */
	ASSERT_EQ(stats_since(&view, &now, &now), 0);
	ASSERT_EQ(view.rows[0]->c.count, 0);
	stats_free(&now);
	stats_free(&view);
}

TEST_MAIN("hist", T(buckets_tile_the_range), T(percentiles_are_within_the_bound),
	  T(empty_and_single), T(absorbing_survives_a_wrap), T(a_lost_maximum_is_mended),
	  T(interval_is_the_difference), T(rows_of_one_device_are_merged))
