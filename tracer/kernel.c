/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "kernel.h"

#include <errno.h>
#include <linux/capability.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <linux/bpf.h>

#include "preempt.h"
#include "tracer/base/cleanup.h"

/* Modules whose BTF is looked at: drivers and file systems. */
static const char *const modules[] = { "scsi_mod", "nvme_core", "virtio_ring", "ext4", "xfs", "btrfs" };

struct known_name {
	const char *name;
	bool function, tracepoint;
};

/* What kernel.ctx points to. */
struct running {
	struct btf *vmlinux;
	struct btf *module[ARRAY_SIZE(modules)];
	struct known_name *known;
	size_t nr_known;
};

/* ---- prototypes ---- */

/* Arguments of the function pointer that btf_trace_<name> is, less the leading void *. */
static int typedef_args(const struct btf *btf, const char *name)
{
	char type[96];
	const struct btf_type *t;
	int id;

	snprintf(type, sizeof(type), "btf_trace_%s", name);
	id = btf__find_by_name_kind(btf, type, BTF_KIND_TYPEDEF);
	if (id < 0)
		return -ENOENT;
	t = btf__type_by_id(btf, btf__type_by_id(btf, (u32)id)->type);
	if (!t || !btf_is_ptr(t))
		return -ENOENT;
	t = btf__type_by_id(btf, t->type);
	return t && btf_is_func_proto(t) ? (int)btf_vlen(t) - 1 : -ENOENT;
}

static int running_tracepoint_args(const struct kernel *k, const char *name)
{
	const struct running *b = k->ctx;
	int n = typedef_args(b->vmlinux, name);

	for (size_t i = 0; n < 0 && i < ARRAY_SIZE(modules); i++)
		if (b->module[i])
			n = typedef_args(b->module[i], name);
	return n;
}

static int func_args(const struct btf *btf, const char *name)
{
	int id = btf__find_by_name_kind(btf, name, BTF_KIND_FUNC);
	const struct btf_type *t;

	if (id < 0)
		return -ENOENT;
	t = btf__type_by_id(btf, btf__type_by_id(btf, (u32)id)->type);
	return t && btf_is_func_proto(t) ? (int)btf_vlen(t) : -ENOENT;
}

static int running_function_args(const struct kernel *k, const char *name)
{
	const struct running *b = k->ctx;
	int n = func_args(b->vmlinux, name);

	for (size_t i = 0; n < 0 && i < ARRAY_SIZE(modules); i++)
		if (b->module[i])
			n = func_args(b->module[i], name);
	return n;
}

static const struct known_name *known(const struct kernel *k, const char *name)
{
	const struct running *b = k->ctx;

	for (size_t i = 0; i < b->nr_known; i++)
		if (!strcmp(b->known[i].name, name))
			return &b->known[i];
	return NULL;
}

static bool running_has_symbol(const struct kernel *k, const char *name)
{
	const struct known_name *n = known(k, name);

	return n && n->function;
}

static bool running_has_tracepoint(const struct kernel *k, const char *name)
{
	const struct known_name *n = known(k, name);

	return n && n->tracepoint;
}

/* ---- permission, by trial ---- */

static const struct bpf_insn return_0[] = {
	{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = 0 },
	{ .code = BPF_JMP | BPF_EXIT },
};

static int try_load(enum bpf_prog_type type, enum bpf_attach_type attach, int btf_id)
{
	LIBBPF_OPTS(bpf_prog_load_opts, opts, .expected_attach_type = attach,
		    .attach_btf_id = (u32)btf_id);
	int fd = bpf_prog_load(type, "iopath_trial", "GPL", return_0, ARRAY_SIZE(return_0), &opts);

	if (fd < 0)
		return -fd;
	close(fd);
	return 0;
}

static int try_tp_btf(const struct btf *btf)
{
	int id = btf__find_by_name_kind(btf, "btf_trace_sched_switch", BTF_KIND_TYPEDEF);

	return id < 0 ? ENOENT : try_load(BPF_PROG_TYPE_TRACING, BPF_TRACE_RAW_TP, id);
}

static int try_fentry(const struct btf *btf)
{
	int id = btf__find_by_name_kind(btf, "vfs_fsync_range", BTF_KIND_FUNC);

	return id < 0 ? ENOENT : try_load(BPF_PROG_TYPE_TRACING, BPF_TRACE_FENTRY, id);
}

