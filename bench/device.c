/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "device.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "bench/child.h"
#include "bench/device-make.h"
#include "bench/stop.h"
#include "tracer/base/cleanup.h"

static const struct device_maker *const makers[] = { &device_maker_loop, &device_maker_null_blk,
						     &device_maker_scsi_debug };

void device_print(FILE *f)
{
	for (size_t i = 0; i < ARRAY_SIZE(makers); i++) {
		fprintf(f, "  %-20s %s", makers[i]->name, makers[i]->purpose);
		for (const struct order_word *w = makers[i]->words; w->name; w++) {
			fprintf(f, "%s%s=", w == makers[i]->words ? "; " : ", ", w->name);
			for (int c = 0; w->kind == WORD_CHOICE && w->choices[c]; c++)
				fprintf(f, "%s%s", c ? "|" : "", w->choices[c]);
		}
		fprintf(f, "%s\n", makers[i]->takes_others ? " and the kernel's own" : "");
	}
	fprintf(f, "  %-20s the whole run in the VM lab: nvme, virtio, scsi, scsi_debug, null_blk, loop\n"
		   "  %-20s a block device that is not in use, a directory, or a file\n", "lab:DISK", "/PATH");
}

static const char *params_of(const struct device_spec *spec)
{
	const char *colon = strchr(spec->text, ':');

	return colon ? colon + 1 : "";
}

int device_spec_parse(const char *s, struct device_spec *ret, struct why *why)
{
	size_t len = strcspn(s, ":");
	struct device_spec spec = { 0 };
	struct order order;
	int err;

	if (strlen(s) >= sizeof(spec.text))
		return why_fail(why, EXIT_USAGE, -ENAMETOOLONG, "--device %.60s…: too long", s);
	strcpy(spec.text, s);
	for (size_t i = 0; i < ARRAY_SIZE(makers) && s[0] != '/'; i++)
		if (strlen(makers[i]->name) == len && !strncmp(makers[i]->name, s, len))
			spec.maker = makers[i];
	if (s[0] != '/' && (!spec.maker || (s[len] && !s[len + 1])))
		return why_fail(why, EXIT_USAGE, -EINVAL,
				"--device %s: neither a path nor loop, null_blk, scsi_debug or lab:DISK, with :NAME=VALUE,… behind it",
				s);
	err = spec.maker ? order_parse(spec.maker, params_of(&spec), &order, why) : 0;
	if (!err)
		*ret = spec;
	return err;
}

/* sysfs knows the disk of a partition as the directory above it. */
static int fill_names(struct device *d)
{
	char link[64], real[PATH_MAX], mark[PATH_MAX + 16], *base;

	snprintf(link, sizeof(link), "/sys/dev/block/%u:%u", d->major, d->minor);
	if (!realpath(link, real))
		return -errno;
	base = strrchr(real, '/') + 1;
	snprintf(d->name, sizeof(d->name), "%s", base);
	snprintf(mark, sizeof(mark), "%s/partition", real);
	if (!access(mark, F_OK)) {
		base[-1] = '\0';
		base = strrchr(real, '/') + 1;
	}
	snprintf(d->disk, sizeof(d->disk), "%s", base);
	return 0;
}

static void fill_driver(struct device *d)
{
	char link[128], real[PATH_MAX];

	snprintf(link, sizeof(link), "/sys/block/%s/device/driver", d->disk);
	if (realpath(link, real))
		snprintf(d->driver, sizeof(d->driver), "%s", strrchr(real, '/') + 1);
	else /* a virtual device: its name without the number */
		snprintf(d->driver, sizeof(d->driver), "%.*s", (int)strcspn(d->disk, "0123456789"),
			 d->disk);
}

int device_identify(struct device *d, dev_t dev, struct why *why)
{
	int err;

	d->major = major(dev);
	d->minor = minor(dev);
	err = fill_names(d);
	if (err)
		return why_fail(why, EXIT_ENVIRONMENT, err, "%s: not in sysfs", d->path);
	fill_driver(d);
	return 0;
}

