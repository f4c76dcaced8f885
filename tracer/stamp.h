/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Whose stamps of a request count: the kernel's, which are there anyway, or our
 * own, which cost a hook each.
 *
 * The kernel stamps Q (bio.bi_issue, block/blk-cgroup.h), G
 * (request.start_time_ns) and D (request.io_start_time_ns, block/blk-mq.c).
 * They are exact as long as its block layer reads the clock anew for each: since
 * 6.9 it reads it once per plug (blk_plug.cur_ktime), and a stamp can be
 * milliseconds old. G needs iostats of the queue, D its statistics, which
 * writeback throttling, bfq and kyber switch on for good.
 */
#ifndef IOPATH_STAMP_H
#define IOPATH_STAMP_H

#include <stdbool.h>

#include "hook.h"

/* What the disks of interest do: true when all of them do. */
struct stamp_disks {
	bool accounted;		/* queue/iostats is on */
	bool issue_stamped;	/* writeback throttling, bfq or kyber is there */
	bool with_requests;	/* none is bio-based (dm, md, zram) */
};

/* What else a stamp of our own, or the sight of a queued bio, is needed for. */
struct stamp_needs {
	enum iop_tier tier;
	bool owner;		/* whose a request is: filters by task, records */
	bool in_flight;		/* what hangs is to be told, with its stage */
	bool watched;		/* a hook can be attached once it is needed */
	bool issue_seen;	/* some hook tells requests from others by their issue */
};

struct stamp_plan {
	bool kernel_q, kernel_g, kernel_d;
	bool bio_queue;		/* bios are to be seen when they are queued */
	/*
	 * The kernel's G is exact but for requests that a plug (of io_uring) had
	 * allocated ahead: the hook of G is to be loaded, and attached once the
	 * programs say that there was one.
	 */
	bool late_g;
};

/* Pure. */
void stamp_choose(const struct kernel *k, const struct stamp_disks *disks, const struct stamp_needs *needs,
		  struct stamp_plan *ret);

/* Look at disks (numbers as in disk.h), or at all (nr 0). */
void stamp_look(const u32 *devs, u32 nr, struct stamp_disks *ret);

/* The plan does without the hook. */
bool stamp_spares(const struct stamp_plan *plan, enum hook_point p);

#endif
