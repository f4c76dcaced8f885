/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "uring-loop.h"

#include <errno.h>
#include <stdlib.h>

#define NS_PER_S 1e9
#define STOP_LOOK_NS 100000000ull /* a signal may come to another thread than the one that sleeps */

/* Jobs are due in turn, not all at once. From the number, not from sums: no drift. */
uint64_t loop_due_ns(const struct plan *p, uint64_t job, uint64_t k)
{
	uint64_t group = k - k % p->batch;
	long double number = (long double)group * p->jobs + (long double)job * p->batch;

	return (uint64_t)(number * NS_PER_S / p->rate_iops);
}

int loop_init(struct loop *l, const struct plan *plan, uint64_t job, const struct loop_port *port, void *port_data,
	      const volatile int *stop)
{
	*l = (struct loop){
		.plan = plan, .port = port, .port_data = port_data, .job = job, .stop = stop,
		.slots = calloc(plan->depth, sizeof(*l->slots)),
		.quota = plan->count ? plan_share(plan, job) : UINT64_MAX,
	};
	if (!l->slots)
		return -ENOMEM;
	for (uint64_t i = plan->depth; i--;) {
		l->slots[i].index = (unsigned int)i;
		l->slots[i].next = l->free;
		l->free = &l->slots[i];
	}
	stream_init(&l->stream, plan, job);
	return 0;
}

void loop_finish(struct loop *l)
{
	free(l->slots);
	free(l->result.interval);
	*l = (struct loop){ 0 };
}

static bool is_open(const struct loop *l)
{
	return l->plan->rate_iops > 0;
}

/* When the next read or write is due; fsyncs go with the write before them. */
static uint64_t next_due_ns(const struct loop *l)
{
	return l->start_ns + loop_due_ns(l->plan, l->job, l->issued);
}

static uint64_t end_ns(const struct loop *l)
{
	return l->plan->runtime_ns ? l->start_ns + l->plan->runtime_ns : UINT64_MAX;
}

static bool is_issuing(const struct loop *l, uint64_t now)
{
	return !*l->stop && now < end_ns(l) && l->result.errors < l->plan->max_errors &&
	       (l->issued < l->quota || stream_sync_due(&l->stream));
}

static void issue(struct loop *l, uint64_t due, uint64_t now)
{
	struct slot *s = l->free;

	l->free = s->next;
	s->io = stream_next(&l->stream);
	s->due_ns = due;
	s->issued_ns = now;
	l->issued += s->io.op != OP_FSYNC;
	l->in_flight++;
	l->port->queue(l->port_data, s);
}

/* What is due, or a batch as soon as one fits. */
static void issue_some(struct loop *l, uint64_t now)
{
	uint64_t room = l->plan->depth - l->in_flight;

	if (is_open(l)) {
		while (l->free && is_issuing(l, now)) {
			bool sync = stream_sync_due(&l->stream);
			uint64_t due = l->start_ns + loop_due_ns(l->plan, l->job, l->issued - (sync && l->issued));

			if (due > now)
				break;
			issue(l, due, now);
		}
		return;
	}
	if (room < l->plan->batch)
		return;
	for (uint64_t i = 0; i < l->plan->batch && is_issuing(l, now); i++)
		issue(l, now, now);
}

static void note_error(struct loop_result *r, const struct io *io, int64_t result)
{
	if (!r->errors++) {
		r->first_error = *io;
		r->first_error_result = result;
	}
	if (result >= 0) {
		r->short_ios++;
		return;
	}
	for (int i = 0; i < LOOP_ERRNOS; i++) {
		if (!r->by_errno[i].count)
			r->by_errno[i].err = (int)-result;
		if (r->by_errno[i].err == -result) {
			r->by_errno[i].count++;
			return;
		}
	}
}

static int count_interval(struct loop *l, uint64_t now)
{
	struct loop_result *r = &l->result;
	uint64_t i = (now - l->start_ns) / INTERVAL_NS;

	if (i >= r->nr_intervals) {
		uint64_t nr = i + i / 2 + 64;
		uint64_t *bigger = realloc(r->interval, nr * sizeof(*bigger));

		if (!bigger)
			return -ENOMEM;
		for (uint64_t k = r->nr_intervals; k < nr; k++)
			bigger[k] = 0;
		r->interval = bigger;
		r->nr_intervals = nr;
	}
	r->interval[i]++;
	return 0;
}

static int complete(struct loop *l, struct slot *s, int64_t result, uint64_t now)
{
	struct tally *t = &l->result.op[s->io.op];
	int err = 0;

	l->in_flight--;
	l->result.end_ns = now;
	if (result != (int64_t)s->io.bytes) {
		note_error(&l->result, &s->io, result);
	} else {
		t->count++;
		t->bytes += s->io.bytes;
		hist_add(&t->latency, now - s->due_ns);
		if (is_open(l))
			hist_add(&t->service, now - s->issued_ns);
		if (s->io.op != OP_FSYNC)
			err = count_interval(l, now);
	}
	s->next = l->free;
	l->free = s;
	return err;
}

static int reap_all(struct loop *l)
{
	int64_t result;
	struct slot *s;
	uint64_t now = 0;
	int err = 0;

	while (l->port->reap(l->port_data, &s, &result)) {
		int e;

		if (!now) /* one look at the clock for all that are there */
			now = l->port->now_ns(l->port_data);
		e = complete(l, s, result, now);
		err = err ? err : e;
	}
	return err;
}

/* How many completions are worth waking up for, and until when. */
static int wait_some(struct loop *l, bool issuing, uint64_t now)
{
	uint64_t until = UINT64_MAX;
	unsigned int min = l->in_flight ? 1 : 0;

	if (is_open(l) && issuing && l->free) {
		until = next_due_ns(l);
		if (until > end_ns(l))
			until = end_ns(l);
		if (until > now + STOP_LOOK_NS)
			until = now + STOP_LOOK_NS;
	} else if (!is_open(l) && issuing && l->plan->depth - l->in_flight >= l->plan->batch) {
		min = 0; /* the depth is not reached yet */
	} else if (!is_open(l) && l->in_flight) {
		min = l->in_flight < l->plan->batch ? l->in_flight : (unsigned int)l->plan->batch;
	}
	return l->port->wait(l->port_data, min, until);
}

/* What was due before the end and did not get its turn. */
static uint64_t count_unissued(const struct loop *l, uint64_t now)
{
	uint64_t until = now < end_ns(l) ? now : end_ns(l) - 1, n = 0;

	if (!is_open(l) || l->result.errors >= l->plan->max_errors)
		return 0;
	while (l->issued + n < l->quota && l->start_ns + loop_due_ns(l->plan, l->job, l->issued + n) <= until)
		n++;
	return n;
}

int loop_run(struct loop *l, uint64_t start_ns)
{
	bool issuing = true;
	int err = 0;

	l->start_ns = l->result.end_ns = start_ns;
	while (!err && (issuing || l->in_flight)) {
		uint64_t now = l->port->now_ns(l->port_data);
		bool was = issuing;

		issuing = issuing && is_issuing(l, now);
		if (was && !issuing)
			l->result.unissued = count_unissued(l, now);
		if (issuing)
			issue_some(l, now);
		if (issuing || l->in_flight)
			err = wait_some(l, issuing, now);
		if (!err)
			err = reap_all(l);
	}
	return err;
}
