/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A device that the user named; or a directory or file, and the device below it. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "bench/device-make.h"
#include "bench/guard.h"
#include "tracer/base/cleanup.h"
#include "tracer/base/parse.h"

#define DISK_MIN (64ull << 20)
#define PLACE_MIN (512ull << 20)	/* the files of the workloads, and as much again */

static bool listed(const struct opt_list *l, const char *s)
{
	for (size_t i = 0; i < l->nr; i++)
		if (!strcmp(l->v[i], s))
			return true;
	return false;
}

static int open_block(const struct opt_list *overwrite, const struct stat *st, struct device *d,
		      struct why *why)
{
	_cleanup_close_ int fd = -1;
	char signatures[256], text[32];
	int read_only = 0, err;

	err = guard_in_use(&guard_world_real, d->path, major(st->st_rdev), minor(st->st_rdev), why);
	if (err)
		return err;
	fd = open(d->path, O_RDWR | O_EXCL | O_CLOEXEC);
	if (fd < 0)
		return why_fail(why, EXIT_ENVIRONMENT, -errno, "%s: %s", d->path,
				errno == EBUSY ? "in use (mounted, swap, or held by dm or md)" :
						 strerror(errno));
	if (!ioctl(fd, BLKROGET, &read_only) && read_only)
		return why_fail(why, EXIT_ENVIRONMENT, -EROFS, "%s is read-only", d->path);
	err = guard_signatures(d->path, signatures, sizeof(signatures), why);
	if (err)
		return err;
	if (signatures[0] && !listed(overwrite, d->path))
		return why_fail(why, EXIT_ENVIRONMENT, -EEXIST,
				"%s holds data (%s) that a run would destroy; to allow it add --overwrite %s",
				d->path, signatures, d->path);
	err = device_describe(d, fd, why);
	if (!err && d->size_bytes < DISK_MIN)
		return why_fail(why, EXIT_ENVIRONMENT, -ENOSPC, "%s is too small: %s, 64M are needed", d->path,
				fmt_size(d->size_bytes, text, sizeof(text)));
	return err;
}

/* The device below a file system, by the number that its files bear. */
static int find_below(struct device *d, const struct stat *st, const char *given, struct why *why)
{
	char link[64], real[PATH_MAX];

	snprintf(link, sizeof(link), "/sys/dev/block/%u:%u", major(st->st_dev), minor(st->st_dev));
	if (!realpath(link, real))
		return why_fail(why, EXIT_ENVIRONMENT, -ENOTBLK,
				"--device %s: no block device below it that the kernel names (memory, a network, an overlay?)",
				given);
	snprintf(d->path, sizeof(d->path), "/dev/%.200s", strrchr(real, '/') + 1);
	return device_identify(d, st->st_dev, why);
}

static int check_directory(const char *given, struct device *d, struct why *why)
{
	struct statvfs v;
	uint64_t free_bytes;
	char text[32];

	if (statvfs(given, &v))
		return why_fail(why, EXIT_USAGE, -errno, "--device %s: %s", given, strerror(errno));
	if (v.f_flag & ST_RDONLY)
		return why_fail(why, EXIT_ENVIRONMENT, -EROFS, "--device %s: its file system is read-only", given);
	free_bytes = (uint64_t)v.f_bavail * v.f_frsize;
	if (free_bytes < PLACE_MIN)
		return why_fail(why, EXIT_ENVIRONMENT, -ENOSPC, "--device %s: %s free, 512M are needed", given,
				fmt_size(free_bytes, text, sizeof(text)));
	d->size_bytes = free_bytes / 2;
	return 0;
}

static int check_file(const char *given, const struct stat *st, const struct opt_list *overwrite, struct device *d,
		      struct why *why)
{
	_cleanup_close_ int fd = open(given, O_RDWR | O_CLOEXEC);

	if (fd < 0)
		return why_fail(why, EXIT_ENVIRONMENT, -errno, "--device %s: %s", given, strerror(errno));
	if (st->st_size < (off_t)DISK_MIN)
		return why_fail(why, EXIT_ENVIRONMENT, -ENOSPC, "--device %s: a file of less than 64M", given);
	if (!listed(overwrite, given))
		return why_fail(why, EXIT_ENVIRONMENT, -EEXIST,
				"%s is a file whose content a run would destroy; to allow it add --overwrite %s", given, given);
	d->is_file = true;
	d->size_bytes = (uint64_t)st->st_size;
	return 0;
}

int device_open_path(const char *given, const struct opt_list *overwrite, struct device *d, struct why *why)
{
	struct stat st;
	int err;

	snprintf(d->path, sizeof(d->path), "%s", given);
	if (stat(given, &st))
		return why_fail(why, EXIT_USAGE, -errno, "--device %s: %s", given, strerror(errno));
	if (S_ISBLK(st.st_mode))
		return open_block(overwrite, &st, d, why);
	if (!S_ISDIR(st.st_mode) && !S_ISREG(st.st_mode))
		return why_fail(why, EXIT_USAGE, -ENOTBLK, "--device %s: no block device, directory or file", given);
	err = find_below(d, &st, given, why);
	if (!err)
		err = S_ISDIR(st.st_mode) ? check_directory(given, d, why) : check_file(given, &st, overwrite, d, why);
	if (!err)
		snprintf(d->place, sizeof(d->place), "%s", given);
	return err;
}
