/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Completions of requests: of all of one, of a part, of bios that were merged. */
#ifndef IOPATH_COMPLETE_H
#define IOPATH_COMPLETE_H

#include "op-end.bpf.h"
#include "request-tell.bpf.h"

#define MAX_CHAIN 256
#define CHAIN_PIECE 16	/* one loop in another: the verifier follows every turn of one */
#define MAX_FRONT 8	/* bios that are looked at for merges at both ends */
#define ALL_BYTES (~0u)

/* The operation of one bio learns that its request completed. */
static __always_inline void op_bio_done(u64 handle, const struct rq_stamps *s, const struct done *d, u64 bio)
{
	struct op *o = handle ? op_of(handle) : NULL;
	bool last;

	if (!o)
		return;
	OP_HOLDER(o) = 1;
	op_request_done(o, s);
	o->nr_requests++;
	o->dev = d->dev;
	if (cfg.parts)
		part_add(o, s, d, bio);
	if (cfg.tell) {
		o->sector = d->sector;
		o->tag = d->tag;
		o->hctx = d->hctx;
	}
	last = fetch_add_u32(&o->refs, -1) == 1;
	OP_HOLDER(o) = 0;
	/* libaio has no end of its own to hook: the last bio is it */
	if (last && o->via == VIA_AIO && !o->end_seen)
		op_end((int)o->index, s->c, (s64)o->len);
}

/* A bio that was merged into what the scratch holds, perhaps of another operation. */
__global_fn int merged_done(u64 bio, u32 scratch)
{
	struct bio_slot *b = bios_find(bio);
	struct done *d = done_at(scratch);
	struct rq_stamps *s;
	u64 op;

	if (!b || !d)
		return 0;
	op = TIER(TIER_VFS) ? b->op : 0;
	if (op) {
		s = &d->of_bio;
		*s = d->s;
		if (b->q)
			s->q = b->q;
		s->g = b->g ? b->g : s->g > s->q ? s->g : s->q;
	}
	/* before what is called below, which has little stack left on 5.10 */
	bio_slot_release(b);
	if (op)
		op_bio_done(op, &d->of_bio, d, bio);
	return 0;
}

/* Does a bio of the chain end now? Then its bytes are taken off. */
static __always_inline bool chain_takes(struct done *d, const struct bio *bio)
{
	u32 bytes;

	if (d->left == ALL_BYTES)
		return true;
	bytes = BPF_CORE_READ(bio, bi_iter.bi_size);
	if (bytes > d->left)
		return false;
	d->left -= bytes;
	return true;
}

__global_fn u64 chain_piece(u64 first, u32 scratch)
{
	struct bio *bio = (struct bio *)first;
	struct done *d = done_at(scratch);

	for (int i = 0; d && i < CHAIN_PIECE && bio; i++) {
		if (!chain_takes(d, bio))
			return 0;
		merged_done((u64)bio, scratch);
		if (!cfg.parts)
			d->merged++;
		bio = BPF_CORE_READ(bio, bi_next);
	}
	return (u64)bio;
}

/* Each that is told says how many there are: so they are counted before. */
__global_fn u64 chain_count(u64 first, u32 scratch)
{
	struct bio *bio = (struct bio *)first;
	struct done *d = done_at(scratch);

	for (int i = 0; d && i < CHAIN_PIECE && bio; i++) {
		if (!chain_takes(d, bio))
			return 0;
		d->merged++;
		bio = BPF_CORE_READ(bio, bi_next);
	}
	return (u64)bio;
}

/* The bios from @first on that have no more than @bytes together. */
static __always_inline void chain_done(u64 first, u32 scratch, struct done *d, u32 bytes)
{
	u64 bio = cfg.parts ? first : 0;

	d->left = bytes;
	for (int i = 0; i < MAX_CHAIN / CHAIN_PIECE && bio; i++)
		bio = chain_count(bio, scratch);
	d->left = bytes;
	for (int i = 0; i < MAX_CHAIN / CHAIN_PIECE && first; i++)
		first = chain_piece(first, scratch);
	if (first)
		lost(LOSS_CHAIN_LONG);
}

/*
 * No slot, and no stamp of the kernel's: the request began before tracing, or
 * a filter left it out, or it is one that nobody queued (passthrough).
 */
