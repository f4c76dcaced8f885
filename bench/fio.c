/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fio.h"

#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/file.h"
#include "tracer/base/cleanup.h"
#include "tracer/base/parse.h"

#define BUCKET_MS 100
#define LAST_MS (1ull << 42)	/* in the year 2109: what is later is no time */

static const char *const op_names[] = { "read", "write", "sync" };

/* The first line that starts with "{". */
static const char *find_json(const char *text)
{
	if (*text == '{')
		return text;
	text = strstr(text, "\n{");
	return text ? text + 1 : NULL;
}

static void keep_prefix(const char *text, const char *json, struct fio_result *r)
{
	size_t len = json ? (size_t)(json - text) : strlen(text);

	if (len >= sizeof(r->prefix))
		len = sizeof(r->prefix) - 1;
	memcpy(r->prefix, text, len);
	r->prefix[len] = '\0';
	text_clean(r->prefix);
	while (len && r->prefix[len - 1] == ' ')
		r->prefix[--len] = '\0';
}

/* 0 when it is not there; *odd: it is a number that nothing can have. */
static double get_real(const json_t *o, const char *key, bool *odd)
{
	double v = json_number_value(json_object_get(o, key));

	if (v >= 0 && v < 0x1p53)
		return v;
	*odd = true;
	return 0;
}

static uint64_t get_u64(const json_t *o, const char *key, bool *odd)
{
	return (uint64_t)get_real(o, key, odd);
}

static void merge_max(uint64_t *into, uint64_t v)
{
	if (v > *into)
		*into = v;
}

/* Of --output-format=json+. */
static int add_bins(struct fio_latency *l, json_t *bins, bool *odd)
{
	const char *key;
	json_t *v;
	int err = 0;

	json_object_foreach(bins, key, v) {
		uint64_t ns, n = get_u64(bins, key, odd);

		if (parse_u64(key, &ns) || ns > INT64_MAX)
			*odd = true;
		else if (n)
			err = latency_bins_add(&l->bins, ns, n);
		if (err)
			break;
	}
	return err;
}

static int add_latency(struct fio_latency *l, const json_t *op, const char *key, bool *odd)
{
	const json_t *lat = json_object_get(op, key), *pct = json_object_get(lat, "percentile");
	uint64_t n = get_u64(lat, "N", odd);

	if (!n)
		return 0;
	l->mean_ns = (l->mean_ns * (double)l->count + get_real(lat, "mean", odd) * (double)n) /
		     (double)(l->count + n);
	l->count += n;
	merge_max(&l->p50_ns, get_u64(pct, "50.000000", odd));
	merge_max(&l->p90_ns, get_u64(pct, "90.000000", odd));
	merge_max(&l->p99_ns, get_u64(pct, "99.000000", odd));
	merge_max(&l->p999_ns, get_u64(pct, "99.900000", odd));
	merge_max(&l->max_ns, get_u64(lat, "max", odd));
	return add_bins(l, json_object_get(lat, "bins"), odd);
}

/* What all jobs have together, where each of them has its bins. */
static void merge_percentiles(struct fio_latency *l)
{
	if (!l->bins.nr || latency_bins_count(&l->bins) != l->count) {
		latency_bins_free(&l->bins);
		return;
	}
	l->p50_ns = latency_bins_quantile(&l->bins, .5);
	l->p90_ns = latency_bins_quantile(&l->bins, .9);
	l->p99_ns = latency_bins_quantile(&l->bins, .99);
	l->p999_ns = latency_bins_quantile(&l->bins, .999);
}

void fio_result_free(struct fio_result *r)
{
	for (int i = 0; i < FIO_OP_NR; i++)
		latency_bins_free(&r->latency[i].bins);
}

