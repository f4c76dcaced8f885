/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The scripts around runs, on a repository, a tracer and a fio that are made up. */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "bench/file.h"
#include "bench/replay.h"
#include "bench/stop.h"
#include "bench/tests/bench-run.h"
#include "bench/tests/canned.h"
#include "bench/tracer.h"
#include "bench/view.h"
#include "tracer/base/cleanup.h"
#include "tracer/base/test.h"

/* ---- two revisions ---- */

/*
 * Says what ours says; "slow" is the revision's. Asked for its cost it tells it.
 * trace --tier full --json --dev NAME -o FILE; the slow one sees FAKE_SEEN I/Os.
 */
static const char tracer_text[] =
	"#!/bin/sh\n"
	"slow=%d\n"
	"[ \"$1\" != cost ] || exit $slow\n"
	"[ $slow = 0 ] || touch \"$FAKE_FIO_FLAG\"\n"
	"seen=100000; [ $slow = 0 ] || seen=${FAKE_SEEN:-100000}\n"
	"trap 'rm -f \"$FAKE_FIO_FLAG\"; echo \"{\\\"type\\\":\\\"summary\\\",\\\"devices\\\":[{\\\"name\\\":\\\"$6\\\",\\\"ops\\\":[{\\\"op\\\":\\\"read\\\",\\\"count\\\":$seen}]}],"
	"\\\"coverage\\\":{\\\"operations\\\":{\\\"seen\\\":$seen}}}\" >\"$8\"; exit 0' INT TERM\n"
	"echo 'iopath: ready'\n"
	"while :; do sleep 0.05; done\n";

static const char makefile_text[] =
	"O ?= build\nprograms: $(O)/iopath\n$(O)/iopath: tracer.sh\n\tmkdir -p $(O)\n\tcp tracer.sh $@\n\tchmod +x $@\n";

/*
 * The harness, for what the script does with it: a run that is whole, then the
 * comparison of the two tracers that it was given.
 */
static const char harness_text[] =
	"#!/bin/sh\n"
	"case $1 in\n"
	"run)\n"
	"	echo \"$@\" >args.txt\n"
	"	while [ $# -gt 0 ]; do\n"
	"		case $2 in base=*) echo \"${2#base=full:}\" >base.txt ;; --out) out=$3 ;; esac\n"
	"		shift; [ $# -gt 1 ] || break\n"
	"	done\n"
	"	mkdir -p \"$out\"; [ -e broken ] || echo '{\"complete\": true}' >\"$out/verdict.json\"; exit 3 ;;\n"
	"compare)\n"
	"	[ -e undecided ] && { case \" $* \" in *' --bisect '*) exit 125 ;; esac; exit 3; }\n"
	"	read -r base rest <base.txt; \"$base\" cost || exit 5; build/iopath cost ;;\n"
	"esac\n";

static void commit(int slow, const char *name)
{
	char text[sizeof(tracer_text) + 16];

	snprintf(text, sizeof(text), tracer_text, slow);
	tree_put("tracer.sh", text);
	tree_put(name, name);
	ASSERT_EQ(tree_sh(fmt("git add -A && git -c user.name=t -c user.email=t@t commit -qm %s && git tag %s", name, name)), 0);
}

/* Six revisions; the fourth makes the tracer slow. */
static bool make_repository(void)
{
	char here[PATH_MAX];

	setup();
	if (system("git --version >/dev/null 2>&1") || !getcwd(here, sizeof(here)))
		return false;
	if (!access(fmt("%s/tree", base), F_OK))
		return true;
	if (system(fmt("mkdir -p %s/tree && cp %s/bench/bench-compare %s/", base, here, base)) || tree_sh("git init -q .") ||
	    tree_sh(fmt("ln -s %s/workloads workloads && printf 'build\\nworkloads\\nbase.txt\\nargs.txt\\nundecided\\nbroken\\n' >.gitignore", here)))
		return false;
	tree_put("Makefile", makefile_text);
	for (int i = 1; i <= 6; i++)
		commit(i >= 4, fmt("r%d", i));
	return true;
}