static __noinline int rq_unknown(struct request *rq)
{
	struct gendisk *disk = rq_disk(rq);

	/* passthrough: nobody queued it */
	if (!rq->start_time_ns && bop_of(rq->cmd_flags) == BOP_OTHER)
		return 0;
	if (!disk || !rq->__data_len || owner_filtered() || cfg.bop_mask ||
	    !dev_wanted(disk_dev(disk), disk_dev(disk)))
		return 0;
	if (rq->start_time_ns && rq->start_time_ns < enabled_ns)
		count(COUNT_RQ_AT_START);
	else
		lost(LOSS_NO_START);
	return 0;
}

/* Whatever completes now. */
static __always_inline void done_reset(struct done *d, struct request *rq, u64 now)
{
	struct gendisk *disk = rq_disk(rq);

	d->s.q = d->s.g = d->s.i = d->s.p = d->s.d = d->s.h = d->s.e = 0;
	d->s.c = now;
	d->op = 0;
	d->requeues = d->merged = 0;
	d->status = 0;
	d->bytes = rq->__data_len;
	d->dev = disk ? disk_dev(disk) : 0;
	d->partials = d->cloned = 0;
	d->submitter = 0;
	d->rq = d->bio = d->pages = 0;
	if (!cfg.tell)
		return;
	d->rq = address(rq);
	d->bio = address(rq->bio);
	d->write = 0;
	if (rq->bio) {
		d->write = bio_write_flags(rq->bio);
		if (!bio_is_anonymous(rq->bio))
			d->pages = d->rq;
	}
	d->sector = rq->__sector;
	d->tag = rq->tag;
	d->hctx = rq->mq_hctx ? rq->mq_hctx->queue_num : 0;
	__builtin_memset(&d->owner, 0, sizeof(d->owner));
}

/*
 * G as the kernel keeps it. Requests that a plug allocates in a batch are older
 * than the bios that get them (block/blk-mq.c, cached_rq): then our own, once
 * such were seen (on_bio_got()).
 */
static __always_inline u64 rq_got(struct request *rq, u64 q, u64 own)
{
	u64 g = rq->start_time_ns;

	if (!g)
		return 0;
	g = own > g ? own : g;
	return g < q ? q : g;
}

/* What user space is to see to, at once. */
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
} notes SEC(".maps");

u32 ahead_noted = 0;

/* Was one of its bios queued before @start? Of those at the front. */
__global_fn int bio_older(u64 first, u64 start, u64 now)
{
	struct bio *bio = (struct bio *)first;

	for (int i = 0; i < MAX_FRONT && bio; i++) {
		u64 q = bio_queue_time_at((u64)bio, now);

		if (q && q <= start)
			return 1;
		bio = BPF_CORE_READ(bio, bi_next);
	}
	return 0;
}

/*
 * It was allocated before its bios were queued, and when the first got it is
 * not known. By front merges a request is older than its first bio too, but
 * not than its last or, with merges at the back, one between.
 */
static __always_inline bool rq_ahead(struct request *rq, const struct done *d)
{
	u64 start = rq->start_time_ns, last;

	if (!cfg.late_g || d->s.g != d->s.q || !start || start >= d->s.q)
		return false;
	/* 0: the front of one that was split, alone in its request */
	last = bio_queue_time(rq->biotail, d->s.c);
	return !last || (start < last && (rq->bio == rq->biotail || !bio_older(address(rq->bio), start, d->s.c)));
}

/*
 * A clone begins where the kernel says that it was allocated, else when it was
 * issued; whose it is, the bio above says. The operation's time is that of the
 * request above; false: not to be counted.
 */
static __noinline bool done_clone(struct request *rq, const struct rq_slot *r, struct done *d)
{
	u64 above = bio_made_of(address(rq->bio));
	struct bio_slot *a = above ? bios_find(above) : NULL;

	if (!clone_wanted(rq, a, d->dev))
		return false;
	if (cfg.kernel_d ? rq->start_time_ns < enabled_ns : !r || !r->cloned || !r->d) {
		rq_unknown(rq);
		return false;
	}
	d->bop = bio_bop(rq->bio);
	d->cloned = 1;
	if (cfg.kernel_g)
		d->s.g = rq->start_time_ns;
	if (a && cfg.tell) {
		d->owner = a->owner;
		d->submitter = a->submitter;
	}
	return true;
}

