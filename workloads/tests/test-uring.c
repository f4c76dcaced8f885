/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * iopath-uring against evidence that is not its own: the disk's statistics, a
 * device whose medium ends, files that are too small.
 */
#include <errno.h>
#include <jansson.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "bench/tests/schema.h"
#include "tracer/base/cleanup.h"
#include "tracer/base/test.h"
#include "tracer/tests/ground-check.h"
#include "tracer/tests/ground-loops.h"
#include "tracer/tests/ground-place.h"
#include "tracer/tests/ground-trace.h"

enum { N = 211 };

/* Whole, one line, and what the schema says. */
static json_t *report(const struct proc *p)
{
	json_t *schema = json_load_file("results/schema/uring.schema.json", 0, NULL);
	json_t *o = json_loads(p->out.text, 0, NULL);
	char err[256] = "";

	check_true("one report", o && schema && text_lines(&p->out) == 1);
	if (o)
		schema_check(schema, o, err, sizeof(err));
	check_text("the schema's complaint", err, "");
	json_decref(schema);
	return o;
}

static int64_t counted(json_t *o, const char *op)
{
	return json_integer_value(json_object_get(json_object_get(json_object_get(o, "operations"), op), "count"));
}

static int64_t sum_of(json_t *array)
{
	int64_t n = 0;
	json_t *v;
	size_t i;

	json_array_foreach(array, i, v)
		n += json_integer_value(v);
	return n;
}

/* The counts of its histogram are all there are. */
static void check_bins(json_t *o, const char *op)
{
	json_t *latency = json_object_get(json_object_get(json_object_get(o, "operations"), op), "latency");
	json_t *bins = json_object_get(latency, "bins"), *v;
	int64_t n = 0, last = -1;
	size_t i;

	json_array_foreach(bins, i, v) {
		if (i % 2) {
			n += json_integer_value(v);
			continue;
		}
		check_true("values ascend", json_integer_value(v) > last);
		last = json_integer_value(v);
	}
	check_same("in bins", n, counted(o, op));
	check_true("the last is the slowest", !json_is_object(latency) ||
		   last == json_integer_value(json_object_get(latency, "max_ns")));
}

static void check_run(const struct proc *p, const struct disk_stat *d, int64_t syncs)
{
	json_t *o = report(p);

	check_same("reads and writes", counted(o, "read") + counted(o, "write"), N);
	check_bins(o, "read");
	check_bins(o, "write");
	check_same("fsyncs", counted(o, "fsync"), syncs < 0 ? counted(o, "write") / -syncs : 0);
	check_same("its ios", number_at(o, "ios"), N);
	check_same("its bytes", number_at(o, "bytes"), N * 4096);
	check_same("I/Os over time", sum_of(json_object_get(o, "intervals_ios")), N);
	check_same("errors", (int64_t)json_object_size(json_object_get(o, "errors")), 0);
	check_same("reads of the disk", (int64_t)d->reads, counted(o, "read"));
	/* a flush is counted as a write without sectors */
	check_between("writes of the disk", (int64_t)d->writes, counted(o, "write"), counted(o, "write") + counted(o, "fsync"));
	check_same("sectors read of the disk", (int64_t)d->read_sectors, counted(o, "read") * 8);
	check_same("sectors written of the disk", (int64_t)d->write_sectors, counted(o, "write") * 8);
	if (syncs < 0)
		check_between("flushes of the disk", (int64_t)d->flushes, 1, counted(o, "fsync"));
	json_decref(o);
}

/* Is the kernel @major.@minor or later? What the modes need came with 5.11 and 6.1. */
static bool kernel_is(unsigned int major, unsigned int minor)
{
	unsigned int a = 0, b = 0;
	struct utsname u;

	return !uname(&u) && sscanf(u.release, "%u.%u", &a, &b) == 2 && (a > major || (a == major && b >= minor));
}

/* Polled completions are the device's to offer, and a loop device does not. */
static bool may_be_refused(const char *words)
{
	return strstr(words, "--iopoll") || !kernel_is(5, 11) || (strstr(words, "--defer-taskrun") && !kernel_is(6, 1));
}

/* @fsync_every 0: none. */
static void run_case(const char *words, int64_t fsync_every)
{
	struct disk_stat before;
	struct proc p = {};
	int status;

	check_case("%s", words);
	ASSERT_EQ(disk_stat_read(loop.name, &before), 0);
	status = proc_line(&p, "iopath-uring --target %s --count %d --direct %s", loop.path, N, words);
	check_evidence(p.err.text);
	if (status != 77 && check_same("status", status, 0)) {
		struct disk_stat d = disk_stat_since(loop.name, &before);

		check_run(&p, &d, -fsync_every);
	}
	if (status == 77)
		check_true("nothing else is refused", may_be_refused(words));
	if (status == 77)
		check_true("what is not offered is said in one line", text_lines(&p.err) == 1 && !p.out.len);
	proc_free(&p);
}

