/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The machine: what makes two result files comparable (the fingerprint).
 * Nothing here changes a setting.
 */
#ifndef BENCH_MACHINE_H
#define BENCH_MACHINE_H

#include <jansson.h>
#include <stdbool.h>

#include "bench/device.h"

/* Of the programs that make the load, and of the tracer; "" where one is not used or does not say. */
struct load_versions {
	char fio[64], sysbench[64], uring[64], iopath[128];
};

/* CONFIG_@name of the kernel @release of the machine below @root ("": this one): 1, 0, or -ENOENT, not told. */
int machine_kernel_option(const char *root, const char *release, const char *name);
/* Field "key" is a hash of what must be equal for a comparison. */
json_t *machine_fingerprint(const struct load_versions *v);
/* A text of the fingerprint in a run's header; "?" where there is none. */
const char *machine_field(const json_t *header, const char *key);
/* Of the same revision, as far as both headers say. */
bool machine_same_tracer(const json_t *a, const json_t *b);
/* "6.1" in a guest of the VM lab, which is gone when its command ends; NULL elsewhere. */
const char *machine_lab_kernel(void);
json_t *device_fingerprint(const struct device *d);

struct difference {
	const char *name;	/* of the field */
	char a[96], b[96];
};

/*
 * Are @a and @b (of device_fingerprint) other disks under one name? What only
 * one of them has, being older, does not count; with @kernels nor does what the
 * kernel chooses.
 */
bool device_differs(const json_t *a, const json_t *b, bool kernels, struct difference *ret);
/* What may change figures and makes no other machine: the next in which two headers differ, from *@at on. */
bool machine_setting_differs(const json_t *a, const json_t *b, size_t *at, struct difference *ret);

/* "12": the @n last cores that we may run on, "2-3" or "1,3". @buf is "" when n is 0. */
void machine_last_cpus(unsigned int n, char *buf, unsigned long len);

#endif
