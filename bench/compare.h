/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Did the cost of a tracer change? From one run to another, or between two arms
 * of one run. What is compared is each arm against the off cell of its own
 * round, so that a machine that is slower today does not count; two runs are
 * two samples (Hodges-Lehmann shift, exact rank-sum bounds), two arms of one run
 * are paired (as in the verdicts). Pure but for memory.
 *
 * Worse needs the whole interval over the margin, with its bound corrected for
 * the number of cells (Holm); not worse needs it under the margin in every cell,
 * and that B measured all that it was tried on and A has.
 */
#ifndef BENCH_COMPARE_H
#define BENCH_COMPARE_H

#include <jansson.h>
#include <stdbool.h>

#include "bench/report.h"
#include "bench/why.h"

enum change { CHANGE_NONE, CHANGE_BETTER, CHANGE_WORSE, CHANGE_UNDECIDED };

struct compared {
	const struct report_set *set;	/* of B */
	const struct report_set *set_a;
	const char *arm_a, *arm_b;
	enum metric metric;
	double cost_a, cost_b;		/* percent or pp, each against its off */
	unsigned int rounds_a, rounds_b;
	struct interval change;		/* the same unit; positive is worse */
	enum change verdict;
	const char *reason;		/* why it is undecided, or NULL */
	unsigned int rounds_needed;	/* of each, to decide it, roughly; 0: it is decided, or they would not help */
};

#define COMPARE_TEXT_MAX 512

struct comparison {
	const struct report *b;		/* must outlive it */
	double margin, p99_margin;
	bool has_p99;			/* both runs judged it, so it is compared */
	unsigned int nr;
	struct compared *cell;
	unsigned int nr_off;		/* throughput without a tracer, B / A; two runs only */
	struct {
		const struct report_set *set;
		struct interval ratio;
	} *off;
	unsigned int nr_missing;	/* sets, or arms in them, that only one of the two has */
	unsigned int nr_lost;	/* of them: A's, which B was tried on, and failed */
	char (*missing)[COMPARE_TEXT_MAX];
	unsigned int nr_differing;	/* settings, fixed rates; and disks, where that was forced */
	char (*differing)[COMPARE_TEXT_MAX];
};

struct compare_rule {
	double margin;		/* percent and percentage points */
	bool kernels;		/* two kernels on one machine: that is the question */
	bool force;		/* although the runs do not go together */
};

/* -EINVAL with *why: they do not go together, or were asked nothing in common. */
int compare_runs(const struct report *a, const struct report *b, const struct compare_rule *rule,
		 struct comparison *ret, struct why *why);
int compare_arms(const struct report *r, const char *arm_a, const char *arm_b,
		 const struct compare_rule *rule, struct comparison *ret, struct why *why);
void comparison_free(struct comparison *c);

/* The worst of all cells; undecided without any, or where B lost one. */
enum change comparison_verdict(const struct comparison *c);
const char *change_name(enum change c); /* "no worse" */
json_t *comparison_json(const struct comparison *c);

#endif
