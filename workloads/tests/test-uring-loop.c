/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The generator's arithmetic, and its loops against a device and a clock that
 * are made up: one server, so that every completion can be computed.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tracer/base/cleanup.h"
#include "tracer/base/test.h"
#include "workloads/uring-loop.h"

#define US 1000ull
#define MS 1000000ull
#define S 1000000000ull

/* ---- histogram ---- */

TEST(percentiles_are_at_most_1_6_percent_too_high)
{
	static const double shares[] = { .001, .01, .25, .5, .9, .99, .999, .9999, 1 };
	struct hist *h = calloc(1, sizeof(*h));
	const uint64_t n = 100000;

	for (uint64_t i = 1; i <= n; i++)
		hist_add(h, i * 977);
	ASSERT_EQ(h->count, n);
	ASSERT_EQ(h->min_ns, 977);
	ASSERT_EQ(h->max_ns, n * 977);
	ASSERT_TRUE(hist_mean_ns(h) == (double)(n + 1) / 2 * 977);
	for (size_t i = 0; i < ARRAY_SIZE(shares); i++) {
		double exact = shares[i] * (double)n * 977, got = (double)hist_percentile_ns(h, shares[i]);

		ASSERT_TRUE(got >= exact && got <= exact * (1 + 1. / HIST_SUB));
	}
	free(h);
}

TEST(buckets_hold_every_value)
{
	struct hist *h = calloc(1, sizeof(*h));

	for (int bit = 0; bit < 64; bit++)
		for (int d = -1; d <= 1; d++) {
			uint64_t v = (1ull << bit) + (uint64_t)d;

			*h = (struct hist){ 0 };
			hist_add(h, v);
			ASSERT_TRUE(hist_percentile_ns(h, .5) == v);
			hist_add(h, UINT64_MAX); /* the bucket's end instead of the maximum */
			ASSERT_TRUE(hist_percentile_ns(h, .5) >= v && hist_percentile_ns(h, .5) - v <= v / HIST_SUB);
		}
	free(h);
}

TEST(small_values_and_nothing_are_exact)
{
	struct hist *h = calloc(2, sizeof(*h));

	ASSERT_EQ(hist_percentile_ns(h, .5), 0);
	ASSERT_TRUE(hist_mean_ns(h) == 0);
	for (uint64_t i = 0; i < 100; i++)
		hist_add(&h[i % 2], i);
	hist_merge(&h[0], &h[1]);
	ASSERT_EQ(h->count, 100);
	ASSERT_EQ(h->min_ns, 0);
	ASSERT_EQ(h->max_ns, 99);
	for (uint64_t i = 1; i <= 100; i++)
		ASSERT_EQ(hist_percentile_ns(h, (double)i / 100), i - 1);
	free(h);
}

/* ---- stream ---- */

static struct plan plan_of(uint64_t blocks)
{
	return (struct plan){ .block_bytes = 4096, .size_bytes = blocks * 4096, .jobs = 1, .depth = 1, .batch = 1,
			      .max_errors = UINT64_MAX, .seed = 1, .read_pct = 50 };
}

TEST(sequential_jobs_share_the_range_out)
{
	struct plan p = plan_of(10);
	bool seen[10] = { 0 };

	p.sequential = true;
	p.offset_bytes = 1 << 20;
	p.jobs = 3;
	for (uint64_t job = 0; job < 3; job++) {
		struct stream s;
		uint64_t mine = job < 2 ? 3 : 4, first = 0;

		stream_init(&s, &p, job);
		for (uint64_t i = 0; i <= mine; i++) {
			uint64_t block = (stream_next(&s).offset - p.offset_bytes) / 4096;

			if (!i)
				first = block;
			if (i == mine)
				ASSERT_EQ(block, first); /* round again */
			else
				ASSERT_TRUE(block < 10 && !seen[block]);
			seen[block] = true;
		}
	}
}

