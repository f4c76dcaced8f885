/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One stack of "how to take this down again", on disk. The end of a run, a
 * signal and the run after a crash (kill -9, power) all go through the same
 * undo_all(); there is no second clean-up that could differ from the first.
 *
 * A step is pushed before its action is done, so undoing must hold for an
 * action that never happened.
 *
 * The directory also holds the lock that keeps a second run off the machine.
 */
#ifndef BENCH_UNDO_H
#define BENCH_UNDO_H

#include <jansson.h>
#include <stdint.h>
#include <sys/types.h>

#include "bench/why.h"

#define UNDO_STATE_DIR "/run/iopath-bench" /* where --state-dir is not given */

struct undo {
	char *dir;
	int lock_fd;
	json_t *steps;
	char fault[320];	/* that the steps could not be written down, or "" */
};

/* Told about each thing that a crashed run had left; may be NULL. */
typedef void undo_say(const char *line);

/*
 * Take the lock and clean up after a run that crashed. -EBUSY: another run is
 * on; *why names its pid.
 */
int undo_open(struct undo *u, const char *dir, undo_say *say, struct why *why);
/* Undo what is left and let go of the lock. */
void undo_close(struct undo *u);
/* Everything, last first. The number of steps that failed. */
int undo_all(struct undo *u, undo_say *say);

/* A child, by its mark; the pid is for people. */
int undo_push_process(struct undo *u, pid_t pid, const char *mark);
/* Detach @path if its backing file still bears @tag. */
int undo_push_loop(struct undo *u, const char *path, const char *tag);
int undo_push_mount(struct undo *u, const char *path);
/* Destroy the ext4 on @path, if it is the one with @uuid. */
int undo_push_ext4(struct undo *u, const char *path, const char *uuid);
/* A cgroup (v2) without others in it. */
int undo_push_cgroup(struct undo *u, const char *path);
/* Unload it; one that is in use by others stays. */
int undo_push_module(struct undo *u, const char *name);
/* A null_blk made through configfs: switch it off and remove its directory. */
int undo_push_configfs(struct undo *u, const char *path);
/* A directory with plain files in it, no deeper. */
int undo_push_dir(struct undo *u, const char *path);
/* SIGCONT for a process of others that is about to be stopped. -ENOENT: there is none. */
int undo_push_stopped(struct undo *u, pid_t pid);
/* Write @value back into @path (a sysfs queue setting) unless it reads so. */
int undo_push_setting(struct undo *u, const char *path, const char *value);

/* Undo the steps above mark @to; undo_mark() before pushing gives it. */
size_t undo_mark(const struct undo *u);
int undo_back_to(struct undo *u, size_t to, undo_say *say);
/* Drop the last step without doing it: the thing is gone already. */
int undo_drop(struct undo *u);

#endif
