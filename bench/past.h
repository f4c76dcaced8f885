/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A results.jsonl, read back line by line. It is taken for anybody's file:
 * what is cut off, foreign, of another schema or contradicts itself is one
 * error that names file and line; no number is made from what is not there.
 */
#ifndef BENCH_PAST_H
#define BENCH_PAST_H

#include <jansson.h>
#include <stdbool.h>

#include "bench/arm.h"
#include "bench/attribution.h"
#include "bench/reader.h"
#include "bench/verdict.h"
#include "bench/why.h"

struct past_cell {
	unsigned int line;
	bool confirm;		/* of the phase that was to confirm a FAIL */
	unsigned int round, attempt, position, arm;
	json_t *json;
};

/* What the file holds of one workload x device x scheduler. */
struct past_set {
	const char *path;	/* of the file, for errors */
	unsigned int line;	/* of its first line */
	char workload[64], scheduler[32];
	char device[DEVICE_NAME_MAX], disk[DEVICE_NAME_MAX], driver[DEVICE_NAME_MAX];
	bool scratch;
	const char *order;	/* of a scratch device; NULL: an older file does not know it */
	char *skipped;		/* why it was not run, or NULL */
	bool failed;		/* it was tried */
	json_t *head;		/* the set line; NULL: skipped */
	json_t *skip_line, *end_line;	/* as they stand there, or NULL */
	uint64_t seed;		/* of the run that measured it */
	bool over;		/* it came to its end, by its data or by the clock */
	unsigned int nr;
	struct past_cell *cell;
	unsigned int nr_attributions;
	struct past_attribution {
		unsigned int arm;
		struct attribution a;
		json_t *json;
	} *attribution;
};

struct past {
	char *path;
	json_t *header;
	struct arm_list arms;	/* names; what a command arm ran is in the header's argv */
	struct rounds rounds;
	double budget, p99_budget;	/* p99_budget 0: it is not judged */
	uint64_t seed;
	bool smoke;
	bool staged;		/* sets have more than one turn; only a set_end is their end */
	unsigned int nr;
	struct past_set *set;
	unsigned int current;	/* the set of the last line */
	json_t *end;		/* the summary or "stopped" line; NULL: a crash */
	size_t whole_bytes;	/* of the lines before @end */
	unsigned int whole_lines;
	bool cut_off;		/* the last line has no end; only with @allow_cut_off */
};

/* Who ended in the middle of a line? A run that is to be resumed may have. */
enum past_flag { PAST_ALLOW_CUT_OFF = 1 };

/* @path: the file, or the directory that holds it. */
int past_load(const char *path, unsigned int flags, struct past *ret, struct why *why);
void past_free(struct past *p);

#endif
