/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What known-count was asked to do, and the pure function from an I/O's index
 * to its operation and offset: the whole run is known before it starts.
 */
#ifndef KNOWN_PLAN_H
#define KNOWN_PLAN_H

#include <stdbool.h>
#include <stdint.h>

/* Exit statuses beside 0. */
enum {
	KNOWN_FAILED = 1,	/* an I/O went wrong */
	KNOWN_USAGE = 2,
	KNOWN_NOT_OFFERED = 77,	/* this kernel or device cannot do it */
};

enum known_op {
	KNOWN_READ,
	KNOWN_WRITE,
	KNOWN_FSYNC,
	KNOWN_FDATASYNC,
	KNOWN_MSYNC,
	KNOWN_DISCARD,
	KNOWN_NR_OPS,
};

struct engine;

struct plan {
	const char *target;
	const struct engine *engine;
	enum { PLAN_READ, PLAN_WRITE, PLAN_RANDRW } mix;
	uint64_t count;		/* reads and writes, over all threads */
	uint64_t size;		/* bytes of each */
	uint64_t offset;	/* of the first */
	uint64_t step;		/* from one offset to the next */
	uint64_t seed;		/* decides which I/Os of a randrw are reads */
	uint64_t fsync_every;	/* writes of one thread; 0: never */
	uint64_t depth;
	uint64_t batch;
	uint64_t threads;
	uint64_t discards;	/* after the reads and writes, by the main thread */
	uint64_t sleep_ns;	/* before each submission */
	bool direct;
	bool fdatasync;		/* in place of fsync */
	bool cold;		/* drop the target's cached pages first */
	bool no_readahead;	/* POSIX_FADV_RANDOM */
	bool wait;		/* start on SIGUSR1 */
	bool list;		/* every I/O in the manifest */
};

struct io {
	uint64_t index;
	enum known_op op;
	uint64_t offset;
	uint64_t bytes;
};

const char *known_op_name(enum known_op op);

/* The I/O number @index in [0, count). Distinct indexes never overlap. */
struct io plan_io(const struct plan *p, uint64_t index);
/* The discard number @index in [0, discards). */
struct io plan_discard(const struct plan *p, uint64_t index);
/* One past the last byte that the plan touches. */
uint64_t plan_end(const struct plan *p);
/* Does it write, or only read? */
bool plan_writes(const struct plan *p);
/* What a thread of number @thread has to do: indexes [*first, *first + return). */
uint64_t plan_share(const struct plan *p, uint64_t thread, uint64_t *first);

/*
 * Fill *p from the command line. Returns -1 to go on, or the status to exit
 * with, having printed the line that says why.
 */
int plan_parse(struct plan *p, int argc, char **argv);

#endif
