/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "record.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/*
 * An operation's items come without others of the same processor between
 * them, so there are no more half-told ones than processors; but one whose
 * last item was lost stays until its place is needed.
 */
#define NR_PENDING 256

struct records {
	record_fn fn;
	void *ctx;
	u64 turn, uneven;
	u32 nr_pending, last;	/* the place that was used last: the items of one follow each other */
	/* apart from what is large, for they are searched */
	u64 id[NR_PENDING];	/* 0: free */
	u64 turn_of[NR_PENDING];
	struct record pending[NR_PENDING];
	struct record whole;
};

struct records *records_new(record_fn fn, void *ctx)
{
	struct records *r = calloc(1, sizeof(*r));

	if (r) {
		r->fn = fn;
		r->ctx = ctx;
	}
	return r;
}

void records_free(struct records *r)
{
	free(r);
}

u64 records_uneven(const struct records *r)
{
	return r ? r->uneven : 0;
}

/* Is one of @id begun? Then it is at r->last. */
static bool find(struct records *r, u64 id)
{
	if (!id || !r->nr_pending)
		return false;
	if (r->id[r->last] == id)
		return true;
	for (u32 i = 0; i < NR_PENDING; i++)
		if (r->id[i] == id) {
			r->last = i;
			return true;
		}
	return false;
}

/* A free place, or that of which nothing was heard for longest, becomes r->last. */
static void choose(struct records *r)
{
	if (!r->id[r->last])
		return;
	for (u32 i = 0; i < NR_PENDING; i++)
		if (r->turn_of[i] < r->turn_of[r->last])
			r->last = i;
}

/* The one of @id, begun or not. */
static struct record *place(struct records *r, u64 id)
{
	struct record *p;

	if (!find(r, id)) {
		choose(r);
		r->nr_pending += !r->id[r->last];
		r->id[r->last] = id;
		p = &r->pending[r->last];
		p->nr_parts = p->nr_frames = 0;
	}
	r->turn_of[r->last] = ++r->turn;
	return &r->pending[r->last];
}

static void take_part(struct records *r, const struct iop_part *part)
{
	struct record *p = place(r, part->id);

	if (p->nr_parts < MAX_PARTS)
		p->parts[p->nr_parts++] = *part;
}

static void take_stack(struct records *r, const struct iop_stack *s)
{
	struct record *p = place(r, s->id);

	p->nr_frames = s->nr < STACK_FRAMES ? (u32)s->nr : STACK_FRAMES;
	memcpy(p->ip, s->ip, sizeof(p->ip));
}

/* The stages of a record do not overlap, and leave nothing out. */
static bool adds_up(const struct iop_slow *s)
{
	u64 sum = 0;

	for (int i = 0; i < NR_STAGES; i++)
		sum += s->stage_ns[i];
	return sum == s->total_ns;
}

static void take_slow(struct records *r, const struct iop_slow *s)
{
	struct record *p;

	r->uneven += !adds_up(s);
	if (!find(r, s->id)) {
		r->whole.slow = *s;
		r->fn(&r->whole, r->ctx);
		return;
	}
	p = &r->pending[r->last];
	p->slow = *s;
	r->fn(p, r->ctx);
	r->id[r->last] = r->turn_of[r->last] = 0;
	r->nr_pending--;
}

void records_take(struct records *r, const void *data, size_t len)
{
	if (len == sizeof(struct iop_part))
		take_part(r, data);
	else if (len == sizeof(struct iop_stack))
		take_stack(r, data);
	else if (len == sizeof(struct iop_slow))
		take_slow(r, data);
}

/* ---- stages ---- */

static s64 between(u64 from, u64 to)
{
	return from && to ? to > from ? (s64)(to - from) : 0 : -1;
}

s64 part_stage(const struct iop_part *p, enum iop_stage stage)
{
	u64 taken = p->p_ns && p->d_ns ? p->p_ns : p->d_ns;	/* by the driver */
	u64 end = p->i_ns ? p->i_ns : p->d_ns ? taken : p->c_ns;
	bool waits = !p->d_ns && p->bop == BOP_FLUSH;

	switch (stage) {
	case STAGE_Q2G:
		return between(p->q_ns, p->g_ns);
	case STAGE_G2I:
		return waits ? -1 : between(p->g_ns, end);
	case STAGE_I2D:
		return waits ? -1 : between(p->i_ns, p->d_ns ? taken : p->c_ns);
	case STAGE_DRIVER:
		return p->p_ns || p->h_ns ? between(taken, p->h_ns ? p->h_ns : p->d_ns) : -1;
	case STAGE_DEVICE:
		if (p->no_request)
			return between(p->q_ns, p->c_ns);
		if (waits)
			return between(p->g_ns, p->c_ns);
		return between(p->h_ns ? p->h_ns : p->d_ns, p->e_ns ? p->e_ns : p->c_ns);
	case STAGE_COMPLETE:
		return p->d_ns ? between(p->e_ns, p->c_ns) : -1;
	default:
		return -1;
	}
}

/* ---- tree ---- */

/*
 * The part of @bio, a level's or a request's, that was under way when part @of
 * ended: a bio's memory is used again, so the last of them. -1: there is none.
 */
static int part_of_bio(const struct record *r, u32 of, u64 bio, bool level)
{
	const struct iop_part *p = &r->parts[of];
	int found = -1;

	for (u32 i = 0; bio && i < r->nr_parts; i++) {
		const struct iop_part *up = &r->parts[i];

		if (i == of || up->bio != bio || up->no_request != level || up->q_ns > p->c_ns || up->c_ns < p->q_ns ||
		    (level && up->c_ns <= p->c_ns))
			continue;
		if (found < 0 || up->q_ns > r->parts[found].q_ns)
			found = (int)i;
	}
	return found;
}

int record_parent(const struct record *r, u32 part)
{
	const struct iop_part *p = &r->parts[part];
	/* a level may hand on the very bio */
	int up = part_of_bio(r, part, p->bio, true);
	u64 above = p->above;

	for (u32 i = 0; up < 0 && i < r->nr_parts; i++) {
		int of = part_of_bio(r, part, above, true);

		if (of < 0)
			of = part_of_bio(r, part, above, false);
		if (of < 0)
			return -1;
		/* split off at the same level: made of what the rest is made of */
		if (r->parts[of].dev == p->dev)
			above = r->parts[of].above;
		else
			return r->parts[of].no_request ? of : -1;
	}
	return up;
}
