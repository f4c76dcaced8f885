/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The table of hooks and the choice among them.
 *
 * A point is something that happens in the kernel (a bio is queued). It has
 * rows: ways to see it, best first. Which row serves is a pure function of
 * what the kernel offers (kernel.h), never of its version number. A point
 * without a usable row leaves its stages "not measured"; a tier is unavailable
 * only when a point that it cannot do without is missing.
 */
#ifndef IOPATH_HOOK_H
#define IOPATH_HOOK_H

#include "kernel.h"
#include "bpf/functions.h"

/* X(symbol, name, first tier, the tier is useless without it) */
#define IOP_POINTS(X)                                                    \
	X(BIO_QUEUE, "bio queued", TIER_BLOCK, true)                     \
	X(BIO_THROTTLE, "bio comes to the throttle", TIER_BLOCK, false)  \
	X(GETRQ, "request allocated", TIER_BLOCK, false)                 \
	X(BACKMERGE, "bio merged at the back", TIER_BLOCK, false)        \
	X(FRONTMERGE, "bio merged at the front", TIER_BLOCK, false)      \
	X(SPLIT, "bio split", TIER_BLOCK, false)                         \
	X(BIO_COMPLETE, "bio of a device without requests ended", TIER_BLOCK, false) \
	X(RQ_INSERT, "request inserted", TIER_BLOCK, false)              \
	X(RQ_ISSUE, "request issued", TIER_BLOCK, true)                  \
	X(RQ_REQUEUE, "request requeued", TIER_BLOCK, false)             \
	X(RQ_MERGE, "request absorbed by another", TIER_BLOCK, false)    \
	X(RQ_COMPLETE, "request completed", TIER_BLOCK, true)            \
	X(NVME_SETUP, "nvme command set up", TIER_BLOCK, false)          \
	X(SCSI_DISPATCH, "scsi command dispatched", TIER_BLOCK, false)   \
	X(VIRTIO_ADD, "virtio buffers handed over", TIER_BLOCK, false)   \
	X(RQ_DONE, "driver done with the request", TIER_BLOCK, false)    \
	X(RQ_DONE_REMOTE, "driver done, ends on another processor", TIER_BLOCK, false) \
	X(TASK_FORK, "task forked", TIER_BLOCK, false)                   \
	X(TASK_FREE, "task freed", TIER_BLOCK, false)                    \
	X(DIRTIED, "page of a file made dirty", TIER_BLOCK, false)       \
	X(SYS_ENTER, "system call entered", TIER_VFS, true)              \
	X(SYS_EXIT, "system call left", TIER_VFS, true)                  \
	X(TASK_EXIT, "task exited", TIER_VFS, false)                     \
	X(URING_SUBMIT, "io_uring request submitted", TIER_VFS, false)   \
	X(URING_COMPLETE, "io_uring request completed", TIER_VFS, false) \
	X(AIO_COMPLETE, "libaio request completed", TIER_VFS, false)     \
	/* attached before the one above, and so called behind it */     \
	X(AIO_AGAIN, "libaio request completed on top of another", TIER_VFS, false) \
	X(FSYNC_RANGE, "vfs_fsync_range", TIER_VFS, false)               \
	X(LOOKUP_BEGIN, "page-cache look-up begun", TIER_FILEMAP, false) \
	X(LOOKUP_END, "page-cache look-up ended", TIER_FILEMAP, false)   \
	X(FOLIO_ADDED, "folio added to the page cache", TIER_FILEMAP, false) \
	X(FOLIO_ACCESSED, "folio of the page cache used", TIER_FILEMAP, false) \
	X(CHECK_BEGIN, "look for dirty folios begun", TIER_FILEMAP, false) \
	X(CHECK_END, "look for dirty folios ended", TIER_FILEMAP, false) \
	X(RANGE_END, "range written and waited for", TIER_FILEMAP, false) \
	X(WAIT_WRITEBACK, "wait for writeback", TIER_FILEMAP, false)     \
	X(THROTTLE, "writer throttled", TIER_FILEMAP, false)             \
	X(DIO_BEGIN, "direct I/O through iomap", TIER_FILEMAP, false)    \
	X(SWITCH, "task switched", TIER_FILEMAP, false)                  \
	X(IRQ_ENTRY, "hard interrupt begun", TIER_FULL, false)           \
	X(IRQ_EXIT, "hard interrupt ended", TIER_FULL, false)            \
	X(SOFTIRQ_ENTRY, "soft interrupt begun", TIER_FULL, false)       \
	X(SOFTIRQ_EXIT, "soft interrupt ended", TIER_FULL, false)        \
	X(RESCHED_CALL, "cond_resched called", TIER_FULL, false)

