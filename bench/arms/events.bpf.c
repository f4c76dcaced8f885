/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The design that this project began with, kept for comparison: every hook ships
 * an event through a ring buffer, and wakes its reader up. Nothing is put
 * together in the kernel.
 */
#include "kernel.h"

#include <bpf/bpf_helpers.h>

#include "bench/arms/event.h"

char LICENSE[] SEC("license") = "GPL";

/* Whose own doings would make events of events. */
const volatile __u32 own_tgid;

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 16 << 20);
} events SEC(".maps");

__u64 lost;

struct raw_args {
	__u64 arg[1];	/* the first is there in all of them */
};

static __always_inline int ship(const struct raw_args *ctx, enum event_hook hook)
{
	__u64 id = bpf_get_current_pid_tgid();
	struct event *e;

	if (id >> 32 == own_tgid)
		return 0;
	e = bpf_ringbuf_reserve(&events, sizeof(*e), 0);
	if (!e) {
		__sync_fetch_and_add(&lost, 1);
		return 0;
	}
	e->time_ns = bpf_ktime_get_ns();
	e->object = ctx->arg[0];
	e->pid = id >> 32;
	e->tid = (__u32)id;
	e->cpu = bpf_get_smp_processor_id();
	e->hook = hook;
	bpf_get_current_comm(e->comm, sizeof(e->comm));
	bpf_ringbuf_submit(e, BPF_RB_FORCE_WAKEUP);
	return 0;
}

#define X(name, tp, layer)                                      \
	SEC("?raw_tp/" tp) int on_##name(struct raw_args *ctx) \
	{                                                       \
		return ship(ctx, HOOK_##name);                  \
	}
EVENT_HOOKS(X)
#undef X
