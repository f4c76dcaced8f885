/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "standin.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <linux/bpf.h>

#include "tracer/base/cleanup.h"

static inline void link_destroyp(struct bpf_link **link)
{
	bpf_link__destroy(*link);
}

static bool is_rodata(const struct bpf_map *map)
{
	return bpf_map__is_internal(map) && strstr(bpf_map__name(map), ".rodata");
}

/* All maps are the first's, but for the configuration, which is a copy, and what is theirs alone. */
static int share_maps(struct object *to, const struct object *from)
{
	struct bpf_map *map;
	int err = 0;

	bpf_object__for_each_map(map, to->obj) {
		struct bpf_map *theirs = object_map(from, bpf_map__name(map));
		size_t len;
		const void *value;

		if (is_rodata(map)) {
			value = bpf_map__initial_value(theirs, &len);
			err = value ? bpf_map__set_initial_value(map, value, len) : -EINVAL;
		} else if (!strcmp(bpf_map__name(map), "cpu_offsets")) {
			err = bpf_map__set_max_entries(map, (u32)libbpf_num_possible_cpus());
		} else {
			err = bpf_map__reuse_fd(map, bpf_map__fd(theirs));
		}
		if (err)
			break;
	}
	return err;
}

/*
 * Where may a program be preempted? Not in the scheduler, nor in an interrupt;
 * and kprobes are run with preemption off. libaio's end has two programs anyway.
 */
static bool preemptible(enum hook_point p, const struct bpf_program *first)
{
	switch (p) {
	case POINT_SWITCH:
	case POINT_IRQ_ENTRY:
	case POINT_IRQ_EXIT:
	case POINT_SOFTIRQ_ENTRY:
	case POINT_SOFTIRQ_EXIT:
	case POINT_AIO_COMPLETE:
	case POINT_AIO_AGAIN:
		return false;
	default:
		return bpf_program__type(first) == BPF_PROG_TYPE_TRACING;
	}
}

static u32 program_id(const struct bpf_program *prog)
{
	struct bpf_prog_info info = { 0 };
	u32 len = sizeof(info);

	return bpf_obj_get_info_by_fd(bpf_program__fd(prog), &info, &len) ? 0 : info.id;
}

static void keep_guard(struct stand_ins *s, const u32 ids[NR_POINTS], const struct iop_guard *g)
{
	for (int p = 0; p < NR_POINTS; p++)
		if (s->programs[p] && ids[p] == g->id)
			s->guards[p] = g->active;
}

/* Ask the kernel where the guards of the first copies are. -ENOENT: it left one out. */
static int find_guards(struct stand_ins *s, struct bpf_program *teller,
		       struct bpf_program *const points[NR_POINTS])
{
	_cleanup_(link_destroyp) struct bpf_link *link = bpf_program__attach_iter(teller, NULL);
	_cleanup_fclose_ FILE *f = NULL;
	_cleanup_close_ int fd = -1;
	struct iop_guard guard;
	u32 ids[NR_POINTS] = { 0 };

	if (!link)
		return -errno;
	fd = bpf_iter_create(bpf_link__fd(link));
	if (fd < 0)
		return -errno;
	f = fdopen(fd, "r");
	if (!f)
		return -errno;
	take_fd(&fd);
	for (int p = 0; p < NR_POINTS; p++)
		if (s->programs[p])
			ids[p] = program_id(points[p]);
	while (fread(&guard, sizeof(guard), 1, f) == 1)
		keep_guard(s, ids, &guard);
	for (int p = 0; p < NR_POINTS; p++)
		if (s->programs[p] && !s->guards[p])
			return -ENOENT;
	return 0;
}

int stand_ins_load(struct stand_ins *s, const struct object *first,
		   struct bpf_program *const points[NR_POINTS], const char **ret_what)
{
	struct bpf_program *teller;
	int err;

	*ret_what = "opening the stand-ins";
	err = object_open(&s->object, false);
	if (err)
		return err;
	for (int p = 0; p < NR_POINTS; p++) {
		if (!points[p] || !preemptible(p, points[p]))
			continue;
		s->programs[p] = bpf_object__find_program_by_name(s->object.obj, bpf_program__name(points[p]));
		bpf_program__set_autoload(s->programs[p], true);
	}
	teller = bpf_object__find_program_by_name(s->object.obj, "program_guards");
	bpf_program__set_autoload(teller, true);
	err = share_maps(&s->object, first);
	if (err)
		return err;
	s->object.cfg->stand_in = 1;
	*ret_what = "loading the stand-ins";
	err = object_load(&s->object);
	if (err)
		return err;
	*ret_what = "finding the guards of the programs";
	return find_guards(s, teller, points);
}

/* libbpf (1.1) gives no cookie to the link of a tracepoint. */
int stand_ins_attach(struct stand_ins *s, enum hook_point p)
{
	union bpf_attr attr = { 0 };
	int fd;

	if (!s->programs[p])
		return 0;
	attr.link_create.prog_fd = (u32)bpf_program__fd(s->programs[p]);
	attr.link_create.attach_type = bpf_program__expected_attach_type(s->programs[p]);
	attr.link_create.tracing.cookie = s->guards[p];
	fd = (int)syscall(SYS_bpf, BPF_LINK_CREATE, &attr, sizeof(attr));
	if (fd < 0)
		return -errno;
	s->links[p] = fd;
	return 0;
}

void stand_ins_detach(struct stand_ins *s, enum hook_point p)
{
	if (s->links[p] > 0)
		close(s->links[p]);
	s->links[p] = 0;
}

void stand_ins_close(struct stand_ins *s)
{
	for (int p = 0; p < NR_POINTS; p++)
		stand_ins_detach(s, p);
	object_close(&s->object);
	*s = (struct stand_ins){ 0 };
}
