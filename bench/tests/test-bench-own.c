/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A disk that is the user's own: it is there before the run and after it, and belongs to nobody else meanwhile. */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mount.h>

#include "bench/file.h"
#include "bench/setting.h"
#include "bench/stop.h"
#include "bench/tests/bench-run.h"
#include "bench/undo.h"
#include "bench/why.h"
#include "tracer/base/cleanup.h"
#include "tracer/base/test.h"

static char dev[64];

static bool one_cell(void)
{
	return nr_cells() >= 1;
}

static bool three_cells(void)
{
	return nr_cells() >= 3;
}

static bool ends_measured(const struct bench_run *r)
{
	if (r->status == EXIT_PASS || r->status == EXIT_INCONCLUSIVE || r->status == EXIT_ENVIRONMENT)
		return true;
	show(r);
	return false;
}

static bool has_signature(void)
{
	return !system(fmt("test -n \"$(wipefs --noheadings --output TYPE %s)\"", dev));
}

/* ---- what a run leaves on it ---- */

/*
 * Both sets make an ext4 on it, in turn, again and again: what is there then is
 * the run's own and no data. Killed when one is mounted, it goes on; and may be
 * run once more.
 */
TEST(a_file_system_of_the_run_is_not_taken_for_data)
{
	struct bench_run r, again;

	NEEDS_DISK(dev, 96);
	r = run_new(fmt("--device %s --arms off,off2 --time 36s --rounds 2:32 --budget 0.1 --window 200ms "
			"--workload append-4k-fsync,randrw-16k-fsync", dev));
	run_fake(&r);
	run_start(&r);
	ASSERT_TRUE(wait_for(&r, three_cells));
	signal_run(&r, SIGKILL);
	run_end(&r);
	ASSERT_TRUE(has_signature());
	again = resume();
	run_end(&again);
	if (count_in(fmt("%s/out/results.jsonl", base), "\"type\":\"set_end\"") != 2)
		show(&again);
	ASSERT_TRUE(ends_measured(&again));
	ASSERT_TRUE(count_in(fmt("%s/out/results.jsonl", base), "\"type\":\"again\"") >= 1);
	ASSERT_EQ(count_in(fmt("%s/out/results.jsonl", base), "\"type\":\"set_end\""), 2);
	check_files("summary");
	ASSERT_TRUE(!has_signature());
	expect_clean();
	run_free(&r);
	run_free(&again);
	/* a job file of the user's */
	ASSERT_EQ(file_replace(fmt("%s/mine.fio", base), "# mine\n# iopath: target=ext4\n[mine]\nrw=randread\nbs=4k\nsize=16M\n"), 0);
	r = run_new(fmt("--device %s --arms off,off2 --quick --rounds 1:1 --window 200ms --workload %s/mine.fio", dev, base));
	run_fake(&r);
	run_start(&r);
	run_end(&r);
	ASSERT_TRUE(ends_measured(&r));
	check_files("summary");
	ASSERT_TRUE(count_in(fmt("%s/out/results.jsonl", base), "\"workload\":\"mine\"") >= 2);
	run_free(&r);
	expect_clean();
	end_disk(dev);
}

/* Another one, that somebody made since: not ours to destroy. */
TEST(the_file_system_of_another_stays)
{
	struct why why = { 0 };
	struct undo u;

	NEEDS_DISK(dev, 64);
	ASSERT_EQ(undo_open(&u, fmt("%s/undo", base), NULL, &why), 0);
	ASSERT_EQ(system(fmt("mkfs.ext4 -q -F -U 11111111-2222-3333-4444-555555555555 %s", dev)), 0);
	ASSERT_EQ(undo_push_ext4(&u, dev, "11111111-2222-3333-4444-555555555556"), 0);
	ASSERT_EQ(undo_all(&u, NULL), 0);
	ASSERT_TRUE(has_signature());
	ASSERT_EQ(undo_push_ext4(&u, dev, "11111111-2222-3333-4444-555555555555"), 0);
	ASSERT_EQ(undo_all(&u, NULL), 0);
	ASSERT_TRUE(!has_signature());
	undo_close(&u);
	end_disk(dev);
}

