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

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1);		/* files */
	__type(key, u64);		/* address of the inode */
	__type(value, struct owner);
} dirtiers SEC(".maps");

/* who.bpf.h */
int who_dirtied(u64 inode);

static __always_inline void dirtier_note(u64 inode)
{
	struct owner who = {}, *was;

	was = bpf_map_lookup_elem(&dirtiers, &inode);
	if (was && was->tid == (u32)bpf_get_current_pid_tgid())
		return;
	owner_get(&who, current_task());
	/* when there is no room the oldest goes: then the submitter is told alone */
	bpf_map_update_elem(&dirtiers, &inode, &who, BPF_ANY);
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

/*
 * A bio that a kernel thread submits: *@owner becomes the initiator, and the
 * submitter's thread id is returned; 0: they are the same, or it is not known.
 */
static __always_inline u32 bio_initiator(struct bio *bio, struct task_struct *task, struct owner *owner)
{
	u64 offset, inode;
	struct owner *who;
	u32 submitter = owner->tid;

	if (!(LOAD(task, flags) & PF_KTHREAD) || !bio->bi_iter.bi_size)
		return 0;
	inode = (u64)bio_inode(bio, &offset);
	who = inode ? bpf_map_lookup_elem(&dirtiers, &inode) : NULL;
	if (!who || who->tid == submitter)
		return 0;
	*owner = *who;
	return submitter;
}

#endif
