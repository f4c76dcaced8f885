/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "object.h"

#include <errno.h>

#include "bpf/iopath.skel.h"
#include "bpf/iopath_old.skel.h"

#define BUILD(name)                                                     \
	static int name##_load(struct object *o)                        \
	{                                                               \
		struct name##_bpf *s = o->skel;                         \
		int err = name##_bpf__load(s);                          \
                                                                        \
		if (err)                                                \
			return err;                                     \
		o->enabled_ns = &s->bss->enabled_ns;                    \
		o->top_threshold_ns = &s->bss->top_threshold_ns;        \
		o->aio_end_hooked = &s->bss->aio_end_hooked;            \
		return 0;                                               \
	}                                                               \
	static void name##_destroy(struct object *o)                    \
	{                                                               \
		name##_bpf__destroy(o->skel);                           \
	}                                                               \
	static int name##_open(struct object *o)                        \
	{                                                               \
		struct name##_bpf *s = name##_bpf__open();              \
                                                                        \
		if (!s)                                                 \
			return -errno;                                  \
		*o = (struct object){ .skel = s,                        \
				      .obj = s->obj,                    \
				      .cfg = &s->rodata->cfg,           \
				      .bios_mask = &s->rodata->bios_mask, \
				      .rqs_mask = &s->rodata->rqs_mask, \
				      .ops_mask = &s->rodata->ops_mask, \
				      .who_bios_mask = &s->rodata->who_bios_mask, \
				      .load = name##_load,              \
				      .destroy = name##_destroy };      \
		return 0;                                               \
	}

BUILD(iopath)
BUILD(iopath_old)

int object_open(struct object *o, bool old)
{
	return old ? iopath_old_open(o) : iopath_open(o);
}

int object_load(struct object *o)
{
	return o->load(o);
}

void object_close(struct object *o)
{
	if (o->skel)
		o->destroy(o);
	*o = (struct object){ 0 };
}

struct bpf_map *object_map(const struct object *o, const char *name)
{
	return bpf_object__find_map_by_name(o->obj, name);
}
