/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Who runs where under --tune: the same cores in every cell, for the load and
 * for a tracer.
 *
 * A load has as many of the last cores as it has jobs: on fewer they would wait
 * for each other, and what a tracer takes would be lost in that. A tracer has
 * the last core, which is one of them: on a core of its own what it takes would
 * be missing from the throughput. So the loss is that of a machine without idle
 * cores, which is the most that it can be. The jobs of one load share its cores:
 * fio's cpus_allowed_policy=split counts its pacing jobs in, which would put all
 * that work on one core.
 */
#ifndef BENCH_PIN_H
#define BENCH_PIN_H

#include <jansson.h>
#include <sched.h>

#include "bench/workload.h"

struct pins {
	unsigned int load_cores;	/* of the load; 0: not pinned */
	char core[16];			/* of tracers and interrupts; "": one cannot be had */
	cpu_set_t tracer;
	json_t *interrupts;		/* borrowed: where they come in */
};

/* How many jobs or threads @w has, by its text; 0: a command does not tell. */
unsigned int pin_jobs(const struct workload *w);
/* Of the cores that this process may use: a cpuset or taskset around it holds. */
void pins_choose(const struct workload *w, struct pins *ret);
/* In words. */
void pins_tell(const struct pins *p, const struct workload *w, char *buf, size_t len);
/* What is pinned where, for the record of a set; @load: its cores, or NULL. */
json_t *pins_json(const struct pins *p, const char *load);

#endif