/* What is known by the first bio; false: not to be counted. */
static __always_inline bool done_bio(struct request *rq, struct bio *bio, struct bio_slot *b, struct done *d)
{
	if (!b && (!cfg.kernel_q || owner_filtered() || !rq->start_time_ns)) {
		/* the second end of a flush whose data ended before has no bio left */
		rq_unknown(rq);
		return false;
	}
	if (b) {
		/* a filter has been asked when it was queued */
		if (b->own)
			return false;
		d->s.q = b->q;
		d->s.g = b->g;
		d->op = b->op;
		if (cfg.tell) {
			d->owner = b->owner;
			d->submitter = b->submitter;
		}
		if (b->rest) {
			d->bytes = b->bytes;
			d->partials = b->partials;
			/* one of all is not merged; what is left is counted as it ends */
			d->merged = b->ended - 1;
		}
	}
	d->bop = bio_bop(bio);
	if (cfg.kernel_q && !d->s.q)
		d->s.q = bio_queue_time(bio, d->s.c);
	if (cfg.kernel_g)
		d->s.g = rq_got(rq, d->s.q, d->s.g);
	if ((!b || !cfg.bio_slots) && (!bop_wanted(d->bop) || !dev_wanted(d->dev, rq_part(rq, d->dev)))) {
		/* else counted when it was queued */
		if (!cfg.bio_slots)
			count(COUNT_FILTERED);
		return false;
	}
	if (cfg.kernel_q && (d->s.q ? d->s.q : d->s.g) < enabled_ns) {
		count(COUNT_RQ_AT_START);
		return false;
	}
	if (rq_ahead(rq, d)) {
		u32 what = COUNT_RQ_AHEAD;

		count(COUNT_RQ_AHEAD);
		/* once: it attaches the hook of G then */
		if (!ahead_noted)
			ahead_noted = !bpf_ringbuf_output(&notes, &what, sizeof(what), 0);
	}
	return true;
}

/*
 * When it was issued is not known: there was no room for that, or the kernel
 * stamps it no more. What is left is the total; of its operation's time until
 * now nobody can say what it was since the bio was queued.
 */
__global_fn int done_unknown(u32 scratch)
{
	struct done *d = done_at(scratch);
	struct op *o;
	u64 from, q;

	if (!d)
		return 0;
	d->s.g = d->s.i = d->s.p = d->s.d = d->s.h = d->s.e = 0;
	o = TIER(TIER_VFS) && d->op ? op_of(d->op) : NULL;
	if (!o)
		return 0;
	OP_HOLDER(o) = 1;
	from = op_claim(o, d->s.c);
	if (from) {
		q = clamp_ns(d->s.q, from, d->s.c);
		op_give_cpu(o, STAGE_SUBMIT, q - from);
		op_give(o, STAGE_OTHER, d->s.c - q);
	}
	OP_HOLDER(o) = 0;
	return 0;
}

/* What our own stamps say; the kernel's issue, where that is exact. */
static __always_inline void done_stamps(struct request *rq, struct rq_slot *r, struct done *d, u32 scratch)
{
	if (cfg.kernel_d)
		d->s.d = rq->io_start_time_ns;
	if (!r) {
		/* counted where it found none; what fails early, and the data of a flush, need not be issued */
		if (!cfg.kernel_d && !d->status && d->bop != BOP_FLUSH)
			done_unknown(scratch);
		return;
	}
	d->s.i = r->i;
	d->s.p = r->p;
	d->s.h = r->h;
	d->s.e = r->e;
	d->requeues = r->requeues;
	if (!cfg.kernel_d) {
		d->s.d = r->d;
		/* for the bio that was put before those of an inserted request that is when it was */
		if (r->joined && d->s.i && d->s.i < d->s.g)
			d->s.i = d->s.g;
	} else if (d->s.g) {
		/* of an earlier life, whose end was not seen */
		if (r->i < d->s.g)
			d->s.i = 0;
		if (r->p < d->s.g)
			d->s.p = 0;
		if (r->h < d->s.g)
			d->s.h = 0;
		if (r->e < d->s.g)
			d->s.e = 0;
	}
}

/* What a filter left out has no slot either. */
static __always_inline bool part_wanted(struct request *rq, struct bio *bio)
{
	struct gendisk *disk = rq_disk(rq);
	u32 dev = disk ? disk_dev(disk) : 0;

	return bop_wanted(bio_bop(bio)) && dev_wanted(dev, rq_part(rq, dev));
}

/*
 * Some bytes of a request are done, the rest is under way still. The bios that
 * are done with end here, perhaps to be used anew; what is known of the
 * request by its first bio goes on under the request's own name.
 */
