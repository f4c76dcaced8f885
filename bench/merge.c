/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "merge.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bench/file.h"
#include "bench/machine.h"
#include "bench/replay.h"
#include "bench/result.h"
#include "bench/view.h"
#include "tracer/base/cleanup.h"

#define KEY_MAX 47

/* Of the header: what must be equal in all parts of a group. */
static const char *const alike[] = { "arms", "budget", "rounds", "smoke", "settle_ns", "discard_ns", "window_ns" };

static int check_alike(const struct past *a, const struct past *b, struct why *why)
{
	if (!machine_same_tracer(a->header, b->header))
		return why_fail(why, EXIT_USAGE, -EINVAL, "%s:1: another tracer than %s: %.60s, there %.60s", b->path, a->path,
				machine_field(b->header, "iopath"), machine_field(a->header, "iopath"));
	for (size_t i = 0; i < ARRAY_SIZE(alike); i++)
		if (!json_equal(json_object_get(a->header, alike[i]), json_object_get(b->header, alike[i])))
			return why_fail(why, EXIT_USAGE, -EINVAL, "%s:1: \"%s\" is not that of %s", b->path, alike[i], a->path);
	if (a->p99_budget != b->p99_budget) /* older files do not have it */
		return why_fail(why, EXIT_USAGE, -EINVAL, "%s:1: \"gate_p99\" is not that of %s", b->path, a->path);
	return 0;
}

static int different_machine(const struct past *a, const struct past *b, struct why *why)
{
	static const char *const names[] = { "kernel", "cpu_model", "arch", "fio", "sysbench", "uring" };
	const char *name = "key";

	for (size_t i = ARRAY_SIZE(names); i-- > 0;)
		if (strcmp(machine_field(a->header, names[i]), machine_field(b->header, names[i])))
			name = names[i];
	return why_fail(why, EXIT_USAGE, -EINVAL, "%s:1: another machine than %s: %s is %.60s, there %.60s (--apart keeps them apart)",
			b->path, a->path, name, machine_field(b->header, name), machine_field(a->header, name));
}

/* Scratch devices have a number by chance: their driver names them, and what they were made to. */
static bool same_device(const struct past_set *a, const struct past_set *b)
{
	if (a->scratch != b->scratch)
		return false;
	return a->scratch ? !strcmp(a->driver, b->driver) && report_same_order(a->order ? a->order : "", b->order ? b->order : "") :
			    !strcmp(a->device, b->device);
}

static bool same_set(const struct past_set *a, const struct past_set *b)
{
	return !strcmp(a->workload, b->workload) && !strcmp(a->scheduler, b->scheduler) && same_device(a, b);
}

/* A disk of @a and one of @b that have one name, and are not one. What a scratch device is made to, the run chose. */
static const struct past_set *other_disk(const struct past *a, const struct past *b, struct difference *ret)
{
	for (unsigned int i = 0; i < a->nr; i++)
		for (unsigned int k = 0; k < b->nr; k++)
			if (!a->set[i].scratch && same_device(&a->set[i], &b->set[k]) &&
			    device_differs(json_object_get(a->set[i].head, "device"),
					   json_object_get(b->set[k].head, "device"), false, ret))
				return &b->set[k];
	return NULL;
}

static int check_disks(const struct merge_group *g, const struct past *p, struct why *why)
{
	for (unsigned int i = 0; i < g->nr; i++) {
		struct difference d;
		const struct past_set *s = other_disk(g->part[i], p, &d);

		if (s)
			return why_fail(why, EXIT_USAGE, -EINVAL, "%s:%u: another %s than in %s: %s is %s, there %s (--apart keeps them apart)",
					p->path, s->line, s->device, g->part[i]->path, d.name, d.b, d.a);
	}
	return 0;
}

static int check_twice(const struct past *a, const struct past *b, struct why *why)
{
	for (unsigned int i = 0; i < a->nr; i++)
		for (unsigned int k = 0; k < b->nr; k++)
			if (same_set(&a->set[i], &b->set[k]))
				return why_fail(why, EXIT_USAGE, -EEXIST, "%s:%u: %s on %s under %s is in %s:%u too", b->path,
						b->set[k].line, b->set[k].workload, b->set[k].device, b->set[k].scheduler,
						a->path, a->set[i].line);
	return 0;
}

