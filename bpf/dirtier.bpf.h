/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Whose writeback it is. A kernel thread submits it, long after; the initiator
 * is the task that last made a page of the file dirty. What several tasks have
 * written to one file is all told to be the last one's.
 */
#ifndef IOPATH_DIRTIER_H
#define IOPATH_DIRTIER_H

#include "core.bpf.h"
#include "page.bpf.h"

struct dirtier {
	struct owner who;
	u32 passes;	/* of the filters by task, those that it passed: below */
	u32 pad;
};

enum { PASSES_PROCESS = 1, PASSES_CGROUP = 2 };

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1);		/* files */
	__type(key, u64);		/* address of the inode */
	__type(value, struct dirtier);
} dirtiers SEC(".maps");

/* who.bpf.h */
int who_dirtied(u64 inode);

static __always_inline void dirtier_note(u64 inode)
{
	struct task_struct *task = current_task();
	struct dirtier now = {}, *was;

	was = bpf_map_lookup_elem(&dirtiers, &inode);
	if (was && was->who.tid == (u32)bpf_get_current_pid_tgid())
		return;
	owner_get(&now.who, task);
	/* asked here: by the time of the writeback it may be gone */
	now.passes = (task_wanted(task) ? PASSES_PROCESS : 0) |
		     (!cfg.nr_cgroups || task_in_cgroups() ? PASSES_CGROUP : 0);
	/* when there is no room the oldest goes: then the submitter is told alone */
	bpf_map_update_elem(&dirtiers, &inode, &now, BPF_ANY);
}

static __always_inline int on_dirtied(struct address_space *mapping)
{
	u64 inode = mapping ? address(mapping->host) : 0;

	if (!inode)
		return 0;
	if (cfg.dirtiers)
		dirtier_note(inode);
	if (cfg.who)
		who_dirtied(inode);
	return 0;
}

/* Of a bio that a kernel thread submits; NULL: not known. */
static __always_inline const struct dirtier *bio_dirtier(struct bio *bio, const struct task_struct *task)
{
	u64 offset, inode;

	if (!cfg.dirtiers || !(LOAD(task, flags) & PF_KTHREAD) || !bio->bi_iter.bi_size)
		return NULL;
	inode = (u64)bio_inode(bio, &offset);
	return inode ? bpf_map_lookup_elem(&dirtiers, &inode) : NULL;
}

/*
 * A bio that a kernel thread submits: *@owner becomes the initiator, and the
 * submitter's thread id is returned; 0: they are the same, or it is not known.
 */
static __always_inline u32 bio_initiator(struct bio *bio, struct task_struct *task, struct owner *owner)
{
	const struct dirtier *d = bio_dirtier(bio, task);
	u32 submitter = owner->tid;

	if (!d || d->who.tid == submitter)
		return 0;
	*owner = d->who;
	return submitter;
}

#endif
