/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the eBPF side and user space share: stages, operations, histogram
 * layout, the over-threshold record, the loss causes. The only header that
 * both include; it includes nothing that differs between them.
 *
 * All times are CLOCK_MONOTONIC nanoseconds (bpf_ktime_get_ns).
 */
#ifndef IOPATH_WIRE_H
#define IOPATH_WIRE_H

#ifndef __bpf__
#include <stdint.h>
typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;
typedef int16_t s16;
typedef int32_t s32;
typedef int64_t s64;
#endif

enum iop_tier {
	TIER_BLOCK,
	TIER_VFS,
	TIER_FILEMAP,
	TIER_FULL,
	NR_TIERS,
};

/*
 * The stages of DESIGN.md in path order. Those of one operation do not
 * overlap and sum to its total; what no hook explains is `other`.
 *	X(symbol, JSON name, first tier)
 */
#define IOP_STAGES(X)                          \
	X(VFS, "vfs", TIER_VFS)                \
	X(SUBMIT, "submit", TIER_VFS)          \
	X(CACHE, "cache", TIER_FILEMAP)        \
	X(THROTTLE, "throttle", TIER_FILEMAP)  \
	X(WBWAIT, "wbwait", TIER_FILEMAP)      \
	X(Q2G, "q2g", TIER_BLOCK)              \
	X(G2I, "g2i", TIER_BLOCK)              \
	X(I2D, "i2d", TIER_BLOCK)              \
	X(DRIVER, "driver", TIER_BLOCK)        \
	X(DEVICE, "device", TIER_BLOCK)        \
	X(COMPLETE, "complete", TIER_BLOCK)    \
	X(WAKEUP, "wakeup", TIER_FULL)         \
	X(OFFCPU, "offcpu", TIER_FULL)         \
	X(IRQ, "irq", TIER_FULL)               \
	X(RETURN, "return", TIER_VFS)          \
	X(OTHER, "other", TIER_VFS)

enum iop_stage {
#define X(sym, name, tier) STAGE_##sym,
	IOP_STAGES(X)
#undef X
	NR_STAGES,
	/* whole operation or request, and (inside offcpu) preemption at a cond_resched */
	STAGE_TOTAL = NR_STAGES,
	STAGE_RESCHED,
	NR_OP_HISTS,
};

/* Stages that a block request has by itself: a contiguous run, then its total. */
#define BLOCK_STAGE_FIRST STAGE_Q2G
#define BLOCK_STAGE_LAST STAGE_COMPLETE
#define BLOCK_HIST_TOTAL (BLOCK_STAGE_LAST - BLOCK_STAGE_FIRST + 1)
#define NR_BLOCK_HISTS (BLOCK_HIST_TOTAL + 1)

/*
 * Operations of a block request. A flush is asked for by a bio, and done by a
 * command of the queue's own that may serve many of them and has no owner
 * (block/blk-flush.c): two rows.
 */
#define IOP_BLOCK_OPS(X)                  \
	X(READ, "read")                   \
	X(WRITE, "write")                 \
	X(FLUSH, "flush")                 \
	X(FLUSH_COMMAND, "flush_command") \
	X(DISCARD, "discard")             \
	X(WRITE_ZEROES, "write_zeroes")   \
	X(OTHER, "other")

enum iop_block_op {
#define X(sym, name) BOP_##sym,
	IOP_BLOCK_OPS(X)
#undef X
	NR_BOPS,
};

/* Functions of the kernel's that end a bio of direct I/O; 0: not known. */
struct direct_ends {
	u64 iomap, blkdev_async, blkdev;
};

/* ... by which one, or the request of its file, leads to the task that waits for it. */
struct wait_ends {
	u64 uring, uring_polled, blkdev, bio, chain;
};

/* Those by which one leads to the bio that it was made of. */
#define IOP_BIO_ENDS(X)                              \
	X(DM, "clone_endio")                         \
	X(DM_REQUEST, "end_clone_bio")               \
	X(CRYPT, "crypt_endio")                      \
	X(CHAIN, "bio_chain_endio")                  \
	X(MD, "md_end_clone_io")                     \
	X(MD_OLD, "md_end_io_acct")                  \
	X(RAID1_READ, "raid1_end_read_request")      \
	X(RAID1_WRITE, "raid1_end_write_request")    \
	X(RAID10_READ, "raid10_end_read_request")    \
	X(RAID10_WRITE, "raid10_end_write_request")

enum bio_end {
#define X(sym, function) END_##sym,
	IOP_BIO_ENDS(X)
#undef X
	NR_ENDS,
};

