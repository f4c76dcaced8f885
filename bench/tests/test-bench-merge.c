/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Shards and runs put together: what belongs together, and what must not. */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "bench/child.h"
#include "bench/file.h"
#include "bench/history.h"
#include "bench/merge.h"
#include "bench/replay.h"
#include "bench/stop.h"
#include "bench/tests/canned.h"
#include "bench/tests/schema.h"
#include "tracer/base/cleanup.h"
#include "tracer/base/test.h"

static char dir[64];

static const char *in(const char *name)
{
	static char path[4][160];
	static unsigned int at;

	if (!dir[0])
		canned_place("test-bench-merge", dir);
	snprintf(path[at = (at + 1) % 4], sizeof(path[0]), "%s/%s", dir, name);
	return path[at];
}

__attribute__((destructor)) static void at_end(void)
{
	char *argv[] = { "rm", "-rf", dir, NULL };
	struct child_end end;

	if (dir[0])
		child_run(argv, 10 * NS_PER_S, NULL, &end);
}

/* Two shards of one run: the second fails, confirmed. */
static void write_shards(struct canned *a, struct canned *b)
{
	*a = canned_default();
	a->smoke = false;
	a->shard = 1;
	a->shards = 2;
	*b = *a;
	b->workload = "seqwrite-64k";
	b->shard = 2;
	b->seed = 9;
	b->loss_pct[2] = 12;
	b->confirm_rounds = 8;
	ASSERT_EQ(canned_write(a, in("a.jsonl")), 0);
	ASSERT_EQ(canned_write(b, in("b.jsonl")), 0);
}

static int merge_cmd(const char *words, char **text)
{
	char program[512], *argv[16] = { program, "merge" }, *save = NULL;
	_cleanup_free_ char *copy = strdup(words);
	struct child_end end = { .status = -1 };
	int n = 2;

	canned_program(program);
	for (char *w = strtok_r(copy, " ", &save); w && n < 15; w = strtok_r(NULL, " ", &save))
		argv[n++] = w;
	ASSERT_EQ(child_run(argv, 30 * NS_PER_S, text, &end), 0);
	return end.status;
}

static const struct decision *thr(const struct replay *r, unsigned int set)
{
	return &r->set[set].outcome.decision[2][METRIC_THROUGHPUT];
}

TEST(two_shards_become_one_run_with_the_decisions_of_both)
{
	_cleanup_free_ char *words = NULL, *text = NULL, *lines = NULL;
	struct replay one, two, both;
	struct why why = { 0 };
	struct canned a, b;
	json_t *schema = json_load_file("results/schema/results.schema.json", 0, NULL);
	char err[512] = "", *save = NULL;

	write_shards(&a, &b);
	ASSERT_TRUE(asprintf(&words, "--out %s %s %s", in("out"), in("a.jsonl"), in("b.jsonl")) > 0);
	if (merge_cmd(words, &text) != EXIT_OVER_BUDGET)
		printf("%s\n", text);
	ASSERT_TRUE(strstr(text, "verdict: FAIL") != NULL);
	ASSERT_EQ(replay_load(in("a.jsonl"), &one, &why), 0);
	ASSERT_EQ(replay_load(in("b.jsonl"), &two, &why), 0);
	ASSERT_EQ(replay_load(in("out"), &both, &why), 0);
	ASSERT_EQ(both.report.nr_sets, 2);
	ASSERT_TRUE(both.report.complete);
	for (int m = 0; m < METRIC_NR; m++) { /* to the last digit: the seed of each went with it */
		const struct decision *x = &one.set[0].outcome.decision[2][m], *y = &two.set[0].outcome.decision[2][m];

		ASSERT_TRUE(!memcmp(&both.set[0].outcome.decision[2][m].loss, &x->loss, sizeof(x->loss)));
		ASSERT_TRUE(!memcmp(&both.set[1].outcome.decision[2][m].loss, &y->loss, sizeof(y->loss)));
	}
	ASSERT_EQ(thr(&both, 0)->verdict, VERDICT_PASS);
	ASSERT_EQ(thr(&both, 1)->verdict, VERDICT_FAIL);
	ASSERT_TRUE(both.set[1].outcome.confirmed[2][METRIC_THROUGHPUT]);
	ASSERT_TRUE(both.set[1].outcome.attribution[2] != NULL);
	ASSERT_EQ(file_read(in("out/results.jsonl"), &lines), 0);
	for (char *l = strtok_r(lines, "\n", &save); l; l = strtok_r(NULL, "\n", &save)) {
		json_t *line = json_loads(l, 0, NULL);

		if (!schema_check(schema, line, err, sizeof(err)))
			printf("    %s\n", err);
		json_decref(line);
	}
	ASSERT_STR(err, "");
	for (int i = 0; i < 2; i++)
		ASSERT_STR(both.set[i].hostname ?: "none", "ci-7");
	ASSERT_EQ(access(in("out/report.md"), F_OK), 0);
	ASSERT_EQ(access(in("out/verdict.json"), F_OK), 0);
	json_decref(schema);
	replay_free(&one);
	replay_free(&two);
	replay_free(&both);
}

