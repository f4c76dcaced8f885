/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the stamps of a request say: their order, and its exclusive stages. */
#ifndef IOPATH_STAMPS_H
#define IOPATH_STAMPS_H

#include "core.bpf.h"

/* A request that completes, as far as it is known. */
struct done {
	struct rq_stamps s;
	struct rq_stamps of_bio;	/* the same of a bio that was merged: merged_done() */
	u64 op;
	u64 sector;
	u32 dev, bytes;
	u32 requeues, merged;
	u32 left;	/* bytes that bios may still have that end with it: chain_done() */
	s32 tag;
	u16 hctx;
	s16 status;	/* blk_status_t, or -errno where the kernel tells that */
	u8 bop;
	u8 write;	/* WRITE_*, when it is to be told */
	u8 partials;	/* completions of a part of it, before this one */
	u8 cloned;	/* of a request of the level above: it was never queued */
	u32 submitter;
	u64 rq;		/* when it is to be told */
	u64 bio;	/* likewise: its first */
	u64 pages;	/* likewise: the same, when they may be a file's */
	struct owner owner;	/* likewise */
} IOP_OWN_LINES;

/*
 * Two for each CPU: no program that uses one runs on top of itself, and a
 * stand-in (standin.bpf.h) has the second. Not on the stack, where the verifier
 * would follow every stamp along every path.
 */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 2);		/* 2 * possible CPUs */
	__type(key, u32);
	__type(value, struct done);
} dones SEC(".maps");

static __always_inline u32 done_here(void)
{
	return bpf_get_smp_processor_id() * 2 + (cfg.stand_in ? 1 : 0);
}

static __always_inline struct done *done_at(u32 index)
{
	return bpf_map_lookup_elem(&dones, &index);
}

/* Give each stamp that lies before its predecessor the predecessor's value. */
static __noinline void stamps_reorder(struct rq_stamps *s)
{
	u64 lo = s->q;

#define AFTER(x)                    \
	if (s->x) {                 \
		if (s->x < lo)      \
			s->x = lo;  \
		lo = s->x;          \
	}
	AFTER(g)
	AFTER(i)
	AFTER(p)
	AFTER(d)
	AFTER(h)
	AFTER(e)
#undef AFTER
	if (s->c < lo)
		s->c = lo;
	lost(LOSS_TIME_BACKWARDS);
}

static __always_inline bool stamps_ordered(const struct rq_stamps *s)
{
	u64 lo = s->q;

#define AFTER(x)                          \
	if (s->x) {                       \
		if (s->x < lo)            \
			return false;     \
		lo = s->x;                \
	}
	AFTER(g)
	AFTER(i)
	AFTER(p)
	AFTER(d)
	AFTER(h)
	AFTER(e)
#undef AFTER
	return s->c >= lo;
}

/*
 * Exclusive stages of a request: DO(stage, ns) for each that it was in. One
 * that is never issued (a flush that waits for the queue's command, an early
 * error) has its time from G on in the device, respectively before the issue.
 */
#define EACH_STAGE(done, DO)                                                      \
	do {                                                                      \
		const struct rq_stamps *_s = &(done)->s;                          \
		u64 _taken = _s->p ? _s->p : _s->d; /* by the driver */           \
		u64 _handed = _s->h ? _s->h : _s->d;                              \
                                                                                  \
		if (_s->q && _s->g)                                               \
			DO(STAGE_Q2G, _s->g - _s->q);                             \
		if (_s->d) {                                                      \
			if (_s->g)                                                \
				DO(STAGE_G2I, (_s->i ? _s->i : _taken) - _s->g);  \
			if (_s->i)                                                \
				DO(STAGE_I2D, _taken - _s->i);                    \
			if (_s->p || _s->h)                                       \
				DO(STAGE_DRIVER, _handed - _taken);               \
			DO(STAGE_DEVICE, (_s->e ? _s->e : _s->c) - _handed);      \
			if (_s->e)                                                \
				DO(STAGE_COMPLETE, _s->c - _s->e);                \
		} else if (_s->g) {                                               \
			if ((done)->bop == BOP_FLUSH)                             \
				DO(STAGE_DEVICE, _s->c - _s->g);                  \
			else                                                      \
				DO(STAGE_G2I, (_s->i ? _s->i : _s->c) - _s->g);   \
			if (_s->i && (done)->bop != BOP_FLUSH)                    \
				DO(STAGE_I2D, _s->c - _s->i);                     \
		}                                                                 \
	} while (0)

/* From where a request's total counts; 0: not known. */
static __always_inline u64 done_begin(const struct done *d)
{
	if (d->bop != BOP_FLUSH_COMMAND && !d->cloned)
		return d->s.q;
	if (d->s.g)
		return d->s.g;
	return d->s.p ? d->s.p : d->s.d;
}

#endif
