/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * An engine performs the share of one worker (a thread) through one kernel
 * interface and counts what it has seen complete.
 */
#ifndef KNOWN_ENGINE_H
#define KNOWN_ENGINE_H

#include <stdarg.h>
#include <sys/types.h>

#include "known-plan.h"

struct tally {
	uint64_t count[KNOWN_NR_OPS];
	uint64_t bytes[KNOWN_NR_OPS];
};

struct worker {
	const struct plan *plan;
	int fd;
	pid_t tid;
	uint64_t first, count;	/* indexes of its I/Os */
	struct tally done;
	int status;		/* 0 or what to exit with */
	char error[256];	/* the line for it */
};

struct engine {
	const char *name;
	const char *via;			/* syscall, libaio, io_uring, mmap */
	const char *calls[KNOWN_NR_OPS];	/* NULL: the engine does not do it */
	/* 0, or what worker_fail() returned. @arg is the row's own. */
	int (*run)(struct worker *w, const void *arg);
	const void *arg;
	enum { NEEDS_DIRECT = 1, QUEUES = 2, SEEKS = 4 } traits;
};

const struct engine *engine_find(const char *name);
/* Is the plan possible with its engine? -1, or a status after a line that says why not. */
int engine_check(const struct plan *p);

/* Called with a positive errno; remembers the first failure, returns its status. */
int worker_fail(struct worker *w, int err, const char *what);
/* The same for an I/O that came back with @result, bytes or -errno. */
int worker_fail_io(struct worker *w, const struct io *io, int64_t result);
/* Count @io if @result is all of it, else fail. */
int worker_done(struct worker *w, const struct io *io, int64_t result);
/* Is a sync due after the writes submitted so far? */
bool worker_sync_due(const struct worker *w, uint64_t writes);
/* The sync the plan asks for, as an I/O. */
struct io worker_sync_io(const struct worker *w);
/* --sleep-between */
void worker_pause(const struct worker *w);
/* A page-aligned buffer filled from the seed; NULL after worker_fail(). */
void *worker_buffer(struct worker *w, uint64_t bytes);

int sync_run(struct worker *w, const void *calls);
int mmap_run(struct worker *w, const void *unused);
int libaio_run(struct worker *w, const void *unused);
int uring_run(struct worker *w, const void *mode);

/* The rows of the engine table that differ by more than a name. */
struct sync_calls;
extern const struct sync_calls sync_seek, sync_positioned, sync_vector, sync_vector2;
struct uring_mode;
extern const struct uring_mode uring_plain, uring_punt, uring_fixed, uring_sqpoll, uring_iopoll;

#endif
