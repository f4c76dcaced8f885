/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The page of a run as a browser lays it out (headless Chromium), from a phone's width up, and on paper. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench/child.h"
#include "bench/file.h"
#include "bench/replay.h"
#include "bench/stop.h"
#include "bench/tests/canned.h"
#include "bench/view.h"
#include "tracer/base/cleanup.h"
#include "tracer/base/test.h"

#define TIMEOUT_NS (120 * NS_PER_S)
#define TEXT_MIN_DPX 90	/* nine pixels, in tenths: smaller is not read on a phone */

static char place[64];
static const char *browser;

#define PAPER_PX 718	/* of A4 between Chromium's margins */

/*
 * Shows the report in a frame of each width; the last is paper's, with the rules for print as
 * a frame is of the screen. Of each it says: the frame's width, that of what is in it, and how
 * many plots are whole inside it, of all; how small the smallest text is, in tenths of a
 * pixel; and how many tables are wider than their place. Whole is a plot with all of its texts.
 */
static const char frame[] =
	"<!DOCTYPE html><html><body><script>\n"
	"var widths = [360, 390, 768, 1280, 718], out = [];\n"
	"function next() {\n"
	" var width = widths[out.length], f = document.createElement('iframe');\n"
	" if (!width) { document.body.textContent = 'laid out ' + out.join(' ') + ' end'; return; }\n"
	" f.style.cssText = 'border:0;height:800px;width:' + width + 'px';\n"
	" f.onload = function () {\n"
	"  var page = f.contentDocument, whole = 0, small = 999, wide = 0, plots = page.querySelectorAll('svg');\n"
	"  if (width == 718)\n"
	"   Array.from(page.styleSheets[0].cssRules).forEach(function (r) {\n"
	"    if (r.media && r.media.mediaText == 'print') {\n"
	"     var s = page.createElement('style');\n"
	"     s.textContent = Array.from(r.cssRules).map(function (c) { return c.cssText; }).join(' ');\n"
	"     page.head.appendChild(s);\n"
	"    }\n"
	"   });\n"
	"  page.querySelectorAll('.wide').forEach(function (w) { wide += w.scrollWidth > w.clientWidth; });\n"
	"  plots.forEach(function (p) {\n"
	"   var b = p.getBoundingClientRect();\n"
	"   var cut = Array.from(p.querySelectorAll('text')).filter(function (t) {\n"
	"    var r = t.getBoundingClientRect(); return r.left < b.left - 1 || r.right > b.right + 1; });\n"
	"   whole += b.width > 150 && b.height > 40 && b.left >= 0 && b.right <= width && !cut.length;\n"
	"   var scale = p.getScreenCTM().a, view = f.contentWindow;\n"
	"   p.querySelectorAll('text').forEach(function (t) {\n"
	"    small = Math.min(small, parseFloat(view.getComputedStyle(t).fontSize) * scale);\n"
	"   });\n"
	"  });\n"
	"  out.push([width, page.documentElement.scrollWidth, whole, plots.length, Math.floor(small * 10), wide].join(','));\n"
	"  f.remove();\n"
	"  next();\n"
	" };\n"
	" f.src = 'report.html';\n"
	" document.body.appendChild(f);\n"
	"}\n"
	"next();\n"
	"</script></body></html>\n";

static char *at(const char *name)
{
	char *path = NULL;

	if (asprintf(&path, "%s/%s", place, name) < 0)
		abort();
	return path;
}

static bool has_browser(void)
{
	static const char *const names[] = { "chromium", "chromium-browser", "google-chrome" };

	for (size_t i = 0; i < ARRAY_SIZE(names) && !browser; i++) {
		char *argv[] = { (char *)names[i], "--version", NULL };
		_cleanup_free_ char *out = NULL;
		struct child_end end;

		if (!child_run(argv, TIMEOUT_NS, &out, &end) && !end.status)
			browser = names[i];
	}
	return browser;
}

/* What it prints; malloc'd, or NULL. */
static char *browse(const char *action, const char *name)
{
	char *profile = NULL, *url = NULL, *out = NULL;
	struct child_end end = { 0 };
	int err;

	if (asprintf(&profile, "--user-data-dir=%s/profile", place) < 0 || asprintf(&url, "file://%s/%s", place, name) < 0)
		abort();
	char *argv[] = { (char *)browser, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
			 "--no-first-run", "--hide-scrollbars", "--allow-file-access-from-files",
			 "--virtual-time-budget=60000", "--no-pdf-header-footer", profile, (char *)action, url, NULL };

	err = child_run(argv, TIMEOUT_NS, &out, &end);
	if (err || end.status)
		printf("    %s %s: %s, status %d\n", browser, action, strerror(-err), end.status);
	free(profile);
	free(url);
	return out;
}

