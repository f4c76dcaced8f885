/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Tier vfs: where operations begin and end. System calls by sys_enter and
 * sys_exit; io_uring and libaio requests, page faults (uring.bpf.h, aio.bpf.h,
 * fault.bpf.h). What only function hooks see: where the file system takes over,
 * and kernel threads that read and write files.
 */
#include "aio.bpf.h"
#include "fault.bpf.h"
#include "plain-op.bpf.h"

/* 1-based argument of the system call; 0: none. */
static __always_inline u64 sys_arg(struct pt_regs *regs, int n)
{
	switch (n) {
	case 1:
		return PT_REGS_PARM1_SYSCALL(regs);
	case 2:
		return PT_REGS_PARM2_SYSCALL(regs);
	case 3:
		return PT_REGS_PARM3_SYSCALL(regs);
	case 4:
		return PT_REGS_PARM4_SYSCALL(regs);
	}
	return 0;
}

/* The arguments are there still when the call is left. */
static __always_inline u64 sys_number(struct pt_regs *regs)
{
#if defined(__TARGET_ARCH_x86)
	return regs->orig_ax;
#else
	return (u64)((struct pt_regs *)regs)->syscallno;
#endif
}

/* ---- system calls ---- */

/* include/uapi/linux/fs.h */
#define BLKDISCARD 0x1277
#define BLKSECDISCARD 0x127d
#define BLKZEROOUT 0x127f
#define FITRIM 0xc0185879u

#define POSIX_FADV_WILLNEED 3

/* Some calls are operations by what they are asked for alone. */
static __always_inline bool sys_is_one(u8 only, struct pt_regs *regs)
{
	u32 request;

	if (only == ONLY_ANY)
		return true;
	if (only == ONLY_WILLNEED)
		return sys_arg(regs, 4) == POSIX_FADV_WILLNEED;
	request = (u32)sys_arg(regs, 2);
	return request == BLKDISCARD || request == BLKSECDISCARD || request == BLKZEROOUT || request == FITRIM;
}

static __always_inline u64 file_pos(u64 f)
{
	struct file *file = (struct file *)f;

	return (u64)BPF_CORE_READ(file, f_pos);
}

/*
 * What the arguments say of the file. Where a hook in the file system tells the
 * rest, they are asked for only by who tells it on.
 */
static __always_inline bool sys_set_file(struct op *o, struct pt_regs *regs, u64 nr)
{
	u8 offset_arg = cfg.syscalls[nr].offset_arg;

	if (cfg.fs_hooked && !cfg.tell && !TIER(TIER_FILEMAP))
		return true;
	o->fd = (s32)sys_arg(regs, cfg.syscalls[nr].fd_arg);
	o->len = sys_arg(regs, cfg.syscalls[nr].len_arg);
	if (offset_arg) {
		o->offset = sys_arg(regs, offset_arg);
		o->has_offset = o->offset != -1ull;
	}
	if (cfg.fs_hooked)
		return true;
	if (!op_set_file(o, fd_file((u32)o->fd)))
		return false;
	if (!o->has_offset && (offset_arg || cfg.syscalls[nr].at_f_pos)) {
		o->offset = file_pos(o->file);
		o->has_offset = 1;
	}
	if (op_on_wanted_dev(o))
		o->dev_wanted = 1;
	return true;
}

static __always_inline int on_sys_enter(struct pt_regs *regs, u64 nr)
{
	struct task_struct *task;
	struct op *o;
	u8 kind;
	u64 now;

	if (nr >= NR_SYSCALLS)
		return 0;
	kind = cfg.syscalls[nr].kind;
	if (kind == KIND_NONE || !sys_is_one(cfg.syscalls[nr].only, regs))
		return 0;
	task = current_task();
	if ((u32)LOAD(task, tgid) == cfg.self_tgid) {
		count(COUNT_EXCLUDED);
		return 0;
	}
	if (!submitter_wanted(task))
		return 0;
	if (kind >= NR_KINDS) {
		o = op_begin_carrier(TID_KEY(LOAD(task, pid)), kind);
		if (!o || kind != KIND_AIO_BATCH)
			return 0;
		o->len = sys_arg(regs, 2);
		o->offset = sys_arg(regs, 3);
		aio_batch_begin(o->offset, o->len, bpf_ktime_get_ns());
		return 0;
	}
	if (!kind_wanted(kind))
		return 0;
	now = bpf_ktime_get_ns();
	o = op_begin(TID_KEY(LOAD(task, pid)), task, kind, VIA_SYSCALL, now);
	if (!o)
		return 0;
	if (cfg.syscalls[nr].fd_arg) {
		if (!sys_set_file(o, regs, nr)) {
			op_drop(o);
			return 0;
		}
	} else if (!target_filtered()) {
		/* without a file (sync, msync) its bios tell */
		o->dev_wanted = 1;
	}
	if (cfg.who)
		who_op_issued((int)o->index);
	return 0;
}

