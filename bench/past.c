/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "past.h"

#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "bench/file.h"
#include "bench/result.h"
#include "tracer/base/cleanup.h"

#define SETS_MAX 100000

struct load {
	struct past *past;
	struct reader rd;
};

static void copy_name(struct load *l, const json_t *o, const char *key, char *buf, size_t len)
{
	const char *s = rd_name(&l->rd, o, key);

	if (strlen(s) >= len)
		rd_fail(&l->rd, "\"%s\" is too long", key);
	else
		strcpy(buf, s);
}

/* ---- the header ---- */

static int load_arms(struct load *l, const json_t *o)
{
	struct arm_list *arms = &l->past->arms;
	json_t *names = rd_array(&l->rd, o, "arms"), *name;
	bool off = false, twin = false;
	size_t i;

	if (json_array_size(names) > ARM_MAX)
		return rd_fail(&l->rd, "more than %d arms", ARM_MAX);
	json_array_foreach(names, i, name) {
		struct arm *a = &arms->v[i];
		json_t *holder = json_pack("{s:O}", "arm", name);

		copy_name(l, holder, "arm", a->name, sizeof(a->name));
		json_decref(holder);
		arm_guess_kind(a);
		for (size_t j = 0; j < i; j++)
			if (!strcmp(arms->v[j].name, a->name))
				rd_fail(&l->rd, "arm %s is there twice", a->name);
		if (!strcmp(a->name, "off")) {
			arms->off = (unsigned int)i;
			off = true;
		} else if (!strcmp(a->name, "off2")) {
			arms->twin = (unsigned int)i;
			twin = true;
		}
	}
	arms->nr = (unsigned int)json_array_size(names);
	return off && twin ? l->rd.err : rd_fail(&l->rd, "no arms off and off2");
}

static int load_rounds(struct load *l, const json_t *o)
{
	json_t *pair = rd_array(&l->rd, o, "rounds");
	json_int_t min = json_integer_value(json_array_get(pair, 0));
	json_int_t max = json_integer_value(json_array_get(pair, 1));

	if (json_array_size(pair) != 2 || min < 1 || max < min || max > STAT_MAX_N)
		return rd_fail(&l->rd, "\"rounds\" is not [MIN, MAX]");
	l->past->rounds = (struct rounds){ (unsigned int)min, (unsigned int)max };
	return l->rd.err;
}

static int load_header(struct load *l, json_t *o)
{
	struct past *p = l->past;
	const char *type = json_string_value(json_object_get(o, "type"));
	const char *schema = json_string_value(json_object_get(o, "schema"));
	const json_t *fingerprint;

	if (!type || strcmp(type, "header") || !schema)
		return rd_fail(&l->rd, "not a results file of iopath-bench: its first line is no header");
	if (strcmp(schema, RESULT_SCHEMA))
		return rd_fail(&l->rd, "schema %.40s; this program reads " RESULT_SCHEMA, schema);
	p->header = json_incref(o);
	fingerprint = rd_object(&l->rd, o, "fingerprint");
	rd_name(&l->rd, fingerprint, "key");
	rd_name(&l->rd, fingerprint, "kernel");
	p->seed = rd_count(&l->rd, o, "seed");
	p->smoke = rd_bool(&l->rd, o, "smoke");
	p->staged = rd_has(o, "staged") && rd_bool(&l->rd, o, "staged");
	p->budget = rd_number(&l->rd, o, "budget");
	if (!l->rd.err && !(p->budget > 0 && p->budget < 100))
		rd_fail(&l->rd, "a budget of %g%%", p->budget);
	/* null, or of before there was any */
	p->p99_budget = rd_has(o, "gate_p99") ? rd_number(&l->rd, o, "gate_p99") : 0;
	if (!l->rd.err && !(p->p99_budget >= 0 && p->p99_budget <= P99_BUDGET_MAX))
		rd_fail(&l->rd, "a budget of %g%% for the p99", p->p99_budget);
	rd_array(&l->rd, o, "argv");
	rd_array(&l->rd, o, "preflight");
	rd_count(&l->rd, o, "settle_ns");
	rd_count(&l->rd, o, "discard_ns");
	rd_count(&l->rd, o, "window_ns");
	load_rounds(l, o);
	return load_arms(l, o);
}

