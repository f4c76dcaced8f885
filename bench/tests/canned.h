/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Results of a run that never was, with known effects, as a results.jsonl. */
#ifndef BENCH_TESTS_CANNED_H
#define BENCH_TESTS_CANNED_H

#include <stdbool.h>

#define CANNED_ARMS 4

struct canned {
	const char *arm[CANNED_ARMS];	/* off, off2, ... */
	double loss_pct[CANNED_ARMS];	/* of throughput; CPU per I/O grows alike */
	unsigned int nr_arms, rounds, max_rounds, confirm_rounds;
	bool smoke;
	unsigned int cpus;		/* of the machine; 0: two */
	double noise_pct;		/* half a width */
	double rate_iops, low_iops;	/* that the cells kept, of 10000; low_iops 0: no such pass */
	unsigned int seed;
	double budget;
	const char *kernel, *key, *workload, *scheduler, *second_scheduler;
	const char *disk, *model;	/* an NVMe disk of that name, or NULL: a scratch loop */
	unsigned long long size_bytes;
	const char *governor;		/* or NULL: not told */
	const char *tracer;		/* its own word, or NULL: a header of before it had that */
	double second_loss_pct;		/* under the second scheduler: more of it, of arms that lose */
	const char *order;		/* of the scratch loop, or NULL: a file of before it was told */
	const char *second_order;	/* of one more set, on another scratch loop where no arm loses anything */
	bool dies_second;		/* the last arm, under it */
	bool bins;			/* latencies have their histograms, as their percentiles are */
	unsigned int more_sets;		/* of workloads NAME-1, NAME-2... */
	const char *skipped;		/* scheduler of a set that was not run */
	unsigned int shard, shards;	/* 0: none */
	bool not_confirmed;		/* nothing is lost in the rounds that were to confirm it */
	bool no_end;			/* the run crashed behind its last cell */
};

/* A new directory of the test NAME's own, into @dir; ends the test program when there can be none. */
void canned_place(const char *name, char dir[static 64]);
/* iopath-bench beside the test program, into @path. */
void canned_program(char path[static 512]);
/* off, off2, full: a smoke run of 8 rounds, nothing lost. */
struct canned canned_default(void);
/* *ret is malloc'd: the text of the file. */
char *canned_text(const struct canned *c);
/* @text with every @from as @to; malloc'd. */
char *canned_edit(const char *text, const char *from, const char *to);
int canned_write(const struct canned *c, const char *path);

#endif
