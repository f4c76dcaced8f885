/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Checked text to number. Every function takes the whole string (no rubbish
 * behind the number), returns 0 or -EINVAL (not a number, unknown unit) or
 * -ERANGE (does not fit), and writes *ret only on success.
 */
#ifndef IOPATH_PARSE_H
#define IOPATH_PARSE_H

#include <stddef.h>
#include <stdint.h>

int parse_u64(const char *s, uint64_t *ret);
int parse_i64(const char *s, int64_t *ret);
int parse_double(const char *s, double *ret);

/* "250us", "1.5ms", "2s", "3m", "1h"; a bare number other than 0 is refused. */
int parse_duration_ns(const char *s, uint64_t *ret_ns);

/* "4096", "4k", "256M", "1G", "1T": powers of 1024, with or without B/iB. */
int parse_size_bytes(const char *s, uint64_t *ret_bytes);

/* Shortest text of a duration with 3 to 4 significant digits: "18.4us". */
const char *fmt_duration(uint64_t ns, char *buf, size_t len);

/* Text of a byte count in powers of 1024: "4.0KiB". */
const char *fmt_size(uint64_t bytes, char *buf, size_t len);

#endif
