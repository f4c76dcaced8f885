/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sysbench fileio, in a directory on an ext4. Its I/Os are its reads and writes, its
 * rate is that of its whole run: it has no log of 100 ms, and 1.0 no warm-up.
 */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/file.h"
#include "bench/load.h"
#include "bench/stop.h"
#include "bench/sysbench.h"
#include "bench/words.h"
#include "tracer/base/cleanup.h"

/* sysbench fileio --NAME=VALUE... of the file. */
static void make_words(const struct pass_env *e, struct words *w)
{
	words_pin(w, e->cpus);
	words_add(w, "%s", e->sysbench);
	words_add(w, "fileio");
	words_add_settings(w, e->workload->text);
}

static int run_step(struct pass_env *e, const char *step, struct why *why)
{
	struct words w = { .nr = 0 };
	int err;

	make_words(e, &w);
	words_add(&w, "%s", step);
	err = w.err ? w.err : load_run_whole(e, w.v, e->target->filename, why);
	words_free(&w);
	return err;
}

/* Files of an earlier size or number would be in the way. */
static int prepare(struct pass_env *e, struct why *why)
{
	int err;

	if (!e->sysbench)
		return why_fail(why, EXIT_SKIPPED, -EOPNOTSUPP, "sysbench is not installed");
	err = run_step(e, "cleanup", why);

	return err ? err : run_step(e, "prepare", why);
}

static int start(struct pass_env *e, const struct job_params *p, double rate, struct load_run *run,
		 struct why *why)
{
	struct words w = { .nr = 0 };
	int err;

	/* whole seconds are all that it understands */
	run->runtime_s = (p->runtime_ms + 999) / 1000;
	make_words(e, &w);
	words_add(&w, "--time=%llu", (unsigned long long)run->runtime_s);
	words_add(&w, "--events=0");
	words_add(&w, "--rand-seed=1");
	/* it would be behind the window and the time given, but in that of its rates */
	words_add(&w, "--file-fsync-end=off");
	if (rate > 0)
		words_add(&w, "--rate=%.0f", rate * sysbench_events_per_io(e->workload->text));
	words_add(&w, "run");
	err = w.err ? w.err : load_spawn(e, w.v, p->filename, run, why);
	words_free(&w);
	return err;
}

static void read_text(struct pass_env *e, struct load_run *run, struct pass_result *r)
{
	_cleanup_free_ char *text = NULL;
	struct sysbench_result s;
	struct why why = { 0 };

	(void)e;
	if (r->fio_status)
		load_keep_talk(run, r);
	if (file_read(run->talk, &text)) {
		pass_output_fault(r, "sysbench ended with status %d and no output", r->fio_status);
	} else if (r->target_iops > 0 && sysbench_gave_up(text)) {
		r->flags |= PASS_TOO_FAST;
		pass_fault(r, "sysbench gave up on %.0f I/Os/s: its queue ran full", r->target_iops);
	} else if (sysbench_parse(text, &s, &why)) {
		pass_output_fault(r, "%.200s (status %d)", why.text, r->fio_status);
	} else if (r->fio_status) {
		pass_fault(r, "sysbench failed (status %d): %.140s", r->fio_status, r->fio_stderr);
	}
	if (r->fault[0])
		return;
	memcpy(r->fio.version, s.version, sizeof(r->fio.version));
	run->ios_s = s.reads_s + s.writes_s;
	r->fio.ios = (uint64_t)(run->ios_s * (double)run->runtime_s + .5);
}

static int count(struct pass_env *e, const struct load_run *run, struct pass_result *r)
{
	(void)e;
	if (!r->fault[0])
		r->ios = run->ios_s * r->window_s;
	return 0;
}

const struct load load_sysbench = { .name = "sysbench", .prepare = prepare, .start = start, .read = read_text, .count = count,
				    .has_rate = true };
