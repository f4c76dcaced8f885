/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How often the processor slowed itself down to cool off, by the kernel's counts
 * (x86: cpuN/thermal_throttle). A package's event is counted by each of its CPUs.
 */
#ifndef BENCH_THROTTLE_H
#define BENCH_THROTTLE_H

#include <stdbool.h>
#include <stdint.h>

struct throttle_sample {
	unsigned int nr;	/* CPUs that have the counts; 0: absent */
	uint64_t core, package;
};

/* Summed over all CPUs below @cpus ("/sys/devices/system/cpu"). */
void throttle_read(const char *cpus, struct throttle_sample *ret);
/* What came in between; false: not measured. */
bool throttle_between(const struct throttle_sample *from, const struct throttle_sample *to, uint64_t *ret_core,
		      uint64_t *ret_package);

#endif
