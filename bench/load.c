/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "load.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "bench/file.h"
#include "bench/stop.h"
#include "tracer/base/cleanup.h"

#define PREPARE_TIMEOUT_NS (600 * NS_PER_S)

const struct load *load_of(const struct workload *w)
{
	static const struct load *const loads[] = {
		[WORKLOAD_FIO] = &load_fio,
		[WORKLOAD_SYSBENCH] = &load_sysbench,
		[WORKLOAD_URING] = &load_uring,
		[WORKLOAD_COMMAND] = &load_command,
	};

	return loads[w->kind];
}

static uint64_t wall_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / NS_PER_MS;
}

int load_spawn(struct pass_env *e, char *const argv[], const char *cwd, struct load_run *run, struct why *why)
{
	_cleanup_close_ int talk = -1;
	struct child_io io = { .cwd = cwd };
	int err;

	snprintf(run->talk, sizeof(run->talk), "%s/load.out", e->work_dir);
	talk = open(run->talk, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0600);
	if (talk < 0)
		return why_fail(why, EXIT_HARNESS, -errno, "cannot write %s: %s", run->talk, strerror(errno));
	io.out_fd = io.err_fd = talk;
	io.cgroup = e->meter ? groups_dir(&e->meter->groups, GROUP_WORKLOAD) : NULL;
	run->started_ns = now_ns();
	run->started_ms = wall_ms();
	err = child_spawn(argv, &io, &run->child);
	if (err)
		return why_fail(why, EXIT_ENVIRONMENT, err, "cannot run %s: %s", argv[0],
				err == -ENOENT ? "not installed" : strerror(-err));
	return undo_push_process(e->undo, run->child.pid, run->child.mark);
}

void load_abort(struct pass_env *e, struct load_run *run)
{
	if (!run->child.pid)
		return;
	child_stop(&run->child, NULL, 0, false, 0, NULL);
	undo_drop(e->undo);
}

void load_keep_talk(const struct load_run *run, struct pass_result *r)
{
	_cleanup_free_ char *text = NULL;
	size_t len;

	if (file_read(run->talk, &text))
		return;
	len = strlen(text); /* the last of it: that is where programs say why */
	snprintf(r->fio_stderr, sizeof(r->fio_stderr), "%s",
		 text + (len < sizeof(r->fio_stderr) ? 0 : len - sizeof(r->fio_stderr) + 1));
	text_clean(r->fio_stderr);
	for (len = strlen(r->fio_stderr); len && r->fio_stderr[len - 1] == ' ';)
		r->fio_stderr[--len] = '\0';
}

void load_count_series(struct pass_env *e, const struct load_run *run, const struct fio_series *s,
		       struct pass_result *r)
{
	const char *name = load_of(e->workload)->name;
	uint64_t startup_ms = s->first_ms > run->started_ms ? s->first_ms - run->started_ms : 0;

	if (s->stepped)
		pass_fault(r, "the time in %s's log runs backwards: the clock was set", name);
	if (startup_ms * NS_PER_MS > START_TIMEOUT_NS) { /* emulated, or very busy: look again, and longer */
		e->start_ns = 2 * startup_ms * NS_PER_MS;
		if (e->start_ns > START_SLOWEST_NS)
			e->start_ns = START_SLOWEST_NS;
		e->unseen_start = false;
	}
	if (s->first_ms + e->timing.discard_ns / NS_PER_MS / 2 > r->from_ms) {
		pass_fault(r, "%s was slow to start (%llu ms): nothing left to discard", name,
			   (unsigned long long)startup_ms);
	} else if (s->last_ms + 100 < r->to_ms) {
		if (e->slack_ns < START_SLOWEST_NS)
			e->slack_ns += 2 * (r->to_ms - s->last_ms) * NS_PER_MS;
		pass_output_fault(r, "%s ended %llu ms before the window", name,
				  (unsigned long long)(r->to_ms - s->last_ms));
	}
	r->ios = fio_series_ios(s, r->from_ms, r->to_ms);
	r->bytes = (uint64_t)(r->ios * (double)r->fio.bytes / (double)r->fio.ios);
	if (fio_series_unsteady(s, r->from_ms, r->to_ms))
		r->flags |= PASS_UNSTEADY;
}

int load_run_whole(struct pass_env *e, char *const argv[], const char *cwd, struct why *why)
{
	struct load_run run = { .child.pidfd = -1 };
	struct pass_result r = { 0 };
	struct child_end end = { 0 };
	int err = load_spawn(e, argv, cwd, &run, why);

	if (err)
		return err;
	err = child_wait(&run.child, PREPARE_TIMEOUT_NS, false, &end);
	if (!err) {
		undo_drop(e->undo);
		load_keep_talk(&run, &r);
		if (end.status == EXIT_SKIPPED)
			err = why_fail(why, EXIT_SKIPPED, -EOPNOTSUPP, "%.300s", r.fio_stderr);
		else if (end.status)
			err = why_fail(why, EXIT_ENVIRONMENT, -EIO, "workload %s: %s failed (status %d): %.200s",
				       e->workload->name, load_of(e->workload)->name, end.status, r.fio_stderr);
	}
	load_abort(e, &run);
	return err;
}
