/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Tier vfs: where operations begin and end. System calls by sys_enter and
 * sys_exit; io_uring requests by their submission and their completion event;
 * libaio requests by io_submit and their
 * completion, or their last bio. What only function hooks see: where the file
 * system takes over, and kernel threads that read and write files.
 */

#define MAX_AIO_BATCH 1024

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

static __always_inline bool kind_wanted(u8 kind)
{
	return !cfg.kind_mask || cfg.kind_mask & 1u << (kind & 31);
}

/* ---- libaio ---- */

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
	struct iocb iocb;
	struct owner who;
	struct op *o;
	u64 user;
	int index;
	u8 kind;

	if (!aio_read_iocb(slot, &user, &iocb))
		return 1;
	kind = aio_kind(iocb.aio_lio_opcode);
	if (kind == KIND_NONE || !kind_wanted(kind))
		return 0;
	owner_get(&who);
	o = op_begin(aio_key(who.tgid, user), kind, VIA_AIO, now, &index);
	if (!o)
		return 0;
	o->owner = who;
	o->offset = (u64)iocb.aio_offset;
	o->has_offset = 1;
	o->len = iocb.aio_nbytes;
	o->fd = (s32)iocb.aio_fildes;
	if (!op_set_file(o, fd_file(iocb.aio_fildes))) {
		op_release(o, index);
		return 0;
	}
	if (cfg.who)
		who_op_issued(index);
	if (op_on_wanted_dev(o))
		op_want(o);
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
	int index;

	if (bpf_probe_read_user(&user, sizeof(user), (void *)slot))
		return 1;
	index = ops_find(aio_key(tgid, user));
	o = index < 0 ? NULL : ops_at(index);
	if (!o || o->via != VIA_AIO || !o->t0)
		return 0;
	if (accepted <= 0) {
		op_unwant(o);
		op_release(o, index);
	} else if (fetch_add_u32(&o->refs, -1) == 1 && !o->end_seen) {
		op_end(index, o->nr_requests ? o->cursor : now, (s64)o->len);
	}
	return 0;
}

static __always_inline void aio_batch_begin(u64 list, u64 nr, u64 now)
{
	for (u32 i = 0; i < MAX_AIO_BATCH && i < nr; i++)
		if (aio_begin(list + i * 8, now))
			break;
	if (nr > MAX_AIO_BATCH)
		count_add(COUNT_LOSS_FIRST + LOSS_BATCH_LONG, nr - MAX_AIO_BATCH);
}

static __always_inline void aio_batch_end(u64 list, u64 nr, u64 now, s64 accepted)
{
	for (u32 i = 0; i < MAX_AIO_BATCH && i < nr; i++)
		if (aio_submitted(list + i * 8, now, accepted - i))
			break;
}

/* ---- system calls ---- */

static __always_inline u64 file_pos(u64 f)
{
	struct file *file = (struct file *)f;

	return (u64)BPF_CORE_READ(file, f_pos);
}

static __always_inline int on_sys_enter(struct pt_regs *regs, u64 nr)
{
	struct iop_syscall sc;
	struct owner who;
	struct op *o;
	u64 now;
	int index;

	if (nr >= NR_SYSCALLS)
		return 0;
	sc.kind = cfg.syscalls[nr].kind;
	if (sc.kind == KIND_NONE)
		return 0;
	sc.fd_arg = cfg.syscalls[nr].fd_arg;
	sc.offset_arg = cfg.syscalls[nr].offset_arg;
	sc.len_arg = cfg.syscalls[nr].len_arg;
	sc.at_f_pos = cfg.syscalls[nr].at_f_pos;
	owner_get(&who);
	if (who.tgid == cfg.self_tgid) {
		count(COUNT_EXCLUDED);
		return 0;
	}
	if (!owner_wanted(&who))
		return 0;
	if (sc.kind < NR_KINDS && !kind_wanted(sc.kind))
		return 0;
	now = bpf_ktime_get_ns();
	o = op_begin(TID_KEY(who.tid), sc.kind, VIA_SYSCALL, now, &index);
	if (!o)
		return 0;
	o->owner = who;
	if (sc.kind == KIND_AIO_BATCH) {
		o->len = sys_arg(regs, 2);
		o->offset = sys_arg(regs, 3);
		aio_batch_begin(o->offset, o->len, now);
		return 0;
	}
	if (sc.kind == KIND_URING_BATCH)
		return 0;
	if (sc.fd_arg) {
		o->fd = (s32)sys_arg(regs, sc.fd_arg);
		if (!op_set_file(o, fd_file((u32)o->fd))) {
			op_release(o, index);
			return 0;
		}
	}
	o->len = sys_arg(regs, sc.len_arg);
	if (sc.offset_arg)
		o->offset = sys_arg(regs, sc.offset_arg);
	if (sc.at_f_pos || (sc.offset_arg && o->offset == -1ull))
		o->offset = file_pos(o->file);
	o->has_offset = sc.offset_arg || sc.at_f_pos;
	if (cfg.who)
		who_op_issued(index);
	/* without a file (sync, msync) its bios tell */
	if (sc.fd_arg ? op_on_wanted_dev(o) : !target_filtered())
		op_want(o);
	return 0;
}