/* ---- sets and cells ---- */

static int add_set(struct load *l, const json_t *o, struct past_set **ret)
{
	struct past *p = l->past;
	uint64_t index = rd_count(&l->rd, o, "set");
	struct past_set *bigger, *s;

	if (!l->rd.err && (index != p->nr || index >= SETS_MAX))
		rd_fail(&l->rd, "set %llu where set %u was due", (unsigned long long)index, p->nr);
	if (l->rd.err)
		return l->rd.err;
	bigger = realloc(p->set, (p->nr + 1) * sizeof(*p->set));
	if (!bigger)
		return l->rd.err = -ENOMEM;
	p->set = bigger;
	if (p->nr && !p->staged)
		p->set[p->nr - 1].over = true;
	p->current = p->nr;
	s = &p->set[p->nr++];
	*s = (struct past_set){ .path = p->path, .line = l->rd.line };
	copy_name(l, o, "workload", s->workload, sizeof(s->workload));
	copy_name(l, o, "scheduler", s->scheduler, sizeof(s->scheduler));
	*ret = s;
	return l->rd.err;
}

static int load_set(struct load *l, json_t *o)
{
	struct past_set *s;
	const json_t *device;

	if (add_set(l, o, &s))
		return l->rd.err;
	device = rd_object(&l->rd, o, "device");
	copy_name(l, device, "name", s->device, sizeof(s->device));
	copy_name(l, device, "disk", s->disk, sizeof(s->disk));
	copy_name(l, device, "driver", s->driver, sizeof(s->driver));
	s->scratch = rd_bool(&l->rd, device, "scratch");
	s->order = json_string_value(json_object_get(device, "order"));
	s->head = json_incref(o);
	s->seed = rd_has(o, "seed") ? rd_count(&l->rd, o, "seed") : l->past->seed;
	return l->rd.err;
}

static int load_skipped(struct load *l, json_t *o)
{
	struct past_set *s;

	if (add_set(l, o, &s))
		return l->rd.err;
	copy_name(l, o, "device", s->device, sizeof(s->device));
	copy_name(l, o, "driver", s->driver, sizeof(s->driver));
	s->scratch = rd_bool(&l->rd, o, "scratch");
	s->order = json_string_value(json_object_get(o, "order"));
	s->failed = rd_has(o, "failed") && rd_bool(&l->rd, o, "failed");
	s->over = true;
	s->skip_line = json_incref(o);
	s->skipped = strdup(rd_text(&l->rd, o, "reason"));
	if (!s->skipped)
		return l->rd.err = -ENOMEM;
	text_clean(s->skipped);
	return l->rd.err;
}

static int load_set_end(struct load *l, json_t *o)
{
	struct past *p = l->past;
	uint64_t index = rd_count(&l->rd, o, "set");

	if (!l->rd.err && (!p->nr || index != p->current))
		rd_fail(&l->rd, "the end of set %llu, which is not the one before",
			(unsigned long long)index);
	if (!l->rd.err && p->set[p->current].over)
		rd_fail(&l->rd, "set %llu ends twice", (unsigned long long)index);
	if (!l->rd.err) {
		p->set[p->current].over = true;
		p->set[p->current].end_line = json_incref(o);
	}
	return l->rd.err;
}

static int find_arm(const struct arm_list *arms, const char *name)
{
	for (unsigned int i = 0; i < arms->nr; i++)
		if (!strcmp(arms->v[i].name, name))
			return (int)i;
	return -1;
}