static void use_harness(const char *text)
{
	ASSERT_EQ(tree_sh("mkdir -p build && rm -f build/iopath-bench && make -s"), 0);
	if (text) {
		tree_put("build/iopath-bench", text);
		ASSERT_EQ(tree_sh("chmod +x build/iopath-bench"), 0);
	} else {
		ASSERT_EQ(tree_sh(fmt("ln -s %s/iopath-bench build/iopath-bench", build_dir)), 0);
	}
}

TEST(git_bisect_finds_the_revision_that_costs_more)
{
	_cleanup_free_ char *said = NULL;

	if (!make_repository())
		TEST_SKIP("no git");
	/* a copy: the tree's own comes and goes with the revision */
	use_harness(harness_text);
	ASSERT_EQ(tree_sh(fmt("mv build/iopath-bench %s/harness", base)), 0);
	ASSERT_EQ(tree_sh("git bisect start r6 r1 >/dev/null"), 0);
	ASSERT_EQ(tree_sh(fmt("git bisect run sh -c 'make -s programs || exit 125; BISECT=1 BENCH=%s/harness OUT=build/run %s/bench-compare r1 full' "
			 ">%s/said 2>&1", base, base, base)), 0);
	ASSERT_EQ(file_read(fmt("%s/said", base), &said), 0);
	if (!strstr(said, "is the first bad commit"))
		printf("%s", said);
	ASSERT_EQ(tree_sh("test \"$(git rev-parse refs/bisect/bad)\" = \"$(git rev-parse r4)\""), 0);
	ASSERT_EQ(tree_sh("git bisect reset >/dev/null 2>&1"), 0);
}

TEST(what_is_no_answer_is_not_bad_for_git_bisect)
{
	static const struct {
		const char *set, *words;
		int plain, bisect;
	} t[] = {
		{ "true", "r1 full", 1, 1 },
		{ "true", "r5 full", 5, 5 },		/* the base itself is slow: the stub's word */
		{ "touch undecided", "r1 full", 3, 125 },
		{ "touch broken", "r1 full", 3, 125 },
		{ "true", "nosuch full", 2, 130 },
	};

	if (!make_repository())
		TEST_SKIP("no git");
	use_harness(harness_text);
	for (size_t i = 0; i < ARRAY_SIZE(t); i++) {
		ASSERT_EQ(tree_sh(fmt("rm -rf undecided broken build/run; %s", t[i].set)), 0);
		ASSERT_EQ(tree_sh(fmt("OUT=build/run %s/bench-compare %s >/dev/null 2>&1", base, t[i].words)), t[i].plain);
		ASSERT_EQ(tree_sh(fmt("rm -rf build/run; BISECT=1 OUT=build/run %s/bench-compare %s >/dev/null 2>&1", base, t[i].words)),
			  t[i].bisect);
	}
	ASSERT_EQ(tree_sh("rm -rf undecided broken build/run"), 0);
}

/* OUT is the same from one revision to the next. */
TEST(an_older_run_is_no_answer)
{
	if (!make_repository())
		TEST_SKIP("no git");
	use_harness(harness_text);
	ASSERT_EQ(tree_sh(fmt("OUT=build/run %s/bench-compare r1 full >/dev/null 2>&1", base)), 1);
	ASSERT_EQ(tree_sh("grep -q complete build/run/verdict.json && touch broken"), 0);
	ASSERT_EQ(tree_sh(fmt("OUT=build/run %s/bench-compare r1 full >/dev/null 2>&1", base)), 3);
	ASSERT_EQ(tree_sh(fmt("BISECT=1 OUT=build/run %s/bench-compare r1 full >/dev/null 2>&1", base)), 125);
	ASSERT_EQ(tree_sh("rm -rf broken build/run"), 0);
}

