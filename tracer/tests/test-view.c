/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is printed: JSON lines against the published schema, text against its words. */
#include <errno.h>
#include <stdlib.h>

#include "bench/tests/schema.h"
#include "tracer/base/cleanup.h"
#include "tracer/base/test.h"
#include "tracer/inflight-task.h"
#include "tracer/record.h"
#include "tracer/view.h"
#include "tracer/view-anomaly.h"

static json_t *schema;
static struct stats stats;

/* A made-up session: no kernel is needed to print one. */
void session_cost(const struct session *s, struct session_cost *ret)
{
	(void)s;
	*ret = (struct session_cost){ 0 };
}

int session_program(const struct session *s, u32 i, struct session_program *ret)
{
	(void)s;
	if (i)
		return -1;
	*ret = (struct session_program){ "rq_issue", 5, 600 };
	return 0;
}

const struct iop_syscall *session_syscall(long nr)
{
	(void)nr;
	return NULL;
}

/* not called by what is tested */
int inflight_add(struct inflight_list *l, struct inflight **ret)
{
	(void)l, (void)ret;
	return -ENOMEM;
}

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

static struct record made_up_record(void)
{
	struct record r = { .slow = { .start_ns = 7, .total_ns = 100, .bytes = 4096, .offset = 8192, .result = 4096,
				      .dev = 250 << 20 | 7, .flags = SLOW_OFFSET | SLOW_MISS, .tgid = 10, .tid = 11,
				      .nr_requests = 2, .nr_parts = 3, .tag = 3, .kind = KIND_READ,
				      .comm = "a\xff z" },
			    .nr_parts = 2 };

	r.slow.stage_ns[STAGE_DEVICE] = 60;
	r.slow.stage_ns[STAGE_RETURN] = 40;
	memcpy(r.slow.path, "file\0dir\0mnt", 13);
	r.slow.path_len = 13;
	/* one after the other, the second with an error and in three parts */
	r.parts[0] = (struct iop_part){ .rq = 1, .q_ns = 10, .g_ns = 20, .d_ns = 30, .c_ns = 90, .tag = 3,
					.dev = 250 << 20 | 7, .bytes = 4096 };
	r.parts[1] = (struct iop_part){ .rq = 2, .q_ns = 11, .g_ns = 20, .i_ns = 25, .d_ns = 30, .c_ns = 95, .tag = -1,
					.dev = 250 << 20 | 7, .status = 10, .requeues = 1, .partials = 2 };
	return r;
}

static json_t *printed(int (*print)(FILE *, const void *), const void *arg)
{
	_cleanup_free_ char *text = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);
	json_t *j;

	CU_ASSERT(!print(f, arg));
	fclose(f);
	/* one line, whole */
	CU_ASSERT(len && text[len - 1] == '\n' && !memchr(text, '\n', len - 1));
	j = json_loads(text, 0, NULL);
	CU_ASSERT(j != NULL);
	return j;
}

static int print_report(FILE *f, const void *r)
{
	return view_json_report(f, r);
}

static int print_start(FILE *f, const void *r)
{
	return view_json_start(f, r, 26);
}

static const struct record_view view_all = { .measured = ~0u };

static int print_record(FILE *f, const void *r)
{
	return view_json_record(f, r, &view_all);
}

static void check(json_t *line)
{
	char why[256];

	if (!schema_check(schema, line, why, sizeof(why))) {
		printf("    %s\n", why);
		CU_ASSERT(0);
	}
}

TEST(every_line_follows_the_schema)
{
	for (int t = 0; t < NR_TIERS; t++) {
		struct report r = made_up(t);
		json_t *j = printed(print_report, &r);

		check(j);
		json_decref(j);
		r.program_stats = true;
		r.type = "interval";
		j = printed(print_report, &r);
		check(j);
		json_decref(j);
		j = printed(print_start, &r);
		check(j);
		json_decref(j);
	}
}

TEST(the_schema_is_not_a_sieve)
{
	struct report r = made_up(TIER_FULL);
	json_t *j = printed(print_report, &r);
	char why[256];

	json_object_set_new(json_object_get(j, "cost"), "rss_bytes", json_string("much"));
	CU_ASSERT(!schema_check(schema, j, why, sizeof(why)));
	json_object_del(j, "cost");
	CU_ASSERT(!schema_check(schema, j, why, sizeof(why)));
	json_decref(j);
}

