/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Devices of every kind as --device: what is refused, what is used, what is left as it was. */
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "bench/file.h"
#include "bench/setting.h"
#include "bench/stop.h"
#include "bench/tests/bench-run.h"
#include "bench/why.h"
#include "tracer/base/cleanup.h"
#include "tracer/base/test.h"

#define SMOKE "--arms off,off2 --quick --rounds 1:1 --window 200ms"

/* Not below @base, where expect_clean() looks for mounts of the run's. */
static char mnt[64];

static void make_mnt(void)
{
	snprintf(mnt, sizeof(mnt), "/tmp/iopath-place.%d", getpid());
	mkdir(mnt, 0700);
}

static struct bench_run run_on(const char *words, const char *workload)
{
	struct bench_run r = run_new(words);

	run_fake(&r);
	add_words(&r, SMOKE " --workload");
	add(&r, workload);
	run_start(&r);
	run_end(&r);
	return r;
}

static void expect(const char *words, int status, const char *says)
{
	struct bench_run r = run_on(words, "randread-4k-qd1");

	if (r.status != status || !strstr(r.text, says))
		show(&r);
	ASSERT_EQ(r.status, status);
	ASSERT_TRUE(strstr(r.text, says) != NULL);
	run_free(&r);
	expect_clean();
}

/* A whole run, whatever a busy machine makes of its verdict. */
static void expect_measured(const char *words, const char *workload)
{
	struct bench_run r = run_on(words, workload);

	if (r.status != EXIT_INCONCLUSIVE && r.status != EXIT_ENVIRONMENT)
		show(&r);
	ASSERT_TRUE(r.status == EXIT_INCONCLUSIVE || r.status == EXIT_ENVIRONMENT);
	ASSERT_TRUE(count_in(fmt("%s/out/results.jsonl", base), "\"type\":\"cell\"") >= 1);
	check_files("summary");
	run_free(&r);
	expect_clean();
}

/* ---- what is in use ---- */

/* One partition from 1 MiB to the end. */
static void write_table(const char *dev, unsigned int mib)
{
	unsigned char mbr[512] = { [450] = 0x83, [510] = 0x55, [511] = 0xaa };
	uint32_t first = 2048, nr = mib * 2048 - first;
	int fd = open(dev, O_RDWR | O_CLOEXEC);

	memcpy(mbr + 454, &first, 4);
	memcpy(mbr + 458, &nr, 4);
	ASSERT_EQ(pwrite(fd, mbr, sizeof(mbr), 0), sizeof(mbr));
	ASSERT_EQ(fsync(fd), 0);
	ioctl(fd, BLKRRPART);
	close(fd);
}

TEST(a_partition_that_is_mounted_keeps_the_whole_disk)
{
	char dev[64];

	NEEDS_DISK(dev, 96);
	write_table(dev, 96);
	if (access(fmt("%sp1", dev), F_OK)) {
		end_disk(dev);
		TEST_SKIP("this kernel shows no partitions of loop devices");
	}
	expect(fmt("--device %s", dev), EXIT_ENVIRONMENT, "holds data (dos)");
	make_mnt();
	ASSERT_EQ(system(fmt("mkfs.ext4 -q -F %sp1 && mount %sp1 %s", dev, dev, mnt)), 0);
	expect(fmt("--device %s --overwrite %s", dev, dev), EXIT_ENVIRONMENT, "is mounted at");
	expect(fmt("--device %sp1 --overwrite %sp1", dev, dev), EXIT_ENVIRONMENT, "is mounted at");
	ASSERT_EQ(umount(mnt), 0);
	rmdir(mnt);
	/* it alone may be used; statistics and the queue are its disk's */
	expect_measured(fmt("--device %sp1 --overwrite %sp1", dev, dev), "randread-4k-qd1");
	ASSERT_TRUE(count_in(fmt("%s/out/results.jsonl", base), fmt("\"disk\":\"%s\"", dev + 5)) >= 1);
	end_disk(dev);
}

TEST(swap_is_refused)
{
	char dev[64];

	NEEDS_DISK(dev, 64);
	if (system(fmt("mkswap %s >/dev/null 2>&1 && swapon %s 2>/dev/null", dev, dev))) {
		end_disk(dev);
		TEST_SKIP("no swap can be added here");
	}
	expect(fmt("--device %s --overwrite %s", dev, dev), EXIT_ENVIRONMENT, "is swap space");
	ASSERT_EQ(system(fmt("swapoff %s", dev)), 0);
	end_disk(dev);
}

