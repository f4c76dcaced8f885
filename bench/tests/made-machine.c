/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "made-machine.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/file.h"
#include "tracer/base/test.h"

char root[64];

const char *at(const char *path)
{
	static char buf[4][256];
	static unsigned int i;

	snprintf(buf[i = (i + 1) % 4], sizeof(buf[0]), "%s/%s", root, path);
	return buf[i];
}

void put(const char *path, const char *text)
{
	char dir[256];

	snprintf(dir, sizeof(dir), "%s", at(path));
	*strrchr(dir, '/') = '\0';
	ASSERT_EQ(file_make_dirs(dir), 0);
	ASSERT_EQ(file_replace(at(path), text), 0);
}

void begin(void)
{
	strcpy(root, "/tmp/made-machine.XXXXXX");
	if (!mkdtemp(root))
		abort();
}

void end(void)
{
	char command[96];

	snprintf(command, sizeof(command), "rm -rf %s", root);
	ASSERT_EQ(system(command), 0);
}

/* A notebook as it comes: everything that can be wrong is. */
void put_notebook(void)
{
	put(CPU "/cpu0/cpufreq/scaling_governor", "powersave\n");
	put(CPU "/cpu1/cpufreq/scaling_governor", "powersave\n");
	put(CPU "/cpu10/cpufreq/scaling_governor", "performance\n");
	put(CPU "/intel_pstate/no_turbo", "0\n");
	put(CPU "/smt/active", "1\n");
	put(THP, "[always] madvise never\n");
	put("proc/sys/kernel/bpf_stats_enabled", "1\n");
	put("sys/class/thermal/thermal_zone0/temp", "41000\n");
	put("sys/class/thermal/thermal_zone1/temp", "97000\n");
}
