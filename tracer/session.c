/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "session.h"

#include <errno.h>
#include <linux/aio_abi.h>
#include <linux/io_uring.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/bpf.h>

#include "disk.h"
#include "object.h"
#include "stamp.h"
#include "standin.h"
#include "stats.h"
#include "tracer/base/cleanup.h"

#define RING_BYTES (1u << 20)

struct mapped {
	void *p;
	size_t len;
};

struct session {
	struct object object;
	struct ring_buffer *ring;
	struct bpf_link *links[NR_POINTS];
	struct bpf_program *programs[NR_POINTS];
	u32 nr_programs;
	struct stand_ins stand_ins;
	u32 nr_shards;
	bool has_ops;	/* rows of operations: from tier vfs */
	u32 devs[MAX_DEV_FILTERS], nr_devs;
	int stats_fd;
	struct records *records;
	/* mapped arrays */
	const u64 (*counts)[NR_COUNTS];
	const struct iop_block_stats *blocks;
	const struct iop_op_stats *ops;
	const struct iop_row_id *row_ids;
	struct mapped mapped[4 + 3];
	u32 nr_mapped;
	/* mapped when they are first looked at */
	struct slot_tables tables;
};

/* ---- what libbpf has to say goes into @why, not to the terminal ---- */

static char libbpf_said[SESSION_WHY_LEN];
static FILE *libbpf_log;

static int keep_message(enum libbpf_print_level level, const char *fmt, va_list ap)
{
	char line[SESSION_WHY_LEN];

	if (!fmt)
		return 0;
	if (libbpf_log) {
		va_list copy;

		va_copy(copy, ap);
		vfprintf(libbpf_log, fmt, copy);
		va_end(copy);
	}
	if (level != LIBBPF_WARN)
		return 0;
	vsnprintf(line, sizeof(line), fmt, ap);
	line[strcspn(line, "\n")] = '\0';
	/* the first complaint names the cause, those after it the consequences */
	if (!libbpf_said[0] && !strstr(line, "BEGIN PROG LOAD LOG"))
		snprintf(libbpf_said, sizeof(libbpf_said), "%s",
			 strncmp(line, "libbpf: ", 8) ? line : line + 8);
	return 0;
}

static int fail(char *why, int err, const char *what)
{
	snprintf(why, SESSION_WHY_LEN, "%.80s: %.160s", what,
		 libbpf_said[0] ? libbpf_said : strerror(-err));
	return err;
}

/* ---- sizes ---- */

static u32 round_pow2(u64 v, u32 lo, u32 hi)
{
	u32 n = lo;

	while (n < v && n < hi)
		n *= 2;
	return n;
}

/* Files of which is kept who last made them dirty. */
#define MAX_DIRTIERS 16384

struct sizes {
	u32 cpus, shards, bios, rqs, ops, tree, ring_bytes, parts, stacks, dirtiers;
	u32 who, who_ops, who_streams, who_bios, who_stacks, who_dirtiers;
};

static struct sizes sizes_for(enum iop_tier tier, u32 cpus, u64 queue_depth, bool tree, u32 ring_bytes)
{
	return (struct sizes){
		.cpus = cpus,
		.shards = round_pow2(cpus, 1, MAX_SHARDS),
		.bios = round_pow2(256ull * cpus, 8192, 65536),
		.rqs = round_pow2(queue_depth * 2, 4096, 65536),
		.ops = tier >= TIER_VFS ? round_pow2(128ull * cpus, 8192, 32768) : SLOT_WAYS,
		.tree = tree ? 4096 : 1,
		.ring_bytes = ring_bytes,
		.parts = 1,
		.stacks = 1,
		.dirtiers = 1,
		.who = 1,
		.who_ops = 1,
		.who_streams = 1,
		.who_bios = SLOT_WAYS,
		.who_stacks = 1,
		.who_dirtiers = 1,
	};
}

/* Statistics by who: one entry more of each dimension, for what finds no room. */
static void sizes_by(struct sizes *z, const struct session_opts *o)
{
	if (!o->by && !o->stacks)
		return;
	z->who_stacks = o->stacks ? MAX_STACKS : 1;
	z->who = o->by ? (u32)__builtin_popcount(o->by) * (o->by_max + 1) : 1;
	z->who_ops = o->tier >= TIER_VFS ? z->ops : 1;
	z->who_streams = 4096;
	z->who_bios = z->bios;
	z->who_dirtiers = o->by ? MAX_DIRTIERS : 1;
}