TEST(a_member_of_a_dm_device_is_refused)
{
	char dev[64];

	NEEDS_DISK(dev, 64);
	if (system(fmt("dmsetup create iopath%d --table '0 100000 linear %s 0' >/dev/null 2>&1", getpid(), dev))) {
		end_disk(dev);
		TEST_SKIP("no device-mapper here");
	}
	expect(fmt("--device %s --overwrite %s", dev, dev), EXIT_ENVIRONMENT, "is in use by dm-");
	ASSERT_EQ(system(fmt("dmsetup remove --retry iopath%d", getpid())), 0);
	end_disk(dev);
}

TEST(a_device_that_is_read_only_is_refused)
{
	char dev[64];

	NEEDS_DISK(dev, 64);
	ASSERT_EQ(system(fmt("blockdev --setro %s", dev)), 0);
	expect(fmt("--device %s", dev), EXIT_ENVIRONMENT, "is read-only");
	ASSERT_EQ(system(fmt("blockdev --setrw %s", dev)), 0); /* a loop device keeps that */
	end_disk(dev);
}

static void expect_end_without(const char *dev, const char *command, const char *says)
{
	_cleanup_free_ char *go = strdup(command); /* fmt() has few buffers */
	bool begun = false;
	struct bench_run r;
	json_t *v;

	unlink(fmt("%s/out/results.jsonl", base));
	r = run_new(fmt("--device %s --arms off,off2 --rounds 8:8 --window 300ms --max-steal 100 --workload uring-randread-qd1",
			dev));
	run_start(&r);
	for (int i = 0; i < 3000 && !begun; i++) { /* 30 s */
		usleep(10000);
		begun = count_in(fmt("%s/out/results.jsonl", base), "\"type\":\"cell\"") > 0;
	}
	ASSERT_TRUE(begun);
	ASSERT_EQ(system(go), 0);
	run_end(&r);
	if (!strstr(r.text, says))
		show(&r);
	ASSERT_EQ(r.status, EXIT_ENVIRONMENT);
	ASSERT_TRUE(strstr(r.text, says) != NULL);
	v = verdict();
	ASSERT_STR(verdict_text(v), "INVALID");
	json_decref(v);
	run_free(&r);
}

/* The medium goes away under a run with real I/O: an error that names it, and nothing is left. */
TEST(a_device_that_vanishes_ends_the_run)
{
	char dev[64];

	NEEDS_DISK(dev, 64);
	ASSERT_EQ(system(fmt("truncate -s 0 %s/disk", base)), 0);
	if (!system(fmt("dd if=%s of=/dev/null bs=4k count=1 iflag=direct 2>/dev/null", dev))) {
		end_disk(dev);
		TEST_SKIP("this kernel reads zeroes where a loop device's file has ended");
	}
	ASSERT_EQ(system(fmt("truncate -s 64M %s/disk", base)), 0);
	expect_end_without(dev, fmt("truncate -s 0 %s/disk", base), "I/Os failed with EIO");
	end_disk(dev);
	expect_clean();
}

/* And the disk itself, as one that is pulled: its node and its files in sysfs are gone as well. */
TEST(a_disk_that_is_pulled_ends_the_run)
{
	_cleanup_free_ char *out = NULL;
	char dev[64];

	NEEDS_ROOT_AND_LOOP();
	setup();
	if (system("modprobe -n scsi_debug >/dev/null 2>&1"))
		TEST_SKIP("this kernel has no scsi_debug");
	ASSERT_EQ(system("modprobe sd_mod; modprobe scsi_debug dev_size_mb=64 delay=0"), 0);
	ASSERT_EQ(system(fmt("for i in $(seq 100); do d=$(grep -ls ^scsi_debug /sys/block/sd*/device/model) && [ -b /dev/$(echo $d | cut -d/ -f4) ] "
			     "&& break; sleep .1; done; echo $d | cut -d/ -f4 >%s/name", base)), 0);
	ASSERT_EQ(file_read(fmt("%s/name", base), &out), 0);
	snprintf(dev, sizeof(dev), "/dev/%.*s", (int)strcspn(out, "\n"), out);
	expect_end_without(dev, fmt("echo 1 >/sys/block/%s/device/delete", dev + 5), ": No such file or directory");
	ASSERT_EQ(access(dev, F_OK), -1);
	ASSERT_EQ(system("rmmod scsi_debug"), 0);
	expect_clean();
}

/* ---- directories and files ---- */

