/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Whose turn it is when time is short. Every set has its rounds to the first
 * look; what is left of the time goes, one look at a time, to the set that seems
 * to need the fewest further rounds: so most sets are decided, and one that lies
 * on the margin does not starve the others. A FAIL that waits for its confirmation
 * needs the rounds of that; one that only lacks its attribution comes last. (To begin with the hardest is the
 * other way round: test-bench-turns has both in a simulation.)
 */
#ifndef BENCH_TURNS_H
#define BENCH_TURNS_H

#include <stdbool.h>
#include <stdint.h>

#include "bench/set.h"

struct turn {
	bool over;		/* decided, given up, or without a turn for another reason */
	unsigned int need;	/* rounds that it still seems to need */
	uint64_t least_ns;	/* what a turn of any use takes: one of them, or all of a confirmation; 0: not known */
};

struct turn turn_of(const struct set_outcome *o, const struct arm_list *arms, const struct rounds *rounds);
/* -1: no set that is open has time for a turn in @left_ns. */
int turns_next(const struct turn *t, unsigned int nr, uint64_t left_ns);

#endif
