/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Statistics by who (who.h). Whose an operation or bio is, and every name, is
 * found out where it is issued, in the issuer's context; completions only look
 * up and add. Nothing of this is in a program that is loaded without it.
 *
 * Entries are made here, on first use, and taken away by user space, the least
 * recently used first. What finds no room is counted in one entry per
 * dimension, so that sums stay true.
 */
#ifndef IOPATH_WHO_BPF_H
#define IOPATH_WHO_BPF_H

#include "op-end.bpf.h"
#include "who.h"

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1);
	__type(key, struct who_key);
	__type(value, struct who_entry);
} who SEC(".maps");

/* Of each operation in flight: [index of its slot] */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct who_id);
} who_ops SEC(".maps");

/* Where the last one of a stream ended. A stream that another displaces begins anew. */
struct who_stream {
	u64 key, next;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct who_stream);
} who_streams SEC(".maps");

/* Who last made a page of a file dirty, by the address of its inode. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1);
	__type(key, u64);
	__type(value, struct who_id);
} who_dirtiers SEC(".maps");

/* What a new entry holds; never written. */
struct who_entry who_blank = {};

static __always_inline bool who_by(enum who_dim dim)
{
	return cfg.who & 1u << dim;
}

static __always_inline struct who_id *who_op_at(int index)
{
	u32 i = (u32)index;

	return bpf_map_lookup_elem(&who_ops, &i);
}

static __always_inline struct who_entry *who_find(const struct who_key *key)
{
	return bpf_map_lookup_elem(&who, key);
}

/* Made if need be; NULL: no room. */
static __always_inline struct who_entry *who_make(const struct who_key *key)
{
	struct who_entry *e = who_find(key);

	if (e)
		return e;
	bpf_map_update_elem(&who, key, &who_blank, BPF_NOEXIST);
	e = who_find(key);
	/* it has counted nothing yet, but is in use */
	if (e && !e->last_ns)
		e->last_ns = bpf_ktime_get_ns();
	return e;
}

/* Does it begin where the last one of that stream ended? */
static __always_inline bool who_continues(u64 stream, u64 at, u64 len)
{
	u32 i = slot_hash(stream) & cfg.who_streams_mask;
	struct who_stream *s = bpf_map_lookup_elem(&who_streams, &i);
	bool yes;

	if (!s)
		return false;
	yes = s->key == stream && s->next == at;
	s->key = stream;
	s->next = at + len;
	return yes;
}

/* ---- cgroups ---- */

/*
 * The cgroup of the hierarchy in which I/O is controlled, unless the task is at
 * its root: then that of the unified one.
 */
static __always_inline struct cgroup *task_io_cgroup(struct task_struct *task)
{
	struct css_set *set = LOAD(task, cgroups);
	struct cgroup *unified = BPF_CORE_READ(set, dfl_cgrp), *io;

	if (!bpf_core_enum_value_exists(enum cgroup_subsys_id, io_cgrp_id))
		return unified;
	io = css_cgroup(set, (s32)bpf_core_enum_value(enum cgroup_subsys_id, io_cgrp_id));
	if (!io || BPF_CORE_READ(io, root) == BPF_CORE_READ(unified, root))
		return unified;
	return BPF_CORE_READ(io, level) ? io : unified;
}

static __always_inline struct kernfs_node *kernfs_up(struct kernfs_node *kn)
{
	struct kernfs_node___old *old = (void *)kn;
	struct kernfs_node___new *new = (void *)kn;

	return bpf_core_field_exists(old->parent) ? BPF_CORE_READ(old, parent) : BPF_CORE_READ(new, __parent);
}

#define CGROUP_DEPTH 16

/* Components from the cgroup up to the root of its hierarchy; as path_collect(). */
static __always_inline void cgroup_collect(char *name, u32 *len, u32 *flags, struct kernfs_node *kn)
{
	for (int i = 0; i < CGROUP_DEPTH; i++) {
		struct kernfs_node *up = kernfs_up(kn);
		u32 at = *(volatile u32 *)len;
		long got;

		if (!up)
			return;
		if (at >= IOP_PATH_LEN)
			break;
		barrier_var(at);
		at &= IOP_PATH_LEN - 1;
		got = bpf_probe_read_kernel_str(&name[at], IOP_NAME_LEN, BPF_CORE_READ(kn, name));
		if (got <= 0 || got > IOP_NAME_LEN)
			break;
		*(volatile u32 *)len = at + (u32)got;
		kn = up;
	}
	*flags |= WHO_NAME_CUT;
}

