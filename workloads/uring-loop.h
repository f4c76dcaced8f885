/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One job: when an I/O is issued, what is measured of it, when it ends. It
 * knows neither a clock nor io_uring: both come through struct loop_port, and
 * the tests have one with a clock and a device of their own.
 *
 * Closed loop: @depth in flight, the next is issued when one has completed; its
 * latency counts from then. Open loop: I/O number k is due at start + k / rate
 * however late the others are, and its latency counts from that time: what
 * waits behind a slow one is seen to have waited (no coordinated omission).
 */
#ifndef URING_LOOP_H
#define URING_LOOP_H

#include "uring-hist.h"
#include "uring-stream.h"

#define INTERVAL_NS 100000000ull	/* of the counts over time */
#define LOOP_ERRNOS 16			/* different ones that are told apart */

struct slot {
	struct io io;
	unsigned int index;	/* of its buffer */
	uint64_t due_ns, issued_ns;
	struct slot *next;	/* of the free ones */
};

struct loop_port {
	uint64_t (*now_ns)(void *port);
	/* Queue the I/O of @slot; it is handed over by the next wait(). */
	void (*queue)(void *port, struct slot *slot);
	/*
	 * Hand over what was queued. Return when @min have completed, or at
	 * @until_ns (UINT64_MAX: no such time), or after a signal. -errno: the job is over.
	 */
	int (*wait)(void *port, unsigned int min, uint64_t until_ns);
	/* The next completion, without waiting. False: there is none. */
	bool (*reap)(void *port, struct slot **ret, int64_t *ret_result);
};

struct tally {
	uint64_t count, bytes;	/* of those that were right */
	struct hist latency;	/* since it was due */
	struct hist service;	/* since it was issued; open loop only */
};

struct loop_result {
	struct tally op[OP_NR];
	uint64_t errors;	/* completions that were wrong: errnos and short ones */
	uint64_t short_ios;
	struct { int err; uint64_t count; } by_errno[LOOP_ERRNOS];
	struct io first_error;	/* if errors */
	int64_t first_error_result;
	uint64_t unissued;	/* open loop: due by the end, and not issued any more */
	uint64_t end_ns;	/* of the last completion */
	uint64_t *interval;	/* reads and writes that completed in each; malloc'd */
	uint64_t nr_intervals;
};

struct loop {
	const struct plan *plan;
	const struct loop_port *port;
	void *port_data;
	struct slot *slots;	/* plan->depth */
	struct slot *free;
	unsigned int in_flight;
	uint64_t job;
	uint64_t start_ns;
	uint64_t quota;		/* reads and writes to do; UINT64_MAX: until the end */
	uint64_t issued;	/* reads and writes */
	const volatile int *stop;	/* not 0: issue no more */
	struct stream stream;
	struct loop_result result;
};

/* -ENOMEM. loop_finish() in any case. */
int loop_init(struct loop *l, const struct plan *plan, uint64_t job, const struct loop_port *port, void *port_data,
	      const volatile int *stop);
/* From @start_ns on; ends with nothing in flight unless the port failed. -errno of the port. */
int loop_run(struct loop *l, uint64_t start_ns);
void loop_finish(struct loop *l);

/* When read or write number @k of job @job is due after the start. */
uint64_t loop_due_ns(const struct plan *p, uint64_t job, uint64_t k);

#endif