/* Kinds of operation above the block layer. BATCH carries other operations. */
#define IOP_KINDS(X)                       \
	X(READ, "read")                    \
	X(WRITE, "write")                  \
	X(FSYNC, "fsync")                  \
	X(FDATASYNC, "fdatasync")          \
	X(SYNC_RANGE, "sync_file_range")   \
	X(SYNC, "sync")                    \
	X(MSYNC, "msync")                  \
	X(COPY, "copy")                    \
	X(ALLOCATE, "fallocate")           \
	X(DISCARD, "discard")              \
	X(READAHEAD, "readahead")          \
	X(FAULT, "fault")                  \
	X(MKWRITE, "mkwrite")

enum iop_kind {
#define X(sym, name) KIND_##sym,
	IOP_KINDS(X)
#undef X
	NR_KINDS,
	KIND_URING_BATCH = NR_KINDS, /* io_uring_enter */
	KIND_AIO_BATCH,		     /* io_submit */
	KIND_ALIAS,		     /* no operation: another name of one */
	KIND_NONE = 0xff,
};

/* The interface by which the operation came. */
#define IOP_VIAS(X)             \
	X(SYSCALL, "syscall")   \
	X(URING, "io_uring")    \
	X(AIO, "libaio")        \
	X(KERNEL, "kernel")     \
	X(MMAP, "mmap")         \
	X(SWAP, "swap")

enum iop_via {
#define X(sym, name) VIA_##sym,
	IOP_VIAS(X)
#undef X
	NR_VIAS,
};

/*
 * The operations that there are, a row of statistics each.
 *	X(interface, kind)
 */
#define IOP_OPS(X)            \
	X(SYSCALL, READ)      \
	X(SYSCALL, WRITE)     \
	X(SYSCALL, FSYNC)     \
	X(SYSCALL, FDATASYNC) \
	X(SYSCALL, SYNC_RANGE) \
	X(SYSCALL, SYNC)      \
	X(SYSCALL, MSYNC)     \
	X(SYSCALL, COPY)      \
	X(SYSCALL, ALLOCATE)  \
	X(SYSCALL, DISCARD)   \
	X(SYSCALL, READAHEAD) \
	X(URING, READ)        \
	X(URING, WRITE)       \
	X(URING, FSYNC)       \
	X(URING, FDATASYNC)   \
	X(URING, SYNC_RANGE)  \
	X(URING, ALLOCATE)    \
	X(AIO, READ)          \
	X(AIO, WRITE)         \
	X(KERNEL, READ)       \
	X(KERNEL, WRITE)      \
	X(MMAP, FAULT)        \
	X(MMAP, MKWRITE)      \
	X(SWAP, FAULT)

enum iop_op_row {
#define X(via, kind) OP_##via##_##kind,
	IOP_OPS(X)
#undef X
	NR_OP_ROWS,
};

/*
 * Every way to lose something is counted by its cause.
 *	X(symbol, JSON name, meaning)
 */
#define IOP_LOSSES(X)                                                                    \
	X(RING_FULL, "ring_full", "over-threshold records that did not fit the ring")    \
	X(PART_RING_FULL, "part_ring_full", "bios and stacks of records that did not fit the ring") \
	X(MAP_FULL, "map_full", "operations that found no slot")                         \
	X(TREE_FULL, "tree_full", "processes of the command that found no room: their I/O is left out") \
	X(BIO_MAP_FULL, "bio_map_full", "bios or requests that found no slot")           \
	X(NO_START, "no_start", "requests that completed with their start unseen")       \
	X(NO_END, "no_end", "requests whose completion was not seen")                    \
	X(NO_OP_END, "no_op_end", "operations whose end was not seen")                   \
	X(TIME_BACKWARDS, "time_backwards", "stamps out of order, clamped")              \
	X(CHAIN_LONG, "chain_long", "requests of more bios than are walked, whose others end unseen")    \
	X(BATCH_LONG, "batch_long", "libaio requests beyond those of one call that are walked") \
	X(DEVICE_FULL, "device_full", "requests of devices beyond the table")            \
	X(UNSTAMPED, "unstamped", "requests that the kernel did not stamp, though it did when tracing began") \
	X(CONTENDED, "contended", "interval or bio of an operation given up under contention")  \
	X(UNEVEN, "uneven", "records whose stages do not sum to their total")

enum iop_loss {
#define X(sym, name, text) LOSS_##sym,
	IOP_LOSSES(X)
#undef X
	NR_LOSSES,
};

