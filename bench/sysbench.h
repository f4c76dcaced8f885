/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What `sysbench fileio` prints, of 1.0 and of 1.1. Only counts and the time
 * are taken: its latency has a grain of 10 us and mixes reads, writes and fsyncs.
 */
#ifndef BENCH_SYSBENCH_H
#define BENCH_SYSBENCH_H

#include <stdbool.h>
#include <stdint.h>

#include "bench/why.h"

struct sysbench_result {
	char version[32];
	uint64_t events;	/* reads, writes and fsyncs */
	double time_s;
	double reads_s, writes_s, fsyncs_s;
};

/* -EPROTO with *why: not what it prints at its end, or nothing done. */
int sysbench_parse(const char *text, struct sysbench_result *ret, struct why *why);

#endif
