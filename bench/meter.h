/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What is read at both edges of a window beside the CPU time of the machine:
 * whose it was, cycles and instructions, energy, heat. Each is there or absent;
 * none is needed.
 */
#ifndef BENCH_METER_H
#define BENCH_METER_H

#include <jansson.h>
#include <stdbool.h>

#include "bench/energy.h"
#include "bench/group.h"
#include "bench/pmu.h"
#include "bench/throttle.h"

struct meter {
	struct groups groups;
	struct pmu pmu;
	struct energy energy;
};

/* Cgroups are taken down by @u. */
int meter_open(struct undo *u, struct meter *ret);
void meter_close(struct meter *m);
/* What there is, for the header of a result file. */
json_t *meter_json(const struct meter *m);

struct meter_edge {
	uint64_t when_ns;
	struct group_time group[GROUP_NR];
	bool has_groups;
	struct tasks tasks;
	struct throttle_sample throttle;
	struct pmu_sample pmu;
	struct energy_sample energy;
};

/*
 * @tracer 0: there is none. The window lies behind the first edge and before the
 * last one; what is quickly read is read next to it. -ENOMEM.
 */
int meter_edge_take(const struct meter *m, pid_t workload, pid_t tracer, bool last, struct meter_edge *ret);
void meter_edge_free(struct meter_edge *e);

/* In the window; what a flag denies was not measured. */
struct meter_usage {
	bool has_groups, has_tracer, has_pmu, has_energy, has_throttle;
	bool by_cgroup;		/* else by process trees, from ticks */
	struct group_time group[GROUP_NR];
	uint64_t kthreads_ns;
	uint64_t pmu[PMU_NR];
	uint64_t energy_uj;
	uint64_t core_throttles, package_throttles;
};

struct meter_usage meter_between(const struct meter *m, const struct meter_edge *from, const struct meter_edge *to,
				 bool has_tracer);
json_t *meter_usage_json(const struct meter_usage *u);

#endif
