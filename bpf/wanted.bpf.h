/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Does a bio that is being queued pass the filters that only its submitter and
 * its pages can answer: process, cgroup, file?
 */
#ifndef IOPATH_WANTED_H
#define IOPATH_WANTED_H

#include "op.bpf.h"

#define MAPPING_FLAGS 3

/* Head of a compound page; a mask may stand there instead of its address. */
static __always_inline u64 page_head(u64 page)
{
	struct page *p = (struct page *)page;
	struct page___info *info = (struct page___info *)page;
	u64 v;

	/* barriers: what does not relocate must stay in the branch that is dead then */
	if (bpf_core_field_exists(info->compound_info)) {
		barrier_var(info);
		v = BPF_CORE_READ(info, compound_info);
	} else {
		barrier_var(p);
		v = BPF_CORE_READ(p, compound_head);
	}
	if (!(v & 1))
		return page;
	v -= 1;
	return (u32)(v >> 32) == ~0u ? page & v : v;
}

/* The inode whose pages a bio carries; NULL: they are not of the page cache. */
static __always_inline struct inode *bio_inode(struct bio *bio)
{
	u64 vec = (u64)BPF_CORE_READ(bio, bi_io_vec), page, mapping;

	if (!vec)
		return NULL;
	vec += (u64)bio->bi_iter.bi_idx * bpf_core_type_size(struct bio_vec);
	page = (u64)BPF_CORE_READ((struct bio_vec *)vec, bv_page);
	if (!page)
		return NULL;
	page = page_head(page);
	barrier_var(page);
	if (bpf_core_type_exists(struct folio)) {
		struct folio *f = (struct folio *)page;

		barrier_var(f);
		mapping = (u64)BPF_CORE_READ(f, mapping);
	} else {
		struct page *p = (struct page *)page;

		barrier_var(p);
		mapping = (u64)BPF_CORE_READ(p, mapping);
	}
	if (!mapping || mapping & MAPPING_FLAGS)
		return NULL;
	return BPF_CORE_READ((struct address_space *)mapping, host);
}

/*
 * By the operation that the task is in; else by the request that the bio leads
 * to (@iocb, 0: none); else by its pages: writeback.
 */
static __always_inline bool bio_of_wanted_file(struct bio *bio, u64 iocb)
{
	int index;
	struct op *o = op_here(&index);
	struct kiocb *kiocb = (struct kiocb *)iocb;
	struct io_kiocb *req;
	struct inode *inode;
	u64 file = 0;

	if (o && o->via != VIA_URING) {
		file = o->file;
	} else if (kiocb) {
		file = (u64)BPF_CORE_READ(kiocb, ki_filp);
	} else if (o) {
		req = (struct io_kiocb *)o->key;
		file = (u64)BPF_CORE_READ(req, file);
	}
	if (file && file_is_wanted(file))
		return true;
	inode = bio_inode(bio);
	return inode && inode_is_wanted(inode);
}

/* Of the tracer: by its process, or writeback of what it has printed. */
static __always_inline bool bio_is_own(struct bio *bio, const struct owner *who, u32 bop)
{
	if (who->tgid == cfg.self_tgid)
		return true;
	return cfg.own_file && bop == BOP_WRITE && (u64)bio_inode(bio) == cfg.own_file;
}

static __always_inline bool bio_owner_wanted(struct bio *bio, const struct owner *who)
{
	if (!task_wanted(who))
		return false;
	return !cfg.nr_cgroups || task_in_cgroups() || bio_in_cgroups(bio);
}

#endif