TEST(random_blocks_are_even_and_repeat_with_the_seed)
{
	struct plan p = plan_of(7);
	struct stream s, again, other;
	unsigned int hit[7] = { 0 }, differ = 0;

	stream_init(&s, &p, 0);
	stream_init(&again, &p, 0);
	stream_init(&other, &p, 1);
	for (int i = 0; i < 7000; i++) {
		uint64_t block = stream_next(&s).offset / 4096;

		ASSERT_EQ(stream_next(&again).offset / 4096, block);
		differ += stream_next(&other).offset / 4096 != block;
		if (block < 7)
			hit[block]++;
	}
	for (int i = 0; i < 7; i++) /* 1000 each; five standard deviations are 147 */
		ASSERT_TRUE(hit[i] > 850 && hit[i] < 1150);
	ASSERT_TRUE(differ > 5500);
}

TEST(the_mix_and_the_fsyncs_are_what_was_asked_for)
{
	struct plan p = plan_of(100);
	unsigned int n[OP_NR] = { 0 };
	struct stream s;

	p.mix = MIX_BOTH;
	p.read_pct = 70;
	p.fsync_every = 10;
	stream_init(&s, &p, 0);
	for (int i = 0; i < 10000; i++) {
		struct io io = stream_next(&s);

		n[io.op]++;
		ASSERT_EQ(stream_sync_due(&s), n[OP_WRITE] % 10 == 0 && n[OP_WRITE] && io.op == OP_WRITE);
	}
	ASSERT_EQ(n[OP_FSYNC], n[OP_WRITE] / 10);
	ASSERT_TRUE(n[OP_READ] > 6600 && n[OP_READ] < 7000); /* of the 9700 that are no fsyncs: 6800 */
}

/* ---- loops ---- */

#define SIM_MAX 4096

/* A device with one server: service_ns for each I/O, and it stands still from stall_ns to stall_end_ns. */
struct sim {
	uint64_t now_ns, free_ns, service_ns;
	uint64_t stall_ns, stall_end_ns;
	uint64_t bad_from;	/* offsets from here on fail with EIO, the odd blocks come back short */
	struct { struct slot *slot; uint64_t done_ns; } queue[SIM_MAX];
	uint64_t head, tail;
	unsigned int most, calls;
	int fail;
};

static uint64_t sim_now(void *port)
{
	return ((struct sim *)port)->now_ns;
}

static void sim_queue(void *port, struct slot *slot)
{
	struct sim *s = port;
	uint64_t begin = s->free_ns > s->now_ns ? s->free_ns : s->now_ns;

	if (begin >= s->stall_ns && begin < s->stall_end_ns)
		begin = s->stall_end_ns;
	s->free_ns = begin + s->service_ns;
	s->queue[s->tail % SIM_MAX].slot = slot;
	s->queue[s->tail++ % SIM_MAX].done_ns = s->free_ns;
	if (s->tail - s->head > s->most)
		s->most = (unsigned int)(s->tail - s->head);
}

static int sim_wait(void *port, unsigned int min, uint64_t until_ns)
{
	struct sim *s = port;
	uint64_t at = until_ns;

	s->calls++;
	if (s->fail)
		return -s->fail;
	if (min && min <= s->tail - s->head && s->queue[(s->head + min - 1) % SIM_MAX].done_ns < at)
		at = s->queue[(s->head + min - 1) % SIM_MAX].done_ns;
	if (at != UINT64_MAX && at > s->now_ns)
		s->now_ns = at;
	return 0;
}

static bool sim_reap(void *port, struct slot **ret, int64_t *ret_result)
{
	struct sim *s = port;
	struct slot *slot;

	if (s->head == s->tail || s->queue[s->head % SIM_MAX].done_ns > s->now_ns)
		return false;
	slot = s->queue[s->head++ % SIM_MAX].slot;
	*ret = slot;
	*ret_result = slot->io.bytes;
	if (s->bad_from && slot->io.offset >= s->bad_from)
		*ret_result = slot->io.offset / 4096 % 2 ? 512 : -EIO;
	return true;
}

static const struct loop_port sim_port = { sim_now, sim_queue, sim_wait, sim_reap };
static volatile int no_stop;

static struct loop_result *run_sim(struct sim *s, const struct plan *p)
{
	struct loop_result *r = malloc(sizeof(*r));
	struct loop *l = malloc(sizeof(*l));

	ASSERT_EQ(loop_init(l, p, 0, &sim_port, s, &no_stop), 0);
	ASSERT_EQ(loop_run(l, s->now_ns), 0);
	*r = l->result;
	r->interval = NULL;
	loop_finish(l);
	free(l);
	return r;
}

