/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Child processes. Each leads a session of its own (a terminal's Ctrl-C comes
 * to the harness alone, which then stops the rest in order) and is killed by
 * the kernel when the harness dies. Its own children may leave the session (fio's
 * jobs do, and wait for ever when fio dies at the wrong moment); so each child
 * has a mark of its own in its environment, which they all inherit.
 */
#ifndef BENCH_CHILD_H
#define BENCH_CHILD_H

#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/types.h>

#define CHILD_MARK_MAX 64

struct child {
	pid_t pid;		/* 0: none */
	int pidfd;
	char mark[CHILD_MARK_MAX];
};

struct child_end {
	int status;		/* exit status, or 128 + signal */
	struct rusage usage;	/* with the children it waited for */
};

struct child_io {
	const char *cwd;	/* NULL: ours */
	int out_fd, err_fd;	/* -1: /dev/null */
	const char *cgroup;	/* directory to begin in; NULL: ours */
	const cpu_set_t *cpus;	/* to run on, with all of its children; NULL: ours */
};

/* argv[0] is looked up in PATH. -errno of fork or exec (-ENOENT: no program). */
int child_spawn(char *const argv[], const struct child_io *io, struct child *ret);

/*
 * 0 when it ended, -ETIME, or -EINTR when asked to stop (unless @through).
 * A child that ended is reaped and *c is empty.
 */
int child_wait(struct child *c, uint64_t timeout_ns, bool through, struct child_end *ret);

/*
 * End it: each signal in turn, waiting @grace_ns for each, then SIGKILL to all
 * that bear its mark. Signals go to the process group when @group.
 */
int child_stop(struct child *c, const int *signals, int nr, bool group, uint64_t grace_ns,
	       struct child_end *ret);

/* Run to the end; *ret_out (malloc'd, may be NULL) gets its standard output. */
int child_run(char *const argv[], uint64_t timeout_ns, char **ret_out, struct child_end *ret);

/* SIGKILL for every process that bears @mark, until there is none; how many there were. */
int mark_kill(const char *mark);
/* CPU time and resident bytes of all processes of session @sid. */
int session_usage(pid_t sid, uint64_t *ret_cpu_ns, uint64_t *ret_rss_bytes);

#endif
