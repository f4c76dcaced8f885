/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Reports as they are printed: JSON lines against the published schema, text against its words. */
#include <errno.h>
#include <stdlib.h>

#include "bench/tests/schema.h"
#include "printed.h"
#include "tracer/base/cleanup.h"
#include "tracer/base/test.h"
#include "tracer/view.h"
#include "tracer/view-anomaly.h"

static struct stats stats;

static struct report made_up(enum iop_tier tier)
{
	struct report r = { .type = "summary",
			    .tier = tier,
			    .measured = ~(1u << STAGE_DRIVER | 1u << STAGE_COMPLETE),
			    .start_ns = 5,
			    .window_ns = 2000000000,
			    .stats = &stats,
			    .resched = RESCHED_COND };
	struct stats_row *b = stats_row(&stats, 3), *o = stats_row(&stats, NR_BLOCK_ROWS + KIND_READ);

	if (!b->c.count) {
		b->id = (struct iop_row_id){ 250 << 20 | 7, BOP_READ };
		b->c.count = o->c.count = 2;
		b->c.bytes = o->c.bytes = 8192;
		b->c.errors = 6;
		b->c.by_status[7] = 1;
		b->c.by_status[10] = 2;
		b->c.by_status[14] = 2;
		b->c.by_status[0] = 1;
		hist_add(&b->h[STAGE_DEVICE - BLOCK_STAGE_FIRST], 1000);
		hist_add(&b->h[BLOCK_HIST_TOTAL], 3000);
		hist_add(&o->h[STAGE_DEVICE], 1000);
		hist_add(&o->h[STAGE_OTHER], 2000);
		hist_add(&o->h[STAGE_TOTAL], 3000);
	}
	stats.counts[COUNT_LOSS_FIRST + LOSS_NO_END] = 2;
	coverage_from(&stats, 1, 0, 1, 9, &r.coverage);
	return r;
}

static int print_report(FILE *f, const void *r)
{
	return view_json_report(f, r);
}

static int print_start(FILE *f, const void *r)
{
	return view_json_start(f, r, 26);
}

TEST(every_line_follows_the_schema)
{
	for (int t = 0; t < NR_TIERS; t++) {
		struct report r = made_up(t);
		json_t *j = printed(print_report, &r);

		printed_check(j);
		json_decref(j);
		r.program_stats = true;
		r.type = "interval";
		j = printed(print_report, &r);
		printed_check(j);
		json_decref(j);
		j = printed(print_start, &r);
		printed_check(j);
		json_decref(j);
	}
}

TEST(the_schema_is_not_a_sieve)
{
	struct report r = made_up(TIER_FULL);
	json_t *j = printed(print_report, &r);
	char why[256];

	json_object_set_new(json_object_get(j, "cost"), "rss_bytes", json_string("much"));
	CU_ASSERT(!schema_check(printed_schema, j, why, sizeof(why)));
	json_object_del(j, "cost");
	CU_ASSERT(!schema_check(printed_schema, j, why, sizeof(why)));
	json_decref(j);
}

TEST(not_measured_is_null_not_zero)
{
	struct report r = made_up(TIER_FULL);
	json_t *j = printed(print_report, &r), *st;

	st = json_object_get(json_array_get(json_object_get(j, "operations"), 0), "stages");
	CU_ASSERT(json_is_null(json_object_get(st, "driver")));
	CU_ASSERT(json_is_object(json_object_get(st, "wbwait")));
	st = json_object_get(json_array_get(json_object_get(json_array_get(json_object_get(j, "devices"), 0), "ops"), 0),
			     "errors_by_status");
	ASSERT_EQ(json_array_size(st), 4);
	CU_ASSERT(json_is_null(json_object_get(json_array_get(st, 0), "status")));
	ASSERT_STR(json_string_value(json_object_get(json_array_get(st, 2), "error")), "I/O error");
	ASSERT_EQ(json_integer_value(json_object_get(json_array_get(st, 2), "count")), 2);
	CU_ASSERT(json_is_null(json_object_get(json_array_get(st, 3), "error")));
	json_decref(j);
	r.tier = TIER_BLOCK;
	j = printed(print_report, &r);
	CU_ASSERT(json_is_null(json_object_get(j, "operations")));
	json_decref(j);
}

