/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The slowest N of an interval (--top), kept as they come. What is faster than
 * the Nth so far need not be told any more: that is the threshold from there
 * on. The next interval begins with half of it, or, when too few came, a
 * quarter of what it was.
 */
#ifndef IOPATH_TOP_H
#define IOPATH_TOP_H

#include <stdbool.h>

#include "record.h"

struct top {
	u32 max, nr;		/* max 0: not asked for */
	struct record *v;	/* a heap with the fastest of them in front */
	u64 threshold_ns;	/* for what comes next */
	u64 missed_below_ns;	/* what was faster may not have been told since the interval began */
};

/* -ENOMEM. */
int top_init(struct top *t, u32 max);
void top_free(struct top *t);
void top_take(struct top *t, const struct record *r);
/* The slowest first. top_begin() starts the next interval. */
void top_sort(struct top *t);
void top_begin(struct top *t);
/* All N are there, or nothing faster can have been missed. */
bool top_is_complete(const struct top *t);

#endif
