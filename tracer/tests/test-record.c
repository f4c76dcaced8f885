/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Records put together, the slowest of them kept, and names of kernel functions. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tracer/base/cleanup.h"
#include "tracer/base/test.h"
#include "tracer/ksyms.h"
#include "tracer/critical.h"
#include "tracer/record.h"
#include "tracer/top.h"

/* ---- put together ---- */

static struct record got[8];
static u32 nr_got;

static void note(const struct record *r, void *ctx)
{
	(void)ctx;
	got[nr_got++] = *r;
}

static void part(struct records *r, u64 id, u64 sector)
{
	struct iop_part p = { .id = id, .sector = sector };

	records_take(r, &p, sizeof(p));
}

static void slow(struct records *r, u64 id, u32 nr_parts)
{
	struct iop_slow s = { .id = id, .nr_parts = nr_parts };

	records_take(r, &s, sizeof(s));
}

TEST(parts_of_two_operations_mixed)
{
	struct records *r = records_new(note, NULL);
	struct iop_stack stack = { .id = 2, .nr = 2, .ip = { 10, 20 } };

	nr_got = 0;
	part(r, 1, 100);
	part(r, 2, 200);
	records_take(r, &stack, sizeof(stack));
	part(r, 1, 101);
	slow(r, 2, 1);
	slow(r, 1, 2);
	ASSERT_EQ(nr_got, 2);
	ASSERT_EQ(got[0].nr_parts, 1);
	ASSERT_EQ(got[0].parts[0].sector, 200);
	ASSERT_EQ(got[0].nr_frames, 2);
	ASSERT_EQ(got[1].nr_parts, 2);
	ASSERT_EQ(got[1].parts[1].sector, 101);
	ASSERT_EQ(got[1].nr_frames, 0);
	records_free(r);
}

/* Of an operation whose own record was lost nothing goes to the next one. */
TEST(what_was_lost_is_not_mixed_up)
{
	struct records *r = records_new(note, NULL);

	nr_got = 0;
	for (u64 id = 1; id <= 1000; id++)
		part(r, id, id);
	slow(r, 5000, 0);
	slow(r, 0, 0);
	part(r, 5001, 7);
	slow(r, 5001, 1);
	ASSERT_EQ(nr_got, 3);
	ASSERT_EQ(got[0].nr_parts, 0);
	ASSERT_EQ(got[1].nr_parts, 0);
	ASSERT_EQ(got[2].nr_parts, 1);
	ASSERT_EQ(got[2].parts[0].sector, 7);
	records_take(r, &nr_got, sizeof(nr_got));
	ASSERT_EQ(nr_got, 3);
	records_free(r);
}

/* Issued and done one after the other, as by a disk that takes one at a time. */
static struct iop_part in_turn(u32 i)
{
	return (struct iop_part){ .rq = i + 1, .q_ns = 1010, .g_ns = 1020 + i * 1000, .d_ns = 1030 + i * 1000,
				  .c_ns = 2020 + i * 1000 };
}

static void check_path(const struct record *r, u32 parts, u64 q2g_ns, u64 device_ns, u64 outside_ns)
{
	struct critical c = {};
	u64 sum = 0;

	ASSERT_EQ(record_critical(r, &c), true);
	ASSERT_EQ(c.parts, parts);
	ASSERT_EQ(c.stage_ns[STAGE_Q2G], q2g_ns);
	ASSERT_EQ(c.stage_ns[STAGE_DEVICE], device_ns);
	ASSERT_EQ(c.outside_ns, outside_ns);
	for (int i = 0; i < NR_STAGES; i++)
		sum += c.stage_ns[i];
	ASSERT_EQ(sum + c.outside_ns, r->slow.total_ns);
}

TEST(the_critical_path_ends_with_what_completed_last)
{
	struct record r = { .slow = { .start_ns = 1000, .total_ns = 4100, .nr_parts = 4 }, .nr_parts = 4 };
	struct critical c;

	for (u32 i = 0; i < 4; i++)
		r.parts[i] = in_turn(i);
	/* the last one waited for the three before it: 10 ns in g2i, and 90 outside */
	check_path(&r, 1u << 3, 3010, 990, 90);
	/* queued only when the others were done: the one that was last among those comes before it */
	r.parts[3].q_ns = 4025;
	r.parts[3].g_ns = 4030;
	r.parts[3].d_ns = 4040;
	check_path(&r, 1u << 3 | 1u << 2, 5 + 2010, 980 + 990, 4100 - 5 - 10 - 980 - 2010 - 10 - 990);
	/* two bios of one request: it is there once, from where the first was queued */
	r.parts[2] = r.parts[3];
	r.parts[2].q_ns = 1015;
	check_path(&r, 1u << 2, 4030 - 1015, 980, 4100 - (4030 - 1015) - 10 - 980);
	/* a level with requests below it says nothing, one without is all there is */
	r.parts[3] = (struct iop_part){ .rq = 9, .no_request = 1, .q_ns = 1005, .c_ns = 5050 };
	r.parts[2] = in_turn(2);
	check_path(&r, 1u << 2, 2010, 990, 4100 - 2010 - 10 - 990);
	for (u32 i = 0; i < 3; i++)
		r.parts[i].no_request = 1;
	check_path(&r, 1u << 3, 0, 4045, 55);
	/* more than there is room for */
	r.slow.nr_parts = 5;
	ASSERT_EQ(record_critical(&r, &c), false);
	r.slow.nr_parts = r.nr_parts = 1;
	ASSERT_EQ(record_critical(&r, &c), false);
}

