/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The statistics of a comparison (compare.h): from the rounds of both to what is worse. Pure. */
#ifndef BENCH_COMPARE_NUMBERS_H
#define BENCH_COMPARE_NUMBERS_H

#include "bench/compare.h"

#define COMPARE_ALPHA .05 /* one-sided */

/* The two runs of a comparison, which are one and the same for two arms of it. */
struct runs {
	const struct report *a, *b;
};

/* Its index, or -1. */
int compare_find_arm(const struct report *r, const char *name);
/* Of each round, at most STAT_MAX_N: @arm against off, in the metric's own unit, into @d. Their number. */
unsigned int compare_costs(const struct report *r, const struct report_set *s, unsigned int arm,
			   enum metric m, double *d);
/* Figures of the cell that @c names, each by itself; it is undecided then. -errno. */
int compare_measure(struct compared *c, const struct runs *r);
/* All cells that have no reason to stay undecided, with the error that all of them share. -errno. */
int compare_decide(struct comparison *c, const struct runs *r);

#endif