static bool has_records(const struct session_opts *o)
{
	return o->threshold_ns || o->sample || o->top;
}

/* Each I/O's owner is told, and with it whose writeback it is. */
static bool tells_owners(const struct session_opts *o)
{
	return has_records(o) || o->in_flight;
}

/* A third of a second of 50 000 records a second: the reader does not always get a processor at once. */
static u32 ring_bytes(const struct session_opts *o)
{
	return has_records(o) ? 16 * RING_BYTES : 4096;
}

static int size_maps(struct object *o, const struct sizes *z)
{
	const struct {
		const char *map;
		u32 entries;
	} want[] = {
		{ "counts", z->shards },
		{ "block_stats", z->shards * NR_BLOCK_ROWS },
		{ "op_stats", z->ops > SLOT_WAYS ? z->shards * NR_OP_ROWS : 1 },
		{ "bios_slots", z->bios },
		{ "rqs_slots", z->rqs },
		{ "ops_slots", z->ops },
		{ "dones", 2 * z->cpus },
		{ "tree", z->tree },
		{ "ring", z->ring_bytes },
		{ "op_parts", z->parts },
		{ "op_stacks", z->stacks },
		{ "dirtiers", z->dirtiers },
		{ "who", z->who },
		{ "stacks", z->who_stacks },
		{ "stack_stats", z->who_stacks },
		{ "who_ops", z->who_ops },
		{ "who_streams", z->who_streams },
		{ "who_dirtiers", z->who_dirtiers },
		{ "who_bios_slots", z->who_bios },
	};

	for (size_t i = 0; i < ARRAY_SIZE(want); i++) {
		int err = bpf_map__set_max_entries(object_map(o, want[i].map), want[i].entries);

		if (err)
			return err;
	}
	*o->who_bios_mask = z->who_bios - 1;
	*o->bios_mask = z->bios - 1;
	*o->rqs_mask = z->rqs - 1;
	*o->ops_mask = z->ops - 1;
	return 0;
}

static u64 maps_bytes(const struct object *o, u32 cpus)
{
	struct bpf_map *map;
	u64 sum = 0;

	bpf_object__for_each_map(map, o->obj) {
		u64 value = bpf_map__value_size(map), n = bpf_map__max_entries(map);
		enum bpf_map_type type = bpf_map__type(map);

		if (type == BPF_MAP_TYPE_RINGBUF)
			sum += n;
		else
			sum += (value + 7) / 8 * 8 * n *
			       (type == BPF_MAP_TYPE_PERCPU_ARRAY ? cpus : 1);
	}
	return sum;
}

u64 session_maps_bytes(enum iop_tier tier, u32 cpus, u64 queue_depth)
{
	struct sizes z = sizes_for(tier, cpus, queue_depth, false, RING_BYTES);
	struct object o = { 0 };
	u64 sum = 0;

	if (!object_open(&o, false) && !size_maps(&o, &z))
		sum = maps_bytes(&o, cpus);
	object_close(&o);
	return sum;
}

/* ---- configuration ---- */

#define NO_SYSCALL { KIND_NONE, 0, 0, 0, 0, ONLY_ANY }