static __always_inline int on_sys_exit(s64 ret)
{
	u32 tid = (u32)bpf_get_current_pid_tgid();
	int index = ops_find(TID_KEY(tid));
	struct op *o = index < 0 ? NULL : ops_at(index);

	if (!o)
		return 0;
	if (!op_is_batch(o)) {
		op_end(index, bpf_ktime_get_ns(), ret);
		return 0;
	}
	if (o->kind == KIND_AIO_BATCH)
		aio_batch_end(o->offset, o->len, bpf_ktime_get_ns(), ret);
	op_release(o, index);
	return 0;
}

/* A task that dies inside a call never leaves it. */
static __always_inline int on_task_exit(struct task_struct *p)
{
	int index = ops_find(TID_KEY(p->pid));
	struct op *o = index < 0 ? NULL : ops_at(index);

	if (!o)
		return 0;
	if (o->dev_wanted)
		count(COUNT_OP_GONE);
	op_release(o, index);
	return 0;
}

/* ---- io_uring ---- */

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

/* ret_handle: of the operation that began, 0 when none did. */
static __always_inline int uring_begin(u64 req, u8 opcode, u64 *ret_handle)
{
	u8 kind = uring_kind(req, opcode);
	struct owner who;
	struct op *o;
	int index;

	owner_get(&who);
	index = ops_find(TID_KEY(who.tid));
	o = index < 0 ? NULL : ops_at(index);
	/* a polling thread submits outside any call: its batch lasts as long as it does */
	if (!o)
		o = op_begin(TID_KEY(who.tid), KIND_URING_BATCH, VIA_SYSCALL, bpf_ktime_get_ns(), &index);
	if (o && o->kind == KIND_URING_BATCH)
		o->current_key = req;
	if (kind == KIND_NONE || !kind_wanted(kind) || who.tgid == cfg.self_tgid ||
	    !owner_wanted(&who))
		return 0;
	o = op_begin(req, kind, VIA_URING, bpf_ktime_get_ns(), &index);
	if (!o)
		return 0;
	o->owner = who;
	if (kind == KIND_READ || kind == KIND_WRITE)
		uring_set_offset(o, req);
	if (cfg.who)
		who_op_issued(index);
	if (!target_filtered())
		op_want(o);
	*ret_handle = op_handle(o, index);
	return 0;
}

static __always_inline int on_uring_submit(u64 req, u8 opcode)
{
	u64 handle;

	return uring_begin(req, opcode, &handle);
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
	u64 handle = 0;

	uring_begin(req, opcode, &handle);
	if (handle)
		op_alias(uring_alias(ring, user_data), handle);
	return 0;
}

/* A task sets about the request: what came before was the way there, io-wq's queue included. */
static __always_inline int on_uring_issue(u64 req)
{
	int index = ops_find(req);
	struct op *o = index < 0 ? NULL : ops_at(index);

	if (o && o->t0 && !o->nr_bios)
		op_spent(o, STAGE_VFS);
	return 0;
}

static __always_inline int on_uring_complete(u64 key, s64 res)
{
	struct io_kiocb *req = (struct io_kiocb *)key;
	int index = key ? ops_find(key) : -1;
	struct op *o = index < 0 ? NULL : ops_at(index);

	if (!o || !o->t0)
		return 0;
	/* the file is known only once the request has been issued */
	if (!op_set_file(o, (u64)BPF_CORE_READ(req, file))) {
		op_unwant(o);
		op_release(o, index);
		return 0;
	}
	if (op_on_wanted_dev(o))
		op_want(o);
	op_end(index, bpf_ktime_get_ns(), res);
	return 0;
}

static __always_inline int on_uring_complete_named(u64 ring, u64 user_data, s64 res)
{
	int index;
	struct op *o = op_of_alias(uring_alias(ring, user_data), &index);

	return o ? on_uring_complete(o->key, res) : 0;
}

