/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Whether a block device may be written to. Reads sysfs and /proc text below
 * paths that tests replace by fixtures.
 */
#ifndef BENCH_GUARD_H
#define BENCH_GUARD_H

#include <stdbool.h>

#include "bench/why.h"

struct guard_world {
	const char *sysfs;	/* "/sys" */
	const char *mountinfo;	/* "/proc/self/mountinfo" */
	const char *swaps;	/* "/proc/swaps" */
};

extern const struct guard_world guard_world_real;

/*
 * 0, or -EBUSY with *why: @dev (MAJOR:MINOR) or one of its partitions is
 * mounted, is swap, or has a holder (dm, md, LVM). No option overrides this.
 */
int guard_in_use(const struct guard_world *w, const char *path, unsigned int major,
		 unsigned int minor, struct why *why);

/*
 * The signatures (file system, partition table, LVM, md) that wipefs(8) finds:
 * 0 and a space-separated list in @buf, empty when there are none.
 */
int guard_signatures(const char *path, char *buf, unsigned long len, struct why *why);

#endif
