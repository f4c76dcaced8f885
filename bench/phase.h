/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One phase of a set, main or confirmation: rounds, and looks at them. phase-round.c
 * has a round, with cells that are measured or come from the past; phase.c the
 * looks, and when to stop; confirm.c what becomes of a FAIL. Internal to set_run().
 */
#ifndef BENCH_PHASE_H
#define BENCH_PHASE_H

#include "bench/calibrate.h"
#include "bench/set.h"

/* The rounds of one phase (main or confirmation) of a set. */
struct phase {
	const char *name;
	bool is_confirm;
	struct rounds rounds;
	bool in[ARM_MAX];	/* arms that take part */
	/* what keeps the rounds going; the rest is only looked at */
	bool open[ARM_MAX][METRIC_NR];
	char fault[256];	/* too many rounds did not count, or "" */
	struct rng rng;
	struct table table;
	unsigned int redone;
};

struct set_state {
	const struct set_config *c;
	const struct set_key *key;
	struct pass_env env;
	struct calibration cal, low;
	enum fio_op op;		/* whose latencies both phases tell: what the first round that counted has more of */
	double missed;		/* what came through of the rate in this round's off cell that missed it; 0: none did */
	unsigned int faults[ARM_MAX];
	char last_fault[256];
	bool settled[ARM_MAX][METRIC_NR];	/* a FAIL that had its confirmation: no look changes it */
	uint64_t cell_ns_sum;
	unsigned int cells;
	unsigned int past_next;	/* of the cells in key->past */
	unsigned int live_cells;	/* measured now */
	unsigned int turn_arms;	/* in the confirmation that waits for a turn; 0: none does */
	set_progress_fn *progress;
	void *progress_arg;
	struct set_outcome out;
};

/* Where the past of a phase stands: it has a cell, the run had gone on to something else, or nothing. */
enum phase_past { PAST_HAS, PAST_LEFT, PAST_NONE };

static inline bool phase_judges(const struct set_state *s, int m)
{
	return m == METRIC_P99 ? s->c->p99_budget > 0 : m != METRIC_THROUGHPUT || !s->out.open_loop;
}

/* Arms that are still in. */
unsigned int phase_arms(const struct set_state *s, const struct phase *p);
/* A line of progress: @arm has the next cell. */
void phase_tell(struct set_state *s, const struct phase *p, const char *arm, unsigned int cells_done);
enum phase_past phase_past(const struct set_state *s, const struct phase *p);
/* To complain about a line of the past. */
struct reader set_past_reader(const struct set_state *s, unsigned int line, struct why *why);
/* One round into the row behind the last of the table; it counts when *ret_valid. */
int phase_round(struct set_state *s, struct phase *p, bool *ret_valid, struct why *why);
/* Has the file a cell of a confirmation next? */
bool phase_past_confirms(const struct set_state *s);
bool phase_out_of_time(const struct set_state *s, const struct phase *p);
/*
 * Rounds until every cell of the phase is decided, the last look, the time limit,
 * or too many rounds that do not count. -EINTR leaves @d as of the last look.
 */
int phase_run(struct set_state *s, struct phase *p, struct decision d[ARM_MAX][METRIC_NR], struct why *why);

/* Does a FAIL of a judged arm wait for its confirmation? */
bool confirm_is_due(const struct set_state *s);
/*
 * Confirm every FAIL in s->out.decision that was not yet; one that is not confirmed there is INCONCLUSIVE.
 * Where there was no time for a round that is so only at the @last chance.
 */
int confirm_run(struct set_state *s, bool last, struct why *why);

#endif
