/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Through the page cache: what was in it, what was not, and what reached the disk. */
#include <sys/mount.h>

#include "ground-check.h"
#include "ground-loop.h"
#include "ground-place.h"
#include "ground-trace.h"
#include "tracer/base/cleanup.h"
#include "tracer/base/test.h"

enum { N = 499, SIZE = 4096, DEVICE_BYTES = 256 << 20 };

/* The page cache is no part of tier block. */
static const char *const tiers[] = { "vfs", "filemap", "full" };
static struct loop loop = { .fd = -1 };

static const char *need_loop(void)
{
	const char *why = loop_need(&loop, DEVICE_BYTES);

	if (!why)
		trace_watch(loop.name);
	return why;
}

/* Functions are hooked, and what the file system does for a request of libaio is seen. */
static bool inside_is_seen(const struct trace *t)
{
	json_t *stage;
	size_t i;

	json_array_foreach(json_at(json_array_get(t->lines, 0), "measured_stages"), i, stage) {
		if (!strcmp(json_string_value(stage), "vfs"))
			return true;
	}
	return false;
}

/* False: the cache was dropped by another program meanwhile, and the disk read more than asked. */
static bool cached_once(const char *tier, const char *file, const char *via, const char *words, int64_t requests, bool last)
{
	bool disturbed = false, seen;
	struct trace t;

	check_case("tier %s: buffered reads of %s, %s", tier, file, *words ? words : "hot");
	if (trace_command(
		    &t,
		    "--tier %s --dev %s -- known-count --target %s --count %d --contiguous --no-readahead %s",
		    tier, loop.name, file, N, words)) {
		disturbed = !last && (int64_t)trace_disk().reads > requests;
		if (disturbed)
			goto out;
		check_device(&t, loop.name, "read", requests, requests * SIZE);
		check_operation(&t, "read", via, N, (int64_t)N * SIZE);
		seen = strcmp(via, "libaio") || inside_is_seen(&t);
		if (seen)
			check_cache(trace_operation(&t, "read", via), tier, requests ? 0 : N, requests ? N : 0);
		check_same("bios that belong to no operation", number_at(t.summary, "coverage.untied_bios"), seen ? 0 : requests);
		check_coverage(&t);
	}
out:
	trace_free(&t);
	return !disturbed;
}

static void cached_case(const char *tier, const char *file, const char *via, const char *words, int64_t requests)
{
	for (int left = 4; !cached_once(tier, file, via, words, requests, !left); left--)
		;
}

/*
 * What io_uring asks for without waiting first, and then once more by a worker or when the page is there, is one
 * operation. What libaio does through the page cache, all of it inside of io_submit(), is counted, but without hooks of
 * functions not what of it was in the cache; whose its bios are is admitted not to be known then.
 */
static const struct {
	const char *via, *cold, *hot;
} ways[] = {
	{ "syscall", "--cold", "" },
	{ "io_uring", "--cold --engine io_uring --depth 4", "--engine io_uring --depth 4" },
	{ "io_uring", "--cold --engine io_uring_punt --depth 4", "--engine io_uring_punt --depth 4" },
	{ "libaio", "--cold --engine libaio --depth 4", "--engine libaio --depth 4" },
};

static void cached_cases(const char *file, size_t nr_ways)
{
	for (size_t w = 0; w < nr_ways; w++)
		for (size_t i = w ? ARRAY_SIZE(tiers) - 1 : 0; i < ARRAY_SIZE(tiers); i++) {
			cached_case(tiers[i], file, ways[w].via, ways[w].cold, N);
			cached_case(tiers[i], file, ways[w].via, ways[w].hot, 0);
		}
}

static bool generate(const char *file, const char *words)
{
	struct proc p = {};
	int status = proc_line(&p, "known-count --target %s --count %d --contiguous %s", file, N, words);

	proc_free(&p);
	return check_same(words, status, 0);
}

/*
 * A file to read on a file system that does nothing else: read-only, so that
 * there is no journal, and with all it must know of the file read in.
 */
static bool lay_out(const char *file)
{
	return generate(file, "--op write --fsync-every 499") &&
	       check_same("remount", place_remount("ext4", MS_RDONLY), 0) && generate(file, "--cold");
}

/* Its file's inode is not the one that its pages hang on. loop.fd keeps the cache. */
TEST(cached_reads_from_a_block_device)
{
	const char *why = need_loop();

	if (why)
		TEST_SKIP(why);
	cached_cases(loop.path, 1);
}

TEST(cached_reads_from_ext4)
{
	const char *why = need_loop(), *file;
	char kept[256];
	int err;

	if (why)
		TEST_SKIP(why);
	check_case("ext4 on %s", loop.name);
	err = place_mount_ext4("ext4", loop.path, "");
	file = place_path("ext4/file");
	if (!check_same("mount", err, 0))
		return;
	if (lay_out(file)) {
		snprintf(kept, sizeof(kept), "%s", place_path("ext4/file"));
		cached_cases(kept, ARRAY_SIZE(ways));
	}
	place_umount("ext4");
}

static void buffered_write_case(const char *tier, const char *via, const char *engine)
{
	struct trace t;

	check_case("tier %s: buffered writes to ext4 with fsync, %s", tier, engine);
	if (trace_command(
		    &t,
		    "--tier %s --dev %s -- known-count --target %s --count %d --op write --fsync-every 10 --engine %s",
		    tier, loop.name, place_path("ext4/%s-%s", tier, engine), N, engine)) {
		check_operation(&t, "write", via, N, (int64_t)N * SIZE);
		/* a worker of the kernel does those of libaio */
		if (strcmp(via, "libaio"))
			check_operation(&t, "fsync", via, N / 10, 0);
		check_coverage(&t);
	}
	trace_free(&t);
}

TEST(buffered_writes_to_ext4)
{
	const char *why = need_loop();
	int err;

	if (why)
		TEST_SKIP(why);
	check_case("ext4 on %s", loop.name);
	err = place_mount_ext4("ext4", loop.path, "");
	if (!check_same("mount", err, 0))
		return;
	for (size_t i = 0; i < ARRAY_SIZE(tiers); i++)
		buffered_write_case(tiers[i], "syscall", "psync");
	buffered_write_case("filemap", "io_uring", "io_uring");
	buffered_write_case("full", "io_uring", "io_uring_punt");
	buffered_write_case("full", "libaio", "libaio");
	place_umount("ext4");
}

TEST_MAIN("trace-cache", T(cached_reads_from_a_block_device), T(cached_reads_from_ext4), T(buffered_writes_to_ext4))