TEST(slow_lines)
{
	struct record r = made_up_record();
	json_t *j = printed(print_record, &r), *part;

	check(j);
	ASSERT_STR(json_string_value(json_object_get(j, "path")), "/mnt/dir/file");
	/* a name that is no UTF-8 does not lose the line */
	ASSERT_STR(json_string_value(json_object_get(j, "comm")), "a? z");
	part = json_array_get(json_object_get(j, "tree"), 1);
	ASSERT_EQ(json_integer_value(json_object_get(part, "request")), 2);
	ASSERT_EQ(json_integer_value(json_object_get(part, "partial_completions")), 2);
	ASSERT_STR(json_string_value(json_object_get(part, "error")), "I/O error");
	ASSERT_EQ(json_integer_value(json_object_get(json_object_get(part, "stages"), "i2d")), 5);
	CU_ASSERT(json_is_null(json_object_get(json_object_get(part, "stages"), "driver")));
	json_decref(j);
	/* both bios in one request */
	r.parts[1].rq = 1;
	r.parts[1].c_ns = 90;
	j = printed(print_record, &r);
	part = json_array_get(json_object_get(j, "tree"), 1);
	ASSERT_EQ(json_integer_value(json_object_get(part, "request")), 1);
	json_decref(j);
	r.slow.flags = SLOW_REQUEST;
	r.slow.kind = BOP_FLUSH_COMMAND;
	r.slow.sector = UINT64_MAX;
	r.slow.tag = -1;
	r.slow.result = 2;
	r.nr_frames = 2;
	r.ip[1] = 0x10;
	j = printed(print_record, &r);
	check(j);
	CU_ASSERT(json_is_null(json_object_get(j, "sector")));
	ASSERT_STR(json_string_value(json_object_get(j, "error")), "timeout");
	ASSERT_STR(json_string_value(json_array_get(json_object_get(j, "kernel_stack"), 1)), "0x10");
	CU_ASSERT(json_is_null(json_object_get(j, "via")));
	json_decref(j);
}

static int print_inflight(FILE *f, const void *l)
{
	return view_json_inflight(f, l, 100, 50);
}

/* Each line of the output. */
static void check_lines(const char *text, size_t want)
{
	size_t nr = 0;

	for (const char *at = text; *at; at = strchr(at, '\n') + 1) {
		json_t *j = json_loads(at, JSON_DISABLE_EOF_CHECK, NULL);

		CU_ASSERT(j != NULL);
		check(j);
		json_decref(j);
		nr++;
	}
	ASSERT_EQ(nr, want);
}

/* One of each source, with what that knows. */
TEST(inflight_lines)
{
	static struct inflight v[3];
	struct inflight_list l = { .v = v, .nr = 3, .unseen = { { 250 << 20 | 7, 4 } }, .nr_unseen = 1 };
	_cleanup_free_ char *text = NULL, *words = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);

	v[0].source = INFLIGHT_BEGUN;
	v[0].u = (struct unfinished){ .kind = KIND_READ, .via = VIA_URING, .stage = -1, .start_ns = 1, .age_ns = 99,
				      .offset = 8192, .owner = { 10, 11, "a" }, .fd = -1, .tag = -1 };
	v[1].source = INFLIGHT_TABLE;
	v[1].u = (struct unfinished){ .request = true, .kind = BOP_WRITE, .stage = STAGE_DEVICE, .bytes = 4096,
				      .offset = UINT64_MAX, .fd = -1, .dev = 250 << 20 | 7, .tag = 5 };
	v[2].source = INFLIGHT_TASK;
	v[2].u = (struct unfinished){ .kind = KIND_NONE, .via = VIA_KERNEL, .stage = -1, .offset = UINT64_MAX,
				      .owner = { 12, 12, "kworker" }, .fd = -1, .tag = -1 };
	strcpy(v[2].waits_in, "io_schedule");
	CU_ASSERT(!print_inflight(f, &l));
	fclose(f);
	check_lines(text, 4);
	f = open_memstream(&words, &len);
	CU_ASSERT(!view_text_inflight(f, &l, 50));
	fclose(f);
	CU_ASSERT(strstr(words, "read by io_uring  99ns so far, in running  a pid 10 tid 11") != NULL);
	CU_ASSERT(strstr(words, "request write  since before, in device  owner not known") != NULL);
	CU_ASSERT(strstr(words, "task  since before, waits in io_schedule  kworker pid 12") != NULL);
	CU_ASSERT(strstr(words, "operations 1, requests 1, other tasks asleep in the kernel 1; begun before the last 50ns: 2") !=
		  NULL);
	CU_ASSERT(strstr(words, "250:7: 4 more, by the kernel's count") != NULL);
}

