/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "uring-job.h"

#define SCHEMA "iopath.uring/1"
#define NS_PER_S 1e9

static const char *const op_names[OP_NR] = { "read", "write", "fsync" };

static json_t *count(uint64_t n)
{
	return json_integer((json_int_t)n);
}

/* Value and count of each bucket that has any. */
static json_t *bins_json(const struct hist *h)
{
	json_t *a = json_array();

	for (unsigned int i = 0; i < HIST_BUCKETS; i++) {
		uint64_t end = hist_bucket_end(i);

		if (!h->bucket[i])
			continue;
		json_array_append_new(a, count(end < h->max_ns ? end : h->max_ns));
		json_array_append_new(a, count(h->bucket[i]));
	}
	return a;
}

static json_t *hist_json(const struct hist *h)
{
	static const struct { const char *name; double share; } percentiles[] = {
		{ "p50_ns", .5 }, { "p90_ns", .9 }, { "p99_ns", .99 }, { "p99_9_ns", .999 }, { "p99_99_ns", .9999 },
	};
	json_t *o;

	if (!h->count)
		return json_null();
	o = json_pack("{s:o, s:f, s:o}", "count", count(h->count), "mean_ns", hist_mean_ns(h), "min_ns", count(h->min_ns));
	for (size_t i = 0; i < sizeof(percentiles) / sizeof(percentiles[0]); i++)
		json_object_set_new(o, percentiles[i].name, count(hist_percentile_ns(h, percentiles[i].share)));
	json_object_set_new(o, "max_ns", count(h->max_ns));
	json_object_set_new(o, "bins", bins_json(h));
	return o;
}

static json_t *tally_json(const struct tally *t)
{
	return json_pack("{s:o, s:o, s:o, s:o}", "count", count(t->count), "bytes", count(t->bytes), "latency",
			 hist_json(&t->latency), "service", hist_json(&t->service));
}

/* All jobs in one; *end_ns is the last completion. */
static struct loop_result *merge(const struct run *r, json_t *errors)
{
	struct loop_result *all = calloc(1, sizeof(*all));

	for (uint64_t i = 0; all && i < r->plan->jobs; i++) {
		const struct loop_result *one = &r->jobs[i].loop.result;

		for (int op = 0; op < OP_NR; op++) {
			all->op[op].count += one->op[op].count;
			all->op[op].bytes += one->op[op].bytes;
			hist_merge(&all->op[op].latency, &one->op[op].latency);
			hist_merge(&all->op[op].service, &one->op[op].service);
		}
		all->errors += one->errors;
		all->short_ios += one->short_ios;
		all->unissued += one->unissued;
		if (one->end_ns > all->end_ns)
			all->end_ns = one->end_ns;
		for (int e = 0; e < LOOP_ERRNOS && one->by_errno[e].count; e++) {
			const char *name = strerrorname_np(one->by_errno[e].err);
			char number[16];

			snprintf(number, sizeof(number), "%d", one->by_errno[e].err);
			name = name ? name : number;
			json_object_set_new(errors, name, count(one->by_errno[e].count +
				(uint64_t)json_integer_value(json_object_get(errors, name))));
		}
	}
	return all;
}

static json_t *intervals_json(const struct run *r, uint64_t end_ns)
{
	uint64_t nr = (end_ns - r->start_ns) / INTERVAL_NS + 1;
	json_t *a = json_array();

	for (uint64_t i = 0; i < nr; i++) {
		uint64_t n = 0;

		for (uint64_t k = 0; k < r->plan->jobs; k++)
			if (i < r->jobs[k].loop.result.nr_intervals)
				n += r->jobs[k].loop.result.interval[i];
		json_array_append_new(a, count(n));
	}
	return a;
}

static json_t *jobs_json(const struct run *r)
{
	json_t *a = json_array();

	for (uint64_t i = 0; i < r->plan->jobs; i++) {
		const struct loop_result *one = &r->jobs[i].loop.result;

		json_array_append_new(a, json_pack("{s:i, s:o, s:o, s:o, s:o}", "tid", (int)r->jobs[i].tid, "reads",
						   count(one->op[OP_READ].count), "writes", count(one->op[OP_WRITE].count),
						   "fsyncs", count(one->op[OP_FSYNC].count), "errors", count(one->errors)));
	}
	return a;
}

static json_t *plan_json(const struct plan *p)
{
	return json_pack("{s:s, s:s, s:I, s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:o, s:I, s:b, s:b, s:b, s:b, s:b, s:b, s:b, s:I}",
			 "target", p->target, "op", plan_mix_name(p->mix), "read_pct",
			 (json_int_t)(p->mix == MIX_BOTH ? p->read_pct : p->mix == MIX_READ ? 100 : 0), "pattern",
			 p->sequential ? "sequential" : "random", "block_bytes", (json_int_t)p->block_bytes, "offset_bytes",
			 (json_int_t)p->offset_bytes, "size_bytes", (json_int_t)p->size_bytes, "jobs", (json_int_t)p->jobs,
			 "depth", (json_int_t)p->depth, "batch", (json_int_t)p->batch, "rate_iops",
			 p->rate_iops > 0 ? json_real(p->rate_iops) : json_null(), "fsync_every", (json_int_t)p->fsync_every,
			 "fdatasync", (int)p->fdatasync, "direct", (int)p->direct, "sqpoll", (int)p->sqpoll, "iopoll",
			 (int)p->iopoll, "defer_taskrun", (int)p->defer_taskrun, "fixed_files", (int)p->fixed_files,
			 "fixed_buffers", (int)p->fixed_buffers, "seed", (json_int_t)p->seed);
}

int run_report(const struct run *r, int signal, FILE *out)
{
	json_t *errors = json_object(), *ops = json_object(), *o;
	struct loop_result *all = merge(r, errors);
	uint64_t ios, took;
	int err;

	if (!all)
		return -ENOMEM;
	ios = all->op[OP_READ].count + all->op[OP_WRITE].count;
	took = all->end_ns - r->start_ns;
	for (int op = 0; op < OP_NR; op++)
		json_object_set_new(ops, op_names[op], tally_json(&all->op[op]));
	o = json_pack("{s:s, s:s, s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "type", "uring",
		      "schema", SCHEMA, "version", IOPATH_VERSION, "plan", plan_json(r->plan), "start_unix_ns",
		      count(r->start_unix_ns), "runtime_ns", count(took), "signal", signal ? json_integer(signal) : json_null(),
		      "ios", count(ios), "bytes", count(all->op[OP_READ].bytes + all->op[OP_WRITE].bytes), "iops",
		      took ? json_real((double)ios * NS_PER_S / (double)took) : json_null(), "unissued_ios",
		      r->plan->rate_iops > 0 ? count(all->unissued) : json_null(), "operations", ops, "short_ios",
		      count(all->short_ios), "errors", errors, "jobs", jobs_json(r), "interval_ns", count(INTERVAL_NS),
		      "intervals_ios", intervals_json(r, all->end_ns));
	free(all);
	if (!o)
		return -EILSEQ; /* the target's name is no UTF-8 */
	err = json_dumpf(o, out, JSON_COMPACT | JSON_REAL_PRECISION(12));
	json_decref(o);
	if (err || fputc('\n', out) == EOF || fflush(out))
		return errno ? -errno : -EIO;
	return 0;
}
