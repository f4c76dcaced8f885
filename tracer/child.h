/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The command of `iopath trace -- COMMAND`: forked and held at the gate until
 * tracing has begun, so that its first I/O is seen.
 */
#ifndef IOPATH_CHILD_H
#define IOPATH_CHILD_H

#include <sys/types.h>

struct child {
	pid_t pid;	/* 0: none */
	int gate;	/* closing it without a word lets the child exit */
	int exec_error;	/* read end: errno of a failed exec, or end of file */
};
#define CHILD_NONE { 0, -1, -1 }

/* Fork; the child waits. -errno. */
int child_fork(struct child *c, char *const argv[]);
/* Let it run. 0, or the -errno with which exec failed. */
int child_release(struct child *c);
/* Kill it if it still runs, and free what is held. */
void child_destroy(struct child *c);

/* Wait status -> what a shell would return: status, or 128 + signal. */
int child_exit_code(int wait_status);

#endif