/* ---- functions ---- */

/* Where a hook sees libaio's end. Those without bios end with io_submit(). */
static __always_inline int on_aio_complete(u64 iocb, s64 res)
{
	int index;
	struct op *o = op_of_alias(ALIAS_KEY(iocb), &index);

	if (o && o->via == VIA_AIO)
		op_end(index, bpf_ktime_get_ns(), res);
	return 0;
}

/* The first time alone: a synchronous write goes through vfs_fsync_range() too. */
static __always_inline int on_fs_enter(void)
{
	int index;
	struct op *o = op_here(&index);

	if (!o || o->in_fs || o->nr_bios)
		return 0;
	o->in_fs = 1;
	op_spent(o, STAGE_VFS);
	return 0;
}

static __always_inline bool kernel_thread(void)
{
	struct task_struct *task = current_task();

	return LOAD(task, flags) & PF_KTHREAD;
}

/* A kernel thread reads or writes a file: no system call says so. */
static __always_inline int on_kernel_begin(u8 kind, u64 file)
{
	struct owner who;
	struct op *o;
	int index;

	if (!kernel_thread())
		return 0;
	owner_get(&who);
	if (!owner_wanted(&who) || !kind_wanted(kind) || ops_find(TID_KEY(who.tid)) >= 0)
		return 0;
	o = op_begin(TID_KEY(who.tid), kind, VIA_KERNEL, bpf_ktime_get_ns(), &index);
	if (!o)
		return 0;
	o->owner = who;
	if (!op_set_file(o, file)) {
		op_release(o, index);
		return 0;
	}
	if (cfg.who)
		who_op_issued(index);
	if (op_on_wanted_dev(o))
		op_want(o);
	return 0;
}

static __always_inline int on_kernel_end(s64 ret)
{
	int index;
	struct op *o = kernel_thread() ? op_here(&index) : NULL;

	if (o && o->via == VIA_KERNEL)
		op_end(index, bpf_ktime_get_ns(), ret);
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
		lost(LOSS_MAP_FULL);
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

HOOK("?tp_btf/sys_enter", sys_enter, (struct pt_regs *regs, long id), on_sys_enter(regs, (u64)id))
HOOK("?tp_btf/sys_exit", sys_exit, (struct pt_regs *regs, long ret), on_sys_exit(ret))
HOOK("?tp_btf/sched_process_exit", task_exit, (struct task_struct *p), on_task_exit(p))
HOOK("?tp_btf/sched_process_fork", task_fork,
     (struct task_struct *parent, struct task_struct *child), on_fork(parent, child))
HOOK("?tp_btf/sched_process_free", task_free, (struct task_struct *p), on_free(p))
HOOK("?tp_btf/io_uring_submit_req", uring_submit, (struct io_kiocb *req),
     on_uring_submit(address(req), req->opcode))
HOOK("?tp_btf/io_uring_submit_sqe", uring_submit_sqe, (struct io_kiocb *req),
     on_uring_submit(address(req), req->opcode))
HOOK("?tp_btf/io_uring_submit_sqe", uring_submit_named,
     (void *ring, void *req, u8 opcode, u64 user_data),
     on_uring_submit_named(address(ring), address(req), opcode, user_data))
HOOK("?tp_btf/io_uring_complete", uring_complete,
     (struct io_ring_ctx *ring_ctx, void *req, struct io_uring_cqe *cqe),
     on_uring_complete(address(req), cqe->res))
HOOK("?tp_btf/io_uring_complete", uring_complete_res,
     (struct io_ring_ctx *ring_ctx, void *req, u64 user_data, int res),
     on_uring_complete(address(req), res))
HOOK("?tp_btf/io_uring_complete", uring_complete_named, (void *ring, u64 user_data, long res),
     on_uring_complete_named(address(ring), user_data, (s32)res))
HOOK("?fentry/aio_complete_rw", aio_complete, (void *iocb, long res), on_aio_complete(address(iocb), res))

/* by kprobe where modules have no BTF (until 5.10) */
#define X(point, function, program)                                       \
	HOOK("?fentry/" #function, program, (void *first), on_fs_enter()) \
	SEC("?kprobe/" #function) int BPF_KPROBE(program##_kprobe)        \
	{                                                                 \
		return ACTIVE() ? on_fs_enter() : 0;                      \
	}
IOP_FS_FUNCTIONS(X)
#undef X

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
