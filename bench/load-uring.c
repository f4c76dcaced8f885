/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Our own generator: on the device, or in one file on an ext4. It counts its
 * I/Os over time itself, and keeps a fixed rate as an open loop.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench/file.h"
#include "bench/load.h"
#include "bench/stop.h"
#include "bench/uring.h"
#include "bench/words.h"
#include "tracer/base/cleanup.h"

#define PROBE "--runtime=100ms"

/* The file's settings first: what is said again behind them holds. */
static void make_words(const struct pass_env *e, struct words *w)
{
	words_pin(w, e->cpus);
	words_add(w, "%s", e->uring);
	words_add_settings(w, e->workload->text);
	words_add(w, "--target=%s", e->target->filename);
	if (e->target->claim_fd >= 0)
		words_add(w, "--held");
	if (e->target->size_bytes)
		words_add(w, "--size=%llu", (unsigned long long)e->target->size_bytes);
}

static int run_step(struct pass_env *e, const char *option, struct why *why)
{
	struct words w = { .nr = 0 };
	int err;

	make_words(e, &w);
	words_add(&w, "%s", option);
	err = w.err ? w.err : load_run_whole(e, w.v, e->work_dir, why);
	words_free(&w);
	return err;
}

/* The file, and whether kernel and device can do it at all. */
static int prepare(struct pass_env *e, struct why *why)
{
	int err = e->workload->on_ext4 ? run_step(e, "--layout", why) : 0;

	return err ? err : run_step(e, PROBE, why);
}

static void report_path(const struct pass_env *e, char *buf, size_t len)
{
	snprintf(buf, len, "%s/uring.json", e->work_dir);
}

static int start(struct pass_env *e, const struct job_params *p, double rate, struct load_run *run,
		 struct why *why)
{
	struct words w = { .nr = 0 };
	char path[320];
	int err;

	report_path(e, path, sizeof(path));
	unlink(path);
	make_words(e, &w);
	words_add(&w, "--runtime=%llums", (unsigned long long)p->runtime_ms);
	words_add(&w, "--output=%s", path);
	if (rate > 0)
		words_add(&w, "--rate=%.3f", rate);
	err = w.err ? w.err : load_spawn(e, w.v, e->work_dir, run, why);
	words_free(&w);
	return err;
}

static void read_report(struct pass_env *e, struct load_run *run, struct pass_result *r)
{
	_cleanup_free_ char *text = NULL;
	struct fio_series s = { 0 };
	struct why why = { 0 };
	char path[320];

	report_path(e, path, sizeof(path));
	load_keep_talk(run, r);
	if (file_read(path, &text) || !text[0])
		pass_output_fault(r, "iopath-uring ended with status %d and no report: %.150s", r->fio_status, r->fio_stderr);
	else if (uring_parse(text, &r->fio, &s, &why))
		pass_output_fault(r, "%.100s; %.140s", why.text, r->fio_stderr);
	else if (r->fio_status)
		pass_fault(r, "iopath-uring failed (status %d): %.140s", r->fio_status, r->fio_stderr);
	fio_series_free(&s);
}

static int count(struct pass_env *e, const struct load_run *run, struct pass_result *r)
{
	_cleanup_free_ char *text = NULL;
	struct fio_series s = { 0 };
	struct fio_result all = { 0 };
	struct why why = { 0 };
	char path[320];
	int err;

	report_path(e, path, sizeof(path));
	err = r->fault[0] ? 0 : file_read(path, &text);
	if (!err && !r->fault[0])
		err = uring_parse(text, &all, &s, &why);
	if (!err && !r->fault[0])
		load_count_series(e, run, &s, r);
	fio_series_free(&s);
	fio_result_free(&all);
	return err;
}

const struct load load_uring = { .name = "iopath-uring", .prepare = prepare, .start = start, .read = read_report,
				 .count = count, .has_rate = true };
