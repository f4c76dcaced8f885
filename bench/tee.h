/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a child says on its way to our own stderr, where its last line is of use to us too. */
#ifndef BENCH_TEE_H
#define BENCH_TEE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct tee {
	char last[512];	/* its last whole line that is not blank, without what is not printable; or "" */
	char line[512];	/* that it is in */
	size_t len;
};

/* What is in @fd by now, on to our stderr. False at its end; where there is nothing it waits, unless @fd does not. */
bool tee_read(struct tee *t, int fd);

/*
 * Child @pid, until it has ended: its status, or 128 + signal. Its stderr comes
 * from @fd; when we are asked to stop, it is asked to.
 */
int tee_wait(struct tee *t, int fd, pid_t pid);

#endif
