/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "json-line.h"

#include <errno.h>

#include "view-json.h"

void json_key_text(struct json_line *l, const char *key)
{
	size_t len = strlen(key);
	char *at = json_room(l, len + 3);

	if (!at)
		return;
	*at++ = '"';
	at = mempcpy(at, key, len);
	*at++ = '"';
	*at = ':';
	l->n += len + 3;
}

void json_open(struct json_line *l, char bracket)
{
	json_raw(l, &bracket, 1);
}

void json_close(struct json_line *l, char bracket)
{
	const char end[2] = { bracket, ',' };

	if (l->n && l->buf[l->n - 1] == ',')
		l->n--;
	json_raw(l, end, sizeof(end));
}

/* Two digits for each division; what lies behind them is copied as well, so that the length is fixed. */
void json_num(struct json_line *l, u64 v)
{
	static const char pairs[] = "00010203040506070809" "10111213141516171819" "20212223242526272829"
				    "30313233343536373839" "40414243444546474849" "50515253545556575859"
				    "60616263646566676869" "70717273747576777879" "80818283848586878889"
				    "90919293949596979899";
	enum { DIGITS = 20, ROOM = DIGITS + 1 };
	char digits[2 * ROOM] = { [DIGITS] = ',' };
	char *at = json_room(l, ROOM);
	size_t i = DIGITS;

	if (!at)
		return;
	for (; v >= 100; v /= 100) {
		i -= 2;
		memcpy(digits + i, pairs + v % 100 * 2, 2);
	}
	if (v >= 10) {
		i -= 2;
		memcpy(digits + i, pairs + v * 2, 2);
	} else {
		digits[--i] = (char)('0' + v);
	}
	memcpy(at, digits + i, ROOM);
	l->n += ROOM - i;
}

void json_signed(struct json_line *l, s64 v)
{
	if (v < 0)
		json_raw(l, "-", 1);
	json_num(l, v < 0 ? -(u64)v : (u64)v);
}

static void put_escaped(struct json_line *l, const char *s)
{
	_cleanup_free_ char *text = NULL;
	json_t *j = name_json(s);

	text = json_dumps(j, JSON_ENCODE_ANY);
	json_decref(j);
	if (!text) {
		l->overflow = true;
		return;
	}
	json_raw(l, text, strlen(text));
	json_raw(l, ",", 1);
}

static inline bool is_plain(char c)
{
	return c >= ' ' && c <= '~' && c != '"' && c != '\\';
}

/* Printable ASCII without what needs an escape is nearly all there is. */
void json_text(struct json_line *l, const char *s)
{
	size_t len = 0;
	char *at;

	if (!s) {
		json_nil(l);
		return;
	}
	while (is_plain(s[len]))
		len++;
	if (s[len]) {
		put_escaped(l, s);
		return;
	}
	at = json_room(l, len + 3);
	if (!at)
		return;
	*at++ = '"';
	at = mempcpy(at, s, len);
	*at++ = '"';
	*at = ',';
	l->n += len + 3;
}

int json_line_end(struct json_line *l, FILE *out)
{
	if (l->overflow)
		return -EMSGSIZE;
	/* in place of the comma */
	l->buf[l->n - 1] = '\n';
	errno = 0;
	if (fwrite_unlocked(l->buf, 1, l->n, out) != l->n)
		return errno ? -errno : -EIO;
	return 0;
}
