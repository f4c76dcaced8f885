/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * --tune: a machine that disturbs a measurement less. Everything goes through
 * the undo stack before it is changed, so that the end of the run, a signal or
 * the run after a crash puts it back.
 */
#ifndef BENCH_TUNE_H
#define BENCH_TUNE_H

#include <jansson.h>

#include "bench/undo.h"

/* A line about what was changed, or could not be. */
typedef void tune_say(const char *line);

/*
 * Governor performance, turbo off, no huge pages of their own, irqbalance stopped, of a
 * machine whose files are below @root ("" is this one). What it does not have, or
 * has that way already, is left out; what it refuses is said. *ret_lines, if not
 * NULL, gets what was changed. -errno of the undo stack alone.
 */
int tune_machine(const char *root, struct undo *u, tune_say *say, json_t *ret_lines);
/*
 * The interrupts of @disk to the cores @cpus ("3"). Managed ones cannot be moved. *ret_irqs, an array, gets
 * which core each of them comes in on now.
 */
int tune_interrupts(const char *root, const char *disk, const char *cpus, struct undo *u, tune_say *say,
		    json_t *ret_irqs);

/* The first process called @comm, by /proc below @root, or 0. */
pid_t tune_find_process(const char *root, const char *comm);

#endif
