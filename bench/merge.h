/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Runs that are parts of one: shards of many machines under a CI system, or
 * whole runs of different workloads. Sets are put side by side, cells never:
 * what one machine measured stays what it decided from. Machines that differ
 * (fingerprint) or runs that were asked different things are never in one file.
 */
#ifndef BENCH_MERGE_H
#define BENCH_MERGE_H

#include <stdbool.h>

#include "bench/past.h"
#include "bench/run.h"

/* Runs that go into one file. */
struct merge_group {
	char key[64];		/* of the machine; "KEY-2" where one of that key has another disk of a name */
	unsigned int nr;
	const struct past **part;
};

struct merge {
	unsigned int nr;
	struct merge_group *group;	/* in the order of the command line */
	unsigned int shards_of;	/* 0: there are none */
	bool shard[SHARDS_MAX];	/* is it here? From 1 on, so less one */
	const char *absent;	/* the runs that did not begin and why, or "" */
};

/*
 * Did the run whose directory is @dir end before its first line? Its verdict.json is alone, or beside the whole file of a run before.
 * Then that, and its reason, goes behind what is in @buf.
 */
bool merge_did_not_begin(const char *dir, char *buf, size_t len);

/*
 * Sort @nr runs; a shard that was to measure nothing is in no group, unless there are only such. -EINVAL with *why for machines or disks that differ, unless @apart; for
 * runs of one machine with different arms, lengths, budgets or rounds; for shards
 * of another number of them; and for a set that two of them have.
 */
int merge_sort(const struct past *past, unsigned int nr, bool apart, struct merge *ret, struct why *why);
void merge_free(struct merge *m);

/*
 * @dir gets results.jsonl, report.md and verdict.json of the group, as if one run
 * had made them. *ret_code: what its verdict comes to; a part that stopped early
 * or did not begin and a shard that is missing are no PASS.
 */
int merge_write(const struct merge *m, unsigned int group, const char *dir, int *ret_code, struct why *why);

#endif
