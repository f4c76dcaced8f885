/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A whole run: devices x schedulers x workloads, from the lock to the verdict. */
#ifndef BENCH_RUN_H
#define BENCH_RUN_H

#include <stdbool.h>
#include <stdint.h>

#include "bench/past.h"
#include "bench/verdict.h"
#include "bench/why.h"
#include "tracer/base/opt.h"

#define SHARDS_MAX 1000

struct run_config {
	struct opt_list arms, commands, iopaths, ready, proof, stop, delay, workloads, workload_commands, devices, schedulers, overwrite;
	struct rounds rounds;
	bool rounds_set;
	double budget, gate_p99, max_steal_pct;
	const char *out, *history, *iopath, *fio, *sysbench, *uring, *workload_dir, *state_dir;
	enum bench_exit inconclusive;	/* of a whole run that is undecided */
	bool tune;
	bool force;		/* measure although something biases every arm */
	bool no_attribution;
	bool quick, long_cells;
	struct shard {
		unsigned int index, of;	/* 1..of; of 0: all sets */
	} shard;
	uint64_t seed;		/* 0: made up */
	const struct past *past;	/* of the run to be resumed, whose directory @out is; or NULL */
	uint64_t time_limit_ns, window_ns, span_bytes;
	int argc;
	char **argv;
};

extern const struct run_config run_config_default;
void run_config_free(struct run_config *c);

/*
 * Checks everything that can be checked, then measures. The exit code; a code
 * that is not a verdict's comes with *why. Prints progress to stderr and the
 * report to stdout.
 */
int run_bench(const struct run_config *c, struct why *why);

/* A verdict.json that says so, where --out names a directory. Returns @code. */
int run_did_not_begin(const struct run_config *c, int code, const struct why *why);

#endif
