/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sysbench fileio, in a directory on an ext4. Its rate is events over time, of
 * its whole run: it has no log of 100 ms, and 1.0 no warm-up.
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
#include "tracer/base/cleanup.h"

#define WORDS_MAX 64

struct words {
	char *v[WORDS_MAX + 1];
	unsigned int nr;
};

static int add(struct words *w, char *word)
{
	if (!word)
		return -ENOMEM;
	if (w->nr == WORDS_MAX) {
		free(word);
		return -E2BIG;
	}
	w->v[w->nr++] = word;
	return 0;
}

static void free_words(struct words *w)
{
	for (unsigned int i = 0; i < w->nr; i++)
		free(w->v[i]);
}

/* sysbench fileio --NAME=VALUE... of the file. */
static int make_words(const struct pass_env *e, struct words *w)
{
	_cleanup_free_ char *copy = strdup(e->workload->text);
	char *save = NULL, *option;
	int err = copy ? 0 : -ENOMEM;

	if (!err && e->cpus) {
		err = add(w, strdup("taskset"));
		if (!err)
			err = add(w, strdup("-c"));
		if (!err)
			err = add(w, strdup(e->cpus));
	}
	if (!err)
		err = add(w, strdup(e->sysbench));
	if (!err)
		err = add(w, strdup("fileio"));
	for (char *l = err ? NULL : strtok_r(copy, "\r\n", &save); l && !err; l = strtok_r(NULL, "\r\n", &save)) {
		l += strspn(l, " \t");
		if (!*l || *l == '#' || *l == ';')
			continue;
		err = asprintf(&option, "--%s", l) < 0 ? -ENOMEM : add(w, option);
	}
	return err;
}

static int run_step(struct pass_env *e, const char *step, struct why *why)
{
	struct words w = { .nr = 0 };
	int err = make_words(e, &w);

	if (!err)
		err = add(&w, strdup(step));
	if (!err)
		err = load_run_whole(e, w.v, e->target->filename, why);
	free_words(&w);
	return err;
}

/* Files of an earlier size or number would be in the way. */
static int prepare(struct pass_env *e, struct why *why)
{
	int err = run_step(e, "cleanup", why);

	return err ? err : run_step(e, "prepare", why);
}

static int start(struct pass_env *e, const struct job_params *p, double rate, struct load_run *run,
		 struct why *why)
{
	struct words w = { .nr = 0 };
	char *option;
	int err = make_words(e, &w);

	/* whole seconds are all that 1.0 understands */
	if (!err)
		err = asprintf(&option, "--time=%llu", (unsigned long long)(p->runtime_ms + 999) / 1000) < 0 ?
			      -ENOMEM : add(&w, option);
	if (!err)
		err = add(&w, strdup("--events=0"));
	if (!err)
		err = add(&w, strdup("--rand-seed=1"));
	if (!err && rate > 0)
		err = asprintf(&option, "--rate=%.0f", rate) < 0 ? -ENOMEM : add(&w, option);
	if (!err)
		err = add(&w, strdup("run"));
	if (!err)
		err = load_spawn(e, w.v, p->filename, run, why);
	free_words(&w);
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
	if (file_read(run->talk, &text))
		pass_fault(r, "sysbench ended with status %d and no output", r->fio_status);
	else if (sysbench_parse(text, &s, &why))
		pass_fault(r, "%.200s (status %d)", why.text, r->fio_status);
	else if (r->fio_status)
		pass_fault(r, "sysbench failed (status %d): %.140s", r->fio_status, r->fio_stderr);
	if (r->fault[0])
		return;
	memcpy(r->fio.version, s.version, sizeof(r->fio.version));
	r->fio.ios = s.events;
	r->fio.nr_jobs = 1;
	r->fio.job[0].ios = s.events;
	r->fio.job[0].runtime_s = s.time_s;
}

static int count(struct pass_env *e, const struct load_run *run, struct pass_result *r)
{
	(void)e;
	(void)run;
	if (!r->fault[0])
		r->ios = (double)r->fio.ios / r->fio.job[0].runtime_s * r->window_s;
	return 0;
}

const struct load load_sysbench = { .name = "sysbench", .prepare = prepare, .start = start, .read = read_text, .count = count,
				    .has_rate = true };