/* Two levels: what is split off by the way, handed on as it is, or in memory that was used before. */
TEST(the_bio_of_the_level_above)
{
	enum { TOP = 0x10, LOW = 0x20, REQUEST = 0x30, SPLIT = 0x40, FRONT = 0x50, DISK = 1, LOWER, UPPER };
	struct record r = { .nr_parts = 6, .slow = { .nr_parts = 6 } };

	r.parts[0] = (struct iop_part){ .dev = DISK, .rq = 1, .bio = SPLIT, .above = REQUEST, .q_ns = 30, .c_ns = 40 };
	r.parts[1] = (struct iop_part){ .dev = DISK, .rq = 2, .bio = REQUEST, .above = LOW, .q_ns = 30, .c_ns = 50 };
	r.parts[2] = (struct iop_part){ .dev = LOWER, .rq = LOW, .bio = LOW, .above = TOP, .no_request = 1, .q_ns = 20, .c_ns = 60 };
	r.parts[3] = (struct iop_part){ .dev = DISK, .rq = 3, .bio = TOP, .q_ns = 55, .c_ns = 65 };
	r.parts[4] = (struct iop_part){ .dev = UPPER, .rq = TOP, .bio = TOP, .no_request = 1, .q_ns = 10, .c_ns = 70 };
	r.parts[5] = (struct iop_part){ .dev = UPPER, .rq = FRONT, .bio = FRONT, .above = TOP, .no_request = 1, .q_ns = 10, .c_ns = 66 };
	ASSERT_EQ(record_parent(&r, 0), 2);
	ASSERT_EQ(record_parent(&r, 1), 2);
	ASSERT_EQ(record_parent(&r, 2), 4);
	ASSERT_EQ(record_parent(&r, 3), 4);
	ASSERT_EQ(record_parent(&r, 4), -1);
	/* a part of the level's own bio is beside the rest, not below it */
	ASSERT_EQ(record_parent(&r, 5), -1);
	/* that memory was another bio's before */
	r.parts[3] = (struct iop_part){ .dev = DISK, .rq = 4, .bio = REQUEST, .above = 0x99, .q_ns = 21, .c_ns = 29 };
	ASSERT_EQ(record_parent(&r, 0), 2);
	/* the level's had ended, or began later: another life of that memory */
	r.parts[2].c_ns = 45;
	ASSERT_EQ(record_parent(&r, 0), 2);
	ASSERT_EQ(record_parent(&r, 1), -1);
	r.parts[2].q_ns = 42;
	ASSERT_EQ(record_parent(&r, 0), -1);
	/* nonsense leads nowhere, and comes to its end */
	r.parts[0].above = REQUEST;
	r.parts[1].above = SPLIT;
	ASSERT_EQ(record_parent(&r, 0), -1);
}

TEST(stages_of_a_part)
{
	const struct iop_part p = { .q_ns = 10, .g_ns = 30, .i_ns = 35, .p_ns = 45, .d_ns = 47, .e_ns = 90, .c_ns = 100 };
	const struct iop_part flush = { .bop = BOP_FLUSH, .q_ns = 10, .g_ns = 30, .c_ns = 100 };
	const struct iop_part refused = { .q_ns = 10, .g_ns = 30, .i_ns = 35, .c_ns = 100 };
	const struct iop_part level = { .no_request = 1, .q_ns = 10, .c_ns = 100 };
	const struct iop_part back = { .q_ns = 10, .g_ns = 5, .d_ns = 47, .c_ns = 46 };

	ASSERT_EQ(part_stage(&p, STAGE_Q2G), 20);
	ASSERT_EQ(part_stage(&p, STAGE_G2I), 5);
	ASSERT_EQ(part_stage(&p, STAGE_I2D), 10);
	ASSERT_EQ(part_stage(&p, STAGE_DRIVER), 2);
	ASSERT_EQ(part_stage(&p, STAGE_DEVICE), 43);
	ASSERT_EQ(part_stage(&p, STAGE_COMPLETE), 10);
	ASSERT_EQ(part_stage(&flush, STAGE_DEVICE), 70);
	ASSERT_EQ(part_stage(&flush, STAGE_G2I), -1);
	ASSERT_EQ(part_stage(&back, STAGE_Q2G), 0);
	ASSERT_EQ(part_stage(&back, STAGE_DEVICE), 0);
	ASSERT_EQ(part_stage(&p, STAGE_WAKEUP), -1);
	/* never issued: it was in the scheduler until its end */
	ASSERT_EQ(part_stage(&refused, STAGE_G2I), 5);
	ASSERT_EQ(part_stage(&refused, STAGE_I2D), 65);
	ASSERT_EQ(part_stage(&refused, STAGE_DEVICE), -1);
	ASSERT_EQ(part_stage(&level, STAGE_DEVICE), 90);
	ASSERT_EQ(part_stage(&level, STAGE_Q2G), -1);
}