static int add_part(struct merge_group *g, const struct past *p, struct why *why)
{
	const struct past **bigger = realloc(g->part, (g->nr + 1) * sizeof(*g->part));
	int err = 0;

	if (!bigger)
		return -ENOMEM;
	g->part = bigger;
	for (unsigned int i = 0; i < g->nr && !err; i++) {
		err = check_alike(g->part[i], p, why);
		if (!err)
			err = check_twice(g->part[i], p, why);
	}
	if (!err)
		g->part[g->nr++] = p;
	return err;
}

/* NULL: none yet. */
static struct merge_group *find_group(const struct merge *m, const struct past *p, unsigned int *ret_same_key, struct why *why)
{
	*ret_same_key = 0;
	for (unsigned int i = 0; i < m->nr; i++) {
		struct merge_group *g = &m->group[i];

		if (strcmp(machine_field(g->part[0]->header, "key"), machine_field(p->header, "key")))
			continue;
		if (!check_disks(g, p, why))
			return g;
		(*ret_same_key)++;
	}
	return NULL;
}

static struct merge_group *new_group(struct merge *m, const char *key, unsigned int nr_same)
{
	struct merge_group *bigger = realloc(m->group, (m->nr + 1) * sizeof(*m->group));

	if (!bigger)
		return NULL;
	m->group = bigger;
	m->group[m->nr] = (struct merge_group){ 0 };
	snprintf(m->group[m->nr].key, sizeof(m->group[0].key), nr_same ? "%.*s-%u" : "%.*s", KEY_MAX, key, nr_same + 1);
	return &m->group[m->nr++];
}

static int take_run(struct merge *m, const struct past *p, bool apart, struct why *why)
{
	const char *key = machine_field(p->header, "key");
	struct merge_group *g;
	struct why disks = { 0 };
	unsigned int same;

	if (!apart && m->nr && strcmp(m->group[0].key, key))
		return different_machine(m->group[0].part[0], p, why);
	if (strlen(key) > KEY_MAX || strchr(key, '/') || key[0] == '.') /* it names a directory */
		return why_fail(why, EXIT_USAGE, -EPROTO, "%s:1: a strange \"key\"", p->path);
	g = find_group(m, p, &same, &disks);
	if (!g && same && !apart) {
		*why = disks;
		return -EINVAL;
	}
	if (!g)
		g = new_group(m, key, same);
	return g ? add_part(g, p, why) : -ENOMEM;
}

/* Which ones, not how many: one may be there twice, from two machines or of two sets of workloads. */
static int note_shard(struct merge *m, const struct past *p, struct why *why)
{
	const json_t *shard = json_object_get(p->header, "shard");
	json_int_t index = json_integer_value(json_object_get(shard, "index")), of = json_integer_value(json_object_get(shard, "of"));

	if (!json_is_object(shard))
		return 0;
	if (index < 1 || index > of || of > SHARDS_MAX)
		return why_fail(why, EXIT_USAGE, -EPROTO, "%s:1: a strange \"shard\"", p->path);
	if (m->shards_of && (unsigned int)of != m->shards_of)
		return why_fail(why, EXIT_USAGE, -EINVAL, "%s:1: shard %d of %d, where those before are of %u", p->path, (int)index,
				(int)of, m->shards_of);
	m->shards_of = (unsigned int)of;
	m->shard[index - 1] = true;
	return 0;
}

/* A shard behind the last set: all of it is there, on whatever machine. */
static bool is_empty(const struct past *p)
{
	return !p->nr && json_is_true(json_object_get(p->end, "complete"));
}

int merge_sort(const struct past *past, unsigned int nr, bool apart, struct merge *ret, struct why *why)
{
	struct merge m = { .absent = "" };
	int err = 0;

	for (unsigned int i = 0; i < nr && !err; i++) {
		err = note_shard(&m, &past[i], why);
		if (!err && !is_empty(&past[i]))
			err = take_run(&m, &past[i], apart, why);
	}
	if (!err && !m.nr)
		err = take_run(&m, &past[0], apart, why);
	if (err) {
		merge_free(&m);
		return err;
	}
	*ret = m;
	return 0;
}

