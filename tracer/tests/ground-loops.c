/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ground-loops.h"

struct loop loop = { .fd = -1 }, other = { .fd = -1 };

const char *need_loop(void)
{
	return loop_need(&loop, LOOPS_BYTES);
}

const char *need_loops(void)
{
	const char *why = need_loop();

	return why ? why : loop_need(&other, LOOPS_BYTES);
}
