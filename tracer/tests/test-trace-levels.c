/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Devices made of others, and devices without requests: each level is told by
 * itself, and its own time is a stage of the operation.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/blkpg.h>
#include <linux/loop.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#include "ground-attempt.h"
#include "ground-check.h"
#include "ground-loops.h"
#include "ground-place.h"
#include "ground-trace.h"
#include "tracer/base/cleanup.h"
#include "tracer/base/test.h"

enum { N = 211, M = 307, SIZE = 4096, ZRAM_BYTES = 64 << 20 };

static bool run_script(const char *text)
{
	const char *path = place_path("script.sh");
	FILE *f = fopen(path, "we");
	struct proc p = {};
	int status;

	if (f) {
		fprintf(f, "%s\n", text);
		fclose(f);
	}
	status = proc_line(&p, "sh %s", path);
	proc_free(&p);
	return !status;
}

static void read_word(const char *path, char *buf, size_t len)
{
	_cleanup_fclose_ FILE *f = fopen(path, "re");

	if (!f || !fgets(buf, (int)len, f))
		*buf = '\0';
	buf[strcspn(buf, "\n")] = '\0';
}

/* ---- partitions ---- */

static struct loop parted = { .fd = -1 };

/* A partition of @len bytes on the device without a table on it. 0 or -errno. */
static int partition_add(int nr, long long start, long long len)
{
	struct blkpg_partition p = { .start = start, .length = len, .pno = nr };
	struct blkpg_ioctl_arg a = { .op = BLKPG_ADD_PARTITION, .datalen = sizeof(p), .data = &p };

	return ioctl(parted.fd, BLKPG, &a) ? -errno : 0;
}

static int partitions_make(void)
{
	struct loop_info64 info;
	int err;

	if (ioctl(parted.fd, LOOP_GET_STATUS64, &info))
		return -errno;
	info.lo_flags |= LO_FLAGS_PARTSCAN;
	if (ioctl(parted.fd, LOOP_SET_STATUS64, &info))
		return -errno;
	err = partition_add(1, 1 << 20, 16 << 20);
	return err ? err : partition_add(2, 32 << 20, 16 << 20);
}

static void run_part(int nr, int count)
{
	struct proc p = {};

	check_same("status of the generator",
		   proc_line(&p, "known-count --target %sp%d --count %d --direct", parted.path, nr, count), 0);
	proc_free(&p);
}

/* Until 5.10 a bio does not know its partition, and the filter is refused. */
static bool partitions_told(void)
{
	struct proc p = {};
	bool told = !proc_line(&p, "iopath trace --tier block --dev %sp1 --duration 1ms -o /dev/null", parted.name);

	if (!told)
		check_has("why not", p.err.text, "does not tell partitions apart");
	proc_free(&p);
	return told;
}

/* Reads of both partitions under @filter: @want of them are told. */
static void part_case(const char *tier, const char *filter, int64_t want)
{
	struct trace t;

	check_case("tier %s: %s", tier, filter);
	if (trace_begin(&t, "--tier %s %s", tier, filter)) {
		run_part(1, N);
		run_part(2, M);
		if (trace_end(&t, SIGINT)) {
			check_device(&t, parted.name, "read", want, want * SIZE);
			check_coverage(&t);
		}
	}
	trace_free(&t);
}

TRACE_TEST(by_partition)
{
	static const char *const tiers[] = { "block", "full" };
	const char *why = need_loop();
	char one[64], all[64];
	bool told;

	if (!why)
		why = loop_need(&parted, 64 << 20);
	if (why)
		TEST_SKIP(why);
	if (partitions_make())
		TEST_SKIP("loop devices take no partitions here");
	snprintf(one, sizeof(one), "--dev %sp1", parted.name);
	snprintf(all, sizeof(all), "--dev-stack %s", parted.name);
	told = partitions_told();
	for (size_t i = 0; i < ARRAY_SIZE(tiers); i++) {
		if (told)
			part_case(tiers[i], one, N);
		part_case(tiers[i], all, N + M);
	}
	if (!told)
		TEST_SKIP("a partition alone: not on this kernel");
}

/* ---- zram: no requests, done when it is submitted ---- */

static char zram[16], zram_nr[8];

/* Also runs in a signal handler: system calls alone. */
static void zram_remove(void)
{
	int fd = zram_nr[0] ? open("/sys/class/zram-control/hot_remove", O_WRONLY | O_CLOEXEC) : -1;

	if (fd >= 0 && write(fd, zram_nr, strlen(zram_nr)) > 0)
		zram_nr[0] = '\0';
	close(fd);
}

