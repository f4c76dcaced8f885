/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One line of JSON written as it comes, for records: 50 000 a second are more
 * than trees of jansson's can be built of. A comma stands behind each value
 * until what it is in is closed. Keys are literals of our own, which need no
 * escapes and are copied by a few instructions each.
 *
 *	json_line_begin(&l);
 *	json_open(&l, '{');
 *	json_put_num(&l, "tid", 7);
 *	json_close(&l, '}');
 *	err = json_line_end(&l, out);
 */
#ifndef IOPATH_JSON_LINE_H
#define IOPATH_JSON_LINE_H

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "bpf/wire.h"

struct json_line {
	size_t n;
	bool overflow;
	char buf[32768];
};

static inline void json_line_begin(struct json_line *l)
{
	l->n = 0;
	l->overflow = false;
}

/* Room for @len bytes; NULL: the line is too long, and will not be written. */
static inline char *json_room(struct json_line *l, size_t len)
{
	if (len > sizeof(l->buf) - l->n) {
		l->overflow = true;
		return NULL;
	}
	return l->buf + l->n;
}

static inline void json_raw(struct json_line *l, const char *s, size_t len)
{
	char *at = json_room(l, len);

	if (!at)
		return;
	memcpy(at, s, len);
	l->n += len;
}

#define json_key(l, key) json_raw(l, "\"" key "\":", sizeof("\"" key "\":") - 1)
/* One that is no literal. */
void json_key_text(struct json_line *l, const char *key);

void json_open(struct json_line *l, char bracket);
void json_close(struct json_line *l, char bracket);

/* Values: after a key, or as the next of a list. */
void json_num(struct json_line *l, u64 v);
void json_signed(struct json_line *l, s64 v);
/* Any text: escaped, and with '?' for what is no UTF-8. NULL is null. */
void json_text(struct json_line *l, const char *s);
#define json_nil(l) json_raw(l, "null,", 5)

#define json_put_num(l, key, v) (json_key(l, key), json_num(l, v))
#define json_put_signed(l, key, v) (json_key(l, key), json_signed(l, v))
#define json_put_text(l, key, s) (json_key(l, key), json_text(l, s))
#define json_put_nil(l, key) json_raw(l, "\"" key "\":null,", sizeof("\"" key "\":null,") - 1)

/* Write it, with a newline. -EMSGSIZE when it did not fit, or -errno of the stream. */
int json_line_end(struct json_line *l, FILE *out);

#endif