static __noinline int on_part_done(struct request *rq, u32 nr_bytes, u64 now)
{
	struct bio *bio = rq->bio;
	struct bio_slot *head = bio ? bios_find(address(bio)) : NULL, *rest;
	u32 scratch = done_here();
	struct done *d = done_at(scratch);

	/* of a clone the last part is counted: its bios were queued above */
	if (rq_cloned(rq))
		return 0;
	if (!d || !bio || (!head && (!cfg.kernel_q || owner_filtered() || !part_wanted(rq, bio))))
		return 0;
	rest = bios_in_parts ? bios_find(address(rq)) : NULL;
	done_reset(d, rq, now);
	if (!rest) {
		rest = bio_slot_new(address(rq));
		if (!rest)
			return 0;
		rest->q = head && head->q ? head->q : bio_queue_time(bio, d->s.c);
		rest->g = head ? head->g : 0;
		rest->op = 0;
		rest->dev = d->dev;
		rest->bytes = rq->__data_len;
		rest->bop = bio_bop(bio);
		rest->own = head ? head->own : 0;
		rest->held = 0;
		rest->rest = 1;
		rest->partials = 0;
		rest->ended = 0;
		rest->submitter = head ? head->submitter : 0;
		if (head)
			rest->owner = head->owner;
		else
			__builtin_memset(&rest->owner, 0, sizeof(rest->owner));
		bio_slot_part(rest);
	}
	rest->partials++;
	d->s.q = rest->q;
	d->s.g = cfg.kernel_g ? rq_got(rq, rest->q, rest->g) : rest->g;
	done_stamps(rq, rqs_find(address(rq)), d, scratch);
	d->merged = rest->ended - 1;
	chain_done(address(bio), scratch, d, nr_bytes);
	rest->ended = d->merged + 1;
	return 0;
}

/* What the scratch holds is over. */
__global_fn int done_account(u32 scratch)
{
	struct done *d = done_at(scratch);
	int row;

	if (!d)
		return 0;
	/* the kernel was told meanwhile to stamp no more */
	if (cfg.kernel_d && !d->s.d && d->bop != BOP_FLUSH && !d->status) {
		lost(LOSS_UNSTAMPED);
		done_unknown(scratch);
	}
	if (!stamps_ordered(&d->s))
		stamps_reorder(&d->s);
	if (TIER(TIER_VFS) && d->op)
		op_bio_done(d->op, &d->s, d, d->bio);
	if (done_begin(d) && too_short(d->s.c - done_begin(d))) {
		count(COUNT_SHORT_RQS);
		return 0;
	}
	row = row_of(d->dev, d->bop);
	if (row >= 0)
		row_account(d, (u32)row);
	/* one that belongs to an operation is told with it */
	if (records_wanted() && done_begin(d) && (!TIER(TIER_VFS) || !d->op)) {
		int tell = to_tell(d->s.c - done_begin(d));

		if (tell)
			rq_emit(d, tell);
	}
	return 0;
}

/* By the bio it has; one without is the flush command of the queue, or passthrough. */
static __always_inline bool done_begun(struct request *rq, struct bio *bio, struct bio_slot *b,
				       const struct rq_slot *r, struct done *d)
{
	if (!b && rq_cloned(rq))
		return done_clone(rq, r, d);
	if (bio)
		return done_bio(rq, bio, b, d);
	d->bop = BOP_FLUSH_COMMAND;
	return flush_command_wanted(rq, d->dev);
}

static __always_inline int on_complete(struct request *rq, s16 status, u32 nr_bytes)
{
	u64 now = bpf_ktime_get_ns();
	u32 scratch = done_here();
	struct bio *bio = rq->bio, *more;
	struct bio_slot *b = NULL;
	struct rq_slot *r;
	struct done *d;

	if (cfg.who)
		who_request_end(address(rq), nr_bytes, status);
	/* done when its last byte is: this hook fires for each part */
	if (nr_bytes < rq->__data_len)
		return on_part_done(rq, nr_bytes, now);
	d = done_at(scratch);
	if (!d || !rq_disk(rq))
		return 0;
	done_reset(d, rq, now);
	d->status = status;
	r = rqs_find(address(rq));
	more = bio && bio != rq->biotail ? bio->bi_next : NULL;
	/* slots of bios are looked for where there can be any */
	if (bios_in_parts)
		b = bios_find(address(rq));
	if (b)
		more = bio;
	else if (bio && (!cfg.kernel_q || bios_have_slots() || bios_in_parts))
		b = bios_find(address(bio));
	if (done_begun(rq, bio, b, r, d)) {
		done_stamps(rq, r, d, scratch);
		if (more)
			chain_done(address(more), scratch, d, ALL_BYTES);
		done_account(scratch);
	} else if (more && bios_have_slots()) {
		chain_done(address(more), scratch, d, ALL_BYTES);
	}
	if (b)
		bio_slot_release(b);
	if (r)
		rq_slot_release(r);
	return 0;
}

#endif
