/* SPDX-License-Identifier: GPL-2.0-or-later */
/* io_uring, and its ways to submit: inline, punted to a worker, by a kernel thread, polled. */
#include <errno.h>
#include <liburing.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>

#include "known-queue.h"

struct uring_mode {
	unsigned int setup;	/* IORING_SETUP_* */
	unsigned int sqe;	/* IOSQE_* of reads and writes */
	bool registered;	/* buffers and file */
};

const struct uring_mode uring_plain = {};
const struct uring_mode uring_punt = { .sqe = IOSQE_ASYNC };
const struct uring_mode uring_fixed = { .sqe = IOSQE_FIXED_FILE, .registered = true };
const struct uring_mode uring_sqpoll = { .setup = IORING_SETUP_SQPOLL };
const struct uring_mode uring_iopoll = { .setup = IORING_SETUP_IOPOLL };

struct uring {
	struct io_uring ring;
	const struct uring_mode *mode;
};

static void prepare_rw(const struct uring *u, struct io_uring_sqe *sqe, const struct queue *q,
		       const struct slot *s)
{
	int fd = u->mode->registered ? 0 : q->w->fd, buffer = (int)(s - q->slots);
	unsigned int bytes = (unsigned int)s->io.bytes;
	bool is_write = s->io.op == KNOWN_WRITE;

	if (u->mode->registered && is_write)
		io_uring_prep_write_fixed(sqe, fd, s->buf, bytes, s->io.offset, buffer);
	else if (u->mode->registered)
		io_uring_prep_read_fixed(sqe, fd, s->buf, bytes, s->io.offset, buffer);
	else if (is_write)
		io_uring_prep_write(sqe, fd, s->buf, bytes, s->io.offset);
	else
		io_uring_prep_read(sqe, fd, s->buf, bytes, s->io.offset);
	io_uring_sqe_set_flags(sqe, u->mode->sqe);
}

static int uring_prepare(struct queue *q, struct slot *s)
{
	struct uring *u = q->engine;
	struct io_uring_sqe *sqe;

	/* Only a kernel thread that lags behind can leave the ring full. */
	while (!(sqe = io_uring_get_sqe(&u->ring)))
		io_uring_sqring_wait(&u->ring);
	if (s->io.op == KNOWN_READ || s->io.op == KNOWN_WRITE)
		prepare_rw(u, sqe, q, s);
	else
		io_uring_prep_fsync(sqe, q->w->fd, s->io.op == KNOWN_FDATASYNC ? IORING_FSYNC_DATASYNC : 0);
	io_uring_sqe_set_data(sqe, s);
	return 0;
}

static int uring_submit(struct queue *q)
{
	struct uring *u = q->engine;
	uint64_t done = 0;

	while (done < q->staged) {
		int r = io_uring_submit(&u->ring);

		if (r < 0 && r != -EINTR && r != -EAGAIN && r != -EBUSY)
			return worker_fail(q->w, -r, "io_uring_enter");
		if (r > 0)
			done += (uint64_t)r;
		if (u->mode->setup & IORING_SETUP_SQPOLL)
			break; /* the count there is of what is queued for the thread */
	}
	return 0;
}

static int uring_reap(struct queue *q)
{
	struct uring *u = q->engine;
	struct io_uring_cqe *cqe;
	int r = io_uring_wait_cqe(&u->ring, &cqe);

	if (r == -EINTR)
		return 0;
	if (r)
		return worker_fail(q->w, -r, "io_uring_enter");
	do {
		struct slot *s = io_uring_cqe_get_data(cqe);
		int result = cqe->res;

		io_uring_cqe_seen(&u->ring, cqe);
		queue_complete(q, s, result);
	} while (!io_uring_peek_cqe(&u->ring, &cqe));
	return q->w->status;
}

static const struct queue_ops uring_ops = { uring_prepare, uring_submit, uring_reap };

static int register_all(struct uring *u, struct queue *q)
{
	uint64_t depth = q->w->plan->depth;
	struct iovec *v = calloc(depth, sizeof(*v));
	int r;

	if (!v)
		return worker_fail(q->w, ENOMEM, "buffers");
	for (uint64_t i = 0; i < depth; i++)
		v[i] = (struct iovec){ q->slots[i].buf, q->w->plan->size };
	r = io_uring_register_buffers(&u->ring, v, (unsigned int)depth);
	free(v);
	if (r)
		return worker_fail(q->w, -r, "IORING_REGISTER_BUFFERS");
	r = io_uring_register_files(&u->ring, &q->w->fd, 1);
	return r ? worker_fail(q->w, -r, "IORING_REGISTER_FILES") : 0;
}

static int refuse_setup(struct worker *w, int err)
{
	worker_fail(w, err, "io_uring_setup");
	if (err == EPERM || err == EINVAL) /* sysctl io_uring_disabled; a flag older kernels lack */
		w->status = KNOWN_NOT_OFFERED;
	return w->status;
}

int uring_run(struct worker *w, const void *mode)
{
	struct uring u = { .mode = mode };
	struct queue q = {};
	int r = io_uring_queue_init((unsigned int)w->plan->depth, &u.ring, u.mode->setup);

	if (r)
		return refuse_setup(w, -r);
	if (!queue_init(&q, w, &uring_ops, &u) && !(u.mode->registered && register_all(&u, &q)))
		queue_run(&q);
	while (q.in_flight && !uring_reap(&q)) /* after a failure the kernel still owns the buffers */
		;
	io_uring_queue_exit(&u.ring);
	queue_free(&q);
	return w->status;
}
