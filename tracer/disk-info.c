/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "disk-info.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "disk-tree.h"
#include "tracer/base/cleanup.h"

#define NR_KNOWN 64
#define FRESH_S 1

static struct known {
	u32 dev;
	time_t at_s;
	struct disk_info info;
} known[NR_KNOWN];

/* The one in brackets. */
static void read_scheduler(u32 dev, char *buf, size_t len)
{
	char path[96], line[160] = "", *from, *to;
	_cleanup_fclose_ FILE *f = NULL;

	snprintf(path, sizeof(path), "/sys/dev/block/%u:%u/queue/scheduler", dev >> 20, dev & 0xfffff);
	f = fopen(path, "re");
	if (!f || !fgets(line, sizeof(line), f))
		*line = '\0';
	from = strchr(line, '[');
	to = from ? strchr(from, ']') : NULL;
	snprintf(buf, len, "%.*s", to ? (int)(to - from - 1) : 0, to ? from + 1 : "");
}

/* Where @dev is known, or what was asked for longest ago. */
static struct known *place_of(u32 dev)
{
	static struct known *last = &known[0];
	struct known *oldest = &known[0];

	if (last->dev == dev)
		return last;
	for (last = known; last < known + NR_KNOWN; last++) {
		if (last->dev == dev)
			return last;
		if (last->at_s < oldest->at_s)
			oldest = last;
	}
	return last = oldest;
}

const struct disk_info *disk_info(u32 dev)
{
	struct known *k = place_of(dev);
	char mount[DISK_MOUNT_LEN];
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
	if (k->dev == dev && now.tv_sec - k->at_s <= FRESH_S)
		return &k->info;
	k->dev = dev;
	k->at_s = now.tv_sec;
	disk_name(dev, k->info.name);
	read_scheduler(dev, k->info.scheduler, sizeof(k->info.scheduler));
	disk_stack_text("/sys", dev, k->info.stack, sizeof(k->info.stack));
	disk_mount(dev, mount);
	if (!strcmp(mount, "/") || strlen(mount) >= sizeof(k->info.mount))
		*mount = '\0';
	strcpy(k->info.mount, mount);
	return &k->info;
}

/*
 * include/linux/blk_types.h. Those behind are numbered differently from kernel
 * to kernel.
 */
const char *disk_status_text(int status)
{
	static const char *const names[] = {
		[1] = "not supported", [2] = "timeout", [3] = "no space", [4] = "transport error",
		[5] = "target error", [6] = "reservation conflict", [7] = "medium error",
		[8] = "protection error", [9] = "out of resources", [10] = "I/O error", [11] = "dm requeue",
		[12] = "would block", [13] = "device out of resources",
	};

	if (status < 0)
		return strerror(-status);
	return status < (int)ARRAY_SIZE(names) ? names[status] : NULL;
}
