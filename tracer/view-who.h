/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Statistics by who, in the two forms of a report. */
#ifndef IOPATH_VIEW_WHO_H
#define IOPATH_VIEW_WHO_H

#include <jansson.h>
#include <stdio.h>

#include "who.h"

/* Rows of each dimension that the text form prints; JSON has all. */
#define VIEW_WHO_ROWS 20

struct view_who {
	const struct who *who;
	u8 dims;		/* bit per who_dim */
	bool interval;		/* what was counted since who_begin_interval() */
	bool operations;	/* they are seen: from tier vfs */
	bool doubtful;		/* percentiles: too little was reconstructed */
	u64 window_ns;
};

/* What a row is to be called: "1234 fio", a path, a device; @buf gets at most @len. */
void view_who_name(const struct who_row *r, char *buf, size_t len);
/* Figures of a row as @v asks for them. */
void view_who_figures(const struct view_who *v, const struct who_row *r,
		      struct who_stats ret[NR_WHO_LEVELS][NR_WHO_CLASSES]);

void view_text_who(FILE *out, const struct view_who *v);
/* The `by` member of a report. */
json_t *view_json_who(const struct view_who *v);
/* Classes of powers of two in which something is: [lower bound, count]. */
json_t *view_json_buckets(const u32 *n, u32 nr, u32 min_exp);

#endif
