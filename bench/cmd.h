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

/*
 * opt_parse(), with operands anywhere between the options. At most @max of
 * them; more is -EINVAL.
 */
int cmd_parse(const struct opt_table *t, int argc, char **argv, void *cfg, int max, char **operands,
	      int *ret_nr, struct opt_err *err);

extern const struct cmd cmd_run, cmd_compare, cmd_history, cmd_list, cmd_preflight, cmd_merge, cmd_report;

#endif
