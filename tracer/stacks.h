/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Who starts block I/O: stacks with the latency of the bios that were queued on
 * them. Frames are innermost first, as the kernel gives them.
 */
#ifndef IOPATH_TRACER_STACKS_H
#define IOPATH_TRACER_STACKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "bpf/who.h"
#include "symbols.h"

struct stack_row {
	struct stack_key key;
	struct stack_stats s;
	/* 0 where there is none, or it was lost */
	u64 kernel[WHO_STACK_FRAMES], user[WHO_STACK_FRAMES];
	u32 nr_kernel, nr_user;
};

struct stacks {
	struct stack_row *rows;	/* most time first */
	size_t nr, cap;
	u64 lost[NR_STACK_LOSSES];
	u32 max_stacks;
	bool with_user;
	struct symbols *symbols;
};

/* -ENOMEM */
int stacks_put(struct stacks *st, const struct stack_key *key, const struct stack_stats *s, const u64 *kernel,
	       const u64 *user);
void stacks_sort(struct stacks *st);
void stacks_free(struct stacks *st);

extern const char *const stack_loss_names[NR_STACK_LOSSES];
extern const char *const stack_loss_texts[NR_STACK_LOSSES];

/* Frames of the kernel's own tracing come first: where the others begin. */
u32 stacks_kernel_from(struct stacks *st, const struct stack_row *r);
/* Without frame pointers the kernel follows what is none: how many are code. */
u32 stacks_user_until(struct stacks *st, const struct stack_row *r);

enum folded_weight {
	FOLDED_TIME,	/* summed latency in ns */
	FOLDED_COUNT,
};

/*
 * A line per stack for flame graphs: device;operation;outermost;...;innermost
 * weight. With user stacks, the process's name comes first. -errno of the stream.
 */
int stacks_folded(struct stacks *st, FILE *out, enum folded_weight weight);

#endif
