/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What is traced and what is not: filters by device, process, thread, name and
 * operation; the COMMAND, its children and its status; the ways to end.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "ground-attempt.h"
#include "ground-check.h"
#include "ground-loops.h"
#include "ground-place.h"
#include "ground-trace.h"
#include "tracer/base/cleanup.h"
#include "tracer/base/test.h"

enum { N = 211, M = 307, SIZE = 4096 };

static void run_known(const struct loop *l, int count, const char *more)
{
	struct proc p = {};

	check_same("status of the generator",
		   proc_line(&p, "known-count --target %s --count %d --direct %s", l->path, count, more), 0);
	proc_free(&p);
}

TRACE_TEST(by_device)
{
	static const char *const tiers[] = { "block", "full" };
	const char *why = need_loops();

	if (why)
		TEST_SKIP(why);
	for (size_t i = 0; i < ARRAY_SIZE(tiers); i++) {
		struct trace t;

		check_case("tier %s: --dev %s, I/O on %s too", tiers[i], loop.name, other.name);
		if (trace_begin(&t, "--tier %s --dev %s", tiers[i], loop.name)) {
			run_known(&loop, N, "");
			run_known(&other, M, "");
			if (trace_end(&t, SIGINT)) {
				check_device(&t, loop.name, "read", N, N * SIZE);
				check_same("requests of the other device",
					   trace_device_count(&t, other.name, "read"), 0);
				if (i)
					check_operation(&t, "read", "syscall", N, N * SIZE);
				check_coverage(&t);
			}
		}
		trace_free(&t);
	}
}

/* I/O that goes on elsewhere while the report is made is none of its business. */
TRACE_TEST(a_busy_neighbour)
{
	const char *why = need_loops();
	struct proc fio = {};
	struct trace t;

	if (why)
		TEST_SKIP(why);
	check_case("tier vfs: --dev %s, fio on %s", loop.name, other.name);
	proc_start(&fio, "fio --name=x --filename=%s --rw=randread --bs=4k --direct=1 --size=8m --numjobs=3 --time_based --runtime=60",
		   other.path);
	if (trace_begin(&t, "--tier vfs --dev %s", loop.name)) {
		run_known(&loop, N, "");
		if (trace_end(&t, SIGINT)) {
			check_device(&t, loop.name, "read", N, N * SIZE);
			check_operation(&t, "read", "syscall", N, N * SIZE);
			check_coverage(&t);
		}
	}
	proc_signal(&fio, SIGINT);
	proc_free(&fio);
	trace_free(&t);
}

TRACE_TEST(of_two_devices)
{
	const char *why = need_loops();
	struct trace t;

	if (why)
		TEST_SKIP(why);
	check_case("--dev %s --dev %s", loop.name, other.path);
	if (trace_begin(&t, "--tier vfs --dev %s --dev %s", loop.name, other.path)) {
		run_known(&loop, N, "");
		run_known(&other, M, "--op write");
		if (trace_end(&t, SIGTERM)) {
			check_device(&t, loop.name, "read", N, N * SIZE);
			check_device(&t, other.name, "write", M, M * SIZE);
			check_operation(&t, "read", "syscall", N, N * SIZE);
			check_operation(&t, "write", "syscall", M, M * SIZE);
			check_coverage(&t);
		}
	}
	trace_free(&t);
}

/* Two generators that wait to be told: @a is traced by @filter, @b is not. */
static void pair_case(const char *tier, const char *filter, const char *a_words, const char *b_words,
		      int64_t count)
{
	struct proc a = {}, b = {};
	struct trace t = {};
	char words[64];

	check_case("tier %s: --%s", tier, filter);
	proc_start(&a, "known-count --target %s --count %d --direct --wait %s", loop.path, N, a_words);
	proc_start(&b, "known-count --target %s --count %d --direct --wait %s", loop.path, M, b_words);
	snprintf(words, sizeof(words), "--%s %d", filter, (int)a.pid);
	if (proc_until(&a, "ready", 5000) && proc_until(&b, "ready", 5000) &&
	    trace_begin(&t, "--tier %s --dev %s %s", tier, loop.name, words)) {
		proc_signal(&a, SIGUSR1);
		proc_signal(&b, SIGUSR1);
		check_same("status of the generators", proc_wait(&a, 20000) | proc_wait(&b, 20000), 0);
		if (trace_end(&t, SIGINT)) {
			check_device(&t, loop.name, "read", count, count * SIZE);
			check_coverage(&t);
		}
	}
	proc_free(&a);
	proc_free(&b);
	trace_free(&t);
}

