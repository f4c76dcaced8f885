/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where a series changed for good: the split whose two sides differ most by
 * ranks (so that a single spike is none), if shuffled series seldom differ as
 * much; then the same on each side. Pure, and seeded: the same answer each time.
 */
#ifndef BENCH_CHANGE_H
#define BENCH_CHANGE_H

#define CHANGE_MIN_SIDE 10	/* points on each side of a change: fewer are as often chance */
#define CHANGE_MAX_POINTS 1024

/* Indexes of the first points behind a change, ascending. How many; -EINVAL, -ENOMEM. */
int change_points(const double *v, unsigned int n, unsigned int max, unsigned int *ret);

#endif