/* Plain event counters, one set per shard. */
enum iop_count {
	COUNT_RQ_AT_START,   /* completed, but begun before tracing */
	COUNT_RQ_AHEAD,	     /* of which q2g is not told, as a plug had them allocated ahead */
	COUNT_OP_GONE,	     /* operations whose task died inside them */
	COUNT_UNTIED_BIOS,   /* bios submitted outside any operation seen */
	COUNT_EXCLUDED,	     /* bios and operations of the tracer itself */
	COUNT_FILTERED,	     /* bios that a filter left out */
	COUNT_SHORT_OPS,     /* shorter than asked for (--min-lat) */
	COUNT_SHORT_RQS,
	COUNT_RESCHED_STACK_IN,	 /* preempted switches with __cond_resched on the stack, of those looked at */
	COUNT_RESCHED_STACK_OUT, /* ... without */
	COUNT_RESCHED_TURN,	 /* preempted switches */
	COUNT_SAMPLE_TURN,	 /* what finished since the last sample */
	COUNT_STOOD_IN,		 /* a program was skipped and its stand-in ran */
	COUNT_LOSS_FIRST,
	NR_COUNTS = COUNT_LOSS_FIRST + NR_LOSSES,
};

/* What one processor writes at each I/O shares no cache line with another's. */
#define CACHE_LINE 64
#define IOP_OWN_LINES __attribute__((aligned(CACHE_LINE)))

struct iop_counts {
	u64 n[NR_COUNTS];
} IOP_OWN_LINES;

/*
 * Log-linear histogram: values below 8 have a bucket each, above that each
 * power of two has 8 buckets, so a bucket is at most 1/8 of its lower bound
 * wide and its middle at most 6.25 % off any value in it. 2^40 ns (18
 * minutes) and above share the last bucket; max_ns is exact.
 */
#define HIST_SUB_BITS 3
#define HIST_SUB (1 << HIST_SUB_BITS)
#define HIST_MAX_EXP 40
#define HIST_BUCKETS ((HIST_MAX_EXP - HIST_SUB_BITS + 1) * HIST_SUB)
/* Below this the programs look the bucket up; above, after a shift (core.bpf.h). */
#define HIST_DIRECT_BITS 12
#define HIST_DIRECT (1 << HIST_DIRECT_BITS)

struct iop_hist {
	u64 sum_ns;
	u64 max_ns;
	/* wraps: user space reads often enough and takes differences */
	u32 n[HIST_BUCKETS];
};

#define NR_STATUSES 16	/* numbers of blk_status_t that are told apart */

/* What a row counts beside its histograms. Adders only. */
struct iop_row {
	u64 count;
	u64 bytes;
	u64 errors;
	u64 bios;	 /* beyond the first: merged into a request, or of one operation */
	u64 requeues;	 /* block */
	u64 cache_hits;	 /* op: reads served without a page being added */
	u64 cache_misses;
	u64 ra_folios;	 /* op: folios added beyond what was asked for */
	u64 direct;	 /* op: went past the page cache (iomap) */
	u64 accessed;	 /* op: folios of the cache that were used */
	u64 resched;	 /* op: switches that a cond_resched caused */
	u64 resched_calls; /* op: calls of cond_resched, where that is probed */
	u64 by_status[NR_STATUSES]; /* block: errors by blk_status_t; 0: another */
};

/* One block row, one operation row: the values of the two big arrays, [shard][row]. */
/*
 * The verifier cannot know how far into n[] the programs reach, only that it is
 * less than HIST_REACH: what stands behind the last histogram must be that long.
 */
#define HIST_REACH 512
#define HIST_ROOM ((HIST_REACH - HIST_BUCKETS) * 4 - sizeof(struct iop_row))

struct iop_block_stats {
	struct iop_hist h[NR_BLOCK_HISTS];
	struct iop_row c;
	u8 room[HIST_ROOM];
} IOP_OWN_LINES;

struct iop_op_stats {
	struct iop_hist h[NR_OP_HISTS];
	struct iop_row c;
	u8 room[HIST_ROOM];
} IOP_OWN_LINES;

/* What program_guards (standin.bpf.h) writes, for each program on the machine. */
struct iop_guard {
	u64 active;	/* struct bpf_prog.active: per CPU, not 0 while the program is held */
	u32 id;
	u32 pad;
};

#define NR_BLOCK_ROWS 96
#define NR_ROWS (NR_BLOCK_ROWS + NR_OP_ROWS)

/* The (device, operation) of a block row; rows are handed out as they are needed. */
struct iop_row_id {
	u32 dev; /* kernel dev_t (major << 20 | minor); 0: the row is free */
	u32 op;
};

