/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Stand-ins. A kernel that preempts itself may switch away from a task inside a
 * program; until that task runs again the kernel skips the program for whoever
 * comes next on that CPU. So each program that can be preempted is loaded twice
 * there, and the second copy, attached behind the first, does the work when the
 * first was skipped.
 *
 * It asks the kernel's own guard, which the first one's attach cookie leads to:
 * struct bpf_prog.active, per CPU, is not 0 while a task holds the program. A
 * flag kept by the programs would leave out their first and last instructions,
 * where they are held too.
 */
#ifndef IOPATH_STANDIN_H
#define IOPATH_STANDIN_H

#ifdef IOP_OLD
#define STAND_ASIDE() false
#else

/* What to add to a per-CPU address, by CPU: one entry each where there are stand-ins. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, u64);
} cpu_offsets SEC(".maps");

/* @active: of the first copy, as program_guards told it. */
static __always_inline bool program_held(u64 active)
{
	u32 cpu = bpf_get_smp_processor_id();
	u64 *offset = bpf_map_lookup_elem(&cpu_offsets, &cpu);
	u32 held = 0;	/* a counter, or one byte per kind of context */

	if (offset)
		bpf_probe_read_kernel(&held, sizeof(held), (void *)(active + *offset));
	return held;
}

static __always_inline bool stand_aside(void *ctx)
{
	if (!program_held(bpf_get_attach_cookie(ctx)))
		return true;
	count(COUNT_STOOD_IN);
	return false;
}

/* First of all in a program: this is a stand-in, and the first copy has run. */
#define STAND_ASIDE() (cfg.stand_in && stand_aside(ctx))

#define MAX_CPUS 8192

/* Data symbols are not known to every kernel: for this program alone. */
extern const unsigned long this_cpu_off __ksym __weak;

/* 1: there are no more. */
static int find_cpu_offset(u32 cpu, void *unused)
{
	const unsigned long *offset = bpf_per_cpu_ptr(&this_cpu_off, cpu);
	u64 *to = bpf_map_lookup_elem(&cpu_offsets, &cpu);

	if (!offset || !to)
		return 1;
	*to = *offset;
	return 0;
}

/* Tells of each program on this machine where its guard is. */
SEC("?iter/bpf_prog") int program_guards(struct bpf_iter__bpf_prog *ctx)
{
	struct bpf_prog *prog = ctx->prog;
	struct iop_guard guard = {};

	if (!prog)
		return 0;
	if (!ctx->meta->seq_num)
		bpf_loop(MAX_CPUS, find_cpu_offset, NULL, 0);
	guard.id = prog->aux->id;
	guard.active = address(prog->active);
	bpf_seq_write(ctx->meta->seq, &guard, sizeof(guard));
	return 0;
}

#endif
#endif
