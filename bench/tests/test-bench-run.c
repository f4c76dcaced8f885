/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Whole runs of iopath-bench beside this program, as a user starts them. Most
 * use fake-fio, whose figures are known however busy the machine is.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <time.h>

#include "bench/child.h"
#include "bench/file.h"
#include "bench/setting.h"
#include "bench/stop.h"
#include "bench/tests/schema.h"
#include "bench/why.h"
#include "tracer/base/cleanup.h"
#include "tracer/base/test.h"

static char build_dir[PATH_MAX], base[64];

#define NEEDS_ROOT_AND_LOOP()                                                  \
	do {                                                                   \
		if (geteuid())                                                 \
			TEST_SKIP("needs root");                               \
		if (access("/dev/loop-control", R_OK | W_OK))                  \
			TEST_SKIP("needs loop devices");                       \
	} while (0)

__attribute__((format(printf, 1, 2))) static const char *fmt(const char *f, ...)
{
	static char buf[8][512];
	static unsigned int at;
	va_list ap;

	va_start(ap, f);
	vsnprintf(buf[at = (at + 1) % 8], sizeof(buf[0]), f, ap);
	va_end(ap);
	return buf[at];
}

static void setup(void)
{
	ssize_t n;

	if (build_dir[0])
		return;
	n = readlink("/proc/self/exe", build_dir, sizeof(build_dir) - 1);
	build_dir[n > 0 ? n : 0] = '\0';
	*strrchr(build_dir, '/') = '\0';
	strcpy(base, "/tmp/test-bench-run.XXXXXX");
	if (!mkdtemp(base))
		abort();
	stop_install();
	setenv("FAKE_FIO_FLAG", fmt("%s/slow", base), 1);
}

static void remove_base(void)
{
	char *argv[] = { "rm", "-rf", base, NULL };
	struct child_end end;

	if (base[0])
		child_run(argv, 10 * NS_PER_S, NULL, &end);
}

/* ---- one run ---- */

#define MAX_ARGS 48

struct bench_run {
	char *argv[MAX_ARGS];
	int argc;
	struct child child;
	int out_fd;
	char *text;	/* both streams, after run_end() */
	int status;
};

static void add(struct bench_run *r, const char *arg)
{
	if (r->argc < MAX_ARGS - 1)
		r->argv[r->argc++] = strdup(arg);
}

static void add_words(struct bench_run *r, const char *words)
{
	_cleanup_free_ char *copy = strdup(words);
	char *save = NULL;

	for (char *w = strtok_r(copy, " ", &save); w; w = strtok_r(NULL, " ", &save))
		add(r, w);
}

static struct bench_run run_new(const char *words)
{
	struct bench_run r = { .child.pidfd = -1, .out_fd = -1 };

	setup();
	add(&r, fmt("%s/iopath-bench", build_dir));
	add(&r, "run");
	add_words(&r, fmt("--state-dir %s/state --workload-dir workloads --out %s/out", base, base));
	add_words(&r, words);
	return r;
}

static void run_fake(struct bench_run *r)
{
	/* what the hypervisor takes does not change made-up figures */
	add_words(r, fmt("--max-steal 100 --fio %s/fake-fio", build_dir));
}

static void run_start(struct bench_run *r)
{
	struct child_io io;

	r->out_fd = memfd_create("out", MFD_CLOEXEC);
	io = (struct child_io){ .out_fd = r->out_fd, .err_fd = r->out_fd };
	ASSERT_EQ(child_spawn(r->argv, &io, &r->child), 0);
}

static void run_end(struct bench_run *r)
{
	struct child_end end = { .status = -1 };

	if (child_wait(&r->child, 200 * NS_PER_S, true, &end))
		child_stop(&r->child, NULL, 0, false, 0, NULL);
	r->status = end.status;
	file_read(fmt("/proc/self/fd/%d", r->out_fd), &r->text);
}

