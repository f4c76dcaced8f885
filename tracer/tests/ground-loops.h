/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The two loop devices that the tests of a program share. */
#ifndef GROUND_LOOPS_H
#define GROUND_LOOPS_H

#include "ground-loop.h"

enum { LOOPS_BYTES = 128 << 20 };

extern struct loop loop, other;

/* Made by the first call. NULL, or the reason to skip. */
const char *need_loop(void);
const char *need_loops(void);

#endif
