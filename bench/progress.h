/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where the run is: on a terminal one line that is rewritten (cell, round, time
 * left), else a line per look's worth of rounds.
 */
#ifndef BENCH_PROGRESS_H
#define BENCH_PROGRESS_H

#include "bench/set.h"

struct progress {
	bool terminal;
	unsigned int nr_sets;
	unsigned int last_round;
	unsigned int last_set;
	bool shown;	/* a line stands on the terminal */
	unsigned int cells_per_set;	/* to the first look */
	uint64_t deadline_ns;
};

/* A set_progress_fn; @arg is a struct progress. */
void progress_cell(const struct set_progress *p, void *arg);
/* A line of talk that does not run into the progress line. */
__attribute__((format(printf, 2, 3))) void progress_say(struct progress *pr, const char *fmt, ...);
void progress_clear(struct progress *pr);

#endif
