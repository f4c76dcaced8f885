/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Energy of the CPU packages, from the kernel's powercap zones (RAPL). Their
 * counters wrap (32 bits of 15 uJ: after some 20 minutes at 50 W); a window long
 * enough for two wraps has no figure.
 */
#ifndef BENCH_ENERGY_H
#define BENCH_ENERGY_H

#include <stdbool.h>
#include <stdint.h>

#define ENERGY_MAX_ZONES 16

struct energy {
	unsigned int nr;	/* 0: absent */
	struct energy_zone {
		char path[288];
		uint64_t max_uj;
	} zone[ENERGY_MAX_ZONES];
};

struct energy_sample {
	bool valid;
	uint64_t uj[ENERGY_MAX_ZONES];
};

/* Package zones below @powercap ("/sys/class/powercap") that can be read. */
void energy_open(const char *powercap, struct energy *ret);
void energy_read(const struct energy *e, struct energy_sample *ret);
/* Over all packages; false: not measured. */
bool energy_between(const struct energy *e, const struct energy_sample *from, const struct energy_sample *to,
		    uint64_t window_ns, uint64_t *ret_uj);

#endif
