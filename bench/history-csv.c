/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The history as Apache Otava's CSV importer takes it: a row for each run with
 * its time, its attributes, and a column for each metric, which its configuration
 * names. So the name of a column does not depend on what else is in the history.
 */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bench/history.h"
#include "bench/view.h"
#include "tracer/base/cleanup.h"

struct csv_cell {
	int64_t started_ms, run;
	unsigned int column;
	double value;
	char revision[48], where[128];
};

struct csv_table {
	char key[64];
	unsigned int nr_columns, nr;
	char **column;
	struct csv_cell *cell;
	struct why *why;
};

/* In the order of series: it is a new column, or the last one. */
static int find_column(struct csv_table *t, const struct history_point *p)
{
	_cleanup_free_ char *name = NULL;
	char **bigger;

	if (asprintf(&name, "%s/%s/%s/%s/%s", p->workload, p->device, p->scheduler, p->arm, p->metric) < 0)
		return -ENOMEM;
	if (t->nr_columns && !strcmp(t->column[t->nr_columns - 1], name))
		return 0;
	bigger = realloc(t->column, (t->nr_columns + 1) * sizeof(*bigger));
	if (!bigger)
		return -ENOMEM;
	t->column = bigger;
	t->column[t->nr_columns++] = take_ptr(name);
	return 0;
}

static int take(const struct history_point *p, void *arg)
{
	struct csv_table *t = arg;
	struct csv_cell *bigger;
	int err;

	if (t->key[0] && strcmp(t->key, p->key))
		return why_fail(t->why, EXIT_USAGE, -EINVAL, "runs of several machines, %.8s and %.8s: their figures do not stand "
				"in one column; --machine takes one", t->key, p->key);
	snprintf(t->key, sizeof(t->key), "%s", p->key);
	if (!isfinite(p->estimate) || !strcmp(p->verdict, verdict_name(VERDICT_INVALID)))
		return 0;
	err = find_column(t, p);
	bigger = err ? NULL : realloc(t->cell, (t->nr + 1) * sizeof(*bigger));
	if (!bigger)
		return -ENOMEM;
	t->cell = bigger;
	bigger = &t->cell[t->nr++];
	*bigger = (struct csv_cell){ p->started_ms, p->run, t->nr_columns - 1, p->estimate, "", "" };
	snprintf(bigger->revision, sizeof(bigger->revision), "%s", p->revision ? p->revision : "");
	snprintf(bigger->where, sizeof(bigger->where), "%s", p->where);
	return 0;
}

static int by_run(const void *a, const void *b)
{
	const struct csv_cell *x = a, *y = b;

	if (x->started_ms != y->started_ms)
		return x->started_ms < y->started_ms ? -1 : 1;
	if (x->run != y->run)
		return x->run < y->run ? -1 : 1;
	return x->column < y->column ? -1 : x->column > y->column;
}

/* The cells of one run. How many they are. */
static unsigned int print_row(const struct csv_table *t, const struct csv_cell *c, unsigned int nr, FILE *f)
{
	time_t at = (time_t)(c->started_ms / 1000);
	unsigned int n = 0;
	char stamp[32];
	struct tm tm;

	gmtime_r(&at, &tm);
	strftime(stamp, sizeof(stamp), "%Y-%m-%d %H:%M:%S +0000", &tm);
	fprintf(f, "%s,", stamp);
	csv_text(c->revision, f);
	fputc(',', f);
	csv_text(c->where, f);
	for (unsigned int i = 0; i < t->nr_columns; i++) {
		fputc(',', f);
		if (n < nr && c[n].run == c->run && c[n].column == i)
			fprintf(f, "%.6g", c[n++].value);
	}
	fputs("\r\n", f);
	return n;
}

int history_csv(struct history *h, const struct history_filter *filter, FILE *f, struct why *why)
{
	struct csv_table t = { .why = why };
	int err = history_each(h, filter, take, &t, why);

	if (!err) {
		if (t.nr)
			qsort(t.cell, t.nr, sizeof(*t.cell), by_run);
		fputs("time,commit,run", f);
		for (unsigned int i = 0; i < t.nr_columns; i++) {
			fputc(',', f);
			csv_text(t.column[i], f);
		}
		fputs("\r\n", f);
		for (unsigned int i = 0; i < t.nr;)
			i += print_row(&t, &t.cell[i], t.nr - i, f);
	}
	for (unsigned int i = 0; i < t.nr_columns; i++)
		free(t.column[i]);
	free(t.column);
	free(t.cell);
	return err;
}