static int note(const struct history_point *p, void *arg)
{
	FILE *f = arg;

	return fprintf(f, "%s at %lld\n", p->workload, (long long)p->started_ms) < 0 ? -EIO : 0;
}

/* One line for each point of arm full that @history has. */
static char *points(const char *history)
{
	struct history_filter filter = { .arm = "full", .metric = "throughput_loss_pct" };
	struct history *h = NULL;
	struct why why = { 0 };
	char *text = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);

	ASSERT_EQ(history_open(history, false, &h, &why), 0);
	ASSERT_EQ(history_each(h, &filter, note, f, &why), 0);
	history_close(h);
	fclose(f);
	return text;
}

static enum history_added keep(const char *history, const char *results)
{
	enum history_added added = HISTORY_NOT_COMPLETE;
	struct history *h = NULL;
	struct why why = { 0 };
	struct replay r;

	ASSERT_EQ(replay_load(results, &r, &why), 0);
	ASSERT_EQ(history_open(history, true, &h, &why), 0);
	ASSERT_EQ(history_add(h, &r.report, results, &added, &why), 0);
	history_close(h);
	replay_free(&r);
	return added;
}

static void write_started(const struct canned *c, const char *started, const char *to)
{
	_cleanup_free_ char *text = canned_text(c), *edited = canned_edit(text, "\"smoke\":", started);

	ASSERT_TRUE(strlen(edited) > strlen(text));
	ASSERT_EQ(file_replace(to, edited), 0);
}

/* A shard may enter alone, merged, or both, in any order: each of its sets is one point, of when it was measured. */
TEST(the_history_has_each_set_of_a_merged_run_once)
{
	static const char *const orders[][3] = { { "a.jsonl", "out", "b.jsonl" }, { "out", "b.jsonl", "a.jsonl" },
						 { "b.jsonl", "a.jsonl", "out" }, { "again", "out", "a.jsonl" } };
	static const enum history_added want[][3] = { { HISTORY_NEW, HISTORY_NEW, HISTORY_THERE },
						      { HISTORY_NEW, HISTORY_THERE, HISTORY_THERE },
						      { HISTORY_NEW, HISTORY_NEW, HISTORY_THERE },
						      { HISTORY_NEW, HISTORY_THERE, HISTORY_THERE } };
	_cleanup_free_ char *words = NULL, *more = NULL;
	struct canned a, b;

	/* begun in the same second with the same seed, as jobs of a CI system are; and not */
	for (int same = 0; same < 2; same++) {
		write_shards(&a, &b);
		b.seed = same ? a.seed : 9;
		write_started(&a, "\"started_ms\":5000,\"smoke\":", in("a.jsonl"));
		write_started(&b, same ? "\"started_ms\":5000,\"smoke\":" : "\"started_ms\":7000,\"smoke\":", in("b.jsonl"));
		free(words);
		ASSERT_TRUE(asprintf(&words, "--out %s %s %s", in("out"), in("a.jsonl"), in("b.jsonl")) > 0);
		ASSERT_EQ(merge_cmd(words, NULL), EXIT_OVER_BUDGET);
		free(more);
		ASSERT_TRUE(asprintf(&more, "--out %s %s", in("again"), in("out")) > 0); /* merged twice */
		ASSERT_EQ(merge_cmd(more, NULL), EXIT_OVER_BUDGET);
		for (size_t i = 0; i < ARRAY_SIZE(orders); i++) {
			_cleanup_free_ char *text = NULL;

			for (int k = 0; k < 3; k++)
				ASSERT_EQ(keep(in("h.db"), in(orders[i][k])), want[i][k]);
			text = points(in("h.db"));
			ASSERT_STR(text, same ? "randread-4k-qd1 at 5000\nseqwrite-64k at 5000\n" :
						"randread-4k-qd1 at 5000\nseqwrite-64k at 7000\n");
			unlink(in("h.db"));
		}
	}
}