TRACE_TEST(by_process_and_thread)
{
	const char *why = need_loops();

	if (why)
		TEST_SKIP(why);
	pair_case("block", "pid", "", "", N);
	pair_case("full", "pid", "--threads 3", "", N);
	pair_case("vfs", "pid", "--engine io_uring --depth 8", "--engine io_uring", N);
	/* worker threads of the kernel's belong to the process they work for */
	pair_case("vfs", "pid", "--engine io_uring_punt --depth 8", "--engine io_uring_punt --depth 8", N);
	pair_case("vfs", "pid", "--engine sqpoll", "--engine sqpoll", N);
	pair_case("full", "pid", "--engine libaio --depth 8", "--engine libaio", N);
	/* 211 = 71 + 70 + 70, the first of them on the main thread */
	pair_case("block", "tid", "--threads 3", "", 71);
	pair_case("vfs", "tid", "--threads 3", "--threads 3", 71);
}

/* Reads of ours and of fio on the same device; a worker of the kernel's has the name of whom it works for. */
static void name_case(const char *tier, const char *words, const char *via)
{
	struct trace t;

	check_case("tier %s: --comm known-count %s, fio beside it", tier, words);
	if (trace_begin(&t, "--tier %s --dev %s --comm known-count", tier, loop.name)) {
		struct proc fio = {};

		run_known(&loop, N, words);
		proc_line(
			&fio,
			"fio --name=x --filename=%s --rw=randread --bs=4k --direct=1 --size=8m --number_ios=%d",
			loop.path, M);
		proc_free(&fio);
		if (trace_end(&t, SIGINT)) {
			check_device(&t, loop.name, "read", N, N * SIZE);
			if (via)
				check_operation(&t, "read", via, N, N * SIZE);
			check_coverage(&t);
		}
	}
	trace_free(&t);
}

TRACE_TEST(by_name)
{
	const char *why = need_loops();

	if (why)
		TEST_SKIP(why);
	name_case("vfs", "", "syscall");
	name_case("block", "", NULL);
	name_case("vfs", "--engine io_uring_punt --depth 4", "io_uring");
	name_case("vfs", "--engine sqpoll", "io_uring");
}

static void op_case(const char *tier, const char *op, const char *not_op)
{
	struct trace t;

	check_case("tier %s: --op %s", tier, op);
	if (trace_command(
		    &t,
		    "--tier %s --dev %s --op %s -- known-count --target %s --count %d --op randrw --direct --fsync-every 10",
		    tier, loop.name, op, loop.path, N)) {
		int64_t count = manifest_number(t.manifest, op, "count");

		check_between("I/Os of the operation", count, N / 4, N);
		check_device(&t, loop.name, op, count, count * SIZE);
		check_same(not_op, trace_device_count(&t, loop.name, not_op), 0);
		if (strcmp(tier, "block")) {
			check_operation(&t, op, "syscall", count, count * SIZE);
			check_same(not_op, trace_operation_count(&t, not_op, "syscall"), 0);
		}
		check_coverage(&t);
	}
	trace_free(&t);
}

TRACE_TEST(by_operation)
{
	const char *why = need_loops();

	if (why)
		TEST_SKIP(why);
	op_case("block", "read", "write");
	op_case("block", "write", "read");
	op_case("full", "read", "write");
	op_case("full", "write", "read");
}

/* What calls that sync and trim do, each by itself, of a run that has them all. */
static void kind_case(const char *op, const char *script, int64_t count)
{
	struct trace t;

	check_case("--op %s", op);
	if (trace_begin(&t, "--tier vfs --dev %s --op %s", loop.name, op)) {
		struct proc p = {};
		json_t *row;
		int64_t others = 0;
		size_t i;

		check_same("status", proc_line(&p, "sh %s", script), 0);
		proc_free(&p);
		if (trace_end(&t, SIGINT)) {
			json_array_foreach(json_at(t.summary, "operations"), i, row)
				others += strcmp(text_at(row, "kind"), op) != 0;
			check_same("kinds besides it", others, 0);
			if (count)
				check_same(op, trace_operation_count(&t, op, "syscall"), count);
			else
				check_between(op, trace_device_count(&t, loop.name, op), 1, 100);
			check_coverage(&t);
		}
	}
	trace_free(&t);
}

