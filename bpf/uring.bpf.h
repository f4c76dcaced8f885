/* SPDX-License-Identifier: GPL-2.0-or-later */
/* io_uring requests: begun by their submission, ended by their completion event. */
#ifndef IOPATH_URING_BPF_H
#define IOPATH_URING_BPF_H

#include "op-end.bpf.h"

static __always_inline u8 uring_kind(u64 req, u8 opcode)
{
	/* struct io_kiocb begins with what its operation keeps */
	struct io_sync *sync = (struct io_sync *)req;
	u8 kind = cfg.uring_kind[opcode & (NR_URING_OPS - 1)];

	if (kind == KIND_FSYNC && BPF_CORE_READ(sync, flags) & IORING_FSYNC_DATASYNC)
		return KIND_FDATASYNC;
	return kind;
}

/* As submitted: ki_pos moves on while the request runs. -1: at the file position. */
static __always_inline void uring_set_offset(struct op *o, u64 req)
{
	struct io_rw *rw = (struct io_rw *)req;

	o->offset = (u64)BPF_CORE_READ(rw, kiocb.ki_pos);
	o->has_offset = o->offset != -1ull;
	o->len = BPF_CORE_READ(rw, len);
}

/* Requests are worked on by tasks that are in no system call. */
u32 uring_in_use = 0;

/* The operation that began, or NULL. */
static __always_inline struct op *uring_begin(u64 req, u8 opcode)
{
	struct task_struct *task = current_task();
	u64 tid_key = TID_KEY(LOAD(task, pid));
	struct op *batch = ops_find(tid_key), *o;
	u8 kind = uring_kind(req, opcode);

	/* a polling thread submits outside any call: its batch lasts as long as it does */
	if (!batch)
		batch = op_begin_carrier(tid_key, KIND_URING_BATCH);
	/* written once: it is read by all processors */
	if (!uring_in_use)
		uring_in_use = 1;
	if (batch && batch->kind == KIND_URING_BATCH) {
		batch->current_key = req;
		batch->in_fs = 0;
	}
	if (kind == KIND_NONE || !kind_wanted(kind) || (u32)LOAD(task, tgid) == cfg.self_tgid ||
	    !submitter_wanted(task))
		return NULL;
	o = op_begin(req, task, kind, VIA_URING, bpf_ktime_get_ns());
	if (!o)
		return NULL;
	if (!cfg.fs_hooked && (kind == KIND_READ || kind == KIND_WRITE))
		uring_set_offset(o, req);
	if (cfg.who)
		who_op_issued((int)o->index);
	return o;
}

static __always_inline int on_uring_submit(u64 req, u8 opcode)
{
	uring_begin(req, opcode);
	return 0;
}

/*
 * Where the completion event names no request (until 5.17): by its ring and
 * user_data, which therefore must differ among those in flight.
 */
static __always_inline u64 uring_alias(u64 ring, u64 user_data)
{
	return ALIAS_KEY(((user_data * 0x9e3779b97f4a7c15ull) ^ ring) << 3);
}

static __always_inline int on_uring_submit_named(u64 ring, u64 req, u8 opcode, u64 user_data)
{
	struct op *o = uring_begin(req, opcode);

	if (o)
		op_alias(uring_alias(ring, user_data), op_handle(o));
	return 0;
}

/* A task sets about the request: what came before was the way there, io-wq's queue included. */
static __always_inline int on_uring_issue(u64 req)
{
	struct op *o = ops_find(req);

	if (o && o->t0 && !o->nr_bios)
		op_spent(o, STAGE_VFS);
	return 0;
}

/* No hook in the file system has told the file: the request does, once it has been issued. */
__global_fn int uring_find_file(int index, u64 key)
{
	struct io_kiocb *req = (struct io_kiocb *)key;
	struct op *o = ops_at((u32)index);

	if (!o)
		return 0;
	if (!op_set_file(o, (u64)BPF_CORE_READ(req, file)))
		o->dev_wanted = 0;
	else if (op_on_wanted_dev(o))
		o->dev_wanted = 1;
	return 0;
}

static __always_inline int uring_end(struct op *o, u64 key, s64 res)
{
	if (!o || !o->t0)
		return 0;
	if (!o->file)
		uring_find_file((int)o->index, key);
	op_end((int)o->index, bpf_ktime_get_ns(), res);
	return 0;
}

static __always_inline int on_uring_complete(u64 key, s64 res)
{
	return key ? uring_end(ops_find(key), key, res) : 0;
}

static __always_inline int on_uring_complete_named(u64 ring, u64 user_data, s64 res)
{
	struct op *o = op_of_alias(uring_alias(ring, user_data));

	return o ? uring_end(o, o->key, res) : 0;
}

#endif
