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
	struct pending {
		u64 id, turn;
		struct record r;
	} pending[NR_PENDING];
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

static struct pending *find(struct records *r, u64 id)
{
	for (size_t i = 0; id && i < NR_PENDING; i++)
		if (r->pending[i].id == id)
			return &r->pending[i];
	return NULL;
}

/* The one of @id, or the one that nothing was heard of for longest. */
static struct pending *place(struct records *r, u64 id)
{
	struct pending *p = find(r, id), *oldest = &r->pending[0];

	if (p)
		return p;
	for (size_t i = 0; i < NR_PENDING; i++)
		if (r->pending[i].turn < oldest->turn)
			oldest = &r->pending[i];
	oldest->id = id;
	oldest->r.nr_parts = oldest->r.nr_frames = 0;
	return oldest;
}

static void take_part(struct records *r, const struct iop_part *part)
{
	struct pending *p = place(r, part->id);

	p->turn = ++r->turn;
	if (p->r.nr_parts < MAX_PARTS)
		p->r.parts[p->r.nr_parts++] = *part;
}

static void take_stack(struct records *r, const struct iop_stack *s)
{
	struct pending *p = place(r, s->id);

	p->turn = ++r->turn;
	p->r.nr_frames = s->nr < STACK_FRAMES ? (u32)s->nr : STACK_FRAMES;
	memcpy(p->r.ip, s->ip, sizeof(p->r.ip));
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
	struct pending *p = find(r, s->id);

	r->uneven += !adds_up(s);
	if (p) {
		p->r.slow = *s;
		r->fn(&p->r, r->ctx);
		p->id = p->turn = 0;
		return;
	}
	r->whole.slow = *s;
	r->fn(&r->whole, r->ctx);
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
