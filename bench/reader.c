/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "reader.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>

int rd_fail(struct reader *r, const char *fmt, ...)
{
	char text[256];
	va_list ap;

	if (r->err)
		return r->err;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	r->err = why_fail(r->why, EXIT_USAGE, -EPROTO, "%s:%u: %s", r->path, r->line, text);
	return r->err;
}

static json_t *get(struct reader *r, const json_t *o, const char *key, bool fits(const json_t *),
		   const char *what)
{
	json_t *v = json_object_get(o, key);

	if (v && fits(v))
		return v;
	rd_fail(r, v ? "\"%s\" is not %s" : "no \"%s\", which is %s", key, what);
	return NULL;
}

static bool is_object(const json_t *v)
{
	return json_is_object(v);
}

static bool is_array(const json_t *v)
{
	return json_is_array(v);
}

static bool is_bool(const json_t *v)
{
	return json_is_boolean(v);
}

static bool is_number(const json_t *v)
{
	return json_is_number(v);
}

static bool is_count(const json_t *v)
{
	return json_is_integer(v) && json_integer_value(v) >= 0;
}

static bool is_text(const json_t *v)
{
	return json_is_string(v);
}

static bool is_name(const json_t *v)
{
	const char *s = json_string_value(v);

	if (!s || !*s)
		return false;
	while (*s > ' ' && *s <= '~')
		s++;
	return !*s;
}

json_t *rd_object(struct reader *r, const json_t *o, const char *key)
{
	return get(r, o, key, is_object, "an object");
}

json_t *rd_array(struct reader *r, const json_t *o, const char *key)
{
	return get(r, o, key, is_array, "an array");
}

bool rd_bool(struct reader *r, const json_t *o, const char *key)
{
	return json_is_true(get(r, o, key, is_bool, "true or false"));
}

double rd_number(struct reader *r, const json_t *o, const char *key)
{
	return json_number_value(get(r, o, key, is_number, "a number"));
}

uint64_t rd_count(struct reader *r, const json_t *o, const char *key)
{
	return (uint64_t)json_integer_value(get(r, o, key, is_count, "a count"));
}

const char *rd_text(struct reader *r, const json_t *o, const char *key)
{
	const json_t *v = get(r, o, key, is_text, "a text");

	return v ? json_string_value(v) : "";
}

const char *rd_name(struct reader *r, const json_t *o, const char *key)
{
	const json_t *v = get(r, o, key, is_name, "a plain name");

	return v ? json_string_value(v) : "";
}

bool rd_has(const json_t *o, const char *key)
{
	const json_t *v = json_object_get(o, key);

	return v && !json_is_null(v);
}
