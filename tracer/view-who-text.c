/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdlib.h>
#include <string.h>

#include "tracer/base/cleanup.h"
#include "tracer/base/parse.h"
#include "view-who.h"

#define W 32
#define NAME_WIDTH 36

void view_who_name(const struct who_row *r, char *buf, size_t len)
{
	if (!r->key.id && !r->key.sub)
		snprintf(buf, len, "(others)");
	else if (r->key.dim == WHO_PROCESS)
		snprintf(buf, len, "%u %s", r->key.sub, r->name ? r->name : "?");
	else
		snprintf(buf, len, "%s", r->name ? r->name : "?");
}

void view_who_figures(const struct view_who *v, const struct who_row *r,
		      struct who_stats ret[NR_WHO_LEVELS][NR_WHO_CLASSES])
{
	for (int l = 0; l < NR_WHO_LEVELS; l++)
		for (int c = 0; c < NR_WHO_CLASSES; c++)
			if (v->interval)
				who_since(&ret[l][c], &r->s[l][c], &r->base[l][c]);
			else
				ret[l][c] = r->s[l][c];
}

/* The end of a long name tells more than its begin. */
static const char *fit(const char *name, char *buf, size_t width)
{
	size_t n = strlen(name);

	if (n <= width)
		return name;
	snprintf(buf, width + 1, "..%s", name + n - width + 2);
	return buf;
}

static void put_share(FILE *out, double share)
{
	if (share < 0)
		fprintf(out, " %5s", "-");
	else
		fprintf(out, " %4.0f%%", 100 * share);
}

static void put_class(FILE *out, const struct view_who *v, const struct who_stats *s, int class)
{
	char mean[W], p99[W], max[W];
	double seconds = (double)v->window_ns / 1e9;

	fprintf(out, "%-6s %10llu %9.2f %9s %9s %9s", who_class_names[class], (unsigned long long)s->count,
		seconds > 0 ? (double)s->bytes / seconds / 1e6 : 0, fmt_duration(s->sum_ns / s->count, mean, W),
		fmt_duration(who_percentile(s, 99), p99, W), fmt_duration(s->max_ns, max, W));
	put_share(out, class == WHO_OTHER ? -1 : (double)s->sequential / (double)s->count);
}

static void put_size(FILE *out, const struct who_stats *s, int class)
{
	struct who_stats one[NR_WHO_CLASSES] = { 0 };
	char size[W];

	if (class == WHO_OTHER) {
		fprintf(out, " %9s", "-");
		return;
	}
	one[class] = *s;
	fprintf(out, " %9s", fmt_size(who_common_size(one), size, W));
}

/* One line for each level and class in which something was counted. */
static void put_figures(FILE *out, const struct view_who *v, const char *name,
			const struct who_stats s[NR_WHO_LEVELS][NR_WHO_CLASSES])
{
	static const char *const levels[NR_WHO_LEVELS] = { "op", "bio" };
	char buf[NAME_WIDTH + 1];

	name = fit(name, buf, NAME_WIDTH);
	for (int l = 0; l < NR_WHO_LEVELS; l++) {
		bool told = false;

		for (int c = 0; c < NR_WHO_CLASSES; c++) {
			if (!s[l][c].count)
				continue;
			fprintf(out, "  %-*s %-3s ", NAME_WIDTH, name, levels[l]);
			put_class(out, v, &s[l][c], c);
			put_size(out, &s[l][c], c);
			fprintf(out, " %6llu", (unsigned long long)s[l][c].errors);
			if (!told && who_pattern(s[l]))
				fprintf(out, "  %s, %s", who_pattern(s[l]), who_bias(s[l]) ? who_bias(s[l]) : "-");
			if (s[l][c].deferred)
				fprintf(out, "  %llu written back by the kernel", (unsigned long long)s[l][c].deferred);
			fprintf(out, "\n");
			told = true;
			name = "";
		}
	}
}

static void put_dim(FILE *out, const struct view_who *v, enum who_dim dim)
{
	_cleanup_free_ const struct who_row **rows = malloc((v->who->nr + 1) * sizeof(*rows));
	size_t nr = rows ? who_sorted(v->who, dim, v->interval, rows) : 0;

	fprintf(out, "\n%-*s %-3s %-6s %10s %9s %9s %9s %9s %5s %9s %6s\n", NAME_WIDTH + 2,
		(const char *const[]){ "process", "file", "cgroup", "device" }[dim], "", "", "count",
		"MB/s", "mean", v->doubtful ? "p99<=?" : "p99<=", "max", "seq", "size", "errors");
	for (size_t i = 0; i < nr && i < VIEW_WHO_ROWS; i++) {
		struct who_stats s[NR_WHO_LEVELS][NR_WHO_CLASSES];
		char name[WHO_NAME_LEN + 16];

		view_who_figures(v, rows[i], s);
		view_who_name(rows[i], name, sizeof(name));
		put_figures(out, v, name, s);
	}
	if (nr > VIEW_WHO_ROWS)
		fprintf(out, "  (and %zu more)\n", nr - VIEW_WHO_ROWS);
	if (!v->interval && v->who->aged[dim]) {
		char name[64];

		snprintf(name, sizeof(name), "(%llu aged out)", (unsigned long long)v->who->aged[dim]);
		put_figures(out, v, name, v->who->gone[dim]);
	}
}

void view_text_who(FILE *out, const struct view_who *v)
{
	for (int d = 0; d < NR_WHO_DIMS; d++)
		if (v->dims & 1u << d)
			put_dim(out, v, d);
}
