/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One system call per I/O. */
#include <errno.h>
#include <stdlib.h>
#include <sys/uio.h>
#include <unistd.h>

#include "known-engine.h"

struct sync_calls {
	/* bytes moved or -1 and errno */
	ssize_t (*read)(int fd, void *buf, size_t bytes, off_t at);
	ssize_t (*write)(int fd, void *buf, size_t bytes, off_t at);
};

static ssize_t seek_read(int fd, void *buf, size_t bytes, off_t at)
{
	return lseek(fd, at, SEEK_SET) < 0 ? -1 : read(fd, buf, bytes);
}

static ssize_t seek_write(int fd, void *buf, size_t bytes, off_t at)
{
	return lseek(fd, at, SEEK_SET) < 0 ? -1 : write(fd, buf, bytes);
}

static ssize_t positioned_write(int fd, void *buf, size_t bytes, off_t at)
{
	return pwrite(fd, buf, bytes, at);
}

/* Two halves, where direct I/O still accepts their length. */
static int halve(struct iovec v[2], void *buf, size_t bytes)
{
	size_t half = bytes / 2 & ~(size_t)511;

	if (!half) {
		v[0] = (struct iovec){ buf, bytes };
		return 1;
	}
	v[0] = (struct iovec){ buf, half };
	v[1] = (struct iovec){ (char *)buf + half, bytes - half };
	return 2;
}

static ssize_t vector_read(int fd, void *buf, size_t bytes, off_t at)
{
	struct iovec v[2];
	int n = halve(v, buf, bytes);

	return lseek(fd, at, SEEK_SET) < 0 ? -1 : readv(fd, v, n);
}

static ssize_t vector_write(int fd, void *buf, size_t bytes, off_t at)
{
	struct iovec v[2];
	int n = halve(v, buf, bytes);

	return lseek(fd, at, SEEK_SET) < 0 ? -1 : writev(fd, v, n);
}

static ssize_t vector2_read(int fd, void *buf, size_t bytes, off_t at)
{
	struct iovec v[2];
	int n = halve(v, buf, bytes);

	return preadv2(fd, v, n, at, 0);
}

static ssize_t vector2_write(int fd, void *buf, size_t bytes, off_t at)
{
	struct iovec v[2];
	int n = halve(v, buf, bytes);

	return pwritev2(fd, v, n, at, 0);
}

const struct sync_calls sync_seek = { seek_read, seek_write };
const struct sync_calls sync_positioned = { pread, positioned_write };
const struct sync_calls sync_vector = { vector_read, vector_write };
const struct sync_calls sync_vector2 = { vector2_read, vector2_write };

static int sync_file(struct worker *w)
{
	struct io io = worker_sync_io(w);
	int r = io.op == KNOWN_FDATASYNC ? fdatasync(w->fd) : fsync(w->fd);

	return worker_done(w, &io, r ? -errno : 0);
}

int sync_run(struct worker *w, const void *arg)
{
	const struct sync_calls *calls = arg;
	void *buf = worker_buffer(w, w->plan->size);
	uint64_t writes = 0;

	if (!buf)
		return w->status;
	for (uint64_t i = 0; i < w->count && !w->status; i++) {
		struct io io = plan_io(w->plan, w->first + i);
		bool is_write = io.op == KNOWN_WRITE;
		ssize_t r;

		worker_pause(w);
		r = (is_write ? calls->write : calls->read)(w->fd, buf, io.bytes, (off_t)io.offset);
		writes += is_write;
		if (!worker_done(w, &io, r < 0 ? -errno : r) && is_write && worker_sync_due(w, writes))
			sync_file(w);
	}
	free(buf);
	return w->status;
}
