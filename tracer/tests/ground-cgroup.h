/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A cgroup of the test's own, and one in it; gone with the test's last process. */
#ifndef GROUND_CGROUP_H
#define GROUND_CGROUP_H

#include <stdbool.h>
#include <sys/types.h>

/* Both, below the first mount of @type that has @option (NULL: any). NULL, or the reason to skip. */
const char *cgroup_make(const char *type, const char *option);
/* Their paths, of the last that were made. */
const char *cgroup_parent(void);
const char *cgroup_child(void);
bool cgroup_enter(const char *cgroup, pid_t pid);
/* Nobody may be in them. */
void cgroup_remove(void);

#endif
