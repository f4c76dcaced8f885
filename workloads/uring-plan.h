/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What iopath-uring was asked to do. */
#ifndef URING_PLAN_H
#define URING_PLAN_H

#include <stdbool.h>
#include <stdint.h>

/* Exit statuses beside 0; after a signal it is 128 + its number. */
enum {
	URING_FAILED = 1,	/* an I/O went wrong, or the run could not be done */
	URING_USAGE = 2,
	URING_NOT_OFFERED = 77,	/* this kernel or device lacks a feature that was asked for */
};

enum uring_mix { MIX_READ, MIX_WRITE, MIX_BOTH };

struct plan {
	const char *target;
	const char *output;	/* NULL: stdout */
	enum uring_mix mix;
	uint64_t read_pct;	/* of MIX_BOTH */
	bool sequential;
	uint64_t block_bytes;
	uint64_t offset_bytes, size_bytes;	/* the range; size 0: to the target's end */
	uint64_t jobs, depth, batch;	/* depth and batch are of each job */
	double rate_iops;	/* of all jobs together; 0: closed loop */
	uint64_t runtime_ns;	/* 0: until @count */
	uint64_t count;		/* reads and writes of all jobs; 0: until @runtime_ns */
	uint64_t fsync_every;	/* writes of a job; 0: never */
	uint64_t sqpoll_idle_ms;
	uint64_t max_errors;
	uint64_t seed;
	bool fdatasync;
	bool direct;
	bool sqpoll, iopoll, defer_taskrun;	/* IORING_SETUP_* */
	bool fixed_files, fixed_buffers;
	bool layout;		/* write the range once, measure nothing */
	bool held;		/* the caller holds the device exclusively */
	bool check;		/* of this plan only */
};

/*
 * Fill *p from the command line. -1 to go on, or the status to exit with,
 * having printed the line that says why (or the help).
 */
int plan_parse(struct plan *p, int argc, char **argv);

bool plan_writes(const struct plan *p);
/* Of the reads and writes of a counted run, what job number @job does. */
uint64_t plan_share(const struct plan *p, uint64_t job);
const char *plan_mix_name(enum uring_mix mix);

#endif
