/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <ini.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "ci/gate/gate.h"
#include "tracer/base/cleanup.h"
#include "tracer/base/parse.h"

const char *gate_verdict_name(enum gate_verdict v)
{
	static const char *const names[] = { "-", "PASS", "FAIL", "ERROR" };

	return names[v];
}

__attribute__((format(printf, 2, 3))) static void add(char *text, const char *fmt, ...)
{
	size_t len = strlen(text);
	va_list ap;

	if (len && len < WHY_LEN - 3)
		len += (size_t)snprintf(text + len, WHY_LEN - len, "; ");
	va_start(ap, fmt);
	vsnprintf(text + len, WHY_LEN - len, fmt, ap);
	va_end(ap);
}

/* ---- ci/budget.ini ---- */

static bool set_tolerance(struct gate_tolerance *t, const char *key, double v)
{
	const struct {
		const char *key;
		double *to;
	} keys[] = { { "ns", &t->ns },
		     { "percent", &t->percent },
		     { "size_percent", &t->size_pct },
		     { "twin_percent", &t->twin_pct },
		     { "spread_percent", &t->spread_pct } };

	for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
		if (!strcmp(key, keys[i].key)) {
			*keys[i].to = v;
			return true;
		}
	return false;
}

/* [tolerance] for all, [tolerance W] for one, which must come later; [KERNEL W] arm = percent. */
static int on_key(void *user, const char *section, const char *key, const char *text)
{
	struct gate *g = user;
	char kernel[NAME_LEN], workload[NAME_LEN] = "";
	double v;

	if (parse_double(text, &v) || !isfinite(v) || v < 0 ||
	    sscanf(section, "%63s %63s", kernel, workload) < 1)
		return 0;
	for (size_t w = 0; w < g->nr_workloads; w++) {
		bool mine = !strcmp(workload, g->workloads[w]);

		if (!strcmp(kernel, "tolerance")) {
			struct gate_tolerance other;

			if (!set_tolerance(mine || !*workload ? &g->tolerance[w] : &other, key, v))
				return 0;
		} else if (mine && !strcmp(kernel, g->kernel)) {
			for (size_t a = 0; a < g->nr_arms; a++)
				if (!strcmp(key, g->arms[a]))
					gate_result(g, a, w)->budget_pct = v;
		}
	}
	return 1;
}

int gate_read_budget(struct gate *g, FILE *ini)
{
	int line;

	for (size_t w = 0; w < g->nr_workloads; w++)
		g->tolerance[w] = (struct gate_tolerance){ NAN, NAN, NAN, NAN, NAN };
	line = ini_parse_file(ini, on_key, g);
	if (line)
		snprintf(g->error, sizeof(g->error), "the budget's line %d makes no sense", line);
	for (size_t w = 0; !line && w < g->nr_workloads; w++) {
		const struct gate_tolerance *t = &g->tolerance[w];

		if (isnan(t->ns + t->percent + t->size_pct + t->twin_pct + t->spread_pct)) {
			snprintf(g->error, sizeof(g->error), "the budget has no tolerances for %s",
				 g->workloads[w]);
			line = 1;
		}
	}
	return line ? -1 : 0;
}

/* ---- the baseline ---- */

static double number_or_nan(const json_t *o, const char *key)
{
	const json_t *v = json_object_get(o, key);

	return json_is_number(v) ? json_number_value(v) : NAN;
}

static bool is(const json_t *o, const char *key, const char *want)
{
	const char *s = json_string_value(json_object_get(o, key));

	return s && !strcmp(s, want);
}

