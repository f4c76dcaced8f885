/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * `iopath trace` against programs that know what they did: a prime number of
 * I/Os must be counted exactly, in every tier, through every interface, under
 * every scheduler, and the kernel's own disk statistics must agree.
 */
#include <signal.h>
#include <stdlib.h>

#include "ground-check.h"
#include "ground-loop.h"
#include "ground-place.h"
#include "ground-trace.h"
#include "tracer/base/cleanup.h"
#include "tracer/base/test.h"

enum { N = 499, SIZE = 4096, DEVICE_BYTES = 256 << 20 };

static const char *const tiers[] = { "block", "vfs", "filemap", "full" };
static struct loop loop = { .fd = -1 };

static const char *need_loop(void)
{
	const char *why = loop_need(&loop, DEVICE_BYTES);

	if (!why)
		trace_watch(loop.name);
	return why;
}

static bool has_operations(const char *tier)
{
	return strcmp(tier, "block");
}

/* What a run of known-count must look like from outside. */
struct truth {
	const char *words;	/* its options */
	const char *op;		/* of the block requests */
	const char *kind, *via;	/* of the operations; NULL: there are none */
};

/* Nothing but what the run did is in the report. */
static void check_nothing_else(const struct trace *t, const char *op)
{
	json_t *devices = json_at(t->summary, "devices"), *device, *row;
	size_t d, o;

	json_array_foreach(devices, d, device) {
		json_t *ops = json_at(device, "ops");

		json_array_foreach(ops, o, row) {
			const char *name = text_at(device, "name"), *is = text_at(row, "op");

			if (strcmp(name, loop.name) || (strcmp(is, op) && strcmp(is, "flush")))
				check_same(is, number_at(row, "count"), 0);
		}
	}
}

static int64_t syncs_done(json_t *manifest)
{
	return manifest_number(manifest, "fsync", "count") + manifest_number(manifest, "fdatasync", "count");
}

static void check_disk(const struct trace *t, const struct disk_stat *d)
{
	int64_t syncs = syncs_done(t->manifest);

	check_same("reads of the disk", trace_device_count(t, loop.name, "read"), (int64_t)d->reads);
	check_same("writes of the disk", trace_device_count(t, loop.name, "write"),
		   (int64_t)d->writes - syncs);
	check_same("discards of the disk", trace_device_count(t, loop.name, "discard"), (int64_t)d->discards);
	check_device(t, loop.name, "flush", (int64_t)d->flushes, 0);
}

static void check_operations(const struct trace *t, const struct truth *truth)
{
	static const char *const syncs[] = { "fsync", "fdatasync" };
	int64_t count = manifest_number(t->manifest, truth->op, "count");

	check_operation(t, truth->kind, truth->via, count, manifest_number(t->manifest, truth->op, "bytes"));
	for (size_t i = 0; i < ARRAY_SIZE(syncs); i++) {
		count = manifest_number(t->manifest, syncs[i], "count");
		check_same(syncs[i], trace_operation_count(t, syncs[i], truth->via), count);
	}
}

static void check_count(const struct trace *t, const char *tier, const struct truth *truth)
{
	struct disk_stat after = trace_disk();

	check_same("I/Os of the manifest", manifest_number(t->manifest, truth->op, "count"), N);
	check_device(t, loop.name, truth->op, N, (int64_t)N * SIZE);
	check_nothing_else(t, truth->op);
	check_disk(t, &after);
	check_coverage(t);
	check_summary_shape(t, tier);
	if (has_operations(tier)) {
		check_operations(t, truth);
		check_cache(trace_operation(t, truth->kind, truth->via), tier, 0, 0);
	}
}

/* False: the tracer did not run, and would not in the next case. */
static bool count_case(const char *tier, const char *scheduler, const struct truth *truth)
{
	struct trace t;
	bool ran;

	check_case("tier %s, scheduler %s: %s", tier, scheduler, truth->words);
	ran = trace_command(&t, "--tier %s --dev %s -- known-count --target %s --count %d --size %d --direct %s", tier,
			    loop.name, loop.path, N, SIZE, truth->words);
	if (ran)
		check_count(&t, tier, truth);
	trace_free(&t);
	return ran;
}

