/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The generator against evidence that is not its own: the kernel's disk
 * statistics, the process accounting, and the bytes that arrive.
 */
#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "tracer/base/cleanup.h"
#include "tracer/base/test.h"
#include "tracer/tests/ground-check.h"
#include "tracer/tests/ground-loops.h"
#include "tracer/tests/ground-place.h"
#include "tracer/tests/ground-trace.h"

enum { N = 211 };

static uint64_t splitmix(uint64_t seed, uint64_t index)
{
	uint64_t z = seed + (index + 1) * 0x9e3779b97f4a7c15u;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

static int64_t writes_wanted(const char *mix)
{
	int64_t n = 0;

	if (strcmp(mix, "randrw"))
		return strcmp(mix, "write") ? 0 : N;
	for (uint64_t i = 0; i < N; i++)
		n += splitmix(1, i) & 1;
	return n;
}

/* Manifest, disk statistics and process accounting must say the same. */
static void check_run(const struct proc *p, const struct disk_stat *d, const char *mix)
{
	int64_t writes = writes_wanted(mix), reads = N - writes;
	json_t *m = json_loads(p->out.text, 0, NULL);

	check_true("one manifest", m && text_lines(&p->out) == 1);
	check_same("reads of the manifest", manifest_number(m, "read", "count"), reads);
	check_same("writes of the manifest", manifest_number(m, "write", "count"), writes);
	check_same("bytes read of the manifest", manifest_number(m, "read", "bytes"), reads * 4096);
	check_same("bytes written of the manifest", manifest_number(m, "write", "bytes"), writes * 4096);
	check_same("reads of the disk", (int64_t)d->reads, reads);
	check_same("writes of the disk", (int64_t)d->writes, writes);
	check_same("sectors read of the disk", (int64_t)d->read_sectors, reads * 8);
	check_same("sectors written of the disk", (int64_t)d->write_sectors, writes * 8);
	check_same("merges of the disk", (int64_t)(d->read_merges + d->write_merges), 0);
	/* more when a library had to be read in, and its access time noted */
	check_between("blocks read of the process", p->usage.ru_inblock, reads * 8, INT64_MAX);
	check_between("blocks written of the process", p->usage.ru_oublock, writes * 8, writes * 8 + 64);
	json_decref(m);
}

static void run_case(const char *engine, const char *mix, const char *more)
{
	struct disk_stat before;
	struct proc p = {};
	int status;

	check_case("%s %s %s", engine, mix, more);
	ASSERT_EQ(disk_stat_read(loop.name, &before), 0);
	status = proc_line(&p, "known-count --target %s --engine %s --op %s --count %d --direct %s",
			   loop.path, engine, mix, N, more);
	check_evidence(p.err.text);
	if (status != 77 && check_same("status", status, 0)) {
		struct disk_stat d = disk_stat_since(loop.name, &before);

		check_run(&p, &d, mix);
	}
	if (status == 77)
		check_true("what is not offered is said in one line", text_lines(&p.err) == 1 && !p.out.len);
	proc_free(&p);
}

TEST(every_engine_does_what_it_says)
{
	static const char *const engines[] = { "sync",           "psync",  "pread",    "readv",
					       "preadv2",        "libaio", "io_uring", "io_uring_punt",
					       "io_uring_fixed", "sqpoll", "iopoll" };
	static const char *const mixes[] = { "read", "write", "randrw" };
	const char *why = need_loop();

	if (why)
		TEST_SKIP(why);
	for (size_t e = 0; e < ARRAY_SIZE(engines); e++)
		for (size_t m = 0; m < ARRAY_SIZE(mixes); m++)
			run_case(engines[e], mixes[m], "");
}

TEST(depth_batch_and_threads_change_no_count)
{
	static const char *const engines[] = { "libaio", "io_uring", "io_uring_punt", "io_uring_fixed",
					       "sqpoll" };
	const char *why = need_loop();

	if (why)
		TEST_SKIP(why);
	for (size_t e = 0; e < ARRAY_SIZE(engines); e++) {
		run_case(engines[e], "read", "--depth 16 --batch 16");
		run_case(engines[e], "write", "--depth 16 --batch 5");
		run_case(engines[e], "randrw", "--depth 7 --threads 3");
	}
	run_case("psync", "randrw", "--threads 3");
}

/* Every 10th write of each thread is synced, through the same interface. */
static void sync_case(const char *engine, const char *more, const char *op, int64_t wanted)
{
	struct disk_stat before, d;
	struct proc p = {};
	json_t *m;

	check_case("%s %s", engine, more);
	ASSERT_EQ(disk_stat_read(loop.name, &before), 0);
	check_same(
		"status",
		proc_line(
			&p,
			"known-count --target %s --engine %s --op write --count %d --direct --fsync-every 10 %s",
			loop.path, engine, N, more),
		0);
	m = json_loads(p.out.text, 0, NULL);
	d = disk_stat_since(loop.name, &before);
	check_same("syncs of the manifest", manifest_number(m, op, "count"), wanted);
	check_between("flushes of the disk", (int64_t)d.flushes, strstr(more, "threads") ? 1 : wanted,
		      wanted);
	check_same("writes and syncs of the disk", (int64_t)d.writes, N + wanted);
	json_decref(m);
	proc_free(&p);
}

TEST(syncs_are_counted)
{
	const char *why = need_loop();

	if (why)
		TEST_SKIP(why);
	sync_case("psync", "", "fsync", 21);
	sync_case("psync", "--fdatasync", "fdatasync", 21);
	/* 71 + 70 + 70 writes */
	sync_case("psync", "--threads 3", "fsync", 21);
	sync_case("psync", "--threads 4", "fsync", 20);
	sync_case("libaio", "--depth 8 --batch 4", "fsync", 21);
	sync_case("libaio", "--fdatasync", "fdatasync", 21);
	sync_case("io_uring", "--depth 8 --batch 4 --fdatasync", "fdatasync", 21);
	sync_case("io_uring_fixed", "--depth 8", "fsync", 21);
}

/* Is the block at @offset all zero? */
static bool is_zero(const unsigned char *block, size_t bytes)
{
	return !block[0] && !memcmp(block, block + 1, bytes - 1);
}

static void expect_blocks(uint64_t first, uint64_t step, uint64_t nr, uint64_t end)
{
	int64_t missing = 0, stray = 0;
	unsigned char block[4096];

	for (uint64_t at = 0; at < end; at += sizeof(block)) {
		bool wanted = at >= first && (at - first) % step == 0 && (at - first) / step < nr;

		if (pread(loop.backing, block, sizeof(block), (off_t)at) != (ssize_t)sizeof(block))
			memset(block, 0, sizeof(block));
		missing += wanted && is_zero(block, sizeof(block));
		stray += !wanted && !is_zero(block, sizeof(block));
	}
	check_same("blocks that were not written", missing, 0);
	check_same("blocks written by mistake", stray, 0);
}

/* After 97 writes at 1 MiB + n * 12 KiB: take the first 61 away. */
static void discard_case(void)
{
	struct disk_stat before, d;
	struct proc p = {};

	check_case("discard");
	ASSERT_EQ(disk_stat_read(loop.name, &before), 0);
	check_same("status",
		   proc_line(&p,
			     "known-count --target %s --count 0 --discard 61 --offset 1M --offset-step 12k",
			     loop.path),
		   0);
	d = disk_stat_since(loop.name, &before);
	check_same("discards of the disk", (int64_t)d.discards, 61);
	expect_blocks((1 << 20) + 61 * (12 << 10), 12 << 10, 97 - 61, 4 << 20);
	proc_free(&p);
}

TEST(writes_and_discards_land_where_the_plan_says)
{
	static const char *const engines[] = { "sync",   "psync",          "readv", "preadv2",
					       "libaio", "io_uring_fixed", "sqpoll" };
	const char *why = need_loop();

	if (why)
		TEST_SKIP(why);
	for (size_t e = 0; e < ARRAY_SIZE(engines); e++) {
		struct proc p = {};

		check_case("%s", engines[e]);
		ASSERT_EQ(ftruncate(loop.backing, 0) || ftruncate(loop.backing, LOOPS_BYTES), 0);
		check_same("status",
			   proc_line(&p, "known-count --target %s --engine %s --op write --count 97 --direct"
					 " --offset 1M --offset-step 12k",
				     loop.path, engines[e]),
			   0);
		expect_blocks(1 << 20, 12 << 10, 97, 4 << 20);
		proc_free(&p);
	}
	discard_case();
}

/* The device stays open in between: its last close drops its pages. */
TEST(cached_reads)
{
	const char *why = need_loop();

	if (why)
		TEST_SKIP(why);
	for (int hot = 0; hot < 2; hot++) {
		struct disk_stat before, d;
		struct proc p = {};

		check_case("buffered, %s", hot ? "hot" : "cold");
		ASSERT_EQ(disk_stat_read(loop.name, &before), 0);
		check_same("status",
			   proc_line(&p, "known-count --target %s --count 97 --no-readahead %s", loop.path,
				     hot ? "" : "--cold"),
			   0);
		d = disk_stat_since(loop.name, &before);
		check_same("reads of the disk", (int64_t)d.reads, hot ? 0 : 97);
		proc_free(&p);
	}
}

static void check_listed(json_t *ios, size_t nr, int64_t step)
{
	json_t *io;
	size_t i;

	check_same("I/Os listed", (int64_t)json_array_size(ios), (int64_t)nr);
	json_array_foreach(ios, i, io) {
		check_same("offset", number_at(io, "offset_bytes"), (int64_t)i * step);
		check_same("bytes", number_at(io, "bytes"), 8192);
	}
}

TEST(the_list_and_the_wait)
{
	const char *why = need_loop();
	struct proc p = {};
	json_t *m;

	if (why)
		TEST_SKIP(why);
	check_case("--list --wait");
	check_same(
		"start",
		proc_start(
			&p,
			"known-count --target %s --count 13 --size 8k --direct --contiguous --list --wait",
			loop.path),
		0);
	check_true("says ready", proc_until(&p, "known-count: ready", 5000));
	check_same("printed before it is told to start", (int64_t)p.out.len, 0);
	proc_signal(&p, SIGUSR1);
	check_same("status", proc_wait(&p, 5000), 0);
	m = json_loads(p.out.text, 0, NULL);
	check_listed(json_at(m, "ios"), 13, 8192);
	json_decref(m);
	proc_free(&p);
}

struct refusal {
	const char *words;
	int status;
	const char *says;
};

static void refuse_case(const struct refusal *r, const char *target)
{
	struct proc p = {};
	int status = proc_line(&p, "known-count --target %s %s", target, r->words);

	check_case("--target %s %s", target, r->words);
	check_same("status", status, r->status);
	check_same("lines on stderr", text_lines(&p.err), 1);
	check_same("bytes on stdout", (int64_t)p.out.len, 0);
	check_has("stderr", p.err.text, r->says);
	proc_free(&p);
}

TEST(refusals_are_one_line)
{
	static const struct refusal on_null[] = {
		{ "--bogus", 2, "bogus" },
		{ "--engine nosuch", 2, "nosuch" },
		{ "--op trim", 2, "trim" },
		{ "--size 12q", 2, "12q" },
		{ "--size 0", 2, "--size 0" },
		{ "--count -1", 2, "-1" },
		{ "--count 99999999999", 2, "99999999999" },
		{ "--sleep-between 5", 2, "duration" },
		{ "--depth 2", 2, "psync" },
		{ "--engine libaio --depth 2 --batch 3", 2, "--batch" },
		{ "--engine readv --threads 2", 2, "readv" },
		{ "--size 4k --offset-step 512", 2, "--offset-step" },
		{ "--direct --size 100", 2, "--size" },
		{ "--engine iopoll", 2, "--direct" },
		{ "more", 2, "more" },
		{ "", 2, "/dev/null" },
	};
	static const struct refusal on_absent = { "", 1, "/nonexistent" };

	for (size_t i = 0; i < ARRAY_SIZE(on_null); i++)
		refuse_case(&on_null[i], "/dev/null");
	refuse_case(&on_absent, "/nonexistent");
}

TEST(a_failing_read_is_an_error)
{
	static const struct refusal beyond = { "--count 100000 --direct", 2, "too small" };
	const char *why = need_loop();
	struct proc p = {};

	if (why)
		TEST_SKIP(why);
	refuse_case(&beyond, loop.path);
	check_case("the device shrinks below the plan");
	check_same("start",
		   proc_start(&p, "known-count --target %s --count 97 --direct --wait --offset 63M",
			      loop.path),
		   0);
	check_true("says ready", proc_until(&p, "known-count: ready", 5000));
	ASSERT_EQ(loop_resize(&loop, 32 << 20), 0);
	proc_signal(&p, SIGUSR1);
	check_same("status", proc_wait(&p, 5000), 1);
	check_has("stderr", p.err.text, "known-count: ");
	check_same("bytes on stdout", (int64_t)p.out.len, 0);
	ASSERT_EQ(loop_resize(&loop, LOOPS_BYTES), 0);
	proc_free(&p);
}

TEST_MAIN("known-count", T(every_engine_does_what_it_says), T(depth_batch_and_threads_change_no_count),
	  T(syncs_are_counted), T(writes_and_discards_land_where_the_plan_says), T(cached_reads),
	  T(the_list_and_the_wait), T(refusals_are_one_line), T(a_failing_read_is_an_error))
