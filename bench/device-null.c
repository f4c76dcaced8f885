/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * null_blk through configfs: it works on a kernel where the driver is built in
 * and beside instances of others. What it costs is the CPU's path to a disk.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bench/device-make.h"
#include "bench/file.h"
#include "tracer/base/cleanup.h"

#define CONFIGFS "/sys/kernel/config"

static const char *const irqmodes[] = { "none", "softirq", "timer", NULL };
static const char *const queue_modes[] = { "bio", "rq", "mq", NULL };
static const struct order_word words[] = {
	{ "size", WORD_MIB, "size", NULL },
	{ "block", WORD_BYTES, "blocksize", NULL },
	{ "irqmode", WORD_CHOICE, "irqmode", irqmodes },
	{ "completion", WORD_NS, "completion_nsec", NULL },
	{ "queues", WORD_COUNT, "submit_queues", NULL },
	{ "depth", WORD_COUNT, "hw_queue_depth", NULL },
	{ "queue_mode", WORD_CHOICE, "queue_mode", queue_modes },
	{},
};

static int find_configfs(struct undo *u, struct why *why)
{
	int err = module_load("null_blk", &(struct order){ 1, { { "nr_devices", "0" } } }, u, why);

	if (err < 0)
		return err;
	if (!access(CONFIGFS "/nullb", F_OK))
		return 0;
	err = undo_push_mount(u, CONFIGFS);
	if (!err && mount("none", CONFIGFS, "configfs", 0, NULL)) {
		err = why_fail(why, EXIT_ENVIRONMENT, -errno, "cannot mount configfs: %s", strerror(errno));
		undo_drop(u); /* what is mounted there is not ours */
	}
	return err ? err : access(CONFIGFS "/nullb", F_OK) ?
	       why_fail(why, EXIT_SKIPPED, -EOPNOTSUPP, "this kernel's null_blk cannot be made through configfs") : 0;
}

static int set(const char *dir, const char *name, const char *value, struct why *why)
{
	_cleanup_close_ int fd = -1;
	char path[192];
	ssize_t n;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return why_fail(why, EXIT_USAGE, -EINVAL, "--device null_blk:%s=%s: this kernel's null_blk has no such setting",
				name, value);
	n = write(fd, value, strlen(value));
	return n < 0 ? why_fail(why, EXIT_ENVIRONMENT, -errno, "null_blk: %s=%s: %s", name, value, strerror(errno)) : 0;
}

/* Named after the directory, or on other kernels by an index. */
static int find_disk(const char *dir, struct device *d, struct why *why)
{
	const char *base = strrchr(dir, '/') + 1;
	char path[192], index[16];

	snprintf(path, sizeof(path), "/sys/block/%s", base);
	if (!access(path, F_OK)) {
		snprintf(d->path, sizeof(d->path), "/dev/%s", base);
		return 0;
	}
	snprintf(path, sizeof(path), "%s/index", dir);
	if (file_read_line(path, index, sizeof(index)))
		return why_fail(why, EXIT_ENVIRONMENT, -ENODEV, "null_blk: its disk does not appear");
	snprintf(d->path, sizeof(d->path), "/dev/nullb%s", index);
	return 0;
}

static int make(const struct device_spec *spec, const struct order *o, struct undo *u, struct device *d,
		struct why *why)
{
	char dir[64];
	int err = find_configfs(u, why);

	(void)spec;
	snprintf(dir, sizeof(dir), CONFIGFS "/nullb/iopath%d", getpid());
	if (!err)
		err = undo_push_configfs(u, dir);
	if (!err && mkdir(dir, 0755))
		err = why_fail(why, EXIT_ENVIRONMENT, -errno, "null_blk: cannot make %s: %s", dir, strerror(errno));
	for (unsigned int i = 0; i < o->nr && !err; i++)
		err = set(dir, o->item[i].name, o->item[i].value, why);
	if (!err)
		err = set(dir, "power", "1", why);
	return err ? err : find_disk(dir, d, why);
}

const struct device_maker device_maker_null_blk = {
	.name = "null_blk", .purpose = "the CPU's path to a disk, in memory", .words = words, .takes_others = true,
	/* with memory behind it: file systems work */
	.defaults = "size=512M,memory_backed=1", .make = make,
};
