/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Devices on each other, in a made-up sysfs: a disk with two partitions, on
 * the second of them dm-0, and with a disk of its own dm-1 on dm-0 (a mirror).
 */
#include <errno.h>
#include <ftw.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tracer/base/cleanup.h"
#include "tracer/base/test.h"
#include "tracer/disk-tree.h"

#define DEV(major, minor) ((u32)(major) << 20 | (minor))

enum { NVME_CHAR = 240 };

static char root[] = "/tmp/iopath-sysfs-XXXXXX";

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st, (void)type, (void)ftw;
	return remove(path);
}

static void remove_root(void)
{
	nftw(root, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static void put(const char *file, const char *text)
{
	char path[PATH_MAX], *slash;
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", root, file);
	for (slash = path + strlen(root) + 1; (slash = strchr(slash, '/')); slash++) {
		*slash = '\0';
		mkdir(path, 0755);
		*slash = '/';
	}
	f = fopen(path, "we");
	if (f) {
		fputs(text, f);
		fclose(f);
	}
}

static void link_to(const char *target, const char *name)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/%s", root, name);
	CU_ASSERT(!symlink(target, path));
}

static void make_sysfs(void)
{
	static bool done;

	if (done)
		return;
	done = true;
	CU_ASSERT(mkdtemp(root) != NULL);
	atexit(remove_root);
	put("devices/nvme0/dev", "240:0\n");
	put("devices/nvme0/nvme0n1/dev", "259:0\n");
	put("devices/nvme0/nvme0n1/nvme0n1p1/dev", "259:1\n");
	put("devices/nvme0/nvme0n1/nvme0n1p1/partition", "1\n");
	put("devices/nvme0/nvme0n1/nvme0n1p2/dev", "259:2\n");
	put("devices/nvme0/nvme0n1/nvme0n1p2/partition", "2\n");
	put("devices/nvme0/nvme0n1/nvme0n1p2/holders/x", "");
	put("devices/sda/dev", "8:0\n");
	put("devices/sda/holders/x", "");
	put("devices/dm-0/dev", "253:0\n");
	put("devices/dm-0/slaves/x", "");
	put("devices/dm-0/holders/x", "");
	put("devices/dm-1/dev", "253:1\n");
	put("devices/dm-1/slaves/x", "");
	put("dev/block/x", "");
	/* as sysfs has it: the controller, a character device */
	link_to("../../nvme0", "devices/nvme0/nvme0n1/device");
	link_to("../../../../dm-0", "devices/nvme0/nvme0n1/nvme0n1p2/holders/dm-0");
	link_to("../../nvme0/nvme0n1/nvme0n1p2", "devices/dm-0/slaves/nvme0n1p2");
	link_to("../../dm-1", "devices/dm-0/holders/dm-1");
	link_to("../../dm-1", "devices/sda/holders/dm-1");
	link_to("../../dm-0", "devices/dm-1/slaves/dm-0");
	link_to("../../sda", "devices/dm-1/slaves/sda");
	link_to("../../devices/nvme0/nvme0n1", "dev/block/259:0");
	link_to("../../devices/nvme0/nvme0n1/nvme0n1p1", "dev/block/259:1");
	link_to("../../devices/nvme0/nvme0n1/nvme0n1p2", "dev/block/259:2");
	link_to("../../devices/sda", "dev/block/8:0");
	link_to("../../devices/dm-0", "dev/block/253:0");
	link_to("../../devices/dm-1", "dev/block/253:1");
}

static bool has(const u32 *devs, u32 nr, u32 dev)
{
	for (u32 i = 0; i < nr; i++)
		if (devs[i] == dev)
			return true;
	return false;
}

TEST(partitions_of_a_disk)
{
	u32 devs[8], nr = 0;

	make_sysfs();
	CU_ASSERT(!disk_partitions(root, DEV(259, 0), devs, 8, &nr));
	CU_ASSERT(nr == 2 && has(devs, nr, DEV(259, 1)) && has(devs, nr, DEV(259, 2)));
	CU_ASSERT(!has(devs, nr, DEV(NVME_CHAR, 0)));
	nr = 0;
	CU_ASSERT(!disk_partitions(root, DEV(8, 0), devs, 8, &nr) && !nr);
	CU_ASSERT(!disk_partitions(root, DEV(1, 1), devs, 8, &nr) && !nr);
}

TEST(all_above_a_disk)
{
	static const u32 want[] = { DEV(259, 0), DEV(259, 1), DEV(259, 2), DEV(253, 0), DEV(253, 1) };
	u32 devs[16], nr = 0;

	make_sysfs();
	CU_ASSERT(!disk_stack(root, DEV(259, 0), devs, 16, &nr));
	CU_ASSERT(nr == ARRAY_SIZE(want));
	for (size_t i = 0; i < ARRAY_SIZE(want); i++)
		CU_ASSERT(has(devs, nr, want[i]));
}

/* Of dm-0 the partition below, not the disk of which that is a part; and what is above. */
TEST(above_and_below_a_dm)
{
	static const u32 want[] = { DEV(253, 0), DEV(259, 2), DEV(253, 1) };
	u32 devs[16], nr = 0;

	make_sysfs();
	CU_ASSERT(!disk_stack(root, DEV(253, 0), devs, 16, &nr));
	CU_ASSERT(nr == ARRAY_SIZE(want));
	for (size_t i = 0; i < ARRAY_SIZE(want); i++)
		CU_ASSERT(has(devs, nr, want[i]));
}

TEST(more_than_there_is_room_for)
{
	u32 devs[2], nr = 0;

	make_sysfs();
	CU_ASSERT(disk_stack(root, DEV(259, 0), devs, 2, &nr) == -E2BIG);
}

/* Two roads may lead to one device. */
TEST(nothing_twice)
{
	u32 devs[16], nr = 0;

	make_sysfs();
	CU_ASSERT(!disk_stack(root, DEV(259, 0), devs, 16, &nr));
	CU_ASSERT(!disk_stack(root, DEV(253, 1), devs, 16, &nr));
	CU_ASSERT(nr == 6);
}

TEST(stacks_in_words)
{
	char buf[128], tiny[8];

	make_sysfs();
	CU_ASSERT_STRING_EQUAL(disk_stack_text(root, DEV(8, 0), buf, sizeof(buf)), "sda");
	CU_ASSERT_STRING_EQUAL(disk_stack_text(root, DEV(253, 0), buf, sizeof(buf)), "dm-0 -> nvme0n1p2 -> nvme0n1");
	disk_stack_text(root, DEV(253, 1), buf, sizeof(buf));
	CU_ASSERT(!strcmp(buf, "dm-1 -> [dm-0 -> nvme0n1p2 -> nvme0n1, sda]") ||
		  !strcmp(buf, "dm-1 -> [sda, dm-0 -> nvme0n1p2 -> nvme0n1]"));
	CU_ASSERT_STRING_EQUAL(disk_stack_text(root, DEV(7, 9), buf, sizeof(buf)), "7:9");
	CU_ASSERT_STRING_EQUAL(disk_stack_text(root, DEV(253, 0), tiny, sizeof(tiny)), "dm-0 ->");
}

TEST_MAIN("disk-tree", T(partitions_of_a_disk), T(all_above_a_disk), T(above_and_below_a_dm),
	  T(more_than_there_is_room_for), T(nothing_twice), T(stacks_in_words))
