/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "trace-records.h"

#include <errno.h>

#include "tracer/base/parse.h"

static void put(struct trace_records *t, const struct record *r, u32 rank)
{
	struct record_view v;
	int err;

	if (t->err)
		return;
	if (!t->wall_known) {
		t->view.wall_offset_ns = view_wall_offset_ns();
		t->wall_known = true;
	}
	v = t->view;
	v.rank = rank;
	v.symbols = t->symbols;
	err = t->json ? view_json_record(t->out, r, &v) : view_text_record(t->out, r, &v);
	if (err)
		t->err = err;
}

void trace_records_take(const struct record *r, void *ctx)
{
	struct trace_records *t = ctx;

	if (t->top.max)
		top_take(&t->top, r);
	if (t->each)
		put(t, r, 0);
}

static void flush(struct trace_records *t)
{
	errno = 0;
	if (fflush(t->out) && !t->err)
		t->err = errno ? -errno : -EIO;
}

void trace_records_drained(struct trace_records *t, struct session *s)
{
	flush(t);
	t->wall_known = false;
	if (t->adapt)
		session_set_top_threshold(s, t->top.threshold_ns);
}

struct view_top trace_records_tell_top(struct trace_records *t, struct session *s)
{
	struct view_top told = { .asked = t->top.max, .told = t->top.nr };
	char d[32];

	if (!t->top.max)
		return told;
	if (t->adapt && !top_is_complete(&t->top))
		told.nothing_else_from_ns = t->top.missed_below_ns;
	top_sort(&t->top);
	for (u32 i = 0; i < t->top.nr; i++)
		put(t, &t->top.v[i], i + 1);
	if (!t->json && told.nothing_else_from_ns)
		fprintf(t->out, "\ntop: nothing else took %s or longer\n",
			fmt_duration(told.nothing_else_from_ns, d, sizeof(d)));
	top_begin(&t->top);
	trace_records_drained(t, s);
	return told;
}

void trace_records_free(struct trace_records *t)
{
	top_free(&t->top);
	ksyms_free(t->symbols);
}
