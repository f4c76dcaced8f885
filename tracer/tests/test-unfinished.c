/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is in flight, read from slots that are made up. */
#include <string.h>

#include "tracer/base/cleanup.h"
#include "tracer/base/test.h"
#include "tracer/unfinished.h"

enum { SLOTS = 16, NOW = 1000000 };

static struct op ops[SLOTS];
static struct bio_slot bios[SLOTS];
static struct rq_slot rqs[SLOTS];
static struct unfinished seen[SLOTS];
static int nr_seen;

static void note(const struct unfinished *u, void *ctx)
{
	seen[nr_seen++] = *u;
	*(int *)ctx += 1;
}

static void reset(void)
{
	memset(ops, 0, sizeof(ops));
	memset(bios, 0, sizeof(bios));
	memset(rqs, 0, sizeof(rqs));
	nr_seen = 0;
}

static bool all;

static int look(u64 min_age_ns, bool with_ops)
{
	struct slot_tables t = { { ops, with_ops ? SLOTS : 0 }, { bios, SLOTS }, { rqs, SLOTS }, NULL };
	int calls = 0;

	nr_seen = 0;
	ASSERT_EQ(unfinished_each(&t, NOW, min_age_ns, all, note, &calls), 0);
	return calls;
}

static u64 add_op(u32 i, u64 t0)
{
	ops[i] = (struct op){ .key = 100 + i, .t0 = t0, .kind = KIND_WRITE, .dev_wanted = 1, .generation = 7, .fd = 3 };
	return 7ull << 32 | (i + 1);
}

/* In the bucket that its key belongs to, as the programs would. */
static struct bio_slot *add_bio(u64 key, u64 q, u64 g, u64 op)
{
	u32 first = slot_hash(key) & (SLOTS - 1) & ~(SLOT_WAYS - 1u);

	for (u32 i = first; i < first + SLOT_WAYS; i++) {
		if (bios[i].key)
			continue;
		bios[i] = (struct bio_slot){ .key = key, .q = q, .g = g, .op = op, .dev = 8 << 20 };
		return &bios[i];
	}
	return NULL;
}

static struct bio_slot *add_rq(u32 i, struct rq_stamps s, u64 op)
{
	rqs[i] = (struct rq_slot){ .key = 200 + i, .i = s.i, .p = s.p, .d = s.d, .e = s.e, .bio = 300 + i,
				   .dev = 8 << 20, .sector = 77, .tag = 5 };
	return add_bio(300 + i, s.q, s.g, op);
}

TEST(old_enough_alone)
{
	reset();
	add_op(3, NOW - 500);
	ASSERT_EQ(look(501, true), 0);
	ASSERT_EQ(look(500, true), 1);
	ASSERT_EQ(seen[0].age_ns, 500);
	ASSERT_EQ(seen[0].stage, -1);
	ASSERT_EQ(seen[0].dev, 0);
	/* nothing of operations in tier block, nor of those that are not wanted */
	ASSERT_EQ(look(1, false), 0);
	ops[3].dev_wanted = 0;
	ASSERT_EQ(look(1, true), 0);
}

TEST(a_request_is_told_with_its_operation)
{
	u64 handle;

	reset();
	handle = add_op(9, NOW - 900);
	add_rq(1, (struct rq_stamps){ .q = NOW - 800, .g = NOW - 700, .i = NOW - 600 }, handle);
	add_rq(2, (struct rq_stamps){ .q = NOW - 800, .g = NOW - 700, .d = NOW - 600 }, handle);
	ASSERT_EQ(look(1, true), 1);
	ASSERT_TRUE(!seen[0].request);
	ASSERT_EQ(seen[0].stage, STAGE_DEVICE);
	ASSERT_EQ(seen[0].sector, 77);
	ASSERT_EQ(seen[0].tag, 5);
	/* in tier block there is nothing but requests */
	ASSERT_EQ(look(1, false), 2);
	ASSERT_TRUE(seen[0].request && seen[1].request);
	/* the operation is over, its slot has another: the requests stand alone */
	ops[9].generation++;
	ASSERT_EQ(look(1, true), 3);
}

TEST(stages_of_a_request)
{
	static const struct {
		struct rq_stamps s;
		enum iop_stage stage;
	} rows[] = {
		{ { .q = 1 }, STAGE_Q2G },
		{ { .q = 1, .g = 2 }, STAGE_G2I },
		{ { .q = 1, .g = 2, .i = 3 }, STAGE_I2D },
		{ { .q = 1, .g = 2, .i = 3, .p = 4 }, STAGE_DRIVER },
		{ { .q = 1, .g = 2, .d = 4 }, STAGE_DEVICE },
		{ { .q = 1, .g = 2, .d = 4, .e = 5 }, STAGE_COMPLETE },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		reset();
		add_rq(0, rows[i].s, 0);
		ASSERT_EQ(look(1, true), 1);
		ASSERT_EQ(seen[0].stage, (int)rows[i].stage);
	}
}