/* Which system calls are operations; fd, offset and length by argument number. */
static const struct {
	long nr;
	struct iop_syscall sc;
} syscalls[] = {
	{ SYS_read, { KIND_READ, 1, 0, 3, 1, ONLY_ANY } },
	{ SYS_write, { KIND_WRITE, 1, 0, 3, 1, ONLY_ANY } },
	{ SYS_pread64, { KIND_READ, 1, 4, 3, 0, ONLY_ANY } },
	{ SYS_pwrite64, { KIND_WRITE, 1, 4, 3, 0, ONLY_ANY } },
	{ SYS_readv, { KIND_READ, 1, 0, 0, 1, ONLY_ANY } },
	{ SYS_writev, { KIND_WRITE, 1, 0, 0, 1, ONLY_ANY } },
	{ SYS_preadv, { KIND_READ, 1, 4, 0, 0, ONLY_ANY } },
	{ SYS_pwritev, { KIND_WRITE, 1, 4, 0, 0, ONLY_ANY } },
	{ SYS_preadv2, { KIND_READ, 1, 4, 0, 0, ONLY_ANY } },
	{ SYS_pwritev2, { KIND_WRITE, 1, 4, 0, 0, ONLY_ANY } },
	{ SYS_fsync, { KIND_FSYNC, 1, 0, 0, 0, ONLY_ANY } },
	{ SYS_fdatasync, { KIND_FDATASYNC, 1, 0, 0, 0, ONLY_ANY } },
	{ SYS_sync_file_range, { KIND_SYNC_RANGE, 1, 2, 3, 0, ONLY_ANY } },
	{ SYS_syncfs, { KIND_SYNC, 1, 0, 0, 0, ONLY_ANY } },
	{ SYS_sync, { KIND_SYNC, 0, 0, 0, 0, ONLY_ANY } },
	{ SYS_msync, { KIND_MSYNC, 0, 0, 0, 0, ONLY_ANY } },
	{ SYS_sendfile, { KIND_COPY, 2, 0, 4, 1, ONLY_ANY } },
	{ SYS_copy_file_range, { KIND_COPY, 1, 0, 0, 0, ONLY_ANY } },
	{ SYS_fallocate, { KIND_ALLOCATE, 1, 3, 4, 0, ONLY_ANY } },
	{ SYS_readahead, { KIND_READAHEAD, 1, 2, 3, 0, ONLY_ANY } },
	{ SYS_fadvise64, { KIND_READAHEAD, 1, 2, 3, 0, ONLY_WILLNEED } },
	{ SYS_ioctl, { KIND_DISCARD, 1, 0, 0, 0, ONLY_DISCARD } },
	{ SYS_io_uring_enter, { KIND_URING_BATCH, 0, 0, 0, 0, ONLY_ANY } },
	{ SYS_io_submit, { KIND_AIO_BATCH, 0, 0, 0, 0, ONLY_ANY } },
};

const struct iop_syscall *session_syscall(long nr)
{
	for (size_t i = 0; i < ARRAY_SIZE(syscalls); i++)
		if (syscalls[i].nr == nr)
			return &syscalls[i].sc;
	return NULL;
}

static const struct {
	u8 opcode, kind;
} uring_ops[] = {
	{ IORING_OP_READV, KIND_READ },
	{ IORING_OP_READ_FIXED, KIND_READ },
	{ IORING_OP_READ, KIND_READ },
	{ IORING_OP_WRITEV, KIND_WRITE },
	{ IORING_OP_WRITE_FIXED, KIND_WRITE },
	{ IORING_OP_WRITE, KIND_WRITE },
	{ IORING_OP_FSYNC, KIND_FSYNC },
	{ IORING_OP_SYNC_FILE_RANGE, KIND_SYNC_RANGE },
	{ IORING_OP_FALLOCATE, KIND_ALLOCATE },
};

static void configure_tables(struct iop_config *c, const struct kernel *k)
{
	memset(c->bop_of, BOP_OTHER, sizeof(c->bop_of));
	for (int b = 0; b < NR_BOPS; b++)
		if (k->req_op[b] >= 0 && k->req_op[b] < NR_REQ_OPS)
			c->bop_of[k->req_op[b]] = (u8)b;
	for (int i = 0; i < NR_SYSCALLS; i++)
		c->syscalls[i] = (struct iop_syscall)NO_SYSCALL;
	for (size_t i = 0; i < ARRAY_SIZE(syscalls); i++)
		if (syscalls[i].nr < NR_SYSCALLS)
			c->syscalls[syscalls[i].nr] = syscalls[i].sc;
	memset(c->uring_kind, KIND_NONE, sizeof(c->uring_kind));
	for (size_t i = 0; i < ARRAY_SIZE(uring_ops); i++)
		c->uring_kind[uring_ops[i].opcode] = uring_ops[i].kind;
	for (u32 i = 0; i < NR_OP_ROWS; i++)
		c->op_row[op_rows[i].via][op_rows[i].kind] = (u8)i;
}

/* A function of some file system is hooked, and tells the file of an operation. */
static bool fs_hooked(const struct hook_plan *plan)
{
#define X(sym, function, program) plan->chosen[POINT_##sym] >= 0 ||
	return IOP_FS_FUNCTIONS(X) false;
#undef X
}

