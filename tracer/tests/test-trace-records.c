/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Single operations: those over a threshold, each Nth, the slowest. Each must
 * be told with what the generator knows of it; what is not told is counted.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "ground-attempt.h"
#include "ground-check.h"
#include "ground-loops.h"
#include "ground-place.h"
#include "ground-trace.h"
#include "tracer/base/cleanup.h"
#include "tracer/base/test.h"

enum { N = 97, SIZE = 4096 };

/* ---- over the threshold ---- */

/* What the lines must say; the Nth I/O of the plan is @step after the one before. */
struct told {
	const char *words;	/* of the generator */
	const char *target;
	const char *path;	/* NULL: requests are told, not operations */
	int64_t step;
	bool on_disk;		/* the target is the device: sectors are known */
};

static bool check_slow_line(json_t *line, int64_t nth, pid_t pid, const struct told *told)
{
	bool fine = check_same("pid", number_at(line, "pid"), pid);

	fine &= check_text("comm", text_at(line, "comm"), "known-count");
	fine &= check_same("bytes", number_at(line, "bytes"), SIZE);
	fine &= check_between("total_ns", number_at(line, "total_ns"), 1, INT64_MAX);
	fine &= check_text("level", text_at(line, "level"), told->path ? "operation" : "request");
	if (told->on_disk) {
		fine &= check_text("device", text_at(line, "device"), loop.name);
		fine &= check_same("sector", number_at(line, "sector"), nth * told->step / 512);
	}
	if (told->path) {
		fine &= check_text("path", text_at(line, "path"), told->path);
		fine &= check_same("offset", number_at(line, "offset"), nth * told->step);
	}
	return fine;
}

static bool is_slow(json_t *line)
{
	const char *type = text_at(line, "type");

	return type && !strcmp(type, "slow");
}

/* How many there are; the first that is wrong is told, not each. */
static int64_t slow_lines(const struct trace *t, const struct told *told)
{
	pid_t pid = (pid_t)number_at(t->manifest, "pid");
	bool fine = true;
	int64_t nr = 0;
	json_t *line;
	size_t i;

	json_array_foreach(t->lines, i, line) {
		if (!is_slow(line))
			continue;
		fine = fine && check_slow_line(line, nr, pid, told);
		nr++;
	}
	return nr;
}

static int64_t sum_of_lines(const struct trace *t, const char *member)
{
	int64_t sum = 0;
	json_t *line;
	size_t i;

	json_array_foreach(t->lines, i, line)
		if (is_slow(line) && number_at(line, member) > 0)
			sum += number_at(line, member);
	return sum;
}

/* All was told, so the lines of a stage add up to what the summary says of it. */
static void check_sums(const struct trace *t, const struct told *told)
{
	json_t *row = told->path ? json_array_get(json_at(t->summary, "operations"), 0) :
				   trace_device_op(t, loop.name, "read");
	json_t *stages = json_at(row, "stages"), *stage;
	const char *name;
	char member[64];

	json_object_foreach(stages, name, stage) {
		bool total = !strcmp(name, "total");

		snprintf(member, sizeof(member), total ? "total_ns" : "stages.%s", name);
		if (!json_is_null(stage))
			check_same(member, sum_of_lines(t, member), number_at(stage, "sum_ns"));
	}
}

static void threshold_case(const char *tier, const struct told *told)
{
	static const struct {
		const char *threshold;
		int64_t lines;
	} rows[] = { { "1ns", N }, { "10s", 0 } };

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct trace t;

		check_case("tier %s: --threshold %s, %s", tier, rows[i].threshold, told->words);
		if (trace_command(&t,
				  "--tier %s --dev %s --threshold %s -- known-count --target %s --count %d %s",
				  tier, loop.name, rows[i].threshold, told->target, N, told->words)) {
			check_same("slow lines", slow_lines(&t, told), rows[i].lines);
			if (rows[i].lines)
				check_sums(&t, told);
		}
		trace_free(&t);
	}
}

TRACE_TEST(over_the_threshold)
{
	const char *why = need_loop(), *dev = loop.path;
	const struct told rows[] = {
		{ "--engine psync --direct", dev, NULL, 2 * SIZE, true },
		{ "--engine psync --direct", dev, dev, 2 * SIZE, true },
		{ "--engine readv --direct", dev, dev, 2 * SIZE, true },
		{ "--engine io_uring --direct --op write", dev, dev, 2 * SIZE, true },
		{ "--engine io_uring_punt --direct", dev, dev, 2 * SIZE, true },
		{ "--engine libaio --direct --contiguous", dev, dev, SIZE, true },
	};

	if (why)
		TEST_SKIP(why);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		threshold_case(!rows[i].path ? "block" : i % 2 ? "vfs" : "full", &rows[i]);
}

/* Lest what one row wrote be written back in the next. */
static void write_back(const char *file)
{
	_cleanup_close_ int fd = open(file, O_RDONLY | O_CLOEXEC);

	check_same("syncfs", fd < 0 ? -errno : syncfs(fd), 0);
}

