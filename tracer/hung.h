/* SPDX-License-Identifier: GPL-2.0-or-later */
/* --hung: what has not finished is told once, when it is found to be old enough. */
#ifndef IOPATH_HUNG_H
#define IOPATH_HUNG_H

#include <stdio.h>

#include "session.h"
#include "tags.h"

struct hung {
	u64 min_age_ns;	/* 0: nothing is looked for */
	bool json;
	/* who tells names, NULL: nobody does; opened before anything hangs, for to load it takes longer than that may */
	struct tags_reader *tags;
	/* told already, and still there */
	struct told {
		u64 key, start_ns;
	} *told;
	size_t nr_told;
};

/* When to look next, after @now_ns: often enough for a quarter of the age. */
u64 hung_next(const struct hung *h, u64 now_ns);
/* Look, and write to @out. -errno, of the writing too. */
int hung_look(struct hung *h, struct session *s, u64 now_ns, FILE *out);
void hung_free(struct hung *h);

#endif
