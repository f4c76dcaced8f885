/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The filter by cgroup. Asked in the context of the task that issues the I/O,
 * never at completion, which runs on top of any task. A bio counts by the
 * cgroup that it is charged to as well: writeback of v2 belongs to it, though
 * a kernel thread of the root cgroup does it.
 */
#ifndef IOPATH_CGROUP_H
#define IOPATH_CGROUP_H

static __always_inline u64 cgroup_ancestor_id(struct cgroup *c, s32 level)
{
	struct cgroup___old *old = (struct cgroup___old *)c;
	struct cgroup *up = NULL;
	u64 id = 0;

	/* barriers: what does not relocate must stay in the branch that is dead then */
	if (bpf_core_field_exists(c->ancestors)) {
		barrier_var(c);
		bpf_probe_read_kernel(&up, sizeof(up),
				      (void *)c + bpf_core_field_offset(c->ancestors) + level * sizeof(up));
		return BPF_CORE_READ(up, kn, id);
	}
	barrier_var(old);
	bpf_probe_read_kernel(&id, sizeof(id),
			      (void *)old + bpf_core_field_offset(old->ancestor_ids) + level * sizeof(id));
	return id;
}

static __always_inline bool cgroup_is_below(struct cgroup *c, const volatile struct iop_cgroup *want)
{
	return c && BPF_CORE_READ(c, level) >= want->level && cgroup_ancestor_id(c, want->level) == want->id;
}

static __always_inline struct cgroup *css_cgroup(struct css_set *set, s32 subsys)
{
	struct cgroup_subsys_state *css = NULL;

	bpf_probe_read_kernel(&css, sizeof(css),
			      (void *)set + bpf_core_field_offset(set->subsys) + subsys * sizeof(css));
	return BPF_CORE_READ(css, cgroup);
}

__global_fn int task_in_cgroups(void)
{
	struct css_set *set = LOAD(current_task(), cgroups);

	for (u32 i = 0; i < MAX_CGROUP_FILTERS; i++) {
		const volatile struct iop_cgroup *want = &cfg.cgroups[i];

		if (i >= cfg.nr_cgroups)
			break;
		if (cgroup_is_below(want->hierarchy ? css_cgroup(set, want->subsys) : BPF_CORE_READ(set, dfl_cgrp),
				    want))
			return 1;
	}
	return 0;
}

__global_fn int bio_in_cgroups(u64 bio_at)
{
	struct bio *bio = (struct bio *)bio_at;
	struct cgroup *c = BPF_CORE_READ(bio, bi_blkg, blkcg, css.cgroup);
	s32 hierarchy = BPF_CORE_READ(c, root, hierarchy_id);

	for (u32 i = 0; c && i < MAX_CGROUP_FILTERS; i++) {
		if (i >= cfg.nr_cgroups)
			break;
		if (cfg.cgroups[i].hierarchy == hierarchy && cgroup_is_below(c, &cfg.cgroups[i]))
			return 1;
	}
	return 0;
}

#endif
