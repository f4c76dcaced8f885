/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a record tells beyond the operation's own slot: its bios with their
 * requests, and the kernel stack of its submission. Kept beside the slots,
 * under their index, and only when records are asked for.
 */
#ifndef IOPATH_RECORD_H
#define IOPATH_RECORD_H

#include "core.bpf.h"

/* Of which operation, and how many: one word, so that both change together. */
struct op_parts {
	u64 generation_nr;
	struct iop_part v[MAX_PARTS];
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);		/* slots of operations */
	__type(key, u32);
	__type(value, struct op_parts);
} op_parts SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);		/* slots of operations */
	__type(key, u32);
	__type(value, struct iop_stack);
} op_stacks SEC(".maps");

static __always_inline struct op_parts *parts_at(int index)
{
	u32 i = (u32)index;

	return bpf_map_lookup_elem(&op_parts, &i);
}

/* A place for one more bio of the operation; NULL when others are at it. */
static __always_inline struct iop_part *part_claim(int index, u32 generation)
{
	struct op_parts *p = parts_at(index);

	if (!p)
		return NULL;
	for (int i = 0; i < 4; i++) {
		u64 was = *(volatile u64 *)&p->generation_nr;
		u32 nr = (u32)(was >> 32) == generation ? (u32)was : 0;

		if (swap_if_u64(&p->generation_nr, was, (u64)generation << 32 | (nr + 1)) == was)
			return &p->v[nr & (MAX_PARTS - 1)];
	}
	lost(LOSS_CONTENDED);
	return NULL;
}

static __always_inline u32 parts_of(int index, u32 generation)
{
	const struct op_parts *p = parts_at(index);

	return p && (u32)(p->generation_nr >> 32) == generation ? (u32)p->generation_nr : 0;
}

/* The oldest first: of more than there is room for, the last ones are left. */
__global_fn int parts_emit(int index, u32 nr, u64 id)
{
	struct op_parts *p = parts_at(index);
	u32 first = nr > MAX_PARTS ? nr - MAX_PARTS : 0;

	for (u32 i = 0; p && i < MAX_PARTS; i++) {
		struct iop_part *part = &p->v[(first + i) & (MAX_PARTS - 1)];

		if (first + i >= nr)
			break;
		part->id = id;
		if (bpf_ringbuf_output(&ring, part, sizeof(*part), BPF_RB_NO_WAKEUP))
			lost(LOSS_PART_RING_FULL);
	}
	return 0;
}

/* The first bio of an operation is where its stack is taken. */
static __always_inline int stack_keep(void *ctx, int index, u64 id)
{
	u32 i = (u32)index;
	struct iop_stack *s = bpf_map_lookup_elem(&op_stacks, &i);
	long len;

	if (!s || s->id == id)
		return 0;
	s->id = id;
	len = bpf_get_stack(ctx, s->ip, sizeof(s->ip), 0);
	s->nr = len > 0 ? (u64)len / sizeof(s->ip[0]) : 0;
	return 0;
}

static __always_inline void stack_emit(int index, u64 id)
{
	u32 i = (u32)index;
	struct iop_stack *s = bpf_map_lookup_elem(&op_stacks, &i);

	if (s && s->id == id && bpf_ringbuf_output(&ring, s, sizeof(*s), BPF_RB_NO_WAKEUP))
		lost(LOSS_PART_RING_FULL);
}

#endif