static const struct truth matrix[] = {
	{ "--engine psync --op read", "read", "read", "syscall" },
	{ "--engine psync --op write", "write", "write", "syscall" },
	{ "--engine sync --op read", "read", "read", "syscall" },
	{ "--engine readv --op read", "read", "read", "syscall" },
	{ "--engine io_uring --op read --depth 16 --batch 4", "read", "read", "io_uring" },
	{ "--engine io_uring_fixed --op read --depth 16", "read", "read", "io_uring" },
	{ "--engine io_uring_punt --op read --depth 16", "read", "read", "io_uring" },
	{ "--engine libaio --op read --depth 16 --batch 4", "read", "read", "libaio" },
};

static void count_matrix(const char *tier)
{
	static const char *const schedulers[] = { "none", "mq-deadline" };

	for (size_t s = 0; s < ARRAY_SIZE(schedulers); s++) {
		check_case("scheduler %s", schedulers[s]);
		if (!loop_takes_scheduler(&loop, schedulers[s]))
			continue;
		for (size_t i = 0; i < ARRAY_SIZE(matrix); i++)
			if (!count_case(tier, schedulers[s], &matrix[i]))
				break;
	}
	loop_set_scheduler(&loop, "none");
}

#define COUNT_TEST(name, tier)                 \
	TEST(name)                             \
	{                                      \
		const char *why = need_loop(); \
                                               \
		if (why)                       \
			TEST_SKIP(why);        \
		count_matrix(tier);            \
	}

COUNT_TEST(counts_in_tier_block, "block")
COUNT_TEST(counts_in_tier_vfs, "vfs")
COUNT_TEST(counts_in_tier_filemap, "filemap")
COUNT_TEST(counts_in_tier_full, "full")

TEST(counts_under_bfq_and_kyber)
{
	static const char *const schedulers[] = { "bfq", "kyber" };
	const char *why = need_loop();

	if (why)
		TEST_SKIP(why);
	for (size_t s = 0; s < ARRAY_SIZE(schedulers); s++) {
		if (loop_set_scheduler(&loop, schedulers[s]))
			continue; /* a kernel may lack them */
		count_case("full", schedulers[s], &matrix[0]);
		count_case("full", schedulers[s], &matrix[4]);
	}
	loop_set_scheduler(&loop, "none");
}

TEST(counts_of_rarer_interfaces)
{
	static const struct truth truths[] = {
		{ "--engine preadv2 --op write", "write", "write", "syscall" },
		{ "--engine sync --op write", "write", "write", "syscall" },
		{ "--engine readv --op write", "write", "write", "syscall" },
		{ "--engine sqpoll --op read --depth 8", "read", "read", "io_uring" },
		{ "--engine sqpoll --op write --depth 8 --batch 8", "write", "write", "io_uring" },
		{ "--engine io_uring_punt --op write --depth 16", "write", "write", "io_uring" },
		{ "--engine libaio --op write --depth 32 --batch 32", "write", "write", "libaio" },
		{ "--engine psync --op read --threads 4", "read", "read", "syscall" },
		{ "--engine io_uring --op read --depth 4 --threads 3", "read", "read", "io_uring" },
	};
	const char *why = need_loop();

	if (why)
		TEST_SKIP(why);
	for (size_t i = 0; i < ARRAY_SIZE(truths); i++)
		count_case("full", "none", &truths[i]);
}

TEST(counts_of_syncs)
{
	static const struct truth truths[] = {
		{ "--engine psync --op write --fsync-every 10", "write", "write", "syscall" },
		{ "--engine psync --op write --fsync-every 10 --fdatasync", "write", "write", "syscall" },
		{ "--engine io_uring --op write --fsync-every 10 --depth 8", "write", "write", "io_uring" },
		{ "--engine io_uring --op write --fsync-every 10 --fdatasync", "write", "write", "io_uring" },
	};
	const char *why = need_loop();

	if (why)
		TEST_SKIP(why);
	for (size_t i = 0; i < ARRAY_SIZE(truths); i++)
		count_case(i % 2 ? "full" : "vfs", "none", &truths[i]);
	count_case("block", "none", &truths[0]);
}

