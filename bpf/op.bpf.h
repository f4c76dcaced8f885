/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One operation (system call, io_uring or libaio request) in flight, and the
 * partition of its time into stages.
 *
 * The rule that makes the stages sum to the total: an operation has a cursor,
 * the time up to which its life is accounted for. Whoever learns something
 * (a request completed, the task runs again, the call returns) claims
 * (cursor, now] by compare-and-swap and splits just that interval. Intervals
 * are disjoint by construction, on any number of CPUs, without a lock; what
 * completes last is what the time of overlapping requests is taken from, that
 * is, the critical path.
 */
#ifndef IOPATH_OP_H
#define IOPATH_OP_H

#include "core.bpf.h"
#include "file.bpf.h"

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

static __always_inline u64 op_handle(const struct op *o, int index)
{
	return (u64)o->generation << 32 | (u32)(index + 1);
}

/* NULL once the operation is over: the slot has another generation then. */
static __always_inline struct op *op_of(u64 handle, int *ret_index)
{
	int index = (int)(u32)handle - 1;
	struct op *o;

	if (index < 0)
		return NULL;
	o = ops_at(index);
	if (!o || o->generation != (u32)(handle >> 32) || !o->t0)
		return NULL;
	*ret_index = index;
	return o;
}

/* Owner, file and offset are the caller's. */
static __always_inline struct op *op_begin(u64 key, u8 kind, u8 via, u64 now, int *ret_index)
{
	int index = ops_claim(key);
	struct op *o = index < 0 ? NULL : ops_at(index);

	if (!o) {
		lost(LOSS_MAP_FULL);
		return NULL;
	}
	o->generation++;
	for (int i = 0; i < NR_STAGES; i++)
		o->stage[i] = 0;
	o->t0 = o->cursor = now;
	o->key = key;
	o->kind = kind;
	o->via = via;
	o->file = 0;	/* the inode stays: op_set_file() */
	o->offset = o->len = 0;
	o->off_ns = o->irq_ns = o->resched_ns = 0;
	o->current_key = o->sector = 0;
	o->nr_bios = o->nr_requests = o->resched = o->resched_calls = 0;
	o->folios_added = o->folios_ahead = o->lookups = o->accessed = 0;
	o->refs = 1;
	o->dev = 0;
	o->tag = o->fd = -1;
	o->cause = o->preempted = o->cached = o->direct = 0;
	o->has_offset = 0;
	o->dev_wanted = 0;
	o->in_range = o->in_fs = o->end_seen = o->ended = 0;
	*ret_index = index;
	return o;
}

