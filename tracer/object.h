/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The eBPF object in its two builds (bpf/atomic.bpf.h) behind one face: the
 * only user of the skeletons.
 */
#ifndef IOPATH_OBJECT_H
#define IOPATH_OBJECT_H

#include <stdbool.h>

#include <bpf/libbpf.h>

#include "bpf/wire.h"
#include "bpf/config.h"
#include "bpf/who.h"

struct object {
	void *skel;	/* NULL: not open */
	struct bpf_object *obj;
	/* rodata: to be written before object_load() */
	struct iop_config *cfg;
	u32 *bios_mask, *rqs_mask, *ops_mask, *who_bios_mask;
	/* after object_load() */
	u64 *enabled_ns, *top_threshold_ns;
	u32 *aio_end_hooked;

	int (*load)(struct object *o);
	void (*destroy)(struct object *o);
};

/* @old: for a kernel without compare-and-swap in eBPF. -errno. */
int object_open(struct object *o, bool old);
int object_load(struct object *o);
/* Accepts zeroed memory. */
void object_close(struct object *o);
/* A map that the source names; never NULL for one that it does. */
struct bpf_map *object_map(const struct object *o, const char *name);

#endif
