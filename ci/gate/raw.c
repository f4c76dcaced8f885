/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the guest measured: ci/gate/guest says what its lines are. */
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "ci/gate/gate.h"
#include "tracer/base/cleanup.h"
#include "tracer/base/parse.h"

#define MAX_REPS 9

/* One workload under one arm. Repetitions differ in what they do, those of two cells do not. */
struct cell {
	size_t reps;
	double ops, ns[MAX_REPS];	/* ns of wall time per operation, of each repetition */
	double cpu_ns;			/* per operation */
	double p999_ns;			/* of latency, the mean of the repetitions' */
};

/* A row of cells is one round: the base before arm i is row 2i, arm i row 2i + 1. */
struct cells {
	struct cell v[2 * MAX_ARMS + 1][MAX_WORKLOADS];
	size_t round;		/* being filled */
	bool complete;
	json_t *ends[MAX_ARMS];
};

__attribute__((format(printf, 2, 3))) static int fail(struct gate *g, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(g->error, sizeof(g->error), fmt, ap);
	va_end(ap);
	return -1;
}

struct gate_result *gate_result(const struct gate *g, size_t arm, size_t workload)
{
	return &g->results[arm * g->nr_workloads + workload];
}

static const char *string(const json_t *o, const char *key)
{
	const char *s = json_string_value(json_object_get(o, key));

	return s ? s : "";
}

static double number(const json_t *o, const char *key)
{
	return json_number_value(json_object_get(o, key));
}

static size_t find(const char names[][NAME_LEN], size_t nr, const char *name)
{
	size_t i = 0;

	while (i < nr && strcmp(names[i], name))
		i++;
	return i;
}

static double option(const json_t *fio, const json_t *job, const char *name)
{
	const char *s = string(json_object_get(job, "job options"), name);
	double v;

	if (!*s)
		s = string(json_object_get(fio, "global options"), name);
	return *s && !parse_double(s, &v) && v >= 1 ? v : 1;
}

struct figures {
	double ops;
	double ns;	/* wall time per operation */
	double p999_ns;	/* of latency, of the direction that is slower */
};

/*
 * Wall time per operation of a closed loop: the sum of its latencies over operations and
 * depth. fio's own runtime has milliseconds only. False when fio did nothing or failed.
 */
static bool fio_figures(const json_t *fio, struct figures *ret)
{
	static const char *const dirs[] = { "read", "write", "trim", "sync" };
	const json_t *jobs = json_object_get(fio, "jobs"), *job;
	double ops = 0, sum = 0, depth = 0, p999 = 0;
	size_t i;

	json_array_foreach(jobs, i, job) {
		if (number(job, "error") != 0)
			return false;
		for (size_t d = 0; d < ARRAY_SIZE(dirs); d++) {
			const json_t *dir = json_object_get(job, dirs[d]), *lat = json_object_get(dir, "lat_ns");
			double n = number(lat, "N");

			sum += n * number(lat, "mean");
			if (!strcmp(dirs[d], "sync"))
				continue;
			ops += n;
			p999 = fmax(p999, number(json_object_get(json_object_get(dir, "clat_ns"), "percentile"),
						 "99.900000"));
		}
		depth += option(fio, job, "iodepth") *
			 (json_array_size(jobs) == 1 ? option(fio, job, "numjobs") : 1);
	}
	if (ops < 1 || depth < 1)
		return false;
	*ret = (struct figures){ ops, sum / ops / depth, p999 };
	return true;
}

static int names_from(struct gate *g, const json_t *list, char names[][NAME_LEN], size_t max,
		      size_t *nr)
{
	const json_t *v;
	size_t i;

	json_array_foreach(list, i, v) {
		const char *s = json_string_value(v);

		if (!s || !*s || strlen(s) >= NAME_LEN || *nr == max)
			return fail(g, "the guest's list of arms or workloads makes no sense");
		snprintf(names[(*nr)++], NAME_LEN, "%s", s);
	}
	return 0;
}

