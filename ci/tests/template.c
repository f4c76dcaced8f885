/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ci/tests/template.h"

#include <fnmatch.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tracer/base/cleanup.h"

static const char *text(json_t *o, const char *key)
{
	const char *s = json_string_value(json_object_get(o, key));

	return s ? s : "";
}

static json_t *new_job(const char *name)
{
	return json_pack("{s:s, s:{}, s:s, s:[], s:[], s:[], s:[], s:[], s:[], s:[]}", "name", name, "env", "timeout", "", "steps",
			 "artifacts", "cache", "cache_key_files", "puts", "gets", "needs");
}

static void add_pair(json_t *job, const char *key, const char *name, const char *path)
{
	json_array_append_new(json_object_get(job, key), json_pack("{s:s, s:s}", "name", name, "path", path));
}

/* One or a list. */
static void add_needs(json_t *job, json_t *needs)
{
	json_t *list = json_object_get(job, "needs");

	if (json_is_array(needs))
		json_array_extend(list, needs);
	else if (needs)
		json_array_append(list, needs);
}

static bool needs(json_t *job, json_t *other)
{
	json_t *name;
	size_t i;

	json_array_foreach(json_object_get(job, "needs"), i, name)
		if (!strcmp(json_string_value(name), text(other, "name")))
			return true;
	return false;
}

static void add_step(json_t *job, const char *run, const char *when)
{
	json_array_append_new(json_object_get(job, "steps"), json_pack("{s:s, s:s}", "run", run, "when", when));
}

/* @condition: of the job as a whole. */
static void set_nightly(json_t *job, const char *condition, const char *schedule)
{
	json_object_set_new(job, "nightly", json_boolean(strstr(condition, schedule) != NULL));
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
	else if (!strncmp(uses, "actions/upload-artifact@", 24)) {
		add_lines(job, "artifacts", text(with, "path"));
		add_pair(job, "puts", text(with, "name"), text(with, "path"));
	} else if (!strncmp(uses, "actions/download-artifact@", 26))
		add_pair(job, "gets", text(with, "pattern"), text(with, "path"));
	else if (!strncmp(uses, "actions/cache@", 14)) {
		add_lines(job, "cache", text(with, "path"));
		add_hashed(job, text(with, "key"));
	} else if (strncmp(uses, "actions/checkout@", 17) != 0)
		return false;
	return true;
}

/* A pattern as the names that it fits, each in a directory of its own name. */
static void resolve_gets(json_t *jobs, json_t *job)
{
	json_t *wanted = json_incref(json_object_get(job, "gets")), *want, *other, *put;
	size_t w, o, p;

	json_object_set_new(job, "gets", json_array());
	json_array_foreach(wanted, w, want)
		json_array_foreach(jobs, o, other)
			json_array_foreach(json_object_get(other, "puts"), p, put) {
				char path[512];

				snprintf(path, sizeof(path), "%s/%s", text(want, "path"), text(put, "name"));
				if (needs(job, other) && !fnmatch(text(want, "name"), text(put, "name"), 0))
					add_pair(job, "gets", text(put, "name"), path);
			}
	json_decref(wanted);
}

static bool add_github_job(json_t *jobs, json_t *template, const char *name, json_t *from)
{
	json_t *job = new_job(name), *value, *step;
	bool known = true;
	const char *key;
	size_t i;

	json_object_foreach(json_object_get(template, "env"), key, value)
		known &= !json_object_set_new(json_object_get(job, "env"), key, expression(value));
	json_object_set_new(job, "timeout", json_string(text(from, "timeout-minutes")));
	set_nightly(job, text(from, "if"), "github.event_name == 'schedule'");
	add_needs(job, json_object_get(from, "needs"));
	json_array_foreach(json_object_get(from, "steps"), i, step)
		known &= take_github_step(job, step);
	json_array_append_new(jobs, job);
	return known;
}