#define IOP_COMM_LEN 16
/* Path components, innermost first, each ended by NUL; an empty one ends the list. */
#define IOP_PATH_LEN 512
/* Longest component kept; the last one may begin just below IOP_PATH_LEN. */
#define IOP_NAME_LEN 128

/* Flags of a record. */
#define SLOW_REQUEST (1u << 0)	  /* a block request, not an operation */
#define SLOW_PATH_CUT (1u << 1)	  /* the path is longer than the record */
#define SLOW_OFFSET (1u << 2)	  /* offset is known */
#define SLOW_MISS (1u << 3)	  /* page cache: missed */
#define SLOW_HIT (1u << 4)
#define SLOW_PATH_IN_FS (1u << 6) /* the path begins at the root of file_dev's file system */
#define SLOW_SAMPLE (1u << 5)	  /* told as a sample, not for its time */
#define SLOW_WRITE_SHIFT 7	  /* from there on WRITE_*, of a request */

/* What the ring carries; told apart by their sizes. */

/* What a write asks for beyond itself, as the device is asked for it (include/linux/blk_types.h). */
#define WRITE_FUA (1u << 0)
#define WRITE_PREFLUSH (1u << 1)

/* Who queued the last bio, when that is not the owner; tid 0: the owner did. */
struct iop_submitter {
	u32 tid;
	u32 tgid;	/* 0: with its name for /proc to say */
	char comm[IOP_COMM_LEN] __attribute__((aligned(8)));
};

struct iop_slow {
	u64 id;		/* that its parts and its stack have; 0: it has none */
	u64 start_ns;
	u64 total_ns;
	u64 stage_ns[NR_STAGES];
	u64 bytes;
	u64 offset;
	u64 sector;
	u64 ino;
	s64 result;	/* bytes or -errno of the operation; of a request blk_status_t, or -errno */
	u64 resched_ns;
	u64 cgroup;	/* of the owner, in the unified hierarchy; 0: not known */
	u32 dev;	/* disk of the last request; 0: none */
	u32 file_dev;	/* device that the file lives on */
	u32 flags;
	u32 tgid;
	u32 tid;
	u32 nr_requests;
	u32 stages;	/* bit per stage that was seen */
	s32 tag;
	u16 hctx;
	u8 kind;	/* iop_kind, or iop_block_op with SLOW_REQUEST */
	u8 via;
	u32 path_len;
	u32 nr_parts;	/* bios that ended; the last MAX_PARTS of them are told */
	u32 pad;
	struct iop_submitter submitter;
	char comm[IOP_COMM_LEN];
	char path[IOP_PATH_LEN + IOP_NAME_LEN];
};

#define MAX_PARTS 8

/* A bio of a slow operation with its request; told before that, in the order in which they ended. */
struct iop_part {
	u64 id;
	u64 rq;		/* the same for bios of one request */
	u64 bio;	/* itself, */
	u64 above;	/* and that of a level above, or of its own, that it was made of; 0: of none */
	u64 q_ns, g_ns, i_ns, p_ns, d_ns, h_ns, e_ns, c_ns;	/* as struct rq_stamps; 0: not seen */
	u64 sector;
	u32 dev, bytes;	/* of the request */
	u32 requeues, merged;
	s32 tag;
	u16 hctx;
	s16 status;	/* blk_status_t, or -errno */
	u16 partials;	/* completions of a part of the request, before the last */
	u8 bop;
	u8 no_request;	/* a bio of a device without requests (dm, md, zram): q_ns and c_ns alone */
	u8 write;	/* WRITE_* */
	u8 pad[3];
};

#define STACK_FRAMES 32

/* Kernel stack of the submission of its first bio; told before the operation. */
struct iop_stack {
	u64 id;
	u64 nr;
	u64 ip[STACK_FRAMES];
};

_Static_assert(sizeof(struct iop_hist) % 8 == 0, "histograms are mapped as an array");
_Static_assert(sizeof(struct iop_slow) % 8 == 0, "no tail padding on the wire");

/*
 * Which bucket a value belongs to. The programs have it from a table that user
 * space makes with this: eBPF has no instruction for the highest bit.
 */
static inline u32 iop_hist_bucket(u64 v)
{
	u32 exp;

	if (v < HIST_SUB)
		return (u32)v;
	exp = 63 - (u32)__builtin_clzll(v);
	if (exp >= HIST_MAX_EXP)
		return HIST_BUCKETS - 1;
	return (exp - HIST_SUB_BITS) * HIST_SUB + (u32)(v >> (exp - HIST_SUB_BITS));
}

#endif
