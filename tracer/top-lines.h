/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Lines of `iopath top`: what a row of statistics by who did in an interval. Pure. */
#ifndef IOPATH_TOP_LINES_H
#define IOPATH_TOP_LINES_H

#include "view-who.h"

/* X(symbol, word of --sort, heading, width) */
#define IOP_TOP_COLUMNS(X)                    \
	X(READS, "reads", "READ/s", 9)        \
	X(WRITES, "writes", "WRITE/s", 9)     \
	X(OTHERS, "others", "OTHER/s", 9)     \
	X(READ_MB, "read-mb", "R MB/s", 9)    \
	X(WRITE_MB, "write-mb", "W MB/s", 9)  \
	X(MEAN, "mean", "MEAN", 9)            \
	X(P99, "p99", "P99<=", 9)             \
	X(MAX, "max", "MAX", 9)               \
	X(TIME, "time", "TIME", 7)            \
	X(SEQ, "seq", "SEQ", 5)               \
	X(ERRORS, "errors", "ERR", 6)

enum top_column {
#define X(sym, word, heading, width) TOP_##sym,
	IOP_TOP_COLUMNS(X)
#undef X
	NR_TOP_COLUMNS,
};

struct top_line {
	const struct who_row *row;
	double v[NR_TOP_COLUMNS];	/* TIME: I/Os under way on average; negative: none */
};

/* -EINVAL: no such column. */
int top_column_parse(const char *word, enum top_column *ret);
const char *top_column_word(enum top_column c);

/*
 * Lines of @dim, the highest in @sort first; their number. @ret has room for
 * v->who->nr. Operations where they are seen, but bios of devices, or with @bios.
 */
size_t top_lines(const struct view_who *v, enum who_dim dim, bool bios, enum top_column sort,
		 struct top_line *ret);

#define TOP_LEN 256
/* The headings, and a line without its name; @buf is filled. */
const char *top_heading(char buf[static TOP_LEN]);
const char *top_text(const struct top_line *l, char buf[static TOP_LEN]);

#endif