static int try_raw_tp(void)
{
	return try_load(BPF_PROG_TYPE_RAW_TRACEPOINT, 0, 0);
}

/* A fetch-and-add, on a word of the stack. The verifier says EINVAL to an instruction that it does not know. */
static bool lacks_fetch_atomics(void)
{
	static const struct bpf_insn add[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = 0 },
		{ .code = BPF_STX | BPF_MEM | BPF_DW, .dst_reg = BPF_REG_10, .src_reg = BPF_REG_0, .off = -8 },
		{ .code = BPF_STX | BPF_ATOMIC | BPF_DW, .dst_reg = BPF_REG_10, .src_reg = BPF_REG_0,
		  .off = -8, .imm = BPF_ADD | BPF_FETCH },
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = 0 },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	int fd = bpf_prog_load(BPF_PROG_TYPE_RAW_TRACEPOINT, "iopath_trial", "GPL", add, ARRAY_SIZE(add), NULL);

	if (fd < 0)
		return fd == -EINVAL;
	close(fd);
	return false;
}

static bool struct_has(const struct btf *btf, const char *name, const char *member)
{
	int id = btf__find_by_name_kind(btf, name, BTF_KIND_STRUCT);
	const struct btf_type *t = id < 0 ? NULL : btf__type_by_id(btf, (u32)id);

	for (int i = 0; t && i < btf_vlen(t); i++)
		if (!strcmp(btf__name_by_offset(btf, btf_members(t)[i].name_off), member))
			return true;
	return false;
}

static bool preempts_programs(const struct btf *btf, const char *version)
{
	_cleanup_fclose_ FILE *f = fopen("/sys/kernel/debug/sched/preempt", "re");
	char modes[128];
	const struct preemption p = {
		.version = version,
		.modes = f && fgets(modes, sizeof(modes), f) ? modes : NULL,
		.srcu_fast = btf__find_by_name_kind(btf, "class_srcu_fast_notrace_t", BTF_KIND_TYPEDEF) >= 0,
		.link_cookies = struct_has(btf, "bpf_raw_tp_link", "cookie"),
	};

	return preemption_needs_stand_ins(&p);
}

static int try_kprobe(void)
{
	if (access("/sys/bus/event_source/devices/kprobe/type", R_OK))
		return errno;
	return try_load(BPF_PROG_TYPE_KPROBE, 0, 0);
}

/* ---- addresses and numbers ---- */

struct wanted_symbol {
	const char *name;
	u64 *address;
};

/* A function's code: [from, to). */
struct text {
	u64 from, to;
};

/* A tracepoint's functions are __traceiter_NAME and so on. */
static void note_symbol(struct running *b, const char *name)
{
	static const char prefix[] = "__traceiter_";
	bool tracepoint = !strncmp(name, prefix, sizeof(prefix) - 1);

	if (tracepoint)
		name += sizeof(prefix) - 1;
	for (size_t i = 0; i < b->nr_known; i++) {
		if (strcmp(b->known[i].name, name))
			continue;
		if (tracepoint)
			b->known[i].tracepoint = true;
		else
			b->known[i].function = true;
	}
}

/* @address begins the symbol behind @t, unless one is known that is nearer. */
static void note_end(struct text *t, u64 address)
{
	if (t->from && address > t->from && (!t->to || address < t->to))
		t->to = address;
}

