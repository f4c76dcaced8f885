/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/device-make.h"
#include "tracer/base/cleanup.h"
#include "tracer/base/parse.h"

#define MIB_MIN 64
#define TEXT(x) TEXT_(x)
#define TEXT_(x) #x

static int translate(const struct order_word *w, const char *text, char *buf, size_t len)
{
	uint64_t v = 0;
	int err;

	switch (w->kind) {
	case WORD_CHOICE:
		for (int i = 0; w->choices[i]; i++)
			if (!strcmp(w->choices[i], text))
				return snprintf(buf, len, "%d", i), 0;
		return -EINVAL;
	case WORD_NS:
		err = parse_duration_ns(text, &v);
		break;
	case WORD_COUNT:
		err = parse_u64(text, &v);
		break;
	default:
		err = parse_size_bytes(text, &v);
		if (!err && w->kind == WORD_MIB)
			err = v >> 20 < MIB_MIN ? -ERANGE : v % (1 << 20) ? -EINVAL : (v >>= 20, 0);
	}
	if (!err && ((!v && w->kind != WORD_NS) || (w->kind == WORD_MIB && v < MIB_MIN)))
		err = -ERANGE;
	snprintf(buf, len, "%llu", (unsigned long long)v);
	return err;
}

static const struct order_word *find_word(const struct device_maker *m, const char *name)
{
	for (const struct order_word *w = m->words; w->name; w++)
		if (!strcmp(w->name, name))
			return w;
	return NULL;
}

static int put(struct order *o, const char *name, const char *value)
{
	struct order_item *i = o->item;

	while (i < o->item + o->nr && strcmp(i->name, name))
		i++;
	if (i == o->item + ORDER_MAX || strlen(name) >= sizeof(i->name) || strlen(value) >= sizeof(i->value))
		return -E2BIG;
	strcpy(i->name, name);
	strcpy(i->value, value);
	o->nr += i == o->item + o->nr;
	return 0;
}

static int take(const struct device_maker *m, char *word, struct order *o)
{
	char *value = strchr(word, '='), text[64];
	const struct order_word *w;
	int err;

	if (!value || value == word || !value[1] ||
	    strspn(word, "abcdefghijklmnopqrstuvwxyz_0123456789") != (size_t)(value - word))
		return -EINVAL;
	*value++ = '\0';
	w = find_word(m, word);
	if (!w)
		return m->takes_others ? put(o, word, value) : -EINVAL;
	err = translate(w, value, text, sizeof(text));
	return err ? err : put(o, w->kernel_name, text);
}

static const char *least(const struct order_word *w)
{
	return w && w->kind == WORD_MIB ? "too small (" TEXT(MIB_MIN) "M at least)" : "too small (1 at least)";
}

static int take_all(const struct device_maker *m, const char *params, struct order *o, struct why *why)
{
	_cleanup_free_ char *copy = strdup(params);
	char *save = NULL;

	if (!copy)
		return -ENOMEM;
	for (char *word = strtok_r(copy, ",", &save); word; word = strtok_r(NULL, ",", &save)) {
		_cleanup_free_ char *shown = strdup(word);
		int err = shown ? take(m, word, o) : -ENOMEM;

		if (err)
			return why_fail(why, EXIT_USAGE, err, "--device %s: %s: %s", m->name, shown ? shown : word,
					err == -ERANGE ? least(find_word(m, word)) : err == -E2BIG ? "too long" : "not understood");
	}
	return 0;
}

int order_parse(const struct device_maker *m, const char *params, struct order *ret, struct why *why)
{
	struct order o = { .nr = 0 };
	int err = take_all(m, m->defaults, &o, why);

	if (!err)
		err = take_all(m, params, &o, why);
	if (!err)
		*ret = o;
	return err;
}

const char *order_value(const struct order *o, const char *kernel_name)
{
	for (unsigned int i = 0; i < o->nr; i++)
		if (!strcmp(o->item[i].name, kernel_name))
			return o->item[i].value;
	return NULL;
}
