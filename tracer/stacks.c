/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "stacks.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "disk.h"
#include "tracer/base/cleanup.h"
#include "who.h"

const char *const stack_loss_names[NR_STACK_LOSSES] = {
#define X(sym, name, text) name,
	IOP_STACK_LOSSES(X)
#undef X
};

const char *const stack_loss_texts[NR_STACK_LOSSES] = {
#define X(sym, name, text) text,
	IOP_STACK_LOSSES(X)
#undef X
};

static u32 take_frames(u64 *to, const u64 *from)
{
	u32 n = 0;

	while (from && n < WHO_STACK_FRAMES && from[n]) {
		to[n] = from[n];
		n++;
	}
	return n;
}

int stacks_put(struct stacks *st, const struct stack_key *key, const struct stack_stats *s, const u64 *kernel,
	       const u64 *user)
{
	struct stack_row *r;

	if (st->nr == st->cap) {
		size_t cap = st->cap ? st->cap * 2 : 64;
		struct stack_row *p = realloc(st->rows, cap * sizeof(*p));

		if (!p)
			return -ENOMEM;
		st->rows = p;
		st->cap = cap;
	}
	r = &st->rows[st->nr++];
	*r = (struct stack_row){ .key = *key, .s = *s };
	r->nr_kernel = take_frames(r->kernel, kernel);
	r->nr_user = take_frames(r->user, user);
	return 0;
}

static int by_time(const void *a, const void *b)
{
	const struct stack_row *x = a, *y = b;

	return x->s.sum_ns > y->s.sum_ns ? -1 : x->s.sum_ns < y->s.sum_ns;
}

void stacks_sort(struct stacks *st)
{
	if (st->nr)
		qsort(st->rows, st->nr, sizeof(*st->rows), by_time);
}

void stacks_free(struct stacks *st)
{
	symbols_free(st->symbols);
	free(st->rows);
	*st = (struct stacks){ 0 };
}

u32 stacks_kernel_from(struct stacks *st, const struct stack_row *r)
{
	static const char *const tracing[] = { "bpf_prog_", "bpf_trace_run", "__bpf_trace_", "__traceiter_",
					       "bpf_trampoline_" };
	char name[SYMBOL_LEN];
	u32 i, k;

	for (i = 0; i < r->nr_kernel; i++) {
		symbols_kernel(st->symbols, r->kernel[i], name);
		for (k = 0; k < ARRAY_SIZE(tracing) && strncmp(name, tracing[k], strlen(tracing[k])); k++)
			;
		if (k == ARRAY_SIZE(tracing))
			break;
	}
	return i;
}

u32 stacks_user_until(struct stacks *st, const struct stack_row *r)
{
	u32 n = 0;

	while (n < r->nr_user && symbols_may_be_code(st->symbols, r->key.tgid, r->user[n]))
		n++;
	return n;
}

/* A frame's name may hold what the format uses. */
static void put_frame(FILE *out, const char *name)
{
	for (; *name; name++)
		fputc(*name == ';' ? ':' : *name == ' ' || *name == '\n' ? '_' : *name, out);
}

static void put_frames(struct stacks *st, const struct stack_row *r, FILE *out)
{
	u32 from = stacks_kernel_from(st, r);
	char name[SYMBOL_LEN];

	for (u32 i = stacks_user_until(st, r); i--;) {
		fputc(';', out);
		put_frame(out, symbols_user(st->symbols, r->key.tgid, r->user[i], name));
	}
	if (!r->nr_kernel)
		fprintf(out, ";[lost]");
	for (u32 i = r->nr_kernel; i-- > from;) {
		fputc(';', out);
		put_frame(out, symbols_kernel(st->symbols, r->kernel[i], name));
	}
}

int stacks_folded(struct stacks *st, FILE *out, enum folded_weight weight)
{
	for (size_t i = 0; i < st->nr; i++) {
		const struct stack_row *r = &st->rows[i];
		char disk[DISK_NAME_LEN], comm[IOP_COMM_LEN + 1];

		if (st->with_user) {
			snprintf(comm, sizeof(comm), "%.*s", IOP_COMM_LEN, r->s.comm);
			put_frame(out, comm);
			fputc(';', out);
		}
		fprintf(out, "%s;%s", disk_name(r->key.dev, disk), who_class_names[r->key.class % NR_WHO_CLASSES]);
		put_frames(st, r, out);
		fprintf(out, " %llu\n", (unsigned long long)(weight == FOLDED_TIME ? r->s.sum_ns : r->s.count));
	}
	errno = 0;
	return fflush(out) || ferror(out) ? (errno ? -errno : -EIO) : 0;
}
