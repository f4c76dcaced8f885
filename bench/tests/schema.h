/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * As much of JSON Schema (draft-07) as results/schema/ uses: type, enum,
 * required, properties, items, minimum, oneOf, $ref to #/definitions/NAME. A
 * keyword outside of that is an error of the schema, so that nothing in it is
 * believed to be checked that is not.
 */
#ifndef BENCH_TESTS_SCHEMA_H
#define BENCH_TESTS_SCHEMA_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

/* false and where and what in @err. */
bool schema_check(const json_t *schema, const json_t *value, char *err, size_t len);

#endif
