/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What both sides of iopath-events share. */
#ifndef BENCH_ARMS_EVENT_H
#define BENCH_ARMS_EVENT_H

/* As the events of such tracers are: who, when, where, what. */
struct event {
	__u64 time_ns, object;
	__u32 pid, tid, cpu, hook;
	char comm[16];
};

/* name, tracepoint, layer: 0 block, 1 vfs (system calls), 2 page cache, 3 scheduler */
#define EVENT_HOOKS(X)                                   \
	X(bio_queue, "block_bio_queue", 0)               \
	X(getrq, "block_getrq", 0)                       \
	X(rq_insert, "block_rq_insert", 0)               \
	X(rq_issue, "block_rq_issue", 0)                 \
	X(rq_complete, "block_rq_complete", 0)           \
	X(bio_complete, "block_bio_complete", 0)         \
	X(sys_enter, "sys_enter", 1)                     \
	X(sys_exit, "sys_exit", 1)                       \
	X(page_added, "mm_filemap_add_to_page_cache", 2) \
	X(page_dirtied, "writeback_dirty_folio", 2)      \
	X(switch, "sched_switch", 3)                     \
	X(wakeup, "sched_wakeup", 3)

enum event_hook {
#define X(name, tp, layer) HOOK_##name,
	EVENT_HOOKS(X)
#undef X
	NR_EVENT_HOOKS,
};

#endif
