/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The files of a run. results.jsonl grows a line per cell and is whole only
 * when its last line is a summary; verdict.json and report.md appear at the
 * end, each at once. Files of an earlier run in the same directory are removed
 * first, so that an old PASS is never read as a new one.
 */
#ifndef BENCH_RESULT_H
#define BENCH_RESULT_H

#include <jansson.h>
#include <stdio.h>

#include "bench/past.h"
#include "bench/why.h"

#define RESULT_SCHEMA "iopath.bench/1"
#define VERDICT_SCHEMA "iopath.verdict/1"

struct result {
	char *dir;
	FILE *lines;
	unsigned int set;	/* whose lines these are now; UINT_MAX: none yet */
};

/*
 * Without the verdict and the report of an older run: behind one that does not
 * begin they would be taken for its own. -errno with *why.
 */
int result_clear(const char *dir, struct why *why);
/* A new file; the older run's is results.jsonl.old then. */
int result_open(const char *dir, struct result *ret, struct why *why);
/*
 * Go on behind the whole lines of @past: what was cut off in the middle, and the
 * line that said "stopped", are dropped, and so are the reports of the first try.
 */
int result_resume(const char *dir, const struct past *past, struct result *ret, struct why *why);
/* Append one line of set @set; where another one's went before, it says "again" first. Takes @line. */
int result_set_line(struct result *r, unsigned int set, json_t *line, struct why *why);
/* Append one line and flush it; takes @line. A full disk is an error here. */
int result_line(struct result *r, json_t *line, struct why *why);
int result_write_json(const struct result *r, const char *name, json_t *doc, struct why *why);
int result_write_text(const struct result *r, const char *name, const char *text, struct why *why);
void result_close(struct result *r);

#endif