/* ---- whose it is meanwhile ---- */

#define THP "/sys/kernel/mm/transparent_hugepage/enabled"

/* What there is to know of the disk stands beside what it did. */
static void expect_device_told(void)
{
	static const char *const known[] = { "nr_requests", "wbt_lat_usec", "rotational", "write_cache", "scheduler" };
	_cleanup_free_ char *text = NULL;
	json_t *set, *device = NULL, *queue;
	char *save = NULL;

	ASSERT_EQ(file_read(fmt("%s/out/results.jsonl", base), &text), 0);
	strtok_r(text, "\n", &save); /* the header */
	set = json_loads(strtok_r(NULL, "\n", &save) ?: "", 0, NULL);
	device = json_object_get(set, "device");
	queue = json_object_get(device, "queue");
	ASSERT_EQ(json_integer_value(json_object_get(device, "size_bytes")), 64 << 20);
	ASSERT_STR(json_string_value(json_object_get(device, "driver")) ?: "none", "loop");
	ASSERT_TRUE(json_integer_value(json_object_get(device, "nr_hw_queues")) >= 1);
	/* said, and that there is none: a loop device has no maker */
	ASSERT_TRUE(json_is_null(json_object_get(device, "model")));
	for (size_t i = 0; i < ARRAY_SIZE(known); i++) {
		const char *told = json_string_value(json_object_get(queue, known[i]));
		char now[SETTING_MAX];

		/* null where the kernel has no such file */
		if (!setting_read(fmt("/sys/block/%s/queue/%s", dev + 5, known[i]), now, sizeof(now)))
			ASSERT_STR(told ? told : "missing", now);
	}
	json_decref(set);
}

TEST(nobody_mounts_it_while_it_is_measured)
{
	char before[SETTING_MAX] = "", now[SETTING_MAX] = "";
	struct bench_run r;
	int err;

	NEEDS_DISK(dev, 64);
	unlink(fmt("%s/out/results.jsonl", base));
	setting_read(THP, before, sizeof(before));
	r = run_new(fmt("--device %s --arms off,off2 --rounds 32:32 --window 200ms --workload randread-4k-qd1", dev));
	run_fake(&r);
	run_start(&r);
	ASSERT_TRUE(wait_for(&r, one_cell));
	err = mount(dev, "/mnt", "ext4", 0, NULL) ? errno : 0;
	ASSERT_EQ(err, EBUSY);
	expect_device_told();
	/* without --tune nothing of the machine is changed */
	setting_read(THP, now, sizeof(now));
	ASSERT_STR(now, before);
	ASSERT_EQ(count_in(fmt("%s/out/results.jsonl", base), "\"tuned\":[]"), 1);
	signal_run(&r, SIGTERM);
	run_end(&r);
	err = mount(dev, "/mnt", "ext4", 0, NULL) ? errno : 0;
	ASSERT_EQ(err, EINVAL); /* it may be mounted again, if there were anything on it */
	run_free(&r);
	expect_clean();
	end_disk(dev);
}

/* ---- its content ---- */

static unsigned int count_blank_blocks(const char *path)
{
	_cleanup_fclose_ FILE *f = fopen(path, "re");
	char block[4096], blank[4096] = { 0 };
	unsigned int n = 0;

	while (f && fread(block, sizeof(block), 1, f) == 1)
		n += !memcmp(block, blank, sizeof(blank));
	return n;
}

