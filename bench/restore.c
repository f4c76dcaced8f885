/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "restore.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/file.h"

#define CORES_MAX 8192

static void restore_fault(struct reader *r, const json_t *o, char *buf, size_t len)
{
	snprintf(buf, len, "%s", rd_text(r, o, "fault"));
	text_clean(buf);
}

static int restore_cpu(struct reader *r, const json_t *o, struct cpu_usage *u)
{
	json_t *cores = rd_array(r, o, "cores"), *core;
	size_t i, nr = json_array_size(cores);

	u->window_ns = rd_count(r, o, "window_ns");
	u->exact = !strcmp(rd_text(r, o, "busy_source"), "timer_list");
	u->busy_ns = rd_count(r, o, "busy_ns");
	u->steal_ns = rd_count(r, o, "steal_ns");
	u->system_pct = rd_number(r, o, "system_pct");
	if (!r->err && (!nr || nr > CORES_MAX))
		rd_fail(r, "\"cores\" has %zu entries", nr);
	if (r->err)
		return r->err;
	u->core = calloc(nr, sizeof(*u->core));
	if (!u->core)
		return r->err = -ENOMEM;
	u->nr = (unsigned int)nr;
	json_array_foreach(cores, i, core)
		u->core[i] = (struct cpu_usage_core){
			.id = (unsigned int)rd_count(r, core, "cpu"),
			.busy_ns = rd_count(r, core, "busy_ns"),
			.user_ns = rd_count(r, core, "user_ns"),
			.system_ns = rd_count(r, core, "system_ns"),
			.irq_ns = rd_count(r, core, "irq_ns"),
			.softirq_ns = rd_count(r, core, "softirq_ns"),
			.idle_ns = rd_count(r, core, "idle_ns"),
			.iowait_ns = rd_count(r, core, "iowait_ns"),
			.steal_ns = rd_count(r, core, "steal_ns"),
		};
	return r->err;
}

static bool restore_group(struct reader *r, const json_t *o, const char *key, struct group_time *t)
{
	const json_t *group;

	if (!rd_has(o, key))
		return false;
	group = rd_object(r, o, key);
	*t = (struct group_time){ rd_count(r, group, "user_ns"), rd_count(r, group, "system_ns") };
	return true;
}

static void restore_usage(struct reader *r, const json_t *o, struct meter_usage *u)
{
	u->has_groups = restore_group(r, o, "workload", &u->group[GROUP_WORKLOAD]);
	u->has_tracer = restore_group(r, o, "tracer", &u->group[GROUP_TRACER]);
	u->has_pmu = rd_has(o, "cycles");
	u->has_energy = rd_has(o, "energy_uj");
	u->has_throttle = rd_has(o, "core_throttles");
	if (u->has_groups) {
		u->by_cgroup = !strcmp(rd_text(r, o, "source"), "cgroup");
		u->kthreads_ns = rd_count(r, o, "kthreads_ns");
	}
	if (u->has_pmu) {
		u->pmu[PMU_CYCLES] = rd_count(r, o, "cycles");
		u->pmu[PMU_INSTRUCTIONS] = rd_count(r, o, "instructions");
	}
	if (u->has_energy)
		u->energy_uj = rd_count(r, o, "energy_uj");
	if (u->has_throttle) {
		u->core_throttles = rd_count(r, o, "core_throttles");
		u->package_throttles = rd_count(r, o, "package_throttles");
	}
}

static unsigned int restore_flags(struct reader *r, const json_t *o)
{
	unsigned int flags = 0;
	json_t *flag;
	size_t i;

	json_array_foreach(rd_array(r, o, "flags"), i, flag) {
		const char *s = json_string_value(flag);

		flags |= s && !strcmp(s, "unsteady") ? PASS_UNSTEADY : 0;
		flags |= s && !strcmp(s, "rate_missed") ? PASS_RATE_MISSED : 0;
		flags |= s && !strcmp(s, "uevents") ? PASS_UEVENTS : 0;
	}
	return flags;
}