void merge_free(struct merge *m)
{
	for (unsigned int i = 0; i < m->nr; i++)
		free(m->group[i].part);
	free(m->group);
	*m = (struct merge){ 0 };
}

/* Of a run before it: the last line tells of a whole run, where this one was none. */
static bool is_older(const char *path)
{
	_cleanup_free_ char *text = NULL;
	json_t *last = NULL;
	bool is_whole;
	size_t len;

	if (file_read(path, &text))
		return false;
	for (len = strlen(text); len && text[len - 1] == '\n';)
		text[--len] = '\0';
	last = json_loads(strrchr(text, '\n') ?: text, 0, NULL);
	is_whole = json_is_true(json_object_get(last, "complete"));
	json_decref(last);
	return is_whole;
}

bool merge_did_not_begin(const char *dir, char *buf, size_t len)
{
	_cleanup_free_ char *lines = NULL, *path = NULL;
	size_t at = strlen(buf);
	json_t *verdict;
	const char *reason, *schema;
	bool is_one;

	if (asprintf(&lines, "%s/results.jsonl", dir) < 0 || asprintf(&path, "%s/verdict.json", dir) < 0)
		return false;
	verdict = json_load_file(path, 0, NULL);
	schema = json_string_value(json_object_get(verdict, "schema"));
	reason = json_string_value(json_object_get(verdict, "reason"));
	is_one = schema && !strcmp(schema, VERDICT_SCHEMA) && json_is_false(json_object_get(verdict, "complete")) &&
		 ((access(lines, F_OK) && errno == ENOENT) || is_older(lines));
	if (is_one)
		snprintf(buf + at, len - at, "%s%.200s did not begin: %.200s", at ? "; " : "", dir, reason ? reason : "no reason");
	json_decref(verdict);
	text_clean(buf);
	return is_one;
}

/* ---- one file ---- */

/* "of 4 shards 2, 3 are missing", or "" */
static void missing_shards(const struct merge *m, char *buf, size_t len)
{
	char list[128] = "";
	size_t at = 0;
	unsigned int nr = 0;

	for (unsigned int i = 0; i < m->shards_of; i++) {
		if (m->shard[i])
			continue;
		if (at + 16 < sizeof(list))
			at += (size_t)snprintf(list + at, sizeof(list) - at, "%s%u", nr ? ", " : "", i + 1);
		else if (list[at - 1] != '.')
			at += (size_t)snprintf(list + at, sizeof(list) - at, ", ...");
		nr++;
	}
	if (nr)
		snprintf(buf, len, "of %u shards %s %s missing", m->shards_of, list, nr > 1 ? "are" : "is");
}

/* What is not there: a part that did not begin or stopped, a shard. Into @buf, or "". */
static void find_gaps(const struct merge *m, const struct merge_group *g, char *buf, size_t len)
{
	buf[0] = '\0';
	if (m->absent[0]) {
		snprintf(buf, len, "%s", m->absent);
		return;
	}
	for (unsigned int i = 0; i < g->nr; i++) {
		if (!json_is_true(json_object_get(g->part[i]->end, "complete"))) {
			snprintf(buf, len, "%s is not complete", g->part[i]->path);
			return;
		}
	}
	missing_shards(m, buf, len);
}

static json_t *merged_header(const struct merge_group *g)
{
	json_t *h = json_deep_copy(g->part[0]->header), *from = json_array();

	for (unsigned int i = 0; i < g->nr; i++)
		json_array_append_new(from, json_string(g->part[i]->path));
	json_object_set_new(h, "merged_from", from);
	json_object_set_new(h, "staged", json_true()); /* a part may have stopped inside a set */
	json_object_set_new(h, "shard", json_null());
	return h;
}

/* @line with the number that its set has now. */
static int put(struct result *out, unsigned int set, const json_t *line, struct why *why)
{
	json_t *copy = json_deep_copy(line);

	if (!copy || json_object_set_new(copy, "set", json_integer(set)))
		return -ENOMEM;
	return result_set_line(out, set, copy, why);
}

