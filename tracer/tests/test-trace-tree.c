/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The tree of an operation's record: its bios with their requests, its critical path. */
#include <string.h>

#include "ground-attempt.h"
#include "ground-check.h"
#include "ground-loops.h"
#include "ground-trace.h"
#include "tracer/base/cleanup.h"
#include "tracer/base/test.h"

/* One large write is one operation of several bios, each with its request; and where it was submitted. */
TRACE_TEST(the_tree_of_a_record)
{
	enum { BIG = 8 << 20 };
	const char *why = need_loop();
	struct trace t;
	json_t *line, *part;
	size_t i, p;
	int nr = 0;

	if (why)
		TEST_SKIP(why);
	check_case("--threshold 1ns --kernel-stack, one write of 8 MiB");
	if (trace_command(&t,
			  "--tier vfs --dev %s --threshold 1ns --kernel-stack -- known-count --target %s --count 1 --size %d --op write --direct",
			  loop.name, loop.path, BIG)) {
		json_array_foreach(t.lines, i, line) {
			json_t *tree = json_at(line, "tree"), *stack = json_at(line, "kernel_stack");
			int64_t bytes = 0;

			if (!trace_is_slow(line))
				continue;
			nr++;
			check_between("bios", number_at(line, "bios"), 2, 1000);
			check_between("told", (int64_t)json_array_size(tree), 2, 8);
			check_same("those and the untold", (int64_t)json_array_size(tree) + number_at(line, "bios_untold"),
				   number_at(line, "bios"));
			json_array_foreach(tree, p, part) {
				bytes += number_at(part, "bytes");
				check_text("op", text_at(part, "op"), "write");
				check_text("device", text_at(part, "device"), loop.name);
				check_same("status", number_at(part, "status"), 0);
				check_between("device time", number_at(part, "stages.device"), 1,
					      number_at(line, "total_ns"));
			}
			if (number_at(line, "bios") <= 8)
				check_same("bytes of the requests", bytes, BIG);
			check_between("frames of the stack", (int64_t)json_array_size(stack), 3, 32);
			check_true("the stack is in the block layer",
				   strstr(json_string_value(json_array_get(stack, 0)), "bio") != NULL);
			check_text("stack of devices", text_at(line, "device_stack"), loop.name);
			check_text("scheduler", text_at(line, "scheduler"), "none");
			check_true("no error", json_is_null(json_at(line, "error")));
		}
		check_same("slow lines", nr, 1);
	}
	trace_free(&t);
}

/* Of a record with requests one beside the other: it holds the last, adds up, and waits for no two at once. */
static void check_critical(json_t *line)
{
	json_t *path = json_at(line, "critical_path"), *part, *stages;
	int64_t sum = number_at(path, "outside_ns"), last_end = 0, last = 0, ns;
	const char *name;
	size_t i;

	json_array_foreach(json_at(line, "tree"), i, part) {
		int64_t end = number_at(part, "queued_ns");

		json_object_foreach(json_at(part, "stages"), name, stages)
			end += json_is_integer(stages) ? json_integer_value(stages) : 0;
		if (end > last_end) {
			last_end = end;
			last = number_at(part, "request");
		}
	}
	json_object_foreach(json_at(path, "stages"), name, stages) {
		ns = json_integer_value(stages);
		sum += ns;
	}
	check_same("sum of the path", sum, number_at(line, "total_ns"));
	i = json_array_size(json_at(path, "requests"));
	check_between("requests on it", (int64_t)i, 1, 8);
	check_same("the last is on it", json_integer_value(json_array_get(json_at(path, "requests"), i - 1)), last);
}

/* Reads of @size from a disk that takes 8 KiB a request, each of which has a record, that @check looks at. */
static void narrow_reads(const char *size, int reads, int requests, void (*check)(json_t *line))
{
	static struct loop narrow = { .fd = -1 };
	const char *why = loop_need(&narrow, 64 << 20);
	struct trace t;
	int64_t nr = 0;
	int64_t kb = 8;
	json_t *line;
	size_t i;

	if (why)
		TEST_SKIP(why);
	check_case("%d reads of %s in requests of 8 KiB", reads, size);
	if (!check_same("8 KiB a request", loop_queue_swap(&narrow, "max_sectors_kb", &kb), 0))
		return;
	if (trace_command(&t, "--tier vfs --dev %s --threshold 1ns -- known-count --target %s --count %d --size %s --direct",
			  narrow.name, narrow.path, reads, size)) {
		json_array_foreach(t.lines, i, line) {
			if (!trace_is_slow(line))
				continue;
			nr++;
			check_same("requests", number_at(line, "requests"), requests);
			check(line);
		}
		check_same("lines", nr, reads);
		check_same("requests counted", trace_device_count(&t, narrow.name, "read"), (int64_t)reads * requests);
	}
	check_same("as it was", loop_queue_swap(&narrow, "max_sectors_kb", &kb), 0);
	trace_free(&t);
}

/* Reads that the disk takes in eight pieces. */
TRACE_TEST(the_critical_path_of_a_record)
{
	narrow_reads("64k", 53, 8, check_critical);
}

enum { BIOS = 128, TOLD = 8 };

static void check_untold(json_t *line)
{
	check_same("bios", number_at(line, "bios"), BIOS);
	check_same("told", (int64_t)json_array_size(json_at(line, "tree")), TOLD);
	check_same("untold", number_at(line, "bios_untold"), BIOS - TOLD);
	check_true("no path through what is not there", json_is_null(json_at(line, "critical_path")));
}

/* Reads that the disk takes in many more pieces than a record has room for. */
TRACE_TEST(a_record_says_how_many_bios_it_leaves_out)
{
	narrow_reads("1M", 23, BIOS, check_untold);
}

/* What a write asks for beyond itself. */
TRACE_TEST(writes_with_fua)
{
	enum { WRITES = 41 };
	static const struct {
		const char *flags;
		bool fua;
	} rows[] = { { "direct,dsync", true }, { "direct", false } };
	const char *why = need_loop();

	if (why)
		TEST_SKIP(why);
	for (size_t r = 0; r < ARRAY_SIZE(rows); r++) {
		int64_t nr = 0;
		struct trace t;
		json_t *line;
		size_t i;

		check_case("oflag=%s", rows[r].flags);
		if (trace_command(&t, "--tier vfs --dev %s --threshold 1ns -- dd if=/dev/zero of=%s bs=4k count=%d oflag=%s",
				  loop.name, loop.path, WRITES, rows[r].flags)) {
			json_array_foreach(t.lines, i, line) {
				json_t *bio = json_array_get(json_at(line, "tree"), 0);

				if (!trace_is_slow(line) || strcmp(text_at(line, "kind"), "write"))
					continue;
				nr++;
				check_text("its bio", text_at(bio, "op"), "write");
				check_true("fua", json_is_true(json_at(bio, "fua")) == rows[r].fua);
				check_true("preflush", json_is_false(json_at(bio, "preflush")));
			}
			check_same("lines", nr, WRITES);
		}
		trace_free(&t);
	}
}

TEST_MAIN("trace-tree", T(the_tree_of_a_record), T(the_critical_path_of_a_record), T(a_record_says_how_many_bios_it_leaves_out), T(writes_with_fua))
