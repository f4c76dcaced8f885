/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "bench/cmd.h"
#include "bench/compare.h"
#include "bench/replay.h"
#include "tracer/base/cleanup.h"

/* What `git bisect run` understands: 125 is "cannot tell, skip it", over 127 "stop". */
#define BISECT_SKIP 125
#define BISECT_STOP 128

struct compare_config {
	struct opt_list arms;
	double margin;
	bool kernels, force, json, bisect;
};

static const struct opt compare_opts[] = {
	{ "margin", 0, OPT_DOUBLE, offsetof(struct compare_config, margin), "PCT",
	  "more cost than this is worse: percent of throughput and CPU per I/O, points of system CPU (default 1); "
	  "of a p99 that was judged, in proportion to its budget",
	  0, 99, NULL },
	{ "arms", 0, OPT_LIST, offsetof(struct compare_config, arms), "A,B",
	  "two arms of one run, round by round, in place of two runs", 0, 0, NULL },
	{ "kernels", 0, OPT_FLAG, offsetof(struct compare_config, kernels), NULL,
	  "the runs may be of two kernels, if the machine is the same otherwise", 0, 0, NULL },
	{ "force", 0, OPT_FLAG, offsetof(struct compare_config, force), NULL,
	  "although machine, kernel, disks, windows or job files differ, one held no fixed rate, or a run is not complete", 0, 0, NULL },
	{ "bisect", 0, OPT_FLAG, offsetof(struct compare_config, bisect), NULL,
	  "exit codes for git bisect run: 0, 1, 125 when undecided, 128 and more to stop", 0, 0, NULL },
	{ "json", 0, OPT_FLAG, offsetof(struct compare_config, json), NULL,
	  "one JSON object, of results/schema/compare.schema.json", 0, 0, NULL },
};

static const struct opt_table compare_table = {
	.command = "iopath-bench compare",
	.summary = "Say whether tracing became dearer from one run to another; exit status 0 no worse, 1 worse, 3 undecided",
	.operands = "A B | --arms A,B DIR",
	.opts = compare_opts,
	.nr = ARRAY_SIZE(compare_opts),
};

static const char *const metric_titles[] = {
	[METRIC_THROUGHPUT] = "throughput loss %",
	[METRIC_CPU_PER_IO] = "CPU per I/O %",
	[METRIC_SYSTEM_CPU] = "system CPU pp",
	[METRIC_P99] = "p99 %",
};

static void print_change(const struct interval *v, const char *format)
{
	char text[64];

	if (isfinite(v->lower) && isfinite(v->upper))
		snprintf(text, sizeof(text), "%+.2f [%+.2f,%+.2f]", v->estimate, v->lower, v->upper);
	else
		snprintf(text, sizeof(text), "%+.2f [no bound]", v->estimate);
	printf(format, text);
}

static void print_text(const struct comparison *c)
{
	const struct report_set *last = NULL;
	char arm[132], device[REPORT_DEVICE_MAX];

	for (unsigned int i = 0; i < c->nr; i++) {
		const struct compared *o = &c->cell[i];

		if (o->set != last) {
			printf("%s%s on %s, scheduler %s, rounds %u and %u\n", last ? "\n" : "",
			       o->set->workload, report_device(c->b, o->set, device), o->set->scheduler, o->rounds_a,
			       o->rounds_b);
			printf("%-22s %-18s %8s %8s  %-24s %s\n", "arm", "cost", "A", "B",
			       "change [bounds]", "verdict");
			for (unsigned int k = 0; k < c->nr_off; k++)
				if (c->off[k].set == o->set)
					printf("%-22s %-18s %8s %8s  x%.3f [x%.3f,x%.3f] not judged\n", "off",
					       "throughput B/A", "", "", c->off[k].ratio.estimate,
					       c->off[k].ratio.lower, c->off[k].ratio.upper);
		}
		last = o->set;
		snprintf(arm, sizeof(arm), "%s%s%s", o->arm_a, strcmp(o->arm_a, o->arm_b) ? " -> " : "",
			 strcmp(o->arm_a, o->arm_b) ? o->arm_b : "");
		printf("%-22s %-18s %+8.2f %+8.2f  ", arm, metric_titles[o->metric], o->cost_a, o->cost_b);
		print_change(&o->change, "%-24s ");
		printf("%s%s%s", change_name(o->verdict), o->reason ? ": " : "", o->reason ? o->reason : "");
		if (o->rounds_needed)
			printf("%s needs ~%u rounds", o->reason ? ";" : ",", o->rounds_needed);
		putchar('\n');
	}
	for (unsigned int i = 0; i < c->nr_missing; i++)
		printf("%s%s\n", i ? "" : "\nnot compared: ", c->missing[i]);
	for (unsigned int i = 0; i < c->nr_differing; i++)
		printf("%s%s\n", i ? "" : "\nnot alike: ", c->differing[i]);
	printf("\nverdict: %s (margin %g", change_name(comparison_verdict(c)), c->margin);
	if (c->has_p99)
		printf(", of the p99 %g", c->p99_margin);
	puts(")");
}