static int load_cell(struct load *l, json_t *o)
{
	struct past *p = l->past;
	const char *arm = rd_name(&l->rd, o, "arm"), *phase = rd_text(&l->rd, o, "phase");
	uint64_t set = rd_count(&l->rd, o, "set");
	int index = find_arm(&p->arms, arm);
	struct past_cell c = {
		.line = l->rd.line,
		.confirm = !strcmp(phase, "confirm"),
		.round = (unsigned int)rd_count(&l->rd, o, "round"),
		.attempt = (unsigned int)rd_count(&l->rd, o, "attempt"),
		.position = (unsigned int)rd_count(&l->rd, o, "position"),
		.arm = (unsigned int)index,
	}, *bigger;
	struct past_set *s;

	if (l->rd.err)
		return l->rd.err;
	if (!p->nr || set != p->current || !p->set[p->current].head)
		return rd_fail(&l->rd, "a cell of set %llu, which has not begun",
			       (unsigned long long)set);
	s = &p->set[p->current];
	if (s->over)
		return rd_fail(&l->rd, "a cell of set %u, which is over", p->current);
	if (index < 0)
		return rd_fail(&l->rd, "a cell of arm %.63s, which the header does not have", arm);
	if (!c.confirm && strcmp(phase, "main"))
		return rd_fail(&l->rd, "a phase %.40s", phase);
	bigger = realloc(s->cell, (s->nr + 1) * sizeof(*s->cell));
	if (!bigger)
		return l->rd.err = -ENOMEM;
	s->cell = bigger;
	c.json = json_incref(o);
	s->cell[s->nr++] = c;
	return 0;
}

static int load_attribution(struct load *l, json_t *o)
{
	struct past *p = l->past;
	int arm = find_arm(&p->arms, rd_name(&l->rd, o, "arm"));
	uint64_t set = rd_count(&l->rd, o, "set");
	struct past_attribution *bigger;
	struct past_set *s;

	if (l->rd.err)
		return l->rd.err;
	if (!p->nr || set != p->current || !p->set[p->current].head || arm < 0)
		return rd_fail(&l->rd, "an attribution of another set or arm");
	s = &p->set[p->current];
	if (s->nr_attributions == ARM_MAX)
		return rd_fail(&l->rd, "more attributions than arms");
	bigger = realloc(s->attribution, (s->nr_attributions + 1) * sizeof(*bigger));
	if (!bigger)
		return l->rd.err = -ENOMEM;
	s->attribution = bigger;
	s->attribution[s->nr_attributions].arm = (unsigned int)arm;
	if (!attribution_get(&l->rd, o, &s->attribution[s->nr_attributions].a))
		s->attribution[s->nr_attributions++].json = json_incref(o);
	return l->rd.err;
}

static int load_end(struct load *l, json_t *o)
{
	struct past *p = l->past;
	bool complete = rd_bool(&l->rd, o, "complete");

	if (!l->rd.err && complete && p->nr && !p->staged)
		p->set[p->nr - 1].over = true;
	p->end = json_incref(o);
	return l->rd.err;
}

static int load_again(struct load *l, json_t *o)
{
	struct past *p = l->past;
	uint64_t set = rd_count(&l->rd, o, "set");

	if (!l->rd.err && (!p->staged || set >= p->nr || p->set[set].over))
		rd_fail(&l->rd, "set %llu again, which has not begun or is over", (unsigned long long)set);
	if (!l->rd.err)
		p->current = (unsigned int)set;
	return l->rd.err;
}

static int load_resumed(struct load *l, json_t *o)
{
	(void)o; /* for people: what follows was measured later */
	return l->rd.err;
}

static const struct {
	const char *type;
	int (*load)(struct load *l, json_t *o);
} line_types[] = {
	{ "set", load_set },	     { "cell", load_cell },   { "set_end", load_set_end },
	{ "skipped", load_skipped }, { "summary", load_end }, { "stopped", load_end },
	{ "resumed", load_resumed },  { "attribution", load_attribution },
	{ "again", load_again },
};

