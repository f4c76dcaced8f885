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

/* The arguments are there still when the call is left. */
static __always_inline u64 sys_number(struct pt_regs *regs)
{
#if defined(__TARGET_ARCH_x86)
	return regs->orig_ax;
#else
	return (u64)((struct pt_regs *)regs)->syscallno;
#endif
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

/* ---- functions ---- */

/* Where a hook sees libaio's end. Those without bios end with io_submit(). */
static __always_inline int on_aio_complete(u64 iocb, s64 res)
{
	struct op *o = op_of_alias(ALIAS_KEY(iocb));

	if (o && o->via == VIA_AIO)
		op_end((int)o->index, bpf_ktime_get_ns(), res);
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
	return op_enter_fs(o) && !o->file ? o : NULL;
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

/* ---- page faults ---- */

#define VM_FAULT_OOM 0x1
#define VM_FAULT_FAILED 0x872	/* VM_FAULT_ERROR but for OOM */

static __always_inline bool fault_tried(struct vm_fault *vmf)
{
	struct vm_fault___plain *plain = (void *)vmf;
	u32 flags = bpf_core_field_exists(plain->flags) ? plain->flags : (u32)vmf->flags;

	return flags & FAULT_FLAG_TRIED;
}

/* A task touches memory, not in any operation: that is one by itself. */
static __always_inline int on_fault_begin(u8 kind, u8 via, struct vm_fault *vmf)
{
	struct task_struct *task = current_task();
	u64 key = TID_KEY(LOAD(task, pid));
	struct vm_area_struct *vma = vmf->vma;
	struct op *o;

	if ((u32)LOAD(task, tgid) == cfg.self_tgid || !submitter_wanted(task) || !kind_wanted(kind) ||
	    ops_find(key) || op_of_task(task))
		return 0;
	o = op_begin(key, task, kind, via, bpf_ktime_get_ns());
	if (!o)
		return 0;
	o->again = kind == KIND_FAULT && fault_tried(vmf);
	if (via == VIA_SWAP) {
		/* without a file its bios tell */
		o->dev_wanted = !target_filtered();
	} else {
		o->offset = (u64)vmf->pgoff << PAGE_SHIFT;
		o->len = 1 << PAGE_SHIFT;
		o->has_offset = 1;
		o->lookups = 1;
		op_take_file(o, vma->vm_file);
	}
	if (cfg.who)
		who_op_issued((int)o->index);
	return 0;
}

static __always_inline int on_fault_end(u8 kind, u8 via, u32 ret)
{
	u32 tid = (u32)bpf_get_current_pid_tgid();
	struct op *o = ops_find(TID_KEY(tid));

	if (!o || o->kind != kind || o->via != via)
		return 0;
	/* the kernel lets go of its locks to wait, and tries again: what is found then has been told */
	if (o->again && !o->nr_bios && !o->folios_added) {
		op_drop(o);
		return 0;
	}
	/* nothing had to be read */
	if (TIER(TIER_FILEMAP) && kind == KIND_FAULT && via == VIA_MMAP)
		op_cache_done(o);
	op_end((int)o->index, bpf_ktime_get_ns(),
	       ret & VM_FAULT_OOM ? -ENOMEM : ret & VM_FAULT_FAILED ? -EFAULT : 0);
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
HOOK("?tp_btf/sys_exit", sys_exit, (struct pt_regs *regs, long ret), on_sys_exit(regs, ret))
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
#define X(point, function, program)                                                      \
	HOOK("?fentry/" #function, program, (struct kiocb *iocb, struct iov_iter *iter), \
	     on_fs_iter(iocb, iter))                                                     \
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
