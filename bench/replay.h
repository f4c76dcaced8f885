/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A results.jsonl as the report that its run made, decided again from the cells. */
#ifndef BENCH_REPLAY_H
#define BENCH_REPLAY_H

#include "bench/past.h"
#include "bench/report.h"

struct replay {
	struct past past;
	struct report report;	/* points into the others */
	struct report_set *set;
	char reason[256];	/* of the end before the end */
};

/* @path as in past_load(). *ret must stay where it is. */
int replay_load(const char *path, struct replay *ret, struct why *why);
void replay_free(struct replay *r);

#endif