static void take_baseline(struct gate_result *r, const json_t *o)
{
	const json_t *p;
	size_t i;

	r->was_extra_ns = number_or_nan(o, "extra_ns_per_io");
	r->was_tracer_ns = number_or_nan(o, "tracer_ns_per_io");
	json_array_foreach(json_object_get(o, "programs"), i, p) {
		const char *name = json_string_value(json_object_get(p, "name"));

		if (!name || r->nr_was == MAX_PROGRAMS)
			continue;
		snprintf(r->was[r->nr_was].name, NAME_LEN, "%s", name);
		r->was[r->nr_was].runs = number_or_nan(p, "runs_per_io");
		r->was[r->nr_was].insns = number_or_nan(p, "insns");
		r->was[r->nr_was].jited_bytes = number_or_nan(p, "jited_bytes");
		r->was[r->nr_was++].ns = number_or_nan(p, "ns_per_run");
	}
}

int gate_set_baseline(struct gate *g, const json_t *baseline)
{
	const json_t *o, *list = json_object_get(baseline, "arms"), *v;
	const char *key;
	size_t i;

	if (json_integer_value(json_object_get(baseline, "schema")) != GATE_SCHEMA ||
	    !is(baseline, "kernel", g->kernel) || !json_is_array(list)) {
		snprintf(g->error, sizeof(g->error), "not a baseline for kernel %s", g->kernel);
		return -1;
	}
	json_array_foreach(list, i, o)
		for (size_t a = 0; a < g->nr_arms; a++)
			for (size_t w = 0; w < g->nr_workloads; w++)
				if (is(o, "arm", g->arms[a]) && is(o, "workload", g->workloads[w]))
					take_baseline(gate_result(g, a, w), o);
	json_object_foreach(g->fingerprint, key, v) {
		const char *was = json_string_value(
			json_object_get(json_object_get(baseline, "fingerprint"), key));

		if (was && !is(g->fingerprint, key, was))
			add(g->note, "baseline of another %s: %s, now %s", key, was,
			    json_string_value(v));
	}
	return 0;
}

/* ---- the verdict ---- */

static const struct gate_program *was_program(const struct gate_result *r, const char *name)
{
	for (size_t i = 0; i < r->nr_was; i++)
		if (!strcmp(r->was[i].name, name))
			return &r->was[i];
	return NULL;
}

static double ns_per_io(const struct gate_program *p)
{
	return isnan(p->ns) ? 0 : p->runs * p->ns;
}

static double growth(const struct gate_result *r, const struct gate_program *p)
{
	const struct gate_program *was = was_program(r, p->name);

	return ns_per_io(p) - (was ? ns_per_io(was) : 0);
}

/* The three programs that grew most, if by anything that matters. */
static void name_programs(struct gate_result *r, double least)
{
	bool told[MAX_PROGRAMS] = { false };

	for (int n = 0; n < 3; n++) {
		const struct gate_program *p = NULL, *was;
		double most = least;

		for (size_t i = 0; i < r->nr_programs; i++)
			if (!told[i] && growth(r, &r->programs[i]) >= most) {
				p = &r->programs[i];
				most = growth(r, p);
			}
		if (!p) {
			if (!n)
				add(r->why, "in no program: hooks, or the tracer's process");
			return;
		}
		told[p - r->programs] = true;
		was = was_program(r, p->name);
		if (was && !isnan(was->ns))
			add(r->why, "%+.0f ns in %s (%.2f runs of %.0f ns, was %.2f of %.0f)", most,
			    p->name, p->runs, p->ns, was->runs, was->ns);
		else
			add(r->why, "%+.0f ns in %s (%.2f runs of %.0f ns, did not run in the baseline)", most,
			    p->name, p->runs, p->ns);
	}
}

/* How far over the baseline @now may be. */
static double slack(const struct gate_tolerance *t, double was)
{
	return fmax(t->ns, t->percent / 100 * fabs(was));
}

static void decide_twin(struct gate_result *r, const struct gate_tolerance *t)
{
	r->verdict = fabs(r->loss_pct) <= t->twin_pct ? GATE_PASS : GATE_ERROR;
	if (r->verdict == GATE_ERROR)
		add(r->why, "nothing was attached, and yet %+.2f %% (at most %.2f): not to be trusted",
		    r->loss_pct, t->twin_pct);
}

