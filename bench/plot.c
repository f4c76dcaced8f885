/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "plot.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "bench/svg.h"
#include "bench/view.h"
#include "tracer/base/cleanup.h"
#include "tracer/base/parse.h"

#define WIDTH 360.
#define NAME_WIDTH 84	/* of arm names at the left */
#define NAME_CHARS 13
#define ROW 26
#define COLOURS 8

const char *plot_arm_class(const struct report *r, unsigned int arm, char *buf, size_t len)
{
	unsigned int n = 2;

	for (unsigned int a = 0; a < arm; a++)
		n += a != r->arms->off && a != r->arms->twin;
	snprintf(buf, len, "a%u", arm == r->arms->off ? 0 : arm == r->arms->twin ? 1 :
								(n - 2) % (COLOURS - 2) + 2);
	return buf;
}

static bool has_figures(const struct report_set *s, unsigned int arm)
{
	return !s->outcome.reason[arm][0] && s->outcome.table.nr_rounds;
}

static void arm_name(const struct report *r, unsigned int arm, double y, FILE *f)
{
	const char *name = r->arms->v[arm].name;
	bool fits = strlen(name) <= NAME_CHARS;
	char text[NAME_CHARS + 1];

	snprintf(text, sizeof(text), "%.*s%s", fits ? NAME_CHARS : NAME_CHARS - 3, name, fits ? "" : "...");
	svg_text(f, "t", NAME_WIDTH - 8, y + 4, "end", text);
}

/* ---- cost ---- */

static const char *const titles[] = {
	[METRIC_THROUGHPUT] = "Throughput lost at saturation, %",
	[METRIC_CPU_PER_IO] = "CPU time per I/O at a fixed rate, % more",
	[METRIC_SYSTEM_CPU] = "System CPU at a fixed rate, percentage points more",
	[METRIC_WORST_CORE] = "Busiest core at a fixed rate, percentage points more",
};

static struct axis cost_axis(const struct report *r, const struct report_set *s, enum metric m)
{
	double lo = 0, hi = r->budget;

	for (unsigned int a = 0; a < r->arms->nr; a++) {
		const struct decision *d = &s->outcome.decision[a][m];

		if (a == r->arms->off || !d->rounds)
			continue;
		lo = fmin(lo, isfinite(d->loss.lower) ? d->loss.lower : d->loss.estimate);
		hi = fmax(hi, isfinite(d->loss.upper) ? d->loss.upper : d->loss.estimate);
	}
	return axis_fit(lo, hi, NAME_WIDTH, WIDTH - 12, false);
}

static void cost_arm(const struct report *r, const struct decision *d, unsigned int arm,
		     const struct axis *x, double y, FILE *f)
{
	char class[8], both[24], text[64];

	arm_name(r, arm, y, f);
	if (!d->rounds) {
		svg_text(f, "s", (NAME_WIDTH + WIDTH) / 2, y + 4, "middle", "no figures");
		return;
	}
	snprintf(both, sizeof(both), "i %s", plot_arm_class(r, arm, class, sizeof(class)));
	if (isfinite(d->loss.lower) && isfinite(d->loss.upper))
		svg_line(f, both, axis_at(x, d->loss.lower), y, axis_at(x, d->loss.upper), y);
	view_interval(d, text, sizeof(text));
	fprintf(f, "<circle class=\"p %s\" cx=\"%.1f\" cy=\"%.1f\" r=\"4.5\"><title>", class,
		axis_at(x, d->loss.estimate), y);
	xml_text(r->arms->v[arm].name, f);
	fprintf(f, " %s</title></circle>\n", text);
}

static void ticks_below(const struct axis *x, double top, double bottom, FILE *f)
{
	double ticks[TICKS_MAX];
	unsigned int n = axis_ticks(x, 5, ticks);

	for (unsigned int i = 0; i < n; i++) {
		char text[32];
		double at = axis_at(x, ticks[i]);

		svg_line(f, ticks[i] == 0 ? "z" : "g", at, top, at, bottom);
		svg_text(f, "s", at, bottom + 14, "middle", svg_number(ticks[i], text, sizeof(text)));
	}
}

