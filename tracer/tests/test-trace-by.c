/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Statistics by process and by file: that they add up, count what failed, and are of storage alone. */
#include <signal.h>

#include "ground-attempt.h"
#include "ground-check.h"
#include "ground-loops.h"
#include "ground-place.h"
#include "ground-trace.h"
#include "tracer/base/cleanup.h"
#include "tracer/base/test.h"

enum { N = 211 };

static int64_t classes_of(json_t *row, const char *what, const char *classes)
{
	json_t *class;
	char path[64];
	int64_t n = 0;
	size_t i;

	snprintf(path, sizeof(path), "%s.%s", what, classes);
	json_array_foreach(json_at(row, path), i, class)
		n += json_integer_value(json_array_get(class, 1));
	return n;
}

/* One process that does all: its figures are those of the operations' row, and its classes add up. */
TRACE_TEST(a_process_is_what_its_operations_are)
{
	static const char *const levels[] = { "operations.read", "bios.read" };
	const char *why = need_loop();
	struct trace t;
	char path[64];

	if (why)
		TEST_SKIP(why);
	check_case("--by process, one process");
	if (trace_command(&t, "--tier full --dev %s --by process -- known-count --target %s --count %d --direct", loop.name,
			  loop.path, N)) {
		json_t *row = trace_by_row(&t, "process", "comm", "known-count"), *operation = trace_operation(&t, "read", "syscall");

		check_same("time", number_at(row, "operations.read.sum_ns"), number_at(operation, "stages.total.sum_ns"));
		check_same("longest", number_at(row, "operations.read.max_ns"), number_at(operation, "stages.total.max_ns"));
		for (size_t i = 0; i < ARRAY_SIZE(levels); i++) {
			snprintf(path, sizeof(path), "%s.count", levels[i]);
			check_same(path, number_at(row, path), N);
			check_same("in classes of latency", classes_of(row, levels[i], "latency_from_ns"), N);
			check_same("in classes of size", classes_of(row, levels[i], "size_from_bytes"), N);
		}
	}
	trace_free(&t);
}

/* A read that is not of whole sectors is refused. */
TRACE_TEST(a_call_that_fails_is_an_error)
{
	const char *why = need_loop();
	struct trace t = {};
	struct proc p = {};

	if (why)
		TEST_SKIP(why);
	check_case("--by process, dd bs=100 iflag=direct");
	if (trace_begin(&t, "--tier vfs --dev %s --by process", loop.name)) {
		check_same("status of dd", proc_line(&p, "dd if=%s of=/dev/null bs=100 count=1 iflag=direct", loop.path), 1);
		proc_free(&p);
		if (trace_end(&t, SIGINT)) {
			json_t *row = trace_by_row(&t, "process", "comm", "dd");

			check_same("reads", number_at(row, "operations.read.count"), 1);
			check_same("errors", number_at(row, "operations.read.errors"), 1);
			check_same("bytes", number_at(row, "operations.read.bytes"), 0);
			check_same("errors of the operations", number_at(trace_operation(&t, "read", "syscall"), "errors"), 1);
		}
	}
	trace_free(&t);
}

/* What is no file of a disk is no storage I/O. */
TRACE_TEST(pipes_and_devices_are_no_files)
{
	const char *why = need_loop();
	struct trace t = {};
	json_t *row;
	size_t i;

	if (why)
		TEST_SKIP(why);
	check_case("--by file, dd from /dev/zero through a pipe");
	if (trace_begin(&t, "--tier vfs --by file -- sh %s",
			place_script("through.sh", "dd if=/dev/zero bs=4k count=100 status=none | dd of=/dev/null bs=4k status=none"))) {
		check_same("status", proc_wait(&t.proc, 30000), 0);
		trace_read(&t);
		json_array_foreach(trace_by_rows(&t, "file"), i, row) {
			const char *path = text_at(row, "path");

			check_true(path ? path : "a file without a name", path && !strstr(path, "pipe") && strcmp(path, "/dev/zero") &&
				   strcmp(path, "/dev/null"));
		}
	}
	trace_free(&t);
}

/* The next process gets @pid, unless another one takes it first. */
static bool next_pid(pid_t pid)
{
	_cleanup_fclose_ FILE *f = fopen("/proc/sys/kernel/ns_last_pid", "we");

	return f && fprintf(f, "%d", (int)pid - 1) > 0 && !fflush(f);
}

/* A generator that has this pid; false: it went to others each time. */
static bool again_as(pid_t pid)
{
	for (int left = 50; left; left--) {
		struct proc p = {};
		bool same;

		if (!next_pid(pid))
			return false;
		proc_start(&p, "known-count --target %s --count %d --direct --wait", loop.path, N);
		same = p.pid == pid && proc_until(&p, "ready", 5000);
		if (same) {
			proc_signal(&p, SIGUSR1);
			same = check_same("status of the generator", proc_wait(&p, 20000), 0);
		}
		proc_free(&p);
		if (same)
			return true;
	}
	return false;
}

/* Two processes, one after the other, under one pid: they are told by when they began. */
TRACE_TEST(a_pid_that_is_used_again)
{
	const char *why = need_loop();
	struct trace t = {};
	struct proc p = {};
	bool again = false;

	if (why)
		TEST_SKIP(why);
	check_case("--by process, one pid twice");
	if (trace_begin(&t, "--tier vfs --dev %s --by process", loop.name)) {
		pid_t pid;

		proc_start(&p, "known-count --target %s --count %d --direct", loop.path, N);
		pid = p.pid;
		check_same("status of the generator", proc_wait(&p, 20000), 0);
		proc_free(&p);
		again = again_as(pid);
		if (trace_end(&t, SIGINT) && again) {
			int64_t rows = 0, began = 0;
			json_t *row;
			size_t i;

			json_array_foreach(trace_by_rows(&t, "process"), i, row) {
				if (number_at(row, "pid") != pid)
					continue;
				rows++;
				check_same("reads", number_at(row, "operations.read.count"), N);
				check_true("began at another time", number_at(row, "started_ns") != began);
				began = number_at(row, "started_ns");
			}
			check_same("rows of the pid", rows, 2);
		}
	}
	trace_free(&t);
	if (!again)
		TEST_SKIP("the pid was not to be had again");
}

TEST_MAIN("trace-by", T(a_pid_that_is_used_again), T(a_process_is_what_its_operations_are), T(a_call_that_fails_is_an_error), T(pipes_and_devices_are_no_files))
