/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Reports of runs that never were (canned.h), as text. */
#ifndef BENCH_TESTS_RENDERED_H
#define BENCH_TESTS_RENDERED_H

#include "bench/tests/canned.h"

extern char rendered_out[96];	/* a file for a reader of them, from the first render() on; gone at the end */

/* One arm passes, one fails, one is undecided, its name is nasty; one set is skipped, one is whole. */
struct canned all_kinds(void);
/* malloc'd; ends the test program where @results are none. */
char *render_text(const char *results, const char *format);
char *render(const struct canned *c, const char *format);

#endif
