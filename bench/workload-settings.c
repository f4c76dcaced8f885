/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "workload-settings.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "tracer/base/cleanup.h"
#include "tracer/base/parse.h"

/* Where, how long, how often and with which random numbers: the same for all cells. */
static const char *const sysbench_owned[] = { "time", "max-time", "events", "max-requests", "rate", "rand-seed",
					      "percentile", "report-interval", "warmup-time", "verbosity", "file-fsync-end", NULL };
/* A rate of its own is allowed: the peak of an open loop, of which the fixed rate is a share. */
static const char *const uring_owned[] = { "target", "offset", "runtime", "count", "seed", "max-errors", "layout", "held", "check",
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

static const struct rules *rules_of(enum workload_kind kind)
{
	const struct rules *r = rules;

	while (r->kind != kind)
		r++;
	return r;
}

const char *const *workload_settings_owned(enum workload_kind kind)
{
	return rules_of(kind)->owned;
}

bool workload_setting_is(const char *line, size_t len, const char *name)
{
	for (size_t i = 0; i < len; i++)
		if (name[i] != (line[i] == '_' ? '-' : line[i]))
			return false;
	return !name[len];
}

enum value { COUNT, SIZE, RATIO, WORD, LIST };

/*
 * What sysbench itself looks at no sooner than in a run, or never: "banana" files are none. That there
 * is such a setting, and all others, it is asked itself (job_check()).
 */
static const struct row {
	const char *name;
	enum value value;
	uint64_t min;
	const char *words;	/* each behind a blank */
} rows[] = {
	{ "file-num", COUNT, 1, NULL },
	{ "file-block-size", SIZE, 1, NULL },
	{ "file-total-size", SIZE, 1, NULL },
	{ "file-test-mode", WORD, 0, " seqwr seqrewr seqrd rndrd rndwr rndrw" },
	{ "file-io-mode", WORD, 0, " sync async mmap" },
	{ "file-async-backlog", COUNT, 1, NULL },
	{ "file-extra-flags", LIST, 0, " sync dsync direct" },
	{ "file-fsync-freq", COUNT, 0, NULL },
	{ "file-fsync-mode", WORD, 0, " fsync fdatasync" },
	{ "file-merged-requests", COUNT, 0, NULL },
	{ "file-rw-ratio", RATIO, 0, NULL },
};

static bool has_word(const char *words, const char *word, size_t len)
{
	for (const char *p = words; (p = strchr(p, ' ')); p++)
		if (len && len == strcspn(p + 1, " ") && !strncmp(p + 1, word, len))
			return true;
	return false;
}

static bool has_words(const char *words, const char *list)
{
	for (const char *p = list; *p; p += strcspn(p, ","), p += *p == ',')
		if (!has_word(words, p, strcspn(p, ",")))
			return false;
	return true;
}

/* sysbench's sizes have one letter, and no fractions. */
static bool is_size(const char *value, uint64_t min)
{
	size_t digits = strspn(value, "0123456789");
	uint64_t bytes;

	return digits && strlen(value) <= digits + 1 && !parse_size_bytes(value, &bytes) && bytes >= min;
}

static bool is_value(const struct row *r, const char *value)
{
	uint64_t n;
	double ratio;

	switch (r->value) {
	case COUNT:
		return !parse_u64(value, &n) && n >= r->min && n <= INT_MAX;
	case SIZE:
		return is_size(value, r->min);
	case RATIO:
		return !parse_double(value, &ratio) && ratio >= 0;
	case WORD:
		return has_word(r->words, value, strlen(value));
	case LIST:
		return has_words(r->words, value);
	}
	return false;
}

static int check_value(const char *line, size_t len, const struct workload *w, struct why *why)
{
	static const char *const wanted[] = { [COUNT] = "not a whole number, or not one that can be", [SIZE] = "not a size like 16K",
					      [RATIO] = "not a number", [WORD] = "not one of", [LIST] = "not some of" };
	char value[128];

	snprintf(value, sizeof(value), "%.*s", (int)strcspn(line + len + 1, "\r\n"), line + len + 1);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (workload_setting_is(line, len, rows[i].name) && !is_value(&rows[i], value))
			return why_fail(why, EXIT_USAGE, -EINVAL, "workload %s: %.*s: %s%s", w->name, (int)strcspn(line, "\r\n"), line, wanted[rows[i].value],
					rows[i].words ? rows[i].words : "");
	return 0;
}

int workload_check_setting(const char *line, const struct workload *w, struct why *why)
{
	const struct rules *r = rules_of(w->kind);
	size_t len = strcspn(line, "=\r\n");

	if (!line[strspn(line, " \t\r\n")])
		return 0;
	if (!len || (line[len] != '=' && !r->flags) || strcspn(line, " \t") < strcspn(line, "\r\n"))
		return why_fail(why, EXIT_USAGE, -EINVAL, "workload %s: \"%s\": not NAME=VALUE", w->name, line);
	for (int i = 0; r->owned[i]; i++)
		if (workload_setting_is(line, len, r->owned[i]))
			return why_fail(why, EXIT_USAGE, -EINVAL, "workload %s: \"%s\" is the harness's to say", w->name,
					line);
	if (w->kind == WORKLOAD_SYSBENCH)
		return check_value(line, len, w, why);
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

bool workload_has_rate(const struct workload *w)
{
	return w->kind == WORKLOAD_URING && has_line(w->text, "rate=");
}

int workload_check_settings(const struct workload *w, struct why *why)
{
	const struct rules *r = rules_of(w->kind);

	if (r->needed && !has_line(w->text, r->needed))
		return why_fail(why, EXIT_USAGE, -EINVAL, "workload %s: no %s in it", w->name, r->needed_name);
	if (w->kind == WORKLOAD_URING && w->many_files)
		return why_fail(why, EXIT_USAGE, -EINVAL, "workload %s: iopath-uring uses one file, not many", w->name);
	if (w->kind == WORKLOAD_URING && w->on_ext4 && !has_line(w->text, "size="))
		return why_fail(why, EXIT_USAGE, -EINVAL, "workload %s: a file on an ext4 needs a size=", w->name);
	return 0;
}
