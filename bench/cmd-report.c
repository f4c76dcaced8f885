/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/cmd.h"
#include "bench/file.h"
#include "bench/replay.h"
#include "bench/view.h"
#include "tracer/base/cleanup.h"

struct report_config {
	const struct view *view;
	const char *out;
};

static int parse_format(const char *arg, void *field, struct opt_err *err)
{
	const struct view **view = field;

	*view = view_find(arg);
	if (*view)
		return 0;
	snprintf(err->msg, sizeof(err->msg), "no such format");
	return -EINVAL;
}

static const struct opt report_opts[] = {
	{ "format", 'f', OPT_PARSE, offsetof(struct report_config, view), "FORMAT",
	  "text, md, schedulers, html, json, junit, csv, openmetrics, bmf, gha or benchstat (default text)", 0, 0,
	  parse_format },
	{ "output", 'o', OPT_STR, offsetof(struct report_config, out), "FILE",
	  "write it there, at once and whole (default standard output)", 0, 0, NULL },
};

static const struct opt_table report_table = {
	.command = "iopath-bench report",
	.summary = "Make a report from the raw cells of a run: its results.jsonl, or the directory of it",
	.operands = "DIR|FILE",
	.opts = report_opts,
	.nr = ARRAY_SIZE(report_opts),
};

static int write_out(const char *path, const char *text, struct why *why)
{
	int err;

	if (!path) {
		fputs(text, stdout);
		return fflush(stdout) ? why_fail(why, EXIT_HARNESS, -errno, "cannot write to stdout: %s",
						 strerror(errno)) : 0;
	}
	err = file_replace(path, text);
	return err ? why_fail(why, EXIT_HARNESS, err, "cannot write %s: %s", path, strerror(-err)) : 0;
}

static int make_report(const char *path, const struct report_config *c, struct why *why)
{
	_cleanup_free_ char *text = NULL;
	struct replay r;
	int err = replay_load(path, &r, why);

	if (err)
		return err;
	err = view_render(c->view, &r.report, &text);
	if (!err)
		err = write_out(c->out, text, why);
	replay_free(&r);
	return err;
}

static int run(int argc, char **argv)
{
	struct report_config c = { .view = view_find("text") };
	struct opt_err err;
	struct why why = { .code = EXIT_HARNESS };
	char *path;
	int nr, r = cmd_parse(&report_table, argc, argv, &c, 1, &path, &nr, &err);

	if (r == OPT_HELP) {
		opt_help(&report_table, stdout);
		return 0;
	}
	if (!r && nr != 1) {
		snprintf(err.msg, sizeof(err.msg), "wants one results.jsonl, or the directory of it");
		r = -EINVAL;
	}
	if (r) {
		fprintf(stderr, "iopath-bench report: %s\n", err.msg);
		return EXIT_USAGE;
	}
	r = make_report(path, &c, &why);
	if (r)
		fprintf(stderr, "iopath-bench report: %s\n", why.text[0] ? why.text : strerror(-r));
	return r ? (int)why.code : 0;
}

const struct cmd cmd_report = { "report", "tables, pages and CI formats from the raw cells of a run",
				&report_table, run };