TEST(records_that_do_not_add_up_are_counted)
{
	struct records *r = records_new(note, NULL);
	struct iop_slow s = { .total_ns = 30, .stage_ns = { [STAGE_SUBMIT] = 10, [STAGE_DEVICE] = 20 } };

	nr_got = 0;
	ASSERT_EQ(records_uneven(NULL), 0);
	records_take(r, &s, sizeof(s));
	ASSERT_EQ(records_uneven(r), 0);
	s.stage_ns[STAGE_OTHER] = 1;
	records_take(r, &s, sizeof(s));
	ASSERT_EQ(records_uneven(r), 1);
	s.stage_ns[STAGE_OTHER] = UINT64_MAX;
	records_take(r, &s, sizeof(s));
	ASSERT_EQ(records_uneven(r), 2);
	/* told all the same */
	ASSERT_EQ(nr_got, 3);
	records_free(r);
}

/* ---- the slowest ---- */

static void took(struct top *t, u64 ns)
{
	static struct record r;

	r.slow.total_ns = ns;
	top_take(t, &r);
}

TEST(the_slowest_n)
{
	struct top t;

	ASSERT_EQ(top_init(&t, 3), 0);
	took(&t, 5);
	took(&t, 50);
	ASSERT_EQ(t.threshold_ns, 0);
	took(&t, 10);
	/* full: what is faster than the third is of no interest */
	ASSERT_EQ(t.threshold_ns, 5);
	for (u64 ns = 1; ns <= 1000; ns++)
		took(&t, ns * 7919 % 1000);
	ASSERT_EQ(t.threshold_ns, 997);
	top_sort(&t);
	ASSERT_EQ(t.v[0].slow.total_ns, 999);
	ASSERT_EQ(t.v[1].slow.total_ns, 998);
	ASSERT_EQ(t.v[2].slow.total_ns, 997);
	CU_ASSERT(top_is_complete(&t));
	top_free(&t);
}

/* A quieter interval: the threshold comes down, and meanwhile the list says that it may lack some. */
TEST(the_threshold_follows)
{
	struct top t;

	ASSERT_EQ(top_init(&t, 2), 0);
	took(&t, 1000);
	took(&t, 1000);
	top_begin(&t);
	ASSERT_EQ(t.threshold_ns, 500);
	took(&t, 700);
	CU_ASSERT(!top_is_complete(&t));
	ASSERT_EQ(t.missed_below_ns, 500);
	top_begin(&t);
	ASSERT_EQ(t.threshold_ns, 125);
	took(&t, 200);
	took(&t, 300);
	CU_ASSERT(top_is_complete(&t));
	for (int i = 0; i < 10; i++)
		top_begin(&t);
	ASSERT_EQ(t.threshold_ns, 0);
	CU_ASSERT(top_is_complete(&t));
	top_free(&t);
}

/* ---- names ---- */

TEST(names_of_addresses)
{
	static const char text[] = "ffffffff81000200 T second\nffffffff81000100 t first\n"
				   "ffffffff81000150 d data\nffffffff81000300 t third\t[mod]\n";
	char path[] = "/tmp/iopath-ksyms-XXXXXX", buf[64];
	_cleanup_close_ int fd = mkstemp(path);
	struct ksyms *k = NULL;

	CU_ASSERT(write(fd, text, sizeof(text) - 1) == (ssize_t)sizeof(text) - 1);
	ASSERT_EQ(ksyms_load(path, &k), 0);
	ASSERT_STR(ksyms_name(k, 0xffffffff81000100, buf, sizeof(buf)), "first+0x0");
	ASSERT_STR(ksyms_name(k, 0xffffffff810001ff, buf, sizeof(buf)), "first+0xff");
	ASSERT_STR(ksyms_name(k, 0xffffffff81000310, buf, sizeof(buf)), "third+0x10");
	ASSERT_STR(ksyms_name(k, 0x1000, buf, sizeof(buf)), "0x1000");
	ASSERT_STR(ksyms_name(NULL, 0x1000, buf, sizeof(buf)), "0x1000");
	ksyms_free(k);
	unlink(path);
	ASSERT_EQ(ksyms_load("/dev/null", &k), -EPERM);
	ASSERT_EQ(ksyms_load("/no/such/file", &k), -ENOENT);
}

TEST_MAIN("record", T(parts_of_two_operations_mixed), T(what_was_lost_is_not_mixed_up),
	  T(the_critical_path_ends_with_what_completed_last), T(the_bio_of_the_level_above), T(stages_of_a_part), T(records_that_do_not_add_up_are_counted),
	  T(the_slowest_n), T(the_threshold_follows), T(names_of_addresses))
