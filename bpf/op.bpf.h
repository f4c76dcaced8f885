/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One operation (system call, io_uring or libaio request) in flight, and the
 * partition of its time into stages.
 *
 * The rule that makes the stages sum to the total: an operation has a cursor,
 * the time up to which its life is accounted for. Whoever learns something
 * (a request completed, the task runs again, the call returns) claims
 * (cursor, now] by compare-and-swap and splits just that interval. Intervals
 * are disjoint by construction, on any number of CPUs, without a lock. Of
 * overlapping requests the time goes to the one that completes first; which
 * of them was waited for is told of records, with their tree at hand:
 * tracer/critical.h.
 */
#ifndef IOPATH_OP_H
#define IOPATH_OP_H

#include "core.bpf.h"
#include "file.bpf.h"
#include "record.bpf.h"

SLOT_TABLE(ops, struct op);

/* who.bpf.h: who issued it, and that it is over */
int who_op_issued(int index);
int who_op_end(int index, u64 total, s64 result);

#define TID_KEY(tid) ((u64)(u32)(tid) << 1 | 1)

/*
 * A second name of an operation, for hooks that know it by another key than it
 * was begun with: a slot with no operation in it, which says where that is.
 */
#define ALIAS_KEY(x) ((u64)(x) | 4)

/* Of a user-space iocb: those are 8-byte aligned, as kernel pointers are. */
static __always_inline u64 aio_key(u32 tgid, u64 iocb)
{
	return (iocb ^ (u64)tgid << 40) | 2;
}

static __always_inline u64 op_handle(const struct op *o)
{
	return (u64)o->generation << 32 | (o->index + 1);
}

/* NULL once the operation is over: the slot has another generation then. */
static __always_inline struct op *op_of(u64 handle)
{
	struct op *o = ops_at((u32)handle - 1);

	return o && o->generation == (u32)(handle >> 32) && o->t0 ? o : NULL;
}

static __always_inline struct op *op_slot_new(u64 key)
{
	u32 index;
	struct op *o = ops_claim(key, &index);

	if (!o) {
		lost(LOSS_MAP_FULL);
		return NULL;
	}
	o->index = index;
	o->generation++;
	return o;
}

/* What carries operations, and what only names one, has no time of its own. */
static __always_inline struct op *op_begin_carrier(u64 key, u8 kind)
{
	struct op *o = op_slot_new(key);

	if (!o)
		return NULL;
	o->t0 = 0;
	o->kind = kind;
	o->in_fs = 0;
	o->current_key = 0;
	return o;
}

/* The stages that the last life of a slot left behind, where it was given up. */
static __noinline void op_clear_stages(struct op *o)
{
	for (int i = 0; i < NR_STAGES; i++)
		o->stage[i] = 0;
}

/* The key of an operation comes again: how it ended was not seen. */
static __noinline void op_unseen_end(struct op *o)
{
	if (o->dev_wanted)
		lost(LOSS_NO_OP_END);
	op_clear_stages(o);
}

#define ZERO(o, from, to)                                                   \
	__builtin_memset(&(o)->from, 0,                                     \
			 __builtin_offsetof(struct op, to) - __builtin_offsetof(struct op, from))

/* File and offset are the caller's. */
static __always_inline struct op *op_begin(u64 key, const struct task_struct *task, u8 kind, u8 via,
					   u64 now)
{
	struct op *o = op_slot_new(key);

	if (!o)
		return NULL;
	if (o->t0)
		op_unseen_end(o);
	o->t0 = o->cursor = now;
	o->kind = kind;
	o->via = via;
	o->file = 0;	/* the inode stays: op_set_file() */
	o->offset = o->len = 0;
	ZERO(o, off_ns, folios_added);
	if (TIER(TIER_FILEMAP))
		ZERO(o, folios_added, irq_ns);
	o->irq_ns = 0;
	if (TIER(TIER_FULL))
		ZERO(o, irq_ns, index);
	o->refs = 1;
	o->fd = -1;
	o->regs = 0;
	o->end_seen = o->again = 0;
	if (cfg.tell) {
		o->sector = 0;
		o->tag = -1;
		o->submitter.tid = 0;
		owner_get(&o->owner, task_asks(task));
	}
	return o;
}

