/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One run of `iopath trace --json`, and its report as a reader outside the
 * project sees it: the names in here are the ones that scripts rely on.
 */
#ifndef GROUND_TRACE_H
#define GROUND_TRACE_H

#include <jansson.h>

#include "ground-loop.h"
#include "ground-run.h"

struct trace {
	struct proc proc;
	char file[256];		/* of -o */
	json_t *lines;		/* array of every object in it */
	json_t *summary;	/* the last one, if it is a summary; borrowed */
	json_t *manifest;	/* what known-count printed, or NULL */
};

/*
 * `iopath trace --json -o FILE` + words that the text gives, to its end. Checks that it went well.
 *
 * A host may hide from eBPF what runs on top of some process, softirqs with
 * completions included. A report that admits completions unseen is asked again,
 * a few times, and says so; one that does not must be exact.
 */
bool trace_command(struct trace *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Some report since this was cleared admitted ends unseen. */
extern bool trace_hidden;
/* Statistics of @disk are taken when a trace starts; what was added since, with loop_*'s names. */
void trace_watch(const char *disk);
struct disk_stat trace_disk(void);
/* The same without a COMMAND: returns once it is attached. */
bool trace_begin(struct trace *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Until so many lines are in its report. */
bool trace_wait_lines(const struct trace *t, size_t lines, int timeout_ms);
/* End it by a signal. Checks that the status is 0 and the report whole. */
bool trace_end(struct trace *t, int sig);
/* From here on records are not kept, but given to @fn; NULL: kept. */
void trace_each(void (*fn)(json_t *record));
/* Read what is in the file so far without any check. */
void trace_read(struct trace *t);
void trace_free(struct trace *t);

/* Member by path: "coverage.lost.ring_full"; NULL when absent. */
json_t *json_at(json_t *object, const char *path);
/* The same as an integer; -1 when absent or null. */
int64_t number_at(json_t *object, const char *path);
/* NULL when absent or not a text. */
const char *text_at(json_t *object, const char *path);

/* NULL when the report has none. */
json_t *trace_device(const struct trace *t, const char *device);
json_t *trace_device_op(const struct trace *t, const char *device, const char *op);
json_t *trace_operation(const struct trace *t, const char *kind, const char *via);
/* Is it a record of something over the threshold? */
bool trace_is_slow(json_t *line);
/* Of --by: all rows of a dimension, and the one whose member is that text. */
json_t *trace_by_rows(const struct trace *t, const char *dim);
json_t *trace_by_row(const struct trace *t, const char *dim, const char *member, const char *value);
/* Their counts: 0 when the report has none. */
int64_t trace_device_count(const struct trace *t, const char *device, const char *op);
int64_t trace_operation_count(const struct trace *t, const char *kind, const char *via);
/* Member of the manifest's or of a list's row of that operation; 0 when there is none. */
int64_t manifest_number(json_t *manifest, const char *op, const char *member);

/* Every request of the device is of @op, and there are @count of @bytes. */
void check_device(const struct trace *t, const char *device, const char *op, int64_t count, int64_t bytes);
void check_operation(const struct trace *t, const char *kind, const char *via, int64_t count, int64_t bytes);
/* Nothing lost, all that was seen has finished. */
void check_coverage(const struct trace *t);
/* The same of a load that ran before: what it had in flight then is no loss. */
void check_coverage_under_load(const struct trace *t);
/* Counts, order of percentiles and sums of one row's stages. */
void check_stages(json_t *row);
void check_summary_shape(const struct trace *t, const char *tier);
/* Of a row of operations: only from tier filemap on is the page cache measured. */
void check_cache(json_t *row, const char *tier, int64_t hits, int64_t misses);

#endif
