/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "preempt.h"

#include <string.h>

#include "tracer/base/cleanup.h"

/* A whole word of the version string. */
static bool has_word(const char *text, const char *word)
{
	size_t len = strlen(word);

	for (const char *at = text; (at = strstr(at, word)); at += len)
		if ((at == text || at[-1] == ' ') && (!at[len] || at[len] == ' '))
			return true;
	return false;
}

/* What PREEMPT_DYNAMIC has been set to, the version does not say. */
static bool built_preemptible(const char *version)
{
	static const char *const words[] = { "PREEMPT", "PREEMPT_RT", "PREEMPT_LAZY" };

	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		if (has_word(version, words[i]))
			return true;
	return false;
}

/*
 * The mode chosen is in brackets. Where that may not be read: kernels that guard
 * tracepoints by this kind of SRCU offer no mode without preemption.
 */
static bool chosen_preemptible(const struct preemption *p)
{
	if (p->modes)
		return strstr(p->modes, "(full)") || strstr(p->modes, "(lazy)");
	return p->srcu_fast;
}

bool preemption_needs_stand_ins(const struct preemption *p)
{
	if (!p->link_cookies)
		return false;
	return has_word(p->version, "PREEMPT_DYNAMIC") ? chosen_preemptible(p) : built_preemptible(p->version);
}
