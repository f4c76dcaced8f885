/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The end of an operation: its record, if it is to be told, and the row that it is counted in. */
#ifndef IOPATH_OP_END_H
#define IOPATH_OP_END_H

#include "op.bpf.h"
#include "path.bpf.h"

__global_fn int op_emit(int index, u64 total, s64 result, int tell)
{
	const struct op *o = ops_at((u32)index);
	struct iop_slow *r;
	u32 stages = 0, nr_parts;

	if (!o)
		return 0;
	nr_parts = cfg.parts ? parts_of(index, o->generation) : 0;
	if (nr_parts)
		parts_emit(index, nr_parts, op_handle(o));
	if (cfg.kernel_stack)
		stack_emit(index, op_handle(o));
	r = slow_reserve();
	if (!r)
		return 0;
	r->id = op_handle(o);
	r->nr_parts = nr_parts;
	r->submitter.tid = o->submitter.tid;
	r->submitter.tgid = o->submitter.tgid;
	__builtin_memcpy(r->submitter.comm, o->submitter.comm, IOP_COMM_LEN);
	r->start_ns = o->t0;
	r->total_ns = total;
	for (int i = 0; i < NR_STAGES; i++) {
		r->stage_ns[i] = o->stage[i];
		if (o->stage[i])
			stages |= 1u << i;
	}
	r->stages = stages;
	r->bytes = result > 0 ? (u64)result : 0;
	r->offset = o->offset;
	r->sector = o->sector;
	r->ino = 0;
	r->result = result;
	r->resched_ns = o->resched_ns;
	r->dev = o->dev;
	r->file_dev = 0;
	r->flags = (o->has_offset ? SLOW_OFFSET : 0) | (tell == TELL_SAMPLE ? SLOW_SAMPLE : 0) |
		   (o->folios_added ? SLOW_MISS : o->lookups ? SLOW_HIT : 0);
	r->tgid = o->owner.tgid;
	r->tid = o->owner.tid;
	r->cgroup = o->owner.cgroup;
	r->nr_requests = o->nr_requests;
	r->tag = o->tag;
	r->hctx = o->hctx;
	r->kind = o->kind;
	r->via = o->via;
	__builtin_memcpy(r->comm, o->owner.comm, IOP_COMM_LEN);
	r->path_len = 0;
	if (o->file) {
		struct inode *inode = (struct inode *)o->inode;

		r->ino = BPF_CORE_READ(inode, i_ino);
		r->file_dev = o->file_dev;
		path_collect(r->path, &r->path_len, &r->flags, SLOW_PATH_CUT, o->file);
	}
	slow_submit(r);
	return 0;
}

/* What the page cache had to do with it. */
static __always_inline void op_count_cache(const struct op *o, struct iop_op_stats *r, bool atomic)
{
	/* the two counts of folios are one word */
	if (!o->cached && !*(const u64 *)&o->folios_added && !o->accessed)
		return;
	if (o->folios_added)
		row_add(&r->c.cache_misses, 1, atomic);
	else if (o->lookups)
		row_add(&r->c.cache_hits, 1, atomic);
	if (o->folios_ahead)
		row_add(&r->c.ra_folios, o->folios_ahead, atomic);
	if (o->accessed)
		row_add(&r->c.accessed, o->accessed, atomic);
}

static __always_inline void op_account(struct op *o, u64 total, s64 result, bool atomic)
{
	struct iop_op_stats *r = op_stats_at(cfg.op_row[o->via & (MAX_VIAS - 1)][o->kind & (MAX_KINDS - 1)]);

	if (!r)
		return;
#pragma unroll
	for (int i = 0; i < NR_STAGES; i++) {
		if (!o->stage[i])
			continue;
		hist_add(&r->h[i], o->stage[i], atomic);
		o->stage[i] = 0;
	}
	hist_add(&r->h[STAGE_TOTAL], total, atomic);
	row_add(&r->c.count, 1, atomic);
	if (result < 0)
		row_add(&r->c.errors, 1, atomic);
	else if (o->kind == KIND_READ || o->kind == KIND_WRITE || o->kind == KIND_COPY)
		row_add(&r->c.bytes, (u64)result, atomic);
	if (o->nr_bios > 1)
		row_add(&r->c.bios, o->nr_bios - 1, atomic);
	if (!TIER(TIER_FILEMAP))
		return;
	if (o->direct)
		row_add(&r->c.direct, 1, atomic);
	if (cfg.probe_resched && o->resched_calls)
		row_add(&r->c.resched_calls, o->resched_calls, atomic);
	if (TIER(TIER_FULL) && o->resched) {
		hist_add(&r->h[STAGE_RESCHED], o->resched_ns, atomic);
		row_add(&r->c.resched, o->resched, atomic);
	}
	op_count_cache(o, r, atomic);
}

__global_fn int op_account_two_writers(int index, u64 total, s64 result)
{
	struct op *o = ops_at((u32)index);

	if (o)
		op_account(o, total, result, true);
	return 0;
}

/* The operation is over: account for it, print it if it was slow, free its slot. */
__global_fn int op_end(int index, u64 now, s64 result)
{
	struct op *o = ops_at((u32)index);
	u64 from, total;

	if (!o)
		return 0;
	/* where programs are preempted, the task may be switched away and back below */
	o->ended = 1;
	from = op_close(o);
	if (from < now)
		op_give_cpu(o, o->nr_requests ? STAGE_RETURN : STAGE_OTHER, now - from);
	if (o->holders)
		op_settle(index);
	total = (from < now ? now : from) - o->t0;
	if (!o->dev_wanted || too_short(total)) {
		if (o->dev_wanted)
			count(COUNT_SHORT_OPS);
		op_drop(o);
		return 0;
	}
	if (records_wanted()) {
		int tell = to_tell(total);

		if (tell)
			op_emit(index, total, result, tell);
	}
	if (o->via == VIA_AIO)
		op_account_two_writers(index, total, result);
	else
		op_account(o, total, result, ROW_ATOMIC(false));
	if (cfg.who)
		who_op_end(index, total, result);
	op_release(o);
	return 0;
}

#endif
