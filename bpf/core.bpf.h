/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What all tiers share: configuration, counters, histograms, device rows,
 * filters. Configuration is rodata, so what is not asked for is removed by the
 * verifier before the program runs.
 */
#ifndef IOPATH_CORE_H
#define IOPATH_CORE_H

#include "kernel.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_tracing.h>
#include "wire.h"
#include "state.h"
#include "config.h"
#include "functions.h"
#include "atomic.bpf.h"
#include "slots.bpf.h"

char LICENSE[] SEC("license") = "GPL";

const volatile struct iop_config cfg = {};

/* Written by user space last of all, and not with --floor; 0 = every program returns at once. */
u64 enabled_ns = 0;
/* aio_complete_rw() is: the last bio of a libaio request is not its end. */
u32 aio_end_hooked = 0;
/* --top without --threshold: user space raises and lowers it. */
u64 top_threshold_ns = 0;

#define ACTIVE() (enabled_ns)
#define TIER(t) (cfg.tier >= (t))

/*
 * One program: HOOK(section, name, (arguments of the tracepoint), what it does).
 * STAND_ASIDE(): standin.bpf.h.
 */
#define HOOK(sec, name, args, call)    \
	SEC(sec) int BPF_PROG(name, UNPACK args) \
	{                              \
		if (STAND_ASIDE() || !ACTIVE()) \
			return 0;      \
		return call;           \
	}
/*
 * The same with what it does nearly always where nothing but statistics is
 * asked for (plain-block.bpf.h): @plain says whether it has. What it does else is a
 * function of its own, or the registers of that would be spilled in this.
 */
#define HOOK_PLAIN(sec, name, args, is, plain, call)                \
	static __noinline int BPF_PROG(name##_any, UNPACK args)     \
	{                                                           \
		return call;                                        \
	}                                                           \
	SEC(sec) int BPF_PROG(name, UNPACK args)                    \
	{                                                           \
		if (STAND_ASIDE() || !ACTIVE())                     \
			return 0;                                   \
		if (!cfg.is) {                                      \
			/* a call of its own, which the verifier removes */ \
			asm volatile("");                           \
			return name##_any(ctx);                     \
		}                                                   \
		return (plain) ? 0 : name##_any(ctx);               \
	}
#define UNPACK(...) __VA_ARGS__

/*
 * A field of a struct that the kernel vouches for. Before 5.11 the current task
 * is not vouched for, and must be read by probing.
 */
#ifdef IOP_OLD
#define LOAD(p, field) BPF_CORE_READ(p, field)
#else
#define LOAD(p, field) ((p)->field)
#endif

static __always_inline struct task_struct *current_task(void)
{
#ifdef IOP_OLD
	return (struct task_struct *)bpf_get_current_task();
#else
	return bpf_get_current_task_btf();
#endif
}

/* ---- counters: one set per shard, adders only ---- */

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);		/* shards */
	__type(key, u32);
	__type(value, struct iop_counts);
} counts SEC(".maps");

static __always_inline u32 this_shard(void)
{
	return bpf_get_smp_processor_id() & cfg.shard_mask;
}

static __always_inline void count_add(enum iop_count which, u64 n)
{
	u32 shard = this_shard();
	struct iop_counts *c = bpf_map_lookup_elem(&counts, &shard);

	if (c)
		__sync_fetch_and_add(&c->n[which], n);
}

static __always_inline void count(enum iop_count which)
{
	count_add(which, 1);
}

static __always_inline void lost(enum iop_loss why)
{
	count(COUNT_LOSS_FIRST + why);
}

#include "standin.bpf.h"

/* ---- histograms and rows: [shard][row], adders only ---- */

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);		/* shards * NR_BLOCK_ROWS */
	__type(key, u32);
	__type(value, struct iop_block_stats);
} block_stats SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);		/* shards * NR_OP_ROWS */
	__type(key, u32);
	__type(value, struct iop_op_stats);
} op_stats SEC(".maps");

/*
 * A row of a shard that belongs to one CPU, and that only one program counts
 * in, needs no atomics where programs are not preempted: the kernel does not
 * run a program on top of itself. libaio's rows have two writers.
 */
#define ROW_ATOMIC(two_writers) (cfg.shared_shards || (two_writers))

static __always_inline void row_add(u64 *to, u64 n, bool atomic)
{
	if (atomic)
		__sync_fetch_and_add(to, n);
	else
		*to += n;
}

/* The bucket of what does not come from the table as it is, and what is to be added to that one's number. */
static __always_inline u32 hist_shift(u64 *v)
{
	if (*v < 1ull << 20) {
		*v >>= 8;
		return 8 * HIST_SUB;
	}
	if (*v < 1ull << 28) {
		*v >>= 16;
		return 16 * HIST_SUB;
	}
	if (*v < 1ull << 36) {
		*v >>= 24;
		return 24 * HIST_SUB;
	}
	*v = *v < 1ull << HIST_MAX_EXP ? *v >> 32 : (1 << (HIST_MAX_EXP - 32)) - 1;
	return 32 * HIST_SUB;
}

