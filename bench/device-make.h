/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Devices made to order: one row each, and how the words of an order become the kernel's. */
#ifndef BENCH_DEVICE_MAKE_H
#define BENCH_DEVICE_MAKE_H

#include "bench/device.h"

#define ORDER_MAX 32

enum word_kind { WORD_MIB, WORD_BYTES, WORD_NS, WORD_COUNT, WORD_CHOICE };

/* "completion=20us" is completion_nsec=20000. */
struct order_word {
	const char *name;
	enum word_kind kind;
	const char *kernel_name;
	const char *const *choices;	/* WORD_CHOICE: the kernel has their number; NULL-terminated */
};

struct order_item {
	char name[48], value[64];	/* the kernel's */
};

struct order {
	unsigned int nr;
	struct order_item item[ORDER_MAX];
};

struct device_maker {
	const char *name, *purpose;
	const struct order_word *words;	/* ends with a NULL name */
	bool takes_others;	/* NAME=VALUE that is not in @words goes to the kernel as it is */
	const char *defaults;	/* an order; what the user says comes behind it */
	/* Push what undoes it, make it, fill in d->path; d->fd keeps it alive if it needs that. */
	int (*make)(const struct device_spec *spec, const struct order *o, struct undo *u, struct device *d,
		    struct why *why);
};

int device_open_path(const char *given, const struct opt_list *overwrite, struct device *d, struct why *why);
/* What sysfs says of it. */
int device_identify(struct device *d, dev_t dev, struct why *why);
/* What sysfs and @fd, which is open on d->path, say of it. */
int device_describe(struct device *d, int fd, struct why *why);

extern const struct device_maker device_maker_loop, device_maker_null_blk, device_maker_scsi_debug;

/* @params behind the defaults; the last of a name holds. -EINVAL with *why: not in such an order. */
int order_parse(const struct device_maker *m, const char *params, struct order *ret, struct why *why);
/* NULL: not in the order. */
const char *order_value(const struct order *o, const char *kernel_name);

/*
 * Load a module with @params ("" or "a=1 b=2"), and remember to unload it. 1: it
 * was there already. -EOPNOTSUPP with EXIT_SKIPPED: this kernel has none.
 */
int module_load(const char *name, const struct order *params, struct undo *u, struct why *why);

#endif
