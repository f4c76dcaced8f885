/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ci/tests/template.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "tracer/base/cleanup.h"

static const char *text(json_t *o, const char *key)
{
	const char *s = json_string_value(json_object_get(o, key));

	return s ? s : "";
}

static json_t *new_job(const char *name)
{
	return json_pack("{s:s, s:{}, s:s, s:[], s:[], s:[], s:[]}", "name", name, "env", "timeout", "", "steps",
			 "artifacts", "cache", "cache_key_files");
}

static void add_step(json_t *job, const char *run, const char *when)
{
	json_array_append_new(json_object_get(job, "steps"), json_pack("{s:s, s:s}", "run", run, "when", when));
}

static void add_all(json_t *job, const char *key, json_t *paths)
{
	json_array_extend(json_object_get(job, key), paths);
}

/* ---- GitHub ---- */

/* Of an expression of ours: what it is when nobody has chosen, which is its last '...'. */
static json_t *expression(json_t *value)
{
	const char *s = json_string_value(value), *from, *to;

	if (!s || strncmp(s, "${{", 3) != 0)
		return json_incref(value);
	to = strrchr(s, '\'');
	for (from = to; from && from > s && from[-1] != '\''; from--)
		;
	return from && from > s ? json_stringn(from, (size_t)(to - from)) : NULL;
}

/* A path, or several with one on each line. */
static void add_lines(json_t *job, const char *key, const char *lines)
{
	for (size_t n; *lines; lines += n + (lines[n] == '\n')) {
		n = strcspn(lines, "\n");
		if (n)
			json_array_append_new(json_object_get(job, key), json_stringn(lines, n));
	}
}

/* The files named in hashFiles('A', 'B'). */
static void add_hashed(json_t *job, const char *key)
{
	const char *s = strstr(key, "hashFiles("), *end = s ? strchr(s, ')') : NULL;

	while (s && (s = strchr(s, '\'')) && s < end) {
		size_t n = strcspn(++s, "'");

		json_array_append_new(json_object_get(job, "cache_key_files"), json_stringn(s, n));
		s += n + 1;
	}
}

static bool take_github_step(json_t *job, json_t *step)
{
	const char *uses = text(step, "uses"), *condition = text(step, "if");
	json_t *with = json_object_get(step, "with");
	const char *when = !strcmp(condition, "always()")  ? "always" :
			   !strcmp(condition, "failure()") ? "failure" :
			   !*condition			   ? "success" :
							     NULL;

	if (!when)
		return false;
	if (json_object_get(step, "run"))
		add_step(job, text(step, "run"), when);
	else if (!strncmp(uses, "actions/upload-artifact@", 24))
		add_lines(job, "artifacts", text(with, "path"));
	else if (!strncmp(uses, "actions/cache@", 14)) {
		add_lines(job, "cache", text(with, "path"));
		add_hashed(job, text(with, "key"));
	} else if (strncmp(uses, "actions/checkout@", 17) != 0)
		return false;
	return true;
}

json_t *template_github(json_t *template)
{
	json_t *jobs = json_array(), *from, *value, *step;
	const char *name, *key;
	bool known = true;
	size_t i;

	json_object_foreach(json_object_get(template, "jobs"), name, from) {
		json_t *job = new_job(name);

		json_object_foreach(json_object_get(template, "env"), key, value)
			known &= !json_object_set_new(json_object_get(job, "env"), key, expression(value));
		json_object_set_new(job, "timeout", json_string(text(from, "timeout-minutes")));
		json_array_foreach(json_object_get(from, "steps"), i, step)
			known &= take_github_step(job, step);
		json_array_append_new(jobs, job);
	}
	if (known)
		return jobs;
	json_decref(jobs);
	return NULL;
}

/* ---- GitLab ---- */

/* What `default` and the jobs named in `extends` give, then the job's own. */
static json_t *extended(json_t *template, json_t *from)
{
	const char *base = text(from, "extends");
	json_t *whole = json_object();

	json_object_update(whole, json_object_get(template, "default"));
	if (*base)
		json_object_update(whole, json_object_get(template, base));
	json_object_update(whole, from);
	return whole;
}

/* One shell goes through before_script and script, another through after_script. */
static void add_script(json_t *job, json_t *first, json_t *then, const char *when)
{
	json_t *const lists[] = { first, then };
	char script[4096] = "";
	json_t *line;
	size_t i;

	for (size_t l = 0; l < ARRAY_SIZE(lists); l++)
		json_array_foreach(lists[l], i, line) {
			size_t len = strlen(script);

			snprintf(script + len, sizeof(script) - len, "%s\n", json_string_value(line));
		}
	if (*script)
		add_step(job, script, when);
}

static json_t *gitlab_job(json_t *template, const char *name, json_t *own)
{
	json_t *job = new_job(name), *from = extended(template, own), *reports, *path;
	json_t *artifacts = json_object_get(from, "artifacts"), *cache = json_object_get(from, "cache");
	const char *kind;

	json_object_update(json_object_get(job, "env"), json_object_get(template, "variables"));
	json_object_set_new(job, "timeout", json_string(text(from, "timeout")));
	add_script(job, json_object_get(from, "before_script"), json_object_get(from, "script"), "success");
	add_script(job, json_object_get(from, "after_script"), NULL, "always");
	add_all(job, "artifacts", json_object_get(artifacts, "paths"));
	reports = json_object_get(artifacts, "reports");
	json_object_foreach(reports, kind, path)
		json_array_append(json_object_get(job, "artifacts"), path);
	add_all(job, "cache", json_object_get(cache, "paths"));
	add_all(job, "cache_key_files", json_object_get(json_object_get(cache, "key"), "files"));
	json_decref(from);
	return job;
}

json_t *template_gitlab(json_t *template)
{
	json_t *jobs = json_array(), *from;
	const char *name;

	json_object_foreach(template, name, from)
		if (json_object_get(from, "script"))
			json_array_append_new(jobs, gitlab_job(template, name, from));
	return jobs;
}
