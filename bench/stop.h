/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * SIGINT, SIGTERM and SIGHUP as a flag and a file descriptor, so that every
 * wait of the harness ends at once and the run takes down what it put up.
 */
#ifndef BENCH_STOP_H
#define BENCH_STOP_H

#include <stdint.h>

int stop_install(void);
/* The first signal caught, or 0. */
int stop_signal(void);
/* Readable once a signal was caught. */
int stop_fd(void);

uint64_t now_ns(void); /* CLOCK_MONOTONIC */
/* 0 at the deadline, -EINTR when asked to stop. */
int sleep_until(uint64_t deadline_ns);

#define NS_PER_MS 1000000ull
#define NS_PER_S 1000000000ull

#endif