/* One pass over kallsyms. The end of a function is where the next symbol begins. */
static void read_symbols(struct kernel *k, struct text *ret_done, u64 *ret_remote)
{
	struct text resched = { 0 };
	struct wanted_symbol want[] = {
		{ "iomap_dio_bio_end_io", &k->direct.iomap },
		{ "blkdev_bio_end_io_async", &k->direct.blkdev_async },
		{ "blkdev_bio_end_io", &k->direct.blkdev },
		{ "io_complete_rw", &k->wait.uring },
		{ "io_complete_rw_iopoll", &k->wait.uring_polled },
		{ "blkdev_bio_end_io_simple", &k->wait.blkdev },
		{ "submit_bio_wait_endio", &k->wait.bio },
		{ "bio_wait_end_io", &k->wait.chain },
#define X(sym, function) { function, &k->fn_end[END_##sym] },
		IOP_BIO_ENDS(X)
#undef X
		{ "__cond_resched", &resched.from },
		{ "_cond_resched", &resched.from },
		{ "blk_mq_complete_request", &ret_done->from },
		{ "blk_mq_complete_request_remote", ret_remote },
	};
	_cleanup_fclose_ FILE *f = fopen("/proc/kallsyms", "re");
	char line[512];

	while (f && fgets(line, sizeof(line), f)) {
		char *rest, *name;
		u64 address = strtoull(line, &rest, 16);

		note_end(&resched, address);
		note_end(ret_done, address);
		if (strlen(rest) < 4)
			continue;
		name = rest + 3; /* " t name" */
		name[strcspn(name, "\t\n")] = '\0';
		for (size_t i = 0; i < ARRAY_SIZE(want); i++)
			if (!strcmp(name, want[i].name))
				*want[i].address = address;
		note_symbol(k->ctx, name);
	}
	k->fn_resched_from = resched.from;
	k->fn_resched_to = resched.to;
}

/* ---- code ---- */

#define TEXT_BYTES 128

/* Copies TEXT_BYTES from the address in its first argument into the map's value. -errno. */
static int load_text_reader(int map)
{
	const struct bpf_insn insns[] = {
		{ .code = BPF_LDX | BPF_MEM | BPF_DW, .dst_reg = BPF_REG_3, .src_reg = BPF_REG_1 },
		{ .code = BPF_LD | BPF_DW | BPF_IMM, .dst_reg = BPF_REG_1, .src_reg = BPF_PSEUDO_MAP_VALUE, .imm = map },
		{ 0 },
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_2, .imm = TEXT_BYTES },
		{ .code = BPF_JMP | BPF_CALL, .imm = BPF_FUNC_probe_read_kernel },
		{ .code = BPF_JMP | BPF_EXIT },
	};

	return bpf_prog_load(BPF_PROG_TYPE_RAW_TRACEPOINT, "iopath_text", "GPL", insns, ARRAY_SIZE(insns), NULL);
}

static int read_text(u64 address, u8 ret[static TEXT_BYTES])
{
	_cleanup_close_ int map = bpf_map_create(BPF_MAP_TYPE_ARRAY, "iopath_text", 4, TEXT_BYTES, 1, NULL);
	_cleanup_close_ int prog = map < 0 ? -1 : load_text_reader(map);
	u64 args[] = { address };
	u32 zero = 0;
	LIBBPF_OPTS(bpf_test_run_opts, run, .ctx_in = args, .ctx_size_in = sizeof(args));

	if (prog < 0 || bpf_prog_test_run_opts(prog, &run) || run.retval)
		return -EPERM;
	return bpf_map_lookup_elem(map, &zero, ret);
}

/* Does the code of @t call the function at @target? x86-64's direct call; elsewhere: not known. */
static bool text_calls(const struct text *t, u64 target)
{
#if defined(__x86_64__)
	/* what a call may skip of its target: the landing pad of indirect calls */
	enum { CALL = 0xe8, CALL_BYTES = 5, LANDING_PAD = 4 };
	u8 code[TEXT_BYTES];

	if (!t->from || !target || read_text(t->from, code))
		return false;
	for (size_t i = 0; i + CALL_BYTES <= sizeof(code) && t->from + i + CALL_BYTES <= t->to; i++) {
		s32 distance;
		u64 to;

		memcpy(&distance, code + i + 1, sizeof(distance));
		to = t->from + i + CALL_BYTES + (u64)(s64)distance;
		if (code[i] == CALL && to >= target && to <= target + LANDING_PAD)
			return true;
	}
#else
	(void)t;
	(void)target;
#endif
	return false;
}

