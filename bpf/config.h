/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Configuration of the programs: rodata, set by user space between open and
 * load. Included after the integer types are known (wire.h or kernel.h).
 */
#ifndef IOPATH_CONFIG_H
#define IOPATH_CONFIG_H

#define MAX_DEV_FILTERS 64
#define MAX_CGROUP_FILTERS 8
#define MAX_FILE_FILTERS 16
/* Files whose answer to --dir is kept; a power of two. */
#define NR_VERDICTS 16384
#define NR_SYSCALLS 512
#define NR_URING_OPS 64
#define NR_REQ_OPS 64
#define MAX_VIAS 8
#define MAX_KINDS 16

/* Rows of one disk, found by open addressing. */
#define NR_DEV_SLOTS 256

struct dev_slot {
	u32 dev;	/* 0: free */
	u16 row_plus_1[8];	/* by iop_block_op */
};

#define KIND_ASK 0xfe

/* How a system call becomes an operation. Argument numbers are 1-based; 0: none. */
struct iop_syscall {
	u8 kind;	/* iop_kind; KIND_NONE: not ours */
	u8 fd_arg;
	u8 offset_arg;	/* of the file offset; 0 with at_f_pos: the file position */
	u8 len_arg;
	u8 at_f_pos;
	u8 only;	/* iop_only: not each of these calls is one */
};

/* What the arguments of a system call must ask for. */
enum iop_only {
	ONLY_ANY,
	ONLY_DISCARD,	/* ioctl(): BLKDISCARD and the like, FITRIM */
	ONLY_WILLNEED,	/* fadvise64() */
};

/* A cgroup as the kernel knows it; those below it are meant too. */
struct iop_cgroup {
	u64 id;		/* of its kernfs node: unique within the hierarchy */
	s32 level;	/* below the root */
	s32 hierarchy;	/* 0: the unified one (v2) */
	s32 subsys;	/* of v1, one that is attached to the hierarchy */
};

enum { STAMPS_MIXED, STAMPS_KERNEL, STAMPS_OWN };

struct iop_config {
	u8 floor;	/* programs return at once: what the hooks alone cost */
	u8 tier;
	u8 comm_on, tree_on;
	u8 probe_resched;	/* count the calls of cond_resched */
	u8 shared_shards;	/* by CPUs or by preempted programs: adders must be atomic */
	u8 stand_in;	/* these are the second copies (standin.bpf.h) */
	u8 plain;	/* nothing but statistics, of all or of some devices (plain-block.bpf.h) */
	u8 plain_vfs;	/* ... and functions of file systems are hooked */
	u8 plain_begin;	/* ... and of all devices */
	u8 plain_stamps;	/* ... Q, G and D of a request: all of them the kernel's, or all of our own */
	u32 shard_mask;
	u32 self_tgid;
	u64 own_file;	/* inode that the report is written to, when it is on a disk; 0: none */
	u32 tgid, tid;	/* filters; 0: none */
	char comm[16];
	u32 nr_devs;
	u32 devs[MAX_DEV_FILTERS];
	u32 bop_mask;	/* wanted block operations; 0: all */
	u32 kind_mask;	/* wanted kinds; 0: all */
	u32 nr_cgroups;
	struct iop_cgroup cgroups[MAX_CGROUP_FILTERS];
	/* addresses of inodes: of files, and of directories that a file is below */
	u32 nr_files, nr_dirs;
	u64 files[MAX_FILE_FILTERS], dirs[MAX_FILE_FILTERS];
	u64 min_lat_ns;	/* what took less is not counted; 0: none */
	/* these stamps of a request are the kernel's own (tracer/stamp.h) */
	u8 kernel_q, kernel_g, kernel_d;
	u8 late_g;		/* ... and the hook of G is attached once it is needed */
	u8 bio_slots;		/* queued bios are seen, and may have slots */
	u8 tell;		/* records or what hangs: keep what they show */
	u8 fs_hooked;		/* functions of file systems tell the file of an operation */
	u64 threshold_ns;	/* 0: no records for that */
	u32 sample;	/* a record for each Nth; 0: none */
	u8 parts;	/* keep the bios of each operation for its record */
	u8 dirtiers;	/* whose writeback it is, is told or filtered by */
	u8 kernel_stack;	/* and where in the kernel it was submitted */
	u8 top;		/* the threshold is top_threshold_ns, which changes */
	u64 ring_wake_bytes;
	u8 who;		/* statistics by who: bit per who_dim */
	u32 who_streams_mask;

	/* kernel functions that identify what a bio belongs to; 0: unknown */
	struct direct_ends direct;
	u64 fn_end[NR_ENDS];
	/* [from, to) of __cond_resched; 0: unknown */
	u64 fn_resched_from, fn_resched_to;

	u8 bucket_of[HIST_DIRECT];	/* iop_hist_bucket() */
	u8 bop_of[NR_REQ_OPS];	/* REQ_OP_* of this kernel -> iop_block_op */
	u8 uring_kind[NR_URING_OPS];
	u8 op_row[MAX_VIAS][MAX_KINDS];	/* iop_op_row */
	u8 plain_kind[NR_SYSCALLS];	/* each of these calls is one, of a file; KIND_ASK: ask below */
	struct iop_syscall syscalls[NR_SYSCALLS];
};

_Static_assert(NR_BOPS <= 8, "dev_slot is too small");
_Static_assert(NR_VIAS <= MAX_VIAS && NR_KINDS <= MAX_KINDS, "op_row is too small");

#endif
