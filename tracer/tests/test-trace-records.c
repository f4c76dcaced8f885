/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Single operations: those over a threshold, each Nth, the slowest. Each must
 * be told with what the generator knows of it; what is not told is counted.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
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
	const char *by;		/* a thread of the generator's that submits for it; NULL: it does itself */
};

/* A thread of io_uring's: one of the process, with a name and a number of its own. */
static bool check_submitter(json_t *line, pid_t pid, const char *by)
{
	bool fine;

	if (!by)
		return check_true("no submitter but the owner", json_is_null(json_at(line, "submitter")));
	fine = check_has("submitter", text_at(line, "submitter.comm"), by);
	fine &= check_same("pid of the submitter", number_at(line, "submitter.pid"), pid);
	fine &= check_true("a thread of its own", number_at(line, "submitter.tid") != pid);
	return fine & check_text("cgroup of the submitter", text_at(line, "submitter.cgroup"), text_at(line, "cgroup"));
}

static bool check_slow_line(json_t *line, int64_t nth, pid_t pid, const struct told *told)
{
	bool fine = check_same("pid", number_at(line, "pid"), pid);

	fine &= check_same("tid", number_at(line, "tid"), pid);
	fine &= check_text("comm", text_at(line, "comm"), "known-count");
	fine &= check_submitter(line, pid, told->by);
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

/* How many there are; the first that is wrong is told, not each. */
static int64_t slow_lines(const struct trace *t, const struct told *told)
{
	pid_t pid = (pid_t)number_at(t->manifest, "pid");
	bool fine = true;
	int64_t nr = 0;
	json_t *line;
	size_t i;

	json_array_foreach(t->lines, i, line) {
		if (!trace_is_slow(line))
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
		if (trace_is_slow(line) && number_at(line, member) > 0)
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
		{ "--engine psync --direct", dev, NULL, 2 * SIZE, true, NULL },
		{ "--engine psync --direct", dev, dev, 2 * SIZE, true, NULL },
		{ "--engine readv --direct", dev, dev, 2 * SIZE, true, NULL },
		{ "--engine io_uring --direct --op write", dev, dev, 2 * SIZE, true, NULL },
		{ "--engine io_uring_punt --direct", dev, dev, 2 * SIZE, true, "iou-wrk" },
		{ "--engine sqpoll --direct", dev, dev, 2 * SIZE, true, "iou-sqp" },
		{ "--engine libaio --direct --contiguous", dev, dev, SIZE, true, NULL },
	};

	if (why)
		TEST_SKIP(why);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		threshold_case(!rows[i].path ? "block" : i % 2 ? "vfs" : "full", &rows[i]);
}

/*
 * Lest what one row wrote be written back in the next; and what the page cache has, io_uring leaves to a
 * worker on 5.10.
 */
static void write_back(const char *file)
{
	_cleanup_close_ int fd = open(file, O_RDONLY | O_CLOEXEC);

	check_same("syncfs", fd < 0 ? -errno : syncfs(fd), 0);
	check_same("drop the page cache", posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED), 0);
}

static void told_of_file(const char *file)
{
	const struct told rows[] = {
		{ "--op write", file, file, 2 * SIZE, false, NULL },
		{ "--cold --no-readahead", file, file, 2 * SIZE, false, NULL },
		{ "--engine sync", file, file, 2 * SIZE, false, NULL },
		{ "--engine io_uring --direct", file, file, 2 * SIZE, false, NULL },
		{ "--engine libaio --direct --op write", file, file, 2 * SIZE, false, NULL },
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
			nr += trace_is_slow(line);
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
			check_same("asked for", number_at(t.summary, "top.asked"), 3);
			check_same("told", number_at(t.summary, "top.told"), 3);
			check_same("nothing is left out", number_at(t.summary, "top.nothing_else_from_ns"), 0);
			check_coverage(&t);
		}
		trace_free(&t);
	}
}

/*
 * The slowest of each interval: they are told with it, and ranks begin anew. By a threshold that all pass: one of its
 * own follows the load, and what was below it is not told.
 */
TRACE_TEST(the_slowest_of_each_interval)
{
	enum { INTERVALS = 3, READS = 101, LINES = READS + 2 + 1 /* all of them, the slowest, the interval */ };
	const char *why = need_loop();
	struct trace t = {};

	if (why)
		TEST_SKIP(why);
	check_case("--top 2 --threshold 1ns, three intervals that are asked for");
	if (trace_begin(&t, "--tier vfs --dev %s --top 2 --threshold 1ns", loop.name)) {
		json_t *line;
		int64_t rank = 0, intervals = 0;
		size_t i;

		for (size_t k = 1; k <= INTERVALS; k++) {
			struct proc p = {};

			check_same("status", proc_line(&p, "known-count --target %s --count %d --direct", loop.path, READS), 0);
			proc_free(&p);
			proc_signal(&t.proc, SIGUSR1);
			check_true("an interval is told", trace_wait_lines(&t, 1 + LINES * k, 5000));
		}
		if (trace_end(&t, SIGINT))
			json_array_foreach(t.lines, i, line) {
				const char *type = text_at(line, "type");

				if (!strcmp(type, "top")) {
					check_same("rank", number_at(line, "rank"), ++rank);
				} else if (!strcmp(type, "interval")) {
					check_same("told of an interval", rank, 2);
					intervals++;
					rank = 0;
				}
			}
		check_same("intervals", intervals, INTERVALS);
	}
	trace_free(&t);
}

/* The first interval's slowest set the threshold of the second, of whose reads some may be too quick for it. */
TRACE_TEST(fewer_slow_ones_than_asked_for)
{
	const char *why = need_loop();
	struct trace t = {};

	if (why)
		TEST_SKIP(why);
	check_case("--top 50, of an interval of 500 reads and one of 7");
	if (trace_begin(&t, "--tier vfs --dev %s --top 50", loop.name)) {
		struct proc p = {};

		check_same("status", proc_line(&p, "known-count --target %s --count 500 --direct", loop.path), 0);
		proc_free(&p);
		proc_signal(&t.proc, SIGUSR1);
		check_true("an interval is told", trace_wait_lines(&t, 1 + 50 + 1, 5000));
		check_same("status", proc_line(&p, "known-count --target %s --count 7 --direct", loop.path), 0);
		proc_free(&p);
		if (trace_end(&t, SIGINT)) {
			int64_t told = number_at(t.summary, "top.told");

			check_same("asked for", number_at(t.summary, "top.asked"), 50);
			check_between("told", told, 0, 7);
			check_same("lines", (int64_t)json_array_size(t.lines), 1 + 50 + 1 + told + 1);
			check_between("nothing else took", number_at(t.summary, "top.nothing_else_from_ns"), 1, INT64_MAX);
		}
	}
	trace_free(&t);
}

TEST_MAIN("trace-records", T(the_slowest_of_a_run), T(the_slowest_of_each_interval), T(fewer_slow_ones_than_asked_for), T(over_the_threshold),
	  T(over_the_threshold_in_a_file),
	  T(what_is_not_told_is_counted), T(samples))
