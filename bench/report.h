/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Views of a finished (or stopped) run: the table for people, verdict.json for
 * scripts. Both are made from the same outcomes and agree.
 */
#ifndef BENCH_REPORT_H
#define BENCH_REPORT_H

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

#include "bench/arm.h"
#include "bench/machine.h"
#include "bench/set.h"
#include "bench/verdict.h"

struct report_set {
	char workload[64], device[DEVICE_NAME_MAX], driver[DEVICE_NAME_MAX], scheduler[32];
	const char *skipped;	/* why it was not run, or NULL */
	struct set_outcome outcome;
};

struct report {
	const struct arm_list *arms;
	unsigned int nr_sets;
	const struct report_set *set;
	struct rounds rounds;
	double budget;
	uint64_t seed;
	bool smoke;		/* --quick */
	bool complete;		/* false: stopped; says why in @reason */
	const char *reason;
	const char *kernel;
	struct preflight preflight;
};

/* Over all sets and arms; the twin counts only where nothing else ran. */
enum verdict report_verdict(const struct report *r);

/* With @exit_code it also knows the ends that are no verdict: "SKIPPED", "INVALID". */
const char *report_verdict_text(const struct report *r, int exit_code);
json_t *report_verdict_json(const struct report *r, int exit_code);
/* *ret is malloc'd: the text of report.md, which is printed too. */
int report_text(const struct report *r, char **ret);

#endif