static int put_set(struct result *out, unsigned int set, const struct past *p, const struct past_set *s, struct why *why)
{
	int err = 0;

	out->set = set;
	if (s->skipped)
		return put(out, set, s->skip_line, why);
	if (s->over && !s->end_line)
		return why_fail(why, EXIT_USAGE, -EPROTO, "%s:%u: a set without its end: made by an older version", p->path, s->line);
	json_object_set_new(s->head, "seed", json_integer((json_int_t)s->seed));
	if (!json_object_get(s->head, "started_ms")) /* else it was merged before */
		json_object_set(s->head, "started_ms", json_object_get(p->header, "started_ms"));
	if (!json_object_get(s->head, "hostname"))
		json_object_set(s->head, "hostname", json_object_get(json_object_get(p->header, "fingerprint"), "hostname"));
	err = put(out, set, s->head, why);
	for (unsigned int i = 0; i < s->nr && !err; i++)
		err = put(out, set, s->cell[i].json, why);
	for (unsigned int i = 0; i < s->nr_attributions && !err; i++)
		err = put(out, set, s->attribution[i].json, why);
	if (!err && s->end_line)
		err = put(out, set, s->end_line, why);
	return err;
}

static json_t *last_line(bool complete, const char *verdict, int code, const char *reason)
{
	return json_pack("{s:s, s:b, s:s, s:i, s:s?}", "type", complete ? "summary" : "stopped", "complete", (int)complete,
			 "verdict", verdict, "exit_code", code, "reason", reason[0] ? reason : NULL);
}

static int write_lines(const struct merge_group *g, struct result *out, const char *gaps, const char *verdict, int code,
		       struct why *why)
{
	unsigned int set = 0;
	int err = result_line(out, merged_header(g), why);

	for (unsigned int i = 0; i < g->nr && !err; i++)
		for (unsigned int k = 0; k < g->part[i]->nr && !err; k++)
			err = put_set(out, set++, g->part[i], &g->part[i]->set[k], why);
	return err ? err : result_line(out, last_line(!gaps[0], verdict, code, gaps), why);
}

static int write_file(const struct merge_group *g, const char *dir, const char *gaps, const char *verdict, int code,
		      struct result *out, struct why *why)
{
	int err = result_open(dir, out, why);

	if (!err)
		err = write_lines(g, out, gaps, verdict, code, why);
	return err;
}

static int write_views(const struct result *out, const struct report *r, int code, struct why *why)
{
	_cleanup_free_ char *md = NULL;
	int err = view_render(view_find("md"), r, &md);

	if (!err)
		err = result_write_text(out, "report.md", md, why);
	return err ? err : result_write_json(out, "verdict.json", report_verdict_json(r, code), why);
}

/* Its file would be replaced, and with it what is to be merged. */
static int check_out(const struct merge *m, const char *dir, struct why *why)
{
	_cleanup_free_ char *path = NULL;
	struct stat out, in;

	if (asprintf(&path, "%s/results.jsonl", dir) < 0)
		return -ENOMEM;
	if (stat(path, &out))
		return 0;
	for (unsigned int g = 0; g < m->nr; g++)
		for (unsigned int i = 0; i < m->group[g].nr; i++)
			if (!stat(m->group[g].part[i]->path, &in) && in.st_dev == out.st_dev && in.st_ino == out.st_ino)
				return why_fail(why, EXIT_USAGE, -EINVAL, "--out %s: its results.jsonl is one of those to be merged", dir);
	return 0;
}

int merge_write(const struct merge *m, unsigned int group, const char *dir, int *ret_code, struct why *why)
{
	const struct merge_group *g = &m->group[group];
	struct result out = { 0 };
	struct replay r = { 0 };
	char gaps[512];
	int code = 0, err;

	err = check_out(m, dir, why);
	if (err)
		return err;
	find_gaps(m, g, gaps, sizeof(gaps));
	/* once to decide, then with what was decided */
	err = write_file(g, dir, gaps, "INCONCLUSIVE", EXIT_INCONCLUSIVE, &out, why);
	result_close(&out);
	if (!err)
		err = replay_load(dir, &r, why);
	if (err)
		return err;
	code = report_exit(&r.report);
	err = write_file(g, dir, gaps, report_verdict_text(&r.report, code), code, &out, why);
	if (!err)
		err = write_views(&out, &r.report, code, why);
	result_close(&out);
	replay_free(&r);
	if (!err)
		*ret_code = code;
	return err;
}
