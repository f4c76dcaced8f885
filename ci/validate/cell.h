/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Cells of the matrix: all kinds of I/O on a disk under a scheduler, seen in a
 * tier, and what the report says of them.
 *
 * Most of a cell's time is the start of the tracer. So one tracer goes through
 * all schedulers of a disk and tier, and must count their sum exactly. Only
 * when it does not has each scheduler a tracer of its own, to tell which it is.
 */
#ifndef IOPATH_VALIDATE_CELL_H
#define IOPATH_VALIDATE_CELL_H

#include <jansson.h>

#include "ci/validate/work.h"
#include "tracer/tests/ground-trace.h"

enum { MAX_SCHEDULERS = 16 };

struct cell {
	const char *kernel;
	struct target *disk;
	const char *const *schedulers;
	size_t nr_schedulers;
	const char *tier;
	json_t *doctor;	/* what `iopath doctor --json` says here */
	bool records;	/* the tracer prints every I/O (--threshold 1ns) */
	int turn_fd;	/* its lock is held while I/O is done, and until the tracer has ended */
};

/* Runs them; the result is an array with a line per scheduler, which the caller owns. */
json_t *cell_run(const struct cell *c);

/* The position of a tier in the order of tiers, or -1. */
int tier_rank(const char *tier);

/* Holds the report against what was done and what the disk counted meanwhile. See differ.h. */
void judge(const struct cell *c, const struct trace *t, const struct truth *truth, const struct disk_stat *disk);

#endif
