/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a run writes to, and what it must not: devices that hold data, schedulers of others. */
#include <stdlib.h>
#include <sys/mount.h>

#include "bench/setting.h"
#include "bench/stop.h"
#include "bench/tests/bench-run.h"
#include "bench/why.h"
#include "tracer/base/cleanup.h"
#include "tracer/base/test.h"

static void expect_refused(const char *words, const char *says)
{
	struct bench_run r = run_new(words);

	run_fake(&r);
	add_words(&r, "--arms off,off2 --quick --rounds 1:1 --window 200ms --workload randread-4k-qd1");
	run_start(&r);
	run_end(&r);
	if (r.status != EXIT_ENVIRONMENT || !strstr(r.text, says))
		show(&r);
	ASSERT_EQ(r.status, EXIT_ENVIRONMENT);
	ASSERT_TRUE(strstr(r.text, says) != NULL);
	run_free(&r);
}

TEST(a_device_with_data_needs_to_be_told_twice)
{
	struct bench_run r;
	char dev[64];

	NEEDS_ROOT_AND_LOOP();
	setup();
	if (!make_disk(64, dev, sizeof(dev)))
		TEST_SKIP("cannot make a loop device");
	ASSERT_EQ(system(fmt("mkfs.ext4 -q -F %s && mkdir -p %s/m && mount %s %s/m", dev, base, dev, base)), 0);
	expect_refused(fmt("--device %s", dev), "mounted at");
	expect_refused(fmt("--device %s --overwrite %s", dev, dev), "mounted at");
	ASSERT_EQ(umount(fmt("%s/m", base)), 0);
	expect_refused(fmt("--device %s", dev), "holds data (ext4)");
	expect_refused(fmt("--device %s --overwrite /dev/sda", dev), "holds data (ext4)");
	r = run_new(fmt("--device %s --overwrite %s", dev, dev));
	run_fake(&r);
	add_words(&r, "--arms off,off2 --quick --rounds 1:1 --window 200ms --workload randread-4k-qd1");
	run_start(&r);
	run_end(&r);
	ASSERT_TRUE(!strstr(r.text, "holds data"));
	ASSERT_TRUE(r.status == EXIT_INCONCLUSIVE || r.status == EXIT_ENVIRONMENT);
	check_files("summary");
	run_free(&r);
	end_disk(dev);
	rmdir(fmt("%s/m", base));
	expect_clean();
}

TEST(schedulers_are_switched_and_put_back)
{
	char dev[64], path[128], now[SETTING_MAX];
	struct bench_run r;

	NEEDS_ROOT_AND_LOOP();
	setup();
	if (!make_disk(64, dev, sizeof(dev)))
		TEST_SKIP("cannot make a loop device");
	snprintf(path, sizeof(path), "/sys/block/%s/queue/scheduler", dev + 5);
	if (setting_write(path, "mq-deadline")) {
		end_disk(dev);
		TEST_SKIP("no scheduler mq-deadline here");
	}
	r = run_new(fmt("--device %s --scheduler none,mq-deadline", dev));
	run_fake(&r);
	add_words(&r, "--arms off,off2 --quick --rounds 1:1 --window 200ms --workload randread-4k-qd1");
	run_start(&r);
	run_end(&r);
	ASSERT_TRUE(count_in(fmt("%s/out/results.jsonl", base), "\"scheduler_after\":\"none\"") >= 4);
	ASSERT_TRUE(count_in(fmt("%s/out/results.jsonl", base), "\"scheduler_after\":\"mq-deadline\"") >= 4);
	ASSERT_EQ(setting_read(path, now, sizeof(now)), 0);
	ASSERT_STR(now, "mq-deadline");
	run_free(&r);
	setting_write(path, "none");
	end_disk(dev);
	expect_clean();
}

TEST_MAIN("test-bench-write", T(a_device_with_data_needs_to_be_told_twice),
	  T(schedulers_are_switched_and_put_back))