void plot_cost(const struct report *r, const struct report_set *s, enum metric m, FILE *f)
{
	struct axis x = cost_axis(r, s, m);
	double bottom = 36 + ROW * (r->arms->nr - 1), y = 36 + ROW / 2.;
	char text[32];

	svg_begin(f, WIDTH, bottom + 22, titles[m]);
	svg_text(f, "h", 0, 12, "start", titles[m]);
	ticks_below(&x, 32, bottom, f);
	svg_line(f, "m", axis_at(&x, r->budget), 32, axis_at(&x, r->budget), bottom);
	snprintf(text, sizeof(text), "budget %g", r->budget);
	svg_text(f, "ms", axis_at(&x, r->budget), 29, axis_at(&x, r->budget) > WIDTH - 60 ? "end" : "middle",
		 text);
	for (unsigned int a = 0; a < r->arms->nr; a++) {
		if (a == r->arms->off)
			continue;
		cost_arm(r, &s->outcome.decision[a][m], a, &x, y, f);
		y += ROW;
	}
	svg_end(f);
}

/* ---- a plot with an axis at the left ---- */

#define LEFT 48.
#define TOP 26.
#define HEIGHT 190.

static void ticks_left(const struct axis *y, bool durations, FILE *f)
{
	double ticks[TICKS_MAX];
	unsigned int n = axis_ticks(y, 5, ticks);

	for (unsigned int i = 0; i < n; i++) {
		char text[32];
		double at = axis_at(y, ticks[i]);

		svg_line(f, ticks[i] == 0 ? "z" : "g", LEFT, at, WIDTH - 4, at);
		if (durations)
			fmt_duration((uint64_t)ticks[i], text, sizeof(text));
		else
			svg_number(ticks[i], text, sizeof(text));
		svg_text(f, "s", LEFT - 5, at + 4, "end", text);
	}
}

static void legend(const struct report *r, const struct report_set *s, bool with_off, double y, FILE *f)
{
	double x = LEFT;

	for (unsigned int a = 0; a < r->arms->nr; a++) {
		const char *name = r->arms->v[a].name;
		double width = 22 + 6.6 * (double)strlen(name);
		char class[8], both[24];

		if ((a == r->arms->off && !with_off) || !has_figures(s, a))
			continue;
		if (x + width > WIDTH) {
			x = LEFT;
			y += 16;
		}
		snprintf(both, sizeof(both), "l %s", plot_arm_class(r, a, class, sizeof(class)));
		svg_line(f, both, x, y - 4, x + 12, y - 4);
		svg_text(f, "s", x + 16, y, "start", name);
		x += width;
	}
}

static double legend_height(const struct report *r)
{
	double x = LEFT, height = 16;

	for (unsigned int a = 0; a < r->arms->nr; a++) {
		double width = 22 + 6.6 * (double)strlen(r->arms->v[a].name);

		if (x + width > WIDTH) {
			x = LEFT;
			height += 16;
		}
		x += width;
	}
	return height;
}

/* A line through the points that there are, and a dot on each of a few. */
static void curve(const char *class, const double *x, const double *y, unsigned int n, bool dots, FILE *f)
{
	unsigned int drawn = 0;

	fprintf(f, "<path class=\"l %s\" d=\"", class);
	for (unsigned int i = 0; i < n; i++)
		if (isfinite(y[i]))
			fprintf(f, "%s%.1f %.1f", drawn++ ? " L" : "M", x[i], y[i]);
	fputs(drawn ? "\"/>\n" : "M0 0\"/>\n", f);
	for (unsigned int i = 0; i < n && dots; i++)
		if (isfinite(y[i]))
			fprintf(f, "<circle class=\"p %s\" cx=\"%.1f\" cy=\"%.1f\" r=\"2.6\"/>\n", class, x[i],
				y[i]);
}

/* ---- latency ---- */

/*
 * What share of the I/Os took no longer than that: along x in powers of ten of
 * the rest, so that the tail has its room. From the histograms of all rounds;
 * where a file has none, through the percentiles that it has.
 */
#define DEEPEST 6.	/* 99.9999 % */
#define CURVE_MAX 2048

static const struct {
	enum column column;
	double share;
} points[] = {
	{ COLUMN_P50_NS, .5 }, { COLUMN_P90_NS, .9 }, { COLUMN_P99_NS, .99 }, { COLUMN_P999_NS, .999 },
};

struct curve {
	unsigned int nr;
	double depth[CURVE_MAX], ns[CURVE_MAX];
};

static double depth(double share)
{
	return -log10(1 - share);
}