/* No hook in the file system has told the file: the descriptor is an argument still. */
__global_fn int op_find_file(int index, u32 fd)
{
	struct op *o = ops_at((u32)index);

	if (!o)
		return 0;
	if (!op_set_file(o, fd_file(fd)))
		o->dev_wanted = 0;
	else if (op_on_wanted_dev(o))
		o->dev_wanted = 1;
	return 0;
}

/* The same by an address that the verifier does not know. */
static __always_inline u64 sys_arg_at(struct pt_regs *regs, int n)
{
	switch (n) {
	case 1:
		return PT_REGS_PARM1_CORE_SYSCALL(regs);
	case 2:
		return PT_REGS_PARM2_CORE_SYSCALL(regs);
	case 3:
		return PT_REGS_PARM3_CORE_SYSCALL(regs);
	case 4:
		return PT_REGS_PARM4_CORE_SYSCALL(regs);
	}
	return 0;
}

/* plain_sys_enter() left it to the file system to tell the range, and no hook in that has. */
__global_fn int op_ask_range(int index)
{
	struct op *o = ops_at((u32)index);
	struct pt_regs *regs = (struct pt_regs *)o->regs;
	const volatile struct iop_syscall *sc;
	u64 nr;

	o->regs = 0;
#if defined(__TARGET_ARCH_x86)
	nr = BPF_CORE_READ(regs, orig_ax);
#else
	nr = (u64)BPF_CORE_READ(regs, syscallno);
#endif
	if (nr >= NR_SYSCALLS)
		return 0;
	sc = &cfg.syscalls[nr];
	o->len = sys_arg_at(regs, sc->len_arg);
	if (!sc->offset_arg)
		return 0;
	o->offset = sys_arg_at(regs, sc->offset_arg);
	o->has_offset = o->offset != -1ull;
	return 0;
}

static __always_inline void sys_find_file(struct op *o, struct pt_regs *regs)
{
	u64 nr = sys_number(regs);
	u8 fd_arg = nr < NR_SYSCALLS ? cfg.syscalls[nr].fd_arg : 0;

	if (fd_arg)
		op_find_file((int)o->index, (u32)sys_arg(regs, fd_arg));
}

static __always_inline int on_sys_exit(struct pt_regs *regs, s64 ret)
{
	u32 tid = (u32)bpf_get_current_pid_tgid();
	struct op *o = ops_find(TID_KEY(tid));

	if (!o)
		return 0;
	if (o->kind >= NR_KINDS) {
		if (o->kind == KIND_AIO_BATCH)
			aio_batch_end(o->offset, o->len, bpf_ktime_get_ns(), ret);
		ops_release(o);
		return 0;
	}
	if (cfg.fs_hooked && !o->file)
		sys_find_file(o, regs);
	op_end((int)o->index, bpf_ktime_get_ns(), ret);
	return 0;
}

/* A task that dies inside a call never leaves it. */
static __always_inline int on_task_exit(struct task_struct *p)
{
	struct op *o = ops_find(TID_KEY(p->pid));

	if (!o)
		return 0;
	if (o->t0 && o->dev_wanted)
		count(COUNT_OP_GONE);
	op_drop(o);
	return 0;
}

/* ---- functions ---- */

/* Where a hook sees libaio's end. Those without bios end with io_submit(). */
static __always_inline bool aio_end(u64 iocb, s64 res)
{
	struct op *o = op_of_alias(ALIAS_KEY(iocb));

	if (!o || o->via != VIA_AIO)
		return false;
	op_end((int)o->index, bpf_ktime_get_ns(), res);
	return true;
}

static __always_inline int on_aio_complete(u64 iocb, s64 res)
{
	aio_end(iocb, res);
	return 0;
}

/*
 * Writes complete in a kernel worker, reads in an interrupt that may come on top
 * of that, and the kernel skips a program that runs already. So a second one is
 * called behind the first, which takes the alias away where it was not skipped.
 */