static bool filters_tasks(const struct session_opts *o)
{
	return o->tgid || o->tid || o->comm || o->extras.tree || o->nr_cgroups || o->nr_files || o->nr_dirs ||
	       o->own_file;
}

/* Without types, virtio_blk's buffers look like any other device's. */
static bool virtio_untyped(const struct hook_plan *plan)
{
	int row = plan->chosen[POINT_VIRTIO_ADD];

	return row >= 0 && hook_rows[row].backend == BACKEND_KPROBE;
}

static void plan_stamps(const struct session_opts *o, const struct kernel *k, const struct hook_plan *plan,
			struct stamp_plan *ret)
{
	const struct stamp_needs needs = { .tier = o->tier,
					   .owner = filters_tasks(o) || o->threshold_ns || o->sample || o->by,
					   .in_flight = o->in_flight,
					   .issue_seen = virtio_untyped(plan) };
	struct stamp_disks disks;

	stamp_look(o->devs, o->nr_devs, &disks);
	stamp_choose(k, &disks, &needs, ret);
}

static void configure(struct iop_config *c, const struct session_opts *o, const struct kernel *k,
		      const struct sizes *z, const struct hook_plan *plan, const struct stamp_plan *stamps)
{
	for (u32 v = 0; v < HIST_DIRECT; v++)
		c->bucket_of[v] = (u8)iop_hist_bucket(v);
	c->kernel_q = stamps->kernel_q;
	c->kernel_g = stamps->kernel_g;
	c->kernel_d = stamps->kernel_d;
	c->bio_slots = stamps->bio_queue;
	c->tell = tells_owners(o);
	/* --by and what hangs want the file when the operation begins */
	c->fs_hooked = o->tier >= TIER_VFS && !o->by && !o->in_flight && fs_hooked(plan);
	c->floor = o->floor;
	c->probe_resched = o->extras.resched_calls;
	c->tier = (u8)o->tier;
	c->shard_mask = z->shards - 1;
	c->shared_shards = (u32)libbpf_num_possible_cpus() > z->shards || k->preempts_programs;
	c->self_tgid = (u32)getpid();
	c->tgid = o->tgid;
	c->tid = o->tid;
	c->tree_on = o->extras.tree;
	if (o->comm) {
		c->comm_on = 1;
		snprintf(c->comm, sizeof(c->comm), "%s", o->comm);
	}
	c->nr_devs = o->nr_devs;
	memcpy(c->devs, o->devs, sizeof(c->devs));
	c->bop_mask = o->bop_mask;
	c->kind_mask = o->kind_mask;
	c->nr_cgroups = o->nr_cgroups;
	memcpy(c->cgroups, o->cgroups, sizeof(c->cgroups));
	c->nr_files = o->nr_files;
	c->nr_dirs = o->nr_dirs;
	memcpy(c->files, o->files, sizeof(c->files));
	memcpy(c->dirs, o->dirs, sizeof(c->dirs));
	c->min_lat_ns = o->min_lat_ns;
	c->own_file = o->own_file;
	c->threshold_ns = o->threshold_ns;
	c->sample = o->sample;
	c->top = o->top;
	c->parts = has_records(o) && o->tier >= TIER_VFS;
	c->kernel_stack = o->kernel_stack;
	c->dirtiers = tells_owners(o);
	c->ring_wake_bytes = z->ring_bytes / 2;
	c->who = (u8)(o->by | (o->stacks ? WHO_STACKS : 0) | (o->user_stacks ? WHO_USER_STACKS : 0));
	c->who_streams_mask = z->who_streams - 1;
	c->fn_iomap_end_io = k->fn_iomap_end_io;
	c->fn_blkdev_end_io_async = k->fn_blkdev_end_io_async;
	c->fn_blkdev_end_io = k->fn_blkdev_end_io;
	c->fn_resched_from = k->fn_resched_from;
	c->fn_resched_to = k->fn_resched_to;
	configure_tables(c, k);
}

/* ---- programs ---- */

static int select_programs(struct session *s, const struct session_opts *o,
			   const struct hook_plan *plan, const struct stamp_plan *stamps, char *why)
{
	for (int p = 0; p < NR_POINTS; p++) {
		const struct hook_row *row;

		if (plan->chosen[p] < 0 || !hook_wanted(p, o->tier, &o->extras) || stamp_spares(stamps, p))
			continue;
		row = &hook_rows[plan->chosen[p]];
		s->programs[p] = bpf_object__find_program_by_name(s->object.obj, row->program);
		if (!s->programs[p])
			return fail(why, -ENOENT, row->program);
		bpf_program__set_autoload(s->programs[p], true);
		s->nr_programs++;
	}
	return 0;
}

