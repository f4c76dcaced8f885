/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The plots of the HTML page, read back from its SVG: what they show is what was put in. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "bench/file.h"
#include "bench/replay.h"
#include "bench/tests/canned.h"
#include "bench/view.h"
#include "tracer/base/cleanup.h"
#include "tracer/base/test.h"

#define POINTS_MAX 1024

struct curve {
	int nr;
	double x[POINTS_MAX], y[POINTS_MAX];
};

/* Without noise: "four" and "full" lose 4 and 20 percent, and 10 more under mq-deadline. */
static struct canned known(void)
{
	struct canned c = canned_default();

	c.nr_arms = 4;
	c.arm[2] = "four";
	c.arm[3] = "full";
	c.loss_pct[2] = 4;
	c.loss_pct[3] = 20;
	c.second_scheduler = "mq-deadline";
	c.second_loss_pct = 10;
	c.noise_pct = 0;
	return c;
}

static char *page(const char *results)
{
	char dir[64], path[96], *text = NULL;
	struct why why = { 0 };
	struct replay r;

	canned_place("test-bench-plot", dir);
	snprintf(path, sizeof(path), "%s/results.jsonl", dir);
	ASSERT_EQ(file_replace(path, results), 0);
	if (replay_load(path, &r, &why)) {
		printf("    %s\n", why.text);
		abort();
	}
	ASSERT_EQ(view_render(view_find("html"), &r.report, &text), 0);
	replay_free(&r);
	unlink(path);
	rmdir(dir);
	return text;
}

static char *known_page(void)
{
	struct canned c = known();
	_cleanup_free_ char *results = canned_text(&c);

	return page(results);
}

/* The plot of that title of the @nth set; malloc'd. */
static char *plot(const char *html, const char *title, int nth)
{
	_cleanup_free_ char *head = NULL;
	const char *at = html, *end;

	if (asprintf(&head, "role=\"img\"><title>%s</title>", title) < 0)
		abort();
	for (int i = 0; i <= nth && at; i++)
		at = strstr(at + 1, head);
	end = at ? strstr(at, "</svg>") : NULL;
	if (!end) {
		printf("    no plot %s\n", title);
		return strdup("");
	}
	return strndup(at, (size_t)(end - at));
}

/* The line of an arm's colour. */
static struct curve line(const char *svg, const char *class)
{
	struct curve c = { 0 };
	char head[32];
	const char *p;
	int n;

	snprintf(head, sizeof(head), "<path class=\"l %s\" d=\"M", class);
	p = strstr(svg, head);
	for (p = p ? p + strlen(head) : NULL;
	     p && c.nr < POINTS_MAX && sscanf(p, "%lf %lf%n", &c.x[c.nr], &c.y[c.nr], &n) == 2; c.nr++) {
		p += n;
		p += strncmp(p, " L", 2) ? 0 : 2;
	}
	return c;
}

/* Where the dot of an arm is, whose title is @says; NAN: nowhere. */
static double dot_x(const char *svg, const char *class, const char *says)
{
	char head[48], title[96];
	const char *p;
	double x;

	snprintf(head, sizeof(head), "<circle class=\"p %s\" cx=\"", class);
	snprintf(title, sizeof(title), "<title>%s</title></circle>", says);
	p = strstr(svg, head);
	if (!p || sscanf(p + strlen(head), "%lf", &x) != 1)
		return NAN;
	p = strstr(p, "<title>");
	if (strncmp(p, title, strlen(title))) {
		printf("    %.60s\n", p);
		return NAN;
	}
	return x;
}

static bool near(double a, double b, double tolerance)
{
	if (!(fabs(a - b) <= tolerance))
		printf("    %g, not %g\n", a, b);
	return fabs(a - b) <= tolerance;
}

