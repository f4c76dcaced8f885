/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Waits that the test makes must show up in the stage they belong to and in
 * no other, and an operation over the threshold must be told with what the
 * generator knows of it.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>

#include "ground-attempt.h"
#include "ground-check.h"
#include "ground-loop.h"
#include "ground-place.h"
#include "ground-slow.h"
#include "ground-trace.h"
#include "tracer/base/cleanup.h"
#include "tracer/base/test.h"

enum { N = 97, SIZE = 4096, DEVICE_BYTES = 64 << 20 };
#define MS 1000000ll

static struct loop loop = { .fd = -1 };

static const char *need_loop(void)
{
	return loop_need(&loop, DEVICE_BYTES);
}

/* Trace @words on the slow device, whose writes are held up for @ms from before the first. */
static bool held_run(struct trace *t, const char *options, int ms, const char *words)
{
	struct proc p = {};
	pid_t holder;
	int status;

	if (!trace_begin(t, "%s --dev %s", options, slow.name))
		return false;
	holder = slow_hold(ms);
	check_same("status of the generator",
		   proc_line(&p, "known-count --target %s --op write --direct %s", slow.path, words), 0);
	check_true("writes were held", waitpid(holder, &status, 0) == holder && !status);
	proc_free(&p);
	return trace_end(t, SIGINT);
}

static int64_t stage(const struct trace *t, const char *stage_name, const char *member)
{
	char path[64];

	snprintf(path, sizeof(path), "stages.%s.%s", stage_name, member);
	return number_at(trace_device_op(t, slow.name, "write"), path);
}

TRACE_TEST(a_slow_device_is_seen_as_one)
{
	static const char *const quick[] = { "q2g", "g2i", "i2d" };
	static const char *const tiers[] = { "--tier block", "--tier full" };
	const char *why = slow_need();

	if (why)
		TEST_SKIP(why);
	for (size_t i = 0; i < ARRAY_SIZE(tiers); i++) {
		struct trace t;

		check_case("%s: one write, held for 300 ms in the device", tiers[i]);
		if (held_run(&t, tiers[i], 300, "--count 1")) {
			check_between("longest in the device", stage(&t, "device", "max_ns"), 200 * MS,
				      800 * MS);
			for (size_t s = 0; s < ARRAY_SIZE(quick); s++)
				check_between(quick[s], stage(&t, quick[s], "max_ns"), -1, 100 * MS);
			check_device(&t, slow.name, "write", 1, SIZE);
			check_coverage(&t);
		}
		if (i && t.summary) {
			check_operation(&t, "write", "syscall", 1, SIZE);
			check_between(
				"its operation's time in the device",
				number_at(trace_operation(&t, "write", "syscall"), "stages.device.sum_ns"),
				200 * MS, 800 * MS);
		}
		trace_free(&t);
	}
}

/*
 * More writes than the device has tags: without a scheduler the rest waits to
 * be allocated, with one it is inserted and waits to be issued.
 */
static void queue_case(const char *scheduler, const char *waits_in, const char *not_in, int64_t tags)
{
	int64_t rest = 72, count = tags + rest;
	char words[64];
	struct trace t;

	check_case("scheduler %s: %lld writes at once on %lld tags", scheduler, (long long)count,
		   (long long)tags);
	if (!check_same("set the scheduler", loop_set_scheduler(&slow, scheduler), 0))
		return;
	snprintf(words, sizeof(words), "--count %lld --threads %lld", (long long)count, (long long)count);
	if (held_run(&t, "--tier vfs", 500, words)) {
		check_between(waits_in, stage(&t, waits_in, "sum_ns"), rest * 300 * MS, rest * 1000 * MS);
		check_between(not_in, stage(&t, not_in, "sum_ns"), -1, rest * 30 * MS);
		check_between("median of the wait", stage(&t, waits_in, "p50_ns"), -1, 100 * MS);
		check_between("longest wait", stage(&t, waits_in, "max_ns"), 300 * MS, 1000 * MS);
		check_device(&t, slow.name, "write", count, count * SIZE);
		check_operation(&t, "write", "syscall", count, count * SIZE);
		check_coverage(&t);
	}
	trace_free(&t);
	loop_set_scheduler(&slow, "none");
}

TRACE_TEST(queueing_is_told_from_the_device)
{
	const char *why = slow_need();
	int64_t tags;

	if (why)
		TEST_SKIP(why);
	loop_set_scheduler(&slow, "none");
	tags = loop_queue_number(&slow, "nr_requests");
	queue_case("none", "q2g", "i2d", tags);
	queue_case("mq-deadline", "i2d", "q2g", tags);
}

/* io_uring tries without waiting first: those bios fail and come again from a worker. */
TRACE_TEST(bios_that_were_turned_away)
{
	const char *why = slow_need();
	struct trace t;

	if (why)
		TEST_SKIP(why);
	check_case("200 writes by io_uring at once");
	if (held_run(&t, "--tier vfs", 300, "--engine io_uring --count 200 --depth 200 --batch 200")) {
		check_device(&t, slow.name, "write", 200, 200 * SIZE);
		check_operation(&t, "write", "io_uring", 200, 200 * SIZE);
		check_coverage(&t);
	}
	trace_free(&t);
}

