/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "json-line.h"

#include <errno.h>
#include <string.h>

#include "view-json.h"

static void put(struct json_line *l, const char *s, size_t len)
{
	if (len > sizeof(l->buf) - l->n) {
		l->overflow = true;
		return;
	}
	memcpy(l->buf + l->n, s, len);
	l->n += len;
}

static void put_char(struct json_line *l, char c)
{
	put(l, &c, 1);
}

static void put_key(struct json_line *l, const char *key)
{
	if (!l->first)
		put_char(l, ',');
	l->first = false;
	if (!key)
		return;
	put_char(l, '"');
	put(l, key, strlen(key));
	put(l, "\":", 2);
}

void json_open(struct json_line *l, const char *key, char bracket)
{
	if (!l->n)
		l->first = true;
	put_key(l, key);
	put_char(l, bracket);
	l->first = true;
}

void json_close(struct json_line *l, char bracket)
{
	put_char(l, bracket);
	l->first = false;
}

static void put_digits(struct json_line *l, u64 v)
{
	char digits[20];
	size_t i = sizeof(digits);

	do
		digits[--i] = (char)('0' + v % 10);
	while (v /= 10);
	put(l, digits + i, sizeof(digits) - i);
}

void json_put_num(struct json_line *l, const char *key, u64 v)
{
	put_key(l, key);
	put_digits(l, v);
}

void json_put_signed(struct json_line *l, const char *key, s64 v)
{
	put_key(l, key);
	if (v < 0)
		put_char(l, '-');
	put_digits(l, v < 0 ? -(u64)v : (u64)v);
}

void json_put_null(struct json_line *l, const char *key)
{
	put_key(l, key);
	put(l, "null", 4);
}

/* Printable ASCII without what needs an escape: nearly all there is. */
static bool is_plain(const char *s)
{
	for (; *s; s++)
		if (*s < ' ' || *s > '~' || *s == '"' || *s == '\\')
			return false;
	return true;
}

void json_put_text(struct json_line *l, const char *key, const char *s)
{
	_cleanup_free_ char *text = NULL;
	json_t *j;

	if (!s) {
		json_put_null(l, key);
		return;
	}
	put_key(l, key);
	if (is_plain(s)) {
		put_char(l, '"');
		put(l, s, strlen(s));
		put_char(l, '"');
		return;
	}
	j = name_json(s);
	text = json_dumps(j, JSON_ENCODE_ANY);
	json_decref(j);
	if (text)
		put(l, text, strlen(text));
	else
		l->overflow = true;
}

int json_line_end(struct json_line *l, FILE *out)
{
	put_char(l, '\n');
	if (l->overflow)
		return -EMSGSIZE;
	errno = 0;
	if (fwrite_unlocked(l->buf, 1, l->n, out) != l->n)
		return errno ? -errno : -EIO;
	return 0;
}
