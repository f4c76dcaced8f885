/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A finished (or stopped) run as all views see it, and verdict.json, the one
 * for scripts. The others are in view-*.c.
 */
#ifndef BENCH_REPORT_H
#define BENCH_REPORT_H

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

#include "bench/arm.h"
#include "bench/preflight.h"
#include "bench/set.h"
#include "bench/verdict.h"

struct report_set {
	char workload[64], device[DEVICE_NAME_MAX], driver[DEVICE_NAME_MAX], scheduler[32];
	char order[256];	/* what a scratch device was made to, or "" */
	bool scratch;
	const char *job;	/* text of the job file, or NULL */
	const char *skipped;	/* why it was not run, or NULL */
	bool failed;		/* not for want of something that was asked for: the workload does not run */
	/* of the run that measured it, where this one is merged; 0: this one's */
	int64_t started_ms;
	uint64_t seed;
	const char *hostname;	/* or NULL: the run's */
	int64_t first_ms;	/* of its first cell, CLOCK_REALTIME; 0: not known */
	struct set_outcome outcome;
};

struct report {
	const struct arm_list *arms;
	unsigned int nr_sets;
	const struct report_set *set;
	struct rounds rounds;
	double budget, p99_budget;	/* p99_budget 0: it was not judged */
	uint64_t seed;
	bool smoke;		/* --quick */
	bool inconclusive_fails; /* --inconclusive=fail */
	bool complete;		/* false: stopped; says why in @reason */
	const char *reason;
	int stopped_code;	/* what it exited with then; 0: not known */
	const char *kernel;
	const json_t *header;	/* of results.jsonl, or NULL */
	int64_t first_ms;	/* of the first cell, CLOCK_REALTIME; 0: not known */
	struct preflight preflight;
};

void report_set_name(struct report_set *s, const struct set_key *key);
/*
 * The name of a device from run to run, which two of a report never share: for a scratch one, whose number is
 * chance, that of its driver; where there are several of that driver its order, "null_blk:irqmode=timer", and
 * of one order "loop" and "loop#2". @buf may be what is returned.
 */
#define REPORT_DEVICE_MAX (256 + 16)
const char *report_device(const struct report *r, const struct report_set *s, char buf[static REPORT_DEVICE_MAX]);
/* Of those of one order under one workload and scheduler, from 1 on. */
unsigned int report_device_nr(const struct report *r, const struct report_set *s);
/* "loop:size=1G" and "loop" are two; an order of which an older file does not know may be any. */
bool report_same_order(const char *a, const char *b);
/* Is @arm judged? Not off, and the twin only where nothing else ran. */
bool report_counts(const struct report *r, unsigned int arm);

/* Is @m judged in this set? No p99 that was not asked for, no throughput of an open loop. */
bool report_judges(const struct report *r, const struct report_set *s, enum metric m);
/* The margin of one. */
double report_margin(const struct report *r, enum metric m);

/* Over all sets and arms; the twin counts only where nothing else ran. */
enum verdict report_verdict(const struct report *r);

/* With @exit_code it also knows the ends that are no verdict: "SKIPPED"; of a run that is not complete "INCONCLUSIVE", "INVALID". */
const char *report_verdict_text(const struct report *r, int exit_code);
json_t *report_verdict_json(const struct report *r, int exit_code);
/* What the verdict comes to; of a run that is not complete, what it exited with. */
int report_exit(const struct report *r);

#endif
