/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the programs are told before they are loaded: how large their maps are, and their configuration. */
#include "session-config.h"

#include <errno.h>
#include <linux/aio_abi.h>
#include <linux/io_uring.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "disk.h"
#include "stats.h"
#include "tracer/base/cleanup.h"

/* ---- sizes ---- */

/* Files of which is kept who last made them dirty. */
#define MAX_DIRTIERS 16384

static u32 round_pow2(u64 v, u32 lo, u32 hi)
{
	u32 n = lo;

	while (n < v && n < hi)
		n *= 2;
	return n;
}

/* Statistics by who: one entry more of each dimension, for what finds no room. */
static void sizes_by(struct session_sizes *z, const struct session_opts *o)
{
	if (!o->by && !o->stacks)
		return;
	z->who_stacks = o->stacks ? room_or(&o->rooms, ROOM_STACKS, MAX_STACKS) : 1;
	z->who = o->by ? (u32)__builtin_popcount(o->by) * (o->by_max + 1) : 1;
	z->who_ops = o->tier >= TIER_VFS ? z->ops : 1;
	z->who_streams = 4096;
	z->who_bios = z->bios;
	z->who_dirtiers = o->by ? room_or(&o->rooms, ROOM_DIRTY_FILES, MAX_DIRTIERS) : 1;
}

static bool has_records(const struct session_opts *o)
{
	return o->threshold_ns || o->sample || o->top;
}

/* Each I/O's owner is told. */
static bool tells_owners(const struct session_opts *o)
{
	return has_records(o) || o->in_flight;
}

static bool filters_tasks(const struct session_opts *o)
{
	return o->tgid || o->tid || o->comm || o->extras.tree || o->nr_cgroups;
}

/* Who made the pages dirty is told with a bio, or asked by a filter. */
static bool keeps_dirtiers(const struct session_opts *o)
{
	return tells_owners(o) || filters_tasks(o);
}

bool session_asks_dirtiers(const struct session_opts *o)
{
	return keeps_dirtiers(o) || o->by;
}

#define LEAST_RING 4096

/* Masks and rings are powers of two, rings of whole pages. */
static u32 room_of(const struct session_opts *o, enum room which, u32 n)
{
	u32 least = which == ROOM_RING ? (u32)sysconf(_SC_PAGESIZE) : SLOT_WAYS;

	return round_pow2(room_or(&o->rooms, which, n), least, 1u << 30);
}

struct session_sizes session_sizes_for(const struct session_opts *o, u32 cpus, u64 queue_depth)
{
	bool vfs = o->tier >= TIER_VFS;
	struct session_sizes z = {
		.cpus = cpus,
		.shards = round_pow2(cpus, 1, MAX_SHARDS),
		.bios = room_of(o, ROOM_BIOS, round_pow2(256ull * cpus, 8192, 65536)),
		.rqs = room_of(o, ROOM_REQUESTS, round_pow2(queue_depth * 2, 4096, 65536)),
		.ops = vfs ? room_of(o, ROOM_OPERATIONS, round_pow2(128ull * cpus, 8192, 32768)) : SLOT_WAYS,
		.tree = o->extras.tree ? room_or(&o->rooms, ROOM_PROCESSES, 4096) : 1,
		/* a third of a second of 50 000 records a second: the reader does not always get a processor at once */
		.ring_bytes = room_of(o, ROOM_RING, has_records(o) ? 16 << 20 : LEAST_RING),
		.stacks = 1,
		.dirtiers = keeps_dirtiers(o) ? room_or(&o->rooms, ROOM_DIRTY_FILES, MAX_DIRTIERS) : 1,
		.verdicts = o->nr_dirs ? NR_VERDICTS : 1,
		.who = 1,
		.who_ops = 1,
		.who_streams = 1,
		.who_bios = SLOT_WAYS,
		.asked = o->rooms,
		.who_stacks = 1,
		.who_dirtiers = 1,
	};

	z.op_rows = vfs ? z.shards * NR_OP_ROWS : 1;
	z.parts = has_records(o) && vfs ? z.ops : 1;
	z.stacks = o->kernel_stack ? z.ops : 1;
	sizes_by(&z, o);
	return z;
}

