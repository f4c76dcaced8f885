/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/cmd.h"
#include "bench/merge.h"
#include "bench/replay.h"
#include "bench/run.h"
#include "bench/view.h"
#include "tracer/base/cleanup.h"

struct merge_config {
	const char *out;
	bool apart;
};

static const struct opt merge_opts[] = {
	{ "out", 'o', OPT_STR, offsetof(struct merge_config, out), "DIR",
	  "where results.jsonl, report.md and verdict.json go", 0, 0, NULL },
	{ "apart", 0, OPT_FLAG, offsetof(struct merge_config, apart), NULL,
	  "different machines or disks: each has a directory of its own in DIR, by its fingerprint (default: refused)", 0, 0,
	  NULL },
};

static const struct opt_table merge_table = {
	.command = "iopath-bench merge",
	.summary = "Put the sets of several runs (shards, or different workloads) into one, with its verdict",
	.operands = "RUN...",
	.opts = merge_opts,
	.nr = ARRAY_SIZE(merge_opts),
};

static int show(const char *dir, const struct merge_group *g, bool apart, struct why *why)
{
	_cleanup_free_ char *text = NULL;
	struct replay r;
	int err = replay_load(dir, &r, why);

	if (err)
		return err;
	err = view_render(view_find("text"), &r.report, &text);
	if (!err && apart)
		printf("machine %s, kernel %s: %s\n", g->key, r.report.kernel, dir);
	if (!err)
		fputs(text, stdout);
	replay_free(&r);
	return err;
}

/* The worst one, in the order of verdicts; SKIPPED only when there is nothing else. */
static int worse_code(int a, int b)
{
	static const int rank[] = { EXIT_SKIPPED, EXIT_PASS, EXIT_INCONCLUSIVE, EXIT_ENVIRONMENT, EXIT_OVER_BUDGET };
	size_t x = 0, y = 0;

	while (x < ARRAY_SIZE(rank) && rank[x] != a)
		x++;
	while (y < ARRAY_SIZE(rank) && rank[y] != b)
		y++;
	return x >= y ? a : b;
}

static int merge_all(const struct past *past, unsigned int nr, const char *absent, const struct merge_config *c, int *ret_code,
		     struct why *why)
{
	struct merge m;
	int err = merge_sort(past, nr, c->apart, &m, why), code = EXIT_SKIPPED, one;

	if (err)
		return err;
	m.absent = absent;
	for (unsigned int i = 0; i < m.nr && !err; i++) {
		_cleanup_free_ char *dir = NULL;

		if (asprintf(&dir, c->apart ? "%s/%s" : "%s", c->out, m.group[i].key) < 0)
			err = -ENOMEM;
		if (!err)
			err = merge_write(&m, i, dir, &one, why);
		if (!err)
			err = show(dir, &m.group[i], c->apart, why);
		if (!err)
			code = worse_code(code, one);
	}
	merge_free(&m);
	if (!err && fflush(stdout))
		err = why_fail(why, EXIT_HARNESS, -errno, "cannot write to stdout: %s", strerror(errno));
	*ret_code = code;
	return err;
}

/* All runs of @path that began; the others are named in @absent. *nr: how many it has loaded. */
static int load_all(char **path, int nr_paths, struct past *past, int *nr, char *absent, size_t len, struct why *why)
{
	int err = 0;

	for (int i = 0; i < nr_paths && !err; i++) {
		if (merge_did_not_begin(path[i], absent, len))
			continue;
		err = past_load(path[i], 0, &past[*nr], why);
		*nr += !err;
	}
	return err || *nr ? err : why_fail(why, EXIT_USAGE, -ENOENT, "%s", absent);
}

static int checked(int argc, char **argv, struct why *why)
{
	struct merge_config c = { 0 };
	_cleanup_free_ struct past *past = calloc(SHARDS_MAX, sizeof(*past));
	char *path[SHARDS_MAX], absent[400] = "";
	struct opt_err err;
	int nr, code = 0, loaded = 0, r = cmd_parse(&merge_table, argc, argv, &c, SHARDS_MAX, path, &nr, &err);

	if (r == OPT_HELP) {
		opt_help(&merge_table, stdout);
		return 0;
	}
	if (r)
		return why_fail(why, EXIT_USAGE, EXIT_USAGE, "%s", err.msg);
	if (!past)
		return why_fail(why, EXIT_HARNESS, EXIT_HARNESS, "out of memory");
	if (!c.out || !nr)
		return why_fail(why, EXIT_USAGE, EXIT_USAGE, "wants --out DIR, and runs: results.jsonl, or the directory of it");
	r = load_all(path, nr, past, &loaded, absent, sizeof(absent), why);
	if (!r)
		r = merge_all(past, (unsigned int)loaded, absent, &c, &code, why);
	while (loaded)
		past_free(&past[--loaded]);
	if (r && !why->text[0])
		why_fail(why, EXIT_HARNESS, r, "%s", strerror(-r));
	return r ? (int)why->code : code;
}

static int run(int argc, char **argv)
{
	struct why why = { .code = EXIT_HARNESS };
	int code = checked(argc, argv, &why);

	if (why.text[0])
		fprintf(stderr, "iopath-bench merge: %s\n", why.text);
	return code;
}

const struct cmd cmd_merge = { "merge", "several runs, or shards of one, in one report", &merge_table, run };
