/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/loop.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ground-check.h"
#include "ground-loop.h"
#include "ground-place.h"
#include "tracer/base/cleanup.h"

static int sysfs_open(const char *disk, const char *attribute, int flags)
{
	char path[96];

	snprintf(path, sizeof(path), "/sys/block/%s/%s", disk, attribute);
	return open(path, flags | O_CLOEXEC);
}

static int sysfs_read(const char *disk, const char *attribute, char *buf, size_t len)
{
	_cleanup_close_ int fd = sysfs_open(disk, attribute, O_RDONLY);
	ssize_t n = fd < 0 ? -1 : read(fd, buf, len - 1);

	if (n < 0)
		return -errno;
	buf[n] = 0;
	return 0;
}

/* The one in brackets. */
static int scheduler_read(const char *disk, char *buf, size_t len)
{
	char all[128], *from, *to;
	int err = sysfs_read(disk, "queue/scheduler", all, sizeof(all));

	if (err)
		return err;
	from = strchr(all, '[');
	to = from ? strchr(from, ']') : NULL;
	if (!to)
		return -EINVAL;
	snprintf(buf, len, "%.*s", (int)(to - from - 1), from + 1);
	return 0;
}

static int sysfs_write(const char *disk, const char *attribute, const char *text)
{
	_cleanup_close_ int fd = sysfs_open(disk, attribute, O_WRONLY);

	return fd < 0 || write(fd, text, strlen(text)) < 0 ? -errno : 0;
}

/* Where a queue has none, it takes any name and does nothing: a loop device of 5.10. */
static int scheduler_write(const char *disk, const char *name)
{
	int err = sysfs_write(disk, "queue/scheduler", name);
	char chosen[32];

	if (!err)
		err = scheduler_read(disk, chosen, sizeof(chosen));
	if (!err && strcmp(chosen, name))
		err = -ENOENT;
	return err == -EINVAL ? -ENOENT : err;
}

/* Another program may take the free one first: try the next. */
static int configure(struct loop *l, int control)
{
	struct loop_config config = {
		.fd = (uint32_t)l->backing,
		.block_size = 512,
		.info.lo_flags = LO_FLAGS_AUTOCLEAR,
	};

	for (int tries = 0; tries < 16; tries++) {
		int nr = ioctl(control, LOOP_CTL_GET_FREE);

		if (nr < 0)
			return -errno;
		snprintf(l->name, sizeof(l->name), "loop%d", nr);
		snprintf(l->path, sizeof(l->path), "/dev/%s", l->name);
		l->fd = open(l->path, O_RDWR | O_CLOEXEC);
		if (l->fd < 0)
			return -errno;
		if (!ioctl(l->fd, LOOP_CONFIGURE, &config))
			return 0;
		close(l->fd);
		l->fd = -1;
		if (errno != EBUSY)
			return -errno;
	}
	return -EBUSY;
}

/* Those whose scheduler must be put back if the test ends early. */
static struct loop *changed[8];

static void put_back(struct loop *l)
{
	for (size_t i = 0; i < ARRAY_SIZE(changed); i++)
		if (changed[i] == l) {
			changed[i] = NULL;
			scheduler_write(l->name, l->scheduler);
		}
}

static void put_all_back(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(changed); i++)
		if (changed[i])
			put_back(changed[i]);
}

static int remember(struct loop *l)
{
	size_t i = 0;

	while (i < ARRAY_SIZE(changed) && changed[i] && changed[i] != l)
		i++;
	if (i == ARRAY_SIZE(changed))
		return -ENOSPC;
	changed[i] = l;
	place_at_end(put_all_back);
	return 0;
}

int loop_make_on(struct loop *l, int backing)
{
	_cleanup_close_ int control = open("/dev/loop-control", O_RDWR | O_CLOEXEC);
	struct loop made = { .fd = -1, .backing = backing };
	int err = control < 0 ? -errno : configure(&made, control);

	if (!err)
		err = scheduler_read(made.name, made.scheduler, sizeof(made.scheduler));
	if (err) {
		closep(&made.fd);
		close(backing);
		return err;
	}
	*l = made;
	return 0;
}

