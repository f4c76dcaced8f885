/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Who starts block I/O: stacks of known I/O, and their counts. */
#include <signal.h>
#include <stdlib.h>

#include "ground-attempt.h"
#include "ground-check.h"
#include "ground-loops.h"
#include "ground-place.h"
#include "ground-trace.h"
#include "tracer/base/cleanup.h"
#include "tracer/base/test.h"

enum { N = 211, SIZE = 4096 };

static bool has_frame(json_t *row, const char *side, const char *part)
{
	json_t *frame;
	size_t i;

	json_array_foreach(json_at(row, side), i, frame)
		if (strstr(json_string_value(frame), part))
			return true;
	return false;
}

/* Its latencies, by class, are those of all its bios. */
static void check_latencies(json_t *row)
{
	json_t *class;
	int64_t n = 0;
	size_t i;

	json_array_foreach(json_at(row, "latency_from_ns"), i, class)
		n += json_integer_value(json_array_get(class, 1));
	check_same("bios in the classes of latency", n, number_at(row, "count"));
}

/* Of all rows of an operation; each must have @kernel in its stack, if given. */
static int64_t sum_rows(const struct trace *t, const char *op, const char *member, const char *kernel)
{
	json_t *row;
	int64_t n = 0;
	size_t i;

	json_array_foreach(json_at(t->summary, "stacks.rows"), i, row) {
		if (strcmp(text_at(row, "op"), op))
			continue;
		check_text("device", text_at(row, "device"), loop.name);
		if (kernel)
			check_true(kernel, has_frame(row, "kernel", kernel));
		check_latencies(row);
		n += number_at(row, member);
	}
	return n;
}

static void check_lost(const struct trace *t)
{
	check_same("collided", number_at(t->summary, "stacks.lost.collided"), 0);
	check_same("unreadable", number_at(t->summary, "stacks.lost.unreadable"), 0);
	check_same("full", number_at(t->summary, "stacks.lost.full"), 0);
}

/* Sum of the weights; each line's frames go from the outermost to the innermost. */
static int64_t sum_folded(const char *path)
{
	_cleanup_fclose_ FILE *f = fopen(path, "re");
	_cleanup_free_ char *line = NULL;
	size_t cap = 0;
	int64_t n = 0;

	while (f && getline(&line, &cap, f) > 0) {
		const char *weight = strrchr(line, ' '), *call = strstr(line, "do_syscall_64"),
			   *submit = strstr(line, "submit_bio");

		check_true("a weight", weight);
		check_true("from the call to the bio", call && submit && call < submit);
		n += weight ? atoll(weight) : 0;
	}
	return n;
}

TRACE_TEST(every_bio_has_its_stack)
{
	static const char *const tiers[] = { "block", "full" };
	const char *why = need_loop();

	if (why)
		TEST_SKIP(why);
	for (size_t i = 0; i < ARRAY_SIZE(tiers); i++) {
		struct trace t;
		char path[128];

		check_case("tier %s", tiers[i]);
		snprintf(path, sizeof(path), "%s", place_path("folded-%zu", i));
		if (trace_command(&t, "--tier %s --dev %s --stacks --folded %s --folded-by count -- known-count --target %s --count %d --direct",
				  tiers[i], loop.name, path, loop.path, N)) {
			check_same("bios", sum_rows(&t, "read", "count", "blkdev_read_iter"), N);
			check_same("bytes", sum_rows(&t, "read", "bytes", NULL), N * SIZE);
			check_between("time", sum_rows(&t, "read", "sum_ns", NULL), 1, INT64_MAX);
			check_same("folded", sum_folded(path), N);
			check_lost(&t);
		}
		trace_free(&t);
	}
}

/* Metadata that no call asks for by name: the seed's question. */
TRACE_TEST(what_a_file_system_does_on_its_own)
{
	const char *why = need_loop();
	struct trace t = {};
	struct proc p = {};

	if (why)
		TEST_SKIP(why);
	if (place_mount_ext4("fs", loop.path, NULL))
		TEST_SKIP("no ext4");
	check_case("write and fsync on ext4");
	if (trace_begin(&t, "--tier block --dev %s --stacks", loop.name)) {
		proc_line(&p, "known-count --target %s --op write --count 7 --fsync-every 1", place_path("fs/data"));
		proc_free(&p);
		if (trace_end(&t, SIGINT)) {
			json_t *row;
			bool journal = false, data = false;
			size_t i;

			json_array_foreach(json_at(t.summary, "stacks.rows"), i, row) {
				journal |= has_frame(row, "kernel", "jbd2");
				data |= has_frame(row, "kernel", "ext4_writepages") || has_frame(row, "kernel", "writepages");
			}
			check_true("the journal", journal);
			check_true("the data", data);
		}
	}
	trace_free(&t);
	place_umount("fs");
}

TRACE_TEST(the_stack_in_user_space)
{
	const char *why = need_loop();
	struct trace t;
	json_t *row;

	if (why)
		TEST_SKIP(why);
	check_case("--stacks=user");
	if (trace_command(&t, "--tier block --dev %s --stacks=user -- known-count --target %s --count %d --direct --sleep-between 500us",
			  loop.name, loop.path, N)) {
		row = json_array_get(json_at(t.summary, "stacks.rows"), 0);
		check_same("bios", sum_rows(&t, "read", "count", "blkdev_read_iter"), N);
		check_text("comm", text_at(row, "comm"), "known-count");
		check_true("pread", has_frame(row, "user", "pread"));
	}
	trace_free(&t);
}

TEST(what_cannot_be_asked_for)
{
	static const char *const words[][2] = {
		{ "--stacks=all", "neither kernel nor user" },
		{ "--folded /tmp/x", "needs --stacks" },
		{ "--stacks --folded-by count", "needs --folded" },
		{ "--stacks --folded x --folded-by bytes", "neither time nor count" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		struct proc p = {};

		check_case("%s", words[i][0]);
		check_same("status", proc_line(&p, "iopath trace %s", words[i][0]), 2);
		check_has("stderr", p.err.text, words[i][1]);
		check_same("lines", text_lines(&p.err), 1);
		proc_free(&p);
	}
}

/* A report that cannot be written is an error, and says which. */
TEST(a_full_disk)
{
	const char *why = need_loop();
	struct proc p = {};

	if (why)
		TEST_SKIP(why);
	check_case("--folded /dev/full");
	check_same("status", proc_line(&p, "iopath trace --json --tier block --dev %s --stacks --folded /dev/full -- known-count --target %s --count %d --direct",
				       loop.name, loop.path, N), 1);
	check_has("stderr", p.err.text, "--folded /dev/full: No space left on device");
	proc_free(&p);
}

TEST_MAIN("trace-stacks", T(every_bio_has_its_stack), T(what_a_file_system_does_on_its_own),
	  T(the_stack_in_user_space), T(what_cannot_be_asked_for), T(a_full_disk))
