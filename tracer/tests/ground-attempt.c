/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdio.h>

#include "ground-attempt.h"
#include "ground-check.h"
#include "ground-trace.h"

enum { ATTEMPTS = 5 };

void trace_attempts(void (*test)(void))
{
	for (int left = ATTEMPTS - 1; left >= 0; left--) {
		trace_hidden = false;
		check_attempt();
		test();
		check_attempt_over(!trace_hidden || !left);
		if (!trace_hidden)
			return;
		printf("    a report admits completions unseen%s\n", left ? ": done again" : "");
	}
}