static struct sim stalled(void)
{
	/* starts at 7 s: nothing may depend on a clock that begins at 0 */
	return (struct sim){ .now_ns = 7 * S, .service_ns = 100 * US, .stall_ns = 7 * S + 50 * MS,
			     .stall_end_ns = 7 * S + 150 * MS };
}

/* What each of 1000 arrivals, one a millisecond, has to wait: computed without the generator. */
static void model(struct hist *h)
{
	uint64_t free_ns = 0;

	for (uint64_t k = 0; k < 1000; k++) {
		uint64_t due = k * MS, begin = free_ns > due ? free_ns : due;

		if (begin >= 50 * MS && begin < 150 * MS)
			begin = 150 * MS;
		free_ns = begin + 100 * US;
		hist_add(h, free_ns - due);
	}
}

TEST(an_open_loop_shows_what_waited_behind_a_stall)
{
	static const uint64_t depths[] = { 1, 4, 256 };
	struct hist *want = calloc(1, sizeof(*want));

	model(want);
	for (size_t i = 0; i < ARRAY_SIZE(depths); i++) {
		struct plan p = plan_of(64);
		struct sim s = stalled();
		struct loop_result *r;

		p.rate_iops = 1000;
		p.count = 1000;
		p.depth = depths[i];
		r = run_sim(&s, &p);
		/* the same whatever the depth: who could not be issued has waited too */
		ASSERT_TRUE(!memcmp(&r->op[OP_READ].latency, want, sizeof(*want)));
		ASSERT_EQ(r->op[OP_READ].latency.max_ns, 100 * MS + 100 * US);
		ASSERT_TRUE(hist_percentile_ns(&r->op[OP_READ].latency, .99) > 90 * MS);
		ASSERT_TRUE(hist_percentile_ns(&r->op[OP_READ].latency, .88) <= 102 * US);
		ASSERT_EQ(r->unissued, 0);
		if (p.depth == 1) { /* seen from the issue there was one slow I/O */
			ASSERT_TRUE(hist_percentile_ns(&r->op[OP_READ].service, .999) <= 102 * US);
			ASSERT_EQ(r->op[OP_READ].service.max_ns, 100 * MS + 100 * US);
		}
		free(r);
	}
	free(want);
}

TEST(a_closed_loop_does_not)
{
	struct plan p = plan_of(64);
	struct sim s = stalled();
	struct loop_result *r;

	p.count = 1000;
	r = run_sim(&s, &p);
	ASSERT_EQ(r->op[OP_READ].count, 1000);
	ASSERT_TRUE(hist_percentile_ns(&r->op[OP_READ].latency, .999) <= 102 * US);
	ASSERT_EQ(r->op[OP_READ].latency.max_ns, 100 * MS + 100 * US);
	ASSERT_EQ(r->op[OP_READ].service.count, 0);
	ASSERT_EQ(r->end_ns - 7 * S, 1000 * 100 * US + 100 * MS);
	free(r);
}

TEST(arrivals_do_not_drift)
{
	struct plan p = plan_of(64);

	p.rate_iops = 30000;
	p.jobs = 3;
	p.batch = 2;
	ASSERT_EQ(loop_due_ns(&p, 0, 0), 0);
	ASSERT_EQ(loop_due_ns(&p, 0, 1), 0);		/* of the same batch */
	ASSERT_EQ(loop_due_ns(&p, 1, 0), 66666);	/* the jobs take turns */
	ASSERT_EQ(loop_due_ns(&p, 0, 2), 200 * US);
	ASSERT_EQ(loop_due_ns(&p, 0, 10000ull * 86400), 86400 * S); /* a day on */
}

TEST(an_overloaded_open_loop_says_what_it_left_out)
{
	struct plan p = plan_of(64);
	struct sim s = { .now_ns = 7 * S, .service_ns = MS };
	struct loop_result *r;

	p.rate_iops = 2000; /* twice what the device does */
	p.runtime_ns = S;
	p.depth = 8;
	r = run_sim(&s, &p);
	ASSERT_EQ(r->op[OP_READ].count + r->unissued, 2000);
	ASSERT_TRUE(r->op[OP_READ].count >= 1000 && r->op[OP_READ].count <= 1008);
	ASSERT_TRUE(r->op[OP_READ].latency.max_ns > 495 * MS);
	ASSERT_TRUE(r->op[OP_READ].service.max_ns <= 8 * MS);
	free(r);
}