TEST(costs_stand_where_they_are)
{
	static const char *const titles[] = { "Throughput lost at saturation, %", "CPU time per I/O at a fixed rate, % more" };
	_cleanup_free_ char *html = known_page();

	for (size_t i = 0; i < ARRAY_SIZE(titles); i++) {
		_cleanup_free_ char *none = plot(html, titles[i], 0), *mq = plot(html, titles[i], 1);
		const char *zero = i ? "off2 +0.0 [+0.0,+0.0]" : "off2 -0.0 [-0.0,-0.0]";
		double off2 = dot_x(none, "a1", zero), four = dot_x(none, "a2", "four +4.0 [+4.0,+4.0]"),
		       full = dot_x(none, "a3", "full +20.0 [+20.0,+20.0]");

		ASSERT_TRUE(near((four - off2) / (full - off2), 4. / 20, .01));
		off2 = dot_x(mq, "a1", zero);
		four = dot_x(mq, "a2", "four +14.0 [+14.0,+14.0]");
		full = dot_x(mq, "a3", "full +30.0 [+30.0,+30.0]");
		ASSERT_TRUE(near((four - off2) / (full - off2), 14. / 30, .01));
	}
}

/* 7000 I/Os of 20 us, three quarters of them on core 0. */
TEST(the_heat_map_has_each_core_of_each_arm)
{
	static const char *const cells[] = {
		".105\"><title>off core 0: 10.5%<", ".035\"><title>off core 1: 3.5%<", ".105\"><title>off2 core 0: 10.5%<",
		".035\"><title>off2 core 1: 3.5%<", ".126\"><title>full core 0: 12.6%<", ".042\"><title>full core 1: 4.2%<",
	};
	_cleanup_free_ char *html = known_page(), *svg = plot(html, "Busy time of each core at the fixed rate", 0);

	for (size_t i = 0; i < ARRAY_SIZE(cells); i++) {
		if (!strstr(svg, cells[i]))
			printf("    no %s\n", cells[i]);
		ASSERT_TRUE(strstr(svg, cells[i]) != NULL);
	}
}

/* The place of a core in a list is not its number where one before it is off line. */
TEST(cores_are_named_by_the_kernels_numbers)
{
	static const char *const heads[] = { ">cpu0<", ">cpu2<", "<title>full core 2: 4.2%<" };
	struct canned c = known();
	_cleanup_free_ char *all_on_line = canned_text(&c),
			    *results = canned_edit(all_on_line, "{\"cpu\":1,", "{\"cpu\":2,"), *html = page(results),
			    *svg = plot(html, "Busy time of each core at the fixed rate", 0);

	for (size_t i = 0; i < ARRAY_SIZE(heads); i++)
		ASSERT_TRUE(strstr(svg, heads[i]) != NULL);
	ASSERT_TRUE(!strstr(svg, "core 1") && !strstr(svg, "cpu1"));
	ASSERT_TRUE(strstr(html, ">full, core 2<") && !strstr(html, ">full, core 1<"));
}

TEST(the_matrix_has_each_arm_under_each_scheduler)
{
	static const char *const rows[] = {
		"<th>scheduler</th><th>IOPS</th><th>off2</th><th>four</th><th>full</th>",
		"<tr><td>none</td><td>10000 [10000,10000]</td><td class=\"PASS\">-0.0 [-0.0,-0.0]</td><td class=\"PASS\">+4.0 [+4.0,+4.0]</td>"
		"<td class=\"FAIL\">+20.0 [+20.0,+20.0]</td></tr>",
		"<tr><td>mq-deadline</td><td>10000 [10000,10000]</td><td class=\"PASS\">-0.0 [-0.0,-0.0]</td><td class=\"FAIL\">+14.0 [+14.0,+14.0]</td>"
		"<td class=\"FAIL\">+30.0 [+30.0,+30.0]</td></tr>",
		"Throughput lost at saturation, %, under each scheduler", "CPU time per I/O at the fixed rate, % more, under each scheduler",
	};
	_cleanup_free_ char *html = known_page();
	char *matrix = strstr(html, "Schedulers: randread-4k-qd1"), *end = matrix ? strstr(matrix, "</section>") : NULL;

	ASSERT_TRUE(end != NULL);
	if (end)
		*end = '\0';
	for (size_t i = 0; i < ARRAY_SIZE(rows) && end; i++) {
		if (!strstr(matrix, rows[i]))
			printf("    no %s in %s\n", rows[i], matrix);
		ASSERT_TRUE(strstr(matrix, rows[i]) != NULL);
	}
}

