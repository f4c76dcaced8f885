/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Page faults that a file system or swap has to answer. */
#ifndef IOPATH_FAULT_BPF_H
#define IOPATH_FAULT_BPF_H

#include "op-end.bpf.h"

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

#endif
