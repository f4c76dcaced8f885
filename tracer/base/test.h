/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A thin frame over CUnit: one program per module, one line per test, and a
 * skip that must say why. ci/run-tests adds up the last lines.
 *
 *	TEST(parse_rejects_rubbish) { CU_ASSERT(...); }
 *	TEST(counts_exactly) { if (geteuid()) TEST_SKIP("needs root"); ... }
 *	TEST_MAIN("parse", T(parse_rejects_rubbish), T(counts_exactly))
 */
#ifndef IOPATH_TEST_H
#define IOPATH_TEST_H

#include <CUnit/CUnit.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

struct test_case {
	const char *name;
	void (*fn)(void);
};

static const char *test_skip_reason;
static int test_nr_skipped;

#define TEST(name) static void name(void)
#define TEST_SKIP(reason)                    \
	do {                                 \
		test_skip_reason = (reason); \
		return;                      \
	} while (0)

/* Equality with both sides shown. */
#define ASSERT_EQ(a, b)                                                                       \
	do {                                                                                  \
		long long _a = (long long)(a), _b = (long long)(b);                           \
		if (_a != _b)                                                                 \
			printf("    %s:%d: %s is %lld, %s is %lld\n", __FILE__, __LINE__, #a, \
			       _a, #b, _b);                                                   \
		CU_ASSERT(_a == _b);                                                          \
	} while (0)
#define ASSERT_STR(a, b)                                                                        \
	do {                                                                                    \
		const char *_a = (a), *_b = (b);                                                \
		int _same = _a && _b && !strcmp(_a, _b);                                        \
		if (!_same)                                                                     \
			printf("    %s:%d: %s is \"%s\", wanted \"%s\"\n", __FILE__, __LINE__, #a, \
			       _a ? _a : "(null)", _b ? _b : "(null)");                         \
		CU_ASSERT(_same);                                                               \
	} while (0)
#define ASSERT_TRUE(c)                                                             \
	do {                                                                       \
		int _c = !!(c);                                                    \
		if (!_c)                                                           \
			printf("    %s:%d: not true: %s\n", __FILE__, __LINE__, #c); \
		CU_ASSERT(_c);                                                     \
	} while (0)

static inline void test_done(const CU_pTest t, const CU_pSuite s, const CU_pFailureRecord f)
{
	(void)s;
	if (f) {
		printf("FAIL %s\n", t->pName);
		for (CU_pFailureRecord r = f; r; r = r->pNext)
			printf("    %s:%u: %s\n", r->strFileName, r->uiLineNumber, r->strCondition);
	} else if (test_skip_reason) {
		printf("skip %s: %s\n", t->pName, test_skip_reason);
		test_nr_skipped++;
	} else {
		printf("ok   %s\n", t->pName);
	}
	test_skip_reason = NULL;
	fflush(stdout);
}

/* argv[1..] select tests by name. */
static inline int test_run(const char *suite_name, const struct test_case *cases, size_t nr,
			   int argc, char **argv)
{
	CU_pSuite suite;
	unsigned int failed, run;

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (CU_initialize_registry() != CUE_SUCCESS)
		return 5;
	CU_set_error_action(CUEA_IGNORE);
	suite = CU_add_suite(suite_name, NULL, NULL);
	for (size_t i = 0; i < nr; i++) {
		int wanted = argc < 2;

		for (int a = 1; a < argc; a++)
			wanted |= !strcmp(argv[a], cases[i].name);
		if (wanted)
			CU_add_test(suite, cases[i].name, cases[i].fn);
	}
	CU_set_test_complete_handler(test_done);
	CU_run_all_tests();
	failed = CU_get_number_of_tests_failed();
	run = CU_get_number_of_tests_run();
	printf("%s: %u passed, %u failed, %d skipped\n", suite_name,
	       run - failed - (unsigned int)test_nr_skipped, failed, test_nr_skipped);
	CU_cleanup_registry();
	return failed || !run;
}

#define TEST_MAIN(suite, ...)                                                              \
	int main(int argc, char **argv)                                                    \
	{                                                                                  \
		static const struct test_case cases[] = { __VA_ARGS__ };                   \
		return test_run(suite, cases, sizeof(cases) / sizeof(cases[0]), argc, argv); \
	}
#define T(f) { #f, f }

#endif