TEST(a_shard_that_is_missing_or_stopped_is_no_pass)
{
	_cleanup_free_ char *words = NULL, *text = NULL, *more = NULL;
	struct canned a, b;

	write_shards(&a, &b);
	ASSERT_TRUE(asprintf(&words, "-o %s %s", in("out"), in("a.jsonl")) > 0);
	ASSERT_EQ(merge_cmd(words, &text), EXIT_INCONCLUSIVE);
	ASSERT_TRUE(strstr(text, "of 2 shards 2 is missing") != NULL);
	ASSERT_TRUE(!strstr(text, "verdict: PASS"));
	free(take_ptr(text));
	b.no_end = true;
	ASSERT_EQ(canned_write(&b, in("b.jsonl")), 0);
	ASSERT_TRUE(asprintf(&more, "-o %s %s %s", in("out"), in("a.jsonl"), in("b.jsonl")) > 0);
	ASSERT_EQ(merge_cmd(more, &text), EXIT_INCONCLUSIVE);
	ASSERT_TRUE(strstr(text, "b.jsonl is not complete") != NULL);
}

/* The file of a shard that has no set: its first line and its last. */
static void write_empty(const struct canned *c, const char *path)
{
	_cleanup_free_ char *text = canned_text(c), *few = NULL;

	ASSERT_TRUE(asprintf(&few, "%.*s%s", (int)(strchr(text, '\n') + 1 - text), text,
			     "{\"type\":\"summary\",\"complete\":true,\"verdict\":\"SKIPPED\",\"exit_code\":77,\"reason\":null}\n") > 0);
	ASSERT_EQ(file_replace(path, few), 0);
}

TEST(a_shard_that_did_not_begin_costs_no_more_than_itself)
{
	static const char verdict[] = "{\"schema\":\"iopath.verdict/1\",\"verdict\":\"INVALID\",\"exit_code\":4,\"complete\":false,"
				      "\"reason\":\"not root\"}";
	_cleanup_free_ char *words = NULL, *text = NULL, *alone = NULL;
	struct canned a, b;
	struct replay r;
	struct why why = { 0 };

	write_shards(&a, &b);
	ASSERT_EQ(file_make_dirs(in("unbegun")), 0);
	ASSERT_EQ(file_replace(in("unbegun/verdict.json"), verdict), 0);
	ASSERT_TRUE(asprintf(&words, "-o %s %s %s", in("rest"), in("unbegun"), in("a.jsonl")) > 0);
	ASSERT_EQ(merge_cmd(words, &text), EXIT_INCONCLUSIVE);
	ASSERT_TRUE(strstr(text, "/unbegun did not begin: not root") && !strstr(text, "verdict: PASS"));
	ASSERT_EQ(replay_load(in("rest"), &r, &why), 0);
	ASSERT_EQ(r.report.nr_sets, 1);
	ASSERT_TRUE(!r.report.complete);
	replay_free(&r);
	free(take_ptr(text));
	ASSERT_TRUE(asprintf(&alone, "-o %s %s", in("nothing"), in("unbegun")) > 0);
	ASSERT_EQ(merge_cmd(alone, &text), EXIT_USAGE);
	ASSERT_TRUE(strstr(text, "did not begin: not root") != NULL);
}

