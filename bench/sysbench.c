/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sysbench.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/workload-settings.h"

/* The number behind @label, which stands at the start of a line but for blanks. */
static bool find_number(const char *text, const char *label, const char *between, double *ret)
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
		if (strncmp(p, between, strlen(between)))
			return false;
		p += strlen(between);
		v = strtod(p, &end);
		if (end == p || !(v >= 0 && v < 0x1p53))
			return false;
		*ret = v;
		return true;
	}
	return false;
}

/* 1.0: "reads/s: 5.0". 1.1: "read:  IOPS=5.0 0.02 MiB/s (0.02 MB/s)". */
static bool find_rate(const char *text, const char *old, const char *new, double *ret)
{
	return find_number(text, old, "", ret) || find_number(text, new, "IOPS=", ret);
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

bool sysbench_gave_up(const char *text)
{
	return strstr(text, "FATAL: The event queue is full") != NULL;
}

int sysbench_parse(const char *text, struct sysbench_result *ret, struct why *why)
{
	struct sysbench_result r = { 0 };
	const char *fatal = strstr(text, "FATAL:");

	if (fatal)
		return why_fail(why, EXIT_ENVIRONMENT, -EPROTO, "sysbench: %.*s", (int)strcspn(fatal, "\n"), fatal);
	find_version(text, &r);
	if (!find_rate(text, "reads/s:", "read:", &r.reads_s) || !find_rate(text, "writes/s:", "write:", &r.writes_s))
		return why_fail(why, EXIT_ENVIRONMENT, -EPROTO, "sysbench did not say how many reads and writes there were");
	if (!(r.reads_s + r.writes_s > 0))
		return why_fail(why, EXIT_ENVIRONMENT, -EPROTO, "sysbench did no I/O");
	*ret = r;
	return 0;
}

/* The value of the last line NAME=VALUE of @text, or NULL; it ends with the line. */
static const char *find_setting(const char *text, const char *name)
{
	const char *found = NULL;

	for (const char *p = text; *p; p += strcspn(p, "\n"), p += *p == '\n') {
		size_t len = strcspn(p += strspn(p, " \t"), "=\n");

		if (p[len] == '=' && workload_setting_is(p, len, name))
			found = p + len + 1;
	}
	return found;
}

static bool setting_is(const char *text, const char *name, const char *const *values)
{
	const char *v = find_setting(text, name);

	for (int i = 0; v && values[i]; i++)
		if (strcspn(v, " \t\r\n") == strlen(values[i]) && !strncmp(v, values[i], strlen(values[i])))
			return true;
	return false;
}

static double setting_number(const char *text, const char *name, double otherwise)
{
	const char *v = find_setting(text, name);

	return v ? strtod(v, NULL) : otherwise;
}

double sysbench_events_per_io(const char *text)
{
	static const char *const reads[] = { "seqrd", "rndrd", NULL }, *const mix[] = { "rndrw", NULL };
	static const char *const on[] = { "on", "true", "1", NULL };
	double files = setting_number(text, "file-num", 128), every = setting_number(text, "file-fsync-freq", 100);

	if (setting_is(text, "file-test-mode", reads) || setting_is(text, "file-fsync-all", on) || !(every > 0))
		return 1;
	/* none before something was written: in a mix, one request of 1 + ratio */
	if (setting_is(text, "file-test-mode", mix))
		every = fmax(every, 1 + setting_number(text, "file-rw-ratio", 1.5));
	return 1 + files / every;
}
