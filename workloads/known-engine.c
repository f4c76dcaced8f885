/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "known-engine.h"

#define CALLS(r, w)                                                                         \
	{                                                                                   \
		[KNOWN_READ] = (r), [KNOWN_WRITE] = (w), [KNOWN_FSYNC] = "fsync",           \
		[KNOWN_FDATASYNC] = "fdatasync", [KNOWN_DISCARD] = "ioctl(BLKDISCARD)"      \
	}
#define AIO_CALLS                                                                           \
	{                                                                                   \
		[KNOWN_READ] = "IOCB_CMD_PREAD", [KNOWN_WRITE] = "IOCB_CMD_PWRITE",         \
		[KNOWN_FSYNC] = "IOCB_CMD_FSYNC", [KNOWN_FDATASYNC] = "IOCB_CMD_FDSYNC",    \
		[KNOWN_DISCARD] = "ioctl(BLKDISCARD)"                                       \
	}
#define URING_CALLS(r, w)                                                                   \
	{                                                                                   \
		[KNOWN_READ] = (r), [KNOWN_WRITE] = (w), [KNOWN_FSYNC] = "IORING_OP_FSYNC", \
		[KNOWN_FDATASYNC] = "IORING_OP_FSYNC", [KNOWN_DISCARD] = "ioctl(BLKDISCARD)" \
	}
#define MMAP_CALLS                                                                          \
	{                                                                                   \
		[KNOWN_READ] = "load", [KNOWN_WRITE] = "store", [KNOWN_MSYNC] = "msync",    \
		[KNOWN_DISCARD] = "ioctl(BLKDISCARD)"                                       \
	}
#define URING_RW URING_CALLS("IORING_OP_READ", "IORING_OP_WRITE")
#define URING_RW_FIXED URING_CALLS("IORING_OP_READ_FIXED", "IORING_OP_WRITE_FIXED")

static const struct engine engines[] = {
	{ "psync", "syscall", CALLS("pread64", "pwrite64"), sync_run, &sync_positioned, 0 },
	{ "pread", "syscall", CALLS("pread64", "pwrite64"), sync_run, &sync_positioned, 0 },
	{ "sync", "syscall", CALLS("read", "write"), sync_run, &sync_seek, SEEKS },
	{ "readv", "syscall", CALLS("readv", "writev"), sync_run, &sync_vector, SEEKS },
	{ "preadv2", "syscall", CALLS("preadv2", "pwritev2"), sync_run, &sync_vector2, 0 },
	{ "mmap", "mmap", MMAP_CALLS, mmap_run, NULL, 0 },
	{ "libaio", "libaio", AIO_CALLS, libaio_run, NULL, QUEUES },
	{ "io_uring", "io_uring", URING_RW, uring_run, &uring_plain, QUEUES },
	{ "io_uring_punt", "io_uring", URING_RW, uring_run, &uring_punt, QUEUES },
	{ "io_uring_fixed", "io_uring", URING_RW_FIXED, uring_run, &uring_fixed, QUEUES },
	{ "sqpoll", "io_uring", URING_RW, uring_run, &uring_sqpoll, QUEUES },
	{ "iopoll", "io_uring", URING_RW, uring_run, &uring_iopoll, QUEUES | NEEDS_DIRECT },
};

const struct engine *engine_find(const char *name)
{
	for (size_t i = 0; i < sizeof(engines) / sizeof(engines[0]); i++)
		if (!strcmp(engines[i].name, name))
			return &engines[i];
	return NULL;
}

int engine_check(const struct plan *p)
{
	const struct engine *e = p->engine;
	const char *wrong = NULL;

	if ((e->traits & NEEDS_DIRECT) && !p->direct)
		wrong = "needs --direct";
	else if ((e->traits & NEEDS_DIRECT) && p->fsync_every)
		wrong = "has no fsync";
	else if (!(e->traits & QUEUES) && p->depth > 1)
		wrong = "has a depth of 1";
	else if ((e->traits & SEEKS) && p->threads > 1)
		wrong = "has one thread, since threads share the file position";
	else if (!strcmp(e->via, "mmap") && p->direct)
		wrong = "has no direct I/O";
	else if (!strcmp(e->via, "mmap") && p->fdatasync)
		wrong = "has msync in place of fdatasync";
	if (!wrong)
		return -1;
	fprintf(stderr, "known-count: --engine %s: %s\n", e->name, wrong);
	return KNOWN_USAGE;
}

/* Errors that mean "not here" when they come from a facility and not from data. */
static int status_of(int err)
{
	return err == EOPNOTSUPP || err == ENOSYS || err == ENODEV ? KNOWN_NOT_OFFERED : KNOWN_FAILED;
}

int worker_fail(struct worker *w, int err, const char *what)
{
	if (!w->status) {
		w->status = status_of(err);
		snprintf(w->error, sizeof(w->error), "%s: %s: %s", w->plan->target, what, strerror(err));
	}
	return w->status;
}

int worker_fail_io(struct worker *w, const struct io *io, int64_t result)
{
	char what[80];

	snprintf(what, sizeof(what), "%s at %llu", known_op_name(io->op), (unsigned long long)io->offset);
	if (result < 0)
		return worker_fail(w, (int)-result, what);
	if (!w->status) {
		w->status = KNOWN_FAILED;
		snprintf(w->error, sizeof(w->error), "%s: %s: %lld of %llu bytes", w->plan->target, what,
			 (long long)result, (unsigned long long)io->bytes);
	}
	return w->status;
}

int worker_done(struct worker *w, const struct io *io, int64_t result)
{
	if (result < 0 || (uint64_t)result != io->bytes)
		return worker_fail_io(w, io, result);
	w->done.count[io->op]++;
	w->done.bytes[io->op] += io->bytes;
	return 0;
}

bool worker_sync_due(const struct worker *w, uint64_t writes)
{
	return w->plan->fsync_every && writes && writes % w->plan->fsync_every == 0;
}

struct io worker_sync_io(const struct worker *w)
{
	return (struct io){ .op = w->plan->fdatasync ? KNOWN_FDATASYNC : KNOWN_FSYNC };
}

void worker_pause(const struct worker *w)
{
	uint64_t ns = w->plan->sleep_ns;
	struct timespec t = { (time_t)(ns / 1000000000), (long)(ns % 1000000000) };

	while (ns && clock_nanosleep(CLOCK_MONOTONIC, 0, &t, &t) == EINTR)
		;
}

void *worker_buffer(struct worker *w, uint64_t bytes)
{
	uint64_t v = w->plan->seed;
	uint64_t *buf;
	int err;

	bytes = (bytes + 7) & ~7ull;
	err = posix_memalign((void **)&buf, 4096, bytes);
	if (err) {
		worker_fail(w, err, "buffer");
		return NULL;
	}
	for (uint64_t i = 0; i < bytes / 8; i++)
		buf[i] = v = v * 6364136223846793005u + 1442695040888963407u;
	return buf;
}
