/* SPDX-License-Identifier: GPL-2.0-or-later */
/* libaio requests: begun by io_submit(), ended by their completion or their last bio. */
#ifndef IOPATH_AIO_BPF_H
#define IOPATH_AIO_BPF_H

#include "op-end.bpf.h"

#define MAX_AIO_BATCH 1024

static __always_inline bool aio_read_iocb(u64 slot, u64 *ret_user, struct iocb *ret)
{
	u64 user = 0;

	if (bpf_probe_read_user(&user, sizeof(user), (void *)slot))
		return false;
	*ret_user = user;
	return !bpf_probe_read_user(ret, sizeof(*ret), (void *)user);
}

/* include/uapi/linux/aio_abi.h IOCB_CMD_*; the others end where no hook sees it */
static __always_inline u8 aio_kind(u16 opcode)
{
	return opcode == 0 || opcode == 7 ? KIND_READ : opcode == 1 || opcode == 8 ? KIND_WRITE : KIND_NONE;
}

/* The iocb at @slot of the user's list begins. 0, or 1 when there is none. */
__global_fn int aio_begin(u64 slot, u64 now)
{
	struct task_struct *task = current_task();
	struct iocb iocb;
	struct op *o;
	u64 user;
	u8 kind;

	if (!aio_read_iocb(slot, &user, &iocb))
		return 1;
	kind = aio_kind(iocb.aio_lio_opcode);
	if (kind == KIND_NONE || !kind_wanted(kind))
		return 0;
	o = op_begin(aio_key((u32)LOAD(task, tgid), user), task, kind, VIA_AIO, now);
	if (!o)
		return 0;
	o->offset = (u64)iocb.aio_offset;
	o->has_offset = 1;
	o->len = iocb.aio_nbytes;
	o->fd = (s32)iocb.aio_fildes;
	if (!op_set_file(o, fd_file(iocb.aio_fildes))) {
		op_drop(o);
		return 0;
	}
	if (cfg.who)
		who_op_issued((int)o->index);
	if (op_on_wanted_dev(o))
		o->dev_wanted = 1;
	return 0;
}

/*
 * io_submit() is over for the iocb at @slot: if it had no bios, or they are
 * done already, it ends here; else with its last bio. @accepted counts from
 * this one on.
 */
__global_fn int aio_submitted(u64 slot, u64 now, s64 accepted)
{
	u32 tgid = bpf_get_current_pid_tgid() >> 32;
	struct op *o;
	u64 user = 0;

	if (bpf_probe_read_user(&user, sizeof(user), (void *)slot))
		return 1;
	o = ops_find(aio_key(tgid, user));
	if (!o || o->via != VIA_AIO || !o->t0)
		return 0;
	if (accepted <= 0)
		op_drop(o);
	else if (fetch_add_u32(&o->refs, -1) == 1 && !o->end_seen)
		op_end((int)o->index, o->nr_requests ? o->cursor : now, (s64)o->len);
	return 0;
}

/* One loop in another: the verifier follows every turn of one. */
#define AIO_PIECE 32

__global_fn int aio_begin_piece(u64 list, u64 nr, u64 now)
{
	for (u32 i = 0; i < AIO_PIECE && i < nr; i++)
		if (aio_begin(list + i * 8, now))
			return 1;
	return 0;
}

__global_fn int aio_submitted_piece(u64 list, u64 nr, u64 now, s64 accepted)
{
	for (u32 i = 0; i < AIO_PIECE && i < nr; i++)
		if (aio_submitted(list + i * 8, now, accepted - i))
			return 1;
	return 0;
}

static __always_inline void aio_batch_begin(u64 list, u64 nr, u64 now)
{
	for (u32 i = 0; i < MAX_AIO_BATCH && i < nr; i += AIO_PIECE)
		if (aio_begin_piece(list + i * 8, nr - i, now))
			break;
	if (nr > MAX_AIO_BATCH)
		count_add(COUNT_LOSS_FIRST + LOSS_BATCH_LONG, nr - MAX_AIO_BATCH);
}

static __always_inline void aio_batch_end(u64 list, u64 nr, u64 now, s64 accepted)
{
	for (u32 i = 0; i < MAX_AIO_BATCH && i < nr; i += AIO_PIECE)
		if (aio_submitted_piece(list + i * 8, nr - i, now, accepted - i))
			break;
}

#endif
