/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * All cells that were wanted and what became of them. A cell that left no
 * result is a failure: "not run".
 */
#ifndef IOPATH_VALIDATE_REPORT_H
#define IOPATH_VALIDATE_REPORT_H

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

#include "tracer/base/opt.h"

struct report_cfg {
	const char *dir;		/* with KERNEL.DISK.jsonl and KERNEL.doctor.json */
	const char *expect;		/* directory with doctor-KERNEL.json; NULL: not compared */
	const char *command;		/* that made the results, for the Markdown */
	struct opt_list pairs;		/* KERNEL:DISK */
	struct opt_list schedulers, tiers;
};

enum verdict { PASSED, FAILED, SKIPPED, NOT_RUN };

struct outcome {
	enum verdict verdict;
	json_t *line;	/* NULL when it was not run */
};

struct report {
	const struct report_cfg *cfg;
	struct outcome *cells;		/* pair, scheduler, tier; the last one changes fastest */
	json_t *heads;			/* lines that say what was run on what; each once */
	json_t *lost;			/* lines of guests that were lost to the emulator */
	json_t *doctors;		/* per kernel its line: verdict, differs, why */
	int passed, failed, skipped;
};

int report_read(struct report *r, const struct report_cfg *cfg);
void report_release(struct report *r);
struct outcome report_cell(const struct report *r, size_t pair, size_t scheduler, size_t tier);

void report_print(const struct report *r, FILE *out);
void report_print_markdown(const struct report *r, FILE *out);

#endif