static void run_free(struct bench_run *r)
{
	for (int i = 0; i < r->argc; i++)
		free(r->argv[i]);
	if (r->out_fd >= 0)
		close(r->out_fd);
	free(r->text);
}

static void show(const struct bench_run *r)
{
	printf("    --- status %d\n%s    ---\n", r->status, r->text ? r->text : "");
}

/* ---- what a run leaves ---- */

static json_t *load_schema(const char *name)
{
	return json_load_file(fmt("results/schema/%s", name), 0, NULL);
}

static json_t *verdict(void)
{
	return json_load_file(fmt("%s/out/verdict.json", base), 0, NULL);
}

static const char *verdict_text(const json_t *v)
{
	const char *s = json_string_value(json_object_get(v, "verdict"));

	return s ? s : "none";
}

/* The verdict of one arm's metric in @v. */
static const char *cell_verdict(const json_t *v, const char *arm, const char *metric)
{
	json_t *cell;
	size_t i;

	json_array_foreach(json_object_get(v, "cells"), i, cell) {
		const char *a = json_string_value(json_object_get(cell, "arm"));
		const char *m = json_string_value(json_object_get(cell, "metric"));

		if (a && m && !strcmp(a, arm) && !strcmp(m, metric))
			return json_string_value(json_object_get(cell, "verdict"));
	}
	return "none";
}

/* Every line against the schema; the type of the last one. */
static void check_files(const char *last_type)
{
	json_t *lines = load_schema("results.schema.json"), *doc = load_schema("verdict.schema.json");
	_cleanup_free_ char *text = NULL;
	char err[512] = "", last[32] = "", *save = NULL;
	json_t *v = verdict();

	ASSERT_TRUE(lines && doc && v);
	if (v && !schema_check(doc, v, err, sizeof(err)))
		printf("    verdict.json: %s\n", err);
	ASSERT_STR(err, "");
	ASSERT_EQ(file_read(fmt("%s/out/results.jsonl", base), &text), 0);
	for (char *l = text ? strtok_r(text, "\n", &save) : NULL; l; l = strtok_r(NULL, "\n", &save)) {
		json_t *line = json_loads(l, 0, NULL);
		const char *type = json_string_value(json_object_get(line, "type"));

		if (!schema_check(lines, line, err, sizeof(err)))
			printf("    results.jsonl: %s\n", err);
		ASSERT_STR(err, "");
		snprintf(last, sizeof(last), "%s", type ? type : "");
		json_decref(line);
	}
	ASSERT_STR(last, last_type);
	json_decref(v);
	json_decref(doc);
	json_decref(lines);
}

static int count_in(const char *path, const char *word)
{
	_cleanup_free_ char *text = NULL;
	int n = 0;

	if (file_read(path, &text))
		return 0;
	for (const char *p = text; (p = strstr(p, word)); p++)
		n++;
	return n;
}

/* Loop devices of a harness, by the name it gives them. */
static int count_our_loops(const char *tag)
{
	DIR *d = opendir("/sys/block");
	struct dirent *e;
	int n = 0;

	while (d && (e = readdir(d))) {
		char line[256];

		if (!strncmp(e->d_name, "loop", 4) &&
		    !file_read_line(fmt("/sys/block/%s/loop/backing_file", e->d_name), line, sizeof(line)))
			n += strstr(line, tag) != NULL;
	}
	if (d)
		closedir(d);
	return n;
}

static int loops_before;

/* Processes that work for a harness with our state directory. */
static int count_processes(void)
{
	DIR *d = opendir("/proc");
	struct dirent *e;
	int n = 0;

	while (d && (e = readdir(d))) {
		char cwd[PATH_MAX];
		ssize_t len = readlink(fmt("/proc/%s/cwd", e->d_name), cwd, sizeof(cwd) - 1);

		if (len > 0) {
			cwd[len] = '\0';
			n += !strncmp(cwd, base, strlen(base));
		}
	}
	if (d)
		closedir(d);
	return n;
}

