/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "stats.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

const struct op_row op_rows[NR_OP_ROWS] = {
#define X(via, kind) { VIA_##via, KIND_##kind },
	IOP_OPS(X)
#undef X
};

struct stats_row *stats_row(struct stats *st, u32 row)
{
	struct stats_row *r = st->rows[row];

	if (r)
		return r;
	r = calloc(1, sizeof(*r));
	if (!r)
		return NULL;
	if (st->nr_shards) {
		r->prev = calloc((size_t)st->nr_shards * NR_OP_HISTS, sizeof(*r->prev));
		if (!r->prev) {
			free(r);
			return NULL;
		}
	}
	st->rows[row] = r;
	return r;
}

void stats_free(struct stats *st)
{
	for (u32 i = 0; i < NR_ROWS; i++) {
		if (st->rows[i])
			free(st->rows[i]->prev);
		free(st->rows[i]);
		st->rows[i] = NULL;
	}
}

u64 stats_requests(const struct stats *st)
{
	u64 n = 0;

	for (u32 row = 0; row < NR_BLOCK_ROWS; row++)
		n += st->rows[row] ? st->rows[row]->c.count : 0;
	return n;
}

const struct hist *stats_stage(const struct stats_row *r, bool block, int stage)
{
	if (!block)
		return stage < NR_OP_HISTS ? &r->h[stage] : NULL;
	if (stage == STAGE_TOTAL)
		return &r->h[BLOCK_HIST_TOTAL];
	if (stage < BLOCK_STAGE_FIRST || stage > BLOCK_STAGE_LAST)
		return NULL;
	return &r->h[stage - BLOCK_STAGE_FIRST];
}

static void row_add(struct iop_row *to, const struct iop_row *now, const struct iop_row *before)
{
	static const struct iop_row none;
	const u64 *n = (const u64 *)now, *b = (const u64 *)(before ? before : &none);
	u64 *t = (u64 *)to;

	for (size_t i = 0; i < sizeof(*to) / sizeof(u64); i++)
		t[i] += n[i] - b[i];
}

/* First row of the same device and operation: two CPUs may each have got one. */
static u32 first_like(const struct stats *st, u32 row)
{
	const struct iop_row_id *id = &st->rows[row]->id;

	for (u32 i = 0; stats_row_is_block(row) && i < row; i++)
		if (st->rows[i] && st->rows[i]->id.dev == id->dev && st->rows[i]->id.op == id->op)
			return i;
	return row;
}

static void stats_clear(struct stats *st)
{
	for (u32 i = 0; i < NR_ROWS; i++) {
		struct stats_row *r = st->rows[i];

		if (!r)
			continue;
		r->c = (struct iop_row){ 0 };
		memset(r->h, 0, sizeof(r->h));
	}
}

int stats_since(struct stats *ret, const struct stats *now, const struct stats *before)
{
	static const struct hist none;

	stats_clear(ret);
	for (u32 i = 0; i < NR_COUNTS; i++)
		ret->counts[i] = now->counts[i] - (before ? before->counts[i] : 0);
	for (u32 i = 0; i < NR_ROWS; i++) {
		const struct stats_row *n = now->rows[i], *b = before ? before->rows[i] : NULL;
		struct stats_row *to;

		if (!n)
			continue;
		to = stats_row(ret, first_like(now, i));
		if (!to)
			return -ENOMEM;
		to->id = n->id;
		row_add(&to->c, &n->c, b ? &b->c : NULL);
		for (u32 h = 0; h < NR_OP_HISTS; h++) {
			struct hist d;

			if (!n->h[h].count)
				continue;
			hist_since(&d, &n->h[h], b ? &b->h[h] : &none);
			if (!before)
				d.max_ns = n->h[h].max_ns;
			hist_merge(&to->h[h], &d);
		}
	}
	return 0;
}