/*
 * A hook that the kernel offers and then refuses to attach (a function that
 * may not be traced) leaves its stage unmeasured, unless the tier needs it.
 */
static int attach_programs(struct session *s, struct hook_plan *plan, char *why)
{
	/* completions first: what begins while attaching is then seen to end */
	for (int p = NR_POINTS - 1; p >= 0; p--) {
		int err;

		if (!s->programs[p])
			continue;
		libbpf_said[0] = '\0';
		s->links[p] = bpf_program__attach(s->programs[p]);
		if (s->links[p]) {
			err = stand_ins_attach(&s->stand_ins, p);
			if (err)
				return fail(why, err, bpf_program__name(s->programs[p]));
			continue;
		}
		if (hook_points[p].needed)
			return fail(why, -errno, bpf_program__name(s->programs[p]));
		hook_give_up(plan, p);
		s->programs[p] = NULL;
		s->nr_programs--;
	}
	*s->object.aio_end_hooked = s->links[POINT_AIO_COMPLETE] != NULL;
	return 0;
}

/* ---- mapped arrays ---- */

/* Read-only, until the session closes. NULL and errno. */
static const void *map_array(struct session *s, const char *name)
{
	struct bpf_map *map = object_map(&s->object, name);
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	size_t len = (bpf_map__value_size(map) + 7ul) / 8 * 8 * bpf_map__max_entries(map);
	void *p;

	len = (len + page - 1) / page * page;
	p = mmap(NULL, len, PROT_READ, MAP_SHARED, bpf_map__fd(map), 0);
	if (p == MAP_FAILED)
		return NULL;
	s->mapped[s->nr_mapped++] = (struct mapped){ p, len };
	return p;
}

static int map_counters(struct session *s)
{
	s->counts = map_array(s, "counts");
	s->blocks = map_array(s, "block_stats");
	s->ops = map_array(s, "op_stats");
	s->row_ids = map_array(s, "row_ids");
	return s->counts && s->blocks && s->ops && s->row_ids ? 0 : -errno;
}

/* ---- life ---- */

int session_open(const struct session_opts *opts, const struct kernel *k,
		 struct hook_plan *plan, struct session **ret,
		 char why[static SESSION_WHY_LEN])
{
	_cleanup_(session_closep) struct session *s = calloc(1, sizeof(*s));
	struct sizes z = sizes_for(opts->tier, (u32)libbpf_num_possible_cpus(),
				   disk_total_requests(), opts->extras.tree, ring_bytes(opts));
	struct stamp_plan stamps;
	int err;

	if (!s)
		return -ENOMEM;
	if (has_records(opts) && opts->tier >= TIER_VFS)
		z.parts = z.ops;
	if (opts->kernel_stack)
		z.stacks = z.ops;
	if (tells_owners(opts))
		z.dirtiers = MAX_DIRTIERS;
	s->stats_fd = -1;
	s->nr_shards = z.shards;
	s->has_ops = z.ops > SLOT_WAYS;
	sizes_by(&z, opts);
	s->nr_devs = opts->nr_devs;
	memcpy(s->devs, opts->devs, sizeof(s->devs));
	libbpf_said[0] = '\0';
	libbpf_log = opts->debug;
	libbpf_set_print(keep_message);
	err = object_open(&s->object, k->no_fetch_atomics);
	if (err)
		return fail(why, err, "opening the programs");
	plan_stamps(opts, k, plan, &stamps);
	err = select_programs(s, opts, plan, &stamps, why);
	if (err)
		return err;
	err = size_maps(&s->object, &z);
	if (!err && !opts->nr_dirs)
		err = bpf_map__set_max_entries(object_map(&s->object, "verdicts"), 1);
	if (err)
		return fail(why, err, "sizing the maps");
	configure(s->object.cfg, opts, k, &z, plan, &stamps);
	err = object_load(&s->object);
	if (err)
		return fail(why, err, "loading the programs");
	err = map_counters(s);
	if (err)
		return fail(why, err, "mapping the counters");
	if (opts->program_stats) {
		s->stats_fd = bpf_enable_stats(BPF_STATS_RUN_TIME);
		if (s->stats_fd < 0)
			return fail(why, -errno, "switching BPF run-time statistics on");
	}
	if (k->preempts_programs) {
		const char *what;

		err = stand_ins_load(&s->stand_ins, &s->object, s->programs, &what);
		if (err)
			return fail(why, err, what);
	}
	err = attach_programs(s, plan, why);
	if (err)
		return err;
	*ret = take_ptr(s);
	return 0;
}