TRACE_TEST(by_each_kind)
{
	static const struct {
		const char *op;
		int64_t count;	/* 0: of requests, some */
	} kinds[] = { { "fsync", 7 }, { "fdatasync", 5 }, { "sync_file_range", 3 }, { "sync", 1 }, { "discard", 1 }, { "flush", 0 } };
	const char *why = need_loop(), *script;
	char file[256], text[4096];

	if (why)
		TEST_SKIP(why);
	if (place_mount_ext4("ext4", loop.path, NULL))
		TEST_SKIP("no ext4");
	snprintf(file, sizeof(file), "%s", place_path("ext4/file"));
	snprintf(text, sizeof(text),
		 "%s --target %s --op write --count 7 --fsync-every 1 && %s --target %s --op write --count 5 --fsync-every 1 --fdatasync && "
		 "fio --name=x --filename=%s --rw=write --bs=4k --size=64k --sync_file_range=write:4 --output=/dev/null && sync -f %s && "
		 "fstrim %s",
		 proc_path("known-count"), file, proc_path("known-count"), file, file, file, place_path("ext4"));
	script = place_script("kinds.sh", text);
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		kind_case(kinds[i].op, script, kinds[i].count);
	place_umount("ext4");
}

/* ---- the COMMAND ---- */

static void status_case(const char *command, int want)
{
	struct trace t = {};
	int status;

	check_case("-- %s", command);
	snprintf(t.file, sizeof(t.file), "%s", place_path("status.json"));
	status = proc_line(&t.proc, "iopath trace --tier block --json --dev %s -o %s -- %s", loop.name,
			   t.file, command);
	check_same("status", status, want);
	trace_read(&t);
	if (want < 126 || want > 127)
		check_true("the report is whole", t.summary);
	trace_free(&t);
}

TRACE_TEST(status_of_the_command)
{
	const char *why = need_loops();
	char words[96];

	if (why)
		TEST_SKIP(why);
	status_case("true", 0);
	snprintf(words, sizeof(words), "sh %s", place_script("exit7.sh", "exit 7"));
	status_case(words, 7);
	snprintf(words, sizeof(words), "sh %s", place_script("kill.sh", "kill -9 $$"));
	status_case(words, 128 + SIGKILL);
	snprintf(words, sizeof(words), "sh %s", place_script("term.sh", "kill -15 $$"));
	status_case(words, 128 + SIGTERM);
	status_case("iopath-no-such-program", 127);
	status_case(place_path("exit7.sh"), 126);
}

TRACE_TEST(children_of_the_command)
{
	const char *why = need_loops();
	char text[1024];
	struct trace t;

	if (why)
		TEST_SKIP(why);
	snprintf(
		text, sizeof(text),
		"%s --target %s --count %d --direct & %s --target %s --count %d --direct --offset 16M & wait; (%s --target %s --count %d --direct)",
		proc_path("known-count"), loop.path, N, proc_path("known-count"), loop.path, M,
		proc_path("known-count"), loop.path, N);
	check_case("-- sh, three children, and a stranger");
	if (trace_begin(&t, "--tier vfs --dev %s -- sh %s", loop.name, place_script("children.sh", text))) {
		run_known(&loop, 101, "--op write");
		check_same("status", proc_wait(&t.proc, 30000), 0);
		trace_read(&t);
		check_device(&t, loop.name, "read", 2 * N + M, (2 * N + M) * SIZE);
		check_same("writes of the stranger", trace_device_count(&t, loop.name, "write"), 0);
		check_operation(&t, "read", "syscall", 2 * N + M, (2 * N + M) * SIZE);
		check_same("operations of the stranger", trace_operation_count(&t, "write", "syscall"), 0);
		check_coverage(&t);
	}
	trace_free(&t);
}

/* What the generator said its pid was. */
static pid_t ready_pid(const struct trace *t)
{
	const char *at = strstr(t->proc.err.text, "known-count: ready ");

	return at ? (pid_t)strtol(at + 19, NULL, 10) : 0;
}

