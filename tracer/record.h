/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A record put together: the ring carries an operation's bios and its stack
 * before it, mixed with those of others.
 */
#ifndef IOPATH_TRACER_RECORD_H
#define IOPATH_TRACER_RECORD_H

#include <stddef.h>

#include "bpf/wire.h"

struct record {
	struct iop_slow slow;
	u32 nr_parts;	/* that are here; slow.nr_parts is how many there were */
	struct iop_part parts[MAX_PARTS];
	u32 nr_frames;	/* 0: no stack */
	u64 ip[STACK_FRAMES];
};

typedef void (*record_fn)(const struct record *r, void *ctx);

struct records;

/* NULL: no memory. @fn is called from records_take(), its record lives for that long. */
struct records *records_new(record_fn fn, void *ctx);
void records_free(struct records *r);
/* One item of the ring. What is of no known size is passed over. */
void records_take(struct records *r, const void *data, size_t len);
/* How many so far whose stages do not sum to their total: each is held against that. @r may be NULL. */
u64 records_uneven(const struct records *r);

/* Exclusive stages of a part, as the request's: ns, or -1 where it was not seen. */
s64 part_stage(const struct iop_part *p, enum iop_stage stage);
/*
 * Index of the bio of the level above that @part was made of, with what was
 * split off on its way; -1: the operation itself queued it, or that level does
 * not tell, or its bio is not among those that are here.
 */
int record_parent(const struct record *r, u32 part);

#endif