/* Until 6.0 a value of an array was as long as the kernel can allocate in one piece. */
#define VALUE_ALWAYS (4u << 20)

static size_t longest_value(void)
{
	_cleanup_close_ int fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, "iop_value", sizeof(u32), VALUE_ALWAYS + 8, 1, NULL);

	return fd < 0 ? VALUE_ALWAYS : SIZE_MAX;
}

/* A table of slots is the only value of its map (bpf/slots.bpf.h). */
static int size_slots(struct object *o, const struct session_sizes *z)
{
	const struct {
		const char *map;
		size_t slot_bytes;
		u32 slots, asked, *mask;
	} want[] = {
		{ "bios_slots", sizeof(struct bio_slot), z->bios, z->asked.n[ROOM_BIOS], o->bios_mask },
		{ "rqs_slots", sizeof(struct rq_slot), z->rqs, z->asked.n[ROOM_REQUESTS], o->rqs_mask },
		{ "ops_slots", sizeof(struct op), z->ops, z->asked.n[ROOM_OPERATIONS], o->ops_mask },
		{ "who_bios_slots", sizeof(struct who_bio), z->who_bios, z->asked.n[ROOM_BIOS], o->who_bios_mask },
	};

	for (size_t i = 0; i < ARRAY_SIZE(want); i++) {
		size_t bytes = want[i].slots * want[i].slot_bytes, most = bytes <= VALUE_ALWAYS ? bytes : longest_value();
		u32 slots = want[i].slots;
		int err;

		if (bytes > most && want[i].asked)
			return -E2BIG;
		while (slots * want[i].slot_bytes > most)
			slots /= 2;
		err = bpf_map__set_value_size(object_map(o, want[i].map), slots * (u32)want[i].slot_bytes);
		if (err)
			return err;
		*want[i].mask = slots - 1;
	}
	return 0;
}

