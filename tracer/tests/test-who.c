/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Statistics by who on made-up entries: names, intervals, ageing, order, patterns. */
#include <errno.h>
#include <string.h>

#include "tracer/base/test.h"
#include "tracer/who.h"

enum { MS = 1000000 };

static void count(struct who_stats *s, u64 ns, u64 bytes, bool sequential)
{
	s->count++;
	s->sum_ns += ns;
	s->bytes += bytes;
	s->sequential += sequential;
	s->lat[who_bucket(ns, WHO_LAT_MIN_EXP, NR_WHO_LATS)]++;
	s->size[who_bucket(bytes, WHO_SIZE_MIN_EXP, NR_WHO_SIZES)]++;
	if (ns > s->max_ns)
		s->max_ns = ns;
	if (bytes > s->max_bytes)
		s->max_bytes = bytes;
}

static void put_process(struct who *w, u32 pid, u64 last_ns, u64 reads)
{
	struct who_key key = { .id = 1000 + pid, .sub = pid, .dim = WHO_PROCESS };
	struct who_entry e = { .last_ns = last_ns, .flags = WHO_NAMED, .name_len = IOP_COMM_LEN, .name = "cat" };

	for (u64 i = 0; i < reads; i++)
		count(&e.s[WHO_OPS][WHO_READ], MS, 4096, false);
	ASSERT_EQ(who_put(w, &key, &e), 0);
}

TEST(a_bucket_holds_a_power_of_two)
{
	ASSERT_EQ(who_bucket(4095, 11, 2), 0);
	ASSERT_EQ(who_bucket(4096, 11, 2), 1);
	ASSERT_EQ(who_bucket(4097, 11, 3), 1);
	ASSERT_EQ(who_bucket(8192, 11, 3), 2);
	ASSERT_EQ(who_bucket(0, WHO_SIZE_MIN_EXP, NR_WHO_SIZES), 0);
	ASSERT_EQ(who_bucket(1023, WHO_SIZE_MIN_EXP, NR_WHO_SIZES), 0);
	ASSERT_EQ(who_bucket(1024, WHO_SIZE_MIN_EXP, NR_WHO_SIZES), 1);
	ASSERT_EQ(who_bucket(1ull << 50, WHO_SIZE_MIN_EXP, NR_WHO_SIZES), NR_WHO_SIZES - 1);
	ASSERT_EQ(who_bucket(~0ull, WHO_LAT_MIN_EXP, NR_WHO_LATS), NR_WHO_LATS - 1);
}

TEST(names_are_joined_from_the_root)
{
	struct who w = { .max = 8 };
	struct who_key file = { .id = 12, .sub = 8 << 20, .dim = WHO_FILE };
	struct who_key cut = { .id = 13, .sub = 8 << 20, .dim = WHO_FILE };
	struct who_key inside = { .id = 14, .sub = 4000u << 20 | 7, .dim = WHO_FILE };
	struct who_key root = { .id = 1, .dim = WHO_CGROUP };
	struct who_entry e = { .flags = WHO_NAMED, .name_len = 13 };

	memcpy(e.name, "file\0dir\0mnt", 13);
	who_put(&w, &file, &e);
	ASSERT_STR(who_find(&w, &file)->name, "/mnt/dir/file");
	e.flags |= WHO_NAME_CUT;
	who_put(&w, &cut, &e);
	ASSERT_STR(who_find(&w, &cut)->name, ".../mnt/dir/file");
	e.flags = WHO_NAMED | WHO_NAME_IN_FS;
	who_put(&w, &inside, &e);
	ASSERT_STR(who_find(&w, &inside)->name, "[4000:7]/mnt/dir/file");
	e = (struct who_entry){ .flags = WHO_NAMED };
	who_put(&w, &root, &e);
	ASSERT_STR(who_find(&w, &root)->name, "/");
	who_free(&w);
}

