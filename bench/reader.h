/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Fields of JSON that may be anybody's. A reader keeps the first thing that is
 * wrong, as "FILE:LINE: what"; after that every call returns a harmless value,
 * so a caller checks r->err once, behind a whole object.
 */
#ifndef BENCH_READER_H
#define BENCH_READER_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bench/why.h"

struct reader {
	const char *path;
	unsigned int line;
	struct why *why;
	int err;
};

/* Returns -EPROTO. */
__attribute__((format(printf, 2, 3))) int rd_fail(struct reader *r, const char *fmt, ...);

/* NULL is a valid @o: it has been complained of before. */
json_t *rd_object(struct reader *r, const json_t *o, const char *key);
json_t *rd_array(struct reader *r, const json_t *o, const char *key);
bool rd_bool(struct reader *r, const json_t *o, const char *key);
double rd_number(struct reader *r, const json_t *o, const char *key);
/* Not negative. */
uint64_t rd_count(struct reader *r, const json_t *o, const char *key);
const char *rd_text(struct reader *r, const json_t *o, const char *key);
/* Printable ASCII without blanks, not empty: it goes into tables, XML and file names. */
const char *rd_name(struct reader *r, const json_t *o, const char *key);
/* Is it there and not null? Then the others may be asked for it. */
bool rd_has(const json_t *o, const char *key);

#endif
