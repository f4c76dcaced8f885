/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "top-lines.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tracer/base/cleanup.h"
#include "tracer/base/parse.h"

static const struct {
	const char *word, *heading;
	int width;
} columns[NR_TOP_COLUMNS] = {
#define X(sym, word, heading, width) { word, heading, width },
	IOP_TOP_COLUMNS(X)
#undef X
};

int top_column_parse(const char *word, enum top_column *ret)
{
	for (int c = 0; c < NR_TOP_COLUMNS; c++) {
		if (strcmp(word, columns[c].word))
			continue;
		*ret = c;
		return 0;
	}
	return -EINVAL;
}

const char *top_column_word(enum top_column c)
{
	return columns[c].word;
}

static struct top_line line_of(const struct view_who *v, const struct who_row *row, bool bios)
{
	struct who_stats s[NR_WHO_LEVELS][NR_WHO_CLASSES], all = { 0 }, *c;
	double seconds = v->window_ns ? (double)v->window_ns / 1e9 : 1;
	struct top_line l = { .row = row };

	view_who_figures(v, row, s);
	c = s[bios ? WHO_BIOS : WHO_OPS];
	for (int k = 0; k < NR_WHO_CLASSES; k++) {
		all.count += c[k].count;
		all.sum_ns += c[k].sum_ns;
		all.errors += c[k].errors;
		all.max_ns = c[k].max_ns > all.max_ns ? c[k].max_ns : all.max_ns;
		for (int b = 0; b < NR_WHO_LATS; b++)
			all.lat[b] += c[k].lat[b];
	}
	l.v[TOP_READS] = (double)c[WHO_READ].count / seconds;
	l.v[TOP_WRITES] = (double)c[WHO_WRITE].count / seconds;
	l.v[TOP_OTHERS] = (double)c[WHO_OTHER].count / seconds;
	l.v[TOP_READ_MB] = (double)c[WHO_READ].bytes / seconds / 1e6;
	l.v[TOP_WRITE_MB] = (double)c[WHO_WRITE].bytes / seconds / 1e6;
	l.v[TOP_MEAN] = all.count ? (double)all.sum_ns / (double)all.count : -1;
	l.v[TOP_P99] = all.count ? (double)who_percentile(&all, 99) : -1;
	l.v[TOP_MAX] = all.count ? (double)all.max_ns : -1;
	l.v[TOP_TIME] = (double)all.sum_ns / seconds / 1e9;
	l.v[TOP_SEQ] = who_sequential(c);
	l.v[TOP_ERRORS] = (double)all.errors;
	return l;
}

struct ranked {
	struct top_line line;
	double by;
};

static int highest_first(const void *a, const void *b)
{
	const struct ranked *x = a, *y = b;

	return x->by > y->by ? -1 : x->by < y->by;
}

size_t top_lines(const struct view_who *v, enum who_dim dim, bool bios, enum top_column sort,
		 struct top_line *ret)
{
	_cleanup_free_ const struct who_row **rows = malloc((v->who->nr + 1) * sizeof(*rows));
	_cleanup_free_ struct ranked *list = malloc((v->who->nr + 1) * sizeof(*list));
	size_t nr = rows && list ? who_sorted(v->who, dim, v->interval, rows) : 0, n = 0;

	bios |= dim == WHO_DEVICE || !v->operations;
	for (size_t i = 0; i < nr; i++) {
		struct top_line l = line_of(v, rows[i], bios);

		/* nothing at this level */
		if (l.v[TOP_MEAN] >= 0)
			list[n++] = (struct ranked){ l, l.v[sort] };
	}
	if (n)
		qsort(list, n, sizeof(*list), highest_first);
	for (size_t i = 0; i < n; i++)
		ret[i] = list[i].line;
	return n;
}

const char *top_heading(char buf[static TOP_LEN])
{
	size_t at = 0;

	buf[0] = '\0';
	for (int c = 0; c < NR_TOP_COLUMNS; c++)
		at += (size_t)snprintf(buf + at, TOP_LEN - at, "%*s", columns[c].width, columns[c].heading);
	return buf;
}

static const char *cell(const struct top_line *l, enum top_column c, char buf[static 32])
{
	double v = l->v[c];

	if (v < 0)
		snprintf(buf, 32, "-");
	else if (c == TOP_MEAN || c == TOP_P99 || c == TOP_MAX)
		fmt_duration((uint64_t)v, buf, 32);
	else if (c == TOP_SEQ)
		snprintf(buf, 32, "%.0f%%", 100 * v);
	else if (c == TOP_READ_MB || c == TOP_WRITE_MB || c == TOP_TIME)
		snprintf(buf, 32, "%.2f", v);
	else
		snprintf(buf, 32, "%.0f", v);
	return buf;
}

const char *top_text(const struct top_line *l, char buf[static TOP_LEN])
{
	size_t at = 0;
	char text[32];

	buf[0] = '\0';
	for (int c = 0; c < NR_TOP_COLUMNS; c++)
		at += (size_t)snprintf(buf + at, TOP_LEN - at, "%*s", columns[c].width, cell(l, c, text));
	return buf;
}