TEST(an_exec_gives_a_process_another_name)
{
	struct who w = { .max = 8 };
	struct who_key key = { .id = 5, .sub = 77, .dim = WHO_PROCESS };
	struct who_entry e = { .name = "sh" };

	who_put(&w, &key, &e);
	ASSERT_TRUE(!who_find(&w, &key)->name);
	e.flags = WHO_NAMED;
	who_put(&w, &key, &e);
	ASSERT_STR(who_find(&w, &key)->name, "sh");
	strcpy(e.name, "fio");
	who_put(&w, &key, &e);
	ASSERT_STR(who_find(&w, &key)->name, "fio");
	ASSERT_EQ(w.nr, 1);
	who_free(&w);
}

TEST(a_pid_that_is_used_again_is_another_process)
{
	struct who w = { .max = 8 };
	struct who_key before = { .id = 5, .sub = 77, .dim = WHO_PROCESS }, after = before;
	struct who_entry e = { .flags = WHO_NAMED, .name_len = IOP_COMM_LEN, .name = "a" };

	after.id = 9;
	who_put(&w, &before, &e);
	strcpy(e.name, "b");
	who_put(&w, &after, &e);
	ASSERT_EQ(w.nr, 2);
	ASSERT_STR(who_find(&w, &before)->name, "a");
	ASSERT_STR(who_find(&w, &after)->name, "b");
	who_free(&w);
}

TEST(an_interval_is_a_difference)
{
	struct who_stats base = { 0 }, now, d;

	count(&base, 50 * MS, 65536, false);
	now = base;
	count(&now, 2 * MS, 4096, true);
	count(&now, 3 * MS, 4096, true);
	who_since(&d, &now, &base);
	ASSERT_EQ(d.count, 2);
	ASSERT_EQ(d.bytes, 8192);
	ASSERT_EQ(d.sum_ns, 5 * MS);
	ASSERT_EQ(d.sequential, 2);
	/* the maximum did not rise: what the topmost bucket says */
	ASSERT_TRUE(d.max_ns >= 3 * MS && d.max_ns < 6 * MS);
	ASSERT_EQ(d.max_bytes, 8191);
	ASSERT_TRUE(who_max_at_least(&now, &base) <= 3 * MS && who_max_at_least(&now, &base) > MS);
	/* it did: exact */
	count(&now, 70 * MS, 4096, true);
	who_since(&d, &now, &base);
	ASSERT_EQ(d.max_ns, 70 * MS);
	ASSERT_EQ(who_max_at_least(&now, &base), 70 * MS);
	who_since(&d, &base, &base);
	ASSERT_EQ(d.count, 0);
	ASSERT_EQ(d.max_ns, 0);
	ASSERT_EQ(who_max_at_least(&base, &base), 0);
}

TEST(the_least_recently_used_must_go)
{
	struct who w = { .max = 8 };
	struct who_key old[16];
	struct who_stats *gone = &w.gone[WHO_PROCESS][WHO_OPS][WHO_READ];

	for (u32 i = 1; i <= 6; i++)
		put_process(&w, i, 100 - i, i);
	ASSERT_EQ(who_old(&w, WHO_PROCESS, 1000, old), 0);
	put_process(&w, 7, 50, 7);
	ASSERT_EQ(who_old(&w, WHO_FILE, 1000, old), 0);
	ASSERT_EQ(who_old(&w, WHO_PROCESS, 1000, old), 3);
	ASSERT_EQ(old[0].sub, 7);
	ASSERT_EQ(old[1].sub, 6);
	ASSERT_EQ(old[2].sub, 5);
	/* what is in use stays, however full it is */
	ASSERT_EQ(who_old(&w, WHO_PROCESS, 60, old), 1);
	/* nor does one go that is being made: what it counts next would be lost with it */
	put_process(&w, 8, 0, 8);
	ASSERT_EQ(who_old(&w, WHO_PROCESS, 1000, old), 4);
	for (int i = 0; i < 4; i++)
		CU_ASSERT(old[i].sub != 8);
	for (int i = 0; i < 3; i++)
		who_forget(&w, &(struct who_key){ .id = 1005 + (u64)i, .sub = 5 + (u32)i, .dim = WHO_PROCESS });
	ASSERT_EQ(w.nr, 5);
	ASSERT_EQ(w.aged[WHO_PROCESS], 3);
	ASSERT_EQ(gone->count, 5 + 6 + 7);
	ASSERT_EQ(gone->bytes, (5 + 6 + 7) * 4096);
	who_free(&w);
}

