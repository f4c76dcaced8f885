/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is done in a cell, and what must therefore be seen. */
#ifndef IOPATH_VALIDATE_WORK_H
#define IOPATH_VALIDATE_WORK_H

#include <jansson.h>
#include <stdint.h>

#include "ci/validate/target.h"

struct tally {
	const char *name, *via;
	int64_t count, bytes;
	int64_t scheduled;	/* of the requests: under another scheduler than none */
};

enum { REQ_READ, REQ_WRITE, REQ_DISCARD, REQ_FLUSH, NR_REQS };
enum { MAX_OPERATIONS = 16 };

struct truth {
	struct tally requests[NR_REQS];
	struct tally operations[MAX_OPERATIONS];
	size_t nr_operations;
	int64_t hits, misses;	/* reads through the page cache */
};

/* Of nothing done yet. */
void truth_init(struct truth *t);

/*
 * Does all of it on @disk, one after the other, and adds to @t. What this
 * kernel or disk does not offer is named in the array @not_offered. False:
 * something else went wrong (see differ.h), and the truth is not known.
 */
bool work_do(const struct target *disk, struct truth *t, json_t *not_offered);

/* Adds @more, of another disk. */
void truth_add(struct truth *t, const struct truth *more);

int64_t truth_requests(const struct truth *t);
int64_t truth_operations(const struct truth *t);

#endif
