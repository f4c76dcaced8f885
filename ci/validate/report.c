/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ci/validate/report.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "ci/validate/differ.h"
#include "ci/validate/doctor.h"
#include "tracer/base/cleanup.h"
#include "tracer/tests/ground-trace.h"

static enum verdict verdict_of(json_t *line)
{
	const char *text = text_at(line, "verdict");

	if (text && !strcmp(text, "ok"))
		return PASSED;
	return text && !strcmp(text, "skip") ? SKIPPED : FAILED;
}

static size_t find(const struct opt_list *l, const char *s)
{
	size_t i = 0;

	while (i < l->nr && (!s || strcmp(l->v[i], s)))
		i++;
	return i;
}

static size_t index_of(const struct report_cfg *cfg, size_t pair, size_t scheduler, size_t tier)
{
	return (pair * cfg->schedulers.nr + scheduler) * cfg->tiers.nr + tier;
}

struct outcome report_cell(const struct report *r, size_t pair, size_t scheduler, size_t tier)
{
	return r->cells[index_of(r->cfg, pair, scheduler, tier)];
}

static void add_once(json_t *lines, json_t *line)
{
	json_t *other;
	size_t i;

	json_array_foreach(lines, i, other)
		if (json_equal(other, line))
			return;
	json_array_append(lines, line);
}

static void take_line(struct report *r, size_t pair, json_t *line)
{
	const struct report_cfg *cfg = r->cfg;
	size_t s = find(&cfg->schedulers, text_at(line, "scheduler"));
	size_t t = find(&cfg->tiers, text_at(line, "tier"));
	const char *type = text_at(line, "type");
	struct outcome *o;

	if (type && !strcmp(type, "head"))
		add_once(r->heads, line);
	if (type && !strcmp(type, "lost"))
		add_once(r->lost, line);
	if (!type || strcmp(type, "cell") || s == cfg->schedulers.nr || t == cfg->tiers.nr)
		return;
	o = &r->cells[index_of(cfg, pair, s, t)];
	json_decref(o->line);
	*o = (struct outcome){ verdict_of(line), json_incref(line) };
}

/* A last line that was cut off is no result. */
static void read_lines(struct report *r, size_t pair, const char *what)
{
	const char *name = r->cfg->pairs.v[pair];
	_cleanup_fclose_ FILE *f = NULL;
	_cleanup_free_ char *text = NULL;
	char path[512];
	size_t cap = 0;

	snprintf(path, sizeof(path), "%s/%.*s.%s.jsonl", r->cfg->dir, (int)strcspn(name, ":"), name, what);
	f = fopen(path, "re");
	while (f && getline(&text, &cap, f) > 0) {
		json_t *line = json_loads(text, 0, NULL);

		take_line(r, pair, line);
		json_decref(line);
	}
}

/* KERNEL:DISK is in the file KERNEL.DISK.jsonl. */
static void read_pair(struct report *r, size_t pair)
{
	const char *name = r->cfg->pairs.v[pair];

	read_lines(r, pair, name + strcspn(name, ":") + 1);
	read_lines(r, pair, "lost");
}

/* ---- the doctor ---- */

static json_t *doctor_line(const char *verdict, const char *why)
{
	return json_pack("{s:s, s:s, s:[]}", "verdict", verdict, "why", why, "differs");
}

/* One kernel's own, that nobody else has, is compared on that kernel alone. */
static json_t *compare(json_t *want, json_t *got)
{
	json_t *line = doctor_line("ok", "");
	const char *of = text_at(want, "kernel"), *is = text_at(got, "kernel");

	if (of && is && strcmp(of, is)) {
		json_decref(line);
		return doctor_line("skip", "what is expected is of another kernel");
	}
	differ_into(json_at(line, "differs"));
	differ_json("", want, got);
	if (json_array_size(json_at(line, "differs")))
		json_object_set_new(line, "verdict", json_string("FAIL"));
	return line;
}

static json_t *judge_doctor(const struct report_cfg *cfg, const char *kernel)
{
	bool native = !strcmp(kernel, "native");
	json_t *doctor, *want, *got, *line;
	char path[512];

	snprintf(path, sizeof(path), "%s/%s.doctor.json", cfg->dir, kernel);
	doctor = json_load_file(path, 0, NULL);
	snprintf(path, sizeof(path), "%s/doctor-%s.json", cfg->expect, kernel);
	want = json_load_file(path, 0, NULL);
	got = doctor ? doctor_digest(doctor, !native) : NULL;
	if (text_at(doctor, "skip"))
		line = doctor_line("skip", text_at(doctor, "skip"));
	else if (!got)
		line = doctor_line("FAIL", "not run");
	else if (!want)
		line = doctor_line("FAIL", "no expectations: make doctor-expect");
	else
		line = compare(want, got);
	json_decref(doctor);
	json_decref(want);
	json_decref(got);
	return line;
}

static void read_doctors(struct report *r)
{
	for (size_t i = 0; i < r->cfg->pairs.nr; i++) {
		const char *pair = r->cfg->pairs.v[i];
		char kernel[32];

		snprintf(kernel, sizeof(kernel), "%.*s", (int)strcspn(pair, ":"), pair);
		if (!json_object_get(r->doctors, kernel))
			json_object_set_new(r->doctors, kernel, judge_doctor(r->cfg, kernel));
	}
}

static void count(struct report *r, enum verdict v)
{
	if (v == PASSED)
		r->passed++;
	else if (v == SKIPPED)
		r->skipped++;
	else
		r->failed++;
}

int report_read(struct report *r, const struct report_cfg *cfg)
{
	size_t n = cfg->pairs.nr * cfg->schedulers.nr * cfg->tiers.nr;
	const char *kernel;
	json_t *line;

	*r = (struct report){ .cfg = cfg, .heads = json_array(), .lost = json_array(), .doctors = json_object() };
	r->cells = calloc(n, sizeof(*r->cells));
	if (n && !r->cells)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++)
		r->cells[i].verdict = NOT_RUN;
	for (size_t p = 0; p < cfg->pairs.nr; p++)
		read_pair(r, p);
	if (cfg->expect)
		read_doctors(r);
	for (size_t i = 0; i < n; i++)
		count(r, r->cells[i].verdict);
	json_object_foreach(r->doctors, kernel, line)
		count(r, verdict_of(line));
	return 0;
}

void report_release(struct report *r)
{
	size_t n = r->cells ? r->cfg->pairs.nr * r->cfg->schedulers.nr * r->cfg->tiers.nr : 0;

	for (size_t i = 0; i < n; i++)
		json_decref(r->cells[i].line);
	free(r->cells);
	json_decref(r->heads);
	json_decref(r->lost);
	json_decref(r->doctors);
}