/*
 * Without a COMMAND the flush command of the queue is seen as well as what
 * asked for it. A sync by libaio is only seen so: a kernel worker does it.
 */
static bool whole_device_once(const char *tier, const char *words, bool last)
{
	bool hidden = false;
	struct proc p = {};
	struct trace t;

	check_case("tier %s: --dev %s, no command, %s", tier, loop.name, words);
	if (trace_begin(&t, "--tier %s --dev %s", tier, loop.name)) {
		proc_line(&p, "known-count --target %s --op write --count %d --fsync-every 10 --direct %s",
			  loop.path, N, words);
		if (trace_end(&t, SIGINT)) {
			hidden = !last && (number_at(t.summary, "coverage.lost.no_end") > 0 ||
					   trace_device_count(&t, loop.name, "flush") < N / 10);
			if (hidden)
				goto out;
			check_device(&t, loop.name, "write", N, (int64_t)N * SIZE);
			check_device(&t, loop.name, "flush", N / 10, 0);
			check_coverage(&t);
		}
	}
out:
	proc_free(&p);
	trace_free(&t);
	return !hidden;
}

/*
 * Ends that a host hides (ground-trace.h): a flush waits for the queue's command
 * and is never issued, so that nothing but its end tells of its request.
 */
static void whole_device_case(const char *tier, const char *words)
{
	for (int left = 5; !whole_device_once(tier, words, !left); left--)
		printf("    asked again: ends unseen: tier %s, %s\n", tier, words);
}

TEST(syncs_of_a_whole_device)
{
	const char *why = need_loop();

	if (why)
		TEST_SKIP(why);
	for (size_t i = 0; i < ARRAY_SIZE(tiers); i++)
		whole_device_case(tiers[i], "--engine psync");
	whole_device_case("vfs", "--engine libaio --depth 8");
}

/* Requests are not operations here: merged, split, or both kinds mixed. */
static void shape_case(const char *tier, const char *words, int64_t count, int64_t size, const char *via)
{
	static const char *const ops[] = { "read", "write" };
	struct disk_stat after;
	struct trace t;

	check_case("tier %s: %s", tier, words);
	if (trace_command(
		    &t,
		    "--tier %s --dev %s -- known-count --target %s --count %lld --size %lld --direct %s",
		    tier, loop.name, loop.path, (long long)count, (long long)size, words)) {
		after = trace_disk();
		check_disk(&t, &after);
		check_coverage(&t);
		for (size_t i = 0; i < ARRAY_SIZE(ops); i++) {
			int64_t bytes = manifest_number(t.manifest, ops[i], "bytes");

			check_device(&t, loop.name, ops[i], trace_device_count(&t, loop.name, ops[i]), bytes);
			check_operation(&t, ops[i], via, manifest_number(t.manifest, ops[i], "count"), bytes);
		}
	}
	trace_free(&t);
}

TEST(merged_split_and_mixed_requests)
{
	const char *why = need_loop();

	if (why)
		TEST_SKIP(why);
	shape_case("vfs", "--engine psync --op randrw", N, SIZE, "syscall");
	shape_case("full", "--engine io_uring --op randrw --depth 16", N, SIZE, "io_uring");
	shape_case("vfs", "--engine libaio --op read --contiguous --depth 32 --batch 32", N, SIZE, "libaio");
	shape_case("full", "--engine io_uring --op write --contiguous --depth 32 --batch 32", N, SIZE,
		   "io_uring");
	shape_case("vfs", "--engine psync --op read", 7, 8 << 20, "syscall");
	shape_case("full", "--engine io_uring --op write --depth 4", 7, 8 << 20, "io_uring");
}

/* Deeper than any table need be: what is not counted must at least be counted as lost. */
static void deep_case(const char *words, const char *via, bool all)
{
	enum { MANY = 20011 };
	struct trace t;

	check_case("%d reads, %s", MANY, words);
	if (trace_command(&t, "--tier full --dev %s -- known-count --target %s --count %d --direct %s", loop.name,
			  loop.path, MANY, words)) {
		int64_t lost = number_at(t.summary, "coverage.lost.map_full") +
			       number_at(t.summary, "coverage.lost.batch_long");

		check_device(&t, loop.name, "read", MANY, (int64_t)MANY * SIZE);
		check_same("operations counted and lost", trace_operation_count(&t, "read", via) + lost, MANY);
		check_same("in flight at the end", number_at(t.summary, "coverage.in_flight"), 0);
		if (all)
			check_coverage(&t);
	}
	trace_free(&t);
}

