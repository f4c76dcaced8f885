/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What is in flight now: operations and requests that a session saw begin; the
 * requests of the kernel's own tables, which were there before; and the tasks
 * that sleep in the kernel since before, by their system calls.
 */
#ifndef IOPATH_INFLIGHT_H
#define IOPATH_INFLIGHT_H

#include <limits.h>

#include "session.h"
#include "tags.h"

enum inflight_source {
	INFLIGHT_BEGUN,		/* seen from its begin */
	INFLIGHT_TABLE,		/* in the kernel's table of requests */
	INFLIGHT_TASK,		/* a task that sleeps uninterruptibly */
	NR_INFLIGHT_SOURCES,
};

struct inflight {
	enum inflight_source source;
	/* of a table's, with an owner where a task waits or io_uring asked; of a task's, start_ns and age_ns are 0: not known */
	struct unfinished u;
	char waits_in[64];	/* kernel function; "": not known */
	char path[PATH_MAX];	/* "": not known */
};

/* Where the kernel counts more requests than could be listed. */
struct inflight_unseen {
	u32 dev;
	u64 count;
};

struct inflight_list {
	struct inflight *v;
	size_t nr, cap;
	struct inflight_unseen unseen[64];
	u32 nr_unseen;
	bool no_tables;	/* the requests from before could not be looked at */
};

struct inflight_opts {
	const struct kernel *kernel;
	u64 min_age_ns;
	u64 now_ns, enabled_ns;	/* since when the session has seen all that begins */
	u32 devs[MAX_DEV_FILTERS];	/* as session_opts has them */
	u32 nr_devs;
};

/* Oldest first, those of unknown age before. @tags may be NULL: the kernel's tables are not looked at. -errno. */
int inflight_look(struct session *s, struct tags_reader *tags, const struct inflight_opts *o,
		  struct inflight_list *ret);
void inflight_free(struct inflight_list *l);

/* Stage that a task is in that waits in a function of the kernel; -1: that does not tell. */
s32 inflight_stage_of(const char *function);

/* Of one line of /proc/PID/syscall the number and up to 6 arguments; -1: none, or it runs. */
long inflight_parse_syscall(const char *line, u64 args[static 6]);

#endif
