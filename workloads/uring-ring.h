/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The port of a job to the kernel: a ring, its buffers, the monotonic clock. */
#ifndef URING_RING_H
#define URING_RING_H

#include <liburing.h>

#include "uring-loop.h"

struct ring {
	const struct plan *plan;
	struct io_uring uring;
	bool is_open;
	int fd;
	char *buffers;		/* plan->depth blocks */
	size_t stride;
	bool has_wait_until;	/* the kernel takes a time limit with the wait (5.11) */
	unsigned int in_flight;
	/* Why ring_open() or a wait failed: a clause. */
	char why[160];
};

extern const struct loop_port ring_port;

/* 0, URING_FAILED, or URING_NOT_OFFERED, with r->why. ring_close() in any case. */
int ring_open(struct ring *r, const struct plan *plan, int fd);
void ring_close(struct ring *r);

uint64_t clock_ns(void); /* CLOCK_MONOTONIC */

#endif