TEST(a_directory_is_used_and_left_as_it_was)
{
	char dev[64];

	NEEDS_DISK(dev, 800);
	make_mnt();
	ASSERT_EQ(system(fmt("mkfs.ext4 -q -F %s && mount %s %s && mkdir %s/d && echo mine >%s/d/keep", dev, dev, mnt, mnt,
			     mnt)), 0);
	expect_measured(fmt("--device %s/d --span 64M", mnt), "randread-4k-qd1");
	ASSERT_TRUE(count_in(fmt("%s/out/results.jsonl", base), fmt("\"place\":\"%s/d\"", mnt)) >= 1);
	ASSERT_TRUE(count_in(fmt("%s/out/results.jsonl", base), fmt("\"disk\":\"%s\"", dev + 5)) >= 1);
	ASSERT_EQ(system(fmt("test \"$(ls -A %s/d)\" = keep && grep -q mine %s/d/keep", mnt, mnt)), 0);
	/* a file in it: told twice; and it is one file */
	ASSERT_EQ(system(fmt("truncate -s 64M %s/d/f", mnt)), 0);
	expect(fmt("--device %s/d/f", mnt), EXIT_ENVIRONMENT, "whose content a run would destroy");
	expect_measured(fmt("--device %s/d/f --overwrite %s/d/f", mnt, mnt), "randread-4k-qd1");
	ASSERT_EQ(system(fmt("test \"$(stat -c %%s %s/d/f)\" = 67108864", mnt)), 0);
	ASSERT_EQ(system(fmt("mount -o remount,ro %s", mnt)), 0);
	expect(fmt("--device %s/d", mnt), EXIT_ENVIRONMENT, "read-only");
	ASSERT_EQ(umount(mnt), 0);
	rmdir(mnt);
	end_disk(dev);
}

TEST(many_files_do_not_fit_into_one)
{
	char dev[64];
	struct bench_run r;

	NEEDS_DISK(dev, 200);
	make_mnt();
	ASSERT_EQ(system(fmt("mkfs.ext4 -q -F %s && mount %s %s && truncate -s 64M %s/f", dev, dev, mnt, mnt)), 0);
	expect(fmt("--device %s", mnt), EXIT_ENVIRONMENT, "512M are needed");
	r = run_on(fmt("--device %s/f --overwrite %s/f", mnt, mnt), "manyfiles-4k");
	ASSERT_EQ(r.status, EXIT_SKIPPED);
	ASSERT_TRUE(strstr(r.text, "it uses many files") != NULL);
	run_free(&r);
	ASSERT_EQ(umount(mnt), 0);
	rmdir(mnt);
	end_disk(dev);
	expect_clean();
}

TEST(a_place_without_a_block_device_is_refused)
{
	NEEDS_ROOT_AND_LOOP();
	expect("--device /proc", EXIT_ENVIRONMENT, "no block device below it");
}

/* ---- made to order ---- */

TEST(what_this_kernel_cannot_make_is_skipped)
{
	struct bench_run r;

	NEEDS_ROOT_AND_LOOP();
	if (!system("modprobe -n null_blk >/dev/null 2>&1"))
		TEST_SKIP("this kernel has null_blk");
	r = run_on("--device null_blk:irqmode=timer,completion=20us,loop:size=64M", "randread-4k-qd1");
	if (r.status != EXIT_INCONCLUSIVE && r.status != EXIT_ENVIRONMENT)
		show(&r);
	ASSERT_TRUE(r.status == EXIT_INCONCLUSIVE || r.status == EXIT_ENVIRONMENT);
	ASSERT_TRUE(strstr(r.text, "no module null_blk") != NULL);
	ASSERT_TRUE(count_in(fmt("%s/out/results.jsonl", base), "\"order\":\"loop:size=64M\"") >= 1);
	check_files("summary");
	run_free(&r);
	expect_clean();
}

TEST(null_blk_is_made_and_removed)
{
	NEEDS_ROOT_AND_LOOP();
	if (system("modprobe -n null_blk >/dev/null 2>&1"))
		TEST_SKIP("this kernel has no null_blk");
	expect_measured("--device null_blk:size=64M,irqmode=timer,completion=20us", "randread-4k-qd1");
	ASSERT_TRUE(count_in(fmt("%s/out/results.jsonl", base), "\"driver\":\"null_blk\"") >= 1);
	/* what was asked for, and what the kernel or we choose */
	ASSERT_TRUE(count_in(fmt("%s/out/results.jsonl", base), "\"irqmode\":\"2\",") >= 1);
	ASSERT_TRUE(count_in(fmt("%s/out/results.jsonl", base), "\"completion_nsec\":\"20000\",\"memory_backed\":\"1\"") >= 1);
	ASSERT_EQ(count_in(fmt("%s/out/results.jsonl", base), "\"queue_mode\":null"), 0);
	ASSERT_TRUE(system("ls /sys/kernel/config/nullb/iopath* >/dev/null 2>&1") != 0);
}