TEST(a_flush_command_in_flight_has_no_sector)
{
	static struct inflight v[1];
	struct inflight_list l = { .v = v, .nr = 1 };
	_cleanup_free_ char *text = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);

	v[0].source = INFLIGHT_BEGUN;
	v[0].u = (struct unfinished){ .request = true, .kind = BOP_FLUSH_COMMAND, .stage = STAGE_DEVICE, .start_ns = 1,
				      .offset = UINT64_MAX, .sector = UINT64_MAX, .fd = -1, .dev = 250 << 20 | 7 };
	CU_ASSERT(!print_inflight(f, &l));
	CU_ASSERT(!view_text_inflight(f, &l, 50));
	fclose(f);
	CU_ASSERT(strstr(text, "\"sector\":null") != NULL);
	CU_ASSERT(strstr(text, "sector -  tag") != NULL);
}

TEST(where_sleeping_tasks_wait)
{
	u64 args[6];

	ASSERT_EQ(inflight_stage_of("balance_dirty_pages"), STAGE_THROTTLE);
	ASSERT_EQ(inflight_stage_of("blk_mq_get_tag"), STAGE_Q2G);
	ASSERT_EQ(inflight_stage_of("schedule"), -1);
	ASSERT_EQ(inflight_parse_syscall("1 0x3 0x7f94 0x1000 0x0 0x0 0x0 0x7ffd 0x7f94", args), 1);
	ASSERT_EQ(args[0], 3);
	ASSERT_EQ(args[2], 4096);
	ASSERT_EQ(inflight_parse_syscall("running", args), -1);
	ASSERT_EQ(inflight_parse_syscall("-1 0x7ffd 0x7f94", args), -1);
	ASSERT_EQ(inflight_parse_syscall("", args), -1);
}

TEST(not_measured_is_null_not_zero)
{
	struct report r = made_up(TIER_FULL);
	json_t *j = printed(print_report, &r), *st;

	st = json_object_get(json_array_get(json_object_get(j, "operations"), 0), "stages");
	CU_ASSERT(json_is_null(json_object_get(st, "driver")));
	CU_ASSERT(json_is_object(json_object_get(st, "wbwait")));
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

		check(j);
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

		check(j);
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
		check(j);
		ASSERT_EQ(json_integer_value(json_object_get(json_object_get(j, "values"), "mean_wait_ns")), 2000000);
		ASSERT_EQ(json_integer_value(json_object_get(json_object_get(j, "limits"), "wait_ns")), 1000000);
		json_decref(j);
		j = printed(print_report, &r);
		check(j);
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
	struct record rec = made_up_record();
	_cleanup_free_ char *text = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);

	CU_ASSERT(!view_text_report(f, &r));
	CU_ASSERT(!view_text_record(f, &rec, &view_all));
	fclose(f);
	CU_ASSERT(strstr(text, "2 no_end (requests whose completion was not seen)") != NULL);
	CU_ASSERT(strstr(text, "9 recursion") != NULL);
	CU_ASSERT(strstr(text, "p99?") != NULL);
	CU_ASSERT(strstr(text, "driver        not measured") != NULL);
	CU_ASSERT(strstr(text, "the last 2 of 3 bios") != NULL);
	CU_ASSERT(strstr(text, "requeued 1  in 3 parts  status 10 I/O error") != NULL);
	CU_ASSERT(strstr(text, "/mnt/dir/file  offset 8192  cache miss") != NULL);
}

/* The command that flushes a device has no sector, in text either. */
TEST(a_flush_command_has_no_sector)
{
	struct record rec = made_up_record();
	_cleanup_free_ char *text = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);

	rec.slow.flags |= SLOW_REQUEST;
	rec.slow.kind = BOP_FLUSH_COMMAND;
	rec.slow.sector = rec.parts[0].sector = UINT64_MAX;
	CU_ASSERT(!view_text_record(f, &rec, &view_all));
	fclose(f);
	CU_ASSERT(strstr(text, "sector 18446744073709551615") == NULL);
	CU_ASSERT(strstr(text, "sector -  requests") != NULL);
	CU_ASSERT(strstr(text, "sector -  bytes") != NULL);
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
		T(every_line_follows_the_schema), T(the_schema_is_not_a_sieve), T(slow_lines), T(inflight_lines), T(a_flush_command_in_flight_has_no_sector), T(where_sleeping_tasks_wait),
		T(not_measured_is_null_not_zero), T(coverage_adds_up),
		T(the_share_that_was_reconstructed), T(who_it_was), T(stacks_of_a_summary), T(anomalies),
		T(text_names_what_was_lost_and_what_not_measured), T(a_flush_command_has_no_sector), T(a_full_disk_is_an_error),
	};
	int r;

	schema = json_load_file("tracer/schema.json", 0, NULL);
	if (!schema) {
		printf("tracer/schema.json: not there, or no JSON\n");
		return 1;
	}
	r = test_run("view", cases, ARRAY_SIZE(cases), argc, argv);
	json_decref(schema);
	stats_free(&stats);
	return r;
}
