/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "target.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bench/child.h"
#include "bench/file.h"
#include "bench/stop.h"
#include "tracer/base/cleanup.h"

/* On a scratch device, which goes away, it is of no matter. */
static int make_ext4(const struct device *d, struct undo *u, struct why *why)
{
	char uuid[40] = "random";
	/* no lazy init: its thread would write during the cells */
	char *argv[] = { "mkfs.ext4", "-q", "-F", "-U", uuid, "-E", "lazy_itable_init=0,lazy_journal_init=0",
			 (char *)d->path, NULL };
	_cleanup_free_ char *out = NULL;
	struct child_end end;
	int err = d->scratch ? 0 : file_read_line("/proc/sys/kernel/random/uuid", uuid, sizeof(uuid));

	if (!err && !d->scratch)
		err = undo_push_ext4(u, d->path, uuid);
	if (err)
		return err;
	err = child_run(argv, 300 * NS_PER_S, &out, &end);
	if (err == -EINTR)
		return err;
	if (err)
		return why_fail(why, EXIT_ENVIRONMENT, err, "cannot run mkfs.ext4: %s",
				strerror(-err));
	if (end.status)
		return why_fail(why, EXIT_ENVIRONMENT, -EIO, "mkfs.ext4 %s failed: %.200s", d->path,
				out);
	return 0;
}

static int mount_ext4(const struct device *d, struct undo *u, const char *at, struct why *why)
{
	int err = undo_push_dir(u, at);

	if (!err && mkdir(at, 0700) && errno != EEXIST)
		return why_fail(why, EXIT_ENVIRONMENT, -errno, "cannot create %s: %s", at,
				strerror(errno));
	if (!err)
		err = undo_push_mount(u, at);
	if (!err && mount(d->path, at, "ext4", MS_NOSUID | MS_NODEV, NULL))
		return why_fail(why, EXIT_ENVIRONMENT, -errno, "cannot mount ext4 of %s: %s",
				d->path, strerror(errno));
	return err;
}

/* A file of @bytes, written once; one that is there keeps its size. */
static int fill_file(const char *path, uint64_t bytes, struct why *why)
{
	_cleanup_close_ int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	if (fd < 0)
		return why_fail(why, EXIT_ENVIRONMENT, -errno, "%s: %s", path, strerror(errno));
	return device_fill_fd(fd, path, bytes, why);
}

/* A directory of ours in the user's, or the user's file: nothing else is touched. */
static int open_place(const struct device *d, const struct workload *w, uint64_t span_bytes, struct undo *u,
		      struct target *t, struct why *why)
{
	char at[280];
	int err;

	t->size_bytes = w->on_ext4 ? 0 : d->size_bytes < span_bytes ? d->size_bytes : span_bytes;
	if (d->is_file && w->many_files)
		return why_fail(why, EXIT_SKIPPED, -EOPNOTSUPP, "it uses many files, and %s is one", d->place);
	snprintf(t->filename, sizeof(t->filename), "%s", d->place);
	if (d->is_file)
		return w->on_ext4 ? 0 : fill_file(t->filename, t->size_bytes, why);
	snprintf(at, sizeof(at), "%s/iopath-bench.%d", d->place, getpid());
	snprintf(t->filename, sizeof(t->filename), "%s%s", at, w->many_files ? "" : "/iopath.dat");
	err = undo_push_dir(u, at);
	if (!err && mkdir(at, 0700) && errno != EEXIST)
		return why_fail(why, EXIT_ENVIRONMENT, -errno, "cannot create %s: %s", at, strerror(errno));
	return err || w->on_ext4 ? err : fill_file(t->filename, t->size_bytes, why);
}

/* Nobody mounts it, swaps to it or puts it below another while it is measured. */
static int claim(const struct device *d, struct target *t, struct why *why)
{
	t->claim_fd = open(d->path, O_RDONLY | O_EXCL | O_CLOEXEC);
	if (t->claim_fd >= 0)
		return 0;
	return why_fail(why, EXIT_ENVIRONMENT, -errno, "%s: %s", d->path,
			errno == EBUSY ? "in use by now (mounted, swap, or held by dm or md)" : strerror(errno));
}

int target_open(const struct device *d, const struct workload *w, uint64_t span_bytes,
		struct undo *u, struct target *ret, struct why *why)
{
	struct target t = { .undo_mark = undo_mark(u), .claim_fd = -1 };
	_cleanup_free_ char *at = NULL;
	int err;

	if (d->place[0]) {
		err = open_place(d, w, span_bytes, u, &t, why);
		if (err)
			target_close(&t, u);
		else
			*ret = t;
		return err;
	}
	if (!w->on_ext4) {
		snprintf(t.filename, sizeof(t.filename), "%s", d->path);
		t.size_bytes = d->size_bytes < span_bytes ? d->size_bytes : span_bytes;
		/* a scratch loop device is allocated already */
		err = d->scratch && !strcmp(d->driver, "loop") ? 0 : device_fill(d, t.size_bytes, why);
		if (!err)
			err = claim(d, &t, why);
		if (!err)
			*ret = t;
		return err;
	}
	if (asprintf(&at, "%s/mnt", u->dir) < 0)
		return -ENOMEM;
	snprintf(t.filename, sizeof(t.filename), "%s%s", at, w->many_files ? "" : "/iopath.dat");
	err = make_ext4(d, u, why);
	if (!err)
		err = mount_ext4(d, u, at, why);
	if (err) {
		target_close(&t, u);
		return err;
	}
	*ret = t;
	return 0;
}

void target_close(struct target *t, struct undo *u)
{
	if (t->claim_fd >= 0)
		close(take_fd(&t->claim_fd));
	undo_back_to(u, t->undo_mark, NULL);
}
