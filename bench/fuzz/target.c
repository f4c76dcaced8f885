/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "target.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "bench/arm.h"
#include "bench/cpu.h"
#include "bench/fio.h"
#include "bench/group.h"
#include "bench/merge.h"
#include "bench/replay.h"
#include "bench/setting.h"
#include "bench/sysbench.h"
#include "bench/tracer.h"
#include "bench/uring.h"
#include "bench/view.h"
#include "bench/workload.h"
#include "tracer/base/cleanup.h"
#include "tracer/base/parse.h"

#define MUST(c)                                                            \
	do {                                                               \
		if (!(c)) {                                                \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #c); \
			abort();                                           \
		}                                                          \
	} while (0)

static char *text_of(const uint8_t *data, size_t len)
{
	char *s = malloc(len + 1);

	MUST(s);
	memcpy(s, data, len);
	s[len] = '\0';
	return s;
}

/* An error names what is wrong, in one line, and has the code of its kind. */
static void must_say(const struct why *why)
{
	MUST(why->text[0] && !strchr(why->text, '\n'));
	MUST(why->code != EXIT_PASS);
}

/* ---- results.jsonl ---- */

static void must_render(const struct report *r)
{
	int code = report_exit(r);

	MUST(r->complete || code != EXIT_PASS); /* what is partial has not passed */
	for (size_t i = 0; i < nr_views; i++) {
		_cleanup_free_ char *text = NULL;

		MUST(!view_render(&views[i], r, &text));
	}
}

static void run_result(const uint8_t *data, size_t len)
{
	_cleanup_close_ int fd = memfd_create("result", MFD_CLOEXEC);
	struct why why = { 0 };
	struct replay r;
	char path[64];

	MUST(fd >= 0 && write(fd, data, len) == (ssize_t)len);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (replay_load(path, &r, &why)) {
		must_say(&why);
		MUST(!strncmp(why.text, path, strlen(path))); /* file and line */
		return;
	}
	must_render(&r.report);
	replay_free(&r);
}

/* ---- what loads say ---- */

static void run_fio(const uint8_t *data, size_t len)
{
	_cleanup_free_ char *text = text_of(data, len);
	struct fio_result r;
	struct why why = { 0 };
	json_t *latency;

	if (fio_parse(text, &r, &why)) {
		must_say(&why);
		return;
	}
	MUST(r.nr_jobs <= WORKLOAD_MAX_JOBS);
	latency = fio_latency_json(&r);
	MUST(json_object_size(latency) == FIO_OP_NR); /* it goes into the result file */
	json_decref(latency);
	fio_result_free(&r);
}

static void run_fio_log(const uint8_t *data, size_t len)
{
	_cleanup_free_ char *text = text_of(data, len);
	struct fio_series s = { 0 };

	if (!fio_series_add(&s, text) && s.nr) {
		double all = fio_series_ios(&s, s.first_ms, s.last_ms);

		MUST(all >= 0 && isfinite(all));
		fio_series_unsteady(&s, s.first_ms, s.last_ms);
	}
	fio_series_free(&s);
}

static void run_sysbench(const uint8_t *data, size_t len)
{
	_cleanup_free_ char *text = text_of(data, len);
	struct sysbench_result r;
	struct why why = { 0 };

	if (sysbench_parse(text, &r, &why))
		must_say(&why);
	else
		MUST(r.reads_s + r.writes_s > 0 && isfinite(r.reads_s + r.writes_s));
}

static void run_uring(const uint8_t *data, size_t len)
{
	_cleanup_free_ char *text = text_of(data, len);
	struct fio_series s = { 0 };
	struct fio_result r = { 0 };
	struct why why = { 0 };

	if (uring_parse(text, &r, &s, &why))
		must_say(&why);
	fio_series_free(&s);
	fio_result_free(&r);
}

/* ---- job files ---- */

static void parse_job(enum workload_kind kind, const uint8_t *data, size_t len)
{
	_cleanup_free_ char *text = text_of(data, len), *job = NULL;
	struct job_params p = { .filename = "/dev/x", .runtime_ms = 1000, .log_prefix = "cell" };
	struct workload w;
	struct why why = { 0 };

	if (workload_parse("fuzzed", kind, text, &w, &why)) {
		must_say(&why);
		return;
	}
	if (kind == WORKLOAD_FIO) {
		MUST(!workload_render(&w, &p, &job));
		/* a job must not send the I/O elsewhere */
		MUST(!strstr(job, "\nfilename=") || strstr(job, "\nfilename=/dev/x"));
	}
	workload_free(&w);
}

static void run_job(const uint8_t *data, size_t len)
{
	parse_job(WORKLOAD_FIO, data, len);
}

static void run_sysbench_job(const uint8_t *data, size_t len)
{
	parse_job(WORKLOAD_SYSBENCH, data, len);
}

static void run_uring_job(const uint8_t *data, size_t len)
{
	parse_job(WORKLOAD_URING, data, len);
}

/* ---- words and small files ---- */

static void run_words(const uint8_t *data, size_t len)
{
	_cleanup_free_ char *text = text_of(data, len);
	struct rounds rounds;
	char buf[64];
	uint64_t u;
	int64_t i;
	double d;

	if (!parse_duration_ns(text, &u))
		MUST(fmt_duration(u, buf, sizeof(buf)) == buf);
	if (!parse_size_bytes(text, &u))
		MUST(fmt_size(u, buf, sizeof(buf)) == buf);
	if (!parse_double(text, &d))
		MUST(!isnan(d));
	parse_u64(text, &u);
	parse_i64(text, &i);
	if (!rounds_parse(text, &rounds))
		MUST(rounds.min && rounds.min <= rounds.max && rounds.max <= STAT_MAX_N);
	scheduler_current(text, buf, sizeof(buf));
	scheduler_offered(text, "none");
}

static void run_proc(const uint8_t *data, size_t len)
{
	_cleanup_free_ char *text = text_of(data, len);
	struct cpu_snapshot s = { 0 };
	struct group_time t;
	char where[64];

	if (!cpu_parse_stat(text, 10000000, &s))
		cpu_parse_timer_list(text, &s);
	cpu_snapshot_free(&s);
	groups_find_mount(text, where, sizeof(where));
	groups_parse_stat(text, &t);
}

static void run_summary(const uint8_t *data, size_t len)
{
	_cleanup_free_ char *text = text_of(data, len);
	struct tracer_report r = { 0 };
	json_t *json;

	tracer_read_summary(text, "loop0", &r);
	MUST(r.has_summary || r.fault[0]); /* who says nothing is not free of cost */
	json = tracer_report_json(&r);
	MUST(json);
	json_decref(json);
	tracer_report_free(&r);
}

const struct fuzz_target fuzz_targets[] = {
	{ "result", run_result },   { "fio", run_fio },		 { "fio-log", run_fio_log },
	{ "sysbench", run_sysbench }, { "uring", run_uring },	 { "job", run_job },
	{ "sysbench-job", run_sysbench_job }, { "uring-job", run_uring_job }, { "words", run_words }, { "proc", run_proc },
	{ "summary", run_summary },
};
const size_t nr_fuzz_targets = ARRAY_SIZE(fuzz_targets);

const struct fuzz_target *fuzz_find(const char *name)
{
	for (size_t i = 0; i < nr_fuzz_targets; i++)
		if (!strcmp(fuzz_targets[i].name, name))
			return &fuzz_targets[i];
	return NULL;
}