/* REQ_OP_* became enum req_op in 6.0. */
static void read_req_ops(struct kernel *k, const struct btf *btf)
{
	static const struct {
		const char *name;
		int bop;
	} ops[] = {
		{ "REQ_OP_READ", BOP_READ },	     { "REQ_OP_WRITE", BOP_WRITE },
		{ "REQ_OP_FLUSH", BOP_FLUSH },	     { "REQ_OP_DISCARD", BOP_DISCARD },
		{ "REQ_OP_WRITE_ZEROES", BOP_WRITE_ZEROES },
	};
	int id = btf__find_by_name_kind(btf, "req_op", BTF_KIND_ENUM);
	const struct btf_type *t;

	if (id < 0)
		id = btf__find_by_name_kind(btf, "req_opf", BTF_KIND_ENUM);
	for (int i = 0; i < NR_BOPS; i++)
		k->req_op[i] = -1;
	t = id < 0 ? NULL : btf__type_by_id(btf, (u32)id);
	for (int i = 0; t && i < btf_vlen(t); i++) {
		const struct btf_enum *e = &btf_enum(t)[i];
		const char *name = btf__name_by_offset(btf, e->name_off);

		for (size_t j = 0; j < ARRAY_SIZE(ops); j++)
			if (name && !strcmp(name, ops[j].name))
				k->req_op[ops[j].bop] = e->val;
	}
}

static void read_capabilities(struct kernel *k)
{
	struct __user_cap_header_struct h = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct d[2] = { 0 };

	if (syscall(SYS_capget, &h, d))
		return;
	k->cap_admin = d[0].effective & 1u << CAP_SYS_ADMIN;
	k->cap_bpf = k->cap_admin || d[1].effective & 1u << (CAP_BPF - 32);
	k->cap_perfmon = k->cap_admin || d[1].effective & 1u << (CAP_PERFMON - 32);
}

int kernel_probe(struct kernel *k, const char *const *names, size_t nr_names)
{
	struct text done = { 0 };
	u64 remote = 0;
	struct running *b;
	struct utsname u = { 0 };

	*k = (struct kernel){ 0 };
	if (!uname(&u))
		snprintf(k->release, sizeof(k->release), "%s", u.release);
	read_capabilities(k);
	b = calloc(1, sizeof(*b));
	if (!b)
		return -ENOMEM;
	k->ctx = b;
	b->known = calloc(nr_names, sizeof(*b->known));
	if (nr_names && !b->known) {
		kernel_release(k);
		return -ENOMEM;
	}
	for (; b->nr_known < nr_names; b->nr_known++)
		b->known[b->nr_known].name = names[b->nr_known];
	b->vmlinux = btf__load_vmlinux_btf();
	if (!b->vmlinux) {
		int err = errno ? -errno : -ENOENT;

		kernel_release(k);
		return err;
	}
	k->has_btf = true;
	for (size_t i = 0; i < ARRAY_SIZE(modules); i++)
		b->module[i] = btf__load_module_btf(modules[i], b->vmlinux);
	k->tracepoint_args = running_tracepoint_args;
	k->function_args = running_function_args;
	k->has_symbol = running_has_symbol;
	k->has_tracepoint = running_has_tracepoint;
	k->refused[BACKEND_TP_BTF] = try_tp_btf(b->vmlinux);
	k->refused[BACKEND_RAW_TP] = try_raw_tp();
	k->refused[BACKEND_FENTRY] = try_fentry(b->vmlinux);
	k->refused[BACKEND_KPROBE] = try_kprobe();
	k->no_fetch_atomics = lacks_fetch_atomics();
	k->preempts_programs = preempts_programs(b->vmlinux, u.version);
	k->no_partitions = !struct_has(b->vmlinux, "bio", "bi_bdev");
	k->exact_stamps = struct_has(b->vmlinux, "bio", "bi_issue") &&
			  struct_has(b->vmlinux, "request", "io_start_time_ns") &&
			  !struct_has(b->vmlinux, "blk_plug", "cur_ktime");
	k->plugs_ahead = struct_has(b->vmlinux, "blk_plug", "cached_rq");
	k->folio_batches = struct_has(b->vmlinux, "folio_batch", "nr");
	read_req_ops(k, b->vmlinux);
	read_symbols(k, &done, &remote);
	k->done_tells_remote = text_calls(&done, remote);
	return 0;
}

void kernel_release(struct kernel *k)
{
	struct running *b = k->ctx;

	if (!b)
		return;
	for (size_t i = 0; i < ARRAY_SIZE(modules); i++)
		btf__free(b->module[i]);
	btf__free(b->vmlinux);
	free(b->known);
	free(b);
	k->ctx = NULL;
}