__global_fn int who_new_cgroup(u64 id, u32 hierarchy, u64 kn)
{
	struct who_key key = { .id = id, .sub = hierarchy, .dim = WHO_CGROUP };
	struct who_entry *e;

	if (!cfg.who)
		return 0;
	e = who_make(&key);
	if (!e || e->name_len)
		return 0;
	cgroup_collect(e->name, &e->name_len, &e->flags, (struct kernfs_node *)kn);
	e->flags |= WHO_NAMED;
	return 0;
}

/* ---- who ---- */

/* The file's key; its entry, and with it the path, is made on first sight. */
static __always_inline void who_set_file(struct who_id *id, u64 f, u32 file_dev)
{
	struct file *file = (struct file *)f;
	struct inode *inode = BPF_CORE_READ(file, f_inode);
	struct who_key key = { .dim = WHO_FILE };
	struct who_entry *e;

	key.id = BPF_CORE_READ(inode, i_ino);
	key.sub = file_dev;
	key.gen = BPF_CORE_READ(inode, i_generation);
	id->ino = key.id;
	id->file_dev = key.sub;
	id->file_gen = key.gen;
	e = who_make(&key);
	if (!e || e->name_len)
		return;
	path_collect(e->name, &e->name_len, &e->flags, WHO_NAME_CUT, f);
	e->flags |= WHO_NAMED;
}

/* The current task. Its process and cgroup have entries from here on. */
static __always_inline void who_here(struct who_id *id)
{
	struct task_struct *task = current_task(), *leader = LOAD(task, group_leader);
	u32 tgid = (u32)LOAD(task, tgid);

	id->tgid = tgid;
	id->start_ns = LOAD(leader, start_boottime);
	id->cgroup = id->hierarchy = 0;
	id->ino = id->file_dev = id->file_gen = 0;
	id->sequential = id->deferred = 0;
	bpf_probe_read_kernel(id->comm, sizeof(id->comm), leader->comm);
	if (who_by(WHO_PROCESS)) {
		struct who_key key = { .id = id->start_ns, .sub = tgid, .dim = WHO_PROCESS };

		who_make(&key);
	}
	if (who_by(WHO_CGROUP)) {
		struct cgroup *cgroup = task_io_cgroup(task);
		struct kernfs_node *kn = BPF_CORE_READ(cgroup, kn);
		struct who_key key = { .dim = WHO_CGROUP };

		id->cgroup = key.id = BPF_CORE_READ(kn, id);
		id->hierarchy = key.sub = BPF_CORE_READ(cgroup, root, hierarchy_id);
		if (!who_find(&key))
			who_new_cgroup(key.id, key.sub, (u64)kn);
	}
}

/* A page of the file is made dirty: it is the current task's, until another one does so. */
__global_fn int who_dirtied(u64 inode)
{
	struct task_struct *task = current_task(), *leader = LOAD(task, group_leader);
	struct who_id *was, id = {};

	if (!cfg.who)
		return 0;
	was = bpf_map_lookup_elem(&who_dirtiers, &inode);
	if (was && was->start_ns == LOAD(leader, start_boottime) && was->tgid == (u32)LOAD(task, tgid))
		return 0;
	who_here(&id);
	id.deferred = 1;
	/* when there is no room the oldest goes: then it is the submitter's */
	bpf_map_update_elem(&who_dirtiers, &inode, &id, BPF_ANY);
	return 0;
}

/* Whose the bio is that a thread of the kernel's submits outside any operation; false: its own. */
static __always_inline bool who_dirtied_it(struct who_id *id, struct bio *bio, const struct task_struct *task)
{
	const struct who_id *dirtier;
	u64 offset, inode;

	if (!(LOAD(task, flags) & PF_KTHREAD) || !BPF_CORE_READ(bio, bi_iter.bi_size))
		return false;
	inode = (u64)bio_inode(bio, &offset);
	dirtier = inode ? bpf_map_lookup_elem(&who_dirtiers, &inode) : NULL;
	if (!dirtier)
		return false;
	*id = *dirtier;
	/* its entry may have aged meanwhile */
	if (who_by(WHO_PROCESS)) {
		struct who_key key = { .id = id->start_ns, .sub = id->tgid, .dim = WHO_PROCESS };

		who_make(&key);
	}
	return true;
}

#endif