static void expect_clean(void)
{
	ASSERT_EQ(count_in("/proc/self/mountinfo", base), 0);
	ASSERT_EQ(count_our_loops("memfd:iopath-bench"), loops_before);
	ASSERT_EQ(count_processes(), 0);
	ASSERT_TRUE(access(fmt("%s/state/state.json", base), F_OK) != 0);
	ASSERT_TRUE(access(fmt("%s/state/work", base), F_OK) != 0);
	ASSERT_TRUE(access(fmt("%s/state/mnt", base), F_OK) != 0);
}

static void remember(void)
{
	loops_before = count_our_loops("memfd:iopath-bench");
}

/* ---- the gate itself ---- */

#define SLOW_ARM "touch \"$FAKE_FIO_FLAG\"; trap 'rm -f \"$FAKE_FIO_FLAG\"; exit 0' INT TERM; " \
		 "echo on; while :; do sleep 0.05; done"

static struct bench_run run_slow(const char *loss, const char *words)
{
	struct bench_run r = run_new(words);

	run_fake(&r);
	setenv("FAKE_FIO_LOSS", loss, 1);
	add_words(&r, "--workload randread-4k-qd1 --arm-ready ^on --arm");
	add(&r, "slow=" SLOW_ARM);
	run_start(&r);
	run_end(&r);
	return r;
}

TEST(a_loss_of_ten_percent_fails_and_is_confirmed)
{
	struct bench_run r;
	json_t *v;

	NEEDS_ROOT_AND_LOOP();
	remember();
	r = run_slow("10", "--rounds 8:8 --window 200ms --seed 7");
	v = verdict();
	if (strcmp(verdict_text(v), "FAIL"))
		show(&r);
	ASSERT_EQ(r.status, EXIT_OVER_BUDGET);
	ASSERT_STR(verdict_text(v), "FAIL");
	ASSERT_STR(cell_verdict(v, "slow", "throughput_loss_pct"), "FAIL");
	ASSERT_STR(cell_verdict(v, "off2", "throughput_loss_pct"), "PASS");
	ASSERT_EQ(json_integer_value(json_object_get(v, "seed")), 7);
	ASSERT_TRUE(count_in(fmt("%s/out/results.jsonl", base), "\"phase\":\"confirm\"") >= 24);
	check_files("summary");
	expect_clean();
	json_decref(v);
	run_free(&r);
}

TEST(no_loss_never_fails)
{
	struct bench_run r;
	json_t *v;

	NEEDS_ROOT_AND_LOOP();
	remember();
	r = run_slow("0", "--quick --rounds 5:5 --window 200ms");
	v = verdict();
	if (!strcmp(verdict_text(v), "FAIL"))
		show(&r);
	ASSERT_TRUE(strcmp(cell_verdict(v, "slow", "throughput_loss_pct"), "FAIL") != 0);
	ASSERT_TRUE(r.status != EXIT_HARNESS && r.status != EXIT_USAGE);
	ASSERT_TRUE(r.text && strstr(r.text, "smoke run") != NULL);
	check_files("summary");
	expect_clean();
	json_decref(v);
	run_free(&r);
}

/* Real fio, a real load: half of every core, so that only a very noisy machine hides it. */
TEST(a_load_on_every_core_fails_with_real_fio)
{
	struct bench_run r;
	json_t *v;

	NEEDS_ROOT_AND_LOOP();
	remember();
	r = run_new("--quick --time-limit 40s --rounds 6:6 --window 300ms --workload randread-4k-qd1 --arm-ready ready --arm");
	add(&r, fmt("burn=exec %s/bench-burn 50", build_dir));
	run_start(&r);
	run_end(&r);
	v = verdict();
	if (r.text && strstr(r.text, "burn ended")) {
		test_skip_reason = "real-time scheduling is not allowed here";
	} else if (r.status == EXIT_OVER_BUDGET) {
		ASSERT_STR(verdict_text(v), "FAIL");
	} else {
		show(&r);
		ASSERT_TRUE(r.status == EXIT_ENVIRONMENT || r.status == EXIT_INCONCLUSIVE);
		test_skip_reason = "the machine is too noisy";
	}
	check_files(json_is_true(json_object_get(v, "complete")) ? "summary" : "stopped");
	expect_clean();
	json_decref(v);
	run_free(&r);
}

