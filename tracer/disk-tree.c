/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "disk-tree.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tracer/base/cleanup.h"

/* Devices that stand on each other; more is a loop in a broken sysfs. */
#define MAX_DEPTH 16

struct found {
	const char *sysfs;
	u32 *devs, max, *nr;
};

static void closedirp(DIR **d)
{
	if (*d)
		closedir(*d);
}

static void dev_dir(const char *sysfs, u32 dev, char path[static PATH_MAX])
{
	snprintf(path, PATH_MAX, "%s/dev/block/%u:%u", sysfs, dev >> 20, dev & 0xfffff);
}

static bool is_partition(const char *dir, const char *name)
{
	char path[PATH_MAX + NAME_MAX + 64];

	snprintf(path, sizeof(path), "%s/%s/partition", dir, name);
	return !access(path, F_OK);
}

/* The number in a device's own file; 0: there is none. */
static u32 read_dev(const char *dir, const char *name)
{
	char path[PATH_MAX + NAME_MAX + 64];
	_cleanup_fclose_ FILE *f = NULL;
	unsigned int major, minor;

	snprintf(path, sizeof(path), "%s/%s/dev", dir, name);
	f = fopen(path, "re");
	return f && fscanf(f, "%u:%u", &major, &minor) == 2 ? major << 20 | minor : 0;
}

/* 1: it is new; 0: it is there already. -E2BIG. */
static int add(const struct found *to, u32 dev)
{
	for (u32 i = 0; i < *to->nr; i++)
		if (to->devs[i] == dev)
			return 0;
	if (*to->nr == to->max)
		return -E2BIG;
	to->devs[(*to->nr)++] = dev;
	return 1;
}

typedef int (*walk_fn)(const struct found *to, u32 dev, int depth);

/* Each device in @sub of a device's directory ("": partitions), and what @deeper finds there. */
static int each(const struct found *to, u32 dev, const char *sub, walk_fn deeper, int depth)
{
	char path[PATH_MAX], dir[PATH_MAX + 16];
	_cleanup_(closedirp) DIR *d = NULL;

	if (depth > MAX_DEPTH)
		return -ELOOP;
	dev_dir(to->sysfs, dev, path);
	snprintf(dir, sizeof(dir), "%s/%s", path, sub);
	d = opendir(dir);
	for (struct dirent *e = d ? readdir(d) : NULL; e; e = readdir(d)) {
		u32 other;
		int r;

		if (e->d_name[0] == '.' || (!*sub && !is_partition(dir, e->d_name)))
			continue;
		other = read_dev(dir, e->d_name);
		r = other ? add(to, other) : 0;
		if (r > 0 && deeper)
			r = deeper(to, other, depth + 1);
		if (r < 0)
			return r;
	}
	return 0;
}

static int above(const struct found *to, u32 dev, int depth)
{
	int err = each(to, dev, "", above, depth);

	return err ? err : each(to, dev, "holders", above, depth);
}

static int below(const struct found *to, u32 dev, int depth)
{
	return each(to, dev, "slaves", below, depth);
}

int disk_partitions(const char *sysfs, u32 dev, u32 *devs, u32 max, u32 *nr)
{
	return each(&(struct found){ sysfs, devs, max, nr }, dev, "", NULL, 0);
}

int disk_stack(const char *sysfs, u32 dev, u32 *devs, u32 max, u32 *nr)
{
	const struct found to = { sysfs, devs, max, nr };
	int err = add(&to, dev);

	if (err >= 0)
		err = above(&to, dev, 0);
	return err < 0 ? err : below(&to, dev, 0);
}

/* ---- in words ---- */

static size_t put(char *buf, size_t len, size_t at, const char *text)
{
	if (at < len)
		at += (size_t)snprintf(buf + at, len - at, "%s", text);
	return at;
}

/* Last part of what a link in sysfs points to. */
static void dev_name(const char *sysfs, u32 dev, char name[static NAME_MAX + 1])
{
	char path[PATH_MAX], target[PATH_MAX];
	const char *base;
	ssize_t n;

	dev_dir(sysfs, dev, path);
	n = readlink(path, target, sizeof(target) - 1);
	target[n > 0 ? n : 0] = '\0';
	base = strrchr(target, '/');
	if (base)
		snprintf(name, NAME_MAX + 1, "%s", base + 1);
	else
		snprintf(name, NAME_MAX + 1, "%u:%u", dev >> 20, dev & 0xfffff);
}

/* The disk of a partition, which is the directory above its own; 0: it is none. */
static u32 disk_of(const char *sysfs, u32 dev)
{
	char path[PATH_MAX];

	dev_dir(sysfs, dev, path);
	return is_partition(path, ".") ? read_dev(path, "..") : 0;
}

int disk_below(const char *sysfs, u32 dev, u32 *devs, u32 max, u32 *nr)
{
	const struct found to = { sysfs, devs, max, nr };
	u32 slaves[16], n = 0;
	int err = each(&(struct found){ sysfs, slaves, ARRAY_SIZE(slaves), &n }, dev, "slaves", NULL, 0);

	for (u32 i = 0; !err && i < n; i++) {
		u32 disk = disk_of(sysfs, slaves[i]);
		int r = add(&to, disk ? disk : slaves[i]);

		err = r < 0 ? r : 0;
	}
	return err;
}

static size_t put_stack(const char *sysfs, u32 dev, char *buf, size_t len, size_t at, int depth)
{
	u32 slaves[16], nr = 0, disk = disk_of(sysfs, dev);
	char name[NAME_MAX + 1];

	dev_name(sysfs, dev, name);
	at = put(buf, len, at, name);
	if (depth > MAX_DEPTH)
		return at;
	if (disk)
		return put_stack(sysfs, disk, buf, len, put(buf, len, at, " -> "), depth + 1);
	each(&(struct found){ sysfs, slaves, ARRAY_SIZE(slaves), &nr }, dev, "slaves", NULL, depth);
	for (u32 i = 0; i < nr; i++) {
		at = put(buf, len, at, i ? ", " : nr > 1 ? " -> [" : " -> ");
		at = put_stack(sysfs, slaves[i], buf, len, at, depth + 1);
	}
	return nr > 1 ? put(buf, len, at, "]") : at;
}

const char *disk_stack_text(const char *sysfs, u32 dev, char *buf, size_t len)
{
	put_stack(sysfs, dev, buf, len, 0, 0);
	return buf;
}