/* @from with @value for every ${{ matrix.KEY }}. */
static json_t *with_value(json_t *from, const char *key, const char *value)
{
	_cleanup_free_ char *whole = json_dumps(from, JSON_COMPACT), *text = NULL;
	char name[64];
	size_t len;
	FILE *f = open_memstream(&text, &len);
	json_t *job;

	snprintf(name, sizeof(name), "${{ matrix.%s }}", key);
	for (const char *at = whole, *next; at; at = next ? next + strlen(name) : NULL) {
		next = strstr(at, name);
		fprintf(f, "%.*s%s", next ? (int)(next - at) : (int)strlen(at), at, next ? value : "");
	}
	fclose(f);
	job = json_loads(text, 0, NULL);
	return job;
}

/* As often as its matrix, of one dimension, has values. */
static bool add_github_jobs(json_t *jobs, json_t *template, const char *name, json_t *from)
{
	json_t *matrix = json_object_get(json_object_get(from, "strategy"), "matrix"), *values, *value;
	const char *key;
	bool known = json_object_size(matrix) < 2;
	size_t i;

	if (!matrix)
		return add_github_job(jobs, template, name, from);
	json_object_foreach(matrix, key, values)
		json_array_foreach(values, i, value) {
			json_t *one = with_value(from, key, json_string_value(value));

			known &= one && add_github_job(jobs, template, name, one);
			json_decref(one);
		}
	return known;
}

json_t *template_github(json_t *template)
{
	json_t *jobs = json_array(), *from, *job;
	const char *name;
	bool known = true;
	size_t i;

	json_object_foreach(json_object_get(template, "jobs"), name, from)
		known &= add_github_jobs(jobs, template, name, from);
	json_array_foreach(jobs, i, job)
		resolve_gets(jobs, job);
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

/* What the jobs that it needs keep, where they kept it. */
static void gitlab_gets(json_t *jobs, json_t *job)
{
	json_t *other;
	size_t i;

	json_array_foreach(jobs, i, other)
		if (needs(job, other))
			add_all(job, "gets", json_object_get(other, "puts"));
}

static json_t *gitlab_job(json_t *template, const char *name, json_t *own, unsigned int node, unsigned int nodes)
{
	json_t *job = new_job(name), *from = extended(template, own), *reports, *path;
	json_t *artifacts = json_object_get(from, "artifacts"), *cache = json_object_get(from, "cache");
	char number[16], put[80];
	const char *kind;
	size_t i;

	json_object_update(json_object_get(job, "env"), json_object_get(template, "variables"));
	snprintf(number, sizeof(number), "%u", node);
	json_object_set_new(json_object_get(job, "env"), "CI_NODE_INDEX", json_string(number));
	snprintf(number, sizeof(number), "%u", nodes);
	json_object_set_new(json_object_get(job, "env"), "CI_NODE_TOTAL", json_string(number));
	json_object_set_new(job, "timeout", json_string(text(from, "timeout")));
	set_nightly(job, text(json_array_get(json_object_get(from, "rules"), 0), "if"), "$CI_PIPELINE_SOURCE == \"schedule\"");
	add_script(job, json_object_get(from, "before_script"), json_object_get(from, "script"), "success");
	add_script(job, json_object_get(from, "after_script"), NULL, "always");
	add_all(job, "artifacts", json_object_get(artifacts, "paths"));
	json_array_foreach(json_object_get(artifacts, "paths"), i, path) {
		snprintf(put, sizeof(put), "%.40s-%u-%zu", name, node, i);
		add_pair(job, "puts", put, json_string_value(path));
	}
	add_needs(job, json_object_get(from, "needs"));
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
	json_t *jobs = json_array(), *from, *job;
	const char *name;
	size_t i;

	json_object_foreach(template, name, from) {
		unsigned int nodes = (unsigned int)strtoul(text(from, "parallel"), NULL, 10);

		for (unsigned int n = 1; json_object_get(from, "script") && (n == 1 || n <= nodes); n++)
			json_array_append_new(jobs, gitlab_job(template, name, from, n, nodes ? nodes : 1));
	}
	json_array_foreach(jobs, i, job)
		gitlab_gets(jobs, job);
	return jobs;
}