static __always_inline int on_aio_complete_again(u64 iocb, s64 res)
{
	if (aio_end(iocb, res))
		count(COUNT_STOOD_IN);
	return 0;
}

/* What the file system is handed is the operation's: the rest was the way there. */
static __always_inline bool op_enter_fs(struct op *o)
{
	/* the first time alone: a synchronous write goes through vfs_fsync_range() too */
	if (!o || !o->t0 || o->in_fs || o->nr_bios)
		return false;
	o->in_fs = 1;
	op_spent(o, STAGE_VFS);
	return true;
}

/*
 * A file system takes over: the operation, if its file is to be told still. A
 * task that carries requests has this one at hand now: io_kiocb and aio_kiocb
 * begin with the kiocb.
 */
static __always_inline struct op *op_handed(u64 iocb)
{
	u32 tid = (u32)bpf_get_current_pid_tgid();
	struct op *o = ops_find(TID_KEY(tid)), *batch = o;

	if (!o || o->kind >= NR_KINDS) {
		bool aio = batch && batch->kind == KIND_AIO_BATCH;
		u64 key = aio ? aio_key_of(iocb) : iocb;

		o = ops_find(key);
		if (batch) {
			batch->current_key = key;
			batch->in_fs = 1;
		}
		if (o && aio)
			aio_end_alias(o, iocb);
	}
	/* a copy is of the file that it reads, which may come out of the page cache without a call: by its descriptor, at the end */
	return op_enter_fs(o) && !o->file && o->kind != KIND_COPY ? o : NULL;
}

static __always_inline int on_fs_iter(struct kiocb *iocb, struct iov_iter *iter)
{
	struct op *o = op_handed(address(iocb));

	if (!o)
		return 0;
	op_take_file(o, iocb->ki_filp);
	if (!o->has_offset) {
		o->offset = (u64)iocb->ki_pos;
		o->has_offset = 1;
	}
	if (!o->len)
		o->len = iter->count;
	return 0;
}

/* What it points to has to be read. */
static __always_inline int on_fs_iter_raw(struct kiocb *iocb)
{
	struct op *o = op_handed((u64)iocb);

	if (!o)
		return 0;
	if (op_set_file(o, (u64)BPF_CORE_READ(iocb, ki_filp)) && op_on_wanted_dev(o))
		o->dev_wanted = 1;
	if (!o->has_offset) {
		o->offset = (u64)BPF_CORE_READ(iocb, ki_pos);
		o->has_offset = 1;
	}
	return 0;
}

static __always_inline int on_fs_sync(struct file *file)
{
	struct op *o = op_here();

	if (op_enter_fs(o) && !o->file)
		op_take_file(o, file);
	return 0;
}

static __always_inline bool kernel_thread(const struct task_struct *task)
{
	return LOAD(task, flags) & PF_KTHREAD;
}

/* A kernel thread reads or writes a file: no system call says so. */
static __always_inline int on_kernel_begin(u8 kind, u64 file)
{
	struct task_struct *task = current_task();
	u64 key = TID_KEY(LOAD(task, pid));
	struct op *o;

	if (!kernel_thread(task) || !submitter_wanted(task) || !kind_wanted(kind) || ops_find(key))
		return 0;
	o = op_begin(key, task, kind, VIA_KERNEL, bpf_ktime_get_ns());
	if (!o)
		return 0;
	if (!op_set_file(o, file)) {
		op_drop(o);
		return 0;
	}
	if (cfg.who)
		who_op_issued((int)o->index);
	if (op_on_wanted_dev(o))
		o->dev_wanted = 1;
	return 0;
}

static __always_inline int on_kernel_end(s64 ret)
{
	struct op *o = kernel_thread(current_task()) ? op_here() : NULL;

	if (o && o->via == VIA_KERNEL)
		op_end((int)o->index, bpf_ktime_get_ns(), ret);
	return 0;
}

/* ---- the process tree of `-- COMMAND` ---- */

static __always_inline int on_fork(struct task_struct *parent, struct task_struct *child)
{
	u32 from = parent->tgid, to = child->tgid;
	u8 one = 1;

	if (from == to || !bpf_map_lookup_elem(&tree, &from))
		return 0;
	if (bpf_map_update_elem(&tree, &to, &one, BPF_ANY))
		lost(LOSS_TREE_FULL);
	return 0;
}

/* The leader's task is freed when the whole group is gone. */
static __always_inline int on_free(struct task_struct *p)
{
	u32 tgid = p->tgid;

	if (p->pid == p->tgid)
		bpf_map_delete_elem(&tree, &tgid);
	return 0;
}

