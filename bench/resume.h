/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Going on where a run ended too early: what of its file still holds now. The
 * cells themselves take their turn in set_run(); the rest of a round that was
 * cut is measured in the order that it would have had.
 */
#ifndef BENCH_RESUME_H
#define BENCH_RESUME_H

#include <jansson.h>
#include <stdbool.h>

#include "bench/report.h"
#include "bench/run.h"

/* The arguments of a run, taken from its own file. */
struct resume {
	struct past past;
	char *dir;
	char **argv;	/* options point into it */
	int argc;
};

/* Loads DIR/results.jsonl and goes to the directory in which the run was started. */
int resume_open(const char *dir, struct resume *ret, struct why *why);
void resume_close(struct resume *r);

/* The machine, the arms and the lengths must be those of the first try. */
int resume_check(const struct past *past, const json_t *header_now, const struct arm_list *arms,
		 const struct timing *timing, struct why *why);

/*
 * What @past (NULL: nothing) holds of set @index, which is @s now; *ret is NULL
 * when it had not begun. @d and @w are NULL for a set that is skipped now.
 */
int resume_set(const struct past *past, unsigned int index, const struct report_set *s,
	       const struct device *d, const struct workload *w, const struct past_set **ret,
	       struct why *why);

/* Was all of it measured? Then *ret is its outcome, and there is nothing to set up for it. */
int resume_replay(const struct set_config *c, const struct set_key *key, struct set_outcome *ret,
		  bool *ret_done, struct why *why);

#endif
