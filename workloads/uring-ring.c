/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "uring-ring.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <time.h>

#define NS_PER_S 1000000000ull
#define ALIGN 4096

uint64_t clock_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * NS_PER_S + (uint64_t)ts.tv_nsec;
}

static uint64_t port_now(void *port)
{
	(void)port;
	return clock_ns();
}

/* ---- setting up ---- */

static int fail(struct ring *r, int status, const char *what, int err)
{
	snprintf(r->why, sizeof(r->why), "%s: %s", what, strerror(err));
	return status;
}

static int lacks(struct ring *r, const char *what)
{
	snprintf(r->why, sizeof(r->why), "%s", what);
	return URING_NOT_OFFERED;
}

/* What io_uring_setup() may say about a kernel rather than about us. */
static int refuse_setup(struct ring *r, int err)
{
	switch (err) {
	case ENOSYS:
		return lacks(r, "this kernel has no io_uring");
	case EPERM:
		return lacks(r, "io_uring is not allowed here (sysctl kernel.io_uring_disabled, seccomp, or privileges for --sqpoll)");
	case EINVAL:
		return lacks(r, r->plan->defer_taskrun ? "this kernel has no IORING_SETUP_DEFER_TASKRUN (6.1)" :
							 "this kernel does not know the flags of io_uring_setup");
	default:
		return fail(r, err == ENOMEM ? URING_NOT_OFFERED : URING_FAILED, "io_uring_setup", err);
	}
}

static int setup_ring(struct ring *r)
{
	const struct plan *p = r->plan;
	struct io_uring_params params = {
		.flags = (p->sqpoll ? IORING_SETUP_SQPOLL : 0) | (p->iopoll ? IORING_SETUP_IOPOLL : 0) |
			 (p->defer_taskrun ? IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_SINGLE_ISSUER |
						     IORING_SETUP_TASKRUN_FLAG : 0),
		.sq_thread_idle = (unsigned int)p->sqpoll_idle_ms,
	};
	int err = io_uring_queue_init_params((unsigned int)p->depth, &r->uring, &params);

	if (err)
		return refuse_setup(r, -err);
	r->is_open = true;
	r->has_wait_until = params.features & IORING_FEAT_EXT_ARG;
	if (p->sqpoll && !p->fixed_files && !(params.features & IORING_FEAT_SQPOLL_NONFIXED))
		return lacks(r, "this kernel has --sqpoll only together with --fixed-files (5.11)");
	return 0;
}

static int make_buffers(struct ring *r)
{
	const struct plan *p = r->plan;
	uint64_t word = p->seed * 2 + 1;

	r->stride = (p->block_bytes + ALIGN - 1) / ALIGN * ALIGN;
	r->buffers = aligned_alloc(ALIGN, r->stride * p->depth);
	if (!r->buffers)
		return fail(r, URING_FAILED, "buffers", ENOMEM);
	/* nothing that compresses or is all zeroes */
	for (size_t i = 0; i < r->stride * p->depth; i += sizeof(word)) {
		word = word * 6364136223846793005u + 1442695040888963407u;
		memcpy(r->buffers + i, &word, sizeof(word));
	}
	return 0;
}

static int register_buffers(struct ring *r)
{
	unsigned int depth = (unsigned int)r->plan->depth;
	struct iovec *v = calloc(depth, sizeof(*v));
	int err = v ? 0 : -ENOMEM;

	for (unsigned int i = 0; i < depth && v; i++)
		v[i] = (struct iovec){ r->buffers + i * r->stride, r->plan->block_bytes };
	if (v)
		err = io_uring_register_buffers(&r->uring, v, depth);
	free(v);
	if (err == -ENOMEM)
		return lacks(r, "buffers cannot be registered: more than the limit of locked memory (ulimit -l)");
	return err ? fail(r, URING_FAILED, "IORING_REGISTER_BUFFERS", -err) : 0;
}

int ring_open(struct ring *r, const struct plan *plan, int fd)
{
	int status, err;

	*r = (struct ring){ .plan = plan, .fd = fd };
	status = setup_ring(r);
	if (!status)
		status = make_buffers(r);
	if (!status && plan->fixed_buffers)
		status = register_buffers(r);
	if (!status && plan->fixed_files) {
		err = io_uring_register_files(&r->uring, &r->fd, 1);
		status = err ? fail(r, URING_FAILED, "IORING_REGISTER_FILES", -err) : 0;
	}
	return status;
}

