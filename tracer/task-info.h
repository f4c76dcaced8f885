/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What /proc says of a thread. Read once a second at most, for records come fast. */
#ifndef IOPATH_TASK_INFO_H
#define IOPATH_TASK_INFO_H

#include "cgroup.h"

struct task_info {
	u32 tgid;	/* @tid's own number when it is gone */
	char comm[64];	/* of a thread of the kernel the name that stays; "": gone */
	char cgroup[CGROUP_NAME_LEN];	/* of v2; "": gone */
};

/* Never NULL. Lives until the next call. */
const struct task_info *task_info(u32 tid);

#endif
