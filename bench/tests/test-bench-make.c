/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What `make bench` starts, and which exit codes it takes for a run that came to its end. */
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

TEST(a_run_that_gates_hands_its_exit_code_on)
{
	static const int all[] = { EXIT_PASS, EXIT_OVER_BUDGET, EXIT_USAGE, EXIT_INCONCLUSIVE, EXIT_ENVIRONMENT, EXIT_HARNESS };

	setup();
	for (size_t i = 0; i < ARRAY_SIZE(all); i++)
		ASSERT_EQ(exit_code("", all[i], "{\"complete\": true}"), all[i]);
}

TEST_MAIN("test-bench-make", T(arguments_of_the_user_come_once), T(a_smoke_run_that_came_to_its_end_is_what_was_asked_for),
	  T(a_run_that_gates_hands_its_exit_code_on))
