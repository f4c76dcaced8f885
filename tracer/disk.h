/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Block devices by name and number. Numbers are the kernel's own
 * (major << 20 | minor), as bpf/wire.h has them.
 */
#ifndef IOPATH_DISK_H
#define IOPATH_DISK_H

#include <stdbool.h>

#include "bpf/wire.h"

#define DISK_NAME_LEN 64

/*
 * "/dev/nvme0n1", "nvme0n1" or a partition. -ENOENT: no such device; -ENOTBLK:
 * exists, but is no block device; other -errno from stat(2).
 */
int disk_resolve(const char *name, u32 *ret_dev);

bool disk_is_partition(u32 dev);
/* A partition whose disk is not among @devs. */
bool disk_is_lone_partition(u32 dev, const u32 *devs, u32 nr);

/* Name as under /sys/block, else "major:minor". Always fills @buf. */
const char *disk_name(u32 dev, char buf[static DISK_NAME_LEN]);

/* Requests that a disk can have allocated at once, over all its queues but those to poll; 0: not known. */
u64 disk_requests(u32 dev);

/* Sum of nr_requests over all queues of all disks, for sizing tables. */
u64 disk_total_requests(void);

/* Requests in flight by the kernel's own count: on these disks, or on all (nr 0). */
u64 disk_in_flight(const u32 *devs, u32 nr);

typedef void (*disk_fn)(u32 dev, void *ctx);
/* Every disk there is; no partitions. */
void disk_each(disk_fn fn, void *ctx);

/* Where a file system is mounted, by the device number that the kernel has it under; "" when it is not. */
#define DISK_MOUNT_LEN 4096
const char *disk_mount(u32 dev, char buf[static DISK_MOUNT_LEN]);

/*
 * Numbers of their own that file systems on @devs have (btrfs), by what is
 * mounted now; of one on several devices by the first alone. As many as there is room for; how many.
 */
u32 disk_file_systems(const u32 *devs, u32 nr, u32 *ret, u32 max);

/* What /sys/block/DISK says of its queue. */
struct disk_queue {
	bool has_requests;	/* no bio-based device */
	bool iostats;
	bool stamps_issue;	/* request.io_start_time_ns is kept: wbt, bfq or kyber */
};

/* The queues of these disks (or of the disks of these partitions), or of all disks (nr 0). */
void disk_each_queue(const u32 *devs, u32 nr, void (*fn)(const struct disk_queue *q, void *ctx), void *ctx);

#endif
