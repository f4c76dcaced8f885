/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "uring-stream.h"

/* splitmix64 */
static uint64_t draw(struct stream *s)
{
	uint64_t z = s->state += 0x9e3779b97f4a7c15u;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

/* In [0, n). */
static uint64_t draw_below(struct stream *s, uint64_t n)
{
	return (uint64_t)((unsigned __int128)draw(s) * n >> 64);
}

void stream_init(struct stream *s, const struct plan *plan, uint64_t job)
{
	uint64_t blocks = plan->size_bytes / plan->block_bytes, each = blocks / plan->jobs;

	*s = (struct stream){ .plan = plan, .state = plan->seed + job * 0xd1342543de82ef95u, .blocks = blocks };
	if (!plan->sequential)
		return;
	s->first = job * each;
	s->blocks = job + 1 == plan->jobs ? blocks - s->first : each;
}

bool stream_sync_due(const struct stream *s)
{
	return s->plan->fsync_every && s->unsynced == s->plan->fsync_every;
}

static enum uring_op next_op(struct stream *s)
{
	if (s->plan->mix != MIX_BOTH)
		return s->plan->mix == MIX_READ ? OP_READ : OP_WRITE;
	return draw_below(s, 100) < s->plan->read_pct ? OP_READ : OP_WRITE;
}

struct io stream_next(struct stream *s)
{
	const struct plan *p = s->plan;
	struct io io = { .op = OP_FSYNC };
	uint64_t block;

	if (stream_sync_due(s)) {
		s->unsynced = 0;
		return io;
	}
	io.op = next_op(s);
	s->unsynced += io.op == OP_WRITE;
	if (p->sequential) {
		block = s->first + s->next;
		s->next = (s->next + 1) % s->blocks;
	} else {
		block = draw_below(s, s->blocks);
	}
	io.offset = p->offset_bytes + block * p->block_bytes;
	io.bytes = (uint32_t)p->block_bytes;
	return io;
}