static __always_inline void op_release(struct op *o)
{
	o->t0 = 0;
	ops_release(o);
}

/* It turned out to be none: refused, or not on storage. */
static __always_inline void op_drop(struct op *o)
{
	op_clear_stages(o);
	op_release(o);
}

static __always_inline bool op_is_batch(const struct op *o)
{
	return o->kind >= NR_KINDS;
}

/*
 * The request that an io-wq worker works on (io_uring/io-wq.c): it was punted
 * there, so the worker is in no system call.
 */
static __always_inline u64 worker_request(const struct task_struct *task)
{
	struct task_struct___old *old = (void *)task;
	struct io_worker *worker = bpf_core_field_exists(task->worker_private) ?
					   LOAD(task, worker_private) :
					   LOAD(old, pf_io_worker);
	struct io_wq_work *work = BPF_CORE_READ(worker, cur_work);

	return work ? (u64)work - bpf_core_field_offset(struct io_kiocb, work) : 0;
}

static __always_inline bool is_io_worker(const struct task_struct *task)
{
	return LOAD(task, flags) & PF_IO_WORKER;
}

/* The operation that a task works on, if any. */
static __always_inline struct op *op_of_task(const struct task_struct *task)
{
	struct op *o = ops_find(TID_KEY(LOAD(task, pid)));
	u64 key = 0;

	if (o && o->t0)
		return o;
	if (o)
		key = o->current_key;
	else if (is_io_worker(task))
		key = worker_request(task);
	o = key ? ops_find(key) : NULL;
	return o && o->t0 ? o : NULL;
}

static __always_inline struct op *op_here(void)
{
	return op_of_task(current_task());
}

static __always_inline bool op_alias(u64 key, u64 handle)
{
	struct op *o = op_begin_carrier(key, KIND_ALIAS);

	if (o)
		o->current_key = handle;
	return o;
}

/* What the alias stands for; the alias is gone then. */
static __always_inline struct op *op_of_alias(u64 key)
{
	struct op *o = ops_find(key);
	u64 handle;

	if (!o || o->kind != KIND_ALIAS)
		return NULL;
	handle = o->current_key;
	ops_release(o);
	return op_of(handle);
}

/* libaio's kiocb knows the user's iocb, by which the request was begun (fs/aio.c). */
static __always_inline u64 aio_key_of(u64 iocb)
{
	struct aio_kiocb *aio = (struct aio_kiocb *)iocb;

	return aio_key(bpf_get_current_pid_tgid() >> 32, (u64)BPF_CORE_READ(aio, ki_res.obj));
}

/* aio_complete_rw() knows the kiocb alone, and runs on top of any task. */
static __always_inline void aio_end_alias(struct op *o, u64 iocb)
{
	if (!aio_end_hooked || o->via != VIA_AIO || o->end_seen)
		return;
	/* without, the last bio is the end of it */
	o->end_seen = op_alias(ALIAS_KEY(iocb), op_handle(o));
}

/* ---- the partition ---- */

/* Claim (cursor, until]; returns its begin, or 0 when nothing is left of it. */
static __always_inline u64 op_claim(struct op *o, u64 until)
{
	for (int i = 0; i < 4; i++) {
		u64 from = *(volatile u64 *)&o->cursor;

		if (until <= from)
			return 0;
		if (swap_if_u64(&o->cursor, from, until) == from)
			return from;
	}
	lost(LOSS_CONTENDED);
	return 0;
}

#define OP_CLOSED (~0ull)

/* Nothing is left for others to claim; returns where they came to. */
static __always_inline u64 op_close(struct op *o)
{
	for (int i = 0; i < 8; i++) {
		u64 from = *(volatile u64 *)&o->cursor;

		if (swap_if_u64(&o->cursor, from, OP_CLOSED) == from)
			return from;
	}
	lost(LOSS_CONTENDED);
	return o->cursor;
}

