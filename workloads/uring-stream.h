/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a job does next: a pure function of the plan, the seed and what it did before. */
#ifndef URING_STREAM_H
#define URING_STREAM_H

#include "uring-plan.h"

enum uring_op { OP_READ, OP_WRITE, OP_FSYNC, OP_NR };

struct io {
	enum uring_op op;
	uint64_t offset;	/* 0 for an fsync */
	uint32_t bytes;		/* what a whole completion says: 0 for an fsync */
};

struct stream {
	const struct plan *plan;
	uint64_t state;		/* of the generator of pseudo-random numbers */
	uint64_t first, blocks;	/* of this job's part of the range */
	uint64_t next;		/* sequential: block of the next I/O in that part */
	uint64_t unsynced;	/* writes since the last fsync */
};

/* @plan's range must be known and hold at least a block per job. */
void stream_init(struct stream *s, const struct plan *plan, uint64_t job);
/* The next I/O is an fsync: it comes on top of the reads and writes. */
bool stream_sync_due(const struct stream *s);
struct io stream_next(struct stream *s);

#endif
