/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A table of texts that is built once and shown as text, Markdown or HTML. The first column names the row. */
#ifndef BENCH_GRID_H
#define BENCH_GRID_H

#include <stdio.h>

#define GRID_MAX_COLUMNS 24

struct grid {
	const char *caption;
	unsigned int nr_columns;
	const char *title[GRID_MAX_COLUMNS];
	unsigned int nr_cells;
	char **cell;	/* row by row; NULL when memory was short: shown as empty */
};

void grid_column(struct grid *g, const char *title);
__attribute__((format(printf, 2, 3))) void grid_add(struct grid *g, const char *fmt, ...);
void grid_free(struct grid *g);

void grid_text(const struct grid *g, FILE *f);
void grid_md(const struct grid *g, FILE *f);
void grid_html(const struct grid *g, FILE *f);

#endif
