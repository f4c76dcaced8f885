/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdlib.h>

#include "known-queue.h"

int queue_init(struct queue *q, struct worker *w, const struct queue_ops *ops, void *engine)
{
	uint64_t depth = w->plan->depth;

	*q = (struct queue){ .w = w, .ops = ops, .engine = engine };
	q->slots = calloc(depth, sizeof(*q->slots));
	if (!q->slots)
		return worker_fail(w, ENOMEM, "queue");
	for (uint64_t i = 0; i < depth; i++) {
		q->slots[i].buf = worker_buffer(w, w->plan->size);
		if (!q->slots[i].buf)
			return w->status;
	}
	return 0;
}

void queue_free(struct queue *q)
{
	for (uint64_t i = 0; q->slots && i < q->w->plan->depth; i++)
		free(q->slots[i].buf);
	free(q->slots);
	q->slots = NULL;
}

void queue_complete(struct queue *q, struct slot *s, int64_t result)
{
	s->busy = false;
	q->in_flight--;
	worker_done(q->w, &s->io, result);
}

static int submit(struct queue *q)
{
	if (!q->staged)
		return 0;
	worker_pause(q->w);
	if (q->ops->submit(q))
		return q->w->status;
	q->in_flight += q->staged;
	q->staged = 0;
	return 0;
}

static int drain(struct queue *q)
{
	if (submit(q))
		return q->w->status;
	while (q->in_flight)
		if (q->ops->reap(q))
			break;
	return q->w->status;
}

static struct slot *find_free(struct queue *q)
{
	for (uint64_t i = 0; i < q->w->plan->depth; i++)
		if (!q->slots[i].busy)
			return &q->slots[i];
	return NULL;
}

/* With every slot busy one of them is in flight, since batch <= depth. */
static int stage(struct queue *q, const struct io *io)
{
	struct slot *s;

	while (!(s = find_free(q)))
		if (q->ops->reap(q))
			return q->w->status;
	s->io = *io;
	s->busy = true;
	if (q->ops->prepare(q, s))
		return q->w->status;
	q->staged++;
	return q->staged >= q->w->plan->batch ? submit(q) : 0;
}

static int sync_alone(struct queue *q)
{
	struct io io = worker_sync_io(q->w);

	if (drain(q) || stage(q, &io))
		return q->w->status;
	return drain(q);
}

int queue_run(struct queue *q)
{
	struct worker *w = q->w;
	uint64_t writes = 0;

	for (uint64_t i = 0; i < w->count; i++) {
		struct io io = plan_io(w->plan, w->first + i);
		bool is_write = io.op == KNOWN_WRITE;

		if (stage(q, &io) || w->status)
			return w->status;
		writes += is_write;
		if (is_write && worker_sync_due(w, writes) && sync_alone(q))
			return w->status;
	}
	return drain(q);
}
