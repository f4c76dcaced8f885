/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Stacks in the two forms of a summary. */
#ifndef IOPATH_VIEW_STACKS_H
#define IOPATH_VIEW_STACKS_H

#include <jansson.h>

#include "stacks.h"

/* Those that the text form prints; JSON has all. */
#define VIEW_STACKS 10

void view_text_stacks(FILE *out, struct stacks *st);
/* The `stacks` member of a summary. */
json_t *view_json_stacks(struct stacks *st);

#endif
