/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "result.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "bench/file.h"
#include "tracer/base/cleanup.h"

static int drop(const char *dir, const char *name)
{
	_cleanup_free_ char *path = NULL;

	if (asprintf(&path, "%s/%s", dir, name) < 0)
		return -ENOMEM;
	return unlink(path) && errno != ENOENT && errno != ENOTDIR ? -errno : 0;
}

static int drop_reports(const char *dir)
{
	int err = drop(dir, "verdict.json");

	return err ? err : drop(dir, "report.md");
}

int result_clear(const char *dir, struct why *why)
{
	int err = drop_reports(dir);

	return err ? why_fail(why, EXIT_ENVIRONMENT, err, "--out %s: %s", dir, strerror(-err)) : 0;
}

int result_open(const char *dir, struct result *ret, struct why *why)
{
	struct result r = { .dir = strdup(dir), .set = UINT_MAX };
	_cleanup_free_ char *path = NULL, *old = NULL;
	int err = file_make_dirs(dir);

	if (!r.dir)
		return -ENOMEM;
	if (!err)
		err = drop_reports(dir);
	if (!err && (asprintf(&path, "%s/results.jsonl", dir) < 0 || asprintf(&old, "%s.old", path) < 0))
		err = -ENOMEM;
	if (!err && rename(path, old) && errno != ENOENT) /* hours of measurements, and perhaps a slip */
		err = -errno;
	if (!err) {
		r.lines = fopen(path, "wxe");
		err = r.lines ? 0 : -errno;
	}
	if (err) {
		result_close(&r);
		return why_fail(why, EXIT_ENVIRONMENT, err, "--out %s: %s", dir, strerror(-err));
	}
	*ret = r;
	return 0;
}

int result_resume(const char *dir, const struct past *past, struct result *ret, struct why *why)
{
	struct result r = { .dir = strdup(dir), .set = past->current };
	struct timespec now;
	int err = r.dir ? 0 : -ENOMEM;

	if (!err)
		err = drop_reports(dir);
	if (!err && truncate(past->path, (off_t)past->whole_bytes))
		err = -errno;
	if (!err) {
		r.lines = fopen(past->path, "ae");
		err = r.lines ? 0 : -errno;
	}
	if (err) {
		result_close(&r);
		return why_fail(why, EXIT_ENVIRONMENT, err, "--resume %s: %s", dir, strerror(-err));
	}
	clock_gettime(CLOCK_REALTIME, &now);
	*ret = r;
	return result_line(ret, json_pack("{s:s, s:I, s:i}", "type", "resumed", "time_ms",
					  (json_int_t)now.tv_sec * 1000, "lines", (int)past->whole_lines),
			   why);
}

static int cannot_write(const struct result *r, const char *name, int err, struct why *why)
{
	return why_fail(why, EXIT_HARNESS, err, "cannot write %s/%s: %s", r->dir, name,
			strerror(-err));
}

int result_line(struct result *r, json_t *line, struct why *why)
{
	_cleanup_free_ char *text = line ? json_dumps(line, JSON_COMPACT) : NULL;

	json_decref(line);
	if (!text)
		return cannot_write(r, "results.jsonl", -ENOMEM, why);
	errno = 0;
	if (fprintf(r->lines, "%s\n", text) < 0 || fflush(r->lines) || fsync(fileno(r->lines)))
		return cannot_write(r, "results.jsonl", errno ? -errno : -EIO, why);
	return 0;
}

int result_set_line(struct result *r, unsigned int set, json_t *line, struct why *why)
{
	int err = 0;

	if (r->set != set)
		err = result_line(r, json_pack("{s:s, s:i}", "type", "again", "set", (int)set), why);
	if (err) {
		json_decref(line);
		return err;
	}
	r->set = set;
	return result_line(r, line, why);
}

int result_write_text(const struct result *r, const char *name, const char *text, struct why *why)
{
	_cleanup_free_ char *path = NULL;
	int err;

	if (asprintf(&path, "%s/%s", r->dir, name) < 0)
		return -ENOMEM;
	err = file_replace(path, text);
	return err ? cannot_write(r, name, err, why) : 0;
}

int result_write_json(const struct result *r, const char *name, json_t *doc, struct why *why)
{
	_cleanup_free_ char *text = doc ? json_dumps(doc, JSON_INDENT(1)) : NULL;

	json_decref(doc);
	return text ? result_write_text(r, name, text, why) : cannot_write(r, name, -ENOMEM, why);
}

void result_close(struct result *r)
{
	if (r->lines)
		fclose(r->lines);
	free(r->dir);
	*r = (struct result){ 0 };
}
