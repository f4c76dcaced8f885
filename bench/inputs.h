/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the user asked for, checked before anything is touched: names resolved,
 * files read, programs found. Usage comes before environment: a typo is told
 * also to someone who is not root.
 */
#ifndef BENCH_INPUTS_H
#define BENCH_INPUTS_H

#include "bench/arm.h"
#include "bench/device.h"
#include "bench/machine.h"
#include "bench/run.h"
#include "bench/why.h"
#include "bench/workload.h"

struct inputs {
	struct arm_list arms;
	unsigned int nr_workloads, nr_devices, nr_schedulers;
	struct workload *workload;
	struct device_spec *device;
	const char **scheduler;
	char *iopath;		/* program of the tier arms */
	char *fio, *sysbench, *uring;	/* a path is absolute: children run elsewhere; sysbench may be NULL: not there */
	char *out;
	struct load_versions versions;
};

int inputs_check(const struct run_config *c, struct inputs *ret, struct why *why);
void inputs_free(struct inputs *in);
unsigned int inputs_nr_sets(const struct inputs *in);

/* Where the shipped workloads are: beside this program's build or installation; malloc'd. */
int inputs_workload_dir(const char *given, char **ret);

/* Directory of this program. */
int inputs_own_dir(char *buf, size_t len);

extern const char *const scheduler_names[]; /* NULL-terminated */

#endif