/* ---- fio that fails, tracers that fail ---- */

static struct bench_run run_mode(const char *mode, const char *words)
{
	struct bench_run r = run_new(words);

	run_fake(&r);
	setenv("FAKE_FIO_MODE", mode, 1);
	run_start(&r);
	run_end(&r);
	unsetenv("FAKE_FIO_MODE");
	return r;
}

TEST(fio_that_fails_is_named)
{
	static const struct {
		const char *mode, *says;
	} t[] = {
		{ "error", "error 5" },
		{ "exit", "engine not loadable" },
		{ "nojson", "wrote no JSON" },
		{ "noio", "fio did no I/O" },
	};

	NEEDS_ROOT_AND_LOOP();
	remember();
	for (size_t i = 0; i < ARRAY_SIZE(t); i++) {
		struct bench_run r = run_mode(t[i].mode, "--arms off,off2 --workload randread-4k-qd1 "
							 "--quick --window 200ms");

		if (!strstr(r.text, t[i].says))
			show(&r);
		ASSERT_EQ(r.status, EXIT_ENVIRONMENT);
		ASSERT_TRUE(strstr(r.text, t[i].says) != NULL);
		check_files("stopped");
		run_free(&r);
	}
	expect_clean();
}

TEST(fio_with_talk_before_its_json_is_understood)
{
	struct bench_run r;

	NEEDS_ROOT_AND_LOOP();
	r = run_mode("rubbish", "--arms off,off2 --workload randread-4k-qd1 --quick --rounds 1:1 --window 200ms");
	ASSERT_TRUE(r.status == EXIT_INCONCLUSIVE || r.status == EXIT_ENVIRONMENT);
	ASSERT_TRUE(count_in(fmt("%s/out/results.jsonl", base), "both iodepth and sync engine") > 0);
	run_free(&r);
	expect_clean();
}

/* A tracer that does not come up, dies, or traces nothing costs nothing: never a PASS. */
TEST(a_tracer_that_does_not_trace_is_invalid)
{
	static const struct {
		const char *script, *says;
	} t[] = {
		{ "echo no such tier >&2; exit 3", "no such tier" },
		{ "echo iopath: ready >&2; exit 0", "ended by itself" },
		{ "echo iopath: ready >&2; trap exit INT; while :; do sleep .05; done", "no summary" },
		{ "for a; do f=$a; done; echo iopath: ready >&2; trap \"echo "
		  "'{\\\"type\\\":\\\"summary\\\",\\\"devices\\\":[],\\\"coverage\\\":{}}' >$f; exit 0\" INT; "
		  "while :; do sleep .05; done", "traced no I/O" },
	};

	NEEDS_ROOT_AND_LOOP();
	remember();
	setup();
	for (size_t i = 0; i < ARRAY_SIZE(t); i++) {
		const char *path = fmt("%s/iopath", base);
		struct bench_run r;
		json_t *v;

		ASSERT_EQ(file_replace(path, fmt("#!/bin/sh\n%s\n", t[i].script)), 0);
		ASSERT_EQ(chmod(path, 0755), 0);
		r = run_new("--arms off,off2,block --workload randread-4k-qd1 --quick --rounds 1:1 --window 200ms");
		run_fake(&r);
		add_words(&r, fmt("--iopath %s", path));
		run_start(&r);
		run_end(&r);
		v = verdict();
		if (r.status != EXIT_ENVIRONMENT || !strstr(r.text, t[i].says))
			show(&r);
		ASSERT_EQ(r.status, EXIT_ENVIRONMENT);
		ASSERT_STR(cell_verdict(v, "block", "throughput_loss_pct"), "INVALID");
		ASSERT_TRUE(strstr(r.text, t[i].says) != NULL);
		json_decref(v);
		run_free(&r);
	}
	expect_clean();
}

