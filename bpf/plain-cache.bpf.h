/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The page cache and the scheduler in what is nearly always the case
 * (cfg.plain_vfs), for tasks that are in a system call or in nothing. As
 * plain-block.bpf.h: all of what the general one would do, or nothing and false.
 */
#ifndef IOPATH_PLAIN_CACHE_H
#define IOPATH_PLAIN_CACHE_H

#include "plain-op.bpf.h"

enum { PLAIN_NONE, PLAIN_OP, PLAIN_NOT };

/* PLAIN_OP: *@ret is the operation that @tid is in; PLAIN_NOT: that is not so simple. */
static __always_inline int plain_op_of(u32 tid, struct op **ret)
{
	u64 key = TID_KEY(tid);
	struct op *o = ops_home(key);

	if (SLOT_KEY(o) != key)
		return ops_displaced || uring_in_use ? PLAIN_NOT : PLAIN_NONE;
	*ret = o;
	return o->t0 ? PLAIN_OP : PLAIN_NOT;
}

/* ---- the page cache ---- */

static __always_inline bool plain_folio_added(struct folio *folio)
{
	struct op *o;
	int is = plain_op_of((u32)bpf_get_current_pid_tgid(), &o);

	if (is != PLAIN_OP)
		return is == PLAIN_NONE;
	if (o->kind > KIND_WRITE && o->kind != KIND_FAULT)
		return true;
	/* by the inode alone: a block device's file has another than its mapping */
	if (!o->has_offset || !o->len || o->inode != address(folio_mapping(folio)->host))
		return false;
	if (folio_index(folio) > (o->offset + o->len - 1) >> PAGE_SHIFT)
		o->folios_ahead++;
	else
		o->folios_added++;
	if (o->kind != KIND_WRITE)
		op_cache_done(o);
	return true;
}

/* ---- switches ---- */

static __always_inline bool plain_switch(bool preempted, struct task_struct *prev, struct task_struct *next)
{
	struct op *from = NULL, *to = NULL;
	u32 out = (u32)prev->pid, in = (u32)next->pid;
	int is = out ? plain_op_of(out, &from) : PLAIN_NONE;

	if (is == PLAIN_NOT || (is == PLAIN_OP && preempted))
		return false;
	if (is == PLAIN_NONE)
		from = NULL;
	is = in ? plain_op_of(in, &to) : PLAIN_NONE;
	if (is == PLAIN_NOT)
		return false;
	if (from)
		op_switched_out(from, false);
	if (is == PLAIN_OP && to->off_ns)
		op_switched_in(to);
	return true;
}

#endif
