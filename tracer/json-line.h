/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One line of JSON written as it comes, for records: 50 000 a second are more
 * than trees of jansson's can be built of. Keys are our own words and need no
 * escapes.
 *
 *	json_open(&l, NULL, '{');
 *	json_put_num(&l, "tid", 7);
 *	json_close(&l, '}');
 *	err = json_line_end(&l, out);
 */
#ifndef IOPATH_JSON_LINE_H
#define IOPATH_JSON_LINE_H

#include <stdbool.h>
#include <stdio.h>

#include "bpf/wire.h"

struct json_line {
	size_t n;
	bool first;	/* in the object or list that is open */
	bool overflow;
	char buf[32768];
};

/* @key is NULL in a list and for the line itself. */
void json_open(struct json_line *l, const char *key, char bracket);
void json_close(struct json_line *l, char bracket);
void json_put_num(struct json_line *l, const char *key, u64 v);
void json_put_signed(struct json_line *l, const char *key, s64 v);
void json_put_null(struct json_line *l, const char *key);
/* Any text: escaped, and with '?' for what is no UTF-8. NULL is null. */
void json_put_text(struct json_line *l, const char *key, const char *s);

/* Write it, with a newline. -EMSGSIZE when it did not fit, or -errno of the stream. */
int json_line_end(struct json_line *l, FILE *out);

#endif
