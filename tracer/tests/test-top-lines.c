/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Lines of `iopath top` from made-up entries: rates, order, text. */
#include <errno.h>
#include <string.h>

#include "tracer/base/test.h"
#include "tracer/top-lines.h"

enum { MS = 1000000 };

static struct who w;

static void put(u32 pid, u64 reads, u64 writes, u64 each_ns)
{
	struct who_key key = { .id = pid, .sub = pid, .dim = WHO_PROCESS };
	struct who_entry e = { .flags = WHO_NAMED, .name = "cat" };
	struct who_stats *r = &e.s[WHO_OPS][WHO_READ], *x = &e.s[WHO_OPS][WHO_WRITE];

	r->count = reads;
	r->bytes = reads * 1000000;
	r->sum_ns = reads * each_ns;
	r->sequential = reads;
	x->count = writes;
	x->sum_ns = writes * each_ns;
	r->max_ns = x->max_ns = each_ns;
	r->lat[who_bucket(each_ns, WHO_LAT_MIN_EXP, NR_WHO_LATS)] = (u32)reads;
	x->lat[who_bucket(each_ns, WHO_LAT_MIN_EXP, NR_WHO_LATS)] = (u32)writes;
	e.s[WHO_BIOS][WHO_READ].count = pid == 1;
	CU_ASSERT(!who_put(&w, &key, &e));
}

static struct view_who view(void)
{
	w = (struct who){ .max = 8 };
	put(1, 10, 0, MS);
	put(2, 2, 20, 3 * MS);
	put(3, 4, 4, 9 * MS);
	return (struct view_who){ .who = &w, .dims = 1, .operations = true, .window_ns = 2000 * MS };
}

TEST(rates_and_times)
{
	struct view_who v = view();
	struct top_line l[8];

	ASSERT_EQ(top_lines(&v, WHO_PROCESS, false, TOP_READS, l), 3);
	ASSERT_EQ(l[0].row->key.sub, 1);
	CU_ASSERT(l[0].v[TOP_READS] == 5);
	CU_ASSERT(l[0].v[TOP_READ_MB] == 5);
	CU_ASSERT(l[0].v[TOP_MEAN] == MS);
	CU_ASSERT(l[0].v[TOP_TIME] == 0.005);
	CU_ASSERT(l[0].v[TOP_SEQ] == 1);
	who_free(&w);
}

TEST(each_column_has_its_order)
{
	static const struct {
		enum top_column by;
		u32 first, last;
	} cases[] = { { TOP_READS, 1, 2 }, { TOP_WRITES, 2, 1 }, { TOP_MEAN, 3, 1 }, { TOP_TIME, 3, 1 }, { TOP_SEQ, 1, 2 } };
	struct view_who v = view();
	struct top_line l[8];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		ASSERT_EQ(top_lines(&v, WHO_PROCESS, false, cases[i].by, l), 3);
		ASSERT_EQ(l[0].row->key.sub, cases[i].first);
		ASSERT_EQ(l[2].row->key.sub, cases[i].last);
	}
	who_free(&w);
}

/* What has nothing at the level that is shown has no line. */
TEST(levels)
{
	struct view_who v = view();
	struct top_line l[8];

	ASSERT_EQ(top_lines(&v, WHO_PROCESS, true, TOP_TIME, l), 1);
	v.operations = false;
	ASSERT_EQ(top_lines(&v, WHO_PROCESS, false, TOP_TIME, l), 1);
	ASSERT_EQ(top_lines(&v, WHO_FILE, false, TOP_TIME, l), 0);
	who_free(&w);
}

TEST(text_fits_its_heading)
{
	struct view_who v = view();
	struct top_line l[8];
	char head[TOP_LEN], line[TOP_LEN];

	top_lines(&v, WHO_PROCESS, false, TOP_READS, l);
	ASSERT_EQ(strlen(top_heading(head)), strlen(top_text(&l[0], line)));
	ASSERT_STR(line, "        5        0        0     5.00     0.00   1.00ms   1.00ms   1.00ms   0.01 100%     0");
	who_free(&w);
}

TEST(columns_by_name)
{
	enum top_column c = TOP_SEQ;

	ASSERT_EQ(top_column_parse("max", &c), 0);
	ASSERT_EQ(c, TOP_MAX);
	ASSERT_STR(top_column_word(c), "max");
	ASSERT_EQ(top_column_parse("maximum", &c), -EINVAL);
	ASSERT_EQ(c, TOP_MAX);
}

TEST_MAIN("top-lines", T(rates_and_times), T(each_column_has_its_order), T(levels), T(text_fits_its_heading),
	  T(columns_by_name))