static int add_job(const json_t *job, struct fio_result *r, struct why *why)
{
	const char *name = json_string_value(json_object_get(job, "jobname"));
	const json_t *read = json_object_get(job, "read"), *write = json_object_get(job, "write");
	const json_t *sync = json_object_get(job, "sync");
	struct fio_job *j = &r->job[r->nr_jobs];
	bool strange = false, *odd = &strange;
	int error = (int)fmin(get_real(job, "error", odd), INT_MAX), err;

	if (!name || !json_is_object(read) || !json_is_object(write))
		return why_fail(why, EXIT_HARNESS, -EPROTO, "fio's JSON has a job without figures");
	if (error && !r->error)
		r->error = error;
	if (!strcmp(name, PACER_JOB))
		return 0;
	if (r->nr_jobs >= WORKLOAD_MAX_JOBS)
		return why_fail(why, EXIT_USAGE, -E2BIG, "more than %d fio jobs in one workload",
				WORKLOAD_MAX_JOBS);
	r->nr_jobs++;
	snprintf(j->name, sizeof(j->name), "%s", name);
	text_clean(j->name);
	j->ios = get_u64(read, "total_ios", odd) + get_u64(write, "total_ios", odd);
	j->syncs = get_u64(sync, "total_ios", odd);
	j->runtime_s = get_real(job, "job_runtime", odd) / 1000;
	r->ios += j->ios;
	r->bytes += get_u64(read, "io_bytes", odd) + get_u64(write, "io_bytes", odd);
	err = add_latency(&r->latency[FIO_READ], read, "clat_ns", odd);
	if (!err)
		err = add_latency(&r->latency[FIO_WRITE], write, "clat_ns", odd);
	if (!err)
		err = add_latency(&r->latency[FIO_SYNC], sync, "lat_ns", odd);
	if (err)
		return why_fail(why, EXIT_HARNESS, err, "fio's JSON: no memory");
	if (strange)
		return why_fail(why, EXIT_HARNESS, -EPROTO, "fio's JSON has a number of job %.63s that nothing can have", name);
	return 0;
}

int fio_parse(const char *text, struct fio_result *ret, struct why *why)
{
	const char *start = find_json(text), *version;
	struct fio_result r = { 0 };
	json_error_t where;
	json_t *root, *jobs, *job;
	unsigned int major;
	size_t i;
	int err = 0;

	keep_prefix(text, start, &r);
	if (!start)
		return why_fail(why, EXIT_HARNESS, -EPROTO, "fio wrote no JSON%s%s",
				r.prefix[0] ? ": " : "", r.prefix);
	root = json_loads(start, JSON_DISABLE_EOF_CHECK, &where);
	if (!root)
		return why_fail(why, EXIT_HARNESS, -EPROTO, "fio's JSON is broken: line %d: %s",
				where.line, where.text);
	/* --status-interval and the like: the first would be the beginning of the run alone */
	if (find_json(start + where.position)) {
		json_decref(root);
		return why_fail(why, EXIT_HARNESS, -EPROTO, "fio wrote more than one report");
	}
	version = json_string_value(json_object_get(root, "fio version"));
	snprintf(r.version, sizeof(r.version), "%s", version ? version : "?");
	text_clean(r.version);
	if (sscanf(r.version, "fio-%u", &major) == 1 && major < 3) { /* other units under the same names */
		json_decref(root);
		return why_fail(why, EXIT_ENVIRONMENT, -EPROTO, "%s is too old: 3.0 is needed", r.version);
	}
	jobs = json_object_get(root, "jobs");
	if (!json_array_size(jobs))
		err = why_fail(why, EXIT_HARNESS, -EPROTO, "fio ran no job%s%s",
			       r.prefix[0] ? ": " : "", r.prefix);
	json_array_foreach(jobs, i, job) {
		if (!err)
			err = add_job(job, &r, why);
	}
	json_decref(root);
	if (err) {
		fio_result_free(&r);
		return err;
	}
	for (int op = 0; op < FIO_OP_NR; op++)
		merge_percentiles(&r.latency[op]);
	*ret = r;
	return 0;
}

json_t *fio_latency_json(const struct fio_result *r)
{
	json_t *o = json_object();

	for (int i = 0; i < FIO_OP_NR; i++) {
		const struct fio_latency *l = &r->latency[i];

		json_t *v = !l->count ? json_null() :
				    json_pack("{s:I, s:f, s:I, s:I, s:I, s:I, s:I}", "count",
					      (json_int_t)l->count, "mean_ns", l->mean_ns, "p50_ns",
					      (json_int_t)l->p50_ns, "p90_ns", (json_int_t)l->p90_ns,
					      "p99_ns", (json_int_t)l->p99_ns, "p999_ns",
					      (json_int_t)l->p999_ns, "max_ns",
					      (json_int_t)l->max_ns);

		if (l->bins.nr)
			json_object_set_new(v, "bins", latency_bins_json(&l->bins));
		json_object_set_new(o, op_names[i], v);
	}
	return o;
}

