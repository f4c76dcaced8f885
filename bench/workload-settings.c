/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "workload-settings.h"

#include <errno.h>
#include <string.h>

/* Where, how long, how often and with which random numbers: the same for all cells. */
static const char *const sysbench_owned[] = { "time", "max-time", "events", "max-requests", "rate", "rand-seed",
					      "percentile", "report-interval", "warmup-time", "verbosity", "file-fsync-end", NULL };
/* A rate of its own is allowed: the peak of an open loop, of which the fixed rate is a share. */
static const char *const uring_owned[] = { "target", "offset", "runtime", "count", "seed", "max-errors", "layout", "held",
					   "output", NULL };

static const struct rules {
	enum workload_kind kind;
	const char *const *owned;
	bool flags;		/* NAME alone is a setting too */
	const char *needed;	/* its beginning, or NULL */
	const char *needed_name;
} rules[] = {
	{ WORKLOAD_SYSBENCH, sysbench_owned, false, "file-test-mode=", "file-test-mode" },
	{ WORKLOAD_URING, uring_owned, true, NULL, NULL },
};

static const struct rules *rules_of(const struct workload *w)
{
	const struct rules *r = rules;

	while (r->kind != w->kind)
		r++;
	return r;
}

int workload_check_setting(const char *line, const struct workload *w, struct why *why)
{
	const struct rules *r = rules_of(w);
	size_t len = strcspn(line, "=\r\n");

	if (!line[strspn(line, " \t\r\n")])
		return 0;
	if (!len || (line[len] != '=' && !r->flags) || strcspn(line, " \t") < strcspn(line, "\r\n"))
		return why_fail(why, EXIT_USAGE, -EINVAL, "workload %s: \"%s\": not NAME=VALUE", w->name, line);
	for (int i = 0; r->owned[i]; i++)
		if (strlen(r->owned[i]) == len && !strncmp(r->owned[i], line, len))
			return why_fail(why, EXIT_USAGE, -EINVAL, "workload %s: \"%s\" is the harness's to say", w->name,
					line);
	if (w->kind == WORKLOAD_URING && !w->on_ext4 && !strncmp(line, "size=", 5))
		return why_fail(why, EXIT_USAGE, -EINVAL, "workload %s: \"%s\": on a device the harness says how much of it",
				w->name, line);
	return 0;
}

static bool has_line(const char *text, const char *begin)
{
	size_t len = strlen(begin);

	for (const char *p = text; *p; p += strcspn(p, "\n"), p += *p == '\n')
		if (!strncmp(p + strspn(p, " \t"), begin, len))
			return true;
	return false;
}

int workload_check_settings(const struct workload *w, struct why *why)
{
	const struct rules *r = rules_of(w);

	if (r->needed && !has_line(w->text, r->needed))
		return why_fail(why, EXIT_USAGE, -EINVAL, "workload %s: no %s in it", w->name, r->needed_name);
	if (w->kind == WORKLOAD_URING && w->many_files)
		return why_fail(why, EXIT_USAGE, -EINVAL, "workload %s: iopath-uring uses one file, not many", w->name);
	if (w->kind == WORKLOAD_URING && w->on_ext4 && !has_line(w->text, "size="))
		return why_fail(why, EXIT_USAGE, -EINVAL, "workload %s: a file on an ext4 needs a size=", w->name);
	return 0;
}
