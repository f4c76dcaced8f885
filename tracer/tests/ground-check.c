/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <CUnit/CUnit.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "ground-check.h"

static char current[512], evidence[2048];

void check_case(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(current, sizeof(current), fmt, ap);
	va_end(ap);
	evidence[0] = 0;
}

void check_evidence(const char *text)
{
	snprintf(evidence, sizeof(evidence), "%s", text);
}

/* Once for all that fails in a case. */
static void report(void)
{
	if (current[0])
		printf("    [%s]\n", current);
	if (evidence[0])
		printf("      %s\n", evidence);
	current[0] = evidence[0] = 0;
}

bool check_same(const char *what, int64_t got, int64_t want)
{
	if (got != want) {
		report();
		printf("      %s is %lld, wanted %lld\n", what, (long long)got, (long long)want);
	}
	CU_ASSERT(got == want);
	return got == want;
}

bool check_between(const char *what, int64_t got, int64_t low, int64_t high)
{
	bool holds = got >= low && got <= high;

	if (!holds) {
		report();
		printf("      %s is %lld, wanted %lld to %lld\n", what, (long long)got, (long long)low,
		       (long long)high);
	}
	CU_ASSERT(holds);
	return holds;
}

bool check_true(const char *what, bool holds)
{
	if (!holds) {
		report();
		printf("      not true: %s\n", what);
	}
	CU_ASSERT(holds);
	return holds;
}

bool check_text(const char *what, const char *got, const char *want)
{
	bool holds = got && want && !strcmp(got, want);

	if (!holds) {
		report();
		printf("      %s is \"%s\", wanted \"%s\"\n", what, got ? got : "(null)",
		       want ? want : "(null)");
	}
	CU_ASSERT(holds);
	return holds;
}

bool check_has(const char *what, const char *got, const char *part)
{
	bool holds = got && strstr(got, part);

	if (!holds) {
		report();
		printf("      %s has no \"%s\": \"%s\"\n", what, part, got ? got : "(null)");
	}
	CU_ASSERT(holds);
	return holds;
}
