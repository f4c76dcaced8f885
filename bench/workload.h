/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A workload is a file: a fio job (.fio), settings of sysbench fileio
 * (.sysbench) or of iopath-uring (.uring). Its first line is a comment that says what it is for; a comment
 * line "# iopath: target=device|ext4|files cpus=N default" says where it runs
 * (on the device itself, in one file on an ext4, in many; default: the device,
 * with sysbench always many files), on how many cores it is pinned (default:
 * not at all), and whether a run without --workload has it.
 *
 * It can also be any command, which has no file: its I/Os are those that the
 * device completes, and it knows no rate.
 *
 * Of a fio job the harness owns everything that makes cells comparable: where the I/O goes,
 * how long, at what rate, the random seed, logs. workload_render() drops such
 * lines from the file and puts its own [global] section in front; lines that
 * order jobs in time are refused, since a cell measures one steady state.
 */
#ifndef BENCH_WORKLOAD_H
#define BENCH_WORKLOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bench/why.h"

#define PACER_JOB "iopath-pacer"
#define WORKLOAD_MAX_JOBS 64

enum workload_kind { WORKLOAD_FIO, WORKLOAD_SYSBENCH, WORKLOAD_URING, WORKLOAD_COMMAND };

struct workload {
	enum workload_kind kind;
	char *name;	/* the file's, without .fio, .sysbench or .uring */
	char *path;	/* of the file; NULL: it is none */
	char *purpose;
	char *text;	/* of the file, or the command */
	bool on_ext4;
	bool many_files;	/* a directory on it, not one file */
	bool is_default;
	bool open_loop;	/* a rate of its own: so many I/Os are due, however long they take */
	unsigned int cpus;	/* 0: not pinned */
};

/*
 * The fixed rate. fio's own rate_iops spins through every gap under 60 us or
 * so, and a core that spins hides what a tracer costs. So a pacing job of some
 * 50 null I/Os a second, which can sleep, pulls the workload along by fio's
 * flow control: for each of its I/Os, job j may do weight[j].
 *
 * Each job has a pacer of its own, and clones (numjobs) become jobs: jobs of
 * one flow also wait for each other, I/O by I/O, which caps them at a few
 * thousand a second. (fio 3.33; it also counts an I/O several times in a flow
 * where not all files of a job are open.)
 */
struct pace {
	unsigned int pacer_iops;
	unsigned int nr;	/* job sections */
	unsigned int weight[WORKLOAD_MAX_JOBS];	/* 1..1000 */
	unsigned int clones[WORKLOAD_MAX_JOBS];	/* 0 is 1 */
};

struct job_params {
	const char *filename;	/* a device or a file; with many files their directory */
	uint64_t size_bytes;	/* I/O range on a device; 0: all of it */
	uint64_t runtime_ms;
	const char *cpus;	/* "3" or "2-3"; NULL: not pinned */
	const char *log_prefix;	/* NULL: no log */
	const struct pace *pace;	/* NULL: as fast as it goes */
	bool create_only;	/* lay out the file, no I/O */
};

/* A name in @dir, or a path to such a file. */
int workload_load(const char *name, const char *dir, struct workload *ret, struct why *why);
void workload_free(struct workload *w);
/* NAME=COMMAND, in which {dev}, {disk} and {dir} are filled in; {dir} is an ext4 made for it. */
int workload_from_command(const char *text, struct workload *ret, struct why *why);
/* Parse the text of a file; *ret keeps a copy. For tests too. */
int workload_parse(const char *name, enum workload_kind kind, const char *text, struct workload *ret,
		   struct why *why);

/* Settings that a file of @kind must not have, and those of a fio job that are dropped; NAME, or PREFIX*. A NULL ends them. */
const char *const *workload_refused(enum workload_kind kind);
const char *const *workload_dropped(void);

/* *ret is malloc'd. */
int workload_render(const struct workload *w, const struct job_params *p, char **ret);

/*
 * Settings of a job file that the harness has its own for, which are therefore not used: "rate_iops=500
 * (line 7), runtime=60 (line 9)", with what finds no room counted. Empty when there are none.
 */
void workload_unused(const struct workload *w, char *buf, size_t len);

/*
 * Spread @target (I/Os per second of each job, with fsyncs) over a pacer.
 * *ret_total is what the weights add up to.
 */
int pace_plan(const double *target, unsigned int nr, struct pace *ret, double *ret_total);

/* Names of the workload files in @dir, sorted; *ret is a malloc'd array of malloc'd strings. */
int workload_names(const char *dir, char ***ret, unsigned int *ret_nr);

#endif
