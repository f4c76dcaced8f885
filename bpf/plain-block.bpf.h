/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Bios and requests in what is nearly always the case (cfg.plain): one bio makes
 * one request and is done at once and in order, nothing is displaced from its
 * home, nothing is to be told. Each function does all that the one in bio.bpf.h
 * or complete.bpf.h would do and returns true, or does nothing and returns false.
 *
 * Helpers are called first: what follows then has the registers that a call
 * takes away. A load from the kernel's memory is seven instructions on 6.1.
 */
#ifndef IOPATH_PLAIN_BLOCK_H
#define IOPATH_PLAIN_BLOCK_H

#include "complete.bpf.h"

/* The operation that a task which is in @o works on; NULL: not so simple. */
static __always_inline struct op *plain_op(struct op *o)
{
	u64 key;

	if (o->kind < NR_KINDS)
		return o;
	key = o->current_key;
	if (!o->in_fs)
		return NULL;
	o = ops_home(key);
	return SLOT_KEY(o) == key ? o : NULL;
}

/* A task that is in an operation queues a bio for it. */
static __always_inline bool plain_bio_queue(struct bio *bio)
{
	u64 key = TID_KEY(bpf_get_current_pid_tgid()), at = address(bio);
	u64 now = cfg.kernel_q ? 0 : bpf_ktime_get_ns();
	struct op *o = ops_home(key);
	struct bio_slot *b;

	if (SLOT_KEY(o) != key || throttle_in_use)
		return false;
	o = plain_op(o);
	/* what a kernel thread queues may be asked for by the level above */
	if (!o || !o->t0 || o->via == VIA_KERNEL)
		return false;
	b = bios_take(at);
	if (!b)
		return false;
	b->q = now;
	b->g = 0;
	b->op = op_takes_bio(o);
	b->bytes = bio->bi_iter.bi_size;
	b->flags = 0;
	b->live = 1;
	bio_slot_disk(b, bio, false);
	return true;
}

/* The driver says that it is done. */
static __always_inline bool plain_done(u64 rq)
{
	u64 now = bpf_ktime_get_ns();
	struct rq_slot *r = cfg.kernel_d ? rqs_take(rq) : rqs_home(rq);

	if (!r || (!cfg.kernel_d && (SLOT_KEY(r) != rq || !r->d)))
		return false;
	r->e = now;
	return true;
}

/* What a completion knows of a request. */
struct plain_rq {
	u64 q, g, d, c;
};

/* What passed until @until was @stage; what passed since counts on. */
static __always_inline u64 plain_give(struct op *o, enum iop_stage stage, u64 from, u64 until)
{
	if (until <= from)
		return from;
	__sync_fetch_and_add(&o->stage[stage], until - from);
	return until;
}

/* op_request_done() with the stamps that there are. */
static __always_inline void plain_op_request(struct op *o, const struct plain_rq *s, const struct rq_slot *r)
{
	u64 from = op_claim(o, s->c), t;

	if (!from)
		return;
	if (s->q > from) {
		op_give_cpu(o, STAGE_SUBMIT, s->q - from);
		from = s->q;
	}
	t = plain_give(o, STAGE_Q2G, from, s->g);
	if (!r) {
		t = plain_give(o, STAGE_G2I, t, s->d);
	} else {
		if (r->i)
			t = plain_give(o, STAGE_G2I, t, r->i);
		if (r->p)
			t = plain_give(o, r->i ? STAGE_I2D : STAGE_G2I, t, r->p);
		t = plain_give(o, r->p ? STAGE_DRIVER : r->i ? STAGE_I2D : STAGE_G2I, t, s->d);
		if (r->h)
			t = plain_give(o, STAGE_DRIVER, t, r->h);
		if (r->e) {
			t = plain_give(o, STAGE_DEVICE, t, r->e);
			plain_give(o, STAGE_COMPLETE, t, s->c);
			return;
		}
	}
	plain_give(o, STAGE_DEVICE, t, s->c);
}

/* The bio's operation learns of it. */
static __always_inline void plain_op_done(struct op *o, u32 cpu, const struct plain_rq *s, const struct rq_slot *r)
{
	volatile u8 *holder = (volatile u8 *)&o->holders + (cpu & 7);

	*holder = 1;
	plain_op_request(o, s, r);
	o->nr_requests++;
	__sync_fetch_and_add(&o->refs, -1);
	*holder = 0;
}

#define ADD(stage, ns) plain_add(&stats->h[(stage) - BLOCK_STAGE_FIRST], ns, atomic)

static __always_inline void plain_stages(struct iop_block_stats *stats, const struct plain_rq *s,
					 const struct rq_slot *r, bool atomic)
{
	u64 taken, handed;

	ADD(STAGE_Q2G, s->g - s->q);
	if (!r) {
		ADD(STAGE_G2I, s->d - s->g);
		ADD(STAGE_DEVICE, s->c - s->d);
		return;
	}
	taken = r->p ? r->p : s->d;
	handed = r->h ? r->h : s->d;
	ADD(STAGE_G2I, (r->i ? r->i : taken) - s->g);
	if (r->i)
		ADD(STAGE_I2D, taken - r->i);
	if (r->p || r->h)
		ADD(STAGE_DRIVER, handed - taken);
	ADD(STAGE_DEVICE, (r->e ? r->e : s->c) - handed);
	if (r->e)
		ADD(STAGE_COMPLETE, s->c - r->e);
}

#undef ADD

