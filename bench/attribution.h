/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The attribution pass: which BPF program of an arm takes the time. The kernel
 * counts calls and nanoseconds per program while somebody holds its statistics
 * on, at some 50 ns a call; so it is a pass of its own, behind the rounds, and
 * nothing in it is judged. What it counts is the programs' bodies: getting to
 * them is not in it.
 */
#ifndef BENCH_ATTRIBUTION_H
#define BENCH_ATTRIBUTION_H

#include <jansson.h>
#include <stdint.h>

#include "bench/cell.h"
#include "bench/reader.h"

#define ATTRIBUTION_MAX 96

struct bpf_program {
	uint32_t id;
	char name[16];
	uint64_t runs, run_ns, missed;
};

struct bpf_programs {
	unsigned int nr;
	struct bpf_program *v;
};

struct attribution {
	char fault[256];	/* why there is none, or "" */
	uint64_t ios;		/* of the whole pass */
	unsigned int nr;
	struct bpf_program program[ATTRIBUTION_MAX];	/* dearest first */
};

/* All that are loaded; -errno. */
int bpf_programs_take(struct bpf_programs *ret);
void bpf_programs_free(struct bpf_programs *p);
/* What ran between @from and @to of programs that were not there in @others; of one name together. */
void attribution_between(const struct bpf_programs *others, const struct bpf_programs *from,
			 const struct bpf_programs *to, struct attribution *ret);

/* One pass at the fixed rate under @arm with the statistics on. As cell_run(). */
int attribution_run(struct pass_env *e, const struct arm *arm, const char *iopath, const struct cell_rates *rates,
		    struct attribution *ret, struct why *why);

/* A line of results.jsonl without its head, and back. */
void attribution_put(const struct attribution *a, json_t *line);
int attribution_get(struct reader *r, const json_t *line, struct attribution *ret);

#endif
