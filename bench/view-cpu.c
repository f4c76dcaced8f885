/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What is behind the figures of a set: rounds that were not quite as they should
 * be; the CPU, per I/O at three loads, whose it was, by kind and core, and which
 * BPF program took it. Reported, not judged.
 */
#include <math.h>

#include "bench/grid.h"
#include "bench/view.h"
#include "tracer/base/parse.h"

/* At the end of the columns: what is left of COLUMN_NS_PER_IO. */
#define OTHERS COLUMN_NR

static const struct cpu_column {
	const char *title, *key;	/* no title: that of its load */
	unsigned int column;
	double unit;		/* 0: a duration in ns */
	const char *none;	/* not measured */
} columns[] = {
	{ NULL, "cpu_ns_per_io_low", COLUMN_NS_PER_IO_LOW, 0, "-" },
	{ NULL, "cpu_ns_per_io_fixed", COLUMN_NS_PER_IO, 0, "-" },
	{ NULL, "cpu_ns_per_io_saturation", COLUMN_NS_PER_IO_FULL, 0, "-" },
	{ "workload user", "workload_user_ns_per_io", COLUMN_WORKLOAD_USER_NS, 0, "-" },
	{ "system", "workload_system_ns_per_io", COLUMN_WORKLOAD_SYSTEM_NS, 0, "-" },
	{ "tracer", "tracer_ns_per_io", COLUMN_TRACER_NS, 0, "-" },
	{ "kernel threads", "kthreads_ns_per_io", COLUMN_KTHREADS_NS, 0, "-" },
	{ "others", "others_ns_per_io", OTHERS, 0, "-" },
	{ "cycles", "cycles_per_io", COLUMN_CYCLES, 1, "absent" },
	{ "instructions", "instructions_per_io", COLUMN_INSTRUCTIONS, 1, "absent" },
	{ "energy uJ", "energy_nj_per_io", COLUMN_ENERGY_NJ, 1000, "absent" },
};
#define NR_COLUMNS (sizeof(columns) / sizeof(columns[0]))

static const struct {
	const char *title, *key;
} kinds[KIND_NR] = {
	[KIND_USER] = { "user", "user_pct" },		[KIND_SYSTEM] = { "system", "system_pct" },
	[KIND_IRQ] = { "irq", "irq_pct" },		[KIND_SOFTIRQ] = { "softirq", "softirq_pct" },
	[KIND_STEAL] = { "steal", "steal_pct" },
};

static double value(const struct table *t, const struct cpu_column *c, unsigned int arm)
{
	double tracer = table_median(t, COLUMN_TRACER_NS, arm), left;

	if (c->column != OTHERS)
		return table_median(t, c->column, arm);
	left = table_median(t, COLUMN_NS_PER_IO, arm) - table_median(t, COLUMN_WORKLOAD_USER_NS, arm) -
	       table_median(t, COLUMN_WORKLOAD_SYSTEM_NS, arm) - table_median(t, COLUMN_KTHREADS_NS, arm) -
	       (isnan(tracer) ? 0 : tracer);
	return left < 0 ? 0 : left; /* the parts are not read at the same instant */
}

/* Without a fixed rate that pass is one at saturation too. */
static double share_value(const struct report_set *s, const struct cpu_column *c, unsigned int arm)
{
	return c->column == COLUMN_NS_PER_IO && s->outcome.no_rate[0] ? NAN : value(&s->outcome.table, c, arm);
}

static bool has_rounds(const struct report_set *s, unsigned int arm)
{
	return s->outcome.table.nr_rounds && !isnan(table_median(&s->outcome.table, COLUMN_NS_PER_IO, arm));
}

/* What the rates of a set come to, for titles. */
struct loads {
	char low[24], fixed[24], by_kind[40];
	const char *full;
};

static double fixed_iops(const struct set_outcome *o)
{
	return o->no_rate[0] ? 0 : o->rate_iops;
}