/* A workspace that is used again: what another night measured there is not what this one's run did. */
TEST(an_older_file_is_not_that_of_a_run_that_did_not_begin)
{
	static const char verdict[] = "{\"schema\":\"iopath.verdict/1\",\"verdict\":\"%s\",\"exit_code\":%d,\"complete\":%s,"
				      "\"reason\":%s}";
	static const struct {
		bool whole, complete;
		int code;
		const char *says;
	} t[] = {
		{ true, true, EXIT_PASS, "verdict: PASS" },
		{ true, false, EXIT_INCONCLUSIVE, "/used did not begin: not root" },
		/* it stopped: what it has counts */
		{ false, false, EXIT_INCONCLUSIVE, "/used/results.jsonl is not complete" },
	};
	struct canned a, b;

	write_shards(&a, &b);
	b.loss_pct[2] = 0;
	b.confirm_rounds = 0;
	ASSERT_EQ(canned_write(&b, in("b.jsonl")), 0);
	ASSERT_EQ(file_make_dirs(in("used")), 0);
	for (size_t i = 0; i < ARRAY_SIZE(t); i++) {
		_cleanup_free_ char *words = NULL, *text = NULL, *said = NULL, *whole = canned_text(&a), *file = NULL;

		file = canned_edit(whole, "\"complete\":true", t[i].whole ? "\"complete\":true" : "\"complete\":false");
		ASSERT_EQ(file_replace(in("used/results.jsonl"), file), 0);
		ASSERT_TRUE(asprintf(&said, verdict, t[i].complete ? "PASS" : "INVALID", t[i].complete ? 0 : 4,
				     t[i].complete ? "true" : "false", t[i].complete ? "null" : "\"not root\"") > 0);
		ASSERT_EQ(file_replace(in("used/verdict.json"), said), 0);
		ASSERT_TRUE(asprintf(&words, "-o %s %s %s", in("night"), in("used"), in("b.jsonl")) > 0);
		ASSERT_EQ(merge_cmd(words, &text), t[i].code);
		ASSERT_TRUE(strstr(text, t[i].says) != NULL);
	}
}

/* More shards than sets, on whatever machine: nothing is missing. */
TEST(a_shard_without_a_set_misses_nothing)
{
	_cleanup_free_ char *words = NULL, *text = NULL, *alone = NULL;
	struct canned a, b;

	write_shards(&a, &b);
	b.key = "fedcba9876543210";
	write_empty(&b, in("b.jsonl"));
	ASSERT_TRUE(asprintf(&words, "-o %s %s %s", in("few"), in("b.jsonl"), in("a.jsonl")) > 0);
	ASSERT_EQ(merge_cmd(words, &text), EXIT_PASS);
	ASSERT_TRUE(strstr(text, "verdict: PASS") != NULL);
	free(take_ptr(text));
	ASSERT_TRUE(asprintf(&alone, "-o %s %s", in("none"), in("b.jsonl")) > 0);
	ASSERT_EQ(merge_cmd(alone, &text), EXIT_INCONCLUSIVE);
	ASSERT_TRUE(strstr(text, "of 2 shards 1 is missing") != NULL);
}

/* Shard 1 of 2 twice is not 1 and 2. */
TEST(a_shard_that_is_there_twice_is_not_the_other)
{
	_cleanup_free_ char *words = NULL, *text = NULL, *apart = NULL, *verdict = NULL;
	struct canned a, b;

	write_shards(&a, &b);
	b.loss_pct[2] = 0;
	b.confirm_rounds = 0;
	b.shard = 1;
	ASSERT_EQ(canned_write(&b, in("b.jsonl")), 0);
	ASSERT_TRUE(asprintf(&words, "-o %s %s %s", in("twice"), in("a.jsonl"), in("b.jsonl")) > 0);
	ASSERT_EQ(merge_cmd(words, &text), EXIT_INCONCLUSIVE);
	ASSERT_TRUE(strstr(text, "of 2 shards 2 is missing") && !strstr(text, "verdict: PASS"));
	ASSERT_EQ(file_read(in("twice/verdict.json"), &verdict), 0);
	ASSERT_TRUE(strstr(verdict, "\"complete\": false") != NULL);
	free(take_ptr(text));
	b.workload = a.workload; /* from two machines */
	b.key = "fedcba9876543210";
	ASSERT_EQ(canned_write(&b, in("b.jsonl")), 0);
	ASSERT_TRUE(asprintf(&apart, "--apart -o %s %s %s", in("twice-apart"), in("a.jsonl"), in("b.jsonl")) > 0);
	ASSERT_EQ(merge_cmd(apart, &text), EXIT_INCONCLUSIVE);
	ASSERT_TRUE(strstr(text, "of 2 shards 2 is missing") && !strstr(text, "verdict: PASS"));
	free(take_ptr(text));
	b.shards = 300;
	a.shards = 300;
	a.shard = 150;
	ASSERT_EQ(canned_write(&a, in("a.jsonl")), 0);
	ASSERT_EQ(canned_write(&b, in("b.jsonl")), 0);
	ASSERT_EQ(merge_cmd(apart, &text), EXIT_INCONCLUSIVE);
	ASSERT_TRUE(strstr(text, "of 300 shards 2, 3, 4, 5,") && strstr(text, ", ... are missing"));
	free(take_ptr(text));
	b.shards = 3;
	ASSERT_EQ(canned_write(&b, in("b.jsonl")), 0);
	ASSERT_EQ(merge_cmd(apart, &text), EXIT_USAGE);
	ASSERT_TRUE(strstr(text, "b.jsonl:1: shard 1 of 3, where those before are of 300") != NULL);
}

