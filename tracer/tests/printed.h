/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a view prints, for its tests: a JSON line read back, and held against the published schema. */
#ifndef PRINTED_H
#define PRINTED_H

#include <jansson.h>
#include <stdio.h>

extern json_t *printed_schema;

/* Loads it; an exit status, 0 when it is there. */
int printed_begin(void);
void printed_end(void);
/* The one line that @print(FILE, @arg) makes. */
json_t *printed(int (*print)(FILE *, const void *), const void *arg);
/* It is as the schema says. */
void printed_check(json_t *line);

#endif
