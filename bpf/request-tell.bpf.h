/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a request that completed is counted in, and what is told of it. */
#ifndef IOPATH_REQUEST_TELL_H
#define IOPATH_REQUEST_TELL_H

#include "request.bpf.h"

/*
 * Until 5.17 the kernel tells what the status is for a caller: which one that
 * was follows from block/blk-core.c, blk_errors[].
 */
static __always_inline u32 status_index(s16 status)
{
	static const s16 errnos[NR_STATUSES] = { 0,	   -EOPNOTSUPP, -ETIMEDOUT, -ENOSPC, -ENOLINK, -EREMOTEIO,
						 -EBADE,   -ENODATA,	-EILSEQ,    -ENOMEM, -EIO,     -EREMCHG,
						 -EAGAIN,  -EBUSY,	0,	    0 };

	if (status > 0)
		return status < NR_STATUSES ? (u32)status : 0;
	for (u32 i = 1; i < NR_STATUSES; i++)
		if (errnos[i] == status)
			return i;
	return 0;
}

static __noinline int row_error(struct iop_block_stats *r, s16 status)
{
	u32 i = status_index(status);

	/* checked again for older verifiers */
	if (i < NR_STATUSES)
		row_add(&r->c.by_status[i], 1, ROW_ATOMIC(false));
	row_add(&r->c.errors, 1, ROW_ATOMIC(false));
	return 0;
}

static __always_inline void row_account(const struct done *d, u32 row)
{
	struct iop_block_stats *r = block_stats_at(row);
	u64 begin = done_begin(d);

	if (!r)
		return;
#define ADD(stage, ns) hist_add(&r->h[(stage) - BLOCK_STAGE_FIRST], ns, ROW_ATOMIC(false))
	EACH_STAGE(d, ADD);
#undef ADD
	if (begin)
		hist_add(&r->h[BLOCK_HIST_TOTAL], d->s.c - begin, ROW_ATOMIC(false));
	row_add(&r->c.count, 1, ROW_ATOMIC(false));
	row_add(&r->c.bytes, d->bytes, ROW_ATOMIC(false));
	if (d->status)
		row_error(r, d->status);
	if (d->requeues)
		row_add(&r->c.requeues, d->requeues, ROW_ATOMIC(false));
	if (d->merged)
		row_add(&r->c.bios, d->merged, ROW_ATOMIC(false));
}

/* The file whose cached pages a request carries: of writeback and readahead. */
static __always_inline void rq_file(struct iop_slow *e, const struct request *rq)
{
	struct bio *bio = BPF_CORE_READ(rq, bio);
	struct inode *inode = bio ? bio_inode(bio, &e->offset) : NULL;

	if (!inode)
		return;
	e->ino = BPF_CORE_READ(inode, i_ino);
	e->file_dev = BPF_CORE_READ(inode, i_sb, s_dev);
	e->path_len = names_of(inode, e->path);
	e->flags |= SLOW_OFFSET | SLOW_PATH_IN_FS;
}

static __noinline void rq_emit(const struct done *d, int tell)
{
	struct iop_slow *e = slow_reserve();
	u32 stages = 0;

	if (!e)
		return;
	e->id = 0;
	e->nr_parts = 0;
	e->submitter.tid = d->submitter;
	e->submitter.tgid = 0;
	e->start_ns = done_begin(d);
	e->total_ns = d->s.c - e->start_ns;
	for (int i = 0; i < NR_STAGES; i++)
		e->stage_ns[i] = 0;
#define ADD(stage, ns)                    \
	do {                              \
		e->stage_ns[stage] = ns;  \
		stages |= 1u << (stage);  \
	} while (0)
	EACH_STAGE(d, ADD);
#undef ADD
	e->stages = stages;
	e->bytes = d->bytes;
	e->offset = e->ino = 0;
	e->sector = d->sector;
	e->result = d->status;
	e->resched_ns = 0;
	e->dev = d->dev;
	e->file_dev = 0;
	e->flags = SLOW_REQUEST | (tell == TELL_SAMPLE ? SLOW_SAMPLE : 0) | (u32)d->write << SLOW_WRITE_SHIFT;
	e->nr_requests = 1;
	e->tag = d->tag;
	e->hctx = d->hctx;
	e->kind = d->bop;
	e->via = 0;
	e->path_len = 0;
	e->tgid = d->owner.tgid;
	e->tid = d->owner.tid;
	e->cgroup = d->owner.cgroup;
	__builtin_memcpy(e->comm, d->owner.comm, IOP_COMM_LEN);
	if (d->pages)
		rq_file(e, (const struct request *)d->pages);
	slow_submit(e);
}

static __always_inline void part_add(const struct op *o, const struct rq_stamps *s, const struct done *d, u64 bio)
{
	struct iop_part *p = part_claim((int)o->index, o->generation);

	if (!p)
		return;
	p->rq = d->rq;
	p->bio = bio;
	p->above = bio_above(bio);
	p->q_ns = s->q;
	p->g_ns = s->g;
	p->i_ns = s->i;
	p->p_ns = s->p;
	p->d_ns = s->d;
	p->h_ns = s->h;
	p->e_ns = s->e;
	p->c_ns = s->c;
	p->sector = d->sector;
	p->dev = d->dev;
	p->bytes = d->bytes;
	p->requeues = d->requeues;
	p->merged = d->merged;
	p->tag = d->tag;
	p->hctx = d->hctx;
	p->status = d->status;
	p->partials = d->partials;
	p->bop = d->bop;
	p->no_request = 0;
	p->write = d->write;
}

#endif