/* ---- bad input ---- */

TEST(bad_input_is_one_line_and_the_right_code)
{
	static const struct {
		const char *words;
		int status;
		const char *says;
	} t[] = {
		{ "--nonsense", EXIT_USAGE, "--nonsense" },
		{ "--arms fulll", EXIT_USAGE, "fulll" },
		{ "--workload nonsense", EXIT_USAGE, "nonsense" },
		{ "--workload /nowhere/x.fio", EXIT_USAGE, "/nowhere/x.fio" },
		{ "--scheduler cfq", EXIT_USAGE, "cfq" },
		{ "--device /dev/nonsense", EXIT_USAGE, "/dev/nonsense" },
		{ "--device nonsense", EXIT_USAGE, "nonsense" },
		{ "--device /dev/null --arms off,off2", EXIT_USAGE, "not a block device" },
		{ "--rounds 9:3", EXIT_USAGE, "9:3" },
		{ "--budget 0", EXIT_USAGE, "--budget" },
		{ "--quick --long", EXIT_USAGE, "--long" },
		{ "surprise", EXIT_USAGE, "surprise" },
		{ "--fio /nowhere/fio --arms off,off2", EXIT_ENVIRONMENT, "/nowhere/fio is not installed" },
		{ "--fio /bin/false --arms off,off2", EXIT_ENVIRONMENT, "/bin/false" },
		{ "--iopath /nowhere/iopath", EXIT_ENVIRONMENT, "/nowhere/iopath" },
		{ "--device loop:size=900000G --arms off,off2", EXIT_ENVIRONMENT, "memory" },
	};

	NEEDS_ROOT_AND_LOOP();
	for (size_t i = 0; i < ARRAY_SIZE(t); i++) {
		struct bench_run r = run_new(t[i].words);

		run_start(&r);
		run_end(&r);
		if (r.status != t[i].status || !strstr(r.text, t[i].says))
			show(&r);
		ASSERT_EQ(r.status, t[i].status);
		ASSERT_TRUE(strstr(r.text, t[i].says) != NULL);
		run_free(&r);
	}
	expect_clean();
}

TEST(without_root_it_says_so)
{
	char program[64] = "/tmp/test-bench-noroot.XXXXXX", job[64] = "/tmp/test-bench-noroot.XXXXXX.fio";
	char *argv[] = { "setpriv", "--reuid=65534", "--clear-groups", program, "run", "--arms",
			 "off,off2", "--workload", job, NULL };
	_cleanup_free_ char *out = NULL;
	struct child_end end = { 0 };
	int fd, fd2;

	NEEDS_ROOT_AND_LOOP();
	setup();
	/* the build directory may be closed to others: a copy of the program is not */
	fd = mkstemp(program);
	fd2 = mkstemps(job, 4);
	ASSERT_TRUE(fd >= 0 && fd2 >= 0);
	ASSERT_EQ(write(fd2, "[a]\nrw=read\n", 12), 12);
	ASSERT_EQ(fchmod(fd2, 0644), 0);
	close(fd);
	close(fd2);
	ASSERT_EQ(system(fmt("cp %s/iopath-bench %s && chmod 755 %s", build_dir, program, program)), 0);
	if (child_run(argv, 20 * NS_PER_S, &out, &end)) {
		test_skip_reason = "setpriv cannot be run";
	} else {
		ASSERT_EQ(end.status, EXIT_ENVIRONMENT);
		ASSERT_TRUE(out && strstr(out, "needs root") != NULL);
	}
	unlink(program);
	unlink(job);
}

/* ---- devices that must not be written to ---- */

