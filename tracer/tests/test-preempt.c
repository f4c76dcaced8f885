/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which kernels preempt BPF programs, by what they say of themselves. */
#include "tracer/preempt.h"
#include "tracer/base/test.h"

static const char debian_dynamic[] = "#1 SMP PREEMPT_DYNAMIC Debian 7.2.12-1~bpo13+1 (2026-11-04)";

/* A kernel of 7.x with version and modes as given. */
static bool needs(const char *version, const char *modes)
{
	const struct preemption p = { version, modes, .srcu_fast = true, .link_cookies = true };

	return preemption_needs_stand_ins(&p);
}

TEST(the_mode_in_brackets_counts)
{
	ASSERT_TRUE(needs(debian_dynamic, "full (lazy)\n"));
	ASSERT_TRUE(needs(debian_dynamic, "none voluntary (full) lazy\n"));
	ASSERT_TRUE(!needs(debian_dynamic, "(none) voluntary full lazy\n"));
	ASSERT_TRUE(!needs(debian_dynamic, "none (voluntary) full\n"));
}

/* Lockdown, or no debugfs. */
TEST(modes_that_may_not_be_read_are_guessed_by_the_tracepoints_guard)
{
	const struct preemption old = { debian_dynamic, NULL, .srcu_fast = false, .link_cookies = true };

	ASSERT_TRUE(needs(debian_dynamic, NULL));
	ASSERT_TRUE(!preemption_needs_stand_ins(&old));
}

TEST(without_dynamic_the_version_tells)
{
	ASSERT_TRUE(needs("#1 SMP PREEMPT Thu Jan 1", NULL));
	ASSERT_TRUE(needs("#1 SMP PREEMPT_RT Debian 6.12", NULL));
	ASSERT_TRUE(needs("#1 SMP PREEMPT_LAZY", NULL));
	ASSERT_TRUE(needs("#1 PREEMPT", NULL));
	ASSERT_TRUE(!needs("#1 SMP Debian 5.10.223-1 (2024-08-10)", NULL));
	ASSERT_TRUE(!needs("#1 SMP NO_PREEMPT", NULL));
	ASSERT_TRUE(!needs("#1 SMP PREEMPTIVE-BUILD", NULL));
	ASSERT_TRUE(!needs("", NULL));
}

/* It would not be told which program's guard to ask. */
TEST(no_cookies_no_stand_ins)
{
	const struct preemption p = { "#1 SMP PREEMPT", "none (full)", .srcu_fast = true, .link_cookies = false };

	ASSERT_TRUE(!preemption_needs_stand_ins(&p));
}

TEST_MAIN("preempt", T(the_mode_in_brackets_counts), T(modes_that_may_not_be_read_are_guessed_by_the_tracepoints_guard),
	  T(without_dynamic_the_version_tells), T(no_cookies_no_stand_ins))
