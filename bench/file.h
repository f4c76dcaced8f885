/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Whole small files. All return -errno. */
#ifndef BENCH_FILE_H
#define BENCH_FILE_H

#include <stdarg.h>
#include <stddef.h>

/* *ret is malloc'd and ends in NUL. Works on /proc, whose sizes are 0. */
int file_read(const char *path, char **ret);
/* First line, without the newline; @buf is "" on failure. */
int file_read_line(const char *path, char *buf, size_t len);
/* Through PATH.new and a rename: a reader sees the old file or the whole new one. */
int file_replace(const char *path, const char *text);
/* Everything but printable ASCII becomes a blank: text of others, on its way into JSON. */
void text_clean(char *s);
/* Into @buf, cleaned, unless a fault is in it already: the first one is the cause. */
__attribute__((format(printf, 3, 0))) void fault_keep_first(char *buf, size_t len, const char *fmt, va_list ap);
/* mkdir -p. */
int file_make_dirs(const char *path);

#endif
