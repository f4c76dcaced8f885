/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A disk that cells are run on, and what it offers. */
#ifndef IOPATH_VALIDATE_TARGET_H
#define IOPATH_VALIDATE_TARGET_H

#include <stdbool.h>
#include <stddef.h>

#include "tracer/tests/ground-loop.h"

struct target {
	char class[16];		/* as the lab's DISK= names it */
	char name[32];		/* "nvme0n1" */
	char path[48];
	struct loop *loop;	/* made by us; else NULL */
	int fd;			/* held open, so that what it has in the page cache stays there */
	bool flushes;		/* has a volatile cache, which a sync flushes */
	bool discards;
};

/* @spec is CLASS:PATH, or CLASS alone for a loop device on memory. 0 or -errno. */
int target_open(struct target *t, const char *spec);
void target_close(struct target *t);

/* -ENOENT: the kernel does not offer it. */
int target_set_scheduler(struct target *t, const char *name);
/* The one in force; "" when that cannot be told. */
void target_scheduler(const struct target *t, char *buf, size_t len);
/* All that are offered, as the kernel writes them. */
void target_schedulers(const struct target *t, char *buf, size_t len);

#endif
