/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the parts of a run share: run.c has its beginning and end, run-sets.c what is measured in between. */
#ifndef BENCH_RUN_STATE_H
#define BENCH_RUN_STATE_H

#include <sys/utsname.h>

#include "bench/inputs.h"
#include "bench/meter.h"
#include "bench/progress.h"
#include "bench/report.h"
#include "bench/result.h"
#include "bench/run.h"
#include "bench/set.h"
#include "bench/undo.h"

struct run {
	const struct run_config *c;
	struct inputs in;
	struct undo undo;
	struct meter meter;
	struct result result;
	struct set_config set;
	struct progress progress;
	struct report_set *sets;
	char **reasons;		/* of the sets that failed */
	struct report report;
	json_t *header;
	struct utsname uts;
	char *work_dir;
	json_t *tuned;		/* what --tune has changed of the machine */
	struct pins pins;	/* of the set at hand, with --tune */
	json_t *interrupts;	/* of the disk at hand, with --tune */
	uint64_t deadline_ns;
	bool staged;		/* the rest of the time goes to what is undecided */
	const struct past *past;	/* what was measured so far, or NULL */
	int only;		/* the one set that is visited now; -1: all in turn */
	bool *stuck;		/* of the sets: they cannot be gone on with */
};

/* All sets of the run, the failed and skipped ones too; -EINTR as pass_run(), -ETIME with *why: some had no turn. */
int run_sets(struct run *r, struct why *why);
/* Of those that this shard has. */
unsigned int run_nr_sets(const struct run *r);
/* A line of talk about a thing that could not be put back. */
void run_say_cleanup(const char *line);
/* And what --tune has changed. */
void run_say_tuned(const char *line);

#endif
