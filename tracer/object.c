/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "object.h"

#include <errno.h>
#include <string.h>

#include <linux/bpf.h>

#include "tracer/base/cleanup.h"

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

/* ---- references to values of maps: MAP_VALUE() of bpf/slots.bpf.h ---- */

/* libbpf does not tell handlers of a section which object it is: the one being loaded; NULL: not ours. */
static _Thread_local const struct object *loading;

static bool is_one_value(const struct bpf_map *map)
{
	return bpf_map__type(map) == BPF_MAP_TYPE_ARRAY && !bpf_map__is_internal(map) &&
	       bpf_map__max_entries(map) == 1 && bpf_map__map_flags(map) & BPF_F_MMAPABLE &&
	       strstr(bpf_map__name(map), "_slots");
}

/* @insn refers to a map by its descriptor: to its value from now on, if it is one of those. */
static void refer_to_value(struct bpf_insn *insn)
{
	struct bpf_map *map;

	bpf_object__for_each_map(map, loading->obj) {
		if (bpf_map__fd(map) != insn->imm || !is_one_value(map))
			continue;
		insn->src_reg = BPF_PSEUDO_MAP_VALUE;
		insn[1].imm = 0;
	}
}

static int prepare(struct bpf_program *prog, struct bpf_prog_load_opts *opts, long cookie)
{
	/* what libbpf has for such handlers to work on */
	struct bpf_insn *insns = (struct bpf_insn *)bpf_program__insns(prog);
	size_t n = bpf_program__insn_cnt(prog);

	(void)opts, (void)cookie;
	for (size_t i = 0; loading && i + 1 < n; i++)
		if (insns[i].code == (BPF_LD | BPF_IMM | BPF_DW) && insns[i].src_reg == BPF_PSEUDO_MAP_FD)
			refer_to_value(&insns[i]);
	return 0;
}

static const char *target(const struct bpf_program *prog)
{
	return strchr(bpf_program__section_name(prog), '/') + 1;
}

static int attach_trace(const struct bpf_program *prog, long cookie, struct bpf_link **ret)
{
	(void)cookie;
	*ret = bpf_program__attach_trace(prog);
	return *ret ? 0 : -errno;
}

static int attach_raw(const struct bpf_program *prog, long cookie, struct bpf_link **ret)
{
	(void)cookie;
	*ret = bpf_program__attach_raw_tracepoint(prog, target(prog));
	return *ret ? 0 : -errno;
}

static int attach_kprobe(const struct bpf_program *prog, long cookie, struct bpf_link **ret)
{
	(void)cookie;
	*ret = bpf_program__attach_kprobe(prog, false, target(prog));
	return *ret ? 0 : -errno;
}

static const struct {
	const char *section;
	enum bpf_prog_type type;
	enum bpf_attach_type attach_type;
	libbpf_prog_attach_fn_t attach;
} sections[] = {
	{ "tp_btf+", BPF_PROG_TYPE_TRACING, BPF_TRACE_RAW_TP, attach_trace },
	{ "fentry+", BPF_PROG_TYPE_TRACING, BPF_TRACE_FENTRY, attach_trace },
	{ "fexit+", BPF_PROG_TYPE_TRACING, BPF_TRACE_FEXIT, attach_trace },
	{ "raw_tp+", BPF_PROG_TYPE_RAW_TRACEPOINT, 0, attach_raw },
	{ "kprobe+", BPF_PROG_TYPE_KPROBE, 0, attach_kprobe },
};

/* Once: programs keep pointing at them. */
static int handle_sections(void)
{
	static bool done;

	for (size_t i = 0; !done && i < ARRAY_SIZE(sections); i++) {
		LIBBPF_OPTS(libbpf_prog_handler_opts, opts, .prog_prepare_load_fn = prepare,
			    .prog_attach_fn = sections[i].attach);
		int id = libbpf_register_prog_handler(sections[i].section, sections[i].type,
						      sections[i].attach_type, &opts);

		if (id < 0)
			return id;
	}
	done = true;
	return 0;
}

/* The handlers have taken the place of the one that finds these. */
static int set_targets(const struct object *o)
{
	struct bpf_program *prog;
	int err = 0;

	bpf_object__for_each_program(prog, o->obj) {
		if (bpf_program__autoload(prog) && bpf_program__type(prog) == BPF_PROG_TYPE_TRACING &&
		    bpf_program__expected_attach_type(prog) != BPF_TRACE_ITER)
			err = bpf_program__set_attach_target(prog, 0, target(prog));
		if (err)
			break;
	}
	return err;
}

int object_open(struct object *o, bool old)
{
	int err = handle_sections();

	if (err)
		return err;
	return old ? iopath_old_open(o) : iopath_open(o);
}

int object_load(struct object *o)
{
	int err = set_targets(o);

	if (err)
		return err;
	loading = o;
	err = o->load(o);
	loading = NULL;
	return err;
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
