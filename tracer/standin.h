/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Stand-ins (bpf/standin.bpf.h): second copies of the programs that may be
 * preempted, which share everything with the first but their configuration.
 * Part of a session.
 */
#ifndef IOPATH_STANDIN_H
#define IOPATH_STANDIN_H

#include "hook.h"
#include "object.h"

struct stand_ins {
	struct object object;
	struct bpf_program *programs[NR_POINTS];	/* NULL: none at this point */
	int links[NR_POINTS];	/* descriptors; 0: none */
	u64 guards[NR_POINTS];	/* of the first copies */
};

/*
 * Load a second copy of those of @first's programs at @points (NULL: not in
 * use) that may be preempted. @first is loaded and configured. -errno, and
 * *ret_what says what failed.
 */
int stand_ins_load(struct stand_ins *s, const struct object *first,
		   struct bpf_program *const points[NR_POINTS], const char **ret_what);

/* Attach the second copy at @p, if there is one. -errno. */
int stand_ins_attach(struct stand_ins *s, enum hook_point p);

/* The opposite; nothing where there is none. */
void stand_ins_detach(struct stand_ins *s, enum hook_point p);

/* Detach and free. Accepts zeroed memory. */
void stand_ins_close(struct stand_ins *s);

#endif
