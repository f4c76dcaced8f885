/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What `sysbench fileio` prints, of 1.0 and of 1.1. Its I/Os are its reads and
 * writes: the "events" of 1.0 are fsyncs too, and 1.1 prints none. Both print
 * rates to .01 a second, each a count over its own time. Its latency is not
 * taken: it has a grain of 10 us and mixes reads, writes and fsyncs.
 */
#ifndef BENCH_SYSBENCH_H
#define BENCH_SYSBENCH_H

#include <stdbool.h>

#include "bench/why.h"

struct sysbench_result {
	char version[32];
	double reads_s, writes_s;
};

/* More than 100000 events wait that came at a rate: 1.0 then ends without a figure, 1.1 with those so far. */
bool sysbench_gave_up(const char *text);
/* -EPROTO with *why: not what it prints at its end, or nothing done. */
int sysbench_parse(const char *text, struct sysbench_result *ret, struct why *why);

/*
 * Events of a workload per read or write, once it is under way: `--rate` counts events, and
 * behind every file-fsync-freq requests there is one for each file. @text: the settings.
 */
double sysbench_events_per_io(const char *text);

#endif
