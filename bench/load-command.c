/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Any command as a load. What it does in the window is what the device
 * completes there; it knows no rate, so that both passes are at saturation.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/arm.h"
#include "bench/load.h"
#include "tracer/base/cleanup.h"

static int prepare(struct pass_env *e, struct why *why)
{
	(void)e;
	(void)why;
	return 0; /* it makes its own files, in the pass */
}

static int start(struct pass_env *e, const struct job_params *p, double rate, struct load_run *run,
		 struct why *why)
{
	_cleanup_free_ char *command = NULL;
	char *argv[] = { "/bin/sh", "-c", NULL, NULL };
	int err = arm_expand(e->workload->text, e->device, p->filename, &command);

	(void)rate;
	if (err)
		return err;
	argv[2] = command;
	return load_spawn(e, argv, e->work_dir, run, why);
}

static void read_end(struct pass_env *e, struct load_run *run, struct pass_result *r)
{
	(void)e;
	if (r->fio_status && r->fio_status != 128 + SIGTERM) {
		load_keep_talk(run, r);
		(r->fio_stderr[0] ? pass_fault : pass_output_fault)(r, "the command ended with status %d: %.150s", r->fio_status,
								    r->fio_stderr);
	}
	snprintf(r->fio.version, sizeof(r->fio.version), "command");
}

static int count(struct pass_env *e, const struct load_run *run, struct pass_result *r)
{
	(void)e;
	(void)run;
	r->ios = (double)r->window_disk_ios;
	return 0;
}

const struct load load_command = { .name = "the command", .prepare = prepare, .start = start, .read = read_end, .count = count,
				   .is_stopped = true };