int loop_make(struct loop *l, uint64_t bytes)
{
	int memory = memfd_create("iopath-test", MFD_CLOEXEC);

	if (memory < 0)
		return -errno;
	if (ftruncate(memory, (off_t)bytes)) {
		close(memory);
		return -errno;
	}
	return loop_make_on(l, memory);
}

const char *loop_need(struct loop *l, uint64_t bytes)
{
	static char why[96];
	const char *no = place_ready();
	int err;

	if (no || l->fd >= 0)
		return no;
	err = loop_make(l, bytes);
	if (!err)
		return NULL;
	snprintf(why, sizeof(why), "no loop device: %s", strerror(-err));
	return why;
}

int loop_set_scheduler(struct loop *l, const char *name)
{
	int err = remember(l);

	return err ? err : scheduler_write(l->name, name);
}

bool loop_takes_scheduler(struct loop *l, const char *name)
{
	int err = loop_set_scheduler(l, name);

	if (err != -ENOENT)
		return check_same("set the scheduler", err, 0);
	printf("    %s has no scheduler %s here: left out\n", l->name, name);
	return false;
}

void loop_remove(struct loop *l)
{
	if (l->fd < 0)
		return;
	put_back(l);
	close(take_fd(&l->fd));
	close(take_fd(&l->backing));
}

int loop_resize(struct loop *l, uint64_t bytes)
{
	return ftruncate(l->backing, (off_t)bytes) || ioctl(l->fd, LOOP_SET_CAPACITY) ? -errno : 0;
}

dev_t loop_dev(const struct loop *l)
{
	struct stat st;

	return fstat(l->fd, &st) ? 0 : st.st_rdev;
}

int disk_stat_read(const char *name, struct disk_stat *ret)
{
	struct disk_stat s;
	char text[512];
	int err = sysfs_read(name, "stat", text, sizeof(text));

	if (err)
		return err;
	if (sscanf(text,
		   "%" SCNu64 " %" SCNu64 " %" SCNu64 " %*u %" SCNu64 " %" SCNu64 " %" SCNu64
		   " %*u %*u %*u %*u"
		   " %" SCNu64 " %" SCNu64 " %" SCNu64 " %*u %" SCNu64,
		   &s.reads, &s.read_merges, &s.read_sectors, &s.writes, &s.write_merges, &s.write_sectors,
		   &s.discards, &s.discard_merges, &s.discard_sectors, &s.flushes) != 10)
		return -EINVAL;
	*ret = s;
	return 0;
}

struct disk_stat disk_stat_since(const char *name, const struct disk_stat *before)
{
	struct disk_stat now = *before;

	disk_stat_read(name, &now);
	return (struct disk_stat){
		.reads = now.reads - before->reads,
		.read_merges = now.read_merges - before->read_merges,
		.read_sectors = now.read_sectors - before->read_sectors,
		.writes = now.writes - before->writes,
		.write_merges = now.write_merges - before->write_merges,
		.write_sectors = now.write_sectors - before->write_sectors,
		.discards = now.discards - before->discards,
		.discard_merges = now.discard_merges - before->discard_merges,
		.discard_sectors = now.discard_sectors - before->discard_sectors,
		.flushes = now.flushes - before->flushes,
	};
}

int64_t loop_queue_number(const struct loop *l, const char *attribute)
{
	char name[64], text[64];
	int err;

	snprintf(name, sizeof(name), "queue/%s", attribute);
	err = sysfs_read(l->name, name, text, sizeof(text));
	return err ? err : strtoll(text, NULL, 10);
}

int loop_queue_swap(const struct loop *l, const char *attribute, int64_t *number)
{
	int64_t was = loop_queue_number(l, attribute);
	char name[64], text[24];
	int err;

	snprintf(name, sizeof(name), "queue/%s", attribute);
	snprintf(text, sizeof(text), "%" PRId64, *number);
	err = was < 0 ? (int)was : sysfs_write(l->name, name, text);
	if (!err)
		*number = was;
	return err;
}
