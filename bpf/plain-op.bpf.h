/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Operations in what is nearly always the case (cfg.plain_vfs): system calls and
 * io_uring requests of files, whose file system says what they are about, and
 * which nobody else is at when they end. As plain-block.bpf.h: each does all of
 * what the general one would do, or nothing and returns false.
 */
#ifndef IOPATH_PLAIN_OP_H
#define IOPATH_PLAIN_OP_H

#include "op-end.bpf.h"
#include "uring.bpf.h"

/* A slot that op_begin() would leave so, but for file and offset: a file system tells these. */
static __always_inline struct op *plain_begin(u64 key, u8 kind, u8 via, u64 now)
{
	struct op *o = ops_take(key);

	if (!o || o->t0)
		return NULL;
	o->index = slot_hash(key) & ops_mask;
	o->generation++;
	o->t0 = o->cursor = now;
	o->kind = kind;
	o->via = via;
	o->end_seen = o->again = 0;
	o->refs = 1;
	o->file = 0;
	o->offset = o->len = 0;
	ZERO(o, off_ns, index);
	return o;
}

static __always_inline bool plain_sys_enter(struct pt_regs *regs, u64 nr)
{
	u64 now, id;
	struct op *o;
	u8 kind;

	if (nr >= NR_SYSCALLS)
		return true;
	kind = cfg.plain_kind[nr];
	if (kind == KIND_NONE)
		return true;
	if (kind == KIND_ASK)
		return false;
	id = bpf_get_current_pid_tgid();
	if (id >> 32 == cfg.self_tgid)
		return false;
	now = bpf_ktime_get_ns();
	o = plain_begin(TID_KEY(id), kind, VIA_SYSCALL, now);
	if (!o)
		return false;
	o->regs = address(regs);
	return true;
}

#define TAKE(which)                                              \
	if (o->stage[which]) {                                   \
		plain_add(&r->h[which], o->stage[which], atomic); \
		o->stage[which] = 0;                             \
	}

/* Those of a bio, and of what came after it. */
static __always_inline void plain_take_bios(struct op *o, struct iop_op_stats *r, u64 left, bool atomic)
{
	TAKE(STAGE_SUBMIT)
	TAKE(STAGE_Q2G)
	TAKE(STAGE_G2I)
	TAKE(STAGE_I2D)
	TAKE(STAGE_DRIVER)
	TAKE(STAGE_DEVICE)
	TAKE(STAGE_COMPLETE)
	left += o->stage[STAGE_RETURN];
	o->stage[STAGE_RETURN] = 0;
	if (left)
		plain_add(&r->h[STAGE_RETURN], left, atomic);
	if (o->nr_bios > 1)
		row_add(&r->c.bios, o->nr_bios - 1, atomic);
}

/*
 * op_end() of @o, whose bios have all ended: nobody else claims a part of its
 * time, and whoever did has given it to stages.
 */
static __always_inline bool plain_end_in(struct op *o, u64 now, s64 result, bool atomic)
{
	u64 from, left;
	struct iop_op_stats *r;

	/* first of all: where programs are preempted, the task may be switched away and back at any time */
	o->ended = 1;
	barrier();
	from = o->cursor;
	left = now - from;
	if (o->refs != 1 || from > now || !o->dev_wanted || !o->file || o->irq_ns || o->holders ||
	    *(u64 *)&o->resched) {
		o->ended = 0;
		return false;
	}
	r = op_stats_at(cfg.op_row[o->via & (MAX_VIAS - 1)][o->kind & (MAX_KINDS - 1)]);
	if (!r)
		return false;
	TAKE(STAGE_VFS)
	if (TIER(TIER_FILEMAP)) {
		if (o->slept) {
			TAKE(STAGE_THROTTLE)
			TAKE(STAGE_OFFCPU)
			TAKE(STAGE_WAKEUP)
		}
		TAKE(STAGE_CACHE)
		TAKE(STAGE_WBWAIT)
		TAKE(STAGE_IRQ)
		if (o->direct)
			row_add(&r->c.direct, 1, atomic);
		op_count_cache(o, r, atomic);
	}
	if (o->nr_requests) {
		plain_take_bios(o, r, left, atomic);
		left = 0;
	} else if (o->nr_bios) {
		plain_take_bios(o, r, 0, atomic);
	}
	left += o->stage[STAGE_OTHER];
	o->stage[STAGE_OTHER] = 0;
	if (left)
		plain_add(&r->h[STAGE_OTHER], left, atomic);
	plain_add(&r->h[STAGE_TOTAL], now - o->t0, atomic);
	row_add(&r->c.count, 1, atomic);
	if (result < 0)
		row_add(&r->c.errors, 1, atomic);
	else if (o->kind <= KIND_WRITE || o->kind == KIND_COPY)
		row_add(&r->c.bytes, (u64)result, atomic);
	o->t0 = 0;
	SLOT_KEY(o) = 0;
	return true;
}

