/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Records, and what is in flight, as they are printed. */
#include <stdlib.h>

#include "printed.h"
#include "tracer/base/cleanup.h"
#include "tracer/base/test.h"
#include "tracer/inflight-task.h"
#include "tracer/record.h"
#include "tracer/view.h"

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

static const struct record_view view_all = { .measured = ~0u };

static int print_record(FILE *f, const void *r)
{
	return view_json_record(f, r, &view_all);
}

TEST(slow_lines)
{
	struct record r = made_up_record();
	json_t *j = printed(print_record, &r), *part;

	printed_check(j);
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
	/* its bios have their own */
	CU_ASSERT(json_is_null(json_object_get(j, "fua")));
	CU_ASSERT(json_is_null(json_object_get(j, "preflush")));
	part = json_array_get(json_object_get(j, "tree"), 1);
	ASSERT_EQ(json_integer_value(json_object_get(part, "request")), 1);
	json_decref(j);
	r.slow.flags = SLOW_REQUEST | WRITE_FUA << SLOW_WRITE_SHIFT;
	r.slow.kind = BOP_FLUSH_COMMAND;
	r.slow.sector = UINT64_MAX;
	r.slow.tag = -1;
	r.slow.result = 2;
	r.nr_frames = 2;
	r.ip[1] = 0x10;
	j = printed(print_record, &r);
	printed_check(j);
	CU_ASSERT(json_is_null(json_object_get(j, "sector")));
	ASSERT_STR(json_string_value(json_object_get(j, "error")), "timeout");
	ASSERT_STR(json_string_value(json_array_get(json_object_get(j, "kernel_stack"), 1)), "0x10");
	CU_ASSERT(json_is_null(json_object_get(j, "via")));
	CU_ASSERT(json_is_true(json_object_get(j, "fua")));
	CU_ASSERT(json_is_false(json_object_get(j, "preflush")));
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
		printed_check(j);
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

TEST(a_record_in_words)
{
	struct record rec = made_up_record();
	_cleanup_free_ char *text = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);

	CU_ASSERT(!view_text_record(f, &rec, &view_all));
	fclose(f);
	CU_ASSERT(strstr(text, "2 of 3 bios, there was no room for the others") != NULL);
	CU_ASSERT(strstr(text, "requeued 1  in 3 parts  status 10 I/O error") != NULL);
	CU_ASSERT(strstr(text, "/mnt/dir/file  offset 8192  cache miss") != NULL);
}

TEST(more_bios_than_a_record_holds)
{
	struct record rec = made_up_record();
	_cleanup_free_ char *text = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);

	rec.nr_parts = MAX_PARTS;
	for (u32 i = 2; i < MAX_PARTS; i++)
		rec.parts[i] = rec.parts[1];
	rec.slow.nr_parts = 100;
	CU_ASSERT(!view_text_record(f, &rec, &view_all));
	CU_ASSERT(!view_json_record(f, &rec, &view_all));
	fclose(f);
	CU_ASSERT(strstr(text, "the last 8 of 100 bios") != NULL);
	CU_ASSERT(strstr(text, "\"bios\":100,\"bios_untold\":92,") != NULL);
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

int main(int argc, char **argv)
{
	static const struct test_case cases[] = {
		T(slow_lines), T(inflight_lines), T(a_flush_command_in_flight_has_no_sector), T(where_sleeping_tasks_wait),
		T(a_record_in_words), T(more_bios_than_a_record_holds), T(a_flush_command_has_no_sector),
	};
	int r = printed_begin();

	if (r)
		return r;
	r = test_run("view-record", cases, ARRAY_SIZE(cases), argc, argv);
	printed_end();
	return r;
}
