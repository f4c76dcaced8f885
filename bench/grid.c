/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "grid.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "bench/view.h"

void grid_column(struct grid *g, const char *title)
{
	if (g->nr_columns < GRID_MAX_COLUMNS)
		g->title[g->nr_columns++] = title;
}

void grid_add(struct grid *g, const char *fmt, ...)
{
	char **bigger = realloc(g->cell, (g->nr_cells + 1) * sizeof(*g->cell));
	va_list ap;

	if (!bigger)
		return;
	g->cell = bigger;
	va_start(ap, fmt);
	if (vasprintf(&g->cell[g->nr_cells], fmt, ap) < 0)
		g->cell[g->nr_cells] = NULL;
	va_end(ap);
	g->nr_cells++;
}

void grid_free(struct grid *g)
{
	for (unsigned int i = 0; i < g->nr_cells; i++)
		free(g->cell[i]);
	free(g->cell);
	*g = (struct grid){ 0 };
}

static const char *cell(const struct grid *g, unsigned int row, unsigned int column)
{
	const char *s = g->cell[row * g->nr_columns + column];

	return s ? s : "";
}

static unsigned int rows(const struct grid *g)
{
	return g->nr_columns ? g->nr_cells / g->nr_columns : 0;
}

void grid_text(const struct grid *g, FILE *f)
{
	int width[GRID_MAX_COLUMNS];

	for (unsigned int c = 0; c < g->nr_columns; c++) {
		width[c] = (int)strlen(c ? g->title[c] : g->caption);
		for (unsigned int r = 0; r < rows(g); r++)
			if ((int)strlen(cell(g, r, c)) > width[c])
				width[c] = (int)strlen(cell(g, r, c));
	}
	fprintf(f, "%-*s", width[0], g->caption);
	for (unsigned int c = 1; c < g->nr_columns; c++)
		fprintf(f, "  %*s", width[c], g->title[c]);
	fputc('\n', f);
	for (unsigned int r = 0; r < rows(g); r++) {
		fprintf(f, "%-*s", width[0], cell(g, r, 0));
		for (unsigned int c = 1; c < g->nr_columns; c++)
			fprintf(f, "  %*s", width[c], cell(g, r, c));
		fputc('\n', f);
	}
}

void grid_md(const struct grid *g, FILE *f)
{
	fprintf(f, "\n%s:\n\n|", g->caption);
	for (unsigned int c = 0; c < g->nr_columns; c++)
		fprintf(f, " %s |", g->title[c]);
	fputs("\n|---|", f);
	for (unsigned int c = 1; c < g->nr_columns; c++)
		fputs("---:|", f);
	fputc('\n', f);
	for (unsigned int r = 0; r < rows(g); r++) {
		fputc('|', f);
		for (unsigned int c = 0; c < g->nr_columns; c++) {
			fputc(' ', f);
			md_text(cell(g, r, c), f);
			fputs(" |", f);
		}
		fputc('\n', f);
	}
}

void grid_html(const struct grid *g, FILE *f)
{
	fputs("<p class=\"soft\">", f);
	xml_text(g->caption, f);
	fputs("</p>\n<div class=\"wide\"><table><thead><tr>", f);
	for (unsigned int c = 0; c < g->nr_columns; c++) {
		fputs("<th>", f);
		xml_text(g->title[c], f);
		fputs("</th>", f);
	}
	fputs("</tr></thead><tbody>\n", f);
	for (unsigned int r = 0; r < rows(g); r++) {
		fputs("<tr>", f);
		for (unsigned int c = 0; c < g->nr_columns; c++) {
			fputs("<td>", f);
			xml_text(cell(g, r, c), f);
			fputs("</td>", f);
		}
		fputs("</tr>\n", f);
	}
	fputs("</tbody></table></div>\n", f);
}
