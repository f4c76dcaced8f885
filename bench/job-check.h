/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What its program makes of a workload file, before anything is touched. */
#ifndef BENCH_JOB_CHECK_H
#define BENCH_JOB_CHECK_H

#include "bench/workload.h"

/*
 * -EINVAL with *why (EXIT_USAGE): @program refuses the file of @w; file, line and what it said.
 * @w is no command. Nothing is run but the program, and that only reads.
 */
int job_check(const struct workload *w, const char *program, struct why *why);

#endif
