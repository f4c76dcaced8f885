/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The program that does the I/O of a pass: fio, sysbench, iopath-uring, or any command. The
 * pass starts it, takes both edges of the window, and asks what was done.
 */
#ifndef BENCH_LOAD_H
#define BENCH_LOAD_H

#include "bench/pass.h"

struct load_run {
	struct child child;
	char job[320], talk[320];	/* files in the work directory */
	uint64_t started_ns, started_ms;
	uint64_t runtime_s;	/* that sysbench was given, which 1.1 does not print */
	double ios_s;		/* what sysbench says */
};

struct load {
	const char *name;
	/* Files that all cells use, once per set. */
	int (*prepare)(struct pass_env *e, struct why *why);
	int (*start)(struct pass_env *e, const struct job_params *p, double rate, struct load_run *run,
		     struct why *why);
	/* It has ended: what it says of itself into r->fio, or why it failed into r->fault. */
	void (*read)(struct pass_env *e, struct load_run *run, struct pass_result *r);
	/* The I/Os of the window into r->ios and r->bytes, or a fault. -errno of the harness's own. */
	int (*count)(struct pass_env *e, const struct load_run *run, struct pass_result *r);
	bool has_rate;		/* it can hold a fixed rate */
	bool is_stopped;	/* by the harness behind the window; it does not end by itself */
};

extern const struct load load_fio, load_sysbench, load_uring, load_command;

const struct load *load_of(const struct workload *w);

/* Spawn @argv in @cwd, with both its streams in run->talk. */
int load_spawn(struct pass_env *e, char *const argv[], const char *cwd, struct load_run *run, struct why *why);
/* End it if it still runs. */
void load_abort(struct pass_env *e, struct load_run *run);
/*
 * Run @argv to its end in @cwd. Its status 77 is -EOPNOTSUPP with EXIT_SKIPPED and what it said;
 * any other but 0 is -EIO with the last of its talk.
 */
int load_run_whole(struct pass_env *e, char *const argv[], const char *cwd, struct why *why);
/* I/Os of the window out of its counts over time, or a fault; r->fio has the totals. */
void load_count_series(struct pass_env *e, const struct load_run *run, const struct fio_series *s,
		       struct pass_result *r);
/* The end of its talk into r->fio_stderr. */
void load_keep_talk(const struct load_run *run, struct pass_result *r);

__attribute__((format(printf, 2, 3))) void pass_fault(struct pass_result *r, const char *fmt, ...);
/* One of the load's own output, which a full disk has cut off, if it is full. */
__attribute__((format(printf, 2, 3))) void pass_output_fault(struct pass_result *r, const char *fmt, ...);

#endif