/* Each power of two has as many buckets: those of v >> 8 are those of v, 8 octaves down. */
static __always_inline u32 hist_bucket(u64 v)
{
	u32 octaves = v < HIST_DIRECT ? 0 : hist_shift(&v);

	/* the compiler knows the bound, older verifiers must be told */
	barrier_var(v);
	return cfg.bucket_of[v & (HIST_DIRECT - 1)] + octaves;
}

/* The same in two instructions less, where the verifier does not follow both ways for each of many. */
static __always_inline u32 hist_bucket_plain(u64 v)
{
	u32 octaves;

	if (v < HIST_DIRECT) {
		barrier_var(v);
		return cfg.bucket_of[v & (HIST_DIRECT - 1)];
	}
	octaves = hist_shift(&v);
	barrier_var(v);
	return cfg.bucket_of[v & (HIST_DIRECT - 1)] + octaves;
}

static __always_inline void hist_count(struct iop_hist *h, u32 bucket, u64 ns, bool atomic)
{
	/* where n[] would begin if the histogram began with it: the rest is an offset of the access */
	u32 *n = (u32 *)h + bucket;

	barrier_var(n);
	n += __builtin_offsetof(struct iop_hist, n) / sizeof(*n);
	if (atomic)
		__sync_fetch_and_add(n, 1);
	else
		*n += 1;
	row_add(&h->sum_ns, ns, atomic);
	/* never atomic: user space mends a lost race from the topmost bucket */
	if (ns > h->max_ns)
		h->max_ns = ns;
}

static __always_inline void hist_add(struct iop_hist *h, u64 ns, bool atomic)
{
	hist_count(h, hist_bucket(ns), ns, atomic);
}

static __always_inline struct iop_block_stats *block_stats_at(u32 row)
{
	u32 i = this_shard() * NR_BLOCK_ROWS + row;

	return bpf_map_lookup_elem(&block_stats, &i);
}

static __always_inline struct iop_op_stats *op_stats_at(u32 op_row)
{
	u32 i = this_shard() * NR_OP_ROWS + op_row;

	return bpf_map_lookup_elem(&op_stats, &i);
}

static __always_inline void plain_add(struct iop_hist *h, u64 ns, bool atomic)
{
	hist_count(h, hist_bucket_plain(ns), ns, atomic);
}

/* ---- device rows: handed out on first use, never taken back ---- */

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, NR_BLOCK_ROWS);
	__type(key, u32);
	__type(value, struct iop_row_id);
} row_ids SEC(".maps");

#define DEV_PROBES 8

struct dev_slot dev_slots[NR_DEV_SLOTS] = {};
u32 next_row = 0;

static __always_inline int row_new(struct dev_slot *s, u32 dev, u32 bop)
{
	u32 row = fetch_add_u32(&next_row, 1);
	struct iop_row_id *id = bpf_map_lookup_elem(&row_ids, &row);

	if (!id) {
		lost(LOSS_DEVICE_FULL);
		return -1;
	}
	/*
	 * Two CPUs may each get a row for the same pair: one of them stays in
	 * the slot, both are counted, user space adds them up.
	 */
	id->op = bop;
	id->dev = dev;
	s->row_plus_1[bop] = (u16)(row + 1);
	return (int)row;
}

/* Row of (disk, operation), or -1 when the table is full. */
static __always_inline int row_of(u32 dev, u32 bop)
{
	u32 h = slot_hash(dev);

	if (bop >= NR_BOPS)
		return -1;
#pragma unroll
	for (int i = 0; i < DEV_PROBES; i++) {
		struct dev_slot *s = &dev_slots[(h + i) & (NR_DEV_SLOTS - 1)];

		if (s->dev != dev && (s->dev || swap_if_u32(&s->dev, 0, dev)))
			continue;
		if (s->row_plus_1[bop])
			return s->row_plus_1[bop] - 1;
		return row_new(s, dev, bop);
	}
	lost(LOSS_DEVICE_FULL);
	return -1;
}

/* ---- filters ---- */

/* Process tree of `-- COMMAND`: thread group ids, kept by the fork and free hooks. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 16384);
	__type(key, u32);
	__type(value, u8);
} tree SEC(".maps");

static __always_inline u32 disk_dev(const struct gendisk *disk)
{
	return (u32)disk->major << 20 | (u32)disk->first_minor;
}

static __always_inline bool dev_listed(u32 disk, u32 part)
{
	for (u32 i = 0; i < MAX_DEV_FILTERS; i++) {
		if (i >= cfg.nr_devs)
			break;
		if (cfg.devs[i] == disk || cfg.devs[i] == part)
			return true;
	}
	return false;
}

static __always_inline bool dev_wanted(u32 disk, u32 part)
{
	return !cfg.nr_devs || dev_listed(disk, part);
}

static __always_inline void comm_get(const struct task_struct *task, char *comm)
{
#ifdef IOP_OLD
	/* of whom it is asked, which is not always the current task; old kernels leave what was behind the name */
	((u64 *)comm)[0] = ((u64 *)comm)[1] = 0;
	bpf_probe_read_kernel_str(comm, IOP_COMM_LEN, task->comm);