static struct loads name_loads(const struct set_outcome *o)
{
	struct loads l = { .full = o->open_loop ? "own rate" : "saturated" };

	view_load(o, o->low_iops, "low rate", l.low, sizeof(l.low));
	view_load(o, fixed_iops(o), "fixed rate", l.fixed, sizeof(l.fixed));
	snprintf(l.by_kind, sizeof(l.by_kind), "CPU %% at %s", o->no_rate[0] ? "saturation" : l.fixed);
	return l;
}

static const char *column_title(const struct cpu_column *c, const struct loads *l)
{
	if (c->title)
		return c->title;
	return c->column == COLUMN_NS_PER_IO_FULL ? l->full : c->column == COLUMN_NS_PER_IO ? l->fixed : l->low;
}

static struct grid per_io(const struct report *r, const struct report_set *s, const struct loads *l)
{
	struct grid g = { .caption = "CPU per I/O" };

	grid_column(&g, "arm");
	for (size_t c = 0; c < NR_COLUMNS; c++)
		grid_column(&g, column_title(&columns[c], l));
	for (unsigned int a = 0; a < r->arms->nr; a++) {
		if (!has_rounds(s, a))
			continue;
		grid_add(&g, "%s", r->arms->v[a].name);
		for (size_t c = 0; c < NR_COLUMNS; c++) {
			double v = share_value(s, &columns[c], a);
			char text[32];

			if (isnan(v))
				grid_add(&g, "%s", columns[c].none);
			else if (columns[c].unit > 0)
				grid_add(&g, "%.*f", columns[c].unit > 1 ? 1 : 0, v / columns[c].unit);
			else
				grid_add(&g, "%s", fmt_duration((uint64_t)v, text, sizeof(text)));
		}
	}
	return g;
}

static void add_percent(struct grid *g, double v)
{
	if (isnan(v))
		grid_add(g, "-");
	else
		grid_add(g, "%.1f", v);
}

static bool is_stamped(const struct table *t, unsigned int arm)
{
	return table_count(t, COLUMN_STAMPED, arm) == table_rounds(t, arm);
}

/* By idle stamps, where all rounds had them, and by ticks: two ways to one figure. */
static void kind_row(struct grid *g, const struct report_set *s, unsigned int arm, int core)
{
	const struct table *t = &s->outcome.table;
	double ticks = 0;

	for (int k = 0; k < KIND_NR; k++)
		ticks += table_kind(t, k, arm, core);
	add_percent(g, is_stamped(t, arm) ? table_busy(t, arm, core) : NAN);
	add_percent(g, ticks);
	for (int k = 0; k < KIND_NR; k++)
		add_percent(g, table_kind(t, k, arm, core));
}

static struct grid by_kind(const struct report *r, const struct report_set *s, bool cores, const struct loads *l)
{
	const struct table *t = &s->outcome.table;
	struct grid g = { .caption = l->by_kind };

	grid_column(&g, "arm");
	grid_column(&g, "busy");
	grid_column(&g, "busy by ticks");
	for (int k = 0; k < KIND_NR; k++)
		grid_column(&g, kinds[k].title);
	for (unsigned int a = 0; a < r->arms->nr; a++) {
		if (!has_rounds(s, a))
			continue;
		grid_add(&g, "%s", r->arms->v[a].name);
		kind_row(&g, s, a, -1);
		for (unsigned int c = 0; c < t->nr_cores && cores; c++) {
			grid_add(&g, "%s, core %u", r->arms->v[a].name, t->core_id[c]);
			kind_row(&g, s, a, (int)c);
		}
	}
	return g;
}

static struct grid programs(const struct report *r, const struct report_set *s)
{
	struct grid g = { .caption = "BPF programs" };