TEST(coverage_adds_up)
{
	struct report r = made_up(TIER_FULL);

	ASSERT_EQ(r.coverage.requests.seen, 5);
	ASSERT_EQ(r.coverage.requests.finished, 2);
	/* the two whose end was not seen are lost, not in flight */
	ASSERT_EQ(r.coverage.requests.in_flight, 1);
}

static struct coverage covered(u64 seen, u64 finished, enum iop_loss cause, u64 lost)
{
	static struct stats st;
	struct stats_row *row = stats_row(&st, NR_BLOCK_ROWS);
	struct coverage c;

	memset(st.counts, 0, sizeof(st.counts));
	row->c.count = finished;
	st.counts[COUNT_LOSS_FIRST + cause] = lost;
	coverage_from(&st, 0, seen - finished, 0, 0, &c);
	stats_free(&st);
	return c;
}

/* No more can have begun unseen than programs were skipped, or had no room; the rest began before. */
TEST(what_began_unseen)
{
	static const struct {
		u64 skipped, no_room, lost, before;
	} rows[] = { { 0, 0, 0, 17 }, { 3, 4, 7, 10 }, { 9, 100, 10, 7 } };

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		static struct stats st;
		struct coverage c;

		memset(&st, 0, sizeof(st));
		st.counts[COUNT_RQ_AT_START] = 7;
		st.counts[COUNT_LOSS_FIRST + LOSS_NO_START] = 10;
		st.counts[COUNT_LOSS_FIRST + LOSS_BIO_MAP_FULL] = rows[i].no_room;
		coverage_from(&st, 0, 0, 0, rows[i].skipped, &c);
		ASSERT_EQ(c.lost[LOSS_NO_START], rows[i].lost);
		ASSERT_EQ(c.begun_before, rows[i].before);
	}
}

/* What was said to have begun before is not taken back when others were skipped since. */
TEST(what_began_before_does_not_shrink)
{
	static const struct {
		u64 unseen, skipped, lost, before;
	} steps[] = { { 5, 0, 0, 5 }, { 5, 4, 0, 5 }, { 7, 4, 2, 5 }, { 10, 4, 4, 6 }, { 10, 9, 4, 6 } };
	static struct stats st;
	struct coverage c;

	for (size_t i = 0; i < ARRAY_SIZE(steps); i++) {
		st.counts[COUNT_LOSS_FIRST + LOSS_NO_START] = steps[i].unseen;
		coverage_from(&st, 0, 0, 0, steps[i].skipped, &c);
		ASSERT_EQ(c.lost[LOSS_NO_START], steps[i].lost);
		ASSERT_EQ(c.begun_before, steps[i].before);
	}
}

/* Each loss counts against one operation; what is still in flight against none. */
TEST(the_share_that_was_reconstructed)
{
	struct coverage c = covered(1000, 1000, LOSS_NO_START, 0);

	CU_ASSERT(c.operations.reconstructed_percent == 100 && !c.doubtful);
	CU_ASSERT(c.requests.reconstructed_percent < 0);
	c = covered(2000, 1000, LOSS_CONTENDED, 10);
	CU_ASSERT(c.operations.reconstructed_percent == 99 && !c.doubtful);
	c = covered(1000, 1000, LOSS_CONTENDED, 11);
	CU_ASSERT(c.operations.reconstructed_percent < 99 && c.doubtful);
	c = covered(1000, 1000, LOSS_MAP_FULL, 1000);
	CU_ASSERT(c.operations.reconstructed_percent == 50 && c.doubtful);
	/* of a process that was not followed nobody knows how much it did */
	c = covered(1000, 1000, LOSS_TREE_FULL, 1);
	CU_ASSERT(c.doubtful);
	c = covered(10, 10, LOSS_TIME_BACKWARDS, 1000);
	CU_ASSERT(c.operations.reconstructed_percent == 0 && c.doubtful);
	/* one whose end was not seen is no finished one, and does not vanish */
	c = covered(100, 90, LOSS_NO_OP_END, 10);
	CU_ASSERT(c.operations.seen == 110 && c.operations.finished == 90 && c.operations.in_flight == 10);
	CU_ASSERT(c.operations.reconstructed_percent == 90 && c.doubtful);
	/* a record that was lost is no operation that was lost */
	c = covered(10, 10, LOSS_RING_FULL, 1000);
	CU_ASSERT(c.operations.reconstructed_percent == 100);
}

