/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The parts of a plot in inline SVG: frame, axes with round ticks, text. Colours are classes of the page. */
#ifndef BENCH_SVG_H
#define BENCH_SVG_H

#include <stdbool.h>
#include <stdio.h>

struct axis {
	double lo, hi;		/* values */
	double from, to;	/* where they are, in the plot's units */
	bool log;
};

/* Room for @lo..@hi, and a little more; a log axis wants both positive. */
struct axis axis_fit(double lo, double hi, double from, double to, bool log);
double axis_at(const struct axis *a, double v);

#define TICKS_MAX 12
/* Round values inside the axis; how many. */
unsigned int axis_ticks(const struct axis *a, unsigned int about, double ticks[TICKS_MAX]);

/* "15k", "2.5M", "0.5" */
const char *svg_number(double v, char *buf, size_t len);

void svg_begin(FILE *f, double width, double height, const char *title);
void svg_end(FILE *f);
void svg_line(FILE *f, const char *class, double x1, double y1, double x2, double y2);
/* @anchor: "start", "middle" or "end". @text is escaped. */
void svg_text(FILE *f, const char *class, double x, double y, const char *anchor, const char *text);

#endif
