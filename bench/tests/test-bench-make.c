/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What `make bench` starts, what the programs are told of their revision, and which exit codes it takes for a run that came to its end. */
#include <stdlib.h>
#include <sys/stat.h>

#include "bench/file.h"
#include "bench/tests/bench-run.h"
#include "bench/why.h"
#include "tracer/base/cleanup.h"
#include "tracer/base/test.h"

/* The recipe's last command, as make would give it to the shell. */
static int recipe(const char *words, char **ret)
{
	setup();
	if (system(fmt("MAKEFLAGS= MAKELEVEL= make -n bench %s 2>/dev/null | sed -n -e '/^out=/,$p' -e '/^[^ ]*iopath-bench run.* --time/,$p' -e '/^[^ ]*iopath-bench run.* --long/,$p' >%s/recipe", words, base)))
		return -1;
	return file_read(fmt("%s/recipe", base), ret);
}

TEST(arguments_of_the_user_come_once)
{
	static const char *const words[] = { "ARGS='--arm a=b'", "ARGS='--arm a=b' QUICK=1", "ARGS='--arm a=b' LONG=1" };

	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		_cleanup_free_ char *text = NULL;

		ASSERT_EQ(recipe(words[i], &text), 0);
		ASSERT_EQ(count_in(fmt("%s/recipe", base), "--arm a=b"), 1);
	}
}

/* A harness that ends with @status; with @verdict.json if it has text. */
static int exit_code(const char *words, int status, const char *verdict)
{
	_cleanup_free_ char *text = NULL;
	int code;

	ASSERT_EQ(recipe(fmt("%s OUT=%s/made", words, base), &text), 0);
	ASSERT_EQ(system(fmt("rm -rf %s/made; mkdir %s/made", base, base)), 0);
	if (verdict)
		ASSERT_EQ(file_replace(fmt("%s/made/verdict.json", base), verdict), 0);
	ASSERT_EQ(file_replace(fmt("%s/fake", base), fmt("#!/bin/sh\nexit %d\n", status)), 0);
	ASSERT_EQ(chmod(fmt("%s/fake", base), 0755), 0);
	code = system(fmt("sed 's#[^ ]*/iopath-bench run#%s/fake run#' %s/recipe | sh", base, base));
	return WEXITSTATUS(code);
}

/* ARGS= stands before --out in one of them, behind it in the other. */
TEST(arguments_that_are_wrong_leave_no_older_verdict)
{
	static const char *const kinds[] = { "QUICK=1", "", "LONG=1" };

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		_cleanup_free_ char *text = NULL;
		int code;

		ASSERT_EQ(recipe(fmt("%s ARGS=--bogus OUT=%s/made", kinds[i], base), &text), 0);
		ASSERT_EQ(system(fmt("mkdir -p %s/made && echo '{\"verdict\": \"PASS\"}' >%s/made/verdict.json", base, base)), 0);
		code = system(fmt("sed 's#[^ ]*/iopath-bench run#%s/iopath-bench run#' %s/recipe | sh >%s/said 2>&1", build_dir, base, base));
		ASSERT_EQ(WEXITSTATUS(code), EXIT_USAGE);
		ASSERT_EQ(count_in(fmt("%s/said", base), "unknown option --bogus"), 1);
		ASSERT_EQ(count_in(fmt("%s/made/verdict.json", base), "PASS"), 0);
		ASSERT_EQ(count_in(fmt("%s/made/verdict.json", base), "unknown option --bogus"), 1);
	}
}