/* ---- throttling by the block cgroup ---- */

static char cgroup[128];

static int put(const char *dir, const char *file, const char *text)
{
	char path[256];
	_cleanup_close_ int fd = -1;

	snprintf(path, sizeof(path), "%s/%s", dir, file);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	return fd < 0 || write(fd, text, strlen(text)) < 0 ? -errno : 0;
}

static void remove_cgroup(void)
{
	rmdir(cgroup);
}

/* A group whose reads of the device are limited; NULL or why there is none. */
static const char *make_cgroup(dev_t dev, int iops)
{
	char limit[64];

	snprintf(cgroup, sizeof(cgroup), "/sys/fs/cgroup/blkio/iopath-test-%d", (int)getpid());
	if (mkdir(cgroup, 0755))
		return "no blkio cgroup";
	place_at_end(remove_cgroup);
	snprintf(limit, sizeof(limit), "%u:%u %d", major(dev), minor(dev), iops);
	if (put(cgroup, "blkio.throttle.read_iops_device", limit)) {
		remove_cgroup();
		return "no throttling in the blkio cgroup";
	}
	return NULL;
}

/*
 * The kernel queues a throttled bio late, from a worker of its own: whose it
 * is only a filter by device can do without.
 */
static void throttle_case(const char *tier)
{
	static const char *const elsewhere[] = { "g2i", "i2d", "device" };
	struct trace t = {};
	struct proc p = {};
	char pid[16];

	check_case("tier %s: 23 reads at 20 per second", tier);
	proc_start(&p, "known-count --target %s --count 23 --direct --wait", loop.path);
	snprintf(pid, sizeof(pid), "%d", (int)p.pid);
	if (proc_until(&p, "ready", 5000) && !put(cgroup, "cgroup.procs", pid) &&
	    trace_begin(&t, "--tier %s --dev %s", tier, loop.name)) {
		proc_signal(&p, SIGUSR1);
		check_same("status of the generator", proc_wait(&p, 20000), 0);
		if (trace_end(&t, SIGINT)) {
			json_t *row = trace_device_op(&t, loop.name, "read"),
			       *stages = json_at(row, "stages");

			check_device(&t, loop.name, "read", 23, 23 * SIZE);
			for (size_t i = 0; i < ARRAY_SIZE(elsewhere); i++)
				check_between(elsewhere[i],
					      number_at(json_at(stages, elsewhere[i]), "sum_ns"), -1,
					      400 * MS);
			if (strcmp(tier, "block")) {
				check_operation(&t, "read", "syscall", 23, 23 * SIZE);
				check_between("total of the operations",
					      number_at(trace_operation(&t, "read", "syscall"),
							"stages.total.sum_ns"),
					      700 * MS, 5000 * MS);
			}
			check_coverage(&t);
		}
	}
	proc_free(&p);
	trace_free(&t);
}

TRACE_TEST(throttled_reads)
{
	const char *why = need_loop();

	if (!why)
		why = make_cgroup(loop_dev(&loop), 20);
	if (why)
		TEST_SKIP(why);
	throttle_case("block");
	throttle_case("vfs");
	throttle_case("full");
	remove_cgroup();
}

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

static void hung_case(const char *options, const char *level, const char *words, int64_t count, int64_t hung)
{
	struct trace t;
	int64_t nr = 0;
	json_t *line;
	size_t i;

	check_case("%s: %s, held for 600 ms", options, words);
	if (held_run(&t, options, 600, words)) {
		json_array_foreach(t.lines, i, line) {
			if (!text_at(line, "type") || strcmp(text_at(line, "type"), "hung"))
				continue;
			nr++;
			check_text("level", text_at(line, "level"), level);
			check_text("stage", text_at(line, "stage"), "device");
			check_text("device", text_at(line, "device"), slow.name);
			check_text("comm", text_at(line, "comm"), "known-count");
			check_between("age", number_at(line, "age_ns"), 100 * MS, 700 * MS);
			if (!strcmp(level, "operation") && !strstr(words, "io_uring"))
				check_text("path", text_at(line, "path"), slow.path);
		}
		check_same("hung lines, each told once", nr, hung);
		check_device(&t, slow.name, "write", count, count * SIZE);
		check_coverage(&t);
	}
	trace_free(&t);
}

TRACE_TEST(what_hangs_is_told_while_it_does)
{
	const char *why = slow_need();

	if (why)
		TEST_SKIP(why);
	hung_case("--tier block --hung 100ms", "request", "--count 1", 1, 1);
	hung_case("--tier vfs --hung 100ms", "operation", "--count 3 --threads 3", 3, 3);
	hung_case("--tier full --hung 100ms", "operation", "--engine io_uring --count 8 --depth 8 --batch 8", 8, 8);
	hung_case("--tier full --hung 10s", "operation", "--count 1 --engine psync", 1, 0);
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

TEST_MAIN("trace-stages", T(the_tree_of_a_record), T(the_slowest_of_a_run), T(a_slow_device_is_seen_as_one), T(queueing_is_told_from_the_device),
	  T(bios_that_were_turned_away), T(throttled_reads), T(over_the_threshold), T(over_the_threshold_in_a_file),
	  T(what_is_not_told_is_counted), T(what_hangs_is_told_while_it_does),
	  T(samples))
