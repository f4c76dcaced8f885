/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The kernel's complaints since a moment: a cell during which it warns does not count. */
#ifndef BENCH_KMSG_H
#define BENCH_KMSG_H

#include <stddef.h>

/* File descriptor at the end of the log; -1 where it cannot be read. */
int kmsg_open(void);
/* 1 and the first complaint in @buf, or 0. Reads on to the end. -1 is a valid @fd. */
int kmsg_complaint(int fd, char *buf, size_t len);

#endif