#else
	/* loads, not the helper: a name that changes meanwhile is torn at worst */
	((u64 *)comm)[0] = ((u64 *)task->comm)[0];
	((u64 *)comm)[1] = ((u64 *)task->comm)[1];
#endif
}

static __always_inline bool comm_wanted(const struct task_struct *task)
{
	/* volatile, or the compiler takes the rodata for what it holds now: nothing */
	const volatile u64 *want = (const volatile u64 *)cfg.comm;
	u64 comm[IOP_COMM_LEN / 8] = {};

	comm_get(task, (char *)comm);
	return comm[0] == want[0] && comm[1] == want[1];
}

/*
 * For whom the current task works: a thread that polls for submissions, or a
 * worker, is one of the process that asked, of which its leader stands here. On
 * 5.10 they are the kernel's own.
 */
static __always_inline const struct task_struct *task_asks(const struct task_struct *task)
{
	return LOAD(task, flags) & PF_IO_WORKER ? LOAD(task, group_leader) : task;
}

/* Of the current task, or the one that it works for. */
static __always_inline void owner_get(struct owner *o, const struct task_struct *task)
{
	o->tgid = (u32)LOAD(task, tgid);
	o->tid = (u32)LOAD(task, pid);
	o->cgroup = cfg.tell ? bpf_get_current_cgroup_id() : 0;
	comm_get(task, o->comm);
}

/* Is the current task one of those asked for? */
static __always_inline bool task_wanted(const struct task_struct *task)
{
	u32 tgid = (u32)LOAD(task, tgid);

	if (cfg.tgid && tgid != cfg.tgid)
		return false;
	if (cfg.tid && (u32)LOAD(task, pid) != cfg.tid && (u32)LOAD(task_asks(task), pid) != cfg.tid)
		return false;
	if (cfg.comm_on && !comm_wanted(task) && !comm_wanted(task_asks(task)))
		return false;
	if (cfg.tree_on && !bpf_map_lookup_elem(&tree, &tgid))
		return false;
	return true;
}

#include "cgroup.bpf.h"

/* ... and in one of the cgroups? */
static __always_inline bool submitter_wanted(const struct task_struct *task)
{
	return task_wanted(task) && (!cfg.nr_cgroups || task_in_cgroups());
}

static __always_inline bool kind_wanted(u8 kind)
{
	return !cfg.kind_mask || cfg.kind_mask & 1u << (kind & 31);
}

/* A filter that only the submission of an I/O can answer. */
static __always_inline bool owner_filtered(void)
{
	return cfg.tgid || cfg.tid || cfg.comm_on || cfg.tree_on || cfg.nr_cgroups || cfg.nr_files ||
	       cfg.nr_dirs;
}

/* A filter that an operation's file answers. */
static __always_inline bool target_filtered(void)
{
	return cfg.nr_devs || cfg.nr_files || cfg.nr_dirs;
}

/* Too short to be counted (--min-lat). */
static __always_inline bool too_short(u64 total_ns)
{
	return cfg.min_lat_ns && total_ns < cfg.min_lat_ns;
}

/* ---- over-threshold records ---- */

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 20);
} ring SEC(".maps");

static __always_inline struct iop_slow *slow_reserve(void)
{
	struct iop_slow *r = bpf_ringbuf_reserve(&ring, sizeof(*r), 0);

	if (!r)
		lost(LOSS_RING_FULL);
	return r;
}

/* Each Nth of a shard. Where CPUs share one, some turns may be lost between them. */
static __always_inline bool sample_turn(void)
{
	u32 shard = this_shard();
	struct iop_counts *c = bpf_map_lookup_elem(&counts, &shard);

	if (!c || ++c->n[COUNT_SAMPLE_TURN] < cfg.sample)
		return false;
	c->n[COUNT_SAMPLE_TURN] = 0;
	return true;
}

enum { TELL_NOT, TELL_SLOW, TELL_SAMPLE };

static __always_inline bool records_wanted(void)
{
	return cfg.threshold_ns || cfg.sample || cfg.top;
}

/* Is what took @total_ns to be told, and as what? Costs nothing when not asked for. */
static __always_inline int to_tell(u64 total_ns)
{
	if (cfg.threshold_ns && total_ns >= cfg.threshold_ns)
		return TELL_SLOW;
	if (cfg.top && total_ns >= top_threshold_ns)
		return TELL_SLOW;
	return cfg.sample && sample_turn() ? TELL_SAMPLE : TELL_NOT;
}

/* The reader polls; it is woken early only when the ring is half full. */
static __always_inline void slow_submit(struct iop_slow *r)
{
	u64 used = bpf_ringbuf_query(&ring, BPF_RB_AVAIL_DATA);

	bpf_ringbuf_submit(r, used > cfg.ring_wake_bytes ? BPF_RB_FORCE_WAKEUP : BPF_RB_NO_WAKEUP);
}

#endif