static void put_entries(struct who *w)
{
	const struct who_key keys[] = {
		{ .id = 5, .sub = 77, .dim = WHO_PROCESS }, { .id = 12, .sub = 8 << 20 | 1, .dim = WHO_FILE },
		{ .id = 1, .dim = WHO_CGROUP },		    { .sub = 250 << 20 | 7, .dim = WHO_DEVICE },
		{ .dim = WHO_PROCESS },
	};
	struct who_entry e = { .flags = WHO_NAMED, .name_len = 4, .name = "a\xff z" };
	struct who_stats *s = &e.s[WHO_OPS][WHO_READ];

	*s = (struct who_stats){ .count = 2, .bytes = 8192, .sum_ns = 3000, .max_ns = 2000, .max_bytes = 4096 };
	s->size[who_bucket(4096, WHO_SIZE_MIN_EXP, NR_WHO_SIZES)] = 2;
	s->lat[who_bucket(1500, WHO_LAT_MIN_EXP, NR_WHO_LATS)] = 2;
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
		CU_ASSERT(!who_put(w, &keys[i], &e));
	w->aged[WHO_FILE] = 3;
	w->gone[WHO_FILE][WHO_OPS][WHO_WRITE] = *s;
}

/* In both forms, of an interval and of the whole. */
TEST(who_it_was)
{
	struct report r = made_up(TIER_VFS);
	struct who w = { .max = 8 };
	_cleanup_free_ char *text = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);

	put_entries(&w);
	r.who = (struct view_who){ .who = &w, .dims = 0xf, .operations = true, .window_ns = 1000000 };
	for (int i = 0; i < 2; i++, r.who.interval = true, r.who.operations = false) {
		json_t *j = printed(print_report, &r);

		printed_check(j);
		json_decref(j);
	}
	r.who.interval = false;
	CU_ASSERT(!view_text_report(f, &r));
	fclose(f);
	CU_ASSERT(strstr(text, "77 a\xff z") != NULL);
	CU_ASSERT(strstr(text, "(others)") != NULL);
	CU_ASSERT(strstr(text, "(3 aged out)") != NULL);
	CU_ASSERT(strstr(text, "random, read-heavy") != NULL);
	CU_ASSERT(strstr(text, "4.00KiB") != NULL);
	who_free(&w);
}

TEST(stacks_of_a_summary)
{
	static const u64 kernel[WHO_STACK_FRAMES] = { 2, 1 }, user[WHO_STACK_FRAMES] = { 3 };
	struct stack_key key = { .dev = 250 << 20 | 7, .class = WHO_READ, .tgid = 77 };
	struct stack_stats s = { .count = 3, .bytes = 12288, .sum_ns = 3000, .max_ns = 2000, .comm = "d\xff" };
	struct report r = made_up(TIER_BLOCK);
	struct stacks st = { .max_stacks = 8, .lost = { 5 } };
	_cleanup_free_ char *text = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);

	CU_ASSERT(!symbols_new(&st.symbols));
	s.lat[who_bucket(1000, WHO_LAT_MIN_EXP, NR_WHO_LATS)] = 3;
	CU_ASSERT(!stacks_put(&st, &key, &s, kernel, user));
	CU_ASSERT(!stacks_put(&st, &key, &s, NULL, NULL));
	r.stacks = &st;
	for (int i = 0; i < 2; i++, st.with_user = true) {
		json_t *j = printed(print_report, &r);

		printed_check(j);
		json_decref(j);
	}
	CU_ASSERT(!view_text_report(f, &r));
	fclose(f);
	CU_ASSERT(strstr(text, "read  3 bios  0.01 MB  mean 1.00us  max 2.00us  50.0% of the time") != NULL);
	CU_ASSERT(strstr(text, "    0x2\n    0x1\n    --\n    0x3\n") != NULL);
	CU_ASSERT(strstr(text, "    [lost]\n") != NULL);
	CU_ASSERT(strstr(text, "stacks    2, of which 2 are shown; 5 stacks whose place another one had") != NULL);
	stacks_free(&st);
}

