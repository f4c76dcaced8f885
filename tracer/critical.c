/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "critical.h"

/* Do two parts belong to one request? */
static bool same_request(const struct iop_part *a, const struct iop_part *b)
{
	return a->rq == b->rq && a->c_ns == b->c_ns;
}

/* That of @of which completed last, but not after @until; of several in one request the one queued first. -1: none. */
static int last_before(const struct record *r, u32 of, u64 until)
{
	int found = -1;

	for (u32 i = 0; i < r->nr_parts; i++) {
		const struct iop_part *p = &r->parts[i], *best = found < 0 ? NULL : &r->parts[found];

		if (!(of & 1u << i) || p->c_ns > until)
			continue;
		if (!best || p->c_ns > best->c_ns || (same_request(p, best) && p->q_ns < best->q_ns))
			found = (int)i;
	}
	return found;
}

static u32 parts_with_request(const struct record *r)
{
	u32 all = (1u << r->nr_parts) - 1, with = 0;

	for (u32 i = 0; i < r->nr_parts; i++)
		if (!r->parts[i].no_request)
			with |= 1u << i;
	return with ? with : all;
}

bool record_critical(const struct record *r, struct critical *ret)
{
	struct critical c = { .outside_ns = r->slow.total_ns };
	u64 until = r->slow.start_ns + r->slow.total_ns;
	u32 left;
	int i;

	if (r->nr_parts < 2 || r->slow.nr_parts != r->nr_parts)
		return false;
	left = parts_with_request(r);
	while ((i = last_before(r, left, until)) >= 0) {
		const struct iop_part *p = &r->parts[i];

		left &= ~(1u << i);
		c.parts |= 1u << i;
		for (int s = BLOCK_STAGE_FIRST; s <= BLOCK_STAGE_LAST; s++) {
			s64 ns = part_stage(p, (enum iop_stage)s);

			if (ns <= 0)
				continue;
			if ((u64)ns > c.outside_ns)
				ns = (s64)c.outside_ns;
			c.stage_ns[s] += (u64)ns;
			c.outside_ns -= (u64)ns;
		}
		until = p->q_ns;
	}
	*ret = c;
	return true;
}
