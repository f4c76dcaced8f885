/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "rendered.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench/file.h"
#include "bench/replay.h"
#include "bench/stop.h"
#include "bench/view.h"
#include "tracer/base/cleanup.h"
#include "tracer/base/test.h"

static char dir[64], path[96];
char rendered_out[96];

static void setup(void)
{
	if (dir[0])
		return;
	strcpy(dir, "/tmp/rendered.XXXXXX");
	if (!mkdtemp(dir))
		abort();
	snprintf(path, sizeof(path), "%s/results.jsonl", dir);
	snprintf(rendered_out, sizeof(rendered_out), "%s/out", dir);
	stop_install();
}

__attribute__((destructor)) static void at_end(void)
{
	if (!dir[0])
		return;
	unlink(path);
	unlink(rendered_out);
	rmdir(dir);
}

/* One arm passes, one fails, one is undecided, its name is nasty; one set is skipped, one is whole. */
struct canned all_kinds(void)
{
	struct canned c = canned_default();

	c.nr_arms = 4;
	c.arm[2] = "a<b>&\\\"c,|d";
	c.arm[3] = "full";
	c.loss_pct[2] = 5;
	c.loss_pct[3] = 20;
	c.second_scheduler = "mq-deadline";
	c.skipped = "bfq";
	return c;
}

char *render_text(const char *results, const char *format)
{
	struct why why = { 0 };
	struct replay r;
	char *text = NULL;

	setup();
	ASSERT_EQ(file_replace(path, results), 0);
	if (replay_load(path, &r, &why)) {
		printf("    %s\n", why.text);
		abort();
	}
	ASSERT_EQ(view_render(view_find(format), &r.report, &text), 0);
	replay_free(&r);
	return text;
}

char *render(const struct canned *c, const char *format)
{
	_cleanup_free_ char *results = canned_text(c);

	return render_text(results, format);
}