static int take_head(struct gate *g, const json_t *o)
{
	static const char *const keys[] = { "release", "fio", "libbpf" };

	if (g->results)
		return fail(g, "two heads");
	snprintf(g->kernel, sizeof(g->kernel), "%s", string(o, "kernel"));
	g->fingerprint = json_object();
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
		json_object_set_new(g->fingerprint, i ? keys[i] : "kernel",
				    json_string(string(o, keys[i])));
	if (names_from(g, json_object_get(o, "arms"), g->arms, MAX_ARMS, &g->nr_arms) ||
	    names_from(g, json_object_get(o, "workloads"), g->workloads, MAX_WORKLOADS,
		       &g->nr_workloads))
		return -1;
	if (!g->nr_arms || !g->nr_workloads)
		return fail(g, "no arms, or no workloads");
	g->results = calloc(g->nr_arms * g->nr_workloads, sizeof(*g->results));
	if (!g->results)
		return fail(g, "out of memory");
	for (size_t a = 0; a < g->nr_arms; a++)
		for (size_t w = 0; w < g->nr_workloads; w++) {
			struct gate_result *r = gate_result(g, a, w);

			r->arm = g->arms[a];
			r->workload = g->workloads[w];
			r->budget_pct = r->was_extra_ns = r->was_tracer_ns = NAN;
			r->extra_ns = r->loss_pct = r->p999_pct = NAN;
		}
	return 0;
}

static int take_cell(struct gate *g, struct cells *c, const json_t *o)
{
	size_t w = find(g->workloads, g->nr_workloads, string(o, "workload"));
	const char *arm = string(o, "arm");
	struct cell *cell;
	struct figures now;

	if (w == g->nr_workloads)
		return fail(g, "a cell of workload '%s', which was not asked for", string(o, "workload"));
	if (strcmp(arm, "base")) {
		size_t a = find(g->arms, g->nr_arms, arm);

		if (a == g->nr_arms)
			return fail(g, "a cell of arm '%s', which was not asked for", arm);
		c->round = 2 * a + 1;
	}
	if (c->round > 2 * g->nr_arms)
		return fail(g, "more rounds than arms");
	cell = &c->v[c->round][w];
	if (cell->reps == MAX_REPS)
		return fail(g, "%s %s: measured too often", string(o, "workload"), arm);
	if (!fio_figures(json_object_get(o, "fio"), &now))
		return fail(g, "%s %s: fio failed", string(o, "workload"), arm);
	cell->cpu_ns = (cell->cpu_ns * cell->ops + number(o, "arm_cpu_ns")) / (cell->ops + now.ops);
	cell->p999_ns = (cell->p999_ns * cell->ops + now.p999_ns * now.ops) / (cell->ops + now.ops);
	cell->ops += now.ops;
	cell->ns[cell->reps++] = now.ns;
	return 0;
}

/* The end of an arm that started or did not: the next base is another round. */
static int take_end(struct gate *g, struct cells *c, json_t *o)
{
	size_t a = find(g->arms, g->nr_arms, string(o, "arm"));

	if (a == g->nr_arms || c->ends[a])
		return fail(g, "an end of arm '%s'", string(o, "arm"));
	c->ends[a] = json_incref(o);
	c->round = 2 * a + 2;
	return 0;
}

static double above_0(double v)
{
	return v > 0 ? v : NAN;
}