static const char *zram_make(void)
{
	char path[64];
	_cleanup_fclose_ FILE *f = NULL;

	read_word("/sys/class/zram-control/hot_add", zram_nr, sizeof(zram_nr));
	if (!zram_nr[0])
		return "no zram";
	place_at_end(zram_remove);
	snprintf(zram, sizeof(zram), "zram%s", zram_nr);
	snprintf(path, sizeof(path), "/sys/block/%s/disksize", zram);
	f = fopen(path, "we");
	return f && fprintf(f, "%d", ZRAM_BYTES) > 0 && !fflush(f) ? NULL : "zram takes no size";
}

/* Of each record: one bio on the level, its time in the level's device stage alone. */
static int64_t check_level_records(const struct trace *t, const char *device)
{
	json_t *line, *part;
	int64_t nr = 0;
	size_t i;

	json_array_foreach(t->lines, i, line) {
		const char *level = text_at(line, "level");

		if (!level || strcmp(level, "operation"))
			continue;
		part = json_array_get(json_at(line, "tree"), json_array_size(json_at(line, "tree")) - 1);
		check_text("device of the part", text_at(part, "device"), device);
		check_same("bytes of the part", number_at(part, "bytes"), SIZE);
		check_between("its time", number_at(part, "stages.device"), 1, number_at(line, "total_ns"));
		check_true("no wait for a request", json_is_null(json_at(part, "stages.q2g")));
		check_text("device", text_at(line, "device"), device);
		check_true("no tag", json_is_null(json_at(line, "tag")));
		nr++;
	}
	return nr;
}

TRACE_TEST(a_device_without_requests_is_a_level)
{
	static const char *const words[] = { "", "--engine io_uring --depth 4", "--engine libaio --depth 4" },
			   *const vias[] = { "syscall", "io_uring", "libaio" };
	const char *why = place_ready();

	if (!why)
		why = zram_make();
	if (why)
		TEST_SKIP(why);
	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		struct trace t;

		check_case("zram, %s", vias[i]);
		if (trace_command(&t, "--tier full --dev %s --threshold 1ns -- known-count --target /dev/%s --op write --direct --count %d %s",
				  zram, zram, N, words[i])) {
			json_t *row = trace_operation(&t, "write", vias[i]);

			check_device(&t, zram, "write", N, N * SIZE);
			check_operation(&t, "write", vias[i], N, N * SIZE);
			check_same("in its device stage", number_at(row, "stages.device.count"), N);
			check_same("records", check_level_records(&t, zram), N);
			check_coverage(&t);
		}
		trace_free(&t);
	}
	zram_remove();
}

static void stack_case(const char *filter, const char *dm, bool upper, bool lower)
{
	struct trace t;
	struct proc p = {};

	check_case("%s", filter);
	if (trace_begin(&t, "--tier vfs %s", filter)) {
		check_same("status of the generator",
			   proc_line(&p, "known-count --target /dev/%s --count %d --direct", dm, N), 0);
		if (trace_end(&t, SIGINT)) {
			check_same("requests below", trace_device_count(&t, loop.name, "read"), lower ? N : 0);
			check_same("bios above", trace_device_count(&t, dm, "read"), upper ? N : 0);
			check_operation(&t, "read", "syscall", N, N * SIZE);
			check_coverage(&t);
		}
	}
	proc_free(&p);
	trace_free(&t);
}

/* Of a device and what is made of it: one level, the other, and both. */
TRACE_TEST(by_dm_stack)
{
	const char *why = need_loop();
	char text[512], name[64], filter[128], dm[64];

	if (why)
		TEST_SKIP(why);
	snprintf(name, sizeof(name), "iopath-test-%d", getpid());
	snprintf(text, sizeof(text), "dmsetup create %s --noudevsync --table '0 65536 linear %s 0'", name, loop.path);
	if (!run_script(text))
		TEST_SKIP("no device mapper, or no dmsetup");
	snprintf(text, sizeof(text), "dmsetup info -c --noheadings -o blkdevname %s > %s", name, place_path("dm"));
	run_script(text);
	read_word(place_path("dm"), dm, sizeof(dm));
	snprintf(filter, sizeof(filter), "--dev %s", dm);
	stack_case(filter, dm, true, false);
	snprintf(filter, sizeof(filter), "--dev %s", loop.name);
	stack_case(filter, dm, false, true);
	snprintf(filter, sizeof(filter), "--dev-stack %s", loop.name);
	stack_case(filter, dm, true, true);
	snprintf(filter, sizeof(filter), "--dev-stack %s", dm);
	stack_case(filter, dm, true, true);
	snprintf(text, sizeof(text), "dmsetup remove --noudevsync %s", name);
	check_true("removed", run_script(text));
}

TEST_MAIN("trace-levels", T(a_device_without_requests_is_a_level), T(by_dm_stack), T(by_partition))