TEST(unlike_machines_are_refused_or_kept_apart)
{
	_cleanup_free_ char *words = NULL, *text = NULL, *apart = NULL;
	struct canned a, b;
	struct replay r;
	struct why why = { 0 };

	write_shards(&a, &b);
	b.key = "fedcba9876543210";
	b.kernel = "5.10.1";
	ASSERT_EQ(canned_write(&b, in("b.jsonl")), 0);
	ASSERT_TRUE(asprintf(&words, "--out %s %s %s", in("never"), in("a.jsonl"), in("b.jsonl")) > 0);
	ASSERT_EQ(merge_cmd(words, &text), EXIT_USAGE);
	ASSERT_TRUE(strstr(text, "b.jsonl:1: another machine than ") && strstr(text, "kernel is 5.10.1, there 6.12.9"));
	ASSERT_TRUE(access(in("never"), F_OK) != 0);
	free(take_ptr(text));
	ASSERT_TRUE(asprintf(&apart, "--apart --out %s %s %s", in("apart"), in("a.jsonl"), in("b.jsonl")) > 0);
	ASSERT_EQ(merge_cmd(apart, &text), EXIT_OVER_BUDGET);
	ASSERT_TRUE(strstr(text, "machine fedcba9876543210, kernel 5.10.1") != NULL);
	ASSERT_EQ(replay_load(in("apart/fedcba9876543210"), &r, &why), 0);
	ASSERT_EQ(r.report.nr_sets, 1);
	ASSERT_STR(r.set[0].workload, "seqwrite-64k");
	replay_free(&r);
}

/* nvme0n1 on either machine, which is of one kind otherwise. */
TEST(unlike_disks_are_refused_or_kept_apart)
{
	_cleanup_free_ char *words = NULL, *text = NULL, *apart = NULL;
	struct canned a, b;
	struct replay r;
	struct why why = { 0 };

	write_shards(&a, &b);
	a.disk = b.disk = "nvme0n1";
	a.model = "Samsung 990 PRO";
	b.model = "QEMU NVMe Ctrl";
	a.size_bytes = b.size_bytes = 1ull << 40;
	ASSERT_EQ(canned_write(&a, in("a.jsonl")), 0);
	ASSERT_EQ(canned_write(&b, in("b.jsonl")), 0);
	ASSERT_TRUE(asprintf(&words, "--out %s %s %s", in("never"), in("a.jsonl"), in("b.jsonl")) > 0);
	ASSERT_EQ(merge_cmd(words, &text), EXIT_USAGE);
	ASSERT_TRUE(strstr(text, "b.jsonl:2: another nvme0n1 than in ") && strstr(text, "model is QEMU NVMe Ctrl, there Samsung 990 PRO"));
	ASSERT_TRUE(access(in("never"), F_OK) != 0);
	free(take_ptr(text));
	ASSERT_TRUE(asprintf(&apart, "--apart --out %s %s %s", in("disks"), in("a.jsonl"), in("b.jsonl")) > 0);
	ASSERT_EQ(merge_cmd(apart, &text), EXIT_OVER_BUDGET);
	ASSERT_EQ(replay_load(in("disks/0123456789abcdef-2"), &r, &why), 0);
	ASSERT_EQ(r.report.nr_sets, 1);
	ASSERT_STR(r.set[0].workload, "seqwrite-64k");
	replay_free(&r);
	free(take_ptr(text));
	b.model = a.model;
	ASSERT_EQ(canned_write(&b, in("b.jsonl")), 0);
	free(take_ptr(words));
	ASSERT_TRUE(asprintf(&words, "--out %s %s %s", in("same"), in("a.jsonl"), in("b.jsonl")) > 0);
	ASSERT_EQ(merge_cmd(words, &text), EXIT_OVER_BUDGET);
}