void fio_latency_get(struct reader *r, const json_t *o, const char *key, const char *p999, struct fio_latency *l)
{
	const json_t *v;

	if (!rd_has(o, key))
		return;
	v = rd_object(r, o, key);
	*l = (struct fio_latency){
		.count = rd_count(r, v, "count"),
		.mean_ns = rd_number(r, v, "mean_ns"),
		.p50_ns = rd_count(r, v, "p50_ns"),
		.p90_ns = rd_count(r, v, "p90_ns"),
		.p99_ns = rd_count(r, v, "p99_ns"),
		/* files of before it was kept */
		.p999_ns = rd_has(v, p999) ? rd_count(r, v, p999) : 0,
		.max_ns = rd_count(r, v, "max_ns"),
	};
	latency_bins_get(r, v, l->count, &l->bins);
}

int fio_series_put(struct fio_series *s, struct fio_bucket b)
{
	struct fio_bucket *bigger = realloc(s->bucket, (s->nr + 1) * sizeof(b));

	if (!bigger)
		return -ENOMEM;
	s->bucket = bigger;
	s->bucket[s->nr++] = b;
	s->ios += b.ios;
	if (!s->first_ms || b.from_ms < s->first_ms)
		s->first_ms = b.from_ms;
	if (b.to_ms > s->last_ms)
		s->last_ms = b.to_ms;
	return 0;
}

int fio_series_add(struct fio_series *s, const char *text)
{
	uint64_t last[3] = { 0 }; /* per direction: read, write, trim */

	for (const char *p = text; *p;) {
		unsigned long long ms, iops;
		unsigned int dir;
		int err;

		if (sscanf(p, "%llu, %llu, %u", &ms, &iops, &dir) == 3 && dir < 3 && ms >= BUCKET_MS && ms < LAST_MS) {
			uint64_t from = last[dir] ? last[dir] : ms - BUCKET_MS;

			/* fio's value is I/Os per second over its own bucket length in ms */
			if (ms > from) {
				err = fio_series_put(s, (struct fio_bucket){ from, ms,
								     (double)iops * (double)(ms - from) /
									     1000 });
				if (err)
					return err;
			}
			s->stepped |= ms < last[dir];
			last[dir] = ms;
		}
		p += strcspn(p, "\n");
		p += *p == '\n';
	}
	return 0;
}

void fio_series_free(struct fio_series *s)
{
	free(s->bucket);
	*s = (struct fio_series){ 0 };
}

double fio_series_ios(const struct fio_series *s, uint64_t from_ms, uint64_t to_ms)
{
	double ios = 0;

	for (unsigned int i = 0; i < s->nr; i++) {
		const struct fio_bucket *b = &s->bucket[i];
		uint64_t from = b->from_ms > from_ms ? b->from_ms : from_ms;
		uint64_t to = b->to_ms < to_ms ? b->to_ms : to_ms;

		if (to > from)
			ios += b->ios * (double)(to - from) / (double)(b->to_ms - b->from_ms);
	}
	return ios;
}

/* Least-squares slope over ten slices, times the window, relative to the mean. */
static double drift_pct(const struct fio_series *s, uint64_t from_ms, uint64_t to_ms)
{
	double step = (double)(to_ms - from_ms) / 10, xy = 0, xx = 0, mean = 0, y[10];

	for (int i = 0; i < 10; i++) {
		y[i] = fio_series_ios(s, from_ms + (uint64_t)(i * step),
				      from_ms + (uint64_t)((i + 1) * step));
		mean += y[i] / 10;
	}
	for (int i = 0; i < 10; i++) {
		xy += (i - 4.5) * (y[i] - mean);
		xx += (i - 4.5) * (i - 4.5);
	}
	return mean > 0 ? 100 * fabs(xy / xx * 10) / mean : 0;
}

bool fio_series_unsteady(const struct fio_series *s, uint64_t from_ms, uint64_t to_ms)
{
	uint64_t half = from_ms + (to_ms - from_ms) / 2;
	double a = fio_series_ios(s, from_ms, half), b = fio_series_ios(s, half, to_ms);

	return drift_pct(s, from_ms, to_ms) > UNSTEADY_SLOPE_PCT ||
	       fabs(a - b) * 200 > UNSTEADY_HALVES_PCT * (a + b);
}
