/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The critical path of an operation with several requests: the one that
 * completed last, before that the one that completed last before it was
 * queued, and so on. What other requests took meanwhile made nobody wait.
 */
#ifndef IOPATH_CRITICAL_H
#define IOPATH_CRITICAL_H

#include <stdbool.h>

#include "record.h"

struct critical {
	u32 parts;		/* bit per part on it */
	u64 stage_ns[NR_STAGES];	/* of the requests on it; sums with outside_ns to the operation's total */
	u64 outside_ns;		/* of the task, and between requests */
};

/* False: it has one bio or none, or more than the record tells. A level is looked at where there are no requests below it. */
bool record_critical(const struct record *r, struct critical *ret);

#endif
