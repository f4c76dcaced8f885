/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "uring-job.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static void set_up(struct job *j)
{
	const struct plan *p = j->run->plan;

	j->tid = gettid();
	j->status = ring_open(&j->ring, p, j->run->fd);
	snprintf(j->why, sizeof(j->why), "%s", j->ring.why);
	if (loop_init(&j->loop, p, j->number, &ring_port, &j->ring, j->run->stop) && !j->status) {
		j->status = URING_FAILED;
		snprintf(j->why, sizeof(j->why), "job %llu: out of memory", (unsigned long long)j->number);
	}
	if (j->status)
		j->run->is_off = true;
}

/* A device that does not poll says so by the first completion. */
static void judge(struct job *j)
{
	const struct loop_result *r = &j->loop.result;

	if (j->run->plan->iopoll && r->errors &&
	    (r->first_error_result == -EOPNOTSUPP || r->first_error_result == -EINVAL)) {
		j->status = URING_NOT_OFFERED;
		snprintf(j->why, sizeof(j->why), "the device or its file system does not poll (--iopoll): %s",
			 strerror((int)-r->first_error_result));
	}
}

static void *work(void *arg)
{
	struct job *j = arg;
	int err;

	set_up(j);
	pthread_barrier_wait(&j->run->ready);
	pthread_barrier_wait(&j->run->go);
	if (j->run->is_off)
		return NULL;
	err = loop_run(&j->loop, j->run->start_ns);
	if (err) {
		j->status = URING_FAILED;
		snprintf(j->why, sizeof(j->why), "%s", j->ring.why[0] ? j->ring.why : strerror(-err));
	} else {
		judge(j);
	}
	return NULL;
}

static uint64_t wall_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

/* The barriers need all of them: a job that cannot be started ends the process' work. */
static int start_jobs(struct run *r)
{
	for (uint64_t i = 0; i < r->plan->jobs; i++) {
		int err;

		r->jobs[i] = (struct job){ .run = r, .number = i };
		err = pthread_create(&r->jobs[i].thread, NULL, work, &r->jobs[i]);
		if (err)
			return -err;
	}
	return 0;
}

int run_jobs(struct run *r, const struct plan *plan, int fd, const volatile int *stop, char *why, size_t len)
{
	int err;

	*r = (struct run){ .plan = plan, .fd = fd, .stop = stop, .jobs = calloc(plan->jobs, sizeof(*r->jobs)) };
	pthread_barrier_init(&r->ready, NULL, (unsigned int)plan->jobs + 1);
	pthread_barrier_init(&r->go, NULL, (unsigned int)plan->jobs + 1);
	err = r->jobs ? start_jobs(r) : -ENOMEM;
	if (err) {
		fprintf(stderr, "iopath-uring: cannot start %llu jobs: %s\n", (unsigned long long)plan->jobs, strerror(-err));
		_exit(URING_FAILED); /* some wait at the barrier */
	}
	pthread_barrier_wait(&r->ready);
	r->start_ns = clock_ns();
	r->start_unix_ns = wall_ns();
	pthread_barrier_wait(&r->go);
	for (uint64_t i = 0; i < plan->jobs; i++)
		pthread_join(r->jobs[i].thread, NULL);
	for (uint64_t i = 0; i < plan->jobs; i++)
		if (r->jobs[i].status) {
			snprintf(why, len, "%s", r->jobs[i].why);
			return r->jobs[i].status;
		}
	return 0;
}

void run_free(struct run *r)
{
	for (uint64_t i = 0; i < r->plan->jobs; i++) {
		ring_close(&r->jobs[i].ring);
		loop_finish(&r->jobs[i].loop);
	}
	free(r->jobs);
	pthread_barrier_destroy(&r->ready);
	pthread_barrier_destroy(&r->go);
}

uint64_t run_errors(const struct run *r)
{
	uint64_t n = 0;

	for (uint64_t i = 0; i < r->plan->jobs; i++)
		n += r->jobs[i].loop.result.errors;
	return n;
}
