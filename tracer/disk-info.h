/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What records say of a device. Read from sysfs once a second at most, for records come fast. */
#ifndef IOPATH_DISK_INFO_H
#define IOPATH_DISK_INFO_H

#include "disk.h"

struct disk_info {
	char name[DISK_NAME_LEN];
	char scheduler[32];	/* "none"; "": it has none to choose from */
	char stack[160];	/* disk_stack_text() */
	char mount[256];	/* of the file system that has this number; "/" is told as "" */
};

/* Never NULL. Lives until the next call but 63. */
const struct disk_info *disk_info(u32 dev);

/* "io error": the name of a blk_status_t (positive) or an errno (negative); NULL: none that is the same on all kernels. */
const char *disk_status_text(int status);

#endif
