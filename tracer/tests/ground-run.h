/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Programs under test: started from one line of words, their output kept.
 *
 *	struct proc p = {};
 *	int status = proc_line(&p, "known-count --target %s", loop.path);
 *	... p.out.text ...
 *	proc_free(&p);
 */
#ifndef GROUND_RUN_H
#define GROUND_RUN_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/resource.h>
#include <sys/types.h>

struct text {
	char *text;	/* never NULL once started, ends in NUL */
	size_t len;
};

struct proc {
	char line[1024];	/* what was run, to show */
	pid_t pid;
	int out_fd, err_fd;
	struct text out, err;
	int status;		/* of exit, 128+n after a signal, or -ETIMEDOUT */
	struct rusage usage;
};

/*
 * A command, first in the line or behind "--", that is one of our own is taken
 * from beside the test program; for "iopath" the environment's IOPATH comes
 * first. Words are separated by blanks; there is no quoting. 0 or -errno.
 */
int proc_start(struct proc *p, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* The same as user @uid, without capabilities. */
int proc_start_as(struct proc *p, uid_t uid, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
/* Until @word is on stderr; false when it ended or the time was up first. */
bool proc_until(struct proc *p, const char *word, int timeout_ms);
/* Stop reading its stdout: its next write there fails. */
void proc_close_out(struct proc *p);
void proc_signal(struct proc *p, int sig);
/* To its end; returns status. After the timeout it is killed. */
int proc_wait(struct proc *p, int timeout_ms);
/*
 * A limit of time as it is on this machine: TEST_PATIENCE in the environment, a whole number, says how many
 * times slower it is than one that the limits were written for. All that take a timeout ask this.
 */
int patience_ms(int ms);
/* Start and wait: the status, or -errno. */
int proc_line(struct proc *p, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void proc_free(struct proc *p);

/* Path of a program beside the test program, or what the environment says. */
const char *proc_path(const char *name);
/* Lines in a text. */
int text_lines(const struct text *t);

#endif