static int print(const struct comparison *c, bool json, struct why *why)
{
	if (json) {
		json_t *doc = comparison_json(c);

		json_dumpf(doc, stdout, JSON_INDENT(1));
		putchar('\n');
		json_decref(doc);
	} else {
		print_text(c);
	}
	return fflush(stdout) ? why_fail(why, EXIT_HARNESS, -errno, "cannot write to stdout: %s",
					 strerror(errno)) : 0;
}

static int compare(char **path, const struct compare_config *c, enum change *ret, struct why *why)
{
	struct compare_rule rule = { .margin = c->margin, .kernels = c->kernels, .force = c->force };
	struct replay a = { 0 }, b = { 0 };
	struct comparison done = { 0 };
	int err = replay_load(path[0], &a, why);

	if (!err && !c->arms.nr)
		err = replay_load(path[1], &b, why);
	if (!err)
		err = c->arms.nr ? compare_arms(&a.report, c->arms.v[0], c->arms.v[1], &rule, &done, why) :
				   compare_runs(&a.report, &b.report, &rule, &done, why);
	if (!err)
		err = print(&done, c->json, why);
	*ret = comparison_verdict(&done);
	comparison_free(&done);
	replay_free(&a);
	replay_free(&b);
	return err;
}

static int exit_code(enum change v, bool bisect)
{
	switch (v) {
	case CHANGE_WORSE:
		return EXIT_OVER_BUDGET;
	case CHANGE_UNDECIDED:
		return bisect ? BISECT_SKIP : EXIT_INCONCLUSIVE;
	default:
		return EXIT_PASS;
	}
}

static int checked(int argc, char **argv, struct compare_config *c)
{
	struct why why = { .code = EXIT_USAGE };
	enum change verdict = CHANGE_UNDECIDED;
	struct opt_err err;
	char *path[2];
	int nr, r = cmd_parse(&compare_table, argc, argv, c, 2, path, &nr, &err);

	if (r == OPT_HELP) {
		opt_help(&compare_table, stdout);
		return 0;
	}
	if (r)
		why_fail(&why, EXIT_USAGE, r, "%s", err.msg);
	else if (c->arms.nr && (c->arms.nr != 2 || nr != 1))
		r = why_fail(&why, EXIT_USAGE, -EINVAL, "--arms wants two arms, A,B, and one run");
	else if (!c->arms.nr && nr != 2)
		r = why_fail(&why, EXIT_USAGE, -EINVAL, "wants two runs: results.jsonl, or its directory");
	if (!r) {
		why.code = EXIT_HARNESS;
		r = compare(path, c, &verdict, &why);
	}
	if (!r)
		return exit_code(verdict, c->bisect);
	fprintf(stderr, "iopath-bench compare: %s\n", why.text[0] ? why.text : strerror(-r));
	return (int)why.code + (c->bisect ? BISECT_STOP : 0);
}

static int run(int argc, char **argv)
{
	struct compare_config c = { .margin = 1 };
	int code = checked(argc, argv, &c);

	opt_list_free(&c.arms);
	return code;
}

const struct cmd cmd_compare = { "compare", "two runs, or two arms of one: did the cost change?",
				 &compare_table, run };