	grid_column(&g, "program");
	grid_column(&g, "arm");
	grid_column(&g, "runs per I/O");
	grid_column(&g, "ns per run");
	grid_column(&g, "ns per I/O");
	grid_column(&g, "missed");
	for (unsigned int a = 0; a < r->arms->nr; a++) {
		const struct attribution *at = s->outcome.attribution[a];

		for (unsigned int i = 0; at && !at->fault[0] && i < at->nr; i++) {
			const struct bpf_program *p = &at->program[i];

			grid_add(&g, "%s", p->name);
			grid_add(&g, "%s", r->arms->v[a].name);
			grid_add(&g, "%.2f", (double)p->runs / (double)at->ios);
			grid_add(&g, "%.0f", p->runs ? (double)p->run_ns / (double)p->runs : 0);
			grid_add(&g, "%.0f", (double)p->run_ns / (double)at->ios);
			grid_add(&g, "%llu", (unsigned long long)p->missed);
		}
	}
	return g;
}

static struct grid no_programs(const struct report *r, const struct report_set *s)
{
	struct grid g = { .caption = "BPF programs: not measured" };

	grid_column(&g, "arm");
	grid_column(&g, "why");
	for (unsigned int a = 0; a < r->arms->nr; a++) {
		const struct attribution *at = s->outcome.attribution[a];

		if (!at || !at->fault[0])
			continue;
		grid_add(&g, "%s", r->arms->v[a].name);
		grid_add(&g, "%s", at->fault);
	}
	return g;
}

/* The tracers' own processes; of the cells that count. */
static struct grid processes(const struct report *r, const struct report_set *s)
{
	struct grid g = { .caption = "Tracers' own processes" };

	grid_column(&g, "arm");
	grid_column(&g, "CPU % of a core, at most");
	grid_column(&g, "peak memory");
	grid_column(&g, "printed per cell");
	for (unsigned int a = 0; a < r->arms->nr; a++) {
		const struct arm_figures *f = &s->outcome.figures[a];
		char text[32];

		if (!has_rounds(s, a) || !f->nr_traced)
			continue;
		grid_add(&g, "%s", r->arms->v[a].name);
		grid_add(&g, "%.2f", f->tracer_cpu_pct);
		grid_add(&g, "%s", fmt_size(f->tracer_rss_bytes, text, sizeof(text)));
		grid_add(&g, "%s", fmt_size(f->output_bytes / f->nr_traced, text, sizeof(text)));
	}
	return g;
}

/* Only the arms that have some. */
static struct grid doubts(const struct report *r, const struct report_set *s)
{
	const struct table *t = &s->outcome.table;
	struct grid g = { .caption = "Doubtful rounds" };

	grid_column(&g, "arm");
	grid_column(&g, "rounds");
	grid_column(&g, "rate missed");
	grid_column(&g, "unsteady");
	grid_column(&g, "udev at work");
	for (unsigned int a = 0; a < r->arms->nr; a++) {
		unsigned int missed = table_count(t, COLUMN_RATE_MISSED, a), unsteady = table_count(t, COLUMN_UNSTEADY, a),
			     uevents = table_count(t, COLUMN_UEVENTS, a);

		if (!(missed + unsteady + uevents))
			continue;
		grid_add(&g, "%s", r->arms->v[a].name);
		grid_add(&g, "%u", table_rounds(t, a));
		grid_add(&g, "%u", missed);
		grid_add(&g, "%u", unsteady);
		grid_add(&g, "%u", uevents);
	}
	return g;
}

static void show(const struct report *r, const struct report_set *s, bool cores, void (*print)(const struct grid *, FILE *),
		 FILE *f)
{
	struct loads l = name_loads(&s->outcome);
	struct grid all[] = { doubts(r, s), per_io(r, s, &l), by_kind(r, s, cores, &l), processes(r, s), programs(r, s),
			      no_programs(r, s) };

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		if (all[i].nr_cells)
			print(&all[i], f);
		grid_free(&all[i]);
	}
}

void view_cpu_text(const struct report *r, const struct report_set *s, FILE *f)
{
	show(r, s, false, grid_text, f);
}

void view_cpu_md(const struct report *r, const struct report_set *s, FILE *f)
{
	show(r, s, true, grid_md, f);
}

