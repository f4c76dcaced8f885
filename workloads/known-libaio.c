/* SPDX-License-Identifier: GPL-2.0-or-later */
/* io_submit(2) and io_getevents(2) through libaio. */
#include <errno.h>
#include <libaio.h>
#include <stdlib.h>

#include "known-queue.h"

struct aio {
	io_context_t ctx;
	struct iocb *iocbs;	/* one per slot */
	struct iocb **staged;
};

static int aio_prepare(struct queue *q, struct slot *s)
{
	struct aio *a = q->engine;
	struct iocb *cb = &a->iocbs[s - q->slots];
	int fd = q->w->fd;

	switch (s->io.op) {
	case KNOWN_READ:
		io_prep_pread(cb, fd, s->buf, s->io.bytes, (long long)s->io.offset);
		break;
	case KNOWN_WRITE:
		io_prep_pwrite(cb, fd, s->buf, s->io.bytes, (long long)s->io.offset);
		break;
	case KNOWN_FDATASYNC:
		io_prep_fdsync(cb, fd);
		break;
	default:
		io_prep_fsync(cb, fd);
	}
	cb->data = s;
	a->staged[q->staged] = cb;
	return 0;
}

static int aio_submit(struct queue *q)
{
	struct aio *a = q->engine;
	uint64_t done = 0;

	while (done < q->staged) {
		int r = io_submit(a->ctx, (long)(q->staged - done), a->staged + done);

		if (r < 0 && r != -EAGAIN && r != -EINTR)
			return worker_fail(q->w, -r, "io_submit");
		if (r > 0)
			done += (uint64_t)r;
	}
	return 0;
}

static int aio_reap(struct queue *q)
{
	struct aio *a = q->engine;
	struct io_event events[64];
	int n = io_getevents(a->ctx, 1, 64, events, NULL);

	if (n < 0 && n != -EINTR)
		return worker_fail(q->w, -n, "io_getevents");
	for (int i = 0; i < n; i++)
		queue_complete(q, events[i].data, (int64_t)events[i].res);
	return q->w->status;
}

static const struct queue_ops aio_ops = { aio_prepare, aio_submit, aio_reap };

static int aio_setup(struct worker *w, struct aio *a)
{
	uint64_t depth = w->plan->depth;
	int r;

	a->iocbs = calloc(depth, sizeof(*a->iocbs));
	a->staged = calloc(depth, sizeof(*a->staged));
	if (!a->iocbs || !a->staged)
		return worker_fail(w, ENOMEM, "iocbs");
	r = io_setup((int)depth, &a->ctx);
	return r ? worker_fail(w, -r, "io_setup") : 0;
}

int libaio_run(struct worker *w, const void *unused)
{
	struct aio a = {};
	struct queue q = {};

	(void)unused;
	if (!aio_setup(w, &a) && !queue_init(&q, w, &aio_ops, &a))
		queue_run(&q);
	if (a.ctx)
		io_destroy(a.ctx); /* waits for what is in flight */
	if (q.w)
		queue_free(&q);
	free(a.iocbs);
	free(a.staged);
	return w->status;
}
