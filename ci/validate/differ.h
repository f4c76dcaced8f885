/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The checks of tracer/tests/ground-check.h, outside of a test: what does not
 * hold becomes a line of text, and the cell goes on.
 */
#ifndef IOPATH_VALIDATE_DIFFER_H
#define IOPATH_VALIDATE_DIFFER_H

#include <jansson.h>

/* Lines go into the array @lines from here on, which is the caller's. */
void differ_into(json_t *lines);
/* One more line. */
void differ(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* All members of @want and @got that are not the same, one line each; @path is what they are of. */
void differ_json(const char *path, json_t *want, json_t *got);

#endif
