/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What iopath-uring answered: its one JSON object, of schema iopath.uring/1. */
#ifndef BENCH_URING_H
#define BENCH_URING_H

#include "bench/fio.h"

/*
 * Totals and latencies into *ret, where fio's would be, and its I/Os over time into
 * @series (empty; the caller's to free). -EPROTO with *why: not its report, or I/Os failed.
 */
int uring_parse(const char *text, struct fio_result *ret, struct fio_series *series, struct why *why);

#endif
