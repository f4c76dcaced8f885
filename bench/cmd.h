/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The commands of iopath-bench. Each returns the exit code; only they and progress print. */
#ifndef BENCH_CMD_H
#define BENCH_CMD_H

#include "tracer/base/opt.h"

struct cmd {
	const char *name, *summary;
	const struct opt_table *options;
	int (*run)(int argc, char **argv);
};

extern const struct cmd cmd_run, cmd_list;

#endif
