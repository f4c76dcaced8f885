/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a run writes to, and what it must not: devices that hold data, schedulers of others. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
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
	expect_refused(fmt("--device %s,%s/disk --overwrite %s/disk", dev, base, base), "holds data (ext4)");
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

static void put_older_run(const char *line)
{
	ASSERT_EQ(system(fmt("mkdir -p %s/out && cd %s/out && echo '{\"verdict\": \"PASS\", \"complete\": true}' >verdict.json && "
			     "echo older >report.md && echo '%s' >results.jsonl && rm -f results.jsonl.old", base, base, line)), 0);
}

/* An older PASS would be taken for its own, by scripts that only see make's exit status. */
TEST(a_run_that_does_not_begin_leaves_no_verdict_but_that)
{
	static const struct {
		const char *words, *says;
		int status;
	} t[] = {
		{ "--fio /nowhere/fio --workload randread-4k-qd1", "/nowhere/fio", EXIT_ENVIRONMENT },
		{ "--workload nosuch", "nosuch", EXIT_USAGE },
		{ "--workload randread-4k-qd1", "another iopath-bench is running", EXIT_ENVIRONMENT },
	};
	int lock;

	NEEDS_ROOT_AND_LOOP();
	setup();
	ASSERT_EQ(system(fmt("mkdir -p %s/state", base)), 0);
	lock = open(fmt("%s/state/lock", base), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	ASSERT_EQ(flock(lock, LOCK_EX | LOCK_NB), 0);
	for (size_t i = 0; i < ARRAY_SIZE(t); i++) {
		struct bench_run r = run_new("--arms off,off2 --quick");
		const char *reason;
		json_t *v;

		put_older_run("older");
		if (!strstr(t[i].words, "--fio"))
			run_fake(&r);
		add_words(&r, t[i].words);
		run_start(&r);
		run_end(&r);
		if (r.status != t[i].status)
			show(&r);
		ASSERT_EQ(r.status, t[i].status);
		v = verdict();
		ASSERT_STR(verdict_text(v), "INVALID");
		ASSERT_TRUE(json_is_false(json_object_get(v, "complete")));
		ASSERT_EQ(json_integer_value(json_object_get(v, "exit_code")), t[i].status);
		reason = json_string_value(json_object_get(v, "reason"));
		ASSERT_TRUE(reason && strstr(reason, t[i].says));
		check_verdict(v);
		json_decref(v);
		ASSERT_TRUE(access(fmt("%s/out/report.md", base), F_OK) != 0);
		/* nothing has taken the place of what was measured */
		ASSERT_EQ(count_in(fmt("%s/out/results.jsonl", base), "older"), 1);
		run_free(&r);
	}
	close(lock);
}

/* The same for words that are not understood, wherever --out stands among them. */
TEST(words_that_are_not_understood_leave_no_older_verdict)
{
	static const struct {
		const char *words, *says;
		bool has_out;
	} t[] = {
		{ "--out %s/out --bogus", "unknown option --bogus", true },
		{ "--bogus --out %s/out", "unknown option --bogus", true },
		{ "--budget many --out=%s/out", "--budget many: not a number", true },
		{ "stray -o %s/out", "unexpected: stray", true },
		{ "--bogus -o%s/out", "unknown option --bogus", true },
		{ "--quick --long --out %s/out", "--quick and --long exclude each other", true },
		{ "--device loop,lab:nvme --out %s/out", "--device lab:nvme: not beside devices of this machine", true },
		{ "--bogus -- --out %s/out", "unknown option --bogus", false },
		{ "--resume %s/out --quick", "--resume stands alone", false },
		{ "--bogus --out", "unknown option --bogus", false },
	};

	setup();
	for (size_t i = 0; i < ARRAY_SIZE(t); i++) {
		struct bench_run r = { .child.pidfd = -1, .out_fd = -1 };
		const char *reason;
		char words[160];
		json_t *v;

		put_older_run("older");
		snprintf(words, sizeof(words), t[i].words, base);
		add_words(&r, fmt("%s/iopath-bench run %s", build_dir, words));
		run_start(&r);
		run_end(&r);
		ASSERT_EQ(r.status, EXIT_USAGE);
		ASSERT_TRUE(strstr(r.text, t[i].says) != NULL);
		v = verdict();
		reason = json_string_value(json_object_get(v, "reason"));
		ASSERT_STR(verdict_text(v), t[i].has_out ? "INVALID" : "PASS");
		ASSERT_EQ(reason && strstr(reason, t[i].says), t[i].has_out);
		if (t[i].has_out)
			check_verdict(v);
		ASSERT_EQ(access(fmt("%s/out/report.md", base), F_OK) != 0, t[i].has_out);
		ASSERT_EQ(count_in(fmt("%s/out/results.jsonl", base), "older"), 1);
		json_decref(v);
		run_free(&r);
	}
}

/* At once, not behind its last cell; and nothing is made for it before it has something to keep. */
TEST(a_history_that_cannot_be_added_to_is_told_at_the_start)
{
	static const struct {
		const char *file, *says;
		int status;
	} t[] = {
		{ "nowhere/h.db", "nowhere/h.db: No such file or directory", EXIT_ENVIRONMENT },
		{ "other.db", "other.db: file is not a database", EXIT_USAGE },
		{ "ro/h.db", "ro/h.db: cannot be written to", EXIT_ENVIRONMENT },
		{ "ro/new.db", "ro/new.db: Read-only file system", EXIT_ENVIRONMENT },
		{ "full/h.db", "full/h.db: cannot be written to: no file can be made beside it", EXIT_ENVIRONMENT },
	};

	NEEDS_ROOT_AND_LOOP();
	setup();
	ASSERT_EQ(system(fmt("cd %s && mkdir -p ro full && echo nonsense nonsense >other.db && mount -t tmpfs -o size=1m none ro && "
			     "mount -t tmpfs -o nr_inodes=2 none full && %s/iopath-bench history --db ro/h.db --import bench >/dev/null 2>&1; "
			     "cp ro/h.db full/ && mount -o remount,ro ro", base, build_dir)), 0);
	for (size_t i = 0; i < ARRAY_SIZE(t); i++) {
		struct bench_run r = run_new(fmt("--arms off,off2 --quick --workload randread-4k-qd1 --history %s/%s", base, t[i].file));
		json_t *v;

		put_older_run("older");
		run_fake(&r);
		run_start(&r);
		run_end(&r);
		if (r.status != t[i].status || !strstr(r.text, t[i].says) || strstr(r.text, "preflight"))
			show(&r);
		ASSERT_EQ(r.status, t[i].status);
		ASSERT_TRUE(strstr(r.text, t[i].says) != NULL);
		ASSERT_TRUE(!strstr(r.text, "preflight"));
		v = verdict();
		ASSERT_EQ(json_integer_value(json_object_get(v, "exit_code")), t[i].status);
		ASSERT_TRUE(strstr(json_string_value(json_object_get(v, "reason")), t[i].says) != NULL);
		check_verdict(v);
		json_decref(v);
		ASSERT_EQ(count_in(fmt("%s/out/results.jsonl", base), "older"), 1);
		run_free(&r);
	}
	ASSERT_EQ(system(fmt("umount %s/ro && umount %s/full", base, base)), 0);
	expect_clean();
}

/* Its log is cut off, and its JSON is empty: what is wrong is neither fio nor the workload. */
TEST(a_load_whose_output_finds_no_room_is_told)
{
	struct bench_run r;
	json_t *v;

	NEEDS_ROOT_AND_LOOP();
	setup();
	ASSERT_EQ(system(fmt("mkdir -p %s/small && mount -t tmpfs -o size=1m none %s/small", base, base)), 0);
	r = run_new(fmt("--state-dir %s/small --arms off,off2 --quick --rounds 1:1 --window 200ms --workload randread-4k-qd1", base));
	run_fake(&r);
	setenv("FAKE_FIO_MODE", "longlog", 1);
	run_start(&r);
	run_end(&r);
	unsetenv("FAKE_FIO_MODE");
	v = verdict();
	if (!strstr(r.text, "no space left on "))
		show(&r);
	ASSERT_EQ(r.status, EXIT_ENVIRONMENT);
	ASSERT_TRUE(strstr(json_string_value(json_object_get(v, "reason")) ?: "",
			   fmt("no space left on %s/small/work (--state-dir), where fio's output goes", base)) != NULL);
	ASSERT_TRUE(!strstr(r.text, "no JSON"));
	json_decref(v);
	run_free(&r);
	ASSERT_EQ(system(fmt("umount %s/small", base)), 0);
	expect_clean();
}

/* Where a file system counts no blocks, and on a full one when the output is there. */
TEST(a_load_that_fails_with_its_output_whole_tells_why)
{
	static const struct {
		const char *mount, *mode;
	} t[] = { { "size=0", "error" }, { "size=1m", "fullerror" } };

	NEEDS_ROOT_AND_LOOP();
	setup();
	for (size_t i = 0; i < ARRAY_SIZE(t); i++) {
		struct bench_run r;

		ASSERT_EQ(system(fmt("mkdir -p %s/small && mount -t tmpfs -o %s none %s/small", base, t[i].mount, base)), 0);
		r = run_new(fmt("--state-dir %s/small --arms off,off2 --quick --rounds 1:1 --window 200ms --workload randread-4k-qd1", base));
		run_fake(&r);
		setenv("FAKE_FIO_MODE", t[i].mode, 1);
		run_start(&r);
		run_end(&r);
		unsetenv("FAKE_FIO_MODE");
		if (!strstr(r.text, "fio failed (status 1, error 5") || strstr(r.text, "no space left"))
			show(&r);
		ASSERT_EQ(r.status, EXIT_ENVIRONMENT);
		ASSERT_TRUE(strstr(r.text, "fio failed (status 1, error 5") != NULL);
		ASSERT_TRUE(!strstr(r.text, "no space left"));
		run_free(&r);
		ASSERT_EQ(system(fmt("umount %s/small", base)), 0);
	}
	expect_clean();
}

TEST(what_an_older_run_measured_is_kept_once)
{
	struct bench_run r;

	NEEDS_ROOT_AND_LOOP();
	setup();
	put_older_run("hours");
	r = run_new("--arms off,off2 --quick --rounds 1:1 --window 200ms --workload randread-4k-qd1");
	run_fake(&r);
	run_start(&r);
	run_end(&r);
	check_files("summary");
	ASSERT_EQ(count_in(fmt("%s/out/results.jsonl.old", base), "hours"), 1);
	run_free(&r);
	expect_clean();
}

TEST_MAIN("test-bench-write", T(a_run_that_does_not_begin_leaves_no_verdict_but_that),
	  T(words_that_are_not_understood_leave_no_older_verdict), T(a_load_whose_output_finds_no_room_is_told), T(a_load_that_fails_with_its_output_whole_tells_why), T(a_history_that_cannot_be_added_to_is_told_at_the_start),
	  T(what_an_older_run_measured_is_kept_once), T(a_device_with_data_needs_to_be_told_twice),
	  T(schedulers_are_switched_and_put_back))
