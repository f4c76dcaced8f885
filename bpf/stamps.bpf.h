/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the stamps of a request say: their order, and its exclusive stages. */
#ifndef IOPATH_STAMPS_H
#define IOPATH_STAMPS_H

#include "core.bpf.h"

/* Give each stamp that lies before its predecessor the predecessor's value. */
static __always_inline void stamps_order(struct rq_stamps *s)
{
	u64 lo = s->q;
	bool bad = false;

	if (s->g && s->g < lo)
		s->g = lo, bad = true;
	lo = s->g ? s->g : lo;
	if (s->i && s->i < lo)
		s->i = lo, bad = true;
	lo = s->i ? s->i : lo;
	if (s->p && s->p < lo)
		s->p = lo, bad = true;
	lo = s->p ? s->p : lo;
	if (s->d && s->d < lo)
		s->d = lo, bad = true;
	lo = s->d ? s->d : lo;
	if (s->h && s->h < lo)
		s->h = lo, bad = true;
	lo = s->h ? s->h : lo;
	if (s->e && s->e < lo)
		s->e = lo, bad = true;
	lo = s->e ? s->e : lo;
	if (s->c < lo)
		s->c = lo, bad = true;
	if (bad)
		lost(LOSS_TIME_BACKWARDS);
}

/*
 * Exclusive stages of a request; -1: not seen. One that is never issued (a
 * flush that waits for the queue's command, an early error) has its time from
 * G on in the device, respectively before the issue.
 */
static __always_inline u64 stage_of(const struct rq_slot *r, int stage)
{
	const struct rq_stamps *s = &r->s;
	u64 taken = s->p && s->d ? s->p : s->d;	/* by the driver */
	u64 end = s->i ? s->i : s->d ? taken : s->c;
	bool waits = !s->d && r->bop == BOP_FLUSH;

	switch (stage) {
	case STAGE_Q2G:
		return s->q && s->g ? s->g - s->q : -1ull;
	case STAGE_G2I:
		return s->g && !waits ? end - s->g : -1ull;
	case STAGE_I2D:
		return s->i && s->d ? taken - s->i : -1ull;
	case STAGE_DRIVER:
		return s->d && (s->p || s->h) ? (s->h ? s->h : s->d) - taken : -1ull;
	case STAGE_DEVICE:
		return s->d ? (s->e ? s->e : s->c) - (s->h ? s->h : s->d) :
		       waits && s->g ? s->c - s->g : -1ull;
	case STAGE_COMPLETE:
		return s->d && s->e ? s->c - s->e : -1ull;
	}
	return -1ull;
}

/* From where a request's total counts; 0: not known. */
static __always_inline u64 rq_begin(const struct rq_slot *r)
{
	return r->bop == BOP_FLUSH_COMMAND ? r->s.d : r->s.q;
}

#endif