void session_close(struct session *s)
{
	if (!s)
		return;
	for (int p = 0; p < NR_POINTS; p++)
		bpf_link__destroy(s->links[p]);
	stand_ins_close(&s->stand_ins);
	ring_buffer__free(s->ring);
	records_free(s->records);
	for (u32 i = 0; i < s->nr_mapped; i++)
		munmap(s->mapped[i].p, s->mapped[i].len);
	if (s->stats_fd >= 0)
		close(s->stats_fd);
	object_close(&s->object);
	free(s);
}

int session_follow(struct session *s, u32 tgid)
{
	u8 one = 1;

	return bpf_map__update_elem(object_map(&s->object, "tree"), &tgid, sizeof(tgid), &one, sizeof(one),
				    BPF_ANY);
}

void session_enable(struct session *s)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	__atomic_store_n(s->object.enabled_ns,
			 (u64)ts.tv_sec * 1000000000ull + (u64)ts.tv_nsec, __ATOMIC_SEQ_CST);
}

void session_disable(struct session *s)
{
	__atomic_store_n(s->object.enabled_ns, 0, __ATOMIC_SEQ_CST);
}

/* ---- records ---- */

static int on_record(void *ctx, void *data, size_t len)
{
	struct session *s = ctx;

	records_take(s->records, data, len);
	return 0;
}

int session_on_record(struct session *s, record_fn fn, void *ctx)
{
	s->records = records_new(fn, ctx);
	if (!s->records)
		return -ENOMEM;
	s->ring = ring_buffer__new(bpf_map__fd(object_map(&s->object, "ring")), on_record, s, NULL);
	return s->ring ? 0 : -errno;
}

void session_set_top_threshold(struct session *s, u64 ns)
{
	__atomic_store_n(s->object.top_threshold_ns, ns, __ATOMIC_RELAXED);
}

int session_poll_fd(const struct session *s)
{
	return s->ring ? ring_buffer__epoll_fd(s->ring) : -1;
}

int session_drain(struct session *s)
{
	return s->ring ? ring_buffer__consume(s->ring) : 0;
}

/* ---- what is in flight ---- */

static int map_table(struct session *s, const char *name, struct slot_table *t)
{
	t->data = map_array(s, name);
	if (!t->data)
		return -errno;
	t->slots = bpf_map__max_entries(object_map(&s->object, name));
	return 0;
}

/* Mapped at first use: what is mapped counts as memory of this process. */
static int map_tables(struct session *s)
{
	struct slot_tables *t = &s->tables;
	int err = 0;

	if (!t->ops.slots)
		err = map_table(s, "ops_slots", &t->ops);
	if (!err && !t->bios.slots)
		err = map_table(s, "bios_slots", &t->bios);
	if (!err && !t->rqs.slots)
		err = map_table(s, "rqs_slots", &t->rqs);
	return err;
}

int session_unfinished(struct session *s, u64 now_ns, u64 min_age_ns, bool all, unfinished_fn fn, void *ctx)
{
	int err = map_tables(s);

	return err ? err : unfinished_each(&s->tables, now_ns, min_age_ns, all, fn, ctx);
}

int session_in_flight(struct session *s, u64 *ret_requests, u64 *ret_operations)
{
	int err = map_tables(s);

	if (err)
		return err;
	unfinished_count(&s->tables, ret_requests, ret_operations);
	/* nothing of ours tells of them until they complete */
	if (s->object.cfg->kernel_d)
		*ret_requests = disk_in_flight(s->devs, s->nr_devs);
	return 0;
}

int session_map_fd(const struct session *s, const char *name)
{
	return bpf_map__fd(object_map(&s->object, name));
}

/* ---- counters ---- */

static const struct iop_op_stats *op_stats(const struct session *s, u32 shard, u32 row)
{
	return &s->ops[shard * NR_OP_ROWS + row - NR_BLOCK_ROWS];
}

