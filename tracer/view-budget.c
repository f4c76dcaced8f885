/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the governor did (--budget), in both forms of a report. */
#include "tracer/base/parse.h"
#include "view.h"
#include "view-json.h"

#define W 32

static json_t *steps_json(const struct governor *g)
{
	u64 n = g->steps_down + g->steps_up;
	json_t *list = json_array();

	for (u64 i = 0; i < n && i < MAX_GOVERNOR_STEPS; i++)
		json_array_append_new(list, json_pack("{s:I,s:s,s:s,s:f}", "at_ns", (json_int_t)g->steps[i].at_ns, "from",
						      tier_names[g->steps[i].from], "to", tier_names[g->steps[i].to],
						      "cost_pct", 100 * g->steps[i].cost));
	return list;
}

json_t *view_json_budget(const struct governor *g, u64 now_ns)
{
	json_t *o, *in_tier;

	if (!g)
		return json_null();
	o = json_pack("{s:f,s:f,s:s,s:b,s:b,s:I,s:I,s:I}", "budget_pct", 100 * g->budget, "cost_pct", 100 * g->cost, "tier",
		      tier_names[g->tier], "over", g->over, "stuck", g->stuck, "steps_down", (json_int_t)g->steps_down,
		      "steps_up", (json_int_t)g->steps_up, "operations_cut", (json_int_t)g->operations_cut);
	in_tier = json_object();
	for (int t = 0; t <= (int)g->top; t++)
		json_object_set_new(in_tier, tier_names[t], json_integer((json_int_t)governor_in_tier(g, t, now_ns)));
	json_object_set_new(o, "in_tier_ns", in_tier);
	json_object_set_new(o, "steps", steps_json(g));
	return o;
}

void view_text_budget(FILE *out, const struct governor *g, u64 now_ns)
{
	char time[W];

	fprintf(out, "budget    %.4g%%: tracing takes %.2f%% of the processor time in use, at tier %s%s%s\n", 100 * g->budget,
		100 * g->cost, tier_names[g->tier], g->over ? ", the lowest there is" : "",
		g->stuck ? "; this kernel lets no program be attached again" : "");
	fprintf(out, "          steps down %llu, up %llu; time in", (unsigned long long)g->steps_down,
		(unsigned long long)g->steps_up);
	for (int t = (int)g->top; t >= 0; t--) {
		u64 ns = governor_in_tier(g, t, now_ns);

		if (ns)
			fprintf(out, " %s %s", tier_names[t], fmt_duration(ns, time, W));
	}
	if (g->operations_cut)
		fprintf(out, "; operations cut short, not counted: %llu", (unsigned long long)g->operations_cut);
	fprintf(out, "\n");
}
