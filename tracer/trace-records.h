/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What `iopath trace` does with records: print them, or keep the slowest (--top). */
#ifndef IOPATH_TRACE_RECORDS_H
#define IOPATH_TRACE_RECORDS_H

#include <stdio.h>

#include "ksyms.h"
#include "session.h"
#include "top.h"
#include "view.h"

struct trace_records {
	FILE *out;
	bool json;
	bool each;	/* print each, and not just the slowest */
	bool adapt;	/* the slowest set the threshold */
	struct record_view view;
	bool wall_known;	/* in @view: the clock may be set, so it is asked anew after each drain */
	struct ksyms *symbols;
	struct top top;
	int err;	/* -errno of the first write that failed */
};

/* record_fn */
void trace_records_take(const struct record *r, void *ctx);
/* After the ring has been emptied: flush, and let @s know from where on to tell. */
void trace_records_drained(struct trace_records *t, struct session *s);
/* The slowest of the interval that ends, if they are asked for. */
struct view_top trace_records_tell_top(struct trace_records *t, struct session *s);
void trace_records_free(struct trace_records *t);

#endif