/* A loop device of 64 MiB on a file of ours. */
static const char *make_disk(char *dev, size_t len)
{
	char *argv[] = { "losetup", "--find", "--show", (char *)fmt("%s/disk", base), NULL };
	_cleanup_free_ char *out = NULL;
	struct child_end end;

	if (system(fmt("truncate -s 64M %s/disk", base)) ||
	    child_run(argv, 10 * NS_PER_S, &out, &end) || end.status)
		return NULL;
	snprintf(dev, len, "%.*s", (int)strcspn(out, "\n"), out);
	return dev;
}

static void end_disk(const char *dev)
{
	ASSERT_EQ(system(fmt("losetup -d %s; rm -f %s/disk", dev, base)), 0);
}

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
	if (!make_disk(dev, sizeof(dev)))
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
	if (!make_disk(dev, sizeof(dev)))
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

/* ---- the end before the end ---- */

/* Wait until a line of the run or its state shows that @phase is on. */
static bool wait_for(struct bench_run *r, bool (*phase)(void))
{
	uint64_t deadline = now_ns() + 30 * NS_PER_S;
	struct child_end end;

	while (now_ns() < deadline) {
		if (phase())
			return true;
		if (!child_wait(&r->child, 5 * NS_PER_MS, true, &end)) {
			r->status = end.status;
			return false;
		}
	}
	return false;
}

static bool state_has(const char *word)
{
	return count_in(fmt("%s/state/state.json", base), word) > 0;
}

static bool has_loop(void)
{
	return state_has("\"loop\"");
}

static bool has_mount(void)
{
	return count_in("/proc/self/mountinfo", fmt("%s/state/mnt", base)) > 0;
}

static bool has_fio(void)
{
	return state_has("\"process\"");
}

static bool in_rounds(void)
{
	return count_in(fmt("%s/out/results.jsonl", base), "\"type\":\"cell\"") > 0;
}

static bool has_tracer(void)
{
	return in_rounds() && access(getenv("FAKE_FIO_FLAG"), F_OK) == 0;
}

static struct bench_run start_long_run(void)
{
	struct bench_run r = run_new("--scheduler bfq --rounds 32:32 --window 400ms --workload randrw-16k-fsync "
				     "--arm-ready ^on --arm");

	unlink(fmt("%s/out/results.jsonl", base));
	unlink(getenv("FAKE_FIO_FLAG"));
	add(&r, "slow=" SLOW_ARM);
	run_start(&r);
	return r;
}

TEST(ctrl_c_and_sigterm_in_every_phase_leave_nothing)
{
	static const struct {
		const char *name;
		bool (*phase)(void);
		int signo;
	} t[] = {
		{ "set-up", has_loop, SIGINT },	     { "mounted", has_mount, SIGTERM },
		{ "calibration", has_fio, SIGINT },  { "rounds", in_rounds, SIGHUP },
		{ "tracer on", has_tracer, SIGINT },
	};

	NEEDS_ROOT_AND_LOOP();
	setup();
	remember();
	for (size_t i = 0; i < ARRAY_SIZE(t); i++) {
		struct bench_run r = start_long_run();
		json_t *v;

		if (!wait_for(&r, t[i].phase)) {
			run_end(&r);
			show(&r);
		}
		ASSERT_TRUE(r.child.pid > 0);
		kill(r.child.pid, t[i].signo);
		run_end(&r);
		v = verdict();
		if (r.status != EXIT_INCONCLUSIVE)
			show(&r);
		ASSERT_EQ(r.status, EXIT_INCONCLUSIVE);
		ASSERT_TRUE(json_is_false(json_object_get(v, "complete")));
		ASSERT_TRUE(strcmp(verdict_text(v), "PASS") != 0);
		check_files("stopped");
		expect_clean();
		json_decref(v);
		run_free(&r);
	}
}

