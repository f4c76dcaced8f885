/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A test whose traces are begun and ended apart, where trace_command() cannot
 * ask again: all of it is done again when a report admitted ends unseen.
 */
#ifndef GROUND_ATTEMPT_H
#define GROUND_ATTEMPT_H

#define TRACE_TEST(name)                      \
	static void name##_once(void);        \
	TEST(name)                            \
	{                                     \
		trace_attempts(name##_once);  \
	}                                     \
	static void name##_once(void)

void trace_attempts(void (*test)(void));

#endif
