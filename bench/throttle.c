/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "throttle.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>

#include "bench/file.h"
#include "tracer/base/parse.h"

static bool read_count(const char *cpus, const char *cpu, const char *name, uint64_t *ret)
{
	char path[320], line[64];

	return (size_t)snprintf(path, sizeof(path), "%s/%s/thermal_throttle/%s", cpus, cpu, name) < sizeof(path) &&
	       !file_read_line(path, line, sizeof(line)) && !parse_u64(line, ret);
}

void throttle_read(const char *cpus, struct throttle_sample *ret)
{
	struct throttle_sample s = { 0 };
	DIR *d = opendir(cpus);
	struct dirent *e;
	uint64_t number;

	while (d && (e = readdir(d))) {
		uint64_t core = 0, package = 0;
		bool has;

		if (strncmp(e->d_name, "cpu", 3) || parse_u64(e->d_name + 3, &number))
			continue;
		/* a virtual machine may have one of the two */
		has = read_count(cpus, e->d_name, "core_throttle_count", &core);
		has |= read_count(cpus, e->d_name, "package_throttle_count", &package);
		if (!has)
			continue;
		s.nr++;
		s.core += core;
		s.package += package;
	}
	if (d)
		closedir(d);
	*ret = s;
}

static uint64_t grown(uint64_t from, uint64_t to)
{
	return to > from ? to - from : 0;
}

/* With a CPU more or less the sums are of different things. */
bool throttle_between(const struct throttle_sample *from, const struct throttle_sample *to, uint64_t *ret_core,
		      uint64_t *ret_package)
{
	if (!from->nr || from->nr != to->nr)
		return false;
	*ret_core = grown(from->core, to->core);
	*ret_package = grown(from->package, to->package);
	return true;
}
