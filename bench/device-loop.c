/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A loop device on memory that has no name: both are gone with their last user. */
#include <errno.h>
#include <fcntl.h>
#include <linux/loop.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "bench/device-make.h"
#include "bench/stop.h"
#include "tracer/base/cleanup.h"
#include "tracer/base/parse.h"

static const struct order_word words[] = { { "size", WORD_MIB, "size", NULL }, {} };

static uint64_t available_memory(void)
{
	_cleanup_fclose_ FILE *f = fopen("/proc/meminfo", "re");
	char line[128];
	unsigned long long kib = 0;

	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "MemAvailable: %llu kB", &kib) == 1)
			break;
	return kib << 10;
}

/* @tag also names the memfd: sysfs shows whose device it is. */
static int make_backing(uint64_t size, const char *tag, struct why *why)
{
	_cleanup_close_ int fd = -1;
	char text[32];

	if (size > available_memory() / 2)
		return why_fail(why, EXIT_ENVIRONMENT, -ENOMEM,
				"a scratch device of %s does not fit into half of the free memory",
				fmt_size(size, text, sizeof(text)));
	fd = memfd_create(tag, MFD_CLOEXEC);
	/* allocated now: a measured cell must not be the first to touch a page */
	if (fd < 0 || fallocate(fd, 0, 0, (off_t)size))
		return why_fail(why, EXIT_ENVIRONMENT, -errno, "cannot make a scratch device: %s",
				strerror(errno));
	return take_fd(&fd);
}

static int configure_loop(struct device *d, int backing, const char *tag)
{
	struct loop_config config = { .fd = (uint32_t)backing };

	d->fd = open(d->path, O_RDWR | O_CLOEXEC);
	if (d->fd < 0)
		return -errno;
	config.info.lo_flags = LO_FLAGS_AUTOCLEAR;
	snprintf((char *)config.info.lo_file_name, LO_NAME_SIZE, "%s", tag);
	if (!ioctl(d->fd, LOOP_CONFIGURE, &config))
		return 0;
	close(take_fd(&d->fd));
	return -errno;
}

static int make(const struct device_spec *spec, const struct order *o, struct undo *u, struct device *d,
		struct why *why)
{
	uint64_t size_bytes = strtoull(order_value(o, "size"), NULL, 10) << 20;
	_cleanup_close_ int control = open("/dev/loop-control", O_RDWR | O_CLOEXEC), backing = -1;
	char tag[LO_NAME_SIZE];
	int err = -EBUSY;

	(void)spec;
	if (control < 0)
		return why_fail(why, EXIT_ENVIRONMENT, -errno,
				"cannot make a scratch device: /dev/loop-control: %s",
				strerror(errno));
	snprintf(tag, sizeof(tag), "iopath-bench.%d.%llu", getpid(), (unsigned long long)now_ns());
	backing = make_backing(size_bytes, tag, why);
	if (backing < 0)
		return backing;
	/* somebody else may take the free number first */
	for (int i = 0; i < 10 && err == -EBUSY; i++) {
		int nr = ioctl(control, LOOP_CTL_GET_FREE);

		if (nr < 0)
			return why_fail(why, EXIT_ENVIRONMENT, -errno, "no free loop device: %s",
					strerror(errno));
		snprintf(d->path, sizeof(d->path), "/dev/loop%d", nr);
		err = undo_push_loop(u, d->path, tag);
		if (err)
			return err;
		err = configure_loop(d, backing, tag);
		if (err)
			undo_drop(u);
	}
	return err ? why_fail(why, EXIT_ENVIRONMENT, err, "%s: cannot set it up: %s", d->path, strerror(-err)) : 0;
}

const struct device_maker device_maker_loop = {
	.name = "loop", .purpose = "on memory", .words = words, .defaults = "size=512M", .make = make,
};
