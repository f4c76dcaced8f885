/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "meter.h"

#include <errno.h>
#include <stdlib.h>

#include "bench/cpu.h"
#include "bench/stop.h"
#include "tracer/base/cleanup.h"

int meter_open(struct undo *u, struct meter *ret)
{
	_cleanup_free_ unsigned int *cpus = NULL;
	struct cpu_snapshot now = { 0 };
	int err = groups_open(u, &ret->groups);

	if (!err)
		err = cpu_snapshot_take(&now);
	if (!err) {
		cpus = calloc(now.nr + 1, sizeof(*cpus));
		err = cpus ? 0 : -ENOMEM;
	}
	for (unsigned int i = 0; i < now.nr && !err; i++)
		cpus[i] = now.core[i].id;
	if (!err)
		err = pmu_open(&pmu_kernel, cpus, now.nr, &ret->pmu);
	energy_open("/sys/class/powercap", &ret->energy);
	cpu_snapshot_free(&now);
	return err;
}

void meter_close(struct meter *m)
{
	pmu_close(&m->pmu);
}

json_t *meter_json(const struct meter *m)
{
	return json_pack("{s:s, s:b, s:s, s:i}", "cpu_groups", m->groups.on ? "cgroup" : "proc", "pmu",
			 (int)(m->pmu.nr_cpus > 0), "pmu_absent", m->pmu.absent, "energy_packages",
			 (int)m->energy.nr);
}

static int take_counters(const struct meter *m, struct meter_edge *e)
{
	energy_read(&m->energy, &e->energy);
	e->when_ns = now_ns();
	return m->pmu.nr_cpus ? pmu_read(&m->pmu, &e->pmu) : 0;
}

#define CPU_DIR "/sys/devices/system/cpu"

static int take_groups(const struct meter *m, const pid_t root[GROUP_NR], struct meter_edge *e)
{
	int err = tasks_take("/proc", &e->tasks);

	throttle_read(CPU_DIR, &e->throttle);
	e->has_groups = !err;
	for (int i = 0; i < GROUP_NR && e->has_groups; i++) {
		if (m->groups.on)
			e->has_groups = !groups_read(&m->groups, i, &e->group[i]);
		else if (root[i])
			e->group[i] = tasks_tree(&e->tasks, root[i]);
	}
	return err == -ENOMEM ? err : 0;
}

int meter_edge_take(const struct meter *m, pid_t workload, pid_t tracer, bool last, struct meter_edge *ret)
{
	const pid_t root[] = { [GROUP_WORKLOAD] = workload, [GROUP_TRACER] = tracer };
	struct meter_edge e = { 0 };
	int err = last ? take_counters(m, &e) : take_groups(m, root, &e);

	if (!err)
		err = last ? take_groups(m, root, &e) : take_counters(m, &e);
	if (err) {
		meter_edge_free(&e);
		return err;
	}
	*ret = e;
	return 0;
}

void meter_edge_free(struct meter_edge *e)
{
	tasks_free(&e->tasks);
	pmu_sample_free(&e->pmu);
}

static uint64_t grown(uint64_t from, uint64_t to)
{
	return to > from ? to - from : 0;
}

struct meter_usage meter_between(const struct meter *m, const struct meter_edge *from, const struct meter_edge *to,
				 bool has_tracer)
{
	struct meter_usage u = {
		.has_groups = from->has_groups && to->has_groups,
		.has_tracer = has_tracer,
		.by_cgroup = m->groups.on,
	};

	for (int i = 0; i < GROUP_NR && u.has_groups; i++) {
		u.group[i].user_ns = grown(from->group[i].user_ns, to->group[i].user_ns);
		u.group[i].system_ns = grown(from->group[i].system_ns, to->group[i].system_ns);
	}
	if (u.has_groups)
		u.kthreads_ns = tasks_kernel_between(&from->tasks, &to->tasks);
	u.has_pmu = pmu_between(&from->pmu, &to->pmu, u.pmu);
	u.has_energy = energy_between(&m->energy, &from->energy, &to->energy, to->when_ns - from->when_ns, &u.energy_uj);
	u.has_throttle = throttle_between(&from->throttle, &to->throttle, &u.core_throttles, &u.package_throttles);
	return u;
}

static json_t *group_json(const struct group_time *t)
{
	return json_pack("{s:I, s:I}", "user_ns", (json_int_t)t->user_ns, "system_ns", (json_int_t)t->system_ns);
}

static json_t *count_or_null(bool has, uint64_t v)
{
	return has ? json_integer((json_int_t)v) : json_null();
}

json_t *meter_usage_json(const struct meter_usage *u)
{
	return json_pack("{s:s?, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "source",
			 !u->has_groups ? NULL : u->by_cgroup ? "cgroup" : "proc", "workload",
			 u->has_groups ? group_json(&u->group[GROUP_WORKLOAD]) : json_null(), "tracer",
			 u->has_groups && u->has_tracer ? group_json(&u->group[GROUP_TRACER]) : json_null(),
			 "kthreads_ns", count_or_null(u->has_groups, u->kthreads_ns), "cycles",
			 count_or_null(u->has_pmu, u->pmu[PMU_CYCLES]), "instructions",
			 count_or_null(u->has_pmu, u->pmu[PMU_INSTRUCTIONS]), "energy_uj",
			 count_or_null(u->has_energy, u->energy_uj), "core_throttles",
			 count_or_null(u->has_throttle, u->core_throttles), "package_throttles",
			 count_or_null(u->has_throttle, u->package_throttles));
}
