/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "room.h"

#include <errno.h>
#include <string.h>

#include "tracer/base/cleanup.h"
#include "tracer/base/parse.h"

const char *const room_names[NR_ROOMS] = {
#define X(sym, name, least, most, what) [ROOM_##sym] = name,
	IOP_ROOMS(X)
#undef X
};

static const struct {
	uint32_t least, most;
	const char *what;
} bounds[NR_ROOMS] = {
#define X(sym, name, least, most, what) [ROOM_##sym] = { least, most, what },
	IOP_ROOMS(X)
#undef X
};

int room_parse(const char *arg, void *field, struct opt_err *err)
{
	size_t len = strcspn(arg, "=");
	struct rooms *r = field;
	uint64_t n;

	for (int i = 0; i < NR_ROOMS && arg[len]; i++) {
		if (strlen(room_names[i]) != len || strncmp(arg, room_names[i], len))
			continue;
		if (parse_size_bytes(arg + len + 1, &n) || n < bounds[i].least || n > bounds[i].most) {
			snprintf(err->msg, sizeof(err->msg), "%s: not a number from %u to %u", bounds[i].what, bounds[i].least,
				 bounds[i].most);
			return -EINVAL;
		}
		r->n[i] = (uint32_t)n;
		return 0;
	}
	snprintf(err->msg, sizeof(err->msg), "not NAME=N, with a NAME of");
	for (int i = 0; i < NR_ROOMS; i++) {
		size_t at = strlen(err->msg);

		snprintf(err->msg + at, sizeof(err->msg) - at, "%s %s", i ? "," : "", room_names[i]);
	}
	return -EINVAL;
}
