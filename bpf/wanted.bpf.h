/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Does a bio that is being queued pass the filters that only its submitter and
 * its pages can answer: process, cgroup, file?
 */
#ifndef IOPATH_WANTED_H
#define IOPATH_WANTED_H

#include "dirtier.bpf.h"
#include "op.bpf.h"
#include "page.bpf.h"

/*
 * By the operation that the task is in; else by the request that the bio leads
 * to (@iocb, 0: none); else by its pages: writeback.
 */
__global_fn int bio_of_wanted_file(u64 bio_at, u64 iocb)
{
	struct bio *bio = (struct bio *)bio_at;
	struct op *o = op_here();
	struct kiocb *kiocb = (struct kiocb *)iocb;
	struct io_kiocb *req;
	struct inode *inode;
	u64 file = 0, offset;

	if (o && o->via != VIA_URING) {
		file = o->file;
	} else if (kiocb) {
		file = (u64)BPF_CORE_READ(kiocb, ki_filp);
	} else if (o) {
		req = (struct io_kiocb *)o->key;
		file = (u64)BPF_CORE_READ(req, file);
	}
	if (file && file_is_wanted(file))
		return 1;
	inode = bio_inode(bio, &offset);
	return inode && inode_is_wanted((u64)inode);
}

/* Of the tracer: by its process, or writeback of what it has printed. */
static __always_inline bool bio_is_own(struct bio *bio, const struct task_struct *task)
{
	u64 offset;

	if ((u32)LOAD(task, tgid) == cfg.self_tgid)
		return true;
	return cfg.own_file && cfg.bop_of[bio->bi_opf & (NR_REQ_OPS - 1)] == BOP_WRITE &&
	       (u64)bio_inode(bio, &offset) == cfg.own_file;
}

/* By who submits it or, of writeback, by who made the pages dirty. */
static __always_inline bool bio_owner_wanted(struct bio *bio, const struct task_struct *task)
{
	bool process = task_wanted(task);
	bool cgroup = !cfg.nr_cgroups || task_in_cgroups() || bio_in_cgroups(address(bio));
	const struct dirtier *d;

	if (process && cgroup)
		return true;
	/* a worker has another name, on 5.10 another process: when it was begun, its operation passed */
	if (TIER(TIER_VFS) && is_io_worker(task) && op_of_task(task))
		return true;
	d = bio_dirtier(bio, task);
	return d && (process || d->passes & PASSES_PROCESS) && (cgroup || d->passes & PASSES_CGROUP);
}

#endif
