/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Sub-commands. Only they print; each error once, with the object and the
 * cause.
 */
#ifndef IOPATH_CMD_H
#define IOPATH_CMD_H

#include "kernel.h"
#include "tracer/base/opt.h"

/* Exit codes of iopath. A traced command's own status comes through as it is. */
enum {
	EXIT_OK = 0,
	EXIT_ERROR = 1,
	EXIT_USAGE = 2,
	EXIT_ANOMALY = 3,	/* --fail-on: one was told */
	EXIT_ENVIRONMENT = 4,	/* this machine or user cannot run it */
};

struct cmd {
	const char *name;
	const struct opt_table *opts;
	int (*run)(int argc, char **argv);
};

extern const struct cmd cmd_doctor, cmd_inflight, cmd_top, cmd_trace;

/*
 * Parse argv[1..] by @t. Returns -1 to go on, or the exit status: after --help,
 * or after a complaint on stderr.
 */
int cmd_parse(const struct opt_table *t, int argc, char **argv, void *cfg, int *ret_operand);

/*
 * Look at the running kernel (kernel.h). Returns -1 to go on, or the exit
 * status after a complaint.
 */
int cmd_probe(const struct opt_table *t, struct kernel *k);

/* "iopath COMMAND: message" on stderr; returns @status. */
__attribute__((format(printf, 3, 4))) int cmd_fail(const struct opt_table *t, int status,
						   const char *fmt, ...);

#endif
