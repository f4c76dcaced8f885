/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One cell of the matrix: a disk, a scheduler, a tier, all kinds of I/O, and what the report says of them. */
#ifndef IOPATH_VALIDATE_CELL_H
#define IOPATH_VALIDATE_CELL_H

#include <jansson.h>

#include "ci/validate/work.h"
#include "tracer/tests/ground-trace.h"

struct cell {
	const char *kernel;
	struct target *disk;
	const char *scheduler, *tier;
	json_t *doctor;	/* what `iopath doctor --json` says here */
	bool records;	/* the tracer prints every I/O (--threshold 1ns) */
	int turn_fd;	/* its lock is held while I/O is done, and until the tracer has ended */
};

/* Runs it; the result is a line of the protocol (README.md of ci), which the caller owns. */
json_t *cell_run(const struct cell *c);

/* The position of a tier in the order of tiers, or -1. */
int tier_rank(const char *tier);

/* Holds the report against what was done and what the disk counted meanwhile. See differ.h. */
void judge(const struct cell *c, const struct trace *t, const struct truth *truth, const struct disk_stat *disk);

#endif
