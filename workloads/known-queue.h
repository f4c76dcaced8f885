/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The part that libaio and io_uring share: keep up to depth I/Os in flight,
 * submit them batch by batch, let a sync have the queue for itself.
 */
#ifndef KNOWN_QUEUE_H
#define KNOWN_QUEUE_H

#include "known-engine.h"

struct slot {
	struct io io;
	void *buf;
	bool busy;
};

struct queue {
	struct worker *w;
	const struct queue_ops *ops;
	void *engine;		/* the engine's own state */
	struct slot *slots;	/* depth of them */
	uint64_t staged;	/* prepared, not submitted */
	uint64_t in_flight;
};

/* All return 0 or what worker_fail() returned. */
struct queue_ops {
	int (*prepare)(struct queue *q, struct slot *s);
	/* Hand all that is staged to the kernel. */
	int (*submit)(struct queue *q);
	/* Wait for one completion, call queue_complete() for each that is there. */
	int (*reap)(struct queue *q);
};

int queue_init(struct queue *q, struct worker *w, const struct queue_ops *ops, void *engine);
int queue_run(struct queue *q);
/* @result in bytes or -errno */
void queue_complete(struct queue *q, struct slot *s, int64_t result);
void queue_free(struct queue *q);

#endif
