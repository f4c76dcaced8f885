/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Cycles and instructions of the whole machine, user and kernel, by
 * perf_event_open on every CPU. Virtual machines often have no PMU; then there
 * are no such figures, and no zeros either.
 */
#ifndef BENCH_PMU_H
#define BENCH_PMU_H

#include <stdbool.h>
#include <stdint.h>

enum pmu_event { PMU_CYCLES, PMU_INSTRUCTIONS, PMU_NR };

/* As read(2) of a perf event with both times. */
struct pmu_count {
	uint64_t value, enabled_ns, running_ns;
};

/* The kernel's, or a made-up one in tests. */
struct pmu_ops {
	/* A handle, or -errno. */
	int (*open)(enum pmu_event e, unsigned int cpu);
	int (*read)(int handle, struct pmu_count *ret);
	void (*close)(int handle);
};

extern const struct pmu_ops pmu_kernel;

struct pmu {
	const struct pmu_ops *ops;
	unsigned int nr_cpus;	/* 0: absent */
	int *handle;		/* [cpu * PMU_NR + event] */
	char absent[64];	/* why */
};

struct pmu_sample {
	unsigned int nr;
	struct pmu_count *v;
};

/* Absent is no error; -ENOMEM. Counts @cpus, @nr of them. */
int pmu_open(const struct pmu_ops *ops, const unsigned int *cpus, unsigned int nr, struct pmu *ret);
void pmu_close(struct pmu *p);

int pmu_read(const struct pmu *p, struct pmu_sample *ret);
void pmu_sample_free(struct pmu_sample *s);
/*
 * Over all CPUs, scaled up where the counters were shared. False: it did not
 * count for the whole time on every CPU, not even in turns.
 */
bool pmu_between(const struct pmu_sample *from, const struct pmu_sample *to, uint64_t ret[PMU_NR]);

#endif