TEST(most_time_comes_first)
{
	struct who w = { .max = 8 };
	const struct who_row *rows[8];
	struct who_key idle = { .id = 1, .sub = 9, .dim = WHO_PROCESS };
	struct who_entry none = { .flags = WHO_NAMED, .name_len = IOP_COMM_LEN };

	put_process(&w, 1, 1, 3);
	put_process(&w, 2, 1, 9);
	put_process(&w, 3, 1, 5);
	who_put(&w, &idle, &none);
	ASSERT_EQ(who_sorted(&w, WHO_PROCESS, false, rows), 3);
	ASSERT_EQ(rows[0]->key.sub, 2);
	ASSERT_EQ(rows[2]->key.sub, 1);
	who_begin_interval(&w);
	put_process(&w, 1, 1, 4);
	ASSERT_EQ(who_sorted(&w, WHO_PROCESS, true, rows), 1);
	ASSERT_EQ(rows[0]->key.sub, 1);
	who_free(&w);
}

TEST(patterns)
{
	struct who_stats s[NR_WHO_CLASSES] = { 0 };

	ASSERT_TRUE(!who_pattern(s) && !who_bias(s));
	ASSERT_TRUE(who_sequential(s) < 0);
	ASSERT_EQ(who_common_size(s), 0);
	for (int i = 0; i < 9; i++)
		count(&s[WHO_READ], MS, 65536, true);
	count(&s[WHO_READ], MS, 4096, false);
	ASSERT_STR(who_pattern(s), "sequential");
	ASSERT_STR(who_bias(s), "read-heavy");
	ASSERT_EQ(who_common_size(s), 65536);
	for (int i = 0; i < 10; i++)
		count(&s[WHO_WRITE], MS, 65536, false);
	ASSERT_STR(who_pattern(s), "mixed");
	ASSERT_STR(who_bias(s), "balanced");
	for (int i = 0; i < 40; i++)
		count(&s[WHO_WRITE], MS, 65536, false);
	ASSERT_STR(who_pattern(s), "random");
	ASSERT_STR(who_bias(s), "write-heavy");
}

TEST(percentiles_are_upper_bounds)
{
	struct who_stats s = { 0 };

	ASSERT_EQ(who_percentile(&s, 99), 0);
	for (int i = 0; i < 99; i++)
		count(&s, 1000, 512, false);
	count(&s, 9 * MS, 512, false);
	ASSERT_EQ(who_percentile(&s, 50), 1023);
	ASSERT_EQ(who_percentile(&s, 99), 1023);
	ASSERT_EQ(who_percentile(&s, 99.9), 9 * MS);
}

TEST(dimensions_by_name)
{
	enum who_dim d = NR_WHO_DIMS;

	ASSERT_EQ(who_dim_parse("cgroup", &d), 0);
	ASSERT_EQ(d, WHO_CGROUP);
	ASSERT_EQ(who_dim_parse("cgroups", &d), -EINVAL);
	ASSERT_EQ(d, WHO_CGROUP);
}

TEST_MAIN("who", T(a_bucket_holds_a_power_of_two), T(names_are_joined_from_the_root),
	  T(an_exec_gives_a_process_another_name), T(a_pid_that_is_used_again_is_another_process),
	  T(an_interval_is_a_difference), T(the_least_recently_used_must_go), T(most_time_comes_first),
	  T(patterns), T(percentiles_are_upper_bounds), T(dimensions_by_name))
