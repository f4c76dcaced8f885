/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "bench-run.h"

#include <dirent.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "bench/file.h"
#include "bench/stop.h"
#include "bench/tests/schema.h"
#include "tracer/base/cleanup.h"
#include "tracer/base/test.h"

char build_dir[PATH_MAX], base[64];

const char *fmt(const char *f, ...)
{
	static char buf[8][512];
	static unsigned int at;
	va_list ap;

	va_start(ap, f);
	vsnprintf(buf[at = (at + 1) % 8], sizeof(buf[0]), f, ap);
	va_end(ap);
	return buf[at];
}

void setup(void)
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

/* ---- a tree that is made up ---- */

int tree_sh(const char *command)
{
	int status = system(fmt("cd %s/tree && %s", base, command));

	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

void tree_put(const char *name, const char *text)
{
	ASSERT_EQ(file_replace(fmt("%s/tree/%s", base, name), text), 0);
}

/* ---- one run ---- */

void add(struct bench_run *r, const char *arg)
{
	if (r->argc < MAX_ARGS - 1)
		r->argv[r->argc++] = strdup(arg);
}

void add_words(struct bench_run *r, const char *words)
{
	_cleanup_free_ char *copy = strdup(words);
	char *save = NULL;

	for (char *w = strtok_r(copy, " ", &save); w; w = strtok_r(NULL, " ", &save))
		add(r, w);
}

struct bench_run run_new(const char *words)
{
	struct bench_run r = { .child.pidfd = -1, .out_fd = -1 };

	setup();
	add(&r, fmt("%s/iopath-bench", build_dir));
	add(&r, "run");
	add(&r, "--force"); /* others may trace on the machine meanwhile */
	add_words(&r, fmt("--state-dir %s/state --workload-dir workloads --out %s/out", base, base));
	add_words(&r, words);
	return r;
}

void run_fake(struct bench_run *r)
{
	/* what the hypervisor takes does not change made-up figures */
	add_words(r, fmt("--max-steal 100 --fio %s/fake-fio", build_dir));
}

/* Of the runs that this program started: others may be at work on the machine. */
static pid_t started[64];
static unsigned int nr_started;

void run_start(struct bench_run *r)
{
	struct child_io io;

	r->out_fd = memfd_create("out", MFD_CLOEXEC);
	io = (struct child_io){ .out_fd = r->out_fd, .err_fd = r->out_fd };
	ASSERT_EQ(child_spawn(r->argv, &io, &r->child), 0);
	if (nr_started < ARRAY_SIZE(started))
		started[nr_started++] = r->child.pid;
}

void run_end(struct bench_run *r)
{
	struct child_end end = { .status = -1 };

	if (child_wait(&r->child, 200 * NS_PER_S, true, &end))
		child_stop(&r->child, NULL, 0, false, 0, NULL);
	r->status = end.status;
	file_read(fmt("/proc/self/fd/%d", r->out_fd), &r->text);
}

void run_free(struct bench_run *r)
{
	for (int i = 0; i < r->argc; i++)
		free(r->argv[i]);
	if (r->out_fd >= 0)
		close(r->out_fd);
	free(r->text);
}

void show(const struct bench_run *r)
{
	printf("    --- status %d\n%s    ---\n", r->status, r->text ? r->text : "");
}

/* ---- while it runs ---- */

bool wait_for(struct bench_run *r, bool (*phase)(void))
{
	uint64_t deadline = now_ns() + 120 * NS_PER_S;	/* a busy machine takes its time */
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

void signal_run(const struct bench_run *r, int signo)
{
	if (r->child.pid > 0)
		kill(r->child.pid, signo);
}

struct bench_run resume(void)
{
	struct bench_run r = { .child.pidfd = -1, .out_fd = -1 };

	add_words(&r, fmt("%s/iopath-bench run --resume %s/out", build_dir, base));
	run_start(&r);
	return r;
}

int nr_cells(void)
{
	return count_in(fmt("%s/out/results.jsonl", base), "\"type\":\"cell\"");
}

bool make_disk(unsigned int mib, char *dev, size_t len)
{
	char *argv[] = { "losetup", "--partscan", "--find", "--show", (char *)fmt("%s/disk", base), NULL };
	_cleanup_free_ char *out = NULL;
	struct child_end end;

	if (system(fmt("truncate -s %uM %s/disk", mib, base)) || child_run(argv, 10 * NS_PER_S, &out, &end) || end.status)
		return false;
	snprintf(dev, len, "%.*s", (int)strcspn(out, "\n"), out);
	return true;
}

void end_disk(const char *dev)
{
	ASSERT_EQ(system(fmt("losetup -d %s; rm -f %s/disk", dev, base)), 0);
}

/* ---- what a run leaves ---- */

static json_t *load_schema(const char *name)
{
	return json_load_file(fmt("results/schema/%s", name), 0, NULL);
}

json_t *verdict(void)
{
	return json_load_file(fmt("%s/out/verdict.json", base), 0, NULL);
}

const char *verdict_text(const json_t *v)
{
	const char *s = json_string_value(json_object_get(v, "verdict"));

	return s ? s : "none";
}

/* The verdict of one arm's metric in @v. */
const char *cell_verdict(const json_t *v, const char *arm, const char *metric)
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

void check_verdict(const json_t *v)
{
	json_t *doc = load_schema("verdict.schema.json");
	char err[512] = "";

	ASSERT_TRUE(doc && v);
	if (v && !schema_check(doc, v, err, sizeof(err)))
		printf("    verdict.json: %s\n", err);
	ASSERT_STR(err, "");
	json_decref(doc);
}

/* Every line against the schema; the type of the last one. */
void check_files(const char *last_type)
{
	json_t *lines = load_schema("results.schema.json");
	_cleanup_free_ char *text = NULL;
	char err[512] = "", last[32] = "", *save = NULL;
	json_t *v = verdict();

	ASSERT_TRUE(lines != NULL);
	check_verdict(v);
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
	json_decref(lines);
}

int count_in(const char *path, const char *word)
{
	_cleanup_free_ char *text = NULL;
	int n = 0;

	if (file_read(path, &text))
		return 0;
	for (const char *p = text; (p = strstr(p, word)); p++)
		n++;
	return n;
}

static bool is_of_ours(const char *backing)
{
	for (unsigned int i = 0; i < nr_started; i++)
		if (strstr(backing, fmt("memfd:iopath-bench.%d.", started[i])))
			return true;
	return false;
}

static int count_our_loops(void)
{
	DIR *d = opendir("/sys/block");
	struct dirent *e;
	int n = 0;

	while (d && (e = readdir(d))) {
		char line[256];

		if (!strncmp(e->d_name, "loop", 4) &&
		    !file_read_line(fmt("/sys/block/%s/loop/backing_file", e->d_name), line, sizeof(line)))
			n += is_of_ours(line);
	}
	if (d)
		closedir(d);
	return n;
}

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

void expect_clean(void)
{
	ASSERT_EQ(count_in("/proc/self/mountinfo", base), 0);
	ASSERT_EQ(count_our_loops(), 0);
	ASSERT_EQ(count_processes(), 0);
	ASSERT_TRUE(access(fmt("%s/state/state.json", base), F_OK) != 0);
	ASSERT_TRUE(access(fmt("%s/state/work", base), F_OK) != 0);
	ASSERT_TRUE(access(fmt("%s/state/mnt", base), F_OK) != 0);
}

__attribute__((destructor)) static void at_end(void)
{
	remove_base();
}