/*
 * A completion may have claimed its interval and not given it to stages yet when
 * the operation ends on another processor: readahead that nobody waited for. It
 * says so from before the claim on, in a byte that few processors share.
 */
#define OP_HOLDER(o) ((volatile u8 *)&(o)->holders)[bpf_get_smp_processor_id() & 7]

/* Returns whether any of them is at it still. */
__global_fn int op_settle_some(int index)
{
	struct op *o = ops_at((u32)index);

	for (int i = 0; i < 32 && o && *(volatile u64 *)&o->holders; i++)
		bpf_ktime_get_ns();
	return o && o->holders;
}

/*
 * After op_close(). Holders take a microsecond, but may be held up themselves.
 * One loop in another: the verifier follows each turn of one.
 */
__global_fn int op_settle(int index)
{
	for (int i = 0; i < 32; i++)
		if (!op_settle_some(index))
			return 0;
	lost(LOSS_CONTENDED);
	return 0;
}

static __always_inline void op_give(struct op *o, enum iop_stage stage, u64 ns)
{
	if (ns)
		__sync_fetch_and_add(&o->stage[stage], ns);
}

/* Time on the CPU: interrupts on top of it are a stage of their own. */
static __always_inline void op_give_cpu(struct op *o, enum iop_stage stage, u64 ns)
{
	if (o->irq_ns) {
		u64 irq = exchange_u64(&o->irq_ns, 0);

		if (irq > ns)
			irq = ns;
		op_give(o, STAGE_IRQ, irq);
		ns -= irq;
	}
	op_give(o, stage, ns);
}

/* What nobody has accounted for until now was @stage, on the CPU. */
static __always_inline void op_spent(struct op *o, enum iop_stage stage)
{
	u64 now = bpf_ktime_get_ns(), from = op_claim(o, now);

	if (from)
		op_give_cpu(o, stage, now - from);
}

static __always_inline u64 clamp_ns(u64 t, u64 lo, u64 hi)
{
	return t < lo ? lo : t > hi ? hi : t;
}

/* One request's part of (from, c]: each known stamp ends a stage. */
static __always_inline u64 op_give_until(struct op *o, enum iop_stage stage, u64 from, u64 to, u64 end)
{
	u64 t = clamp_ns(to, from, end);

	op_give(o, stage, t - from);
	return t;
}

/* A request of the operation completed. */
static __always_inline void op_request_done(struct op *o, const struct rq_stamps *s)
{
	u64 from = op_claim(o, s->c), t;

	if (!from)
		return;
	t = clamp_ns(s->q, from, s->c);
	op_give_cpu(o, STAGE_SUBMIT, t - from);
	if (s->g)
		t = op_give_until(o, STAGE_Q2G, t, s->g, s->c);
	if (s->i)
		t = op_give_until(o, STAGE_G2I, t, s->i, s->c);
	if (s->p)
		t = op_give_until(o, s->i ? STAGE_I2D : STAGE_G2I, t, s->p, s->c);
	if (s->d)
		t = op_give_until(o, s->p ? STAGE_DRIVER : s->i ? STAGE_I2D : STAGE_G2I, t, s->d, s->c);
	if (s->h)
		t = op_give_until(o, STAGE_DRIVER, t, s->h, s->c);
	if (s->e)
		t = op_give_until(o, STAGE_DEVICE, t, s->e, s->c);
	op_give(o, s->e ? STAGE_COMPLETE : STAGE_DEVICE, s->c - t);
}

/* The page-cache look-up of the operation has ended. */
static __always_inline void op_cache_done(struct op *o)
{
	if (o->cached || o->nr_bios)
		return;
	o->cached = 1;
	op_spent(o, STAGE_CACHE);
}

/* The time off the CPU had a cause of its own. */
static __always_inline enum iop_stage off_stage(u8 cause)
{
	return cause == CAUSE_THROTTLE ? STAGE_THROTTLE :
	       cause == CAUSE_WBWAIT   ? STAGE_WBWAIT :
	       TIER(TIER_FULL)	       ? STAGE_OFFCPU :
					 STAGE_OTHER;
}

