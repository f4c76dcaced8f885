/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Arms: what runs beside the workload. `off` and its A/A twin `off2` run
 * nothing; a tier runs our tracer; "T:empty" our tracer with programs that
 * return at once (the floor); NAME=COMMAND any other tracer. Some of those are
 * ready-made. A tracer that shows no event costs nothing and is INVALID.
 */
#ifndef BENCH_ARM_H
#define BENCH_ARM_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "bench/device.h"
#include "bench/why.h"
#include "tracer/base/opt.h"

enum arm_kind { ARM_OFF, ARM_TIER, ARM_COMMAND };

/* How the output of a ready-made arm shows how many I/Os it saw, if it does. */
enum arm_shows { SHOWS_NOTHING, SHOWS_LINES /* one or more per I/O */, SHOWS_COUNT /* its last line begins with it */ };

struct arm {
	char name[64];
	enum arm_kind kind;
	char tier[32];
	bool floor;		/* T:empty */
	const char *program;	/* of a tier arm: another iopath; NULL: the run's */
	const char *command;	/* with {disk} and {dev} */
	const char *ready;	/* extended regex on its output; NULL: wait delay_ns */
	/* a line that shows that it saw something; NULL: any line once it is ready */
	const char *proof;
	enum arm_shows shows;
	uint64_t delay_ns;
	int stop_signal;	/* asks it to end */
};

#define ARM_MAX 32

struct arm_list {
	unsigned int nr, off, twin; /* off and off2 are always there */
	struct arm v[ARM_MAX];
};

/* What the command line says of arms; strings stay where they are. */
struct arm_words {
	const struct opt_list *names;		/* of --arms */
	const struct opt_list *commands;	/* NAME=COMMAND of --arm, which also join the list */
	const struct opt_list *iopaths;		/* NAME=TIER:FILE of --arm-iopath, likewise */
	const struct opt_list *ready, *proof;	/* [NAME=]REGEX of --arm-ready, --arm-proof; without NAME for all of --arm */
	const struct opt_list *stop;		/* [NAME=]SIGNAL of --arm-stop */
	const struct opt_list *delay;		/* [NAME=]DUR of --arm-delay */
};

int arm_list_parse(const struct arm_words *w, struct arm_list *ret, struct why *why);

/* Of an arm of which only the name is known: what it would be on the command line. */
void arm_guess_kind(struct arm *a);

/* @command with {disk} ("loop0"), {dev} ("/dev/loop0"), {devt} (its disk's number in the kernel), {dir} and {bin} (of this program) filled in; malloc'd. */
int arm_expand(const char *command, const struct device *d, const char *dir, char **ret);

/* "NAME  what it is", one line per built-in arm. */
void arm_print(FILE *out);

#endif
