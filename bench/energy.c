/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "energy.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/file.h"
#include "bench/stop.h"
#include "tracer/base/parse.h"

#define LONGEST_NS (600 * NS_PER_S) /* no package draws a whole range of its counter in it */

static bool read_number(const char *dir, const char *name, uint64_t *ret)
{
	char path[320], line[64];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	return !file_read_line(path, line, sizeof(line)) && !parse_u64(line, ret);
}

/* "intel-rapl:0" is a zone of its own; "intel-rapl:0:1" is a part of it. */
static int is_top_zone(const struct dirent *e)
{
	const char *colon = strchr(e->d_name, ':');

	return colon && colon[1] && !strchr(colon + 1, ':');
}

static bool is_package(const char *dir)
{
	char path[320], name[32];

	snprintf(path, sizeof(path), "%s/name", dir);
	return !file_read_line(path, name, sizeof(name)) && !strncmp(name, "package", 7);
}

void energy_open(const char *powercap, struct energy *ret)
{
	struct dirent **entries;
	struct energy e = { 0 };
	int nr = scandir(powercap, &entries, is_top_zone, alphasort);

	for (int i = 0; i < nr; i++) {
		struct energy_zone *z = &e.zone[e.nr];
		uint64_t now;

		/* the same package may be there twice, by MSR and by MMIO */
		if (e.nr < ENERGY_MAX_ZONES && !strstr(entries[i]->d_name, "mmio") &&
		    (size_t)snprintf(z->path, sizeof(z->path), "%s/%s", powercap, entries[i]->d_name) < sizeof(z->path) &&
		    is_package(z->path) && read_number(z->path, "max_energy_range_uj", &z->max_uj) &&
		    read_number(z->path, "energy_uj", &now))
			e.nr++;
		free(entries[i]);
	}
	if (nr >= 0)
		free(entries);
	*ret = e;
}

void energy_read(const struct energy *e, struct energy_sample *ret)
{
	ret->valid = e->nr > 0;
	for (unsigned int i = 0; i < e->nr; i++)
		ret->valid &= read_number(e->zone[i].path, "energy_uj", &ret->uj[i]);
}

bool energy_between(const struct energy *e, const struct energy_sample *from, const struct energy_sample *to,
		    uint64_t window_ns, uint64_t *ret_uj)
{
	uint64_t sum = 0;

	if (!from->valid || !to->valid || window_ns > LONGEST_NS)
		return false;
	for (unsigned int i = 0; i < e->nr; i++)
		sum += to->uj[i] >= from->uj[i] ? to->uj[i] - from->uj[i] :
						  e->zone[i].max_uj - from->uj[i] + to->uj[i];
	*ret_uj = sum;
	return true;
}