TEST(scsi_debug_is_made_and_removed)
{
	NEEDS_ROOT_AND_LOOP();
	if (system("modprobe -n scsi_debug >/dev/null 2>&1"))
		TEST_SKIP("this kernel has no scsi_debug");
	expect_measured("--device scsi_debug:size=64M,completion=20us", "randread-4k-qd1");
	ASSERT_TRUE(count_in(fmt("%s/out/results.jsonl", base), "\"driver\":\"scsi_debug\"") >= 1);
	ASSERT_EQ(count_in(fmt("%s/out/results.jsonl", base), "\"model\":\"scsi_debug\""), 1);
	ASSERT_TRUE(system("grep -q ^scsi_debug /proc/modules") != 0);
}

static void put(const char *path, const char *value)
{
	ASSERT_EQ(system(fmt("mkdir -p \"$(dirname %s/root%s)\"", base, path)), 0);
	ASSERT_EQ(file_replace(fmt("%s/root%s", base, path), value), 0);
}

static void expect_null_blk(const char *disk, const char *wanted)
{
	json_t *o = null_blk_snapshot(fmt("%s/root", base), disk);
	char *text = o ? json_dumps(o, JSON_COMPACT | JSON_SORT_KEYS) : NULL;

	ASSERT_STR(text ? text : "none", wanted);
	free(text);
	json_decref(o);
}

/* Ours by its directory, another's by its index, else what the module was loaded with; a default is told like what was asked for. */
TEST(how_a_null_blk_was_made_is_told)
{
	setup();
	put("/sys/module/null_blk/parameters/queue_mode", "2\n");
	put("/sys/module/null_blk/parameters/irqmode", "1\n");
	put("/sys/module/null_blk/parameters/submit_queues", "4\n");
	expect_null_blk("nullb0", "{\"completion_nsec\":null,\"hw_queue_depth\":null,\"irqmode\":\"1\",\"memory_backed\":null,"
			"\"queue_mode\":\"2\",\"submit_queues\":\"4\"}");
	put("/sys/kernel/config/nullb/iopath7/index", "1\n");
	put("/sys/kernel/config/nullb/iopath7/irqmode", "2\n");
	put("/sys/kernel/config/nullb/iopath7/completion_nsec", "20000\n");
	put("/sys/kernel/config/nullb/iopath7/hw_queue_depth", "64\n");
	put("/sys/kernel/config/nullb/iopath7/memory_backed", "1\n");
	for (size_t i = 0; i < 2; i++)
		expect_null_blk(i ? "iopath7" : "nullb1", "{\"completion_nsec\":\"20000\",\"hw_queue_depth\":\"64\",\"irqmode\":\"2\","
				"\"memory_backed\":\"1\",\"queue_mode\":null,\"submit_queues\":null}");
	expect_null_blk("nvme0n1", "none");
}

/* The one device here with queues to poll: a completion that no interrupt tells of. */
TEST(polled_completions_are_measured_where_a_device_has_them)
{
	NEEDS_ROOT_AND_LOOP();
	if (system("modprobe -n null_blk >/dev/null 2>&1"))
		TEST_SKIP("this kernel has no null_blk");
	if (system("modinfo -F parm null_blk | grep -q ^poll_queues"))
		TEST_SKIP("this kernel's null_blk has no queues to poll");
	expect_measured("--device null_blk:size=64M,irqmode=none,poll_queues=1", "uring-randread-iopoll");
	ASSERT_TRUE(count_in(fmt("%s/out/results.jsonl", base), "\"valid\":true") >= 1);
}

TEST_MAIN("bench-device", T(a_partition_that_is_mounted_keeps_the_whole_disk), T(swap_is_refused),
	  T(a_member_of_a_dm_device_is_refused), T(a_device_that_is_read_only_is_refused),
	  T(a_device_that_vanishes_ends_the_run), T(a_disk_that_is_pulled_ends_the_run), T(a_directory_is_used_and_left_as_it_was), T(many_files_do_not_fit_into_one),
	  T(a_place_without_a_block_device_is_refused), T(what_this_kernel_cannot_make_is_skipped),
	  T(null_blk_is_made_and_removed), T(scsi_debug_is_made_and_removed), T(how_a_null_blk_was_made_is_told),
	  T(polled_completions_are_measured_where_a_device_has_them))
