/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a record says, for the two ways to print it. Texts live until the next
 * call, or are NULL where there is nothing to say; "" is no name.
 */
#ifndef IOPATH_VIEW_RECORD_H
#define IOPATH_VIEW_RECORD_H

#include "record.h"
#include "view.h"

struct disk_info;

#define NR_PART_STAGES 6
extern const enum iop_stage record_part_stages[NR_PART_STAGES];

struct submitter {
	u32 tgid;
	const char *comm, *cgroup;
};

/* "slow", "sample" or "top". */
const char *record_type(const struct record *r, const struct record_view *v);
const char *record_kind(const struct iop_slow *s);
/* Of a failed operation or request, why; NULL: it did not fail, or no name is sure. */
const char *record_error(const struct iop_slow *s);
/* Where s->submitter.tid is not 0. */
struct submitter record_submitter(const struct iop_slow *s);
/* The devices below the file, or below what the request went to: @d, or NULL. */
const char *record_device_stack(const struct iop_slow *s, const struct disk_info *d);
/* In full, into room for a mount and a path. */
void record_path(const struct iop_slow *s, char *buf, size_t len);
/* Number of the request that a part is of: its first part's, from 1. */
u32 record_request_nr(const struct record *r, u32 part);
/* The first frame that is not of the tracer's own program, which the stack was taken in. */
u32 record_first_frame(const struct record *r, const struct ksyms *k);

#endif