static bool row_used(const struct session *s, u32 row)
{
	if (stats_row_is_block(row))
		return s->row_ids[row].dev != 0;
	if (!s->has_ops)
		return false;
	for (u32 shard = 0; shard < s->nr_shards; shard++)
		if (op_stats(s, shard, row)->c.count)
			return true;
	return false;
}

static void read_row(struct session *s, u32 row, struct stats_row *r)
{
	bool block = stats_row_is_block(row);
	u32 nr = block ? NR_BLOCK_HISTS : NR_OP_HISTS;

	r->c = (struct iop_row){ 0 };
	for (u32 shard = 0; shard < s->nr_shards; shard++) {
		const struct iop_block_stats *b = &s->blocks[shard * NR_BLOCK_ROWS + row];
		const u64 *c = (const u64 *)(block ? &b->c : &op_stats(s, shard, row)->c);
		const struct iop_hist *h = block ? b->h : op_stats(s, shard, row)->h;

		for (size_t i = 0; i < sizeof(r->c) / sizeof(u64); i++)
			((u64 *)&r->c)[i] += __atomic_load_n(&c[i], __ATOMIC_RELAXED);
		for (u32 i = 0; i < nr; i++)
			hist_absorb(&r->h[i], &h[i], &r->prev[shard * NR_OP_HISTS + i]);
	}
}

int session_read(struct session *s, struct stats *st)
{
	st->nr_shards = s->nr_shards;
	memset(st->counts, 0, sizeof(st->counts));
	for (u32 shard = 0; shard < s->nr_shards; shard++)
		for (u32 i = 0; i < NR_COUNTS; i++)
			st->counts[i] += __atomic_load_n(&s->counts[shard][i], __ATOMIC_RELAXED);
	st->counts[COUNT_LOSS_FIRST + LOSS_UNEVEN] = records_uneven(s->records);
	for (u32 row = 0; row < NR_ROWS; row++) {
		struct stats_row *r;

		if (!row_used(s, row))
			continue;
		r = stats_row(st, row);
		if (!r)
			return -ENOMEM;
		if (stats_row_is_block(row))
			r->id = s->row_ids[row];
		read_row(s, row, r);
	}
	return 0;
}

/* ---- cost ---- */

/* "memlock:" of a map's fdinfo: what the kernel says that it takes. */
static u64 map_memory(int fd)
{
	char path[64], line[128];
	_cleanup_fclose_ FILE *f = NULL;
	unsigned long long bytes;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	f = fopen(path, "re");
	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "memlock: %llu", &bytes) == 1)
			return bytes;
	return 0;
}

static int program_info(const struct bpf_program *prog, struct bpf_prog_info *info)
{
	u32 len = sizeof(*info);

	memset(info, 0, sizeof(*info));
	return bpf_obj_get_info_by_fd(bpf_program__fd(prog), info, &len);
}

void session_cost(const struct session *s, struct session_cost *ret)
{
	struct bpf_map *map;
	u64 stood_in = 0;

	*ret = (struct session_cost){ .nr_programs = s->nr_programs };
	bpf_object__for_each_map(map, s->object.obj)
		ret->maps_bytes += map_memory(bpf_map__fd(map));
	for (int p = 0; p < NR_POINTS; p++) {
		struct bpf_prog_info info;

		if (s->programs[p] && !program_info(s->programs[p], &info))
			ret->recursion_misses += info.recursion_misses;
	}
	/* skipped, and its stand-in ran */
	for (u32 shard = 0; shard < s->nr_shards; shard++)
		stood_in += __atomic_load_n(&s->counts[shard][COUNT_STOOD_IN], __ATOMIC_RELAXED);
	ret->recursion_misses -= stood_in < ret->recursion_misses ? stood_in : ret->recursion_misses;
}

int session_program(const struct session *s, u32 i, struct session_program *ret)
{
	struct bpf_prog_info info;

	for (int p = 0; p < NR_POINTS; p++) {
		if (!s->programs[p] || i--)
			continue;
		if (program_info(s->programs[p], &info))
			return -errno;
		*ret = (struct session_program){ .runs = info.run_cnt, .run_ns = info.run_time_ns };
		snprintf(ret->name, sizeof(ret->name), "%s", bpf_program__name(s->programs[p]));
		return 0;
	}
	return -ENOENT;
}
