/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Between the programs' stacks and struct stacks. */
#ifndef IOPATH_STACKS_MAP_H
#define IOPATH_STACKS_MAP_H

#include "session.h"
#include "stacks.h"

/* How often to look for processes whose mappings are not known yet, which they take with them. */
#define STACKS_SEE_NS 20000000ull

/* Remember the mappings of processes that are new. -errno. */
int stacks_map_see(struct session *s, struct stacks *st);
/* All of it into @st, which holds none yet. -errno. */
int stacks_map_read(struct session *s, struct stacks *st);

#endif