int device_describe(struct device *d, int fd, struct why *why)
{
	struct stat st;

	if (fstat(fd, &st) || ioctl(fd, BLKGETSIZE64, &d->size_bytes))
		return why_fail(why, EXIT_ENVIRONMENT, -errno, "%s: %s", d->path, strerror(errno));
	return device_identify(d, st.st_rdev, why);
}

/* Its node may come a moment after the disk: udev makes it on some machines. */
static int open_node(const char *path, bool wait)
{
	int fd = -1;

	for (int i = 0; i < (wait ? 50 : 1); i++) {
		fd = open(path, O_RDWR | O_CLOEXEC);
		if (fd >= 0 || (errno != ENOENT && errno != ENXIO) || sleep_until(now_ns() + 20 * NS_PER_MS))
			break;
	}
	return fd < 0 ? -errno : fd;
}

static int open_made(const struct device_spec *spec, struct undo *u, struct device *d, struct why *why)
{
	_cleanup_close_ int fd = -1;
	struct order order;
	int err = order_parse(spec->maker, params_of(spec), &order, why);

	if (!err)
		err = spec->maker->make(spec, &order, u, d, why);
	if (err)
		return err;
	fd = open_node(d->path, true);
	if (fd < 0)
		return why_fail(why, EXIT_ENVIRONMENT, fd, "%s: %s", d->path, strerror(-fd));
	d->scratch = true;
	snprintf(d->order, sizeof(d->order), "%s", spec->text);
	err = device_describe(d, fd, why);
	if (!err)
		snprintf(d->driver, sizeof(d->driver), "%s", spec->maker->name);
	return err;
}

void device_settle(void)
{
	char *argv[] = { "udevadm", "settle", "--timeout=5", NULL };
	struct child_end end;

	if (!access("/run/udev/control", F_OK))
		child_run(argv, 6 * NS_PER_S, NULL, &end);
}

int device_open(const struct device_spec *spec, const struct opt_list *overwrite, struct undo *u,
		struct device *ret, struct why *why)
{
	struct device d = { .fd = -1 };
	int err = spec->maker ? open_made(spec, u, &d, why) : device_open_path(spec->text, overwrite, &d, why);

	if (err) {
		device_close(&d);
		return err;
	}
	if (spec->maker)
		device_settle();
	*ret = d;
	return 0;
}

void device_close(struct device *d)
{
	if (d->fd >= 0)
		close(take_fd(&d->fd));
}

int device_fill(const struct device *d, uint64_t bytes, struct why *why)
{
	_cleanup_close_ int fd = open(d->path, O_WRONLY | O_EXCL | O_CLOEXEC);

	if (fd < 0)
		return why_fail(why, EXIT_ENVIRONMENT, -errno, "%s: %s", d->path, strerror(errno));
	return device_fill_fd(fd, d->path, bytes, why);
}

int device_fill_fd(int fd, const char *path, uint64_t bytes, struct why *why)
{
	_cleanup_free_ char *block = malloc(1 << 20);
	uint64_t word = 0x9e3779b97f4a7c15u;

	if (!block)
		return -ENOMEM;
	for (size_t i = 0; i < 1 << 20; i += sizeof(word)) {
		word = word * 6364136223846793005u + 1442695040888963407u;
		memcpy(block + i, &word, sizeof(word));
	}
	for (uint64_t at = 0; at < bytes;) {
		uint64_t left = bytes - at;
		ssize_t n = pwrite(fd, block, left < 1 << 20 ? left : 1 << 20, (off_t)at);

		if (stop_signal())
			return -EINTR;
		if (n <= 0)
			return why_fail(why, EXIT_ENVIRONMENT, n ? -errno : -EIO,
					"%s: cannot write: %s", path, n ? strerror(errno) : "no space");
		at += (uint64_t)n;
	}
	return fsync(fd) ? -errno : 0;
}

int device_ios(const struct device *d, uint64_t *ret)
{
	_cleanup_fclose_ FILE *f = NULL;
	unsigned long long reads, writes;
	char path[128];

	snprintf(path, sizeof(path), "/sys/dev/block/%u:%u/stat", d->major, d->minor);
	f = fopen(path, "re");
	if (!f)
		return -errno;
	if (fscanf(f, "%llu %*u %*u %*u %llu", &reads, &writes) != 2)
		return -EPROTO;
	*ret = reads + writes;
	return 0;
}