TEST(depth_and_batch_are_kept)
{
	static const struct { uint64_t depth, batch, calls; } t[] = {
		{ 1, 1, 1000 }, { 32, 1, 1032 }, { 32, 32, 32 }, { 8, 4, 251 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(t); i++) {
		struct plan p = plan_of(64);
		struct sim s = { .now_ns = S, .service_ns = 10 * US };
		struct loop_result *r;

		p.count = 1000;
		p.depth = t[i].depth;
		p.batch = t[i].batch;
		r = run_sim(&s, &p);
		ASSERT_EQ(r->op[OP_READ].count, 1000);
		ASSERT_EQ(s.most, t[i].depth);
		ASSERT_TRUE(s.calls <= t[i].calls);
		ASSERT_EQ(r->end_ns - S, 1000 * 10 * US); /* the device was never idle */
		free(r);
	}
}

TEST(fsyncs_come_on_top_and_are_due_with_their_write)
{
	struct plan p = plan_of(64);
	struct sim s = { .now_ns = S, .service_ns = 100 * US };
	struct loop_result *r;

	p.mix = MIX_WRITE;
	p.fsync_every = 10;
	p.count = 100;
	p.rate_iops = 1000;
	p.depth = 4;
	r = run_sim(&s, &p);
	ASSERT_EQ(r->op[OP_WRITE].count, 100);
	ASSERT_EQ(r->op[OP_FSYNC].count, 10);
	ASSERT_EQ(r->op[OP_FSYNC].bytes, 0);
	ASSERT_EQ(r->op[OP_WRITE].latency.max_ns, 100 * US);
	ASSERT_EQ(r->op[OP_FSYNC].latency.min_ns, 200 * US);	/* behind the write */
	free(r);
}

TEST(wrong_completions_are_counted_by_their_kind)
{
	struct plan p = plan_of(64);
	struct sim s = { .now_ns = S, .service_ns = US, .bad_from = 48 * 4096 };
	struct loop_result *r;

	p.sequential = true;
	p.count = 64;
	r = run_sim(&s, &p);
	ASSERT_EQ(r->op[OP_READ].count, 48);
	ASSERT_EQ(r->op[OP_READ].latency.count, 48);
	ASSERT_EQ(r->errors, 16);
	ASSERT_EQ(r->short_ios, 8);
	ASSERT_EQ(r->by_errno[0].err, EIO);
	ASSERT_EQ(r->by_errno[0].count, 8);
	ASSERT_EQ(r->by_errno[1].count, 0);
	ASSERT_EQ(r->first_error.offset, 48 * 4096);
	ASSERT_EQ(r->first_error_result, -EIO);
	free(r);
	p.max_errors = 3;
	s = (struct sim){ .now_ns = S, .service_ns = US, .bad_from = 4096 };
	r = run_sim(&s, &p);
	ASSERT_EQ(r->errors, 3);
	ASSERT_EQ(r->op[OP_READ].count, 1);
	free(r);
}

TEST(a_ring_that_fails_ends_the_job)
{
	struct plan p = plan_of(64);
	struct sim s = { .now_ns = S, .service_ns = US, .fail = ENXIO };
	struct loop *l = malloc(sizeof(*l));

	p.count = 64;
	ASSERT_EQ(loop_init(l, &p, 0, &sim_port, &s, &no_stop), 0);
	ASSERT_EQ(loop_run(l, S), -ENXIO);
	loop_finish(l);
	free(l);
}

TEST_MAIN("uring-loop", T(percentiles_are_at_most_1_6_percent_too_high), T(buckets_hold_every_value),
	  T(small_values_and_nothing_are_exact), T(sequential_jobs_share_the_range_out),
	  T(random_blocks_are_even_and_repeat_with_the_seed), T(the_mix_and_the_fsyncs_are_what_was_asked_for),
	  T(an_open_loop_shows_what_waited_behind_a_stall), T(a_closed_loop_does_not), T(arrivals_do_not_drift),
	  T(an_overloaded_open_loop_says_what_it_left_out), T(depth_and_batch_are_kept),
	  T(fsyncs_come_on_top_and_are_due_with_their_write), T(wrong_completions_are_counted_by_their_kind),
	  T(a_ring_that_fails_ends_the_job))