int session_size_maps(struct object *o, const struct session_sizes *z)
{
	const struct {
		const char *map;
		u32 entries;
	} want[] = {
		{ "counts", z->shards },
		{ "block_stats", z->shards * NR_BLOCK_ROWS },
		{ "op_stats", z->op_rows },
		{ "dones", 2 * z->cpus },
		{ "tree", z->tree },
		{ "ring", z->ring_bytes },
		{ "op_parts", z->parts },
		{ "op_stacks", z->stacks },
		{ "dirtiers", z->dirtiers },
		{ "verdicts", z->verdicts },
		{ "who", z->who },
		{ "stacks", z->who_stacks },
		{ "stack_stats", z->who_stacks },
		{ "who_ops", z->who_ops },
		{ "who_streams", z->who_streams },
		{ "who_dirtiers", z->who_dirtiers },
	};

	for (size_t i = 0; i < ARRAY_SIZE(want); i++) {
		int err = bpf_map__set_max_entries(object_map(o, want[i].map), want[i].entries);

		if (err)
			return err;
	}
	return size_slots(o, z);
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

u64 session_maps_bytes(enum iop_tier tier, u32 cpus, u64 queue_depth, const struct rooms *rooms)
{
	/* what is set is in use */
	const struct session_opts opts = {
		.tier = tier,
		.rooms = *rooms,
		.sample = rooms->n[ROOM_RING] != 0,
		.extras = { .tree = rooms->n[ROOM_PROCESSES] != 0 },
		.in_flight = rooms->n[ROOM_DIRTY_FILES] != 0,
		.stacks = rooms->n[ROOM_STACKS] != 0,
	};
	struct session_sizes z = session_sizes_for(&opts, cpus, queue_depth);
	struct object o = { 0 };
	u64 sum = 0;

	if (!object_open(&o, false) && !session_size_maps(&o, &z))
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

/* Since 6.15; the headers here are older. */
enum { URING_READV_FIXED = 60, URING_WRITEV_FIXED };

static const struct {
	u8 opcode, kind;
} uring_ops[] = {
	{ IORING_OP_READV, KIND_READ },
	{ IORING_OP_READ_FIXED, KIND_READ },
	{ IORING_OP_READ, KIND_READ },
	{ IORING_OP_WRITEV, KIND_WRITE },
	{ IORING_OP_WRITE_FIXED, KIND_WRITE },
	{ IORING_OP_WRITE, KIND_WRITE },
	{ URING_READV_FIXED, KIND_READ },
	{ URING_WRITEV_FIXED, KIND_WRITE },
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
	for (size_t i = 0; i < NR_SYSCALLS; i++) {
		const struct iop_syscall *sc = &c->syscalls[i];

		c->plain_kind[i] = sc->kind == KIND_NONE || (sc->only == ONLY_ANY && sc->fd_arg) ? sc->kind : KIND_ASK;
	}
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

static bool filters_bios(const struct session_opts *o)
{
	return filters_tasks(o) || o->nr_files || o->nr_dirs || o->own_file;
}

/* Without types, virtio_blk's buffers look like any other device's. */
static bool virtio_untyped(const struct hook_plan *plan)
{
	int row = plan->chosen[POINT_VIRTIO_ADD];

	return row >= 0 && hook_rows[row].backend == BACKEND_KPROBE;
}

void session_plan_stamps(const struct session_opts *o, const struct kernel *k, const struct hook_plan *plan,
			struct stamp_plan *ret)
{
	const struct stamp_needs needs = { .tier = o->tier,
					   .owner = filters_bios(o) || has_records(o) || o->by || o->stacks,
					   .in_flight = o->in_flight,
					   .watched = o->watched,
					   .issue_seen = virtio_untyped(plan) };
	struct stamp_disks disks;

	stamp_look(o->devs, o->nr_devs, &disks);
	stamp_choose(k, &disks, &needs, ret);
}

/* After the rest: is it nothing but statistics, of everything or of some devices? */
static void configure_plain(struct iop_config *c)
{
	bool filters = c->tgid || c->tid || c->comm_on || c->tree_on || c->nr_cgroups || c->nr_files || c->nr_dirs ||
		       c->bop_mask || c->kind_mask || c->min_lat_ns;

	c->plain = !filters && !c->tell && !c->who && !c->kernel_stack;
	c->plain_stamps = !c->plain				       ? STAMPS_MIXED :
			  c->kernel_q && c->kernel_g && c->kernel_d    ? STAMPS_KERNEL :
			  !c->kernel_q && !c->kernel_g && !c->kernel_d ? STAMPS_OWN :
									 STAMPS_MIXED;
	c->plain_vfs = c->plain && c->tier >= TIER_VFS && c->fs_hooked;
	/* these would have to ask for the device */
	c->plain_begin = c->plain_vfs && !c->nr_devs;
}

void session_configure(struct iop_config *c, const struct session_opts *o, const struct kernel *k,
		      const struct session_sizes *z, const struct hook_plan *plan, const struct stamp_plan *stamps)
{
	for (u32 v = 0; v < HIST_DIRECT; v++)
		c->bucket_of[v] = (u8)iop_hist_bucket(v);
	c->kernel_q = stamps->kernel_q;
	c->kernel_g = stamps->kernel_g;
	c->kernel_d = stamps->kernel_d;
	c->late_g = stamps->late_g && plan->chosen[POINT_GETRQ] >= 0;
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
	memcpy(c->devs, o->devs, sizeof(c->devs));
	memcpy(c->devs + o->nr_devs, o->file_devs, o->nr_file_devs * sizeof(c->devs[0]));
	c->nr_devs = o->nr_devs + o->nr_file_devs;
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
	c->dirtiers = keeps_dirtiers(o);
	c->ring_wake_bytes = z->ring_bytes / 2;
	c->who = (u8)(o->by | (o->stacks ? WHO_STACKS : 0) | (o->user_stacks ? WHO_USER_STACKS : 0));
	c->who_streams_mask = z->who_streams - 1;
	c->direct = k->direct;
	memcpy(c->fn_end, k->fn_end, sizeof(c->fn_end));
	c->fn_resched_from = k->fn_resched_from;
	c->fn_resched_to = k->fn_resched_to;
	configure_tables(c, k);
	configure_plain(c);
}