static int take_programs(struct gate *g, const json_t *o)
{
	size_t a = find(g->arms, g->nr_arms, string(o, "arm"));
	size_t w = find(g->workloads, g->nr_workloads, string(o, "workload"));
	const json_t *before = json_object_get(o, "before"), *p, *q;
	struct gate_result *r;
	struct figures part;
	double ops = 0;
	size_t i, j;

	json_array_foreach(json_object_get(o, "fio"), i, p)
		if (fio_figures(p, &part))
			ops += part.ops;
	if (a == g->nr_arms || w == g->nr_workloads || ops < 1)
		return fail(g, "a line of programs that makes no sense");
	r = gate_result(g, a, w);
	json_array_foreach(json_object_get(o, "after"), i, p) {
		double runs = number(p, "runs"), run_ns = number(p, "run_ns");
		struct gate_program *to = &r->programs[r->nr_programs];

		json_array_foreach(before, j, q)
			if (number(q, "id") == number(p, "id")) {
				runs -= number(q, "runs");
				run_ns -= number(q, "run_ns");
			}
		if (r->nr_programs == MAX_PROGRAMS)
			return fail(g, "more than %d programs", MAX_PROGRAMS);
		snprintf(to->name, sizeof(to->name), "%s", string(p, "name"));
		to->runs = runs / ops;
		to->ns = runs < 1 ? NAN : run_ns / runs;
		to->insns = above_0(number(p, "insns"));
		to->jited_bytes = above_0(number(p, "jited_bytes"));
		r->nr_programs++;
	}
	return 0;
}

static int take_line(struct gate *g, struct cells *c, json_t *o)
{
	const char *type = string(o, "type");

	if (!strcmp(type, "head"))
		return take_head(g, o);
	if (!g->results)
		return fail(g, "a line before the head");
	if (!strcmp(type, "cell"))
		return take_cell(g, c, o);
	if (!strcmp(type, "arm"))
		return take_end(g, c, o);
	if (!strcmp(type, "programs"))
		return take_programs(g, o);
	if (strcmp(type, "end"))
		return fail(g, "a line of type '%s'", type);
	c->complete = true;
	return 0;
}

static double mean(const struct cell *c)
{
	double sum = 0;

	for (size_t i = 0; i < c->reps; i++)
		sum += c->ns[i];
	return sum / (double)c->reps;
}

/* What an arm adds to the bases around it. */
static double difference(const struct cell *arm, const struct cell *b0, const struct cell *b1)
{
	return mean(arm) - (mean(b0) + mean(b1)) / 2;
}

static void spread(struct gate *g, const struct cells *c, size_t w)
{
	const struct cell *first = &c->v[0][w];
	double min = 0, max = 0;

	for (size_t i = 0; i <= g->nr_arms; i++) {
		const struct cell *b = &c->v[2 * i][w];
		double d;

		if (!b->reps || b->reps != first->reps)
			continue;
		d = difference(b, first, first);
		min = fmin(min, d);
		max = fmax(max, d);
	}
	g->spread_pct[w] = first->reps ? 100 * (max - min) / mean(first) : NAN;
}

static void compare(struct gate_result *r, const struct cell *b0, const struct cell *arm,
		    const struct cell *b1)
{
	double base = (mean(b0) + mean(b1)) / 2, ns = base + difference(arm, b0, b1);

	r->base_iops = 1e9 / base;
	r->iops = 1e9 / ns;
	r->loss_pct = 100 * (1 - base / ns);
	r->extra_ns = ns - base;
	r->tracer_ns = arm->cpu_ns;
	r->p999_pct = 100 * (2 * arm->p999_ns / (b0->p999_ns + b1->p999_ns) - 1);
	r->spread_pct = 100 * fabs(difference(b0, b1, b1)) / base;
}

static bool is_tier(const char *arm)
{
	static const char *const tiers[] = { "block", "vfs", "filemap", "full" };

	for (size_t i = 0; i < ARRAY_SIZE(tiers); i++)
		if (!strcmp(arm, tiers[i]))
			return true;
	return false;
}

