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
	switch (w->kind) {
	case WORKLOAD_SYSBENCH:
		return &load_sysbench;
	case WORKLOAD_COMMAND:
		return &load_command;
	default:
		return &load_fio;
	}
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
		if (end.status)
			err = why_fail(why, EXIT_ENVIRONMENT, -EIO, "workload %s: %s failed (status %d): %.200s",
				       e->workload->name, argv[0], end.status, r.fio_stderr);
	}
	load_abort(e, &run);
	return err;
}
