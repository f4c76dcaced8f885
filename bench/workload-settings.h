/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Workload files that are settings of a program, one a line: sysbench fileio, iopath-uring. */
#ifndef BENCH_WORKLOAD_SETTINGS_H
#define BENCH_WORKLOAD_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>

#include "bench/workload.h"

/* One line that is no comment. -EINVAL with *why: not a setting, or one that is the harness's to say. */
int workload_check_setting(const char *line, const struct workload *w, struct why *why);
/* All of the file @w is there: is anything missing that its program needs? */
int workload_check_settings(const struct workload *w, struct why *why);

/* Does it say at which rate its I/Os are due? */
bool workload_has_rate(const struct workload *w);

/* Those that are the harness's to say in a file of @kind, sysbench's or iopath-uring's; a NULL ends them. */
const char *const *workload_settings_owned(enum workload_kind kind);

/* Are the @len bytes of @line that name? sysbench takes "_" for "-" too. */
bool workload_setting_is(const char *line, size_t len, const char *name);

#endif
