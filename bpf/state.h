/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What is in flight: the slots of operations, bios and requests. Written by the
 * programs alone; user space maps them to tell what hangs. Included after the
 * integer types are known (wire.h or kernel.h).
 */
#ifndef IOPATH_STATE_H
#define IOPATH_STATE_H

#include "wire.h"

/* Slots of a bucket (slots.bpf.h). */
#define SLOT_WAYS 8

/* Fibonacci hashing: pointers differ in the middle bits. */
static inline __attribute__((always_inline)) u32 slot_hash(u64 key)
{
	return (u32)((key * 0x9e3779b97f4a7c15ull) >> 32);
}

/* The second bucket's hash: other bits of the same product. */
static inline __attribute__((always_inline)) u32 slot_rehash(u32 hash)
{
	return hash >> 16 | hash << 16;
}

/* Who issues: decided in the issuer's context, never at completion. */
struct owner {
	u32 tgid, tid;
	char comm[IOP_COMM_LEN] __attribute__((aligned(8)));
	u64 cgroup;	/* of the unified hierarchy, when it is to be told (config.h); 0: not known */
};

/* op.off_ns of a task that waits for bios of its own: no clock was read for it */
#define OFF_FOR_IO 1ull

enum op_cause {	/* why the task's next sleep happens */
	CAUSE_NONE,
	CAUSE_THROTTLE,
	CAUSE_WBWAIT,
};

struct op {
	u64 key;
	u64 t0, cursor;
	u64 file, inode;
	u64 offset, len;
	u64 stage[NR_STAGES];	/* all 0 in a free slot */
	/* 0 at the begin, written in one go: op_begin() */
	u64 off_ns;	/* switched out since; 0: running; OFF_FOR_IO: since before some bio ends */
	u64 current_key;	/* of a batch: the request being submitted */
	u32 nr_bios, nr_requests;
	u32 off_requests;	/* nr_requests when it was switched out */
	u32 dev;
	u8 cause, preempted, cached, direct;
	u8 dev_wanted, has_offset;
	u8 in_fs;	/* has been handed to the file system; of a batch: current_key has */
	u8 ended;	/* its time is over, being accounted for */
	u8 slept;	/* was off the CPU */
	u8 pad3[7];
	/* ... from tier filemap */
	u32 folios_added, folios_ahead, lookups, accessed;	/* the first two are one word: op-end.bpf.h */
	/* ... in tier full */
	u64 irq_ns;	/* interrupts since the cursor, not yet taken out */
	u64 resched_ns;
	u32 resched, resched_calls;	/* one word: plain-op.bpf.h */
	/* set at the begin */
	u64 regs;	/* of a system call whose arguments have not been asked for; else 0 */
	u32 index;	/* of this slot */
	u32 generation;
	u32 refs;	/* bios in flight, and 1 while being submitted */
	u32 file_dev;
	s32 fd;	/* by which it was asked for; -1: none, or not known */
	u8 kind, via;
	u8 end_seen;	/* libaio: its completion is hooked, the last bio is not it */
	u8 again;	/* a fault that was tried before */
	/* of its last request, when it is to be told (config.h) */
	s32 tag;
	u64 sector;
	u64 holders;	/* a byte each: completions that are at it (op.bpf.h) */
	u16 hctx;
	u8 pad2[6];
	struct iop_submitter submitter;
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

/* A bio, from Q until its request, or it, ends. */
struct bio_slot {
	u64 key;	/* the bio, or the request for what is left of it */
	u64 q, g;	/* own stamps; 0: the kernel's own are used */
	u64 op;		/* op_handle(), 0: none */
	u64 bdev;	/* the struct block_device that it was queued on, when `dev` is 0 */
	u32 bytes;
	u32 dev;	/* disk that it was queued on; 0: as `bdev` says */
	union {
		struct {
			u8 own;		/* the tracer's: left out */
			u8 rest;	/* what is left of a request that completes in parts */
			u8 part;	/* counted in bios_in_parts */
			u8 bop;		/* with own stamps, or when it is to be told */
			u8 held;	/* seen before the throttle, not queued yet */
			u8 partials;	/* with `rest`: completions of parts */
			u8 live;	/* 0 in a free slot */
			u8 pad;
		};
		u64 flags;	/* all of them */
	};
	u32 submitter;	/* its thread, when `owner` is the initiator; 0: they are the same */
	u32 ended;	/* with `rest`: bios that ended with parts */
	struct owner owner;
};

/* A request, from the first stamp of our own until it completes. All 0 in a free slot. */
struct rq_slot {
	u64 key;	/* the request */
	u64 i;
	u64 p;	/* the driver began to prepare the command, before the issue */
	u64 d;
	u64 h;	/* handed to the device */
	u64 e;	/* the completion interrupt */
	u32 requeues;
	u8 requeued : 1; /* since it was last issued */
	u8 joined : 1;	 /* its first bio is not the one that it was inserted with */
	u8 cloned : 1;	 /* of a request of the level above, by the device mapper */
	u8 bop;		/* of a clone that is wanted, and of a flush command */
	u16 hctx;
	/* when it was issued */
	u64 bio;	/* its first bio, of a clone that above: whose slot says the rest */
	u64 sector;
	u32 dev;
	s32 tag;
};

#endif
