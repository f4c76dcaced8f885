/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What is in flight: the slots of operations, bios and requests. Written by the
 * programs alone; user space maps them to tell what hangs. Included after the
 * integer types are known (wire.h or kernel.h).
 */
#ifndef IOPATH_STATE_H
#define IOPATH_STATE_H

#include "wire.h"

#define SLOT_WAYS 8

struct slot_bucket {
	u64 key[SLOT_WAYS];
};

/* Who issues: decided in the issuer's context, never at completion. */
struct owner {
	u32 tgid, tid;
	char comm[IOP_COMM_LEN] __attribute__((aligned(8)));
};

enum op_cause {	/* why the task's next sleep happens */
	CAUSE_NONE,
	CAUSE_THROTTLE,
	CAUSE_WBWAIT,
};

struct op {
	u64 t0, cursor;
	u64 stage[NR_STAGES];
	u64 key;
	u64 file, inode;
	u64 offset, len;
	u64 off_ns;	/* switched out since; 0: running */
	u64 irq_ns;	/* interrupts since the cursor, not yet taken out */
	u64 resched_ns;
	u64 current_key;	/* of a batch: the request being submitted */
	u64 sector;
	u32 generation;
	u32 nr_bios, nr_requests;
	u32 refs;	/* bios in flight, and 1 while being submitted */
	u32 resched, resched_calls;
	u32 folios_added, folios_ahead, lookups, accessed;
	u32 dev, file_dev;
	s32 fd;	/* by which it was asked for; -1: none, or not known */
	s32 tag;
	u16 hctx;
	u8 kind, via;
	u8 cause, preempted, cached, direct;
	u8 dev_wanted, has_offset;
	u8 in_range;	/* in filemap_write_and_wait_range() */
	u8 in_fs;	/* has been handed to the file system */
	u8 end_seen;	/* libaio: its completion is hooked, the last bio is not it */
	u8 ended;	/* its time is over, being accounted for */
	u8 pad[6];
	struct owner owner;
};

/* Stamps of one request, as far as they are known (0: not). */
struct rq_stamps {
	u64 q, g, i;
	u64 p;	/* the driver began to prepare the command, before the issue */
	u64 d;
	u64 h;	/* handed to the device */
	u64 e;	/* the completion interrupt */
	u64 c;
};

struct bio_slot {
	u64 q, g;
	u64 p;		/* struct rq_stamps, for a request not seen yet */
	u64 op;		/* op_handle(), 0: none */
	struct owner owner;
	u32 dev;	/* the disk's, or 0 when a filter leaves the bio out */
	u32 bytes;
	u8 bop;
	u8 bio_based;
	u8 held;	/* seen before the throttle, not queued yet */
	u8 pad[5];
};

struct rq_slot {
	struct rq_stamps s;
	u64 op;
	u64 bio;	/* the bio that `op` and `owner` are of */
	u64 sector;
	struct owner owner;
	u32 dev;
	u32 bytes;
	s32 row;	/* -1: not counted */
	u32 requeues, merged;
	s32 tag;
	u16 hctx;
	s16 status;	/* blk_status_t, or -errno where the kernel tells that */
	u8 bop;
	u8 wanted;
	u8 requeued;	/* since it was last issued */
	u8 known;	/* its bio was seen, or it needs none */
};

#endif
