/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What fio answered. Its JSON may stand behind lines of talk (fio writes errors
 * and notes into the same file); numbers are taken from totals and from our own
 * window, never from fio's averages, whose meaning changes with group_reporting.
 */
#ifndef BENCH_FIO_H
#define BENCH_FIO_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "bench/latency.h"
#include "bench/reader.h"
#include "bench/why.h"
#include "bench/workload.h"

enum fio_op { FIO_READ, FIO_WRITE, FIO_SYNC, FIO_OP_NR };

/*
 * Of a whole fio run. Percentiles are those of all jobs together by their bins;
 * without bins those of the worst job.
 */
struct fio_latency {
	uint64_t count;
	double mean_ns;
	uint64_t p50_ns, p90_ns, p99_ns, p999_ns, max_ns;	/* 0 where count is 0 */
	struct latency_bins bins;	/* of all of them, or none */
};

struct fio_job {
	char name[64];
	uint64_t ios;		/* reads and writes */
	uint64_t syncs;
	double runtime_s;
};

struct fio_result {
	char version[32];
	char prefix[256];	/* what stood before the JSON, control characters blanked */
	int error;		/* the first job's that is not 0 */
	uint64_t ios, bytes;	/* reads and writes of all jobs but the pacer */
	struct fio_latency latency[FIO_OP_NR];
	unsigned int nr_jobs;
	struct fio_job job[WORKLOAD_MAX_JOBS];
};

/* -EPROTO: no JSON in it, or not fio's; *why says which. */
int fio_parse(const char *text, struct fio_result *ret, struct why *why);
void fio_result_free(struct fio_result *r);
json_t *fio_latency_json(const struct fio_result *r);
/* That of one operation back from member @key of @o; untouched where there is none. @p999: what the file calls it. */
void fio_latency_get(struct reader *r, const json_t *o, const char *key, const char *p999, struct fio_latency *l);

/* I/Os over time, from fio's iops logs of 100 ms buckets. */
struct fio_bucket {
	uint64_t from_ms, to_ms;	/* CLOCK_REALTIME */
	double ios;
};

struct fio_series {
	unsigned int nr;
	struct fio_bucket *bucket;
	uint64_t first_ms, last_ms;
	double ios;	/* all buckets */
	bool stepped;	/* its time runs backwards: the clock was set */
};

int fio_series_put(struct fio_series *s, struct fio_bucket b);
/* Add one log's text (one job). Lines: time_ms, IOPS, direction, ... */
int fio_series_add(struct fio_series *s, const char *text);
void fio_series_free(struct fio_series *s);
/* I/Os between two instants, buckets cut at the edges. */
double fio_series_ios(const struct fio_series *s, uint64_t from_ms, uint64_t to_ms);

#define UNSTEADY_SLOPE_PCT 2
#define UNSTEADY_HALVES_PCT 3
/* The rate drifts by more than 2 % over the window, or its halves differ by more than 3 %. */
bool fio_series_unsteady(const struct fio_series *s, uint64_t from_ms, uint64_t to_ms);

#endif
