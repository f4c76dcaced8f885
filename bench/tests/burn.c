/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * An arm with a known cost: on every core a real-time thread that is busy PCT
 * percent of each 2 ms, whatever else wants to run there.
 *
 *	bench-burn PCT
 */
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define PERIOD_NS 2000000

static uint64_t busy_ns;

static uint64_t now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static void *burn(void *arg)
{
	struct sched_param param = { .sched_priority = 1 };
	cpu_set_t set;
	uint64_t next;

	CPU_ZERO(&set);
	CPU_SET((int)(intptr_t)arg, &set);
	if (sched_setaffinity(0, sizeof(set), &set) || sched_setscheduler(0, SCHED_FIFO, &param)) {
		perror("bench-burn");
		exit(1);
	}
	for (next = now();; next += PERIOD_NS) {
		struct timespec ts = { (time_t)(next / 1000000000u), (long)(next % 1000000000u) };

		clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &ts, NULL);
		while (now() < next + busy_ns)
			;
	}
	return NULL;
}

int main(int argc, char **argv)
{
	int pct = argc == 2 ? atoi(argv[1]) : 0, signo;
	cpu_set_t allowed;
	sigset_t end;

	if (pct < 1 || pct > 90 || sched_getaffinity(0, sizeof(allowed), &allowed)) {
		fprintf(stderr, "usage: bench-burn PCT (1 to 90)\n");
		return 2;
	}
	busy_ns = (uint64_t)pct * PERIOD_NS / 100;
	sigemptyset(&end);
	sigaddset(&end, SIGINT);
	sigaddset(&end, SIGTERM);
	pthread_sigmask(SIG_BLOCK, &end, NULL);
	for (int c = 0; c < CPU_SETSIZE; c++) {
		pthread_t t;

		if (CPU_ISSET(c, &allowed) && pthread_create(&t, NULL, burn, (void *)(intptr_t)c))
			return 1;
	}
	printf("bench-burn: ready\n");
	fflush(stdout);
	sigwait(&end, &signo);
	return 0;
}