TEST(a_second_run_at_once_is_refused)
{
	struct bench_run first, second;

	NEEDS_ROOT_AND_LOOP();
	setup();
	remember();
	first = start_long_run();
	ASSERT_TRUE(wait_for(&first, has_fio));
	second = run_new("--arms off,off2 --quick");
	add_words(&second, fmt("--out %s/other", base));
	run_start(&second);
	run_end(&second);
	ASSERT_EQ(second.status, EXIT_ENVIRONMENT);
	ASSERT_TRUE(strstr(second.text, fmt("another iopath-bench is running (pid %d)", first.child.pid)) != NULL);
	kill(first.child.pid, SIGINT);
	run_end(&first);
	run_free(&first);
	run_free(&second);
	expect_clean();
}

TEST(the_next_run_cleans_up_after_kill_9)
{
	struct bench_run r, next;

	NEEDS_ROOT_AND_LOOP();
	setup();
	remember();
	r = start_long_run();
	ASSERT_TRUE(wait_for(&r, has_tracer));
	kill(r.child.pid, SIGKILL);
	run_end(&r);
	ASSERT_EQ(r.status, 128 + SIGKILL);
	ASSERT_TRUE(has_mount());
	ASSERT_TRUE(access(fmt("%s/out/verdict.json", base), F_OK) != 0);
	ASSERT_EQ(count_in(fmt("%s/out/results.jsonl", base), "\"summary\""), 0);
	next = run_new("--arms off,off2 --quick --rounds 1:1 --window 200ms --workload randread-4k-qd1");
	run_fake(&next);
	run_start(&next);
	run_end(&next);
	if (!strstr(next.text, "cleaned up mount"))
		show(&next);
	ASSERT_TRUE(strstr(next.text, "a run that crashed left something: cleaned up mount") != NULL);
	ASSERT_TRUE(next.status == EXIT_INCONCLUSIVE || next.status == EXIT_ENVIRONMENT);
	expect_clean();
	run_free(&r);
	run_free(&next);
}

TEST(a_full_result_disk_is_named_and_nothing_is_left)
{
	struct bench_run r;

	NEEDS_ROOT_AND_LOOP();
	setup();
	remember();
	mkdir(fmt("%s/full", base), 0755);
	if (mount("none", fmt("%s/full", base), "tmpfs", 0, "size=12k"))
		TEST_SKIP("cannot mount a tmpfs");
	r = run_new("--arms off,off2 --rounds 8:8 --window 200ms --workload randread-4k-qd1");
	run_fake(&r);
	add_words(&r, fmt("--out %s/full/out", base));
	run_start(&r);
	run_end(&r);
	if (r.status != EXIT_HARNESS)
		show(&r);
	ASSERT_EQ(r.status, EXIT_HARNESS);
	ASSERT_TRUE(strstr(r.text, "No space left on device") != NULL);
	ASSERT_TRUE(!strstr(r.text, "verdict: PASS"));
	ASSERT_EQ(count_in(fmt("%s/full/out/results.jsonl", base), "\"complete\":true"), 0);
	ASSERT_EQ(umount(fmt("%s/full", base)), 0);
	expect_clean();
	run_free(&r);
}

__attribute__((destructor)) static void at_end(void)
{
	remove_base();
}

TEST_MAIN("test-bench-run", T(bad_input_is_one_line_and_the_right_code), T(without_root_it_says_so),
	  T(fio_that_fails_is_named), T(fio_with_talk_before_its_json_is_understood),
	  T(a_tracer_that_does_not_trace_is_invalid), T(a_device_with_data_needs_to_be_told_twice),
	  T(schedulers_are_switched_and_put_back), T(ctrl_c_and_sigterm_in_every_phase_leave_nothing),
	  T(a_second_run_at_once_is_refused), T(the_next_run_cleans_up_after_kill_9),
	  T(a_full_result_disk_is_named_and_nothing_is_left),
	  T(a_loss_of_ten_percent_fails_and_is_confirmed), T(no_loss_never_fails),
	  T(a_load_on_every_core_fails_with_real_fio))