/* Unless somebody says how many: the budget is decided in fewer than a change is. */
TEST(two_revisions_have_rounds_for_many_cells)
{
	static const struct {
		const char *words, *has;
		int status;
	} t[] = { { "", " --rounds 16:32 ", 0 }, { "--quick", " --rounds 16:32 ", 1 }, { "--rounds 6:6", " --rounds 6:6", 0 },
		  { "--rounds 6:6", " --rounds 16:32 ", 1 } };

	if (!make_repository())
		TEST_SKIP("no git");
	use_harness(harness_text);
	for (size_t i = 0; i < ARRAY_SIZE(t); i++) {
		ASSERT_EQ(tree_sh(fmt("OUT=build/run %s/bench-compare r1 full %s >/dev/null 2>&1", base, t[i].words)), 1);
		ASSERT_EQ(tree_sh(fmt("grep -qe '%s' args.txt", t[i].has)), t[i].status);
	}
	ASSERT_EQ(tree_sh("rm -rf build/run args.txt"), 0);
}

/* The real harness with both tracers in one run; the next one takes a fifth of the throughput. */
TEST(two_revisions_are_interleaved_in_one_run)
{
	_cleanup_free_ char *said = NULL;
	int status;

	NEEDS_ROOT_AND_LOOP();
	if (!make_repository())
		TEST_SKIP("no git");
	use_harness(NULL);
	setenv("FAKE_FIO_LOSS", "20", 1);
	status = tree_sh(fmt("OUT=build/run %s/bench-compare r1 full --state-dir %s/state --fio %s/fake-fio --max-steal 100 --quick "
			"--time-limit 5m --rounds 6:6 --window 200ms --workload randread-4k-qd1 >%s/said 2>&1", base, base, build_dir, base));
	ASSERT_EQ(file_read(fmt("%s/said", base), &said), 0);
	if (status != EXIT_OVER_BUDGET)
		printf("    status %d\n%s", status, said);
	ASSERT_EQ(status, EXIT_OVER_BUDGET);
	ASSERT_TRUE(strstr(said, "verdict: worse") != NULL);
	ASSERT_TRUE(count_in(fmt("%s/tree/build/run/results.jsonl", base), "\"arm\":\"base\"") >= 6);
	ASSERT_TRUE(count_in(fmt("%s/tree/build/run/results.jsonl", base), "\"arm\":\"next\"") >= 6);
	expect_clean();
}

/* One that traces next to nothing costs next to nothing: that is no "better". */
TEST(a_revision_that_sees_little_is_not_compared)
{
	_cleanup_free_ char *said = NULL;
	int status;

	NEEDS_ROOT_AND_LOOP();
	if (!make_repository())
		TEST_SKIP("no git");
	use_harness(NULL);
	setenv("FAKE_SEEN", "5", 1);
	status = tree_sh(fmt("BISECT=1 OUT=build/run %s/bench-compare r1 full --state-dir %s/state --fio %s/fake-fio --max-steal 100 --quick "
			"--time-limit 5m --rounds 2:2 --window 200ms --workload randread-4k-qd1 >%s/said 2>&1", base, base, build_dir, base));
	unsetenv("FAKE_SEEN");
	ASSERT_EQ(file_read(fmt("%s/said", base), &said), 0);
	if (status <= EXIT_OVER_BUDGET || !strstr(said, "the tracer saw 5 of "))
		printf("    status %d\n%s", status, said);
	ASSERT_TRUE(status > EXIT_OVER_BUDGET);
	ASSERT_TRUE(strstr(said, "the tracer saw 5 of ") != NULL);
	expect_clean();
}

/* ---- schedulers ---- */

/* trace --tier block --json --dev NAME -o FILE: 1000 I/Os, 2 ms queued in all. */
static const char staged_tracer[] =
	"#!/bin/sh\n"
	"[ \"$1\" != --version ] || exit 1\n"
	"echo iopath: ready >&2\n"
	"trap 'printf \"{\\\"type\\\":\\\"summary\\\",\\\"devices\\\":[{\\\"name\\\":\\\"%s\\\",\\\"ops\\\":[{\\\"op\\\":\\\"read\\\","
	"\\\"count\\\":1000,\\\"stages\\\":{\\\"q2g\\\":{\\\"sum_ns\\\":2000000}}}]}],\\\"coverage\\\":{}}\\n\" \"$6\" >\"$8\"; exit 0' INT\n"
	"while :; do sleep .05; done\n";