static struct anomaly_limits limits;

static int print_anomaly(FILE *f, const void *a)
{
	return view_json_anomaly(f, a, &limits);
}

TEST(anomalies)
{
	struct report r = made_up(TIER_FULL);
	u64 seen[NR_ANOMALIES] = { [ANOMALY_TAG_STARVED] = 2 };
	struct anomaly a = { .tag = ANOMALY_TAG_STARVED, .subject = SUBJECT_DEVICE, .name = "sda", .nr_values = 2,
			     .values = { { "mean_wait_ns", 2e6 }, { "wait_share", 0.4 } }, .window_ns = 1000000000 };
	_cleanup_free_ char *text = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);

	anomaly_limits_init(&limits);
	r.anomalies = seen;
	CU_ASSERT(!view_text_anomaly(f, &a, &limits));
	for (int s = SUBJECT_PROCESS; s <= SUBJECT_SYSTEM; s++) {
		json_t *j;

		a.subject = s;
		j = printed(print_anomaly, &a);
		printed_check(j);
		ASSERT_EQ(json_integer_value(json_object_get(json_object_get(j, "values"), "mean_wait_ns")), 2000000);
		ASSERT_EQ(json_integer_value(json_object_get(json_object_get(j, "limits"), "wait_ns")), 1000000);
		json_decref(j);
		j = printed(print_report, &r);
		printed_check(j);
		json_decref(j);
	}
	CU_ASSERT(!view_text_report(f, &r));
	fclose(f);
	CU_ASSERT(strstr(text, "anomaly TAG_STARVED  device sda  in 1.00s: requests wait for a tag") != NULL);
	CU_ASSERT(strstr(text, "mean_wait 2.00ms wait 40%") != NULL);
	CU_ASSERT(strstr(text, "limits wait 1.00ms share 30%") != NULL);
	CU_ASSERT(strstr(text, "anomalies  TAG_STARVED 2") != NULL);
}

TEST(text_names_what_was_lost_and_what_not_measured)
{
	struct report r = made_up(TIER_FULL);
	_cleanup_free_ char *text = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);

	CU_ASSERT(!view_text_report(f, &r));
	fclose(f);
	CU_ASSERT(strstr(text, "2 no_end (requests whose completion was not seen)") != NULL);
	CU_ASSERT(strstr(text, "9 recursion") != NULL);
	CU_ASSERT(strstr(text, "errors 6 (other 1, medium error 1, I/O error 2, status 14 2)") != NULL);
	CU_ASSERT(strstr(text, "p99?") != NULL);
	CU_ASSERT(strstr(text, "driver        not measured") != NULL);
}

/* A stream that is full is reported, by either form. */
TEST(a_full_disk_is_an_error)
{
	struct report r = made_up(TIER_FULL);
	FILE *f = fopen("/dev/full", "w");

	CU_ASSERT(view_json_report(f, &r) == -ENOSPC);
	CU_ASSERT(view_text_report(f, &r) == -ENOSPC);
	fclose(f);
}

int main(int argc, char **argv)
{
	static const struct test_case cases[] = {
		T(every_line_follows_the_schema), T(the_schema_is_not_a_sieve), T(not_measured_is_null_not_zero),
		T(coverage_adds_up), T(what_began_unseen), T(what_began_before_does_not_shrink), T(the_share_that_was_reconstructed), T(who_it_was), T(stacks_of_a_summary),
		T(anomalies), T(text_names_what_was_lost_and_what_not_measured), T(a_full_disk_is_an_error),
	};
	int r = printed_begin();

	if (r)
		return r;
	r = test_run("view", cases, ARRAY_SIZE(cases), argc, argv);
	printed_end();
	stats_free(&stats);
	return r;
}