/* What a scratch device was made to tells it from another of its driver; its number does not. */
TEST(scratch_devices_of_two_orders_are_two)
{
	static const struct {
		const char *order[2];
		int status;
	} t[] = {
		{ { "loop", "loop:size=1G" }, EXIT_PASS },
		{ { "loop", "loop" }, EXIT_USAGE },
		{ { "loop", NULL }, EXIT_USAGE }, /* of before it was told: it may be the same */
	};
	_cleanup_free_ char *words = NULL;
	struct canned a, b;

	write_shards(&a, &b);
	b = a;
	b.shard = 2;
	b.seed = 9;
	ASSERT_TRUE(asprintf(&words, "--out %s %s %s", in("orders"), in("a.jsonl"), in("b.jsonl")) > 0);
	for (size_t i = 0; i < ARRAY_SIZE(t); i++) {
		_cleanup_free_ char *text = NULL;

		a.order = t[i].order[0];
		b.order = t[i].order[1];
		ASSERT_EQ(canned_write(&a, in("a.jsonl")), 0);
		ASSERT_EQ(canned_write(&b, in("b.jsonl")), 0);
		ASSERT_EQ(merge_cmd(words, &text), t[i].status);
		ASSERT_EQ(strstr(text, " is in ") != NULL, t[i].status == EXIT_USAGE);
	}
}

TEST(what_does_not_go_together_is_named)
{
	_cleanup_free_ char *words = NULL, *apart = NULL;
	struct canned a, b, changed;

	write_shards(&a, &b);
	ASSERT_TRUE(asprintf(&words, "--out %s %s %s", in("never"), in("a.jsonl"), in("b.jsonl")) > 0);
	ASSERT_TRUE(asprintf(&apart, "--apart %s", words) > 0);
	for (int i = 0; i < 4; i++) {
		static const char *const says[] = { "b.jsonl:2: randread-4k-qd1 on loop9 under none is in ", "\"budget\" is not that of ",
						    "\"arms\" is not that of ", "a strange \"key\"" };
		_cleanup_free_ char *text = NULL;

		changed = b;
		changed.workload = i ? b.workload : a.workload;
		changed.budget = i == 1 ? 7 : 5;
		changed.arm[2] = i == 2 ? "block" : "full";
		changed.key = i == 3 ? "../x" : a.key;
		ASSERT_EQ(canned_write(&changed, in("b.jsonl")), 0);
		ASSERT_EQ(merge_cmd(i == 3 ? apart : words, &text), EXIT_USAGE);
		if (!strstr(text, says[i]))
			printf("    %s\n", text);
		ASSERT_TRUE(strstr(text, says[i]) != NULL);
		ASSERT_TRUE(access(in("never"), F_OK) != 0);
	}
}

TEST(parts_of_different_tracers_are_refused)
{
	_cleanup_free_ char *words = NULL, *text = NULL, *older = NULL;
	struct canned a, b;

	write_shards(&a, &b);
	a.tracer = "iopath 0.1.0 (2e9ee45)";
	b.tracer = "iopath 0.1.0 (73fbbeb)";
	ASSERT_EQ(canned_write(&a, in("a.jsonl")), 0);
	ASSERT_EQ(canned_write(&b, in("b.jsonl")), 0);
	ASSERT_TRUE(asprintf(&words, "-o %s %s %s", in("never"), in("a.jsonl"), in("b.jsonl")) > 0);
	ASSERT_EQ(merge_cmd(words, &text), EXIT_USAGE);
	ASSERT_TRUE(text && strstr(text, "b.jsonl:1: another tracer than ") && strstr(text, ": iopath 0.1.0 (73fbbeb), there iopath 0.1.0 (2e9ee45)"));
	/* of before the header had it */
	b.tracer = NULL;
	ASSERT_EQ(canned_write(&b, in("b.jsonl")), 0);
	ASSERT_EQ(merge_cmd(words, &older), EXIT_OVER_BUDGET);
}

