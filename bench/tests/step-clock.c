/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Preloaded into a run and all that it starts: a wall clock that is set, without
 * touching the machine's. STEP_CLOCK="AT EVERY BY", in ms: from AT of CLOCK_MONOTONIC on
 * it is set by BY, and again each EVERY (0: once).
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define NS_PER_MS 1000000
#define NS_PER_S 1000000000

static long long at_ms, every_ms, by_ms;

__attribute__((constructor)) static void read_plan(void)
{
	const char *plan = getenv("STEP_CLOCK");

	if (!plan || sscanf(plan, "%lld %lld %lld", &at_ms, &every_ms, &by_ms) != 3)
		by_ms = 0;
}

static long long offset_ns(void)
{
	struct timespec ts;
	long long now_ms, times;

	syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &ts);
	now_ms = (long long)ts.tv_sec * 1000 + ts.tv_nsec / NS_PER_MS;
	times = now_ms < at_ms ? 0 : every_ms ? 1 + (now_ms - at_ms) / every_ms : 1;
	return times * by_ms * NS_PER_MS;
}

int clock_gettime(clockid_t clock, struct timespec *ts)
{
	long err = syscall(SYS_clock_gettime, clock, ts);
	long long ns;

	if (err || clock != CLOCK_REALTIME)
		return (int)err;
	ns = (long long)ts->tv_sec * NS_PER_S + ts->tv_nsec + offset_ns();
	ts->tv_sec = ns / NS_PER_S;
	ts->tv_nsec = ns % NS_PER_S;
	return 0;
}

int gettimeofday(struct timeval *restrict tv, void *restrict zone)
{
	struct timespec ts;

	(void)zone;
	clock_gettime(CLOCK_REALTIME, &ts);
	*tv = (struct timeval){ ts.tv_sec, ts.tv_nsec / 1000 };
	return 0;
}

time_t time(time_t *ret)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	if (ret)
		*ret = ts.tv_sec;
	return ts.tv_sec;
}