TEST(rounds_have_a_point_of_each_arm_and_of_the_twin)
{
	_cleanup_free_ char *html = known_page(), *svg = plot(html, "Throughput lost in each round", 0);
	struct curve off2 = line(svg, "a1"), four = line(svg, "a2"), full = line(svg, "a3");

	ASSERT_TRUE(off2.nr == 8 && four.nr == 8 && full.nr == 8);
	ASSERT_EQ(line(svg, "a0").nr, 0); /* all are against it */
	for (int i = 0; i < off2.nr && i < four.nr && i < full.nr; i++) {
		ASSERT_TRUE(near((off2.y[i] - four.y[i]) / (off2.y[i] - full.y[i]), 4. / 20, .01));
		ASSERT_TRUE(!i || full.x[i] > full.x[i - 1]);
	}
}

/* The height of the step from one value to another, on a log axis of @unit a power of e. */
static bool is_step(double from_y, double to_y, double ratio, double unit)
{
	return near((from_y - to_y) / unit, log(ratio), .01 * log(ratio) + .02);
}

TEST(latencies_are_a_curve_of_shares_for_each_arm)
{
	struct canned c = known();
	_cleanup_free_ char *results = NULL, *html = NULL, *svg = NULL;
	struct curve off, full;
	double unit, width;
	int at90 = 0, at99 = 0;

	c.bins = true;
	results = canned_text(&c);
	html = page(results);
	svg = plot(html, "Latency distribution at saturation", 0);
	off = line(svg, "a0");
	full = line(svg, "a3");
	ASSERT_EQ(line(svg, "a1").nr, off.nr);
	ASSERT_TRUE(off.nr == 10 && full.nr == 10); /* 11, 15, 30, 90 and 1000 us: from a share to a share each */
	if (off.nr != 10 || full.nr != 10)
		return;
	at90 = 4;	/* of 90 % and less, 15 us: here 30 us begins */
	at99 = 6;
	width = off.x[at99] - off.x[0];
	ASSERT_TRUE(near((off.x[2] - off.x[0]) / width, log10(2) / 2, .01)); /* half of them: 11 us */
	ASSERT_TRUE(near((off.x[at90] - off.x[0]) / width, .5, .01));
	ASSERT_TRUE(near((off.x[8] - off.x[0]) / width, 1.5, .01));
	unit = (off.y[0] - off.y[9]) / log(1000 / 11.);
	ASSERT_TRUE(is_step(off.y[0], off.y[2], 15 / 11., unit) && is_step(off.y[0], off.y[at90], 30 / 11., unit) &&
		    is_step(off.y[0], off.y[at99], 90 / 11., unit));
	for (int i = 0; i < off.nr; i++) {
		ASSERT_TRUE(near(full.x[i], off.x[i], .01));
		ASSERT_TRUE(is_step(off.y[i], full.y[i], 1.2, unit)); /* a fifth slower */
	}
}

/* Files of before there were histograms. */
TEST(without_histograms_the_curve_goes_through_the_percentiles)
{
	_cleanup_free_ char *html = known_page(), *svg = plot(html, "Latency distribution at saturation", 0);
	struct curve off = line(svg, "a0"), full = line(svg, "a3");
	double unit = (off.y[0] - off.y[3]) / log(90 / 11.);

	ASSERT_TRUE(off.nr == 4 && full.nr == 4);
	ASSERT_TRUE(near((off.x[2] - off.x[1]) / (off.x[3] - off.x[1]), .5, .01)); /* 90, 99, 99.9 % */
	ASSERT_TRUE(is_step(off.y[0], off.y[1], 15 / 11., unit) && is_step(off.y[0], off.y[2], 30 / 11., unit));
	ASSERT_TRUE(is_step(off.y[0], full.y[0], 1.2, unit) && is_step(off.y[3], full.y[3], 1.2, unit));
}

TEST_MAIN("test-bench-plot", T(costs_stand_where_they_are), T(the_heat_map_has_each_core_of_each_arm),
	  T(cores_are_named_by_the_kernels_numbers),
	  T(the_matrix_has_each_arm_under_each_scheduler), T(rounds_have_a_point_of_each_arm_and_of_the_twin),
	  T(latencies_are_a_curve_of_shares_for_each_arm), T(without_histograms_the_curve_goes_through_the_percentiles))