TEST(a_smoke_run_that_came_to_its_end_is_what_was_asked_for)
{
	static const int ends[] = { EXIT_PASS, EXIT_OVER_BUDGET, EXIT_INCONCLUSIVE };
	static const int faults[] = { EXIT_USAGE, EXIT_HARNESS, EXIT_SKIPPED };

	setup();
	for (size_t i = 0; i < ARRAY_SIZE(ends); i++)
		ASSERT_EQ(exit_code("QUICK=1", ends[i], NULL), 0);
	for (size_t i = 0; i < ARRAY_SIZE(faults); i++)
		ASSERT_EQ(exit_code("QUICK=1", faults[i], NULL), faults[i]);
	ASSERT_EQ(exit_code("QUICK=1", EXIT_ENVIRONMENT, "{\"complete\": true}"), 0);
	ASSERT_EQ(exit_code("QUICK=1", EXIT_ENVIRONMENT, "{\"complete\": false}"), EXIT_ENVIRONMENT);
	/* a workload that ends in an error is what it is run to find */
	ASSERT_EQ(exit_code("QUICK=1", EXIT_ENVIRONMENT, "{\"complete\": true, \"failed\": true}"), EXIT_ENVIRONMENT);
	ASSERT_EQ(exit_code("QUICK=1", EXIT_ENVIRONMENT, NULL), EXIT_ENVIRONMENT);
}

/* All that make can end with by itself is "bad" for git bisect run; over 127 it stops. */
TEST(make_is_no_command_for_git_bisect)
{
	_cleanup_free_ char *said = NULL;
	int code;

	setup();
	code = system(fmt("sh -c 'MAKEFLAGS= MAKELEVEL= make bench-compare BISECT=1 BASE=HEAD; exit $?' >%s/said 2>&1", base));
	ASSERT_TRUE(WIFEXITED(code) && WEXITSTATUS(code) >= 128);
	ASSERT_EQ(file_read(fmt("%s/said", base), &said), 0);
	ASSERT_TRUE(strstr(said, "git bisect run sh -c 'make -s programs || exit 125; BISECT=1 ") != NULL);
}

/* A fresh machine has nothing for it; and the lab takes its own name of the disk. */
TEST(a_disk_of_the_lab_brings_the_lab)
{
	static const struct {
		const char *words, *has;
		int times;
	} t[] = {
		{ "bench DEV=lab:nvme", "qemu-system", 1 },	   { "bench DEV=loop", "qemu-system", 0 },
		{ "bench-schedulers DEV=lab:nvme", "qemu-system", 1 }, { "bench-compare BASE=HEAD DEV=lab:nvme", "qemu-system", 1 },
		{ "bench-compare KERNELS='6.1 6.12' DEV=lab:virtio", "DISK='virtio' ", 1 },
		{ "bench-compare KERNELS='6.1 6.12' DEV=lab:virtio", "--device", 0 },
		{ "bench-compare KERNELS='6.1 6.12' DISK=scsi", "DISK='scsi' ", 1 },
	};

	setup();
	for (size_t i = 0; i < ARRAY_SIZE(t); i++) {
		ASSERT_EQ(system(fmt("MAKEFLAGS= MAKELEVEL= make -n %s >%s/said 2>&1", t[i].words, base)), 0);
		ASSERT_EQ(count_in(fmt("%s/said", base), t[i].has) > 0, t[i].times);
	}
}

TEST(a_run_that_gates_hands_its_exit_code_on)
{
	static const int all[] = { EXIT_PASS, EXIT_OVER_BUDGET, EXIT_USAGE, EXIT_INCONCLUSIVE, EXIT_ENVIRONMENT, EXIT_HARNESS };

	setup();
	for (size_t i = 0; i < ARRAY_SIZE(all); i++)
		ASSERT_EQ(exit_code("", all[i], "{\"complete\": true}"), all[i]);
}

static char *in_tree(const char *command)
{
	char *text = NULL;

	ASSERT_EQ(system(fmt("cd %s/tree && %s >../said", base, command)), 0);
	ASSERT_EQ(file_read(fmt("%s/said", base), &text), 0);
	return text;
}