static int load_line(struct load *l, json_t *o)
{
	const char *type;

	if (!l->past->header)
		return load_header(l, o);
	if (l->past->end)
		return rd_fail(&l->rd, "a line behind the end of the run");
	type = rd_text(&l->rd, o, "type");
	for (size_t i = 0; i < ARRAY_SIZE(line_types); i++)
		if (!strcmp(type, line_types[i].type))
			return line_types[i].load(l, o);
	return rd_fail(&l->rd, "a line of type \"%.40s\"", type);
}

/* ---- the file ---- */

static int parse_line(struct load *l, const char *text, size_t len)
{
	json_error_t where;
	json_t *o = json_loadb(text, len, JSON_REJECT_DUPLICATES, &where);
	int err;

	if (!json_is_object(o))
		err = rd_fail(&l->rd, l->past->header ? "not a JSON object: %s" :
			      "not a results file of iopath-bench: not a JSON object: %s",
			      o ? "something else" : where.text);
	else
		err = load_line(l, o);
	json_decref(o);
	return err;
}

static int cut_off(struct load *l)
{
	return rd_fail(&l->rd, "cut off in the middle of a line: a crash, or a copy that is not whole (run --resume goes on from the line before)");
}

static int load_text(struct load *l, const char *text, unsigned int flags)
{
	struct past *p = l->past;

	for (const char *at = text; *at && !l->rd.err;) {
		const char *nl = strchr(at, '\n');

		l->rd.line++;
		if (!nl) {
			p->cut_off = true;
			if (flags & PAST_ALLOW_CUT_OFF && p->header)
				break;
			return cut_off(l);
		}
		parse_line(l, at, (size_t)(nl - at));
		at = nl + 1;
		if (p->end)
			continue;
		p->whole_bytes = (size_t)(at - text);
		p->whole_lines = l->rd.line;
	}
	if (!l->rd.err && !p->header) {
		l->rd.line = 1;
		rd_fail(&l->rd, "empty");
	}
	return l->rd.err;
}

static int find_file(const char *path, char **ret)
{
	struct stat st;

	if (!stat(path, &st) && S_ISDIR(st.st_mode))
		return asprintf(ret, "%s/results.jsonl", path) < 0 ? -ENOMEM : 0;
	*ret = strdup(path);
	return *ret ? 0 : -ENOMEM;
}

int past_load(const char *path, unsigned int flags, struct past *ret, struct why *why)
{
	_cleanup_free_ char *text = NULL;
	struct past p = { .current = UINT_MAX };
	struct load l = { .past = &p, .rd = { .why = why } };
	struct stat st;
	int err = find_file(path, &p.path);

	if (err)
		return err;
	err = file_read(p.path, &text);
	if (!err && !stat(p.path, &st) && S_ISREG(st.st_mode) && strlen(text) < (size_t)st.st_size) {
		const char *zero = text + strlen(text);

		for (const char *c = text; c < zero; c++)
			l.rd.line += *c == '\n';
		l.rd.line++;
		l.rd.path = p.path;
		err = rd_fail(&l.rd, "a NUL byte: not text");
	} else if (err) {
		err = why_fail(why, EXIT_USAGE, err, "%s: %s", p.path, strerror(-err));
	} else {
		l.rd.path = p.path;
		err = load_text(&l, text, flags);
	}
	if (err) {
		past_free(&p);
		return err;
	}
	*ret = p;
	for (unsigned int i = 0; i < ret->nr; i++)
		ret->set[i].path = ret->path;
	return 0;
}

void past_free(struct past *p)
{
	for (unsigned int i = 0; i < p->nr; i++) {
		struct past_set *s = &p->set[i];

		for (unsigned int c = 0; c < s->nr; c++)
			json_decref(s->cell[c].json);
		free(s->cell);
		for (unsigned int a = 0; a < s->nr_attributions; a++)
			json_decref(s->attribution[a].json);
		free(s->attribution);
		json_decref(s->skip_line);
		json_decref(s->end_line);
		free(s->skipped);
		json_decref(s->head);
	}
	free(p->set);
	json_decref(p->header);
	json_decref(p->end);
	free(p->path);
	*p = (struct past){ 0 };
}