static __always_inline void op_release(struct op *o, int index)
{
	o->t0 = 0;
	ops_release(index);
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
static __always_inline struct op *op_of_task(const struct task_struct *task, int *ret_index)
{
	int index = ops_find(TID_KEY(LOAD(task, pid)));
	struct op *o = index < 0 ? NULL : ops_at(index);
	u64 key = 0;

	if (o && o->t0 && !op_is_batch(o)) {
		*ret_index = index;
		return o;
	}
	if (o && o->kind == KIND_URING_BATCH)
		key = o->current_key;
	else if (!o && is_io_worker(task))
		key = worker_request(task);
	index = key ? ops_find(key) : -1;
	o = index < 0 ? NULL : ops_at(index);
	if (!o || !o->t0)
		return NULL;
	*ret_index = index;
	return o;
}

static __always_inline void op_alias(u64 key, u64 handle)
{
	int index = ops_claim(key);
	struct op *o = index < 0 ? NULL : ops_at(index);

	if (!o) {
		lost(LOSS_MAP_FULL);
		return;
	}
	o->generation++;
	o->t0 = 0;
	o->kind = KIND_ALIAS;
	o->current_key = handle;
}

/* What the alias stands for; the alias is gone then. */
static __always_inline struct op *op_of_alias(u64 key, int *ret_index)
{
	int index = ops_find(key);
	struct op *o = index < 0 ? NULL : ops_at(index);
	u64 handle;

	if (!o || o->kind != KIND_ALIAS)
		return NULL;
	handle = o->current_key;
	ops_release(index);
	return op_of(handle, ret_index);
}

static __always_inline struct op *op_here(int *ret_index)
{
	return op_of_task(current_task(), ret_index);
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

static __always_inline void op_give(struct op *o, enum iop_stage stage, u64 ns)
{
	if (ns)
		__sync_fetch_and_add(&o->stage[stage], ns);
}

/* Time on the CPU: interrupts on top of it are a stage of their own. */
static __always_inline void op_give_cpu(struct op *o, enum iop_stage stage, u64 ns)
{
	if (TIER(TIER_FULL) && o->irq_ns) {
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

/* The task runs again after having been off the CPU since o->off_ns. */
static __always_inline void op_switched_in(struct op *o, u64 now)
{
	u64 off = o->off_ns, cursor = *(volatile u64 *)&o->cursor, from;
	u8 cause = o->in_range ? CAUSE_WBWAIT : o->cause;

	if (o->ended)
		return;
	o->off_ns = 0;
	o->cause = CAUSE_NONE;
	if (o->preempted && TIER(TIER_FULL)) {
		o->resched++;
		o->resched_ns += now - off;
	}
	/*
	 * Bios in flight, none of them completed meanwhile, no known cause:
	 * what completes next will say what this time was.
	 */
	if (o->refs > 1 && cursor < off && cause == CAUSE_NONE && !o->preempted)
		return;
	from = op_claim(o, now);
	if (!from)
		return;
	if (from >= off) {
		/* the sleep ended with a completion: from there on it waited to run */
		op_give(o, TIER(TIER_FULL) ? STAGE_WAKEUP : STAGE_RETURN, now - from);
		return;
	}
	op_give_cpu(o, o->nr_bios ? STAGE_SUBMIT : STAGE_OTHER, off - from);
	op_give(o,
		cause == CAUSE_THROTTLE ? STAGE_THROTTLE :
		cause == CAUSE_WBWAIT	? STAGE_WBWAIT :
		TIER(TIER_FULL)		? STAGE_OFFCPU :
					  STAGE_OTHER,
		now - off);
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

/* ---- the end ---- */

#define PATH_DEPTH 24

/*
 * Components from the file up to the root of its mount namespace, crossing
 * mounts; *len, of which 0 was known, and @cut in *flags if there are more. The
 * length is kept in memory that the verifier does not follow, or each length
 * would be a path of its own; the buffer has room for one more name behind the
 * bound.
 */
static __always_inline void path_collect(char *path, u32 *len, u32 *flags, u32 cut, u64 f)
{
	struct file *file = (struct file *)f;
	struct dentry *d = BPF_CORE_READ(file, f_path.dentry), *parent;
	struct vfsmount *vfs = BPF_CORE_READ(file, f_path.mnt);
	struct mount *mnt = container_of(vfs, struct mount, mnt), *up;

	for (int i = 0; i < PATH_DEPTH; i++) {
		u32 at = *(volatile u32 *)len;
		const unsigned char *name;
		long got;

		parent = BPF_CORE_READ(d, d_parent);
		if (d == BPF_CORE_READ(mnt, mnt.mnt_root) || d == parent) {
			up = BPF_CORE_READ(mnt, mnt_parent);
			if (up == mnt)
				return;
			d = BPF_CORE_READ(mnt, mnt_mountpoint);
			mnt = up;
			continue;
		}
		if (at >= IOP_PATH_LEN)
			break;
		/* the compiler knows the bound, older verifiers must be told */
		barrier_var(at);
		at &= IOP_PATH_LEN - 1;
		name = BPF_CORE_READ(d, d_name.name);
		got = bpf_probe_read_kernel_str(&path[at], IOP_NAME_LEN, name);
		if (got <= 0 || got > IOP_NAME_LEN)
			break;
		*(volatile u32 *)len = at + (u32)got;
		d = parent;
	}
	*flags |= cut;
}

__global_fn int op_emit(int index, u64 total, s64 result, int tell)
{
	const struct op *o = ops_at(index);
	struct iop_slow *r;
	u32 stages = 0;

	if (!o)
		return 0;
	r = slow_reserve();
	if (!r)
		return 0;
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

static __always_inline void op_account(struct op *o, u64 total, s64 result)
{
	struct iop_op_stats *r = op_stats_at(o->via * NR_KINDS + o->kind);
	bool atomic = ROW_ATOMIC(o->via == VIA_AIO);

	if (!r)
		return;
#pragma unroll
	for (int i = 0; i < NR_STAGES; i++)
		if (o->stage[i])
			hist_add(&r->h[i], o->stage[i], atomic);
	hist_add(&r->h[STAGE_TOTAL], total, atomic);
	row_add(&r->c.count, 1, atomic);
	if (result > 0 && (o->kind == KIND_READ || o->kind == KIND_WRITE || o->kind == KIND_COPY))
		row_add(&r->c.bytes, (u64)result, atomic);
	if (result < 0)
		row_add(&r->c.errors, 1, atomic);
	if (o->nr_bios > 1)
		row_add(&r->c.bios, o->nr_bios - 1, atomic);
	if (!TIER(TIER_FILEMAP))
		return;
	if (o->folios_added)
		row_add(&r->c.cache_misses, 1, atomic);
	else if (o->lookups)
		row_add(&r->c.cache_hits, 1, atomic);
	if (o->folios_ahead)
		row_add(&r->c.ra_folios, o->folios_ahead, atomic);
	if (o->accessed)
		row_add(&r->c.accessed, o->accessed, atomic);
	if (o->direct)
		row_add(&r->c.direct, 1, atomic);
	if (TIER(TIER_FULL) && o->resched) {
		hist_add(&r->h[STAGE_RESCHED], o->resched_ns, atomic);
		row_add(&r->c.resched, o->resched, atomic);
	}
	if (cfg.probe_resched && o->resched_calls)
		row_add(&r->c.resched_calls, o->resched_calls, atomic);
}

/*
 * With a device filter an operation is of interest once its file or one of its
 * bios is found to be on the device; it counts as seen from then on.
 */
static __always_inline void op_want(struct op *o)
{
	if (o->dev_wanted)
		return;
	o->dev_wanted = 1;
	count(COUNT_OP_SEEN);
}

/* It turned out to be none: refused, or not on storage. */
static __always_inline void op_unwant(struct op *o)
{
	if (o->dev_wanted)
		count_add(COUNT_OP_SEEN, -1ull);
	o->dev_wanted = 0;
}

/* The operation is over: account for it, print it if it was slow, free its slot. */
__global_fn int op_end(int index, u64 now, s64 result)
{
	struct op *o = ops_at(index);
	u64 from, total;

	if (!o)
		return 0;
	/* where programs are preempted, the task may be switched away and back below */
	o->ended = 1;
	from = op_claim(o, now);
	if (from)
		op_give_cpu(o, o->nr_requests ? STAGE_RETURN : STAGE_OTHER, now - from);
	total = o->cursor - o->t0;
	if (o->dev_wanted && too_short(total)) {
		count(COUNT_SHORT_OPS);
	} else if (o->dev_wanted) {
		op_account(o, total, result);
		if (cfg.who)
			who_op_end(index, total, result);
		if (cfg.threshold_ns || cfg.sample) {
			int tell = to_tell(total);

			if (tell)
				op_emit(index, total, result, tell);
		}
	}
	op_release(o, index);
	return 0;
}

#endif