TEST(every_mode_does_what_it_says)
{
	static const char *const modes[] = { "", "--sqpoll", "--fixed-files", "--fixed-buffers", "--defer-taskrun",
					     "--sqpoll --fixed-files --fixed-buffers", "--iopoll", "--rate 20000",
					     "--rate 20000 --sqpoll", "--rate 20000 --defer-taskrun --fixed-buffers" };
	static const char *const shapes[] = { "--op read --depth 8", "--op write --depth 8 --batch 4",
					      "--op readwrite --read-pct 70 --jobs 3 --depth 4" };
	const char *why = need_loop();

	if (why)
		TEST_SKIP(why);
	for (size_t m = 0; m < ARRAY_SIZE(modes); m++)
		for (size_t s = 0; s < ARRAY_SIZE(shapes); s++) {
			char words[256];

			snprintf(words, sizeof(words), "%s %s", modes[m], shapes[s]);
			run_case(words, 0);
		}
}

TEST(fsyncs_reach_the_disk)
{
	const char *why = need_loop();

	if (why)
		TEST_SKIP(why);
	run_case("--op write --fsync-every 10", 10);
	run_case("--op readwrite --fsync-every 7 --fdatasync --depth 4", 7);
	run_case("--op write --fsync-every 10 --rate 10000 --depth 4 --fixed-files", 10);
}

/*
 * A kernel thread that finds the page in the cache completes the I/O before it
 * gives the entry back: with one entry the next must wait for it.
 */
TEST(one_entry_and_a_kernel_thread)
{
	const char *why = place_ready();
	struct proc p = {};
	json_t *o;

	if (why)
		TEST_SKIP(why);
	check_case("sqpoll, depth 1, cached");
	check_same("laid out", proc_line(&p, "iopath-uring --target %s --layout --size 1M", place_path("hot")), 0);
	proc_free(&p);
	p = (struct proc){};
	if (proc_line(&p, "iopath-uring --target %s --sqpoll --fixed-files --count %d", place_path("hot"), N) == 77) {
		TEST_SKIP("no SQPOLL here");
	} else {
		check_same("status", p.status, 0);
		o = report(&p);
		check_same("reads", number_at(o, "ios"), N);
		json_decref(o);
	}
	proc_free(&p);
}

/* Half of the medium goes away under the device: its second half fails. */
TEST(errors_are_counted_by_errno)
{
	struct loop l = { .fd = -1 };
	struct proc p = {};
	int err = loop_make(&l, 4 << 20);
	void *block = NULL;
	json_t *o;

	if (err)
		TEST_SKIP("needs a loop device");
	ASSERT_EQ(ftruncate(l.backing, 2 << 20), 0);
	if (!posix_memalign(&block, 4096, 4096) && pread(l.fd, block, 4096, 3 << 20) == 4096) {
		free(block);
		loop_remove(&l);
		TEST_SKIP("this kernel reads zeroes behind the end of a loop device's file");
	}
	free(block);
	check_case("half a device");
	check_same("status", proc_line(&p, "iopath-uring --target %s --direct --pattern sequential --count 1024 --depth 4", l.path), 1);
	o = report(&p);
	check_same("right", number_at(o, "ios"), 512);
	check_same("wrong", number_at(o, "errors.EIO"), 512);
	check_same("latencies of the right ones alone", number_at(o, "operations.read.latency.count"), 512);
	check_true("one line", text_lines(&p.err) == 1);
	check_has("stderr", p.err.text, "512 I/Os failed; the first: read of 4096 bytes at 2097152: Input/output error");
	json_decref(o);
	proc_free(&p);
	loop_remove(&l);
}

/* A run without an end, told to end. */
TEST(a_signal_ends_it_with_a_report)
{
	const char *why = need_loop();
	struct disk_stat before;
	struct proc p = {};
	json_t *o;

	if (why)
		TEST_SKIP(why);
	ASSERT_EQ(disk_stat_read(loop.name, &before), 0);
	ASSERT_EQ(proc_start(&p, "iopath-uring --target %s --direct --rate 1000 --runtime 100s", loop.path), 0);
	for (int i = 0; i < 1000 && !disk_stat_since(loop.name, &before).reads; i++)
		usleep(10000);
	proc_signal(&p, SIGINT);
	check_case("SIGINT");
	check_same("status", proc_wait(&p, 10000), 128 + SIGINT);
	o = report(&p);
	check_same("its signal", number_at(o, "signal"), SIGINT);
	json_decref(o);
	proc_free(&p);
}

