/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Statistics by who: per process, file, cgroup and device. Shared by the eBPF
 * side and user space, as wire.h is; included after it (or kernel.h).
 *
 * Each has them at two levels: operations (from tier vfs), as their issuer
 * waits for them, and bios, as they are queued. Counters only grow; user space
 * takes differences.
 */
#ifndef IOPATH_WHO_H
#define IOPATH_WHO_H

#include "wire.h"

/* X(symbol, word of --by) */
#define IOP_WHO_DIMS(X)        \
	X(PROCESS, "process")  \
	X(FILE, "file")        \
	X(CGROUP, "cgroup")    \
	X(DEVICE, "device")

enum who_dim {
#define X(sym, name) WHO_##sym,
	IOP_WHO_DIMS(X)
#undef X
	NR_WHO_DIMS,
};

/* With a block operation: another level's bio was asked for, this one is made of it. */
#define WHO_NESTED (1u << 31)

#define IOP_WHO_CLASSES(X) \
	X(READ, "read")    \
	X(WRITE, "write")  \
	X(OTHER, "other")

enum who_class {
#define X(sym, name) WHO_##sym,
	IOP_WHO_CLASSES(X)
#undef X
	NR_WHO_CLASSES,
};

/* iop_config.who: a bit per dimension, and these */
#define WHO_STACKS (1u << 6)	  /* kernel stacks of bios */
#define WHO_USER_STACKS (1u << 7) /* ... and of the task in user space */

enum who_level {
	WHO_OPS,
	WHO_BIOS,
	NR_WHO_LEVELS,
};

/*
 * process: start time (ns since boot), tgid. file: inode, device, generation.
 * cgroup: id, hierarchy (0: v2). device: 0, kernel dev_t. All 0 but `dim`: what
 * found no room, together.
 */
struct who_key {
	u64 id;
	u32 sub;
	u32 gen;
	u32 dim;
	u32 pad;
};

/* Powers of two: a class holds [2^n, 2^(n+1)); the first and last take what is beyond. */
#define WHO_LAT_MIN_EXP 8
#define NR_WHO_LATS 32
#define WHO_SIZE_MIN_EXP 9
#define NR_WHO_SIZES 16

struct who_stats {
	u64 count, bytes, errors;
	u64 sum_ns, max_ns;
	u64 max_bytes;
	u64 sequential;	/* began where the same task's last one in that file, or on that device, ended */
	u64 deferred;	/* bios: submitted by a thread of the kernel's, on behalf of who made the pages dirty */
	u32 lat[NR_WHO_LATS];
	u32 size[NR_WHO_SIZES];
};

#define WHO_NAME_LEN (IOP_PATH_LEN + IOP_NAME_LEN)
#define WHO_NAME_CUT 1u	/* flags: the name is longer */
#define WHO_NAMED 2u	/* it is there, whole */
#define WHO_NAME_IN_FS 4u /* a path from the root of its file system */

struct who_entry {
	struct who_stats s[NR_WHO_LEVELS][NR_WHO_CLASSES];
	u64 last_ns;	/* last used */
	u64 switches;	/* process: bios for another device than its last one's */
	u32 last_dev;
	u32 flags;
	u32 name_len;
	/* comm of a process; components of a path, innermost first, of a file or cgroup */
	char name[WHO_NAME_LEN];
	u32 pad;
};

/* ---- who starts block I/O: stacks ---- */

#define WHO_STACK_FRAMES 64
/* Of the table of stacks, and of that of their figures. */
#define MAX_STACKS 8192
/* Ids of stacks; negative: -errno of bpf_get_stackid(). */
#define STACK_NOT_TAKEN (-4096)

struct stack_key {
	s32 kernel, user;
	u32 tgid;	/* with user stacks, else 0 */
	u32 dev;
	u32 class;	/* who_class */
	u32 pad;
};

struct stack_stats {
	u64 count, bytes;
	u64 sum_ns, max_ns;
	u32 lat[NR_WHO_LATS];
	char comm[IOP_COMM_LEN];	/* with user stacks */
};

/* X(symbol, JSON name, meaning) */
#define IOP_STACK_LOSSES(X)                                             \
	X(COLLIDED, "collided", "stacks whose place another one had")   \
	X(UNREADABLE, "unreadable", "stacks that could not be read")    \
	X(FULL, "full", "bios whose stack found no room in the table")

enum stack_loss {
#define X(sym, name, text) STACK_##sym,
	IOP_STACK_LOSSES(X)
#undef X
	NR_STACK_LOSSES,
};

_Static_assert(sizeof(struct who_stats) % 8 == 0, "counters are read as an array");
_Static_assert(sizeof(struct who_entry) % 8 == 0, "no tail padding");

/* Who issues; kept with what is in flight. */
struct who_id {
	u64 start_ns, cgroup;
	u32 tgid, hierarchy;
	u64 ino;	/* the file's; 0: none, or not known */
	u32 file_dev, file_gen;
	char comm[IOP_COMM_LEN] __attribute__((aligned(8)));
	u8 sequential;
	u8 deferred;	/* a bio that another task submits */
	u8 pad[6];
};

/* A bio in flight, from Q to its completion; of the last part, if it was split. */
struct who_bio {
	u64 key;	/* the bio */
	u64 q;
	struct who_id id;
	s32 kernel_stack, user_stack;
	u32 dev, bytes;
	u8 class;
	u8 nested;	/* submitted by a driver on behalf of another bio (dm, md) */
	u8 dev_sequential;
	u8 pad[5];
};

/*
 * Which of @nr classes, the first of which ends at 2^(@min_exp + 1), a value is
 * in, by the number of its bucket in a histogram: each power of two has as many.
 */
static inline __attribute__((always_inline)) u32 who_class(u32 bucket, u32 min_exp, u32 nr)
{
	u32 exp = (bucket >> HIST_SUB_BITS) + HIST_SUB_BITS - 1;
	u32 c = exp > min_exp ? exp - min_exp : 0;

	return c < nr ? c : nr - 1;
}

#ifndef __bpf__
static inline u32 who_bucket(u64 v, u32 min_exp, u32 nr)
{
	return who_class(iop_hist_bucket(v), min_exp, nr);
}
#endif

#endif