/* As a CI system calls it: the worst verdict, and what it takes beside each report. */
TEST(merged_shards_have_what_a_ci_system_takes)
{
	char program[512], command[1024], *argv[] = { "sh", "-c", command, NULL };
	_cleanup_free_ char *text = NULL, *said = NULL, *nothing = NULL;
	struct child_end end = { .status = -1 };
	struct canned a, b;

	write_shards(&a, &b);
	canned_program(program);
	*strrchr(program, '/') = '\0';
	snprintf(command, sizeof(command), "O=%s bench/bench-merge %s %s %s", program, in("ci"), in("a.jsonl"), in("b.jsonl"));
	ASSERT_EQ(child_run(argv, 60 * NS_PER_S, &said, &end), 0);
	ASSERT_EQ(end.status, EXIT_OVER_BUDGET);
	ASSERT_EQ(file_read(in("ci/0123456789abcdef/junit.xml"), &text), 0);
	ASSERT_TRUE(text && strstr(text, "randread-4k-qd1") && strstr(text, "seqwrite-64k") && strstr(text, "<failure"));
	ASSERT_EQ(access(in("ci/0123456789abcdef/report.html"), F_OK), 0);
	/* again where a merge of other machines was, and a run of somebody's is */
	snprintf(command, sizeof(command), "cd %s/ci && mv 0123456789abcdef gone && mkdir mine && cp ../a.jsonl mine/results.jsonl", dir);
	ASSERT_EQ(system(command), 0);
	free(take_ptr(said));
	snprintf(command, sizeof(command), "O=%s bench/bench-merge %s %s %s", program, in("ci"), in("a.jsonl"), in("b.jsonl"));
	ASSERT_EQ(child_run(argv, 60 * NS_PER_S, &said, &end), 0);
	ASSERT_EQ(end.status, EXIT_OVER_BUDGET);
	ASSERT_EQ(access(in("ci/0123456789abcdef/junit.xml"), F_OK), 0);
	ASSERT_TRUE(access(in("ci/gone"), F_OK) && !access(in("ci/mine/results.jsonl"), F_OK) && access(in("ci/mine/junit.xml"), F_OK));
	snprintf(command, sizeof(command), "O=%s bench/bench-merge %s", program, in("ci"));
	ASSERT_EQ(child_run(argv, 60 * NS_PER_S, &nothing, &end), 0);
	ASSERT_EQ(end.status, EXIT_USAGE);
	ASSERT_TRUE(nothing && strstr(nothing, "RUNS=") != NULL);
}

/* Whose raw file would be gone. */
TEST(no_run_is_merged_into_itself)
{
	_cleanup_free_ char *words = NULL, *text = NULL, *before = NULL, *after = NULL;
	struct canned a, b;

	write_shards(&a, &b);
	ASSERT_EQ(file_make_dirs(in("own")), 0);
	ASSERT_EQ(canned_write(&a, in("own/results.jsonl")), 0);
	ASSERT_EQ(file_read(in("own/results.jsonl"), &before), 0);
	ASSERT_TRUE(asprintf(&words, "--out %s %s %s", in("own"), in("b.jsonl"), in("own/../own")) > 0);
	ASSERT_EQ(merge_cmd(words, &text), EXIT_USAGE);
	ASSERT_TRUE(strstr(text, "/own: its results.jsonl is one of those to be merged") != NULL);
	ASSERT_EQ(file_read(in("own/results.jsonl"), &after), 0);
	ASSERT_STR(after, before);
}

TEST(usage)
{
	static const char *const words[] = { "", "--out /tmp/never", "/nowhere", "--out /tmp/never /nowhere", "--nonsense" };

	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		_cleanup_free_ char *text = NULL;

		ASSERT_EQ(merge_cmd(words[i], &text), EXIT_USAGE);
	}
}

TEST_MAIN("test-bench-merge", T(two_shards_become_one_run_with_the_decisions_of_both),
	  T(the_history_has_each_set_of_a_merged_run_once), T(a_shard_that_is_missing_or_stopped_is_no_pass),
	  T(a_shard_that_did_not_begin_costs_no_more_than_itself), T(an_older_file_is_not_that_of_a_run_that_did_not_begin), T(a_shard_without_a_set_misses_nothing),
	  T(a_shard_that_is_there_twice_is_not_the_other), T(unlike_machines_are_refused_or_kept_apart),
	  T(unlike_disks_are_refused_or_kept_apart), T(scratch_devices_of_two_orders_are_two), T(what_does_not_go_together_is_named),
	  T(parts_of_different_tracers_are_refused), T(merged_shards_have_what_a_ci_system_takes),
	  T(no_run_is_merged_into_itself), T(usage))
