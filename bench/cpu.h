/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * CPU time of the whole machine between two instants.
 *
 * Who used the time (user, system, irq, softirq, steal) comes from /proc/stat,
 * which books a whole tick to whoever runs when it fires: right on average,
 * coarse in a short window. How much was used does not: the time that a core
 * was idle is stamped by the kernel in ns (/proc/timer_list, root only), so busy
 * time is the window minus that. Where the file is missing, busy time falls
 * back to /proc/stat, 10 ms coarse, and says so.
 */
#ifndef BENCH_CPU_H
#define BENCH_CPU_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

struct cpu_core {
	unsigned int id;
	/* since boot, ns; tick-based */
	uint64_t user_ns, system_ns, irq_ns, softirq_ns, idle_ns, iowait_ns, steal_ns;
	uint64_t idle_exact_ns;	/* idle and iowait, stamped */
};

struct cpu_snapshot {
	uint64_t when_ns;	/* CLOCK_MONOTONIC */
	uint64_t exact_when_ns;	/* the same clock, as /proc/timer_list was read */
	uint64_t wall_ms;	/* CLOCK_REALTIME: fio's logs use it */
	bool exact;
	unsigned int nr;
	struct cpu_core *core;
};

struct cpu_usage_core {
	unsigned int id;
	uint64_t user_ns, system_ns, irq_ns, softirq_ns, idle_ns, iowait_ns, steal_ns;
	uint64_t busy_ns;
};

struct cpu_usage {
	uint64_t window_ns;
	bool exact;
	uint64_t busy_ns, steal_ns;	/* all cores */
	double system_pct;	/* system + irq + softirq, of the machine */
	unsigned int nr;
	struct cpu_usage_core *core;
};

int cpu_snapshot_take(struct cpu_snapshot *ret);
void cpu_snapshot_free(struct cpu_snapshot *s);

/* Text of the two files, for tests. -EPROTO: not what it should be. */
int cpu_parse_stat(const char *text, uint64_t tick_ns, struct cpu_snapshot *s);
int cpu_parse_timer_list(const char *text, struct cpu_snapshot *s);

/* -ESTALE: the set of cores changed in between. */
int cpu_usage_between(const struct cpu_snapshot *from, const struct cpu_snapshot *to,
		      struct cpu_usage *ret);
void cpu_usage_free(struct cpu_usage *u);
json_t *cpu_usage_json(const struct cpu_usage *u);

/* Shares of the machine over the next @ns, percent: busy, and taken by the hypervisor. For the preflight. */
int cpu_busy_now(uint64_t ns, double *ret_pct, double *ret_steal_pct);

#endif