/* Blocks that were never written are read from nowhere: before the first load begins the span has been, and no more. */
TEST(what_is_read_was_written_before)
{
	char line[64] = "";
	struct bench_run r;

	NEEDS_DISK(dev, 64);
	ASSERT_EQ(file_replace(fmt("%s/fio", base), fmt("#!/bin/sh\ncase $* in *--version* | *--parse-only* | *--enghelp*) ;; *) stat -c %%b %s/disk >>%s/blocks ;; esac\n"
							"exec %s/fake-fio \"$@\"\n", base, base, build_dir)), 0);
	ASSERT_EQ(system(fmt("chmod +x %s/fio", base)), 0);
	r = run_new(fmt("--device %s --arms off,off2 --quick --rounds 1:1 --window 200ms --span 32M --workload randread-4k-qd1 "
			"--max-steal 100 --fio %s/fio", dev, base));
	run_start(&r);
	run_end(&r);
	ASSERT_TRUE(ends_measured(&r));
	ASSERT_EQ(file_read_line(fmt("%s/blocks", base), line, sizeof(line)), 0);
	ASSERT_TRUE(atol(line) * 512 >= 32 << 20 && atol(line) * 512 < 34 << 20);
	ASSERT_EQ(count_blank_blocks(fmt("%s/disk", base)), (32 << 20) / 4096);
	run_free(&r);
	expect_clean();
	end_disk(dev);
}

/* ---- its settings ---- */

static void read_queue(const char *name, char *value)
{
	if (setting_read(fmt("/sys/block/%s/queue/%s", dev + 5, name), value, SETTING_MAX))
		strcpy(value, "absent");
}

static const char *const queue_files[] = { "scheduler", "nr_requests", "wbt_lat_usec", "read_ahead_kb" };

struct queue {
	char value[4][SETTING_MAX];
};

static struct queue read_settings(void)
{
	struct queue q;

	for (size_t i = 0; i < ARRAY_SIZE(queue_files); i++)
		read_queue(queue_files[i], q.value[i]);
	return q;
}

static void expect_settings(const struct queue *was)
{
	struct queue is = read_settings();

	for (size_t i = 0; i < ARRAY_SIZE(queue_files); i++)
		ASSERT_STR(is.value[i], was->value[i]);
}

static struct bench_run start_under(const char *scheduler)
{
	struct bench_run r = run_new(fmt("--device %s --scheduler %s --arms off,off2 --rounds 32:32 --window 200ms "
					 "--workload randread-4k-qd1", dev, scheduler));

	unlink(fmt("%s/out/results.jsonl", base));
	run_fake(&r);
	run_start(&r);
	return r;
}

/* Its module may be gone, or refuse the disk: skipped with the reason, and what others measure stands. */
TEST(a_scheduler_that_is_listed_and_refused_is_skipped)
{
	char list[256];
	struct bench_run r;

	NEEDS_DISK(dev, 64);
	if (file_read_line(fmt("/sys/block/%s/queue/scheduler", dev + 5), list, sizeof(list)) || !strstr(list, "mq-deadline")) {
		end_disk(dev);
		TEST_SKIP("this kernel has no other scheduler");
	}
	setenv("LD_PRELOAD", fmt("%s/refuse-write.so", build_dir), 1);
	setenv("REFUSE_WRITE", "mq-deadline", 1);
	r = run_new(fmt("--device %s --scheduler none,mq-deadline --arms off,off2 --quick --rounds 1:1 --window 200ms "
			"--workload randread-4k-qd1", dev));
	run_fake(&r);
	run_start(&r);
	run_end(&r);
	unsetenv("LD_PRELOAD");
	unsetenv("REFUSE_WRITE");
	ASSERT_TRUE(ends_measured(&r));
	ASSERT_TRUE(strstr(r.text, "the kernel refuses this scheduler for the device") != NULL);
	ASSERT_EQ(count_in(fmt("%s/out/results.jsonl", base), "\"scheduler\":\"mq-deadline\",\"reason\":\"the kernel refuses"), 1);
	ASSERT_TRUE(count_in(fmt("%s/out/results.jsonl", base), "\"scheduler\":\"none\",\"arm\":\"off\"") >= 1);
	check_files("summary");
	run_free(&r);
	expect_clean();
	end_disk(dev);
}

