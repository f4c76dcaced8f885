/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "device.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/loop.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "bench/guard.h"
#include "bench/stop.h"
#include "tracer/base/cleanup.h"
#include "tracer/base/parse.h"

#define SCRATCH_SIZE (512ull << 20)
#define SCRATCH_MIN (64ull << 20)

int device_spec_parse(const char *s, struct device_spec *ret, struct why *why)
{
	struct device_spec spec = { .size_bytes = SCRATCH_SIZE };

	if (s[0] == '/') {
		spec.path = s;
	} else if (!strcmp(s, "loop")) {
		spec.scratch = true;
	} else if (!strncmp(s, "loop:size=", 10)) {
		spec.scratch = true;
		if (parse_size_bytes(s + 10, &spec.size_bytes))
			return why_fail(why, EXIT_USAGE, -EINVAL, "--device %s: not a size: %s", s,
					s + 10);
		if (spec.size_bytes < SCRATCH_MIN)
			return why_fail(why, EXIT_USAGE, -ERANGE, "--device %s: less than 64M", s);
	} else {
		return why_fail(why, EXIT_USAGE, -EINVAL,
				"--device %s: neither loop, loop:size=SIZE nor a path", s);
	}
	*ret = spec;
	return 0;
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

static int describe(struct device *d, int fd, struct why *why)
{
	struct stat st;
	int err;

	if (fstat(fd, &st) || ioctl(fd, BLKGETSIZE64, &d->size_bytes))
		return why_fail(why, EXIT_ENVIRONMENT, -errno, "%s: %s", d->path, strerror(errno));
	d->major = major(st.st_rdev);
	d->minor = minor(st.st_rdev);
	err = fill_names(d);
	if (err)
		return why_fail(why, EXIT_ENVIRONMENT, err, "%s: not in sysfs", d->path);
	fill_driver(d);
	return 0;
}

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

static int open_scratch(const struct device_spec *spec, struct undo *u, struct device *d,
			struct why *why)
{
	_cleanup_close_ int control = open("/dev/loop-control", O_RDWR | O_CLOEXEC), backing = -1;
	char tag[LO_NAME_SIZE];
	int err = -EBUSY;

	if (control < 0)
		return why_fail(why, EXIT_ENVIRONMENT, -errno,
				"cannot make a scratch device: /dev/loop-control: %s",
				strerror(errno));
	snprintf(tag, sizeof(tag), "iopath-bench.%d.%llu", getpid(), (unsigned long long)now_ns());
	backing = make_backing(spec->size_bytes, tag, why);
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
	if (err)
		return why_fail(why, EXIT_ENVIRONMENT, err, "%s: cannot set it up: %s", d->path,
				strerror(-err));
	d->scratch = true;
	return describe(d, d->fd, why);
}

static bool listed(const struct opt_list *l, const char *s)
{
	for (size_t i = 0; i < l->nr; i++)
		if (!strcmp(l->v[i], s))
			return true;
	return false;
}

static int open_path(const struct device_spec *spec, const struct opt_list *overwrite,
		     struct device *d, struct why *why)
{
	_cleanup_close_ int fd = -1;
	char signatures[256];
	struct stat st;
	int err;

	snprintf(d->path, sizeof(d->path), "%s", spec->path);
	if (stat(d->path, &st))
		return why_fail(why, EXIT_USAGE, -errno, "--device %s: %s", d->path,
				strerror(errno));
	if (!S_ISBLK(st.st_mode))
		return why_fail(why, EXIT_USAGE, -ENOTBLK, "--device %s: not a block device",
				d->path);
	err = guard_in_use(&guard_world_real, d->path, major(st.st_rdev), minor(st.st_rdev), why);
	if (err)
		return err;
	fd = open(d->path, O_RDWR | O_EXCL | O_CLOEXEC);
	if (fd < 0)
		return why_fail(why, EXIT_ENVIRONMENT, -errno, "%s: %s", d->path,
				errno == EBUSY ? "in use (mounted, swap, or held by dm or md)" :
						 strerror(errno));
	err = guard_signatures(d->path, signatures, sizeof(signatures), why);
	if (err)
		return err;
	if (signatures[0] && !listed(overwrite, d->path))
		return why_fail(why, EXIT_ENVIRONMENT, -EEXIST,
				"%s holds data (%s) that a run would destroy; to allow it add --overwrite %s",
				d->path, signatures, d->path);
	return describe(d, fd, why);
}

int device_open(const struct device_spec *spec, const struct opt_list *overwrite, struct undo *u,
		struct device *ret, struct why *why)
{
	struct device d = { .fd = -1 };
	int err = spec->scratch ? open_scratch(spec, u, &d, why) :
				  open_path(spec, overwrite, &d, why);

	if (err) {
		device_close(&d);
		return err;
	}
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
	_cleanup_free_ char *block = malloc(1 << 20);
	uint64_t word = 0x9e3779b97f4a7c15u;

	if (fd < 0)
		return why_fail(why, EXIT_ENVIRONMENT, -errno, "%s: %s", d->path, strerror(errno));
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
					"%s: cannot write: %s", d->path, strerror(errno));
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
