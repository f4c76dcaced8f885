/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sysbench.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The number behind @label, which stands at the start of a line but for blanks. */
static bool find_number(const char *text, const char *label, double *ret)
{
	size_t len = strlen(label);

	for (const char *p = text; *p; p += strcspn(p, "\n"), p += *p == '\n') {
		char *end;
		double v;

		p += strspn(p, " \t");
		if (strncmp(p, label, len))
			continue;
		p += len;
		p += strspn(p, " \t");
		p += !strncmp(p, "IOPS=", 5) ? 5 : 0;
		v = strtod(p, &end);
		if (end == p || !isfinite(v) || v < 0)
			return false;
		*ret = v;
		return true;
	}
	return false;
}

/* 1.0: "reads/s: 5.0". 1.1: "read:  IOPS=5.0 0.02 MiB/s (0.02 MB/s)". */
static void find_rate(const char *text, const char *old, const char *new, double *ret)
{
	if (!find_number(text, old, ret))
		find_number(text, new, ret);
}

static void find_version(const char *text, struct sysbench_result *r)
{
	const char *p = strstr(text, "sysbench ");
	size_t len = p ? strcspn(p + 9, " \n") : 0;

	if (p && len < sizeof(r->version) - 10 && isdigit((unsigned char)p[9]))
		snprintf(r->version, sizeof(r->version), "sysbench-%.*s", (int)len, p + 9);
	else
		snprintf(r->version, sizeof(r->version), "sysbench");
}

int sysbench_parse(const char *text, struct sysbench_result *ret, struct why *why)
{
	struct sysbench_result r = { 0 };
	const char *fatal = strstr(text, "FATAL:");
	double events;

	if (fatal)
		return why_fail(why, EXIT_ENVIRONMENT, -EPROTO, "sysbench: %.*s", (int)strcspn(fatal, "\n"), fatal);
	find_version(text, &r);
	if (!find_number(text, "total number of events:", &events) || events >= 0x1p53)
		return why_fail(why, EXIT_ENVIRONMENT, -EPROTO, "sysbench did not say how many events there were");
	/* 1.0: "total time: 10.0s"; 1.1: "time elapsed: 10.0s" */
	if (!find_number(text, "total time:", &r.time_s) && !find_number(text, "time elapsed:", &r.time_s))
		return why_fail(why, EXIT_ENVIRONMENT, -EPROTO, "sysbench did not say how long it ran");
	if (!(events >= 1) || !(r.time_s > 0))
		return why_fail(why, EXIT_ENVIRONMENT, -EPROTO, "sysbench did no I/O");
	r.events = (uint64_t)events;
	find_rate(text, "reads/s:", "read:", &r.reads_s);
	find_rate(text, "writes/s:", "write:", &r.writes_s);
	find_rate(text, "fsyncs/s:", "fsync:", &r.fsyncs_s);
	*ret = r;
	return 0;
}
