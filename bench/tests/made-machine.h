/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A machine that is made up: a tree of files with what sysfs and /proc have. */
#ifndef BENCH_TESTS_MADE_MACHINE_H
#define BENCH_TESTS_MADE_MACHINE_H

#define CPU "sys/devices/system/cpu"
#define THP "sys/kernel/mm/transparent_hugepage/enabled"

extern char root[64];	/* of the tree, from begin() to end() */

void begin(void);
void end(void);
/* @path in the tree; good for three more calls. */
const char *at(const char *path);
/* A file of it, with its directories. */
void put(const char *path, const char *text);
/* A notebook as it comes: everything that can be wrong is. */
void put_notebook(void);

#endif
