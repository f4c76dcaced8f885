/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <CUnit/CUnit.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "ground-check.h"

static char current[512], evidence[2048];

/* Of an attempt: what failed is kept back until it is known whether it counts. */
static struct {
	bool on;
	int failed;
	size_t len;
	char text[16384];
} attempt;

__attribute__((format(printf, 1, 2))) static void say(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	if (!attempt.on)
		vprintf(fmt, ap);
	else if (attempt.len < sizeof(attempt.text) - 1)
		attempt.len += (size_t)vsnprintf(attempt.text + attempt.len, sizeof(attempt.text) - attempt.len, fmt, ap);
	va_end(ap);
}

static void judge(bool holds)
{
	if (attempt.on)
		attempt.failed += !holds;
	else
		CU_ASSERT(holds);
}

void check_attempt(void)
{
	attempt.on = true;
	attempt.failed = 0;
	attempt.len = 0;
	attempt.text[0] = 0;
}

void check_attempt_over(bool counts)
{
	attempt.on = false;
	if (!counts)
		return;
	printf("%s", attempt.text);
	CU_ASSERT(!attempt.failed);
}

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
		say("    [%s]\n", current);
	if (evidence[0])
		say("      %s\n", evidence);
	current[0] = evidence[0] = 0;
}

bool check_same(const char *what, int64_t got, int64_t want)
{
	if (got != want) {
		report();
		say("      %s is %lld, wanted %lld\n", what, (long long)got, (long long)want);
	}
	judge(got == want);
	return got == want;
}

bool check_between(const char *what, int64_t got, int64_t low, int64_t high)
{
	bool holds = got >= low && got <= high;

	if (!holds) {
		report();
		say("      %s is %lld, wanted %lld to %lld\n", what, (long long)got, (long long)low,
		       (long long)high);
	}
	judge(holds);
	return holds;
}

bool check_true(const char *what, bool holds)
{
	if (!holds) {
		report();
		say("      not true: %s\n", what);
	}
	judge(holds);
	return holds;
}

bool check_text(const char *what, const char *got, const char *want)
{
	bool holds = got && want && !strcmp(got, want);

	if (!holds) {
		report();
		say("      %s is \"%s\", wanted \"%s\"\n", what, got ? got : "(null)",
		       want ? want : "(null)");
	}
	judge(holds);
	return holds;
}

bool check_has(const char *what, const char *got, const char *part)
{
	bool holds = got && strstr(got, part);

	if (!holds) {
		report();
		say("      %s has no \"%s\": \"%s\"\n", what, part, got ? got : "(null)");
	}
	judge(holds);
	return holds;
}