TEST(deep_queues)
{
	const char *why = need_loop();

	if (why)
		TEST_SKIP(why);
	deep_case("--engine psync --threads 64", "syscall", true);
	deep_case("--engine libaio --depth 1024 --batch 256", "libaio", true);
	deep_case("--engine io_uring --depth 1024 --batch 256", "io_uring", true);
	deep_case("--engine io_uring_punt --depth 512 --batch 128", "io_uring", true);
	deep_case("--engine io_uring --depth 4096 --batch 4096", "io_uring", false);
	deep_case("--engine libaio --depth 4096 --batch 512", "libaio", false);
}

TEST(discards_and_page_faults)
{
	const char *why = need_loop();
	struct disk_stat after;
	struct trace t;

	if (why)
		TEST_SKIP(why);
	check_case("discards");
	if (trace_command(
		    &t, "--tier vfs --dev %s -- known-count --target %s --count 0 --discard 61 --size 64k",
		    loop.name, loop.path)) {
		check_device(&t, loop.name, "discard", 61, 61 * 65536);
		check_coverage(&t);
	}
	trace_free(&t);

	check_case("loads through a mapping");
	if (trace_command(
		    &t,
		    "--tier full --dev %s -- known-count --target %s --engine mmap --count %d --cold --no-readahead",
		    loop.name, loop.path, N)) {
		after = trace_disk();
		check_device(&t, loop.name, "read", N, (int64_t)N * SIZE);
		check_disk(&t, &after);
		check_coverage(&t);
	}
	trace_free(&t);
}

/* The first object in a text that may have rubbish before it. */
static json_t *first_object(const char *text)
{
	const char *start = strchr(text, '{');

	return start ? json_loads(start, JSON_DISABLE_EOF_CHECK, NULL) : NULL;
}

static void fio_case(const char *tier, const char *words, const char *via)
{
	struct trace t;
	json_t *fio, *job;

	check_case("tier %s: fio %s", tier, words);
	if (!trace_command(
		    &t,
		    "--tier %s --dev %s -- fio --name=ground --filename=%s --rw=randread --bs=4k --direct=1 --size=64m"
		    " --number_ios=997 --output-format=json %s",
		    tier, loop.name, loop.path, words)) {
		trace_free(&t);
		return;
	}
	fio = first_object(t.proc.out.text);
	job = json_array_get(json_at(fio, "jobs"), 0);
	check_same("I/Os of fio", number_at(job, "read.total_ios"), 997);
	check_device(&t, loop.name, "read", number_at(job, "read.total_ios"),
		     number_at(job, "read.io_bytes"));
	check_operation(&t, "read", via, number_at(job, "read.total_ios"), number_at(job, "read.io_bytes"));
	check_coverage(&t);
	check_true("the device's mean is below fio's completion latency",
		   number_at(trace_device_op(&t, loop.name, "read"), "stages.device.mean_ns") <=
			   number_at(job, "read.clat_ns.mean"));
	json_decref(fio);
	trace_free(&t);
}

TEST(fio_agrees)
{
	const char *why = need_loop();

	if (why)
		TEST_SKIP(why);
	fio_case("full", "--ioengine=psync", "syscall");
	fio_case("full", "--ioengine=io_uring --iodepth=32", "io_uring");
	fio_case("vfs", "--ioengine=libaio --iodepth=16", "libaio");
}

TEST_MAIN("trace", T(counts_in_tier_block), T(counts_in_tier_vfs), T(counts_in_tier_filemap),
	  T(counts_in_tier_full), T(counts_under_bfq_and_kyber), T(counts_of_rarer_interfaces),
	  T(counts_of_syncs), T(syncs_of_a_whole_device), T(merged_split_and_mixed_requests),
	  T(deep_queues),
	  T(discards_and_page_faults), T(fio_agrees))