static struct bench_run run_schedulers(const char *scheduler_words)
{
	char *argv[] = { "sh", "-c", (char *)fmt("O=%s OUT=%s/sched TIER=block bench/bench-schedulers --iopath %s/iopath --state-dir %s/state "
						"--fio %s/fake-fio --max-steal 100 --quick --rounds 1:1 --window 200ms "
						"--workload randread-4k-qd1 %s", build_dir, base, base, base, build_dir, scheduler_words), NULL };
	struct bench_run r = { .child.pidfd = -1, .out_fd = -1 };

	for (int i = 0; argv[i]; i++)
		add(&r, argv[i]);
	run_start(&r);
	run_end(&r);
	return r;
}

TEST(all_schedulers_come_into_one_report)
{
	static const char *const names[] = { "none", "mq-deadline", "bfq", "kyber" };
	_cleanup_free_ char *md = NULL;
	struct bench_run r;

	NEEDS_ROOT_AND_LOOP();
	setup();
	ASSERT_EQ(file_replace(fmt("%s/iopath", base), staged_tracer), 0);
	ASSERT_EQ(chmod(fmt("%s/iopath", base), 0755), 0);
	r = run_schedulers("");
	/* what was made is what was asked for, undecided as one round is */
	if (r.status != EXIT_PASS)
		show(&r);
	ASSERT_EQ(r.status, EXIT_PASS);
	ASSERT_EQ(file_read(fmt("%s/sched/schedulers.md", base), &md), 0);
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		/* a scheduler that this kernel does not have is a line as well */
		ASSERT_TRUE(count_in(fmt("%s/sched/results.jsonl", base), fmt("\"scheduler\":\"%s\"", names[i])) >= 1);
		ASSERT_TRUE(md && strstr(md, "randread-4k-qd1 on loop") != NULL);
	}
	ASSERT_TRUE(r.text && md && strstr(r.text, md) != NULL);
	ASSERT_TRUE(md && strstr(md, "| scheduler | q2g |") && strstr(md, "| none | 2.00us |"));
	ASSERT_EQ(access(fmt("%s/sched/report.html", base), F_OK), 0);
	run_free(&r);
	r = run_schedulers("--workload nosuch");
	ASSERT_EQ(r.status, EXIT_USAGE);
	run_free(&r);
	expect_clean();
}

#define STAGE(name, sum) "\"" name "\":{\"count\":4,\"sum_ns\":" #sum "}"

TEST(stages_are_summed_over_the_operations_of_the_device)
{
	static const char text[] =
		"{\"type\":\"summary\",\"devices\":[{\"name\":\"sda\",\"ops\":[{\"op\":\"read\",\"count\":4,\"stages\":{" STAGE("q2g", 77)
		"}}]},{\"name\":\"loop0\",\"ops\":[{\"op\":\"read\",\"count\":4,\"stages\":{" STAGE("q2g", 10) "," STAGE("device", 500)
		",\"wbwait\":null," STAGE("total", 510) "}},{\"op\":\"write\",\"count\":4,\"stages\":{" STAGE("q2g", 5) ","
		STAGE("total", 5) "}}]}],\"coverage\":{}}";
	struct tracer_report r = { 0 };

	tracer_read_summary(text, "loop0", &r);
	ASSERT_EQ(r.nr_stages, 2);
	ASSERT_STR(r.stage[0].name, "q2g");
	ASSERT_EQ((int)r.stage[0].sum_ns, 15);
	ASSERT_STR(r.stage[1].name, "device");
	ASSERT_EQ((int)r.stage[1].sum_ns, 500);
	tracer_report_free(&r);
}