/* Are the stamps of our own in order, and of this life of the request? */
static __always_inline bool plain_slot(const struct rq_slot *r, const struct plain_rq *s)
{
	u64 lo = s->g;

	if (r->requeues || lo < s->q)
		return false;
#define AFTER(x)                           \
	if (x) {                           \
		if ((x) < lo)              \
			return false;      \
		lo = (x);                  \
	}
	AFTER(r->i)
	AFTER(r->p)
	/* 0: the kernel stamps it no more, or it was not issued */
	if (s->d < lo)
		return false;
	lo = s->d;
	AFTER(r->h)
	AFTER(r->e)
#undef AFTER
	return s->c >= lo;
}

/* Q, G and D: the kernel's, or those of the slots. */
static __always_inline bool plain_stamps(struct request *rq, struct bio *bio, const struct bio_slot *b,
					 const struct rq_slot *r, struct plain_rq *s, bool own)
{
	u64 stamp;

	if (own) {
		if (!b || !r || !b->g)
			return false;
		s->q = b->q;
		s->g = b->g;
		s->d = r->d;
	} else {
		/* bio_issue_time() without its sign */
		stamp = bio->bi_issue.value << (64 - BIO_ISSUE_BITS);
		s->q = s->c - (((s->c << (64 - BIO_ISSUE_BITS)) - stamp) >> (64 - BIO_ISSUE_BITS));
		s->g = rq->start_time_ns;
		if (!stamp || !s->g)
			return false;
		/* rq_got() */
		if (s->g < s->q) {
			if (!b || b->g <= s->q)
				return false;
			s->g = b->g;
		}
		s->d = rq->io_start_time_ns;
	}
	if (s->q < enabled_ns)
		return false;
	return r ? plain_slot(r, s) : s->g >= s->q && s->d >= s->g && s->c >= s->d;
}

/* The row of (disk, operation), when it has been handed out. */
static __always_inline struct iop_block_stats *plain_row(u32 dev, u32 bop, u32 cpu)
{
	const struct dev_slot *s = &dev_slots[slot_hash(dev) & (NR_DEV_SLOTS - 1)];
	u32 row = s->row_plus_1[bop & 7], i = (cpu & cfg.shard_mask) * NR_BLOCK_ROWS + row - 1;

	return s->dev == dev && row ? bpf_map_lookup_elem(&block_stats, &i) : NULL;
}

/* @slots: bios have some; without, as in tier block, there is nothing to look for. */
static __always_inline bool plain_complete_in(struct request *rq, s32 error, u32 nr_bytes, bool atomic,
					      bool own, bool slots)
{
	u32 cpu = bpf_get_smp_processor_id();
	struct plain_rq s = { .c = bpf_ktime_get_ns() };
	struct bio *bio = rq->bio;
	struct iop_block_stats *stats;
	struct bio_slot *b = NULL;
	struct rq_slot *r;
	struct op *o = NULL;
	struct gendisk *disk;
	u64 key;

	if (!bio || bio != rq->biotail || error || !nr_bytes || nr_bytes != rq->__data_len || bios_in_parts)
		return false;
	/* without a slot the device has not been asked for */
	if (!cfg.bio_slots && cfg.nr_devs)
		return false;
	if (slots) {
		key = address(bio);
		b = bios_home(key);
		if (SLOT_KEY(b) != key) {
			if (bios_displaced || cfg.nr_devs)
				return false;
			b = NULL;
		} else {
			if (b->own)
				return false;
			o = b->op ? op_of(b->op) : NULL;
			/* the last bio may be its end */
			if (o && o->via == VIA_AIO)
				return false;
		}
	}
	key = address(rq);
	r = rqs_home(key);
	if (SLOT_KEY(r) != key) {
		if (rqs_displaced)
			return false;
		r = NULL;
	}
	if (!plain_stamps(rq, bio, b, r, &s, own))
		return false;
	disk = rq_disk(rq);
	if (!disk)
		return false;
	stats = plain_row(disk_dev(disk), bop_of(bio->bi_opf), cpu);
	if (!stats)
		return false;
	plain_stages(stats, &s, r, atomic);
	plain_add(&stats->h[BLOCK_HIST_TOTAL], s.c - s.q, atomic);
	row_add(&stats->c.count, 1, atomic);
	row_add(&stats->c.bytes, nr_bytes, atomic);
	if (o)
		plain_op_done(o, cpu, &s, r);
	if (b) {
		b->live = 0;
		SLOT_KEY(b) = 0;
	}
	if (r) {
		rq_slot_clear(r);
		SLOT_KEY(r) = 0;
	}
	return true;
}

/* Once for each case, so that the choice is not made at each adder and stamp. */
static __always_inline bool plain_complete(struct request *rq, s32 error, u32 nr_bytes)
{
	u8 stamps = cfg.plain_stamps;
	bool atomic = ROW_ATOMIC(false);

	if (stamps == STAMPS_MIXED)
		return false;
	if (stamps == STAMPS_OWN)
		return atomic ? plain_complete_in(rq, error, nr_bytes, true, true, true) :
				plain_complete_in(rq, error, nr_bytes, false, true, true);
	if (bios_have_slots())
		return atomic ? plain_complete_in(rq, error, nr_bytes, true, false, true) :
				plain_complete_in(rq, error, nr_bytes, false, false, true);
	return atomic ? plain_complete_in(rq, error, nr_bytes, true, false, false) :
			plain_complete_in(rq, error, nr_bytes, false, false, false);
}

#endif