static void remove_place(void)
{
	char *argv[] = { "rm", "-rf", place, NULL };
	struct child_end end;

	child_run(argv, TIMEOUT_NS, NULL, &end);
}

/* A page with everything: an arm of each verdict, two schedulers, a set that was skipped. */
static void make_page(void)
{
	_cleanup_free_ char *raw = NULL, *page = NULL, *around = NULL, *text = NULL;
	struct canned c = canned_default();
	struct why why = { 0 };
	struct replay r;

	canned_place("test-bench-browser", place);
	c.nr_arms = 4;
	c.arm[2] = "a-tracer-with-a-rather-long-name";
	c.arm[3] = "full";
	c.loss_pct[2] = 5;
	c.loss_pct[3] = 20;
	c.second_scheduler = "mq-deadline";
	c.skipped = "bfq";
	c.bins = true;
	raw = at("results.jsonl");
	page = at("report.html");
	around = at("frame.html");
	ASSERT_EQ(canned_write(&c, raw), 0);
	ASSERT_EQ(replay_load(raw, &r, &why), 0);
	ASSERT_EQ(view_render(view_find("html"), &r.report, &text), 0);
	replay_free(&r);
	ASSERT_EQ(file_replace(page, text), 0);
	ASSERT_EQ(file_replace(around, frame), 0);
}

#define NEEDS_BROWSER()                                                \
	do {                                                           \
		stop_install();                                        \
		if (!has_browser())                                    \
			TEST_SKIP("no Chromium here (make browser-deps)"); \
	} while (0)

TEST(nothing_is_cut_off_from_a_phones_width_up)
{
	_cleanup_free_ char *dom = NULL;
	unsigned int frames = 0;
	char *p;

	NEEDS_BROWSER();
	make_page();
	dom = browse("--dump-dom", "frame.html");
	p = dom ? strstr(dom, "laid out ") : NULL;
	ASSERT_TRUE(p != NULL);
	for (p = p ? strchr(p + 5, ' ') : NULL; p; p = strchr(p + 1, ' ')) {
		unsigned int width, content, whole, plots, small, wide;

		if (sscanf(p, " %u,%u,%u,%u,%u,%u", &width, &content, &whole, &plots, &small, &wide) != 6)
			break;
		ASSERT_TRUE(width != PAPER_PX || !wide); /* paper does not scroll */
		if (small < TEXT_MIN_DPX)
			printf("    at %u: text of %.1f px\n", width, small / 10.);
		ASSERT_TRUE(small >= TEXT_MIN_DPX);
		ASSERT_TRUE(content <= width);
		ASSERT_EQ(whole, plots);
		ASSERT_EQ(plots, 2 * 5);
		frames++;
	}
	ASSERT_EQ(frames, 5);
	if (frames != 5)
		printf("    %.300s\n", dom ? dom : "nothing");
	remove_place();
}

TEST(it_prints_on_a_few_pages)
{
	_cleanup_free_ char *pdf = NULL, *action = NULL, *said = NULL;
	unsigned int pages = 0;
	char line[4096];
	FILE *f;

	NEEDS_BROWSER();
	make_page();
	pdf = at("report.pdf");
	if (asprintf(&action, "--print-to-pdf=%s", pdf) < 0)
		abort();
	said = browse(action, "report.html");
	f = fopen(pdf, "re");
	ASSERT_TRUE(f && fgets(line, sizeof(line), f) && !strncmp(line, "%PDF", 4));
	while (f && fgets(line, sizeof(line), f)) {
		const char *page = strstr(line, "/Type /Page");

		pages += page && page[11] != 's'; /* not the list of them */
	}
	if (f)
		fclose(f);
	if (pages < 2 || pages > 8)
		printf("    %u pages\n", pages);
	ASSERT_TRUE(pages >= 2 && pages <= 8);
	remove_place();
}

TEST_MAIN("test-bench-browser", T(nothing_is_cut_off_from_a_phones_width_up), T(it_prints_on_a_few_pages))