/* 22000 I/Os a cell, 8 rounds: 3 us queued and 11 us at the device each. */
TEST(stages_stand_in_the_report_per_request)
{
	struct canned c = canned_default();
	_cleanup_free_ char *plain = NULL, *text = NULL, *md = NULL;
	struct why why = { 0 };
	struct replay r;
	size_t len;
	FILE *f;

	setup();
	c.second_scheduler = "bfq";
	plain = canned_text(&c);
	text = canned_edit(plain, "\"cost\":{},\"fault\"",
			   "\"cost\":{},\"stages_sum_ns\":{\"q2g\":66000000.0,\"device\":242000000.0},\"fault\"");
	ASSERT_EQ(file_replace(fmt("%s/staged.jsonl", base), text), 0);
	ASSERT_EQ(replay_load(fmt("%s/staged.jsonl", base), &r, &why), 0);
	f = open_memstream(&md, &len);
	view_schedulers(&r.report, f);
	fclose(f);
	ASSERT_TRUE(strstr(md, "Where a request's time goes, mean, by `full`:\n\n| scheduler | q2g | device |\n") != NULL);
	if (!strstr(md, "| none | 3.00us | 11.0us |\n| bfq | 3.00us | 11.0us |\n"))
		printf("%s", strstr(md, "Where a request"));
	ASSERT_TRUE(strstr(md, "| none | 3.00us | 11.0us |\n| bfq | 3.00us | 11.0us |\n") != NULL);
	replay_free(&r);
}

/* ---- all of CI ---- */

/* What each target prints last: the tests their sum; the lab smoke its parts', which nobody sums. */
static const char make_text[] =
	"#!/bin/sh\n"
	"case $1 in\n"
	"test) printf 'a: 5 passed, 0 failed, 1 skipped\\nb: 6 passed, 0 failed, 0 skipped\\n11 passed, 0 failed, 1 skipped\\n' ;;\n"
	"lab-smoke)\n"
	"	echo 'test-bench-device: 8 passed, 0 failed, 0 skipped'\n"
	"	[ -z \"$BROKEN\" ] || exit 2\n"
	"	printf 'selftest: 15 passed, 0 failed, 0 skipped\\n24 passed, %d failed, 3 skipped\\n' ${BAD:-0}; exit ${BAD:-0} ;;\n"
	"truth-smoke) echo 'lab-truth: 40 passed, 0 failed, 2 skipped' ;;\n"
	"gate) printf 'PASS\\ngate: 9 passed, 0 failed, 0 skipped\\n' ;;\n"
	"esac\n";

TEST(ci_counts_every_test_once)
{
	static const struct {
		const char *set, *says;
		int status;
	} t[] = {
		{ "true", "107 passed, 0 failed, 6 skipped", 0 },
		{ "export BAD=2", "107 passed, 2 failed, 6 skipped", 1 },
		/* its first part alone ran, and none of that failed */
		{ "export BROKEN=1", "68 passed, 1 failed, 3 skipped", 1 },
	};

	setup();
	ASSERT_EQ(system(fmt("mkdir -p %s/ci/.ci && cp .ci/run %s/ci/.ci/", base, base)), 0);
	ASSERT_EQ(file_replace(fmt("%s/ci/make", base), make_text), 0);
	ASSERT_EQ(chmod(fmt("%s/ci/make", base), 0755), 0);
	for (size_t i = 0; i < ARRAY_SIZE(t); i++) {
		int status = system(fmt("%s; PATH=%s/ci:$PATH %s/ci/.ci/run >%s/said 2>&1", t[i].set, base, base, base));

		ASSERT_EQ(WEXITSTATUS(status), t[i].status);
		if (system(fmt("tail -n 1 %s/said | grep -qx '%s'", base, t[i].says)))
			ASSERT_EQ(system(fmt("cat %s/said", base)), -1);
	}
}

TEST_MAIN("test-bench-scripts", T(git_bisect_finds_the_revision_that_costs_more),
	  T(what_is_no_answer_is_not_bad_for_git_bisect), T(an_older_run_is_no_answer),
	  T(two_revisions_have_rounds_for_many_cells), T(two_revisions_are_interleaved_in_one_run),
	  T(a_revision_that_sees_little_is_not_compared),
	  T(all_schedulers_come_into_one_report), T(stages_are_summed_over_the_operations_of_the_device),
	  T(stages_stand_in_the_report_per_request), T(ci_counts_every_test_once))