static const struct latency_bins *arm_bins(const struct report_set *s, unsigned int arm)
{
	const struct arm_figures *f = &s->outcome.figures[arm];

	return s->outcome.table.op == FIO_WRITE ? &f->write : &f->read;
}

static void curve_point(struct curve *c, double at, double ns)
{
	/* less than half a pixel is not seen */
	if (c->nr && at - c->depth[c->nr - 1] < DEEPEST / 600 && ns < 1.02 * c->ns[c->nr - 1])
		return;
	if (c->nr == CURVE_MAX || at > DEEPEST || !(ns > 0))
		return;
	c->depth[c->nr] = at;
	c->ns[c->nr++] = ns;
}

static void latency_curve(const struct report_set *s, unsigned int arm, struct curve *c)
{
	const struct latency_bins *b = arm_bins(s, arm);
	double all = (double)latency_bins_count(b), seen = 0;

	c->nr = 0;
	for (size_t i = 0; i < ARRAY_SIZE(points) && !b->nr; i++)
		curve_point(c, depth(points[i].share), table_median(&s->outcome.table, points[i].column, arm));
	for (unsigned int i = 0; i < b->nr; i++) {
		curve_point(c, depth((seen + .5) / all), (double)b->bin[i].ns);
		seen += (double)b->bin[i].n;
		curve_point(c, depth((seen - .5) / all), (double)b->bin[i].ns);
	}
}

static void ticks_of_shares(const struct axis *x, double bottom, FILE *f)
{
	static const char *const names[] = { "0", "90", "99", "99.9", "99.99", "99.999", "99.9999 %" };

	for (size_t i = 0; i < ARRAY_SIZE(names) && (double)i <= x->hi; i++) {
		svg_line(f, "g", axis_at(x, (double)i), TOP, axis_at(x, (double)i), bottom);
		svg_text(f, "s", axis_at(x, (double)i), bottom + 14, i + 1 == ARRAY_SIZE(names) ? "end" : "middle", names[i]);
	}
}

void plot_latency(const struct report *r, const struct report_set *s, FILE *f)
{
	double lo = INFINITY, hi = 0, deepest = depth(points[ARRAY_SIZE(points) - 1].share), bottom = TOP + HEIGHT;
	struct axis x = { .from = LEFT + 4, .to = WIDTH - 8 }, y;
	char title[80];
	struct curve c;

	for (unsigned int a = 0; a < r->arms->nr; a++) {
		latency_curve(s, a, &c);
		if (!has_figures(s, a) || !c.nr)
			continue;
		lo = fmin(lo, c.ns[0]);
		hi = fmax(hi, c.ns[c.nr - 1]);
		deepest = fmax(deepest, c.depth[c.nr - 1]);
	}
	if (!(hi > 0))
		return;
	x.hi = deepest;
	y = axis_fit(lo, hi, bottom, TOP, true);
	svg_begin(f, WIDTH, bottom + 22 + legend_height(r), "Latency distribution at saturation");
	snprintf(title, sizeof(title), "Latency of %s %s, by percentile", view_operation(&s->outcome),
		 view_full_load(&s->outcome));
	svg_text(f, "h", 0, 12, "start", title);
	ticks_left(&y, true, f);
	ticks_of_shares(&x, bottom, f);
	for (unsigned int a = 0; a < r->arms->nr; a++) {
		char class[8];

		latency_curve(s, a, &c);
		if (!has_figures(s, a) || !c.nr)
			continue;
		for (unsigned int i = 0; i < c.nr; i++) {
			c.depth[i] = axis_at(&x, c.depth[i]);
			c.ns[i] = axis_at(&y, c.ns[i]);
		}
		curve(plot_arm_class(r, a, class, sizeof(class)), c.depth, c.ns, c.nr, c.nr <= ARRAY_SIZE(points), f);
	}
	legend(r, s, true, bottom + 34, f);
	svg_end(f);
}

/* ---- cores ---- */

static double core_median(const struct table *t, unsigned int arm, unsigned int core)
{
	double v[STAT_MAX_N];

	for (unsigned int i = 0; i < t->nr_rounds && i < STAT_MAX_N; i++)
		v[i] = t->core_pct[((size_t)i * t->nr_arms + arm) * t->nr_cores + core];
	return stat_median(v, t->nr_rounds);
}

