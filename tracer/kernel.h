/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the running kernel offers to a tracer. Filled by kernel_probe(); tests
 * fill it by hand, so that the choice of hooks (hook.h) can be checked on
 * kernels that do not exist.
 */
#ifndef IOPATH_TRACER_KERNEL_H
#define IOPATH_TRACER_KERNEL_H

#include <stdbool.h>
#include <stddef.h>
#include "bpf/wire.h"

/* Ways to see a point of the kernel, best first. */
#define IOP_BACKENDS(X)        \
	X(TP_BTF, "tp_btf")    \
	X(RAW_TP, "raw_tp")    \
	X(FENTRY, "fentry")    \
	X(KPROBE, "kprobe")

enum backend {
#define X(sym, name) BACKEND_##sym,
	IOP_BACKENDS(X)
#undef X
	NR_BACKENDS,
};

extern const char *const backend_names[NR_BACKENDS];

struct kernel {
	char release[72];
	bool has_btf;
	/* 0: usable; else the errno with which the kernel refused a trial */
	int refused[NR_BACKENDS];
	/* number of arguments of a tracepoint's BTF prototype; -ENOENT: no such tracepoint */
	int (*tracepoint_args)(const struct kernel *k, const char *name);
	/* the same of a function in BTF, the kernel's or a loaded module's */
	int (*function_args)(const struct kernel *k, const char *name);
	/* a function or a tracepoint that is there, with or without BTF */
	bool (*has_symbol)(const struct kernel *k, const char *name);
	bool (*has_tracepoint)(const struct kernel *k, const char *name);
	void *ctx;

	/* addresses of functions; 0: not known (kallsyms hidden or absent) */
	struct direct_ends direct;
	struct wait_ends wait;
	u64 fn_end[NR_ENDS];	/* by enum bio_end */
	u64 fn_resched_from, fn_resched_to;
	/* REQ_OP_* numbers by BTF; -1: this kernel has none */
	int req_op[NR_BOPS];
	bool no_fetch_atomics;	/* eBPF has no compare-and-swap here (before 5.12) */
	/* preempts itself, programs included, and a second copy can do their work (bpf/standin.bpf.h) */
	bool preempts_programs;
	bool no_partitions;	/* a queued bio does not tell its partition (before 5.12) */
	bool exact_stamps;	/* Q, G, D are stamped, each by a clock read of its own (until 6.9) */
	bool plugs_ahead;	/* a plug allocates requests before there are bios for them, and stamps them then */
	bool folio_batches;	/* a look-up in the page cache hands over a batch of folios (since 5.18) */
	bool done_tells_remote;	/* blk_mq_complete_request() calls ..._remote(), which a hook then sees for both */
	bool cap_bpf, cap_perfmon, cap_admin;
};

/*
 * Look at the running kernel. 0 or -errno; -ENOENT: no BTF. What is refused is
 * no error: it is recorded. kernel_release() frees; both accept zeroed memory.
 * has_symbol() and has_tracepoint() know the @names alone, which must live on.
 */
int kernel_probe(struct kernel *k, const char *const *names, size_t nr_names);
void kernel_release(struct kernel *k);

#endif