static void stop_case(int sig)
{
	struct trace t;
	pid_t pid;

	check_case("signal %d while the command runs", sig);
	if (trace_begin(&t, "--tier full --dev %s -- known-count --target %s --count %d --direct --wait",
			loop.name, loop.path, N)) {
		int status;

		check_true("the command runs", proc_until(&t.proc, "known-count: ready", 5000));
		pid = ready_pid(&t);
		proc_signal(&t.proc, sig);
		status = proc_wait(&t.proc, 10000);
		check_true("ends in time", status != -ETIMEDOUT);
		trace_read(&t);
		check_true("the report is whole", t.summary);
		check_true("the command is gone", pid && kill(pid, 0) && errno == ESRCH);
		if (pid)
			kill(pid, SIGKILL);
	}
	trace_free(&t);
}

TRACE_TEST(signals_while_the_command_runs)
{
	const char *why = need_loops();

	if (why)
		TEST_SKIP(why);
	stop_case(SIGTERM);
	stop_case(SIGINT);
}

TRACE_TEST(signals_end_with_a_report)
{
	static const int sigs[] = { SIGINT, SIGTERM };
	const char *why = need_loops();

	if (why)
		TEST_SKIP(why);
	for (size_t i = 0; i < ARRAY_SIZE(sigs); i++) {
		struct trace t;

		check_case("signal %d", sigs[i]);
		if (trace_begin(&t, "--tier full --dev %s", loop.name)) {
			run_known(&loop, N, "");
			if (trace_end(&t, sigs[i]))
				check_device(&t, loop.name, "read", N, N * SIZE);
		}
		trace_free(&t);
	}
}

TRACE_TEST(two_tracers_at_once)
{
	const char *why = need_loops();
	struct trace a, b;

	if (why)
		TEST_SKIP(why);
	check_case("full and vfs beside each other");
	if (trace_begin(&a, "--tier full --dev %s", loop.name)) {
		if (trace_begin(&b, "--tier vfs --dev %s", loop.name)) {
			run_known(&loop, N, "--engine io_uring --depth 8");
			if (trace_end(&b, SIGINT)) {
				check_device(&b, loop.name, "read", N, N * SIZE);
				check_operation(&b, "read", "io_uring", N, N * SIZE);
			}
		}
		trace_free(&b);
		run_known(&loop, N, "--engine io_uring --depth 8");
		if (trace_end(&a, SIGINT)) {
			check_device(&a, loop.name, "read", 2 * N, 2 * N * SIZE);
			check_operation(&a, "read", "io_uring", 2 * N, 2 * N * SIZE);
			check_coverage(&a);
		}
	}
	trace_free(&a);
}

/* ---- how long it took ---- */

TRACE_TEST(by_latency)
{
	static const char *const tiers[] = { "block", "full" };
	const char *why = need_loop();

	if (why)
		TEST_SKIP(why);
	for (size_t i = 0; i < ARRAY_SIZE(tiers); i++) {
		struct trace t;

		check_case("tier %s: --min-lat that nothing takes", tiers[i]);
		if (trace_begin(&t, "--tier %s --dev %s --min-lat 1h", tiers[i], loop.name)) {
			struct proc p = {};

			proc_line(&p, "known-count --target %s --count %d --direct", loop.path, N);
			proc_free(&p);
			if (trace_end(&t, SIGINT)) {
				check_same("counted", trace_device_count(&t, loop.name, "read"), 0);
				check_same("too short", number_at(t.summary, "coverage.requests.too_short"), N);
				check_same("operations", number_at(t.summary, "coverage.operations.too_short"),
					   i ? N : 0);
				check_coverage(&t);
			}
		}
		trace_free(&t);
		check_case("tier %s: --min-lat that all take", tiers[i]);
		if (trace_command(&t, "--tier %s --dev %s --min-lat 1ns -- known-count --target %s --count %d --direct",
				  tiers[i], loop.name, loop.path, N)) {
			check_device(&t, loop.name, "read", N, N * SIZE);
			check_same("too short", number_at(t.summary, "coverage.too_short"), 0);
			check_coverage(&t);
		}
		trace_free(&t);
	}
}

TEST_MAIN("trace-filter", T(by_device), T(a_busy_neighbour), T(of_two_devices), T(by_process_and_thread), T(by_name),
	  T(by_operation), T(by_each_kind), T(status_of_the_command), T(children_of_the_command),
	  T(signals_while_the_command_runs), T(signals_end_with_a_report), T(two_tracers_at_once), T(by_latency))