void ring_close(struct ring *r)
{
	if (r->is_open)
		io_uring_queue_exit(&r->uring);
	free(r->buffers);
	*r = (struct ring){ 0 };
}

/* ---- the port ---- */

static void prepare_rw(const struct ring *r, struct io_uring_sqe *sqe, int fd, const struct slot *s)
{
	void *buf = r->buffers + s->index * r->stride;
	int index = (int)s->index;

	if (s->io.op == OP_WRITE && r->plan->fixed_buffers)
		io_uring_prep_write_fixed(sqe, fd, buf, s->io.bytes, s->io.offset, index);
	else if (s->io.op == OP_WRITE)
		io_uring_prep_write(sqe, fd, buf, s->io.bytes, s->io.offset);
	else if (r->plan->fixed_buffers)
		io_uring_prep_read_fixed(sqe, fd, buf, s->io.bytes, s->io.offset, index);
	else
		io_uring_prep_read(sqe, fd, buf, s->io.bytes, s->io.offset);
}

/*
 * There are as many entries as slots; but a kernel thread that submits can
 * complete an I/O before it says that it has taken the entry.
 */
static void port_queue(void *port, struct slot *s)
{
	struct ring *r = port;
	struct io_uring_sqe *sqe;
	int fd = r->plan->fixed_files ? 0 : r->fd;

	while (!(sqe = io_uring_get_sqe(&r->uring)))
		io_uring_sqring_wait(&r->uring);
	if (s->io.op == OP_FSYNC)
		io_uring_prep_fsync(sqe, fd, r->plan->fdatasync ? IORING_FSYNC_DATASYNC : 0);
	else
		prepare_rw(r, sqe, fd, s);
	if (r->plan->fixed_files)
		io_uring_sqe_set_flags(sqe, IOSQE_FIXED_FILE);
	io_uring_sqe_set_data(sqe, s);
	r->in_flight++;
}

static void sleep_until(uint64_t until_ns)
{
	struct timespec ts = { (time_t)(until_ns / NS_PER_S), (long)(until_ns % NS_PER_S) };

	clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &ts, NULL);
}

/* A completion or @until_ns, whichever is first. */
static int wait_until(struct ring *r, uint64_t until_ns)
{
	uint64_t now = clock_ns(), left = until_ns > now ? until_ns - now : 0;
	struct __kernel_timespec limit = { (int64_t)(left / NS_PER_S), (long long)(left % NS_PER_S) };
	struct timespec ts = { (time_t)(left / NS_PER_S), (long)(left % NS_PER_S) };
	struct pollfd p = { .fd = r->uring.ring_fd, .events = POLLIN };
	struct io_uring_cqe *cqe;
	int err;

	if (!left || !r->in_flight || r->plan->iopoll || !r->has_wait_until) {
		err = io_uring_submit(&r->uring);
		if (err < 0 || !left || (r->in_flight && !io_uring_peek_cqe(&r->uring, &cqe)))
			return err;
		if (!r->in_flight)
			sleep_until(until_ns);
		else if (!r->plan->iopoll) /* polling goes on at the next peek */
			ppoll(&p, 1, &ts, NULL);
		return 0;
	}
	return io_uring_submit_and_wait_timeout(&r->uring, &cqe, 1, &limit, NULL);
}

static int port_wait(void *port, unsigned int min, uint64_t until_ns)
{
	struct ring *r = port;
	int err = until_ns == UINT64_MAX ? io_uring_submit_and_wait(&r->uring, min) : wait_until(r, until_ns);

	/* busy: completions are to be taken first */
	if (err >= 0 || err == -ETIME || err == -EINTR || err == -EAGAIN || err == -EBUSY)
		return 0;
	fail(r, URING_FAILED, "io_uring_enter", -err);
	return err;
}

static bool port_reap(void *port, struct slot **ret, int64_t *ret_result)
{
	struct ring *r = port;
	struct io_uring_cqe *cqe;

	if (!r->in_flight || io_uring_peek_cqe(&r->uring, &cqe))
		return false;
	*ret = io_uring_cqe_get_data(cqe);
	*ret_result = cqe->res;
	io_uring_cqe_seen(&r->uring, cqe);
	r->in_flight--;
	return true;
}

const struct loop_port ring_port = { port_now, port_queue, port_wait, port_reap };
