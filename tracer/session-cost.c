/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the programs of a session cost, and doing with fewer of them. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/bpf.h>

#include "session-state.h"
#include "tracer/base/cleanup.h"

/* ---- cost ---- */

/* "memlock:" of a map's fdinfo: what the kernel says that it takes. */
static u64 map_memory(int fd)
{
	char path[64], line[128];
	_cleanup_fclose_ FILE *f = NULL;
	unsigned long long bytes;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	f = fopen(path, "re");
	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "memlock: %llu", &bytes) == 1)
			return bytes;
	return 0;
}

static int program_info(const struct bpf_program *prog, struct bpf_prog_info *info)
{
	u32 len = sizeof(*info);

	memset(info, 0, sizeof(*info));
	return bpf_obj_get_info_by_fd(bpf_program__fd(prog), info, &len);
}

/* Asked for once: maps have all of theirs from the begin, and reports come each second. */
static u64 maps_memory(struct session *s)
{
	struct bpf_map *map;

	if (!s->maps_bytes)
		bpf_object__for_each_map(map, s->object.obj)
			s->maps_bytes += map_memory(bpf_map__fd(map));
	return s->maps_bytes;
}

void session_cost(struct session *s, struct session_cost *ret)
{
	u64 stood_in;

	*ret = (struct session_cost){ .nr_programs = s->nr_programs, .maps_bytes = maps_memory(s) };
	for (int p = 0; p < NR_POINTS; p++) {
		struct bpf_prog_info info;

		/* the second of two has something to do where the first was skipped alone */
		if (p != POINT_AIO_AGAIN && s->programs[p] && !program_info(s->programs[p], &info))
			ret->recursion_misses += info.recursion_misses;
	}
	/* skipped, and its stand-in ran */
	stood_in = session_count(s, COUNT_STOOD_IN);
	ret->recursion_misses -= stood_in < ret->recursion_misses ? stood_in : ret->recursion_misses;
}

int session_program(const struct session *s, u32 i, struct session_program *ret)
{
	struct bpf_prog_info info;

	for (int p = 0; p < NR_POINTS; p++) {
		if (!s->programs[p] || i--)
			continue;
		if (program_info(s->programs[p], &info))
			return -errno;
		*ret = (struct session_program){ .runs = info.run_cnt, .run_ns = info.run_time_ns };
		snprintf(ret->name, sizeof(ret->name), "%s", bpf_program__name(s->programs[p]));
		return 0;
	}
	return -ENOENT;
}

int session_time_programs(struct session *s, bool on)
{
	if (s->timed_always || on == (s->stats_fd >= 0))
		return 0;
	if (!on) {
		close(s->stats_fd);
		s->stats_fd = -1;
		return 0;
	}
	s->stats_fd = bpf_enable_stats(BPF_STATS_RUN_TIME);
	return s->stats_fd < 0 ? -errno : 0;
}

int session_tier_times(const struct session *s, u64 ret_ns[static NR_TIERS])
{
	u64 ns[NR_TIERS] = { 0 };

	for (int p = 0; p < NR_POINTS; p++) {
		struct bpf_prog_info info;

		if (!s->programs[p])
			continue;
		if (program_info(s->programs[p], &info))
			return -errno;
		ns[hook_points[p].tier] += info.run_time_ns;
		if (!s->stand_ins.programs[p])
			continue;
		if (program_info(s->stand_ins.programs[p], &info))
			return -errno;
		ns[hook_points[p].tier] += info.run_time_ns;
	}
	memcpy(ret_ns, ns, sizeof(ns));
	return 0;
}

/* ---- another tier, while it runs ---- */

static void detach_point(struct session *s, int p)
{
	stand_ins_detach(&s->stand_ins, p);
	bpf_link__destroy(s->links[p]);
	s->links[p] = NULL;
}

/* What is of @to and not attached, all or none. */
static int attach_tiers(struct session *s, enum iop_tier to)
{
	bool attached[NR_POINTS] = { false };

	for (int p = NR_POINTS - 1; p >= 0; p--) {
		int err;

		if (!s->programs[p] || s->links[p] || !hook_wanted(p, to, &s->extras))
			continue;
		s->links[p] = bpf_program__attach(s->programs[p]);
		err = s->links[p] ? stand_ins_attach(&s->stand_ins, p) : -errno;
		attached[p] = s->links[p];
		if (!err)
			continue;
		for (int q = 0; q < NR_POINTS; q++)
			if (attached[q])
				detach_point(s, q);
		return err;
	}
	return 0;
}

/* Interrupts of which the end was not seen would count as under way for ever. */
static int forget_interrupts(struct session *s)
{
	struct bpf_map *map = object_map(&s->object, "irqs");
	size_t len = (bpf_map__value_size(map) + 7ul) / 8 * 8 * (size_t)libbpf_num_possible_cpus();
	_cleanup_free_ void *zero = calloc(1, len);
	u32 key = 0;

	return zero ? bpf_map__update_elem(map, &key, sizeof(key), zero, len, BPF_ANY) : -ENOMEM;
}

/* Nobody will see the end of what is under way. */
static int cut_operations(struct session *s, u64 *ret_cut)
{
	struct bpf_map *map = object_map(&s->object, "ops_slots");
	size_t len = bpf_map__value_size(map), slots = len / sizeof(struct op);
	struct op *ops = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, bpf_map__fd(map), 0);
	u64 cut = 0;

	if (ops == MAP_FAILED)
		return -errno;
	for (size_t i = 0; i < slots; i++) {
		if (!__atomic_load_n(&ops[i].key, __ATOMIC_ACQUIRE))
			continue;
		cut += ops[i].t0 && ops[i].kind < NR_KINDS && ops[i].dev_wanted;
		ops[i].t0 = 0;
		memset(ops[i].stage, 0, sizeof(ops[i].stage));
		__atomic_store_n(&ops[i].key, 0, __ATOMIC_RELEASE);
	}
	munmap(ops, len);
	*ret_cut = cut;
	return 0;
}

int session_set_tier(struct session *s, enum iop_tier tier, u64 *ret_cut)
{
	bool had_ops = s->links[POINT_SYS_ENTER];
	int err = forget_interrupts(s);

	*ret_cut = 0;
	if (!err)
		err = attach_tiers(s, tier);
	if (err)
		return err;
	/* begins first: what has begun is seen to end */
	for (int p = 0; p < NR_POINTS; p++)
		if (s->links[p] && !hook_wanted(p, tier, &s->extras))
			detach_point(s, p);
	return had_ops && tier < TIER_VFS ? cut_operations(s, ret_cut) : 0;
}
