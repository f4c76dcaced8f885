/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Does the kernel preempt itself, and BPF programs with it, so that they need
 * stand-ins (standin.h)? A pure function of what it says of itself.
 */
#ifndef IOPATH_PREEMPT_H
#define IOPATH_PREEMPT_H

#include <stdbool.h>

struct preemption {
	const char *version;	/* of uname(2): "#1 SMP PREEMPT_DYNAMIC Debian ..." */
	const char *modes;	/* of debugfs, sched/preempt: "none voluntary (full)"; NULL: it may not be read */
	bool srcu_fast;		/* has the kind of SRCU that guards tracepoints since 7.0 */
	bool link_cookies;	/* a link to a tracepoint takes a cookie (6.10), which a stand-in must have */
};

bool preemption_needs_stand_ins(const struct preemption *p);

#endif