TEST(bad_input_is_one_line_and_nothing_is_done)
{
	static const struct { const char *words, *says; int status; } t[] = {
		{ "--count 1", "--target: must be given", 2 },
		{ "--target DEV", "this or --count must be given", 2 },
		{ "--target DEV --count 0", "--count 0: out of range", 2 },
		{ "--target DEV --count 1x", "not a whole number", 2 },
		{ "--target DEV --count 1 --rate -1", "--rate -1: not a number", 2 },
		{ "--target DEV --runtime 1", "not a duration", 2 },
		{ "--target DEV --count 1 --op erase", "not one of read, write, readwrite", 2 },
		{ "--target DEV --count 1 --batch 2", "larger than the depth", 2 },
		{ "--target DEV --count 1 --jobs 2", "more than I/Os", 2 },
		{ "--target DEV --count 1 --iopoll", "needs --direct", 2 },
		{ "--target DEV --count 1 --fsync-every 1", "nothing is written", 2 },
		{ "--target DEV --count 1 --direct --block-size 100", "multiple of 512", 2 },
		{ "--target DEV --count 1 --size 1T", "too small", 2 },
		{ "--target DEV --count 1 --offset 128M", "do not hold a block", 2 },
		{ "--target DEV --count 1 rubbish", "not wanted", 2 },
		{ "--target DEV --count 1 --check --depth 0", "--depth 0: out of range", 2 },
		{ "--target /nonexistent --count 1", "No such file", 1 },
		{ "--target /dev/null --count 1", "neither a file nor a block device", 2 },
		{ "--target DEV --count 1 --output /nonexistent/x", "/nonexistent/x: No such file", 1 },
	};
	const char *why = need_loop();
	struct disk_stat before;

	if (why)
		TEST_SKIP(why);
	ASSERT_EQ(disk_stat_read(loop.name, &before), 0);
	for (size_t i = 0; i < ARRAY_SIZE(t); i++) {
		const char *dev = strstr(t[i].words, "DEV");
		struct proc p = {};
		int status;

		check_case("%s", t[i].words);
		status = dev ? proc_line(&p, "iopath-uring %.*s%s%s", (int)(dev - t[i].words), t[i].words, loop.path, dev + 3) :
			       proc_line(&p, "iopath-uring %s", t[i].words);
		check_same("status", status, t[i].status);
		check_has("stderr", p.err.text, t[i].says);
		check_true("one line, and no report", text_lines(&p.err) == 1 && !p.out.len);
		proc_free(&p);
	}
	check_same("reads of the disk", (int64_t)disk_stat_since(loop.name, &before).reads, 0);
	for (int i = 0; i < 2; i++) { /* asked to look at its options only, it looks at no target */
		struct proc p = {};

		check_case("--check");
		check_same("status", proc_line(&p, "iopath-uring --check --count 1 --target %s", i ? "/nonexistent" : loop.path), 0);
		check_true("no word", !p.out.len && !p.err.len);
		proc_free(&p);
	}
	check_same("reads of the disk", (int64_t)disk_stat_since(loop.name, &before).reads, 0);
}

TEST(a_mounted_device_is_not_written_to)
{
	const char *why = need_loop();
	struct proc p = {};

	if (!why)
		why = place_ready();
	if (why)
		TEST_SKIP(why);
	ASSERT_EQ(place_mount_ext4("mnt", loop.path, NULL), 0);
	check_case("mounted");
	check_same("status", proc_line(&p, "iopath-uring --target %s --count 1 --op write", loop.path), 1);
	check_has("stderr", p.err.text, "in use");
	proc_free(&p);
	p = (struct proc){};
	check_case("a file in it");
	check_same("laid out", proc_line(&p, "iopath-uring --target %s --layout --size 1M", place_path("mnt/f")), 0);
	proc_free(&p);
	p = (struct proc){};
	check_same("used", proc_line(&p, "iopath-uring --target %s --op write --count 100 --fsync-every 10", place_path("mnt/f")), 0);
	proc_free(&p);
	place_umount("mnt");
}

TEST_MAIN("uring", T(every_mode_does_what_it_says), T(fsyncs_reach_the_disk), T(one_entry_and_a_kernel_thread), T(errors_are_counted_by_errno),
	  T(a_signal_ends_it_with_a_report), T(bad_input_is_one_line_and_nothing_is_done),
	  T(a_mounted_device_is_not_written_to))