TEST(however_a_run_ends_its_scheduler_and_queue_are_as_they_were)
{
	static const int signals[] = { SIGTERM, SIGKILL };
	static const char *const names[] = { "bfq", "mq-deadline" };
	const char *other = NULL;
	_cleanup_free_ char *depth_file = NULL, *wbt_file = NULL;
	char now[SETTING_MAX], depth[SETTING_MAX];
	struct queue was;

	NEEDS_DISK(dev, 64);
	for (size_t i = 0; i < ARRAY_SIZE(names) && !other; i++)
		if (!system(fmt("grep -qw %s /sys/block/%s/queue/scheduler", names[i], dev + 5)))
			other = names[i];
	if (!other) {
		end_disk(dev);
		TEST_SKIP("this kernel has no other scheduler");
	}
	/* what a user may have set: a switch resets it */
	setting_write(fmt("/sys/block/%s/queue/scheduler", dev + 5), "none");
	depth_file = strdup(fmt("/sys/block/%s/queue/nr_requests", dev + 5));
	wbt_file = strdup(fmt("/sys/block/%s/queue/wbt_lat_usec", dev + 5));
	ASSERT_EQ(setting_read(depth_file, depth, sizeof(depth)), 0);
	setting_write(depth_file, "77");
	setting_write(wbt_file, "12345");
	was = read_settings();
	for (size_t i = 0; i < ARRAY_SIZE(signals); i++) {
		struct bench_run r = start_under(other), next;

		ASSERT_TRUE(wait_for(&r, one_cell));
		read_queue("scheduler", now);
		ASSERT_STR(now, other);
		signal_run(&r, signals[i]);
		run_end(&r);
		run_free(&r);
		if (signals[i] == SIGKILL) {
			read_queue("scheduler", now);
			ASSERT_STR(now, other);
			next = run_new("--arms off,off2 --quick --rounds 1:1 --window 200ms --workload randread-4k-qd1");
			run_fake(&next);
			run_start(&next);
			run_end(&next);
			ASSERT_TRUE(next.text && strstr(next.text, "cleaned up setting") != NULL);
			/* each is said once */
			ASSERT_TRUE(next.text && strstr(next.text, "/queue/scheduler") &&
				    !strstr(strstr(next.text, "/queue/scheduler") + 1, "/queue/scheduler"));
			run_free(&next);
		}
		expect_settings(&was);
		expect_clean();
	}
	/* the number of a loop device comes back with its queue: the next one's tags would be 77, whatever nr_requests says */
	setting_write(depth_file, depth);
	setting_write(wbt_file, "-1");
	end_disk(dev);
}

/* ---- one that will not do ---- */

TEST(a_disk_that_is_too_small_is_refused)
{
	struct bench_run r;

	NEEDS_DISK(dev, 2);
	r = run_new(fmt("--device %s --arms off,off2 --quick --rounds 1:1 --window 200ms --workload randread-4k-qd1", dev));
	run_fake(&r);
	run_start(&r);
	run_end(&r);
	if (r.status != EXIT_ENVIRONMENT || !strstr(r.text, "too small"))
		show(&r);
	ASSERT_EQ(r.status, EXIT_ENVIRONMENT);
	ASSERT_TRUE(strstr(r.text, "too small") != NULL);
	run_free(&r);
	expect_clean();
	end_disk(dev);
}

TEST_MAIN("test-bench-own", T(a_file_system_of_the_run_is_not_taken_for_data), T(the_file_system_of_another_stays),
	  T(nobody_mounts_it_while_it_is_measured), T(what_is_read_was_written_before),
	  T(however_a_run_ends_its_scheduler_and_queue_are_as_they_were),
	  T(a_scheduler_that_is_listed_and_refused_is_skipped), T(a_disk_that_is_too_small_is_refused))
