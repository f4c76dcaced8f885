/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "disk.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "tracer/base/cleanup.h"

static inline void closedirp(DIR **d)
{
	if (*d)
		closedir(*d);
}

int disk_resolve(const char *name, u32 *ret_dev)
{
	char path[PATH_MAX];
	struct stat st;

	if (snprintf(path, sizeof(path), "%s%s", strchr(name, '/') ? "" : "/dev/", name) >=
	    (int)sizeof(path))
		return -ENAMETOOLONG;
	if (stat(path, &st))
		return -errno;
	if (!S_ISBLK(st.st_mode))
		return -ENOTBLK;
	*ret_dev = (u32)major(st.st_rdev) << 20 | (u32)minor(st.st_rdev);
	return 0;
}

const char *disk_name(u32 dev, char buf[static DISK_NAME_LEN])
{
	char link[64], target[PATH_MAX];
	const char *base;
	ssize_t n;

	snprintf(buf, DISK_NAME_LEN, "%u:%u", dev >> 20, dev & 0xfffff);
	snprintf(link, sizeof(link), "/sys/dev/block/%u:%u", dev >> 20, dev & 0xfffff);
	n = readlink(link, target, sizeof(target) - 1);
	if (n <= 0)
		return buf;
	target[n] = '\0';
	base = strrchr(target, '/');
	base = base ? base + 1 : target;
	if (strlen(base) < DISK_NAME_LEN)
		strcpy(buf, base);
	return buf;
}

bool disk_is_partition(u32 dev)
{
	char path[64];

	snprintf(path, sizeof(path), "/sys/dev/block/%u:%u/partition", dev >> 20, dev & 0xfffff);
	return !access(path, F_OK);
}

static u64 read_number(const char *path)
{
	_cleanup_fclose_ FILE *f = fopen(path, "re");
	unsigned long long v;

	return f && fscanf(f, "%llu", &v) == 1 ? v : 0;
}

static u64 count_entries(const char *path)
{
	_cleanup_(closedirp) DIR *d = opendir(path);
	u64 n = 0;

	for (struct dirent *e = d ? readdir(d) : NULL; e; e = readdir(d))
		n += e->d_name[0] != '.';
	return n;
}

/* A queue for those who poll: its requests are no one else's. Only debugfs says which it is. */
static bool is_polled(const char *disk, const char *queue)
{
	char path[PATH_MAX], type[16];
	_cleanup_fclose_ FILE *f = NULL;

	snprintf(path, sizeof(path), "/sys/kernel/debug/block/%s/hctx%s/type", disk, queue);
	f = fopen(path, "re");
	return f && fgets(type, sizeof(type), f) && !strncmp(type, "poll", 4);
}

u64 disk_requests(u32 dev)
{
	char path[PATH_MAX], name[DISK_NAME_LEN];
	_cleanup_(closedirp) DIR *d = NULL;
	u64 queues = 0;

	disk_name(dev, name);
	snprintf(path, sizeof(path), "/sys/dev/block/%u:%u/mq", dev >> 20, dev & 0xfffff);
	d = opendir(path);
	for (struct dirent *e = d ? readdir(d) : NULL; e; e = readdir(d))
		queues += e->d_name[0] != '.' && !is_polled(name, e->d_name);
	snprintf(path, sizeof(path), "/sys/dev/block/%u:%u/queue/nr_requests", dev >> 20, dev & 0xfffff);
	return queues * read_number(path);
}

u64 disk_total_requests(void)
{
	_cleanup_(closedirp) DIR *d = opendir("/sys/block");
	char path[PATH_MAX];
	u64 total = 0;

	for (struct dirent *e = d ? readdir(d) : NULL; e; e = readdir(d)) {
		u64 queues;

		if (e->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "/sys/block/%s/mq", e->d_name);
		queues = count_entries(path);
		snprintf(path, sizeof(path), "/sys/block/%s/queue/nr_requests", e->d_name);
		total += queues * read_number(path);
	}
	return total;
}

static u64 read_in_flight(const char *dir)
{
	char path[PATH_MAX];
	_cleanup_fclose_ FILE *f = NULL;
	unsigned long long r, w;

	snprintf(path, sizeof(path), "%s/inflight", dir);
	f = fopen(path, "re");
	return f && fscanf(f, "%llu %llu", &r, &w) == 2 ? r + w : 0;
}

/* Of a partition the disk; 0: it is none. */
static u32 disk_of(u32 dev)
{
	char path[64];
	_cleanup_fclose_ FILE *f = NULL;
	unsigned int major, minor;

	if (!disk_is_partition(dev))
		return 0;
	snprintf(path, sizeof(path), "/sys/dev/block/%u:%u/../dev", dev >> 20, dev & 0xfffff);
	f = fopen(path, "re");
	return f && fscanf(f, "%u:%u", &major, &minor) == 2 ? (u32)major << 20 | minor : 0;
}

static bool listed(u32 dev, const u32 *devs, u32 nr)
{
	for (u32 i = 0; i < nr; i++)
		if (devs[i] == dev)
			return true;
	return false;
}

