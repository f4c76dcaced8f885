/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bench/change.h"
#include "bench/cmd.h"
#include "bench/history.h"
#include "bench/replay.h"
#include "tracer/base/cleanup.h"

#define PLOT_WIDTH 41
#define OPERANDS_MAX 256

struct history_config {
	const char *db;
	bool import, csv;
	struct history_filter filter;
};

#define AT(f) offsetof(struct history_config, f)

static const struct opt history_opts[] = {
	{ "db", 0, OPT_STR, AT(db), "FILE", "the history (default results/history.db)", 0, 0, NULL },
	{ "import", 0, OPT_FLAG, AT(import), NULL, "add the runs named: results.jsonl, or its directory", 0, 0, NULL },
	{ "workload", 0, OPT_STR, AT(filter.workload), "NAME", "only this one; so with the next five", 0, 0, NULL },
	{ "device", 0, OPT_STR, AT(filter.device), "NAME", "loop: a scratch device has the name of its driver; with or without what stands in parentheses", 0, 0, NULL },
	{ "scheduler", 0, OPT_STR, AT(filter.scheduler), "NAME", "none, mq-deadline, bfq, kyber", 0, 0, NULL },
	{ "arm", 0, OPT_STR, AT(filter.arm), "NAME", "as in run", 0, 0, NULL },
	{ "metric", 0, OPT_STR, AT(filter.metric), "NAME",
	  "throughput_loss_pct, cpu_per_io_pct, system_cpu_pp, worst_core_pp or p99_pct (default the first; of --csv all)", 0, 0, NULL },
	{ "machine", 0, OPT_STR, AT(filter.machine), "KEY", "how its fingerprint begins", 0, 0, NULL },
	{ "smoke", 0, OPT_FLAG, AT(filter.smoke), NULL, "smoke runs (--quick) too", 0, 0, NULL },
	{ "csv", 0, OPT_FLAG, AT(csv), NULL,
	  "of one machine, for Apache Otava: time, commit, run, and a column for each workload/device/scheduler/arm/metric", 0, 0,
	  NULL },
};

static const struct opt_table history_table = {
	.command = "iopath-bench history",
	.summary = "Show the cost of each arm over time, with the places where it changed for good",
	.operands = "[--import DIR...]",
	.opts = history_opts,
	.nr = ARRAY_SIZE(history_opts),
};

/* ---- a series ---- */

struct point {
	int64_t started_ms;
	double estimate, lower, upper;
	char verdict[16], kernel[64], revision[48], where[128];
};

#define CHANGE_TEXT_MAX 192


struct series_of_time {
	char key[64], workload[64], device[HISTORY_DEVICE_MAX], scheduler[32], arm[64], metric[32];
	unsigned int nr;
	struct point *point;
	unsigned int shown;	/* series so far */
};

static bool same_series(const struct series_of_time *s, const struct history_point *p)
{
	return s->nr && !strcmp(s->key, p->key) && !strcmp(s->workload, p->workload) &&
	       !strcmp(s->device, p->device) && !strcmp(s->scheduler, p->scheduler) &&
	       !strcmp(s->arm, p->arm) && !strcmp(s->metric, p->metric);
}

static void scale(const struct series_of_time *s, double *ret_lo, double *ret_hi)
{
	double lo = 0, hi = 1;

	for (unsigned int i = 0; i < s->nr; i++) {
		const struct point *p = &s->point[i];

		if (!isfinite(p->estimate))
			continue;
		lo = fmin(lo, isfinite(p->lower) ? p->lower : p->estimate);
		hi = fmax(hi, isfinite(p->upper) ? p->upper : p->estimate);
	}
	*ret_lo = lo;
	*ret_hi = hi;
}

static int column(double v, double lo, double hi)
{
	return (int)((v - lo) / (hi - lo) * (PLOT_WIDTH - 1) + .5);
}

/* "    |--*--    ": zero, bounds, estimate */
static void plot(const struct point *p, double lo, double hi, char *buf)
{
	memset(buf, ' ', PLOT_WIDTH);
	buf[PLOT_WIDTH] = '\0';
	if (isfinite(p->lower) && isfinite(p->upper))
		for (int i = column(p->lower, lo, hi); i <= column(p->upper, lo, hi); i++)
			buf[i] = '-';
	buf[column(0, lo, hi)] = '|';
	if (isfinite(p->estimate))
		buf[column(p->estimate, lo, hi)] = '*';
}

