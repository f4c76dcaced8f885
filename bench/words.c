/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "words.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tracer/base/cleanup.h"

void words_add(struct words *w, const char *fmt, ...)
{
	char *word = NULL;
	va_list ap;

	if (w->err)
		return;
	if (w->nr == WORDS_MAX) {
		w->err = -E2BIG;
		return;
	}
	va_start(ap, fmt);
	if (vasprintf(&word, fmt, ap) < 0)
		w->err = -ENOMEM;
	else
		w->v[w->nr++] = word;
	va_end(ap);
}

void words_pin(struct words *w, const char *cpus)
{
	if (!cpus)
		return;
	words_add(w, "taskset");
	words_add(w, "-c");
	words_add(w, "%s", cpus);
}

void words_add_settings(struct words *w, const char *text)
{
	_cleanup_free_ char *copy = strdup(text);
	char *save = NULL;

	if (!copy)
		w->err = -ENOMEM;
	for (char *l = copy ? strtok_r(copy, "\r\n", &save) : NULL; l; l = strtok_r(NULL, "\r\n", &save)) {
		l += strspn(l, " \t");
		if (*l && *l != '#' && *l != ';')
			words_add(w, "--%s", l);
	}
}

void words_free(struct words *w)
{
	for (unsigned int i = 0; i < w->nr; i++)
		free(w->v[i]);
	*w = (struct words){ .nr = 0 };
}