static int restore_pass(struct reader *r, const json_t *cell, const char *key, struct pass_result *p)
{
	const json_t *o, *latency;

	if (!rd_has(cell, key))
		return r->err;
	o = rd_object(r, cell, key);
	latency = rd_object(r, o, "latency");
	p->from_ms = rd_count(r, o, "start_ms");
	p->to_ms = rd_count(r, o, "end_ms");
	p->window_s = rd_number(r, o, "window_s");
	if (rd_has(o, "iops")) {
		p->ios = rd_number(r, o, "iops") * p->window_s;
		p->bytes = rd_has(o, "bytes") ? rd_count(r, o, "bytes") : 0;
	}
	if (rd_has(o, "target_iops"))
		p->target_iops = rd_number(r, o, "target_iops");
	p->disk_ios = rd_count(r, o, "disk_ios");
	p->tracer_cpu_ns = rd_count(r, o, "tracer_cpu_ns");
	p->tracer_rss_bytes = rd_count(r, o, "tracer_rss_bytes");
	p->flags = restore_flags(r, o);
	restore_fault(r, o, p->fault, sizeof(p->fault));
	fio_latency_get(r, latency, "read", "p999_ns", &p->fio.latency[FIO_READ]);
	fio_latency_get(r, latency, "write", "p999_ns", &p->fio.latency[FIO_WRITE]);
	fio_latency_get(r, latency, "sync", "p999_ns", &p->fio.latency[FIO_SYNC]);
	if (rd_has(o, "cpu"))
		restore_cpu(r, rd_object(r, o, "cpu"), &p->cpu);
	p->has_usage = rd_has(o, "usage");
	if (p->has_usage)
		restore_usage(r, rd_object(r, o, "usage"), &p->usage);
	return r->err;
}

static void restore_tracer(struct reader *r, const json_t *cell, struct cell *c)
{
	struct tracer_report *t = &c->tracer;
	const char *name;
	const json_t *o;
	json_t *sum;

	if (!rd_has(cell, "tracer"))
		return;
	o = rd_object(r, cell, "tracer");
	c->has_tracer = true;
	t->cpu_ns = rd_count(r, o, "cpu_ns");
	t->peak_rss_bytes = rd_count(r, o, "peak_rss_bytes");
	t->output_bytes = rd_count(r, o, "output_bytes");
	t->has_summary = rd_has(o, "traced_ios");
	if (t->has_summary) {
		t->traced_ios = rd_count(r, o, "traced_ios");
		t->lost = rd_count(r, o, "lost_total");
	}
	json_object_foreach(json_object_get(o, "stages_sum_ns"), name, sum) {
		if (!name[0] || name[strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_")] || !json_is_number(sum))
			rd_fail(r, "\"stages_sum_ns\" is not numbers by stage");
		else
			stage_add(t->stage, &t->nr_stages, name, json_number_value(sum));
	}
	restore_fault(r, o, t->fault, sizeof(t->fault));
}

static void check_pass(struct reader *r, const struct pass_result *p, const char *name)
{
	if (r->err)
		return;
	if (!(p->window_s > 0) || !(p->ios > 0))
		rd_fail(r, "a valid cell without I/Os in \"%s\"", name);
	else if (!p->cpu.nr || !p->cpu.window_ns || !p->cpu.busy_ns)
		rd_fail(r, "a valid cell without CPU time in \"%s\"", name);
}

/* Files of before "arm_fault" tell it by the tracer's own complaint. */
static bool is_arm_fault(struct reader *r, const json_t *o, const struct cell *c)
{
	if (rd_has(o, "arm_fault"))
		return rd_bool(r, o, "arm_fault");
	return c->fault[0] && ((c->has_tracer && !strcmp(c->tracer.fault, c->fault)) ||
			       (!c->has_tracer && !rd_has(o, "saturation")));
}

int cell_restore(struct reader *r, const json_t *o, struct cell *ret)
{
	struct cell c = { .took_ns = rd_count(r, o, "took_ns") };

	restore_fault(r, o, c.fault, sizeof(c.fault));
	if (!r->err && rd_bool(r, o, "valid") == (c.fault[0] != '\0'))
		rd_fail(r, "\"valid\" and \"fault\" contradict each other");
	restore_pass(r, o, "saturation", &c.saturation);
	restore_pass(r, o, "fixed_rate", &c.fixed);
	restore_pass(r, o, "low_rate", &c.low);
	restore_tracer(r, o, &c);
	c.tracer_fault = is_arm_fault(r, o, &c);
	if (!c.fault[0]) {
		check_pass(r, &c.saturation, "saturation");
		check_pass(r, &c.fixed, "fixed_rate");
	}
	if (!r->err)
		r->err = cell_take_core_pct(&c);
	if (r->err) {
		cell_free(&c);
		return r->err;
	}
	*ret = c;
	return 0;
}
