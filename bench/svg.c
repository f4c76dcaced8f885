/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "svg.h"

#include <math.h>

#include "bench/view.h"

struct axis axis_fit(double lo, double hi, double from, double to, bool log)
{
	struct axis a = { .from = from, .to = to, .log = log };
	double room;

	if (log) {
		a.lo = lo / 1.3;
		a.hi = hi * 1.3;
		return a;
	}
	room = hi > lo ? (hi - lo) * .06 : fmax(fabs(hi) * .1, 1);
	a.lo = lo - room;
	a.hi = hi + room;
	return a;
}

double axis_at(const struct axis *a, double v)
{
	double part = a->log ? log(v / a->lo) / log(a->hi / a->lo) : (v - a->lo) / (a->hi - a->lo);

	return a->from + part * (a->to - a->from);
}

/* 1, 2 or 5 times a power of ten. */
static double round_step(double rough)
{
	double power = pow(10, floor(log10(rough))), lead = rough / power;

	return power * (lead > 5 ? 10 : lead > 2 ? 5 : lead > 1 ? 2 : 1);
}

static unsigned int log_ticks(const struct axis *a, double ticks[TICKS_MAX])
{
	static const double all[] = { 1, 2, 5 };
	unsigned int n = 0, leads = log10(a->hi / a->lo) < 2 ? 3 : 1;

	for (double power = pow(10, floor(log10(a->lo))); power <= a->hi; power *= 10)
		for (unsigned int i = 0; i < leads && n < TICKS_MAX; i++)
			if (power * all[i] >= a->lo && power * all[i] <= a->hi)
				ticks[n++] = power * all[i];
	return n;
}

unsigned int axis_ticks(const struct axis *a, unsigned int about, double ticks[TICKS_MAX])
{
	double step;
	unsigned int n = 0;

	if (a->log)
		return log_ticks(a, ticks);
	step = round_step((a->hi - a->lo) / about);
	for (double v = ceil(a->lo / step) * step; v <= a->hi && n < TICKS_MAX; v += step)
		ticks[n++] = fabs(v) < step / 1e6 ? 0 : v;
	return n;
}

const char *svg_number(double v, char *buf, size_t len)
{
	double a = fabs(v);

	if (a >= 1e6)
		snprintf(buf, len, "%.3gM", v / 1e6);
	else if (a >= 1e4)
		snprintf(buf, len, "%.3gk", v / 1e3);
	else
		snprintf(buf, len, "%.4g", v);
	return buf;
}

void svg_begin(FILE *f, double width, double height, const char *title)
{
	fprintf(f, "<svg viewBox=\"0 0 %g %g\" role=\"img\"><title>", width, height);
	xml_text(title, f);
	fputs("</title>\n", f);
}

void svg_end(FILE *f)
{
	fputs("</svg>\n", f);
}

void svg_line(FILE *f, const char *class, double x1, double y1, double x2, double y2)
{
	fprintf(f, "<line class=\"%s\" x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\"/>\n", class, x1, y1, x2,
		y2);
}

void svg_text(FILE *f, const char *class, double x, double y, const char *anchor, const char *text)
{
	fprintf(f, "<text class=\"%s\" x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\">", class, x, y, anchor);
	xml_text(text, f);
	fputs("</text>\n", f);
}
