/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Who starts block I/O: the stack on which a bio was queued, taken there, with
 * the latency that its completion tells. Kept with the bio (who.bpf.h) meanwhile.
 */
#ifndef IOPATH_STACKS_H
#define IOPATH_STACKS_H

#include "who-count.bpf.h"

struct {
	__uint(type, BPF_MAP_TYPE_STACK_TRACE);
	__uint(max_entries, 1);
	__uint(key_size, sizeof(u32));
	__uint(value_size, WHO_STACK_FRAMES * sizeof(u64));
} stacks SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1);
	__type(key, struct stack_key);
	__type(value, struct stack_stats);
} stack_stats SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, NR_STACK_LOSSES);
	__type(key, u32);
	__type(value, u64);
} stack_losses SEC(".maps");

struct stack_stats stack_blank = {};

static __always_inline void stack_lost(u32 why)
{
	u64 *n = bpf_map_lookup_elem(&stack_losses, &why);

	if (n)
		__sync_fetch_and_add(n, 1);
}

/* Kernel threads have none in user space: no loss. */
static __always_inline s32 stack_take(void *ctx, u64 flags)
{
	s32 id = (s32)bpf_get_stackid(ctx, &stacks, flags);

	if (id == -EEXIST)
		stack_lost(STACK_COLLIDED);
	else if (id < 0 && !(flags & BPF_F_USER_STACK))
		stack_lost(STACK_UNREADABLE);
	return id;
}

/*
 * In the submitter's context. No slot: a filter left the bio out. A bio that
 * the throttle held back is queued once more, by a worker.
 */
static __noinline int stacks_queued(void *ctx, u64 address)
{
	struct who_bio *b = who_bios_find(address);

	if (!b || b->kernel_stack != STACK_NOT_TAKEN)
		return 0;
	b->kernel_stack = stack_take(ctx, 0);
	b->user_stack = cfg.who & WHO_USER_STACKS ? stack_take(ctx, BPF_F_USER_STACK) : -1;
	return 0;
}

static __always_inline void stack_count(struct stack_stats *s, u64 bytes, u64 ns)
{
	__sync_fetch_and_add(&s->count, 1);
	__sync_fetch_and_add(&s->bytes, bytes);
	__sync_fetch_and_add(&s->sum_ns, ns);
	__sync_fetch_and_add(&s->lat[who_class(hist_bucket(ns), WHO_LAT_MIN_EXP, NR_WHO_LATS)], 1);
	if (ns > s->max_ns)
		s->max_ns = ns;
}

static __noinline int stacks_ended(const struct who_bio *b, u64 ns)
{
	bool user = cfg.who & WHO_USER_STACKS;
	struct stack_key key = { .kernel = b->kernel_stack, .user = user ? b->user_stack : -1,
				 .tgid = user ? b->id.tgid : 0, .dev = b->dev, .class = b->class };
	struct stack_stats *s = bpf_map_lookup_elem(&stack_stats, &key);

	if (!s) {
		bpf_map_update_elem(&stack_stats, &key, &stack_blank, BPF_NOEXIST);
		s = bpf_map_lookup_elem(&stack_stats, &key);
	}
	if (!s) {
		stack_lost(STACK_FULL);
		return 0;
	}
	if (user)
		__builtin_memcpy(s->comm, b->id.comm, IOP_COMM_LEN);
	stack_count(s, b->bytes, ns);
	return 0;
}

#endif
