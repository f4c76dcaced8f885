/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Operations and requests that have not finished, from the slots in which the
 * programs keep them (bpf/state.h). The programs go on meanwhile: what is read
 * is a copy, and one that changed under the reader is left out.
 */
#ifndef IOPATH_UNFINISHED_H
#define IOPATH_UNFINISHED_H

#include <stdbool.h>

#include "bpf/state.h"

struct unfinished {
	bool request;	/* a block request outside any operation, or tier block */
	bool bio;	/* ... that has no request yet: `key` is its bio */
	u8 kind, via;	/* iop_kind and iop_via, or iop_block_op and 0 */
	s32 stage;	/* iop_stage that it is in; -1: on the CPU, or nobody knows */
	u64 key, start_ns;	/* together, they tell it from all others */
	u64 age_ns;
	u64 bytes;	/* asked for; 0: not known */
	u64 offset;	/* -1: not known */
	struct owner owner;
	u32 submitter;	/* thread that submitted it, when not its owner; 0: the owner did */
	s32 fd;		/* of owner.tid; -1: not known */
	u64 file;	/* address of its struct file; 0: not known */
	u32 dev;	/* disk of its request; 0: it has none now */
	u64 sector;
	s32 tag;
	u16 hctx;
};

/* The tables as they are mapped; `ops.slots` is 0 in tier block. */
struct slot_table {
	const void *data;
	u32 slots;	/* a power of two */
};

struct slot_tables {
	struct slot_table ops, bios, rqs;
	bool (*has_requests)(u32 dev);	/* else its bios are in it: dm, md, zram; NULL: each has */
};

typedef void (*unfinished_fn)(const struct unfinished *u, void *ctx);

/*
 * Each that began @min_age_ns or longer before @now_ns; the requests of an
 * operation, which that speaks for, only with @all. -ENOMEM.
 */
int unfinished_each(const struct slot_tables *t, u64 now_ns, u64 min_age_ns, bool all, unfinished_fn fn,
		    void *ctx);

/* How many of either kind have not finished; requests whose issue or insertion was seen. */
void unfinished_count(const struct slot_tables *t, u64 *ret_requests, u64 *ret_operations);

#endif