bool disk_is_lone_partition(u32 dev, const u32 *devs, u32 nr)
{
	u32 disk = disk_of(dev);

	return disk && !listed(disk, devs, nr);
}

u64 disk_in_flight(const u32 *devs, u32 nr)
{
	_cleanup_(closedirp) DIR *d = NULL;
	char path[PATH_MAX];
	u64 sum = 0;

	for (u32 i = 0; i < nr; i++) {
		snprintf(path, sizeof(path), "/sys/dev/block/%u:%u", devs[i] >> 20,
			 devs[i] & 0xfffff);
		/* the disk's number has what its partitions have */
		if (listed(disk_of(devs[i]), devs, nr))
			continue;
		sum += read_in_flight(path);
	}
	if (nr)
		return sum;
	d = opendir("/sys/block");
	for (struct dirent *e = d ? readdir(d) : NULL; e; e = readdir(d)) {
		if (e->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "/sys/block/%s", e->d_name);
		sum += read_in_flight(path);
	}
	return sum;
}

void disk_each(disk_fn fn, void *ctx)
{
	_cleanup_(closedirp) DIR *d = opendir("/sys/block");

	for (struct dirent *e = d ? readdir(d) : NULL; e; e = readdir(d)) {
		char path[PATH_MAX];
		_cleanup_fclose_ FILE *f = NULL;
		unsigned int major, minor;

		if (e->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "/sys/block/%s/dev", e->d_name);
		f = fopen(path, "re");
		if (f && fscanf(f, "%u:%u", &major, &minor) == 2)
			fn((u32)major << 20 | minor, ctx);
	}
}

const char *disk_mount(u32 dev, char buf[static DISK_MOUNT_LEN])
{
	_cleanup_fclose_ FILE *f = fopen("/proc/self/mountinfo", "re");
	char line[2 * DISK_MOUNT_LEN], root[DISK_MOUNT_LEN], at[DISK_MOUNT_LEN];
	unsigned int major, minor;

	*buf = '\0';
	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "%*u %*u %u:%u %4095s %4095s", &major, &minor, root, at) == 4 &&
		    (major << 20 | minor) == dev && !strcmp(root, "/")) {
			snprintf(buf, DISK_MOUNT_LEN, "%s", at);
			break;
		}
	return buf;
}

u32 disk_file_systems(const u32 *devs, u32 nr, u32 *ret, u32 max)
{
	_cleanup_fclose_ FILE *f = fopen("/proc/self/mountinfo", "re");
	char line[2 * DISK_MOUNT_LEN], source[DISK_MOUNT_LEN], *rest;
	unsigned int major, minor;
	u32 found = 0, dev;

	while (f && found < max && fgets(line, sizeof(line), f)) {
		rest = strstr(line, " - ");
		if (!rest || sscanf(line, "%*u %*u %u:%u", &major, &minor) != 2 || major ||
		    sscanf(rest, " - %*s %4095s", source) != 1 || *source != '/')
			continue;
		if (!disk_resolve(source, &dev) && listed(dev, devs, nr) && !listed(minor, ret, found))
			ret[found++] = minor;
	}
	return found;
}

static bool read_word(const char *dir, const char *file, char *buf, size_t len)
{
	char path[PATH_MAX];
	_cleanup_fclose_ FILE *f = NULL;

	snprintf(path, sizeof(path), "%s/%s", dir, file);
	f = fopen(path, "re");
	return f && fgets(buf, (int)len, f);
}

static void read_queue(const char *dir, struct disk_queue *ret)
{
	char path[PATH_MAX], text[256];
	bool wbt = read_word(dir, "queue/wbt_lat_usec", text, sizeof(text));

	snprintf(path, sizeof(path), "%s/mq", dir);
	*ret = (struct disk_queue){ .has_requests = !access(path, F_OK), .stamps_issue = wbt };
	if (read_word(dir, "queue/iostats", text, sizeof(text)))
		ret->iostats = text[0] == '1';
	if (!wbt && read_word(dir, "queue/scheduler", text, sizeof(text)))
		ret->stamps_issue = strstr(text, "[bfq]") || strstr(text, "[kyber]");
}

void disk_each_queue(const u32 *devs, u32 nr, void (*fn)(const struct disk_queue *q, void *ctx), void *ctx)
{
	_cleanup_(closedirp) DIR *d = NULL;
	struct disk_queue q;
	char path[PATH_MAX];

	for (u32 i = 0; i < nr; i++) {
		snprintf(path, sizeof(path), "/sys/dev/block/%u:%u%s", devs[i] >> 20, devs[i] & 0xfffff,
			 disk_is_partition(devs[i]) ? "/.." : "");
		read_queue(path, &q);
		fn(&q, ctx);
	}
	if (nr)
		return;
	d = opendir("/sys/block");
	for (struct dirent *e = d ? readdir(d) : NULL; e; e = readdir(d)) {
		if (e->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "/sys/block/%s", e->d_name);
		read_queue(path, &q);
		fn(&q, ctx);
	}
}
