/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where a tracer's output goes: a pipe that a thread drains and counts, so that
 * a chatty tracer neither blocks nor fills a disk. Its head is kept (for the
 * diagnosis) and its lines are matched until one says "ready".
 */
#ifndef BENCH_SINK_H
#define BENCH_SINK_H

#include <stdbool.h>
#include <stdint.h>

struct sink;

/*
 * Extended regular expressions: @ready of the line that says it is attached,
 * @proof of a line that shows that it saw something; each or both may be NULL.
 * *ret_fd is the end to write to.
 */
int sink_open(const char *ready, const char *proof, struct sink **ret, int *ret_fd);
bool sink_is_ready(struct sink *s);
/* Lines count from here on. */
void sink_mark(struct sink *s);
uint64_t sink_lines(struct sink *s);
/* A line matched @proof; without one: there is a line behind the mark. */
bool sink_is_proved(struct sink *s);
/* Waits for the end of the output (all writers gone). */
void sink_join(struct sink *s);
uint64_t sink_bytes(struct sink *s);
/* First 4 KiB, NUL-terminated, of what was written; valid after sink_join(). */
const char *sink_head(struct sink *s);
/* The last line that is not blank; valid after sink_join(). */
const char *sink_last_line(struct sink *s);
/* Accepts NULL. */
void sink_free(struct sink *s);

#endif
