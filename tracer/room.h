/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How much room the maps have, where a user says so (--room NAME=N) instead of
 * leaving it to the number of processors and disks. What finds no room is
 * counted as lost.
 */
#ifndef IOPATH_ROOM_H
#define IOPATH_ROOM_H

#include <stdint.h>

#include "tracer/base/opt.h"

/*
 * X(symbol, name, least, most, what it is the room of)
 * Of those that begin with 8 and of the ring the next power of two is taken.
 */
#define IOP_ROOMS(X)                                                                     \
	X(OPERATIONS, "operations", 8, 1 << 18, "operations in flight")                   \
	X(BIOS, "bios", 8, 1 << 18, "bios in flight")                                     \
	X(REQUESTS, "requests", 8, 1 << 18, "requests in flight")                         \
	X(RING, "ring", 4096, 1 << 30, "bytes of records that are not printed yet")       \
	X(PROCESSES, "processes", 1, 1 << 20, "processes of COMMAND")                     \
	X(DIRTY_FILES, "dirty-files", 1, 1 << 20, "files of which is known who wrote last") \
	X(STACKS, "stacks", 1, 1 << 20, "stacks of --stacks")

enum room {
#define X(sym, name, least, most, what) ROOM_##sym,
	IOP_ROOMS(X)
#undef X
	NR_ROOMS,
};

/* 0: none was set. */
struct rooms {
	uint32_t n[NR_ROOMS];
};

extern const char *const room_names[NR_ROOMS];

/* @n, unless one was set. */
static inline uint32_t room_or(const struct rooms *r, enum room which, uint32_t n)
{
	return r->n[which] ? r->n[which] : n;
}

/* "NAME=N", N also with k, M, G (powers of 1024), into the struct rooms at @field. -EINVAL and what is wrong. */
int room_parse(const char *arg, void *field, struct opt_err *err);
/* The row of an option table that does so. */
#define ROOM_OPT(off)                                                                                         \
	{                                                                                                      \
		"room", 0, OPT_PARSE, off, "NAME=N",                                                          \
			"room for N: operations, bios, requests, ring (bytes), processes, dirty-files, stacks; what finds none is counted as lost; repeatable", \
			0, 0, room_parse                                                                  \
	}

#endif
