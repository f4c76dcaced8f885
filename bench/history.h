/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Runs over time, in an SQLite file: what each decided per workload, device,
 * scheduler, arm and metric. A series is that of one machine (the fingerprint's
 * key); figures of different ones never stand in one.
 */
#ifndef BENCH_HISTORY_H
#define BENCH_HISTORY_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "bench/report.h"
#include "bench/why.h"

#define HISTORY_DEVICE_MAX 192

struct history;

/*
 * @write: to add to it; it is made if it is not there, and an older one becomes one of this version. Else it is
 * read as it is, of any version so far. -EPROTO with *why: not a history of ours.
 */
int history_open(const char *path, bool write, struct history **ret, struct why *why);
/* Could it be added to? Nothing of it is changed, nor made. */
int history_check(const char *path, struct why *why);
/* Accepts NULL. */
void history_close(struct history *h);

/*
 * Of runs that came to their end, whatever the verdict: one that was stopped
 * may be resumed, and enters when it is whole. Of a merged one each set enters as of the run that measured it,
 * so that it is the same whether that comes alone, merged, or both. @where: the directory, for people.
 */
enum history_added { HISTORY_NEW, HISTORY_THERE, HISTORY_NOT_COMPLETE };
int history_add(struct history *h, const struct report *r, const char *where, enum history_added *ret, struct why *why);

/* NULL: any. */
struct history_filter {
	const char *workload, *scheduler, *arm, *metric;
	const char *device;	/* with or without what stands behind it in parentheses */
	const char *machine;	/* how its key begins */
	bool smoke;	/* smoke runs too */
};

struct history_point {
	int64_t started_ms, run;	/* @run: the same in all points of one */
	const char *kernel, *where, *verdict;
	const char *revision;	/* of the tracer, or its version alone; NULL: not known */
	const char *key, *workload, *device, *scheduler, *arm, *metric;
	double estimate, lower, upper;	/* NAN where there is none */
	unsigned int rounds;
};

/*
 * In the order of series, then of time. What points to text is valid during the
 * call. A callback's value other than 0 ends it and is returned.
 */
typedef int history_fn(const struct history_point *p, void *arg);
int history_each(struct history *h, const struct history_filter *f, history_fn *fn, void *arg, struct why *why);

/*
 * As CSV for Apache Otava, a row for each run; of one machine alone. What is
 * INVALID or not measured is empty; a run with nothing else has no row.
 */
int history_csv(struct history *h, const struct history_filter *filter, FILE *f, struct why *why);

#endif
