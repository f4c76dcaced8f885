/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <dirent.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench/file.h"
#include "bench/load.h"
#include "bench/stop.h"
#include "tracer/base/cleanup.h"

#define LOG_PREFIX "cell"
#define LOG_TOLERANCE .15

static int is_our_log(const struct dirent *e)
{
	return !strncmp(e->d_name, LOG_PREFIX "_iops", sizeof(LOG_PREFIX "_iops") - 1);
}

/* Read fio's logs into @s (may be NULL) and remove them. */
static int collect_logs(const char *dir, struct fio_series *s)
{
	struct dirent **entries;
	int nr = scandir(dir, &entries, is_our_log, alphasort), err = 0;

	if (nr < 0)
		return -errno;
	for (int i = 0; i < nr; i++) {
		_cleanup_free_ char *path = NULL, *text = NULL;

		if (asprintf(&path, "%s/%s", dir, entries[i]->d_name) < 0)
			err = -ENOMEM;
		if (!err && s)
			err = file_read(path, &text);
		if (!err && s)
			err = fio_series_add(s, text);
		if (path)
			unlink(path);
		free(entries[i]);
	}
	free(entries);
	return err;
}

/* The job file; *ret_argv's words live in @run and @output. */
static int write_job(struct pass_env *e, const struct job_params *p, struct load_run *run, struct why *why)
{
	_cleanup_free_ char *text = NULL;
	int err = workload_render(e->workload, p, &text);

	snprintf(run->job, sizeof(run->job), "%s/job.fio", e->work_dir);
	if (!err)
		err = file_replace(run->job, text);
	return err ? why_fail(why, EXIT_HARNESS, err, "cannot write %s: %s", run->job, strerror(-err)) : 0;
}

static void output_path(const struct pass_env *e, char *buf, size_t len)
{
	snprintf(buf, len, "%s/fio.json", e->work_dir);
}

static int start(struct pass_env *e, const struct job_params *params, double rate, struct load_run *run,
		 struct why *why)
{
	struct job_params p = *params;
	char path[320], output[340];
	char *argv[] = { (char *)e->fio, "--output-format=json+", output, run->job, NULL };
	int err;

	(void)rate; /* the pace is the rate */
	p.log_prefix = LOG_PREFIX;
	err = write_job(e, &p, run, why);
	if (err)
		return err;
	output_path(e, path, sizeof(path));
	snprintf(output, sizeof(output), "--output=%s", path);
	collect_logs(e->work_dir, NULL);
	unlink(path);
	return load_spawn(e, argv, e->work_dir, run, why);
}

/* Let fio make its files, so that no measured cell does. */
static int prepare(struct pass_env *e, struct why *why)
{
	struct job_params p = { .filename = e->target->filename,
				.size_bytes = e->target->size_bytes,
				.runtime_ms = 1000,
				.create_only = true };
	struct load_run run = { 0 };
	char path[320], output[340];
	char *argv[] = { (char *)e->fio, "--output-format=json", output, run.job, NULL };
	int err;

	if (!e->workload->on_ext4)
		return 0;
	err = write_job(e, &p, &run, why);
	output_path(e, path, sizeof(path));
	snprintf(output, sizeof(output), "--output=%s", path);
	return err ? err : load_run_whole(e, argv, e->work_dir, why);
}

static void read_json(struct pass_env *e, struct load_run *run, struct pass_result *r)
{
	_cleanup_free_ char *text = NULL;
	struct why why = { 0 };
	char path[320];

	load_keep_talk(run, r);
	output_path(e, path, sizeof(path));
	if (file_read(path, &text)) {
		pass_output_fault(r, "fio ended with status %d and no output: %.150s", r->fio_status, r->fio_stderr);
		return;
	}
	if (fio_parse(text, &r->fio, &why)) {
		pass_output_fault(r, "%.100s %.140s", why.text, r->fio_stderr);
		return;
	}
	if (r->fio.error || r->fio_status)
		pass_fault(r, "fio failed (status %d, error %d: %s): %.140s", r->fio_status, r->fio.error,
			   strerror(r->fio.error),
			   r->fio.prefix[0] ? r->fio.prefix : r->fio_stderr);
	else if (!r->fio.ios)
		pass_fault(r, "fio did no I/O");
}

/*
 * Is the log that of this run? Its counts fall short by the last bucket or two;
 * its rate is off when fio's own clockwork starved. One of the two agrees.
 */
static bool log_agrees(const struct fio_series *s, const struct fio_result *f)
{
	double totals = (double)f->ios, span_s = (double)(s->last_ms - s->first_ms) / 1000;
	double rate = span_s > 0 ? s->ios / span_s * f->job[0].runtime_s : 0;

	return s->nr && (fabs(s->ios - totals) < LOG_TOLERANCE * totals ||
			 fabs(rate - totals) < LOG_TOLERANCE * totals);
}

static void judge(struct pass_env *e, const struct load_run *run, const struct fio_series *s,
		  struct pass_result *r)
{
	if (r->fault[0])
		return;
	if (!log_agrees(s, &r->fio))
		pass_output_fault(r, "fio's log (%.0f I/Os) and its totals (%llu) disagree", s->ios,
				  (unsigned long long)r->fio.ios);
	else
		load_count_series(e, run, s, r);
}

static int count(struct pass_env *e, const struct load_run *run, struct pass_result *r)
{
	struct fio_series s = { 0 };
	int err = collect_logs(e->work_dir, &s);

	if (!err)
		judge(e, run, &s, r);
	fio_series_free(&s);
	return err;
}

const struct load load_fio = { .name = "fio", .prepare = prepare, .start = start, .read = read_json, .count = count,
			       .has_rate = true };