void view_cpu_html(const struct report *r, const struct report_set *s, FILE *f)
{
	show(r, s, true, grid_html, f);
}

static json_t *number_or_null(double v)
{
	return isfinite(v) ? json_real(v) : json_null();
}

static json_t *load_json(const struct set_outcome *o, double iops)
{
	return iops > 0 && o->off_iops > 0 ? json_real(100 * iops / o->off_iops) : json_null();
}

static json_t *kinds_json(const struct table *t, unsigned int arm)
{
	json_t *cores = json_array();

	for (int core = -1; core < (int)t->nr_cores; core++) {
		json_t *o = json_pack("{s:o, s:o}", "core",
				      core < 0 ? json_null() : json_integer(t->core_id[core]), "busy_pct",
				      number_or_null(table_busy(t, arm, core)));

		for (int k = 0; k < KIND_NR; k++)
			json_object_set_new(o, kinds[k].key, number_or_null(table_kind(t, k, arm, core)));
		json_array_append_new(cores, o);
	}
	return cores;
}

static json_t *programs_json(const struct attribution *a)
{
	json_t *list;

	if (!a || a->fault[0])
		return json_null();
	list = json_array();
	for (unsigned int i = 0; i < a->nr; i++)
		json_array_append_new(list, json_pack("{s:s, s:f, s:f, s:I}", "name", a->program[i].name, "runs_per_io",
						      (double)a->program[i].runs / (double)a->ios, "ns_per_io",
						      (double)a->program[i].run_ns / (double)a->ios, "missed",
						      (json_int_t)a->program[i].missed));
	return list;
}

static json_t *process_json(const struct arm_figures *f)
{
	if (!f->nr_traced)
		return json_null();
	return json_pack("{s:f, s:I, s:I}", "max_cpu_pct", f->tracer_cpu_pct, "peak_rss_bytes",
			 (json_int_t)f->tracer_rss_bytes, "printed_bytes_per_cell",
			 (json_int_t)(f->output_bytes / f->nr_traced));
}

json_t *view_cpu_json(const struct report *r, const struct report_set *s, unsigned int arm)
{
	const struct arm_figures *f = &s->outcome.figures[arm];
	const struct attribution *at = s->outcome.attribution[arm];
	const struct table *t = &s->outcome.table;
	json_t *o;

	if (!has_rounds(s, arm))
		return NULL;
	o = json_pack("{s:s, s:s, s:s, s:s}", "workload", s->workload, "device", s->device, "scheduler", s->scheduler,
		      "arm", r->arms->v[arm].name);
	json_object_set_new(o, "low_load_pct", load_json(&s->outcome, s->outcome.low_iops));
	json_object_set_new(o, "fixed_load_pct", load_json(&s->outcome, fixed_iops(&s->outcome)));
	json_object_set_new(o, "iops_saturation", number_or_null(table_median(t, COLUMN_IOPS, arm)));
	for (size_t c = 0; c < NR_COLUMNS; c++)
		json_object_set_new(o, columns[c].key, number_or_null(value(t, &columns[c], arm)));
	json_object_set_new(o, "doubts",
			    json_pack("{s:i, s:i, s:i, s:i}", "rounds", (int)table_rounds(t, arm), "rate_missed",
				      (int)table_count(t, COLUMN_RATE_MISSED, arm), "unsteady",
				      (int)table_count(t, COLUMN_UNSTEADY, arm), "uevents",
				      (int)table_count(t, COLUMN_UEVENTS, arm)));
	json_object_set_new(o, "busy_source", json_string(is_stamped(t, arm) ? "timer_list" : "stat"));
	json_object_set_new(o, "cores", kinds_json(t, arm));
	json_object_set_new(o, "tracer", process_json(f));
	json_object_set_new(o, "programs", programs_json(at));
	json_object_set_new(o, "programs_absent", at && at->fault[0] ? json_string(at->fault) : json_null());
	return o;
}
