/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How block devices stand on each other, by sysfs: partitions of a disk, and
 * what is made of devices (dm, md). @sysfs is "/sys", but for tests.
 */
#ifndef IOPATH_DISK_TREE_H
#define IOPATH_DISK_TREE_H

#include <stddef.h>

#include "bpf/wire.h"

/* Partitions of a disk, appended to @devs, which holds *nr of at most @max. -E2BIG. */
int disk_partitions(const char *sysfs, u32 dev, u32 *devs, u32 max, u32 *nr);

/*
 * The device, what stands on it and what it stands on, appended in the same
 * way, each once. A partition stands on no disk here: that is more than it.
 */
int disk_stack(const char *sysfs, u32 dev, u32 *devs, u32 max, u32 *nr);

/* The disks that it stands on directly (those of partitions), appended in the same way. */
int disk_below(const char *sysfs, u32 dev, u32 *devs, u32 max, u32 *nr);

/* What it stands on in words, from itself downward: "dm-0 -> nvme0n1p2 -> nvme0n1"; with several, in brackets. */
const char *disk_stack_text(const char *sysfs, u32 dev, char *buf, size_t len);

#endif