static double mean_between(const struct series_of_time *s, const unsigned int *at, unsigned int from,
			   unsigned int to)
{
	double sum = 0;

	for (unsigned int i = from; i < to; i++)
		sum += s->point[at[i]].estimate;
	return sum / (to - from);
}

/* Of a revision, what git knows: not "-dirty", nor the version of what was not built from a repository. */
static int git_length(const char *revision)
{
	const char *dirty = strstr(revision, "-dirty");

	return strchr(revision, '.') ? 0 : (int)(dirty ? (size_t)(dirty - revision) : strlen(revision));
}

/* ", 2e9ee45..73fbbeb": what `git log` takes for the changes behind @before up to @since. */
static void print_range(const struct point *before, const struct point *since, FILE *f)
{
	int from = git_length(before->revision), to = git_length(since->revision);

	if (from && to && strcmp(before->revision, since->revision))
		fprintf(f, ", %.*s..%.*s", from, before->revision, to, since->revision);
}

static void print_change(const struct series_of_time *s, const unsigned int *at, unsigned int from,
			 unsigned int change, unsigned int to, char (*buf)[CHANGE_TEXT_MAX])
{
	FILE *f = fmemopen(buf, sizeof(*buf), "w");

	if (!f)
		return;
	fprintf(f, "  <- changed: %+.1f before, %+.1f since", mean_between(s, at, from, change),
		mean_between(s, at, change, to));
	print_range(&s->point[at[change - 1]], &s->point[at[change]], f);
	fclose(f);
}

/* Into @change[i]: the text of a change that begins at point i, or "". */
static int find_changes(const struct series_of_time *s, char (*change)[CHANGE_TEXT_MAX])
{
	unsigned int first = s->nr > CHANGE_MAX_POINTS ? s->nr - CHANGE_MAX_POINTS : 0, n = 0;
	_cleanup_free_ double *v = calloc(s->nr, sizeof(*v));
	_cleanup_free_ unsigned int *at = calloc(s->nr, sizeof(*at));
	unsigned int found[64];
	int nr;

	if (!v || !at)
		return -ENOMEM;
	for (unsigned int i = first; i < s->nr; i++) {
		/* an INVALID one shows what the machine did, not what the arm costs */
		if (!isfinite(s->point[i].estimate) || !strcmp(s->point[i].verdict, verdict_name(VERDICT_INVALID)))
			continue;
		at[n] = i;
		v[n++] = s->point[i].estimate;
	}
	nr = change_points(v, n, ARRAY_SIZE(found), found);
	for (int i = 0; i < nr; i++)
		print_change(s, at, i ? found[i - 1] : 0, found[i], i + 1 < nr ? found[i + 1] : n, &change[at[found[i]]]);
	return nr < 0 ? nr : 0;
}

static int show(struct series_of_time *s)
{
	_cleanup_free_ char (*change)[CHANGE_TEXT_MAX] = calloc(s->nr ? s->nr : 1, sizeof(*change));
	double lo, hi;
	int err;

	if (!s->nr)
		return 0;
	if (!change)
		return -ENOMEM;
	err = find_changes(s, change);
	if (err)
		return err;
	scale(s, &lo, &hi);
	printf("%s%s on %s, scheduler %s, arm %s: %s, %+.1f to %+.1f; machine %.8s\n", s->shown++ ? "\n" : "",
	       s->workload, s->device, s->scheduler, s->arm, s->metric, lo, hi, s->key);
	for (unsigned int i = 0; i < s->nr; i++) {
		const struct point *p = &s->point[i];
		time_t t = (time_t)(p->started_ms / 1000);
		char stamp[32], bar[PLOT_WIDTH + 1], value[16] = "-";
		struct tm tm;

		localtime_r(&t, &tm);
		strftime(stamp, sizeof(stamp), "%Y-%m-%d %H:%M", &tm);
		plot(p, lo, hi, bar);
		if (isfinite(p->estimate))
			snprintf(value, sizeof(value), "%+.1f", p->estimate);
		printf("%s %7s %s %-12s %-13s %s%s\n", stamp, value, bar, p->verdict, p->revision[0] ? p->revision : "-", p->where,
		       change[i]);
	}
	s->nr = 0;
	return 0;
}