/* What needs no quiet machine: how much code the kernel made of each program, and what it took to verify it. */
static void decide_sizes(struct gate_result *r, const struct gate_tolerance *t)
{
	for (size_t i = 0; i < r->nr_programs && r->verdict != GATE_ERROR; i++) {
		const struct gate_program *p = &r->programs[i], *was = was_program(r, p->name);
		const struct {
			double now, was;
			const char *unit;
		} sizes[] = { { p->insns, was ? was->insns : NAN, "instructions to verify" },
			      { p->jited_bytes, was ? was->jited_bytes : NAN, "bytes of code" } };

		for (size_t s = 0; s < ARRAY_SIZE(sizes); s++) {
			if (!(sizes[s].now > sizes[s].was * (1 + t->size_pct / 100)))
				continue;
			r->verdict = GATE_FAIL;
			add(r->why, "%s: %.0f %s, was %.0f (%.0f %% more allowed)", p->name, sizes[s].now, sizes[s].unit,
			    sizes[s].was, t->size_pct);
		}
	}
}

static void decide_result(struct gate_result *r, const struct gate_tolerance *t)
{
	if (r->verdict == GATE_ERROR)
		return;
	if (!strcmp(r->arm, "off2")) {
		decide_twin(r, t);
		return;
	}
	if (r->verdict == GATE_NONE && (!isnan(r->budget_pct) || !isnan(r->was_extra_ns)))
		r->verdict = GATE_PASS;
	if (r->loss_pct > r->budget_pct) {
		r->verdict = GATE_FAIL;
		add(r->why, "loses %.2f %%, %.2f points over its budget of %.2f %%", r->loss_pct,
		    r->loss_pct - r->budget_pct, r->budget_pct);
	}
	if (r->extra_ns > r->was_extra_ns + slack(t, r->was_extra_ns)) {
		r->verdict = GATE_FAIL;
		add(r->why, "%+.0f ns per I/O over the baseline of %.0f ns (%.0f allowed)",
		    r->extra_ns - r->was_extra_ns, r->was_extra_ns, slack(t, r->was_extra_ns));
		name_programs(r, fmin(slack(t, r->was_extra_ns), r->extra_ns - r->was_extra_ns) / 4);
	}
	if (r->tracer_ns > r->was_tracer_ns + slack(t, r->was_tracer_ns)) {
		r->verdict = GATE_FAIL;
		add(r->why, "its own process: %+.0f ns per I/O over the baseline of %.0f ns",
		    r->tracer_ns - r->was_tracer_ns, r->was_tracer_ns);
	}
	if (r->verdict == GATE_PASS && r->extra_ns < r->was_extra_ns - slack(t, r->was_extra_ns))
		add(r->why, "%.0f ns per I/O less than the baseline: time for make baseline",
		    r->was_extra_ns - r->extra_ns);
}

void gate_decide(struct gate *g)
{
	g->verdict = g->error[0] ? GATE_ERROR : GATE_NONE;
	for (size_t w = 0; g->results && w < g->nr_workloads; w++) {
		if (!g->error[0] && g->spread_pct[w] > g->tolerance[w].spread_pct) {
			g->verdict = GATE_ERROR;
			add(g->note, "%s: the baselines differ by %.2f %% (at most %.2f): not to be trusted",
			    g->workloads[w], g->spread_pct[w], g->tolerance[w].spread_pct);
		}
		for (size_t a = 0; a < g->nr_arms; a++) {
			struct gate_result *r = gate_result(g, a, w);

			if (!g->error[0])
				decide_result(r, &g->tolerance[w]);
			if (!g->error[0] && !w) /* they are the same in each workload */
				decide_sizes(r, &g->tolerance[w]);
			if (r->verdict > g->verdict)
				g->verdict = r->verdict;
		}
	}
}

int gate_exit_code(const struct gate *g)
{
	return g->verdict == GATE_ERROR ? 5 : g->verdict == GATE_FAIL;
}
