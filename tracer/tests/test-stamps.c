/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Stamps of a request as the eBPF programs take them: that very code, compiled
 * for here. Times that run backwards are put right and counted; whatever they
 * are, no stage is negative and all of them sum to the total.
 */
#include <stdbool.h>
#include <stdlib.h>

#include "tracer/base/test.h"
#include "bpf/wire.h"
#include "bpf/state.h"

/* What of core.bpf.h it needs. */
#define IOPATH_CORE_H
#define SEC(name)
#define __uint(name, value) int(*name)[value]
#define __type(name, value) value *name
#define __noinline
enum { BPF_MAP_TYPE_ARRAY = 2 };
static const struct {
	u8 stand_in;
} cfg;
static u64 nr_backwards;

static inline u32 bpf_get_smp_processor_id(void)
{
	return 0;
}

static inline void *bpf_map_lookup_elem(void *map, const u32 *key)
{
	(void)map;
	(void)key;
	return NULL;
}

static inline void lost(enum iop_loss why)
{
	nr_backwards += why == LOSS_TIME_BACKWARDS;
}

#pragma GCC diagnostic ignored "-Wunused-function"
#include "bpf/stamps.bpf.h"

enum { NR_STAMPS = 8, ROUNDS = 200000 };

/* Each is there or not; q, g and c always are. */
static struct done made_up(void)
{
	struct done d = { .bop = rand() % NR_BOPS };
	u64 *s[NR_STAMPS] = { &d.s.q, &d.s.g, &d.s.i, &d.s.p, &d.s.d, &d.s.h, &d.s.e, &d.s.c };
	u64 base = 1ull << (rand() % 50);

	for (int i = 0; i < NR_STAMPS; i++)
		if (i < 2 || i == NR_STAMPS - 1 || rand() % 3)
			*s[i] = base + (u64)(rand() % 1000) * (rand() % 7 ? 1 : 1000000);
	if (!d.s.d)
		d.s.p = d.s.h = d.s.e = 0;
	return d;
}

static u64 sum, longest;

static void add(u64 ns)
{
	sum += ns;
	longest = ns > longest ? ns : longest;
}

static void sum_stages(const struct done *d)
{
	sum = longest = 0;
#define ADD(stage, ns) add(ns)
	EACH_STAGE(d, ADD);
#undef ADD
}

static bool in_order(const struct rq_stamps *s)
{
	const u64 v[NR_STAMPS] = { s->q, s->g, s->i, s->p, s->d, s->h, s->e, s->c };
	u64 last = 0;

	for (int i = 0; i < NR_STAMPS; i++) {
		if (v[i] && v[i] < last)
			return false;
		last = v[i] ? v[i] : last;
	}
	return true;
}

TEST(peer_negative_differences)
{
	int backwards = 0;

	srand(7);
	nr_backwards = 0;
	for (int i = 0; i < ROUNDS; i++) {
		struct done d = made_up();
		bool ordered = in_order(&d.s);
		u64 total;

		if (stamps_ordered(&d.s) != ordered) {
			CU_FAIL("whether they are in order");
			return;
		}
		backwards += !ordered;
		if (!ordered)
			stamps_reorder(&d.s);
		sum_stages(&d);
		total = d.s.c - d.s.q;
		if (!in_order(&d.s) || sum != total || longest > total) {
			printf("    round %d: sum %llu, longest %llu, total %llu\n", i, (unsigned long long)sum,
			       (unsigned long long)longest, (unsigned long long)total);
			CU_FAIL("stages of stamps that were put right");
			return;
		}
	}
	CU_ASSERT(backwards > ROUNDS / 2 && backwards < ROUNDS);
	ASSERT_EQ(nr_backwards, backwards);
}

TEST(stamps_in_order_stay_as_they_are)
{
	struct done d = { .s = { 10, 20, 30, 0, 40, 50, 0, 60 } };

	CU_ASSERT(stamps_ordered(&d.s));
	sum_stages(&d);
	ASSERT_EQ(sum, 50);
	ASSERT_EQ(d.s.q, 10);
	/* a completion before the issue, by a clock that was set back: nothing of it is in the device */
	d.s.c = 35;
	CU_ASSERT(!stamps_ordered(&d.s));
	stamps_reorder(&d.s);
	ASSERT_EQ(d.s.c, 50);
	sum_stages(&d);
	ASSERT_EQ(sum, 40);
}

TEST_MAIN("stamps", T(peer_negative_differences), T(stamps_in_order_stay_as_they_are))