enum hook_point {
#define X(sym, name, tier, needed) POINT_##sym,
	IOP_POINTS(X)
#undef X
/* a function entered; for those of VFS and of faults also left */
#define X(sym, function, program) POINT_##sym,
	IOP_FS_FUNCTIONS(X)
	IOP_URING_FUNCTIONS(X)
#undef X
#define X(sym, function, program, kind) POINT_##sym, POINT_##sym##_END,
	IOP_VFS_FUNCTIONS(X)
#undef X
#define X(sym, function, program, via, kind) POINT_##sym, POINT_##sym##_END,
	IOP_FAULT_FUNCTIONS(X)
#undef X
	NR_POINTS,
};

struct hook_point_info {
	const char *name;
	enum iop_tier tier;
	bool needed;
};
extern const struct hook_point_info hook_points[NR_POINTS];

#define ANY_ARGS (-1)
#define HOOK_WHY_LEN 96
#define MAX_HOOK_ROWS 128

/* One way to see a point. */
struct hook_row {
	enum hook_point point;
	enum backend backend;
	const char *target;	/* tracepoint or function */
	int nr_args;		/* of the prototype that the program is written for */
	const char *program;	/* name in bpf/ */
};
extern const struct hook_row hook_rows[];
extern const int nr_hook_rows;

enum hook_verdict {
	HOOK_CHOSEN,
	HOOK_NOT_NEEDED,	/* a better row serves already */
	HOOK_SPARED,		/* the hook of another point tells it too */
	HOOK_NO_TARGET,		/* the kernel has no such tracepoint or function */
	HOOK_OTHER_PROTOTYPE,	/* written for another kernel's arguments */
	HOOK_MANY_ARGUMENTS,	/* more than fentry can be relied on to take */
	HOOK_REFUSED,		/* the kernel does not allow this kind of program */
};

struct hook_plan {
	/* index into hook_rows, or -1 */
	int chosen[NR_POINTS];
	enum hook_verdict verdict[MAX_HOOK_ROWS];
	u32 stages;			/* bit per stage that is measured at tier full */
};

/* Fill @ret for all points; which of them a tier loads is hook_wanted(). */
void hook_choose(const struct kernel *k, struct hook_plan *ret);

/* Do without what was chosen for @p. */
void hook_give_up(struct hook_plan *plan, enum hook_point p);

/* What some points are for, on request. */
struct hook_extras {
	bool tree;		/* a process tree is followed */
	bool resched_calls;	/* the calls of cond_resched are counted (tier full) */
	bool dirtiers;		/* whose writeback it is, is asked; set by the session */
	bool kernel_io;		/* what kernel threads read and write is followed (from tier vfs) */
};

/* The point takes part in @tier. */
bool hook_wanted(enum hook_point p, enum iop_tier tier, const struct hook_extras *extras);

/*
 * Names that hook_choose() will ask kernel.has_symbol() and has_tracepoint()
 * about; their number, at most MAX_HOOK_ROWS.
 */
size_t hook_symbols(const char *names[static MAX_HOOK_ROWS]);

enum tier_state {
	TIER_OK,
	TIER_DEGRADED,
	TIER_UNAVAILABLE,
};

/* State of a tier, and the stages of it (bits) that are not measured. */
enum tier_state hook_tier_state(const struct hook_plan *plan, enum iop_tier tier,
				u32 *ret_missing_stages);

/* Points that a stage is measured by; NR_POINTS ends the list. */
const enum hook_point *hook_stage_points(enum iop_stage stage);
/* Some stage is measured by it. */
bool hook_has_stage(enum hook_point p);

/* One clause that says why a row is not used; returns @buf. */
const char *hook_why(const struct kernel *k, const struct hook_row *row, enum hook_verdict v,
		     char buf[static HOOK_WHY_LEN]);

extern const char *const stage_names[NR_OP_HISTS];
extern const enum iop_tier stage_tiers[NR_STAGES];
extern const char *const tier_names[NR_TIERS];

/* "full" or its other name "cond_resched"; -EINVAL. */
int tier_parse(const char *name, enum iop_tier *ret);

#endif
