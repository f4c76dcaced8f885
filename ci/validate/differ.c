/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "ci/validate/differ.h"
#include "tracer/base/cleanup.h"
#include "tracer/tests/ground-check.h"

/* A cell that is wrong throughout need not say so a hundred times. */
enum { MAX_LINES = 40 };

static json_t *lines;

void differ_into(json_t *into)
{
	lines = into;
}

void differ(const char *fmt, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (json_array_size(lines) < MAX_LINES)
		json_array_append_new(lines, json_string(text));
}

/* Cells name themselves; commands are known from them. */
void check_case(const char *fmt, ...)
{
	(void)fmt;
}

void check_evidence(const char *text)
{
	(void)text;
}

bool check_same(const char *what, int64_t got, int64_t want)
{
	if (got != want)
		differ("%s: %lld, wanted %lld", what, (long long)got, (long long)want);
	return got == want;
}

bool check_between(const char *what, int64_t got, int64_t low, int64_t high)
{
	bool holds = got >= low && got <= high;

	if (!holds)
		differ("%s: %lld, wanted %lld to %lld", what, (long long)got, (long long)low, (long long)high);
	return holds;
}

bool check_true(const char *what, bool holds)
{
	if (!holds)
		differ("not true: %s", what);
	return holds;
}

bool check_text(const char *what, const char *got, const char *want)
{
	bool holds = got && want && !strcmp(got, want);

	if (!holds)
		differ("%s: \"%s\", wanted \"%s\"", what, got ? got : "(none)", want ? want : "(none)");
	return holds;
}

bool check_has(const char *what, const char *got, const char *part)
{
	bool holds = got && strstr(got, part);

	if (!holds)
		differ("%s: no \"%s\" in \"%s\"", what, part, got ? got : "(none)");
	return holds;
}

static void differ_value(const char *path, json_t *want, json_t *got)
{
	_cleanup_free_ char *w = want ? json_dumps(want, JSON_ENCODE_ANY | JSON_COMPACT) : NULL;
	_cleanup_free_ char *g = got ? json_dumps(got, JSON_ENCODE_ANY | JSON_COMPACT) : NULL;

	differ("%s: %s, wanted %s", path, g ? g : "absent", w ? w : "nothing");
}

void differ_json(const char *path, json_t *want, json_t *got)
{
	const char *key;
	json_t *value;

	if (!json_is_object(want) || !json_is_object(got)) {
		if (!json_equal(want, got))
			differ_value(path, want, got);
		return;
	}
	json_object_foreach(want, key, value) {
		char at[256];

		snprintf(at, sizeof(at), "%s%s%s", path, *path ? ": " : "", key);
		differ_json(at, value, json_object_get(got, key));
	}
	json_object_foreach(got, key, value)
		if (!json_object_get(want, key)) {
			char at[256];

			snprintf(at, sizeof(at), "%s%s%s", path, *path ? ": " : "", key);
			differ_value(at, NULL, value);
		}
}
