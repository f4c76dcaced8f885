/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One set: a workload on a device under a scheduler, all arms. Rounds of all
 * arms in random order, looks at the data in between, then the confirmation of
 * what failed. A round counts when every cell in it does; else it is redone.
 */
#ifndef BENCH_SET_H
#define BENCH_SET_H

#include <stdbool.h>
#include <stdint.h>

#include "bench/arm.h"
#include "bench/attribution.h"
#include "bench/pass.h"
#include "bench/past.h"
#include "bench/pin.h"
#include "bench/result.h"
#include "bench/table.h"
#include "bench/verdict.h"

/*
 * Cells that were measured before, by a run that ended too early or one whose
 * file is read for a report, take their turn as if they were measured now: the
 * rounds, looks and decisions are made again from them. So a report cannot
 * differ from its run, and a resumed run goes on where the first one was.
 */

/* What all sets of a run share; the run fills it once. */
struct set_config {
	const struct arm_list *arms;
	const char *iopath, *fio, *sysbench, *uring, *work_dir;
	struct rounds rounds;
	double budget, p99_budget;	/* p99_budget 0: it is not judged */
	uint64_t seed;
	struct timing timing;
	bool attribute;		/* an attribution pass per tracer behind the rounds */
	bool confirm;		/* FAIL counts only when fresh rounds say so again */
	bool single_look;	/* the number of rounds is set by the clock, not by the data */
	unsigned int low_rounds;	/* of the main phase that have a pass at the low rate */
	bool staged;		/* other sets wait for their turn: let go at a look that does not decide */
	bool late_turn;		/* of a staged set: not its first one, so it goes on from its last look */
	bool closing;		/* no turn will come: what is undecided has its last look, none of it live */
	bool live;		/* false: what is not in the past is not measured */
	uint64_t deadline_ns;	/* no round begins after it; 0: none */
	int kmsg_fd;
	double max_steal_pct;
	struct undo *undo;
	const struct meter *meter;
	const struct pins *pins;	/* NULL: only what the workload says of itself */
	struct result *result;
};

struct set_key {
	unsigned int index;	/* in the run */
	const struct workload *workload;
	const struct device *device;
	const char *scheduler;
	const struct past_set *past;	/* NULL: none */
};

/* Figures of one arm that are reported and not judged. */
struct arm_figures {
	uint64_t took_ns;	/* of its cells that count */
	double cpu_ns_per_io;		/* median difference from off */
	double p99_ns;			/* median of the saturation pass; of table.op */
	bool has_p99_more;
	struct interval p99_more;	/* than off, percent; reported, not judged */
	struct latency_bins read, write;	/* of the saturation passes of its cells; empty where they have none */
	uint64_t lost;
	double tracer_cpu_pct;		/* of one core, fixed-rate pass */
	unsigned int nr_traced;		/* cells with a tracer's process */
	uint64_t tracer_rss_bytes, output_bytes;	/* highest of them; sum of them, stdout and stderr */
	bool is_traced;
	uint64_t traced_ios;
	unsigned int nr_stages;
	struct stage_time stage[STAGES_MAX];
};

struct set_outcome {
	double steal_ns, cpu_ns;	/* of the windows that count: what the hypervisor took, of how much */
	struct decision decision[ARM_MAX][METRIC_NR];
	bool confirmed[ARM_MAX][METRIC_NR];	/* a FAIL that fresh rounds repeated */
	char reason[ARM_MAX][256];		/* why an arm has no figures, or "" */
	char missed[ARM_MAX][80];		/* that it did not keep the fixed rate, or "" */
	struct arm_figures figures[ARM_MAX];
	unsigned int rounds, confirm_rounds, redone;
	double capacity_iops;	/* by the calibration, which the rates are planned from */
	double off_iops;	/* median of the off cells at saturation; 0: no round counted */
	double rate_iops, low_iops;	/* low_iops 0: no pass at it */
	char no_rate[256];	/* why no fixed rate was kept, or "" */
	char fault[256];	/* why the set could not be decided, or "" */
	bool open_loop;		/* the workload has a rate of its own: its throughput tells nothing */
	bool complete;		/* false: stopped before its last look */
	bool yielded;		/* it waits for another turn; nothing is wrong with it */
	unsigned int confirm_left;	/* rounds to the next look of the confirmation that it waits for; 0: for something else */
	bool attribution_left;	/* and for nothing else */
	uint64_t round_ns;	/* what one took in the mean; 0: not known */
	json_t *disk;		/* device_fingerprint() when the set began, or NULL */
	struct table table;	/* the main rounds; set_outcome_free() */
	struct attribution *attribution[ARM_MAX];	/* NULL: none */
};

void set_outcome_free(struct set_outcome *o);

/* Called before each cell; everything a progress line needs. */
struct set_progress {
	const struct set_key *key;
	const char *arm, *phase;
	unsigned int round, until;	/* rounds to the next look */
	unsigned int cells_left;	/* to that look */
	uint64_t cell_ns;	/* mean so far; 0: unknown */
};
typedef void set_progress_fn(const struct set_progress *p, void *arg);

/*
 * *ret is filled also on -EINTR (partial, complete == false), which is also what
 * a past without its end comes to when nothing is measured. Other errors are
 * faults of the harness or its environment, in *why. @target may be NULL where
 * nothing is measured.
 */
int set_run(const struct set_config *c, const struct set_key *key, const struct target *target,
	    set_progress_fn *progress, void *progress_arg, struct set_outcome *ret,
	    struct why *why);

#endif
