/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "stamp.h"

#include "disk.h"

void stamp_choose(const struct kernel *k, const struct stamp_disks *disks, const struct stamp_needs *needs,
		  struct stamp_plan *ret)
{
	bool exact = k->exact_stamps && disks->accounted && disks->issue_stamped && !needs->in_flight;

	*ret = (struct stamp_plan){
		.kernel_q = exact,
		.kernel_g = exact,
		.late_g = exact && k->plugs_ahead && needs->watched,
		.kernel_d = exact && !needs->issue_seen,
		/* a bio-based device ends a bio when its size is gone */
		.bio_queue = !exact || needs->tier >= TIER_VFS || needs->owner || !disks->with_requests,
	};
}

bool stamp_spares(const struct stamp_plan *plan, enum hook_point p)
{
	switch (p) {
	case POINT_BIO_QUEUE:
		return !plan->bio_queue;
	case POINT_GETRQ:
	case POINT_BACKMERGE:
	case POINT_FRONTMERGE:
		return plan->kernel_g;
	case POINT_RQ_ISSUE:
		return plan->kernel_d;
	default:
		return false;
	}
}

static void look_at(const struct disk_queue *q, void *ctx)
{
	struct stamp_disks *all = ctx;

	all->with_requests &= q->has_requests;
	if (!q->has_requests)
		return;
	all->accounted &= q->iostats;
	all->issue_stamped &= q->stamps_issue;
}

void stamp_look(const u32 *devs, u32 nr, struct stamp_disks *ret)
{
	*ret = (struct stamp_disks){ true, true, true };
	disk_each_queue(devs, nr, look_at, ret);
}