static int collect(const struct history_point *p, void *arg)
{
	struct series_of_time *s = arg;
	struct point *bigger;
	int err = same_series(s, p) ? 0 : show(s);

	if (err)
		return err;
	bigger = realloc(s->point, (s->nr + 1) * sizeof(*bigger));
	if (!bigger)
		return -ENOMEM;
	s->point = bigger;
	snprintf(s->key, sizeof(s->key), "%s", p->key);
	snprintf(s->workload, sizeof(s->workload), "%s", p->workload);
	snprintf(s->device, sizeof(s->device), "%s", p->device);
	snprintf(s->scheduler, sizeof(s->scheduler), "%s", p->scheduler);
	snprintf(s->arm, sizeof(s->arm), "%s", p->arm);
	snprintf(s->metric, sizeof(s->metric), "%s", p->metric);
	bigger = &s->point[s->nr++];
	*bigger = (struct point){ .started_ms = p->started_ms, .estimate = p->estimate, .lower = p->lower,
				  .upper = p->upper };
	snprintf(bigger->verdict, sizeof(bigger->verdict), "%s", p->verdict);
	snprintf(bigger->kernel, sizeof(bigger->kernel), "%s", p->kernel);
	snprintf(bigger->revision, sizeof(bigger->revision), "%s", p->revision ? p->revision : "");
	snprintf(bigger->where, sizeof(bigger->where), "%s", p->where);
	return 0;
}

static int show_all(struct history *h, const struct history_config *c, struct why *why)
{
	struct history_filter f = c->filter;
	struct series_of_time s = { .nr = 0 };
	int err;

	if (!f.metric)
		f.metric = metric_name(METRIC_THROUGHPUT);
	err = history_each(h, &f, collect, &s, why);
	if (!err)
		err = show(&s);
	if (!err && !s.shown)
		printf("nothing in it%s\n", f.smoke ? "" : " but, perhaps, smoke runs (--smoke)");
	free(s.point);
	return err;
}

static int import(struct history *h, const char *path, struct why *why)
{
	static const char *const says[] = {
		[HISTORY_NEW] = "added",
		[HISTORY_THERE] = "is there already",
		[HISTORY_NOT_COMPLETE] = "not added, it is not complete: ",
	};
	enum history_added added;
	struct replay r;
	int err = replay_load(path, &r, why);

	if (err)
		return err;
	err = history_add(h, &r.report, path, &added, why);
	if (!err)
		printf("%s: %s%s\n", path, says[added], added == HISTORY_NOT_COMPLETE ? r.report.reason : "");
	replay_free(&r);
	return err;
}

static int work(const struct history_config *c, char **path, int nr, struct why *why)
{
	struct history *h = NULL;
	int err = history_open(c->db, c->import, &h, why);

	for (int i = 0; i < nr && !err; i++)
		err = import(h, path[i], why);
	if (!err && c->csv)
		err = history_csv(h, &c->filter, stdout, why);
	else if (!err && !c->import)
		err = show_all(h, c, why);
	history_close(h);
	if (!err && fflush(stdout))
		err = why_fail(why, EXIT_HARNESS, -errno, "cannot write to stdout: %s", strerror(errno));
	return err;
}

static int run(int argc, char **argv)
{
	struct history_config c = { .db = "results/history.db" };
	struct why why = { .code = EXIT_USAGE };
	struct opt_err err = { "" };
	char *path[OPERANDS_MAX];
	int nr = 0, r = cmd_parse(&history_table, argc, argv, &c, OPERANDS_MAX, path, &nr, &err);

	if (r == OPT_HELP) {
		opt_help(&history_table, stdout);
		return 0;
	}
	if (r)
		why_fail(&why, EXIT_USAGE, r, "%s", err.msg);
	else if (c.import && c.csv)
		r = why_fail(&why, EXIT_USAGE, -EINVAL, "--import and --csv exclude each other");
	else if (c.import != (nr > 0))
		r = why_fail(&why, EXIT_USAGE, -EINVAL, c.import ? "--import wants runs" : "runs to add go with --import");
	else if (c.filter.metric && metric_by_name(c.filter.metric) < 0)
		r = why_fail(&why, EXIT_USAGE, -EINVAL, "--metric %s: no such metric", c.filter.metric);
	if (!r) {
		why.code = EXIT_HARNESS;
		r = work(&c, path, nr, &why);
	}
	if (r)
		fprintf(stderr, "iopath-bench history: %s\n", why.text[0] ? why.text : strerror(-r));
	return r ? (int)why.code : 0;
}

const struct cmd cmd_history = { "history", "the cost of each arm over time", &history_table, run };