/* A tier that measures less costs less: it must have seen what the workloads did. */
static void check_seen(const struct gate *g, size_t a, const struct cells *c, char *why)
{
	const json_t *summary = json_object_get(c->ends[a], "summary"), *coverage, *v;
	double want = 0, seen, lost = 0;
	const char *key;

	if (!is_tier(g->arms[a]))
		return;
	coverage = json_object_get(summary, "coverage");
	seen = number(json_object_get(coverage, "requests"), "finished");
	for (size_t w = 0; w < g->nr_workloads; w++)
		if (!strcmp(g->workloads[w], "W1") || !strcmp(g->workloads[w], "W2"))
			want += c->v[2 * a + 1][w].ops;
	if (!coverage) {
		snprintf(why, WHY_LEN, "no summary at its end");
		return;
	}
	json_object_foreach((json_t *)json_object_get(coverage, "lost"), key, v)
		lost += json_number_value(v);
	if (lost > 0)
		snprintf(why, WHY_LEN, "lost %.0f requests or operations", lost);
	if (seen + lost < want)
		snprintf(why, WHY_LEN, "saw %.0f requests of %.0f", seen, want);
}

/* Requests that a tier has counted, or what another tracer's output says. */
static double events_seen(const json_t *end)
{
	const json_t *requests = json_object_get(json_object_get(json_object_get(end, "summary"), "coverage"), "requests");
	const json_t *seen = json_object_get(end, "seen");

	if (json_is_number(seen))
		return json_number_value(seen);
	return requests ? number(requests, "finished") : NAN;
}

static void finish_arm(struct gate *g, size_t a, const struct cells *c)
{
	g->seen[a] = events_seen(c->ends[a]);
	for (size_t w = 0; w < g->nr_workloads; w++) {
		const struct cell *b0 = &c->v[2 * a][w], *arm = b0 + MAX_WORKLOADS,
				  *b1 = arm + MAX_WORKLOADS;
		struct gate_result *r = gate_result(g, a, w);
		const char *why = string(c->ends[a], "why");

		if (*why)
			snprintf(r->why, sizeof(r->why), "%s", why);
		else if (json_is_number(json_object_get(c->ends[a], "seen")) && g->seen[a] < 1)
			snprintf(r->why, sizeof(r->why), "it showed no event");
		else if (!b0->reps || !arm->reps || !b1->reps)
			snprintf(r->why, sizeof(r->why), "not measured");
		else if (b0->ops != arm->ops || b1->ops != arm->ops || b0->reps != arm->reps ||
			 b1->reps != arm->reps)
			snprintf(r->why, sizeof(r->why), "%.0f operations, its bases had %.0f and %.0f",
				 arm->ops, b0->ops, b1->ops);
		else
			compare(r, b0, arm, b1);
		if (r->why[0]) {
			r->verdict = GATE_ERROR;
			continue;
		}
		check_seen(g, a, c, r->why);
		if (r->why[0])
			r->verdict = GATE_FAIL;
	}
}

int gate_read(struct gate *g, FILE *raw)
{
	struct cells *c = calloc(1, sizeof(*c));
	_cleanup_free_ char *line = NULL;
	size_t size = 0;
	int err = 0;

	memset(g, 0, sizeof(*g));
	if (!c)
		return fail(g, "out of memory");
	for (unsigned int n = 1; !err && getline(&line, &size, raw) > 0; n++) {
		json_error_t e;
		json_t *o = json_loads(line, 0, &e);

		err = o ? take_line(g, c, o) : fail(g, "line %u is not JSON: %s", n, e.text);
		json_decref(o);
	}
	if (!err && !g->results)
		err = fail(g, "the guest said nothing");
	for (size_t a = 0; g->results && a < g->nr_arms; a++)
		finish_arm(g, a, c);
	for (size_t w = 0; g->results && w < g->nr_workloads; w++)
		spread(g, c, w);
	if (!err && !c->complete)
		err = fail(g, "the guest did not come to its end");
	for (size_t a = 0; a < MAX_ARMS; a++)
		json_decref(c->ends[a]);
	free(c);
	return err;
}

void gate_release(struct gate *g)
{
	json_decref(g->fingerprint);
	free(g->results);
	g->results = NULL;
	g->fingerprint = NULL;
}
