/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Whose the CPU time is: the workload's, the tracer's, the kernel threads'.
 *
 * Workload and tracer get a cgroup each (v2, below our own, no controllers: the
 * kernel books CPU time per cgroup anyway, in ns, and what has exited stays
 * counted). Where none can be made, their process trees in /proc have to do,
 * 10 ms coarse. Kernel threads are known by PF_KTHREAD; one that is gone at the
 * end takes the time since the beginning with it.
 */
#ifndef BENCH_GROUP_H
#define BENCH_GROUP_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "bench/undo.h"

enum group { GROUP_WORKLOAD, GROUP_TRACER, GROUP_NR };

struct groups {
	bool on;		/* cgroups; else process trees */
	char dir[GROUP_NR][512];
};

struct group_time {
	uint64_t user_ns, system_ns;
};

/* Never fails but for memory: without a cgroup v2 ret->on is false. */
int groups_open(struct undo *u, struct groups *ret);
/* For child_io; NULL when there are none. */
const char *groups_dir(const struct groups *g, enum group which);

/* Text of /proc/self/mountinfo: where cgroup v2 is; -ENOENT. */
int groups_find_mount(const char *mountinfo, char *buf, size_t len);
/* Text of cpu.stat. */
int groups_parse_stat(const char *text, struct group_time *ret);
int groups_read(const struct groups *g, enum group which, struct group_time *ret);

struct task {
	pid_t pid, parent;
	bool is_kernel;
	struct group_time time;	/* of a process with all that it waited for */
	uint64_t run_ns;	/* of a kernel thread */
};

struct tasks {
	unsigned int nr;
	struct task *v;		/* ascending pid */
};

/* All processes below @proc ("/proc"). */
int tasks_take(const char *proc, struct tasks *ret);
void tasks_free(struct tasks *t);
/* @root and everything below it. */
struct group_time tasks_tree(const struct tasks *t, pid_t root);
uint64_t tasks_kernel_between(const struct tasks *from, const struct tasks *to);

#endif
