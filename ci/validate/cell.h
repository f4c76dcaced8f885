/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Cells of the matrix: all kinds of I/O on a disk under a scheduler, seen in a
 * tier, and what the report says of them.
 *
 * Most of a cell's time is the start of the tracer. So one tracer sees all
 * disks and schedulers of a tier, and must count each disk's requests and the
 * sum of the operations exactly. When it does not, each disk has a tracer of
 * its own, then each of its schedulers, to tell which it is.
 */
#ifndef IOPATH_VALIDATE_CELL_H
#define IOPATH_VALIDATE_CELL_H

#include <jansson.h>

#include "ci/validate/work.h"
#include "tracer/tests/ground-trace.h"

enum { MAX_SCHEDULERS = 16, MAX_DISKS = 16 };

/* A disk, and those of the schedulers that it goes through. */
struct cell_disk {
	struct target *target;
	const char *schedulers[MAX_SCHEDULERS];
	size_t nr_schedulers;
};

struct cell {
	const char *kernel;
	struct cell_disk disks[MAX_DISKS];
	size_t nr_disks;
	const char *tier;
	json_t *doctor;	/* what `iopath doctor --json` says here */
	bool records;	/* the tracer prints every I/O (--threshold 1ns) */
};

/* What was done on a disk of the cell, and what it counted meanwhile. */
struct seen {
	struct truth truth;
	struct disk_stat stat;
};

/* Runs them; the result is an array with a line per disk and scheduler, which the caller owns. */
json_t *cell_run(const struct cell *c);

/* The position of a tier in the order of tiers, or -1. */
int tier_rank(const char *tier);

/* Holds the report against @seen, which has an entry for each disk of the cell. See differ.h. */
void judge(const struct cell *c, const struct trace *t, const struct seen *seen);

#endif