TEST(a_revision_is_that_of_the_tree_itself)
{
	_cleanup_free_ char *head = NULL, *clean = NULL, *page = NULL, *dirty = NULL, *inside = NULL, *told = NULL;

	setup();
	if (system("git --version >/dev/null 2>&1"))
		TEST_SKIP("no git");
	ASSERT_EQ(system(fmt("mkdir -p %s/tree/tracer/base %s/tree/results && cp tracer/base/revision %s/tree/tracer/base", base, base, base)), 0);
	head = in_tree("printf build >.gitignore && touch results/page.md a.c && git init -q && git add -A && "
		       "git -c user.name=t -c user.email=t@t commit -qm t && git describe --always");
	clean = in_tree("tracer/base/revision");
	ASSERT_STR(clean, head);
	page = in_tree("echo made >results/page.md && tracer/base/revision");
	ASSERT_STR(page, head);
	dirty = in_tree("echo changed >a.c && tracer/base/revision");
	ASSERT_STR(dirty, fmt("%.*s-dirty\n", (int)strcspn(head, "\n"), head));
	/* as bench-compare has it: unpacked in another's repository, or told */
	inside = in_tree("mkdir -p build/sub && git archive HEAD | tar -xC build/sub && build/sub/tracer/base/revision");
	ASSERT_STR(inside, "");
	told = in_tree("IOPATH_REVISION=feedbee build/sub/tracer/base/revision");
	ASSERT_STR(told, "feedbee\n");
}

/* The header of it, by the tree's own Makefile. */
static char *revision_header(const char *revision)
{
	char *text = NULL;

	ASSERT_EQ(system(fmt("MAKEFLAGS= MAKELEVEL= IOPATH_REVISION=%s make -s O=%s/o %s/o/revision.h", revision, base, base)), 0);
	ASSERT_EQ(file_read(fmt("%s/o/revision.h", base), &text), 0);
	return text;
}

TEST(programs_are_made_again_for_another_revision_alone)
{
	_cleanup_free_ char *one = NULL, *same = NULL, *other = NULL;
	struct stat before, after;

	setup();
	one = revision_header("2e9ee45");
	ASSERT_STR(one, "#define IOPATH_REVISION \" (2e9ee45)\"\n");
	ASSERT_EQ(stat(fmt("%s/o/revision.h", base), &before), 0);
	same = revision_header("2e9ee45");
	ASSERT_EQ(stat(fmt("%s/o/revision.h", base), &after), 0);
	ASSERT_TRUE(before.st_ino == after.st_ino && before.st_mtim.tv_sec == after.st_mtim.tv_sec &&
		    before.st_mtim.tv_nsec == after.st_mtim.tv_nsec);
	other = revision_header("73fbbeb-dirty");
	ASSERT_STR(other, "#define IOPATH_REVISION \" (73fbbeb-dirty)\"\n");
}

/* And only when asked; `make test` ends with the total of the tests. */
TEST(the_long_tests_fuzz_first)
{
	static const struct {
		const char *words, *wanted;
	} t[] = {
		{ "", "tests\n" }, { "LONG=0", "tests\n" }, { "LONG=1 FUZZ_TIME=77", "fuzz 77\ntests\n" },
	};

	setup();
	for (size_t i = 0; i < ARRAY_SIZE(t); i++) {
		_cleanup_free_ char *text = NULL;

		ASSERT_EQ(system(fmt("MAKEFLAGS= MAKELEVEL= LONG= make -n test %s 2>/dev/null | sed -n -e 's|^bench/fuzz/fuzz [^ ]* \\([0-9]*\\) .*|fuzz \\1|p' "
				     "-e 's|^ci/run-tests .*|tests|p' >%s/order", t[i].words, base)), 0);
		ASSERT_EQ(file_read(fmt("%s/order", base), &text), 0);
		ASSERT_STR(text ? text : "", t[i].wanted);
	}
}

TEST_MAIN("test-bench-make", T(the_long_tests_fuzz_first), T(make_is_no_command_for_git_bisect), T(a_disk_of_the_lab_brings_the_lab), T(arguments_of_the_user_come_once), T(arguments_that_are_wrong_leave_no_older_verdict), T(a_smoke_run_that_came_to_its_end_is_what_was_asked_for),
	  T(a_run_that_gates_hands_its_exit_code_on), T(a_revision_is_that_of_the_tree_itself),
	  T(programs_are_made_again_for_another_revision_alone))
