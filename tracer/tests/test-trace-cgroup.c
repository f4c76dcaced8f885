/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Cgroups: the filter by them, and those that records name. Which one it is is decided when the I/O is submitted: on a
 * loop device every completion runs in a kernel worker.
 */
#include <signal.h>
#include <string.h>

#include "ground-attempt.h"
#include "ground-cgroup.h"
#include "ground-check.h"
#include "ground-loops.h"
#include "ground-place.h"
#include "ground-trace.h"
#include "tracer/base/cleanup.h"
#include "tracer/base/test.h"

enum { N = 211, M = 307, SIZE = 4096 };

/* @a runs in @cgroup, @b does not; both on the same device at the same time. */
static void cgroup_case(const char *tier, const char *cgroup, const char *filter, const char *words)
{
	struct proc a = {}, b = {};
	struct trace t = {};

	check_case("tier %s: --cgroup %s, %s", tier, filter, words);
	proc_start(&a, "known-count --target %s --count %d --direct --wait %s", loop.path, N, words);
	proc_start(&b, "known-count --target %s --count %d --direct --wait %s", loop.path, M, words);
	if (proc_until(&a, "ready", 5000) && proc_until(&b, "ready", 5000) &&
	    check_true("moved into the cgroup", cgroup_enter(cgroup, a.pid)) &&
	    trace_begin(&t, "--tier %s --dev %s --cgroup %s", tier, loop.name, filter)) {
		proc_signal(&a, SIGUSR1);
		proc_signal(&b, SIGUSR1);
		check_same("status of the generators", proc_wait(&a, 20000) | proc_wait(&b, 20000), 0);
		if (trace_end(&t, SIGINT)) {
			check_device(&t, loop.name, "read", N, N * SIZE);
			check_coverage(&t);
		}
	}
	proc_free(&a);
	proc_free(&b);
	trace_free(&t);
}

/*
 * bcc's biolatency and biosnoop -c ask for the cgroup of the task that a
 * completion happens to interrupt: I/O is dropped at random.
 */
TRACE_TEST(peer_defect_1_cgroup_is_decided_at_submission)
{
	const char *why = need_loop();

	if (!why)
		why = cgroup_make("cgroup2", NULL);
	if (why)
		TEST_SKIP(why);
	cgroup_case("block", cgroup_child(), cgroup_child(), "");
	cgroup_case("block", cgroup_child(), cgroup_parent(), "--engine libaio --depth 8");
	cgroup_case("full", cgroup_child(), cgroup_parent(), "--engine io_uring --depth 8");
	cgroup_case("vfs", cgroup_child(), cgroup_parent(), "--engine io_uring_punt --depth 8");
	cgroup_case("vfs", cgroup_child(), strstr(cgroup_parent(), "iopath-test"), "--threads 3");
	cgroup_remove();
}

TRACE_TEST(cgroups_of_a_v1_controller)
{
	const char *why = need_loop();

	if (!why)
		why = cgroup_make("cgroup", "blkio");
	if (why)
		TEST_SKIP(why);
	cgroup_case("block", cgroup_child(), cgroup_parent(), "--engine libaio --depth 8");
	cgroup_case("full", cgroup_child(), cgroup_child(), "");
	cgroup_remove();
}

/* Of each record of that thread: its cgroup. */
static int64_t check_cgroup(const struct trace *t, pid_t pid, const char *want)
{
	json_t *line;
	int64_t nr = 0;
	size_t i;

	json_array_foreach(t->lines, i, line) {
		if (!text_at(line, "level") || number_at(line, "pid") != pid)
			continue;
		check_text("cgroup", text_at(line, "cgroup"), want);
		nr++;
	}
	return nr;
}

/* The child of the cgroup, and none; of system calls and of requests that are known by their ring. */
TRACE_TEST(records_name_the_cgroup)
{
	static const char *const words[] = { "", "--engine io_uring --depth 8", "--engine libaio --depth 8" };
	const char *why = need_loop(), *name;

	if (!why)
		why = cgroup_make("cgroup2", NULL);
	if (why)
		TEST_SKIP(why);
	name = strstr(cgroup_child(), "/iopath-test-");
	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		struct proc a = {}, b = {};
		struct trace t = {};

		check_case("tier %s: --threshold 1ns, one of two in a cgroup, %s", i % 2 ? "full" : "vfs", words[i]);
		proc_start(&a, "known-count --target %s --count %d --direct --wait %s", loop.path, N, words[i]);
		proc_start(&b, "known-count --target %s --count %d --direct --wait %s", loop.path, M, words[i]);
		if (proc_until(&a, "ready", 5000) && proc_until(&b, "ready", 5000) &&
		    check_true("moved into the cgroup", cgroup_enter(cgroup_child(), a.pid)) &&
		    trace_begin(&t, "--tier %s --dev %s --threshold 1ns", i % 2 ? "full" : "vfs", loop.name)) {
			pid_t in = a.pid, out = b.pid;

			proc_signal(&a, SIGUSR1);
			proc_signal(&b, SIGUSR1);
			check_same("status of the generators", proc_wait(&a, 20000) | proc_wait(&b, 20000), 0);
			if (trace_end(&t, SIGINT)) {
				check_same("records of the one", check_cgroup(&t, in, name), N);
				check_same("records of the other", check_cgroup(&t, out, "/"), M);
			}
		}
		proc_free(&a);
		proc_free(&b);
		trace_free(&t);
	}
	cgroup_remove();
}

TEST_MAIN("trace-cgroup", T(peer_defect_1_cgroup_is_decided_at_submission), T(cgroups_of_a_v1_controller),
	  T(records_name_the_cgroup))
