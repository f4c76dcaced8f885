/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ground-cgroup.h"

#include <mntent.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ground-place.h"
#include "tracer/base/cleanup.h"

static char made[2][256];	/* parent, child */

/* Also runs in a signal handler: system calls alone. */
void cgroup_remove(void)
{
	for (int i = 1; i >= 0; i--)
		if (made[i][0] && !rmdir(made[i]))
			made[i][0] = '\0';
}

const char *cgroup_make(const char *type, const char *option)
{
	FILE *f = setmntent("/proc/self/mounts", "re");
	struct mntent *m;
	const char *why = "no such cgroup hierarchy is mounted";

	made[0][0] = made[1][0] = '\0';
	while (f && (m = getmntent(f)))
		if (!strcmp(m->mnt_type, type) && (!option || hasmntopt(m, option))) {
			snprintf(made[0], sizeof(made[0]), "%s/iopath-test-%d", m->mnt_dir, getpid());
			snprintf(made[1], sizeof(made[1]), "%.200s/child", made[0]);
			why = mkdir(made[0], 0755) || mkdir(made[1], 0755) ? "cgroups cannot be made" : NULL;
			break;
		}
	if (f)
		endmntent(f);
	place_at_end(cgroup_remove);
	return why;
}

const char *cgroup_parent(void)
{
	return made[0];
}

const char *cgroup_child(void)
{
	return made[1];
}

bool cgroup_enter(const char *cgroup, pid_t pid)
{
	char path[300];
	_cleanup_fclose_ FILE *f = NULL;

	snprintf(path, sizeof(path), "%s/cgroup.procs", cgroup);
	f = fopen(path, "we");
	return f && fprintf(f, "%d\n", pid) > 0 && !fflush(f);
}
