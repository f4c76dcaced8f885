/* SPDX-License-Identifier: GPL-2.0-or-later */
/* All jobs of a run, each a thread; and the one JSON object that says what they did. */
#ifndef URING_JOB_H
#define URING_JOB_H

#include <pthread.h>
#include <stdio.h>
#include <sys/types.h>

#include "uring-loop.h"
#include "uring-ring.h"

struct run {
	const struct plan *plan;
	int fd;
	const volatile int *stop;
	struct job *jobs;	/* plan->jobs */
	uint64_t start_ns;
	uint64_t start_unix_ns;	/* the same instant by the other clock */
	pthread_barrier_t ready, go;
	volatile bool is_off;	/* a job could not set up: none begins */
};

struct job {
	struct run *run;
	uint64_t number;
	pthread_t thread;
	pid_t tid;
	struct ring ring;
	struct loop loop;
	int status;		/* 0, or what to exit with */
	char why[192];
};

/* 0, or the status to exit with; the first job that failed has said why in @why. */
int run_jobs(struct run *r, const struct plan *plan, int fd, const volatile int *stop, char *why, size_t len);
void run_free(struct run *r);
/* The whole report. -errno when it cannot be written. */
int run_report(const struct run *r, int signal, FILE *out);
uint64_t run_errors(const struct run *r);

#endif
