/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What look.bpf.c finds out about an open file. Included after the integer
 * types are known (wire.h or kernel.h).
 */
#ifndef IOPATH_LOOK_H
#define IOPATH_LOOK_H

#include "wire.h"
#include "config.h"

struct look {
	u64 inode;	/* its address */
	u64 ino;
	u32 dev;	/* of the file system, as the kernel has it */
	u32 subsystems;	/* bits of those of the cgroup's hierarchy */
	struct iop_cgroup cgroup;	/* of a directory of a cgroup file system; subsys is not set */
};

#endif
