/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A device whose writes can be held up: a loop on a file of a file system that is frozen. */
#ifndef GROUND_SLOW_H
#define GROUND_SLOW_H

#include <stdbool.h>

#include "ground-loop.h"

/* And the device below, which the file system is on. */
extern struct loop slow, slow_ground;

/* Made by the first call. NULL, or the reason to skip. */
const char *slow_need(void);
/*
 * Hold writes up for at most @ms, by a process of its own, so that they go on
 * again whatever happens to us. Its pid, whose status is 0 when it was done.
 */
pid_t slow_hold(int ms);
/* Let them go before that; the process's status is then not 0. */
void slow_let_go(pid_t holder);

/* Wait until so many writes and flushes are held. */
bool slow_holds(int requests);

#endif