TEST(what_waits_for_a_request)
{
	struct bio_slot *b;
	u64 handle;

	reset();
	handle = add_op(0, NOW - 50);
	b = add_bio(9, NOW - 40, 0, handle);
	ASSERT_EQ(look(1, true), 1);
	ASSERT_EQ(seen[0].stage, STAGE_Q2G);
	/* of nobody's operation, and one that a filter leaves out */
	b->op = 0;
	ASSERT_EQ(look(1, true), 2);
	b->own = 1;
	ASSERT_EQ(look(1, true), 1);
}

/* What the device mapper makes of a request is whose that is, and as old as its own issue. */
TEST(a_clone_is_told)
{
	reset();
	add_rq(0, (struct rq_stamps){ .q = NOW - 90, .g = NOW - 80, .d = NOW - 70 }, 0)->owner.tid = 5;
	rqs[1] = (struct rq_slot){ .key = 7, .d = NOW - 60, .cloned = 1, .bop = BOP_READ, .bio = 300, .dev = 9 << 20 };
	ASSERT_EQ(look(1, true), 2);
	ASSERT_EQ(seen[1].dev, 9 << 20);
	ASSERT_EQ(seen[1].age_ns, 60);
	ASSERT_EQ(seen[1].owner.tid, 5);
	/* without the bio above nobody knows whose; one that was not taken is given up */
	rqs[1].bio = 0;
	ASSERT_EQ(look(1, true), 2);
	rqs[1].requeued = 1;
	ASSERT_EQ(look(1, true), 1);
}

#define LEVEL (253u << 20)

static bool is_no_level(u32 dev)
{
	return dev != LEVEL;
}

/* A device without requests has what it keeps; what waits for one below it, waits there. */
TEST(what_a_level_keeps)
{
	struct slot_tables t = { { ops, SLOTS }, { bios, SLOTS }, { rqs, SLOTS }, is_no_level };
	struct bio_slot *b;
	int calls = 0;
	u64 op;

	reset();
	op = add_op(1, NOW - 50);
	b = add_bio(400, NOW - 40, 0, op);
	b->dev = LEVEL;
	nr_seen = 0;
	ASSERT_EQ(unfinished_each(&t, NOW, 1, true, note, &calls), 0);
	ASSERT_EQ(calls, 2);
	ASSERT_EQ(seen[0].stage, STAGE_DEVICE);
	ASSERT_EQ(seen[1].stage, STAGE_DEVICE);
	add_bio(401, NOW - 30, 0, op);
	nr_seen = 0;
	ASSERT_EQ(unfinished_each(&t, NOW, 1, false, note, &calls), 0);
	ASSERT_EQ(nr_seen, 1);
	ASSERT_EQ(seen[0].stage, STAGE_Q2G);
	/* held back before it: by the throttle of a cgroup */
	reset();
	b = add_bio(400, NOW - 40, 0, add_op(1, NOW - 50));
	b->dev = LEVEL;
	b->held = 1;
	ASSERT_EQ(unfinished_each(&t, NOW, 1, false, note, &calls), 0);
	ASSERT_EQ(seen[0].stage, STAGE_Q2G);
}

TEST(they_are_counted)
{
	struct slot_tables t = { { ops, SLOTS }, { bios, SLOTS }, { rqs, SLOTS }, NULL };
	u64 requests, operations;
	struct bio_slot *left_out;

	reset();
	add_op(2, NOW);
	add_rq(1, (struct rq_stamps){ .q = 1, .g = 2, .d = 3 }, 0);
	left_out = add_rq(2, (struct rq_stamps){ .q = 1, .g = 2, .d = 3 }, 0);
	left_out->own = 1;
	/* a flush command has no bio; this one's queue is no disk's */
	rqs[3] = (struct rq_slot){ .key = 7, .d = 3, .bop = BOP_FLUSH_COMMAND, .dev = 8 << 20 };
	rqs[4] = (struct rq_slot){ .key = 8, .d = 3, .bop = BOP_FLUSH_COMMAND };
	/* set up, and not issued */
	rqs[5] = (struct rq_slot){ .key = 9, .p = 3 };
	unfinished_count(&t, &requests, &operations);
	ASSERT_EQ(requests, 2);
	ASSERT_EQ(operations, 1);
}

TEST(why_it_sleeps)
{
	reset();
	add_op(0, NOW - 50);
	ops[0].off_ns = NOW - 40;
	ASSERT_EQ(look(1, true), 1);
	ASSERT_EQ(seen[0].stage, STAGE_OFFCPU);
	ops[0].cause = CAUSE_THROTTLE;
	look(1, true);
	ASSERT_EQ(seen[0].stage, STAGE_THROTTLE);
	ops[0].cause = CAUSE_WBWAIT;
	look(1, true);
	ASSERT_EQ(seen[0].stage, STAGE_WBWAIT);
}

TEST_MAIN("unfinished", T(old_enough_alone), T(a_request_is_told_with_its_operation), T(stages_of_a_request),
	  T(what_waits_for_a_request), T(a_clone_is_told), T(what_a_level_keeps), T(they_are_counted), T(why_it_sleeps))