/*
 * The task leaves the CPU. When it does so with bios in flight and for no
 * other cause, the first of them to end says what the time was: no clock.
 */
static __always_inline void op_switched_out(struct op *o, bool preempted)
{
	o->preempted = preempted;
	o->off_requests = o->nr_requests;
	o->off_ns = o->refs > 1 && !preempted && !o->cause ? OFF_FOR_IO : bpf_ktime_get_ns();
}

/* The task runs again after having been off the CPU since o->off_ns. */
static __always_inline void op_switched_in(struct op *o)
{
	u64 off = o->off_ns, from, now;
	u8 cause = o->cause;
	bool some_ended = o->nr_requests != o->off_requests;

	if (o->ended)
		return;
	o->off_ns = 0;
	o->slept = 1;
	o->cause = CAUSE_NONE;
	if (off == OFF_FOR_IO && !some_ended && o->refs > 1)
		return;
	now = bpf_ktime_get_ns();
	if (o->preempted && TIER(TIER_FULL)) {
		o->resched++;
		o->resched_ns += now - off;
	}
	from = op_claim(o, now);
	if (!from)
		return;
	/* the sleep ended with a completion: from there on it waited to run */
	if (some_ended && from >= off) {
		op_give(o, TIER(TIER_FULL) ? STAGE_WAKEUP : STAGE_RETURN, now - from);
		return;
	}
	if (off == OFF_FOR_IO)
		off = from;	/* its bios ended without a request */
	op_give_cpu(o, o->nr_bios ? STAGE_SUBMIT : STAGE_OTHER, off > from ? off - from : 0);
	op_give(o, off_stage(cause), now - (off > from ? off : from));
}

/* ---- the file behind it ---- */

static __always_inline u64 fd_file(u32 fd)
{
	struct task_struct *task = current_task();
	struct files_struct *table = LOAD(task, files);
	struct fdtable *fdt;
	struct file *file = NULL;

	if (!table)
		return 0;
	fdt = LOAD(table, fdt);
	if (!fdt || fd >= LOAD(fdt, max_fds))
		return 0;
	bpf_probe_read_kernel(&file, sizeof(file), LOAD(fdt, fd) + fd);
	return (u64)file;
}

/*
 * Sockets, pipes and terminals are not storage. A slot that has had the same
 * inode before need not ask again: what an inode is does not change.
 */
static __always_inline bool op_set_file(struct op *o, u64 f)
{
	struct file *file = (struct file *)f;
	struct inode *inode = BPF_CORE_READ(file, f_inode);
	u32 type;

	o->file = f;
	if (inode && o->inode == address(inode))
		return true;
	o->inode = 0;
	type = BPF_CORE_READ(inode, i_mode) & S_IFMT;
	if (type != S_IFREG && type != S_IFBLK && type != S_IFDIR)
		return false;
	o->inode = address(inode);
	o->file_dev = type == S_IFBLK ? BPF_CORE_READ(inode, i_rdev) :
					BPF_CORE_READ(inode, i_sb, s_dev);
	return true;
}

/* The file is known: is it, or the device that it is on, of interest? */
static __always_inline bool op_on_wanted_dev(const struct op *o)
{
	if (files_filtered() && !file_is_wanted(o->file))
		return false;
	return !cfg.nr_devs || dev_listed(o->file_dev, o->file_dev);
}

/* The same of a file that a function was handed: its fields are loads. */
static __always_inline void op_take_file(struct op *o, struct file *file)
{
	struct inode *inode = file->f_inode;

	o->file = address(file);
	if (!inode)
		return;
	o->inode = address(inode);
	o->file_dev = (inode->i_mode & S_IFMT) == S_IFBLK ? inode->i_rdev : inode->i_sb->s_dev;
	if (op_on_wanted_dev(o))
		o->dev_wanted = 1;
}

#endif
