/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "uring.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "bench/reader.h"

#define SCHEMA "iopath.uring/1"
#define NS_PER_MS 1000000

static void take_operations(struct reader *r, const json_t *root, struct fio_result *ret)
{
	static const char *const names[FIO_OP_NR] = { [FIO_READ] = "read", [FIO_WRITE] = "write", [FIO_SYNC] = "fsync" };
	const json_t *ops = rd_object(r, root, "operations");

	for (int i = 0; i < FIO_OP_NR && !r->err; i++) {
		const json_t *op = rd_object(r, ops, names[i]);

		if (i == FIO_SYNC)
			ret->job[0].syncs = rd_count(r, op, "count");
		fio_latency_get(r, op, "latency", "p99_9_ns", &ret->latency[i]);
	}
}

/* The last interval ends with the run. */
static int take_intervals(struct reader *r, const json_t *root, struct fio_series *s)
{
	uint64_t start_ms = rd_count(r, root, "start_unix_ns") / NS_PER_MS;
	uint64_t step_ms = rd_count(r, root, "interval_ns") / NS_PER_MS;
	uint64_t end_ms = start_ms + rd_count(r, root, "runtime_ns") / NS_PER_MS;
	json_t *v, *a = rd_array(r, root, "intervals_ios");
	size_t i;

	json_array_foreach(a, i, v) {
		uint64_t from = start_ms + i * step_ms, to = from + step_ms < end_ms ? from + step_ms : end_ms;
		double ios = json_number_value(v);
		int err;

		if (r->err || !json_is_integer(v) || !(ios >= 0) || !step_ms)
			return r->err ? r->err : rd_fail(r, "\"intervals_ios\" are none");
		if (to <= from)
			continue;
		err = fio_series_put(s, (struct fio_bucket){ from, to, ios });
		if (err)
			return err;
	}
	return r->err;
}

static int tell_errors(const json_t *root, struct why *why)
{
	json_t *errors = json_object_get(root, "errors"), *n;
	json_int_t nr_short = json_integer_value(json_object_get(root, "short_ios"));
	const char *name;

	json_object_foreach(errors, name, n)
		return why_fail(why, EXIT_ENVIRONMENT, -EPROTO, "iopath-uring: %lld I/Os failed with %.32s",
				(long long)json_integer_value(n), name);
	return nr_short ? why_fail(why, EXIT_ENVIRONMENT, -EPROTO, "iopath-uring: %lld I/Os were short", (long long)nr_short) : 0;
}

static int take(struct reader *r, const json_t *root, struct fio_result *ret, struct fio_series *series)
{
	int err;

	if (strcmp(rd_text(r, root, "schema"), SCHEMA))
		return rd_fail(r, "not of schema " SCHEMA);
	snprintf(ret->version, sizeof(ret->version), "iopath-uring-%.16s", rd_text(r, root, "version"));
	ret->ios = ret->job[0].ios = rd_count(r, root, "ios");
	ret->bytes = rd_count(r, root, "bytes");
	ret->nr_jobs = 1;
	ret->job[0].runtime_s = (double)rd_count(r, root, "runtime_ns") / 1e9;
	take_operations(r, root, ret);
	err = take_intervals(r, root, series);
	if (!err && !r->err && !ret->ios)
		return rd_fail(r, "iopath-uring did no I/O");
	return r->err ? r->err : err;
}

int uring_parse(const char *text, struct fio_result *ret, struct fio_series *series, struct why *why)
{
	struct reader r = { .path = "iopath-uring's report", .line = 1, .why = why };
	struct fio_result result = { 0 };
	json_t *root = json_loads(text, 0, NULL);
	int err;

	if (!json_is_object(root)) {
		json_decref(root);
		return why_fail(why, EXIT_HARNESS, -EPROTO, "iopath-uring wrote no report");
	}
	err = tell_errors(root, why);
	if (!err)
		err = take(&r, root, &result, series);
	json_decref(root);
	if (err)
		fio_result_free(&result);
	else
		*ret = result;
	return err;
}