HOOK_PLAIN("?tp_btf/sys_enter", sys_enter, (struct pt_regs *regs, long id), plain_vfs,
	   plain_sys_enter(regs, (u64)id), on_sys_enter(regs, (u64)id))
HOOK_PLAIN("?tp_btf/sys_exit", sys_exit, (struct pt_regs *regs, long ret), plain_vfs, plain_sys_exit(ret),
	   on_sys_exit(regs, ret))
HOOK("?tp_btf/sched_process_exit", task_exit, (struct task_struct *p), on_task_exit(p))
HOOK("?tp_btf/sched_process_fork", task_fork,
     (struct task_struct *parent, struct task_struct *child), on_fork(parent, child))
HOOK("?tp_btf/sched_process_free", task_free, (struct task_struct *p), on_free(p))
HOOK_PLAIN("?tp_btf/io_uring_submit_req", uring_submit, (struct io_kiocb *req), plain_vfs,
	   plain_uring_submit(address(req), req->opcode), on_uring_submit(address(req), req->opcode))
HOOK_PLAIN("?tp_btf/io_uring_submit_sqe", uring_submit_sqe, (struct io_kiocb *req), plain_vfs,
	   plain_uring_submit(address(req), req->opcode), on_uring_submit(address(req), req->opcode))
HOOK("?tp_btf/io_uring_submit_sqe", uring_submit_named,
     (void *ring, void *req, u8 opcode, u64 user_data),
     on_uring_submit_named(address(ring), address(req), opcode, user_data))
HOOK_PLAIN("?tp_btf/io_uring_complete", uring_complete,
	   (struct io_ring_ctx *ring_ctx, void *req, struct io_uring_cqe *cqe), plain_vfs,
	   plain_uring_complete(address(req), cqe->res), on_uring_complete(address(req), cqe->res))
HOOK_PLAIN("?tp_btf/io_uring_complete", uring_complete_res,
	   (struct io_ring_ctx *ring_ctx, void *req, u64 user_data, int res), plain_vfs,
	   plain_uring_complete(address(req), res), on_uring_complete(address(req), res))
HOOK("?tp_btf/io_uring_complete", uring_complete_named, (void *ring, u64 user_data, long res),
     on_uring_complete_named(address(ring), user_data, (s32)res))
HOOK("?fentry/aio_complete_rw", aio_complete, (void *iocb, long res), on_aio_complete(address(iocb), res))
HOOK("?fentry/aio_complete_rw", aio_complete_again, (void *iocb, long res),
     on_aio_complete_again(address(iocb), res))

/* by kprobe where modules have no BTF (until 5.10) */
#define X(point, function, program)                                                      \
	HOOK_PLAIN("?fentry/" #function, program, (struct kiocb *iocb, struct iov_iter *iter), \
		   plain_begin, plain_fs_iter(iocb, iter), on_fs_iter(iocb, iter))         \
	SEC("?kprobe/" #function) int BPF_KPROBE(program##_kprobe, struct kiocb *iocb)   \
	{                                                                                \
		return ACTIVE() ? on_fs_iter_raw(iocb) : 0;                              \
	}
IOP_FS_FUNCTIONS(X)
#undef X
HOOK("?fentry/vfs_fsync_range", fs_fsync, (struct file *file), on_fs_sync(file))

#define X(point, function, program) \
	HOOK("?fentry/" #function, program, (void *req), on_uring_issue(address(req)))
IOP_URING_FUNCTIONS(X)
#undef X

#define X(point, function, program, kind)                                         \
	HOOK("?fentry/" #function, program, (void *file),                        \
	     on_kernel_begin(KIND_##kind, address(file)))                         \
	HOOK("?fexit/" #function, program##_end,                                  \
	     (void *file, void *from, u64 len, void *pos, s64 ret), on_kernel_end(ret))
IOP_VFS_FUNCTIONS(X)
#undef X

#define X(point, function, program, via, kind)                                   \
	HOOK("?fentry/" #function, program, (struct vm_fault *vmf),              \
	     on_fault_begin(KIND_##kind, VIA_##via, vmf))                        \
	HOOK("?fexit/" #function, program##_end, (struct vm_fault *vmf, u32 ret), \
	     on_fault_end(KIND_##kind, VIA_##via, ret))
IOP_FAULT_FUNCTIONS(X)
#undef X