static void told_of_file(const char *file)
{
	const struct told rows[] = {
		{ "--op write", file, file, 2 * SIZE, false },
		{ "--cold --no-readahead", file, file, 2 * SIZE, false },
		{ "--engine sync", file, file, 2 * SIZE, false },
		{ "--engine io_uring --direct", file, file, 2 * SIZE, false },
		{ "--engine libaio --direct --op write", file, file, 2 * SIZE, false },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		threshold_case(i % 2 ? "full" : "filemap", &rows[i]);
		write_back(file);
	}
}

TRACE_TEST(over_the_threshold_in_a_file)
{
	const char *why = need_loop();
	char file[256];
	int err;

	if (why)
		TEST_SKIP(why);
	check_case("ext4 on %s", loop.name);
	err = place_mount_ext4("told", loop.path, "");
	if (!check_same("mount", err, 0))
		return;
	mkdir(place_path("told/dir"), 0755);
	snprintf(file, sizeof(file), "%s", place_path("told/dir/file"));
	told_of_file(file);
	place_umount("told");
}

/* More at once than the ring holds: what is not told is counted. */
TRACE_TEST(what_is_not_told_is_counted)
{
	enum { MANY = 20011 };
	const char *why = need_loop();
	struct trace t;
	int64_t nr = 0;
	json_t *line;
	size_t i;

	if (why)
		TEST_SKIP(why);
	check_case("--threshold 1ns, %d reads", MANY);
	if (trace_command(
		    &t,
		    "--tier vfs --dev %s --threshold 1ns -- known-count --target %s --count %d --size 512 --direct"
		    " --engine io_uring --depth 64 --batch 32",
		    loop.name, loop.path, MANY)) {
		json_array_foreach(t.lines, i, line)
			nr += is_slow(line);
		check_same("slow lines and those lost",
			   nr + number_at(t.summary, "coverage.lost.ring_full"), MANY);
		check_device(&t, loop.name, "read", MANY, MANY * 512);
		check_operation(&t, "read", "io_uring", MANY, MANY * 512);
	}
	trace_free(&t);
}

static void sample_case(const char *tier, int every, int64_t count)
{
	struct trace t;
	int64_t nr = 0, lost;
	json_t *line;
	size_t i;

	check_case("tier %s: --sample 1/%d of %lld reads", tier, every, (long long)count);
	if (trace_command(
		    &t, "--tier %s --dev %s --sample 1/%d -- known-count --target %s --count %lld --size 512 --direct",
		    tier, loop.name, every, loop.path, (long long)count)) {
		json_array_foreach(t.lines, i, line)
			nr += text_at(line, "type") && !strcmp(text_at(line, "type"), "sample") &&
			      check_text("level", text_at(line, "level"), strcmp(tier, "block") ? "operation" : "request");
		lost = number_at(t.summary, "coverage.lost.ring_full");
		/* each processor counts for itself, and keeps less than a whole turn */
		check_between("sampled lines and those lost", nr + lost, every == 1 ? count : count / every - 8,
			      count / every);
		check_device(&t, loop.name, "read", count, count * 512);
	}
	trace_free(&t);
}

TRACE_TEST(samples)
{
	const char *why = need_loop();

	if (why)
		TEST_SKIP(why);
	sample_case("block", 1, 499);
	sample_case("vfs", 1, 499);
	sample_case("full", 10, 2003);
	sample_case("block", 100, 2003);
}

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

			if (!is_slow(line))
				continue;
			nr++;
			check_between("bios", number_at(line, "bios"), 2, 1000);
			check_between("told", (int64_t)json_array_size(tree), 2, 8);
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

/* Three of many, by a threshold of its own or by one that is given; each interval anew. */
TRACE_TEST(the_slowest_of_a_run)
{
	const char *why = need_loop();
	static const char *const more[] = { "", "--threshold 1ns" };

	if (why)
		TEST_SKIP(why);
	for (size_t m = 0; m < ARRAY_SIZE(more); m++) {
		struct trace t;
		int64_t last = INT64_MAX, nr = 0;
		json_t *line;
		size_t i;

		check_case("--top 3 %s", more[m]);
		if (trace_command(&t, "--tier vfs --dev %s --top 3 %s -- known-count --target %s --count 2003 --direct",
				  loop.name, more[m], loop.path)) {
			json_t *total = json_at(trace_operation(&t, "read", "syscall"), "stages.total");

			json_array_foreach(t.lines, i, line) {
				if (!text_at(line, "type") || strcmp(text_at(line, "type"), "top"))
					continue;
				nr++;
				check_same("rank", number_at(line, "rank"), nr);
				check_between("slower ones first", number_at(line, "total_ns"), 1, last);
				last = number_at(line, "total_ns");
				if (nr == 1)
					check_same("the slowest of all", last, number_at(total, "max_ns"));
			}
			check_same("lines", nr, 3);
			check_coverage(&t);
		}
		trace_free(&t);
	}
}

TEST_MAIN("trace-records", T(the_tree_of_a_record), T(the_slowest_of_a_run), T(over_the_threshold), T(over_the_threshold_in_a_file),
	  T(what_is_not_told_is_counted), T(samples))