#undef TAKE

/* Twice, so that the choice is not made at each adder. */
static __always_inline bool plain_end(struct op *o, u64 now, s64 result)
{
	return ROW_ATOMIC(false) ? plain_end_in(o, now, result, true) : plain_end_in(o, now, result, false);
}

static __always_inline bool plain_sys_exit(s64 ret)
{
	u64 key = TID_KEY(bpf_get_current_pid_tgid()), now;
	struct op *o = ops_home(key);

	if (SLOT_KEY(o) != key)
		return !ops_displaced;
	if (o->kind >= NR_KINDS)
		return false;
	now = bpf_ktime_get_ns();
	return plain_end(o, now, ret);
}

/* ---- io_uring ---- */

static __always_inline bool plain_uring_submit(u64 req, u8 opcode)
{
	u64 id = bpf_get_current_pid_tgid(), key = TID_KEY(id), now;
	struct op *batch = ops_home(key);
	u8 kind = cfg.uring_kind[opcode & (NR_URING_OPS - 1)];

	if (!uring_in_use || SLOT_KEY(batch) != key || batch->kind != KIND_URING_BATCH || kind > KIND_WRITE ||
	    id >> 32 == cfg.self_tgid)
		return false;
	now = bpf_ktime_get_ns();
	if (!plain_begin(req, kind, VIA_URING, now))
		return false;
	batch->current_key = req;
	batch->in_fs = 0;
	return true;
}

static __always_inline bool plain_uring_complete(u64 req, s64 res)
{
	u64 now = bpf_ktime_get_ns();
	struct op *o = ops_home(req);

	return SLOT_KEY(o) == req && o->t0 && plain_end(o, now, res);
}

/* ---- the file system takes over ---- */

static __always_inline bool plain_fs_iter(struct kiocb *iocb, struct iov_iter *iter)
{
	u64 key = TID_KEY(bpf_get_current_pid_tgid()), now = bpf_ktime_get_ns(), from, req;
	struct op *o = ops_home(key), *batch = o;
	struct file *file;

	if (SLOT_KEY(o) != key || (o->kind >= NR_KINDS && o->kind != KIND_URING_BATCH))
		return false;
	if (o->kind == KIND_URING_BATCH) {
		req = address(iocb);
		o = ops_home(req);
		if (SLOT_KEY(o) != req)
			return false;
		batch->current_key = req;
		batch->in_fs = 1;
	}
	if (!o->t0 || o->in_fs || o->nr_bios || o->file || o->irq_ns)
		return false;
	o->in_fs = 1;
	from = op_claim(o, now);
	if (from)
		o->stage[STAGE_VFS] += now - from;
	file = iocb->ki_filp;
	o->file = address(file);
	o->inode = address(file->f_inode);
	o->offset = (u64)iocb->ki_pos;
	o->has_offset = 1;
	o->len = iter->count;
	o->dev_wanted = 1;
	return true;
}

#endif