void plot_cores(const struct report *r, const struct report_set *s, FILE *f)
{
	const struct table *t = &s->outcome.table;
	double width, y = 42;

	if (!t->nr_cores || !t->nr_rounds)
		return;
	width = (WIDTH - NAME_WIDTH - 4) / t->nr_cores;
	svg_begin(f, WIDTH, 46 + ROW * r->arms->nr, "Busy time of each core at the fixed rate");
	svg_text(f, "h", 0, 12, "start", "Busy time of each core at the fixed rate, %");
	for (unsigned int c = 0; c < t->nr_cores; c++) {
		char text[16];

		snprintf(text, sizeof(text), t->nr_cores > 8 ? "%u" : "cpu%u", t->core_id[c]);
		if (t->nr_cores <= 16 || !(c % 8))
			svg_text(f, "s", NAME_WIDTH + width * (c + .5), 34, "middle", text);
	}
	for (unsigned int a = 0; a < r->arms->nr; a++, y += ROW) {
		arm_name(r, a, y + ROW / 2., f);
		for (unsigned int c = 0; c < t->nr_cores && has_figures(s, a); c++) {
			double busy = core_median(t, a, c);
			char text[16];

			fprintf(f, "<rect class=\"c\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%d\" fill-opacity=\"%.3f\"><title>",
				NAME_WIDTH + width * c, y, fmax(width - 1, .5), ROW - 2,
				fmin(fmax(busy / 100, .02), 1));
			xml_text(r->arms->v[a].name, f);
			fprintf(f, " core %u: %.1f%%</title></rect>\n", t->core_id[c], busy);
			snprintf(text, sizeof(text), "%.0f", busy);
			if (width >= 24)
				svg_text(f, busy > 55 ? "cd" : "cl", NAME_WIDTH + width * (c + .5), y + 16, "middle",
					 text);
		}
	}
	svg_end(f);
}

/* ---- rounds ---- */

static double round_loss(const struct report *r, const struct table *t, unsigned int round, unsigned int arm)
{
	double off = table_value(t, COLUMN_IOPS, round, r->arms->off);

	return 100 * (1 - table_value(t, COLUMN_IOPS, round, arm) / off);
}

void plot_rounds(const struct report *r, const struct report_set *s, FILE *f)
{
	const struct table *t = &s->outcome.table;
	double lo = 0, hi = r->budget, bottom = TOP + HEIGHT;
	struct axis y, x = { .lo = 1, .hi = fmax(2, t->nr_rounds), .from = LEFT + 10, .to = WIDTH - 14 };

	if (!t->nr_rounds || t->nr_rounds > STAT_MAX_N)
		return;
	for (unsigned int a = 0; a < r->arms->nr; a++)
		for (unsigned int i = 0; i < t->nr_rounds && has_figures(s, a); i++) {
			lo = fmin(lo, round_loss(r, t, i, a));
			hi = fmax(hi, round_loss(r, t, i, a));
		}
	y = axis_fit(lo, hi, bottom, TOP, false);
	svg_begin(f, WIDTH, bottom + 22 + legend_height(r), "Throughput lost in each round");
	svg_text(f, "h", 0, 12, "start", "Throughput lost, round by round, % (off2: noise)");
	ticks_left(&y, false, f);
	svg_line(f, "m", LEFT, axis_at(&y, r->budget), WIDTH - 4, axis_at(&y, r->budget));
	for (unsigned int i = 0; i < t->nr_rounds; i += t->nr_rounds > 16 ? 4 : t->nr_rounds > 8 ? 2 : 1) {
		char text[16];

		snprintf(text, sizeof(text), "%u", i + 1);
		svg_text(f, "s", axis_at(&x, i + 1), bottom + 14, "middle", text);
	}
	for (unsigned int a = 0; a < r->arms->nr; a++) {
		double px[STAT_MAX_N], py[STAT_MAX_N];
		char class[8];

		if (a == r->arms->off || !has_figures(s, a))
			continue;
		for (unsigned int i = 0; i < t->nr_rounds; i++) {
			px[i] = axis_at(&x, i + 1);
			py[i] = axis_at(&y, round_loss(r, t, i, a));
		}
		curve(plot_arm_class(r, a, class, sizeof(class)), px, py, t->nr_rounds, true, f);
	}
	legend(r, s, false, bottom + 34, f);
	svg_end(f);
}
