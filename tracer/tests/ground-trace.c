/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ground-check.h"
#include "ground-place.h"
#include "ground-trace.h"
#include "tracer/base/cleanup.h"

/* Emulated, on a busy machine, it takes minutes to verify all programs. */
enum { ATTACH_MS = 180000, END_MS = 30000 };

#define WORDS_LEN 768

static char watched[32];
static struct disk_stat watched_before;

void trace_watch(const char *disk)
{
	snprintf(watched, sizeof(watched), "%s", disk);
}

struct disk_stat trace_disk(void)
{
	return disk_stat_since(watched, &watched_before);
}

static void start(struct trace *t, const char *words)
{
	static unsigned int nr;
	int err;

	*t = (struct trace){};
	if (watched[0])
		disk_stat_read(watched, &watched_before);
	snprintf(t->file, sizeof(t->file), "%s", place_path("trace-%u.json", nr++));
	err = proc_start(&t->proc, "iopath trace --json -o %s %s", t->file, words);
	check_evidence(t->proc.line);
	check_same("starting the tracer", err, 0);
}

static void (*each_record)(json_t *record);

void trace_each(void (*fn)(json_t *record))
{
	each_record = fn;
}

static void take_line(struct trace *t, const char *line)
{
	json_error_t e;
	json_t *object = json_loads(line, JSON_REJECT_DUPLICATES, &e);

	if (!object) {
		check_text("a line of the report", line, e.text);
	} else if (each_record && json_at(object, "level")) {
		each_record(object);
		json_decref(object);
	} else {
		json_array_append_new(t->lines, object);
	}
}

void trace_read(struct trace *t)
{
	_cleanup_fclose_ FILE *f = fopen(t->file, "re");
	_cleanup_free_ char *line = NULL;
	size_t cap = 0, nr;

	json_decref(t->lines);
	t->lines = json_array();
	while (f && getline(&line, &cap, f) > 0)
		take_line(t, line);
	nr = json_array_size(t->lines);
	t->summary = nr ? json_array_get(t->lines, nr - 1) : NULL;
	if (t->summary && (!text_at(t->summary, "type") || strcmp(text_at(t->summary, "type"), "summary")))
		t->summary = NULL;
}

/* The command and what was covered, for the first check that fails. */
static void show_coverage(const struct trace *t)
{
	_cleanup_free_ char *coverage = json_dumps(json_at(t->summary, "coverage"), JSON_COMPACT | JSON_ENCODE_ANY);
	char text[2048];

	snprintf(text, sizeof(text), "%s\n      coverage %s", t->proc.line, coverage ? coverage : "unknown");
	check_evidence(text);
}

bool trace_hidden;

static bool finish(struct trace *t, int status, int want)
{
	bool fine = check_same("status of the tracer", status, want);

	trace_read(t);
	show_coverage(t);
	fine &= check_true("the last line is a summary", t->summary);
	trace_hidden |= number_at(t->summary, "coverage.lost.no_end") > 0;
	if (!fine)
		printf("      stderr: %s\n", t->proc.err.text);
	return fine;
}

static bool command_once(struct trace *t, const char *words)
{
	start(t, words);
	if (!finish(t, proc_wait(&t->proc, ATTACH_MS + END_MS), 0))
		return false;
	t->manifest = json_loads(t->proc.out.text, 0, NULL);
	return true;
}

bool trace_command(struct trace *t, const char *fmt, ...)
{
	char words[WORDS_LEN];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(words, sizeof(words), fmt, ap);
	va_end(ap);
	for (int left = 5; command_once(t, words); left--) {
		/* of the last I/O of all it is not known that its end was not seen: it is in flight */
		int64_t unseen = number_at(t->summary, "coverage.lost.no_end") +
				 number_at(t->summary, "coverage.requests.in_flight");

		if (unseen <= 0 || !left)
			return true;
		printf("    asked again: %lld completions unseen: %s\n", (long long)unseen, words);
		trace_free(t);
	}
	return false;
}

bool trace_begin(struct trace *t, const char *fmt, ...)
{
	char words[WORDS_LEN];
	va_list ap;
	bool ready;

	va_start(ap, fmt);
	vsnprintf(words, sizeof(words), fmt, ap);
	va_end(ap);
	start(t, words);
	ready = proc_until(&t->proc, "iopath: ready", ATTACH_MS);
	if (!check_true("says \"iopath: ready\"", ready))
		printf("      stderr: %s\n", t->proc.err.text);
	return ready;
}

/* Whole ones. */
static size_t count_lines(const char *path)
{
	_cleanup_fclose_ FILE *f = fopen(path, "re");
	size_t n = 0;
	int c;

	while (f && (c = getc(f)) != EOF)
		n += c == '\n';
	return n;
}

bool trace_wait_lines(const struct trace *t, size_t lines, int timeout_ms)
{
	for (int left = patience_ms(timeout_ms); left > 0; left -= 10) {
		if (count_lines(t->file) >= lines)
			return true;
		usleep(10000);
	}
	return false;
}

bool trace_end(struct trace *t, int sig)
{
	proc_signal(&t->proc, sig);
	return finish(t, proc_wait(&t->proc, END_MS), 0);
}

void trace_free(struct trace *t)
{
	proc_free(&t->proc);
	if (t->file[0])
		unlink(t->file);
	json_decref(t->lines);
	json_decref(t->manifest);
	*t = (struct trace){};
}

json_t *json_at(json_t *object, const char *path)
{
	while (object && *path) {
		size_t len = strcspn(path, ".");
		char key[64];

		snprintf(key, sizeof(key), "%.*s", (int)len, path);
		object = json_object_get(object, key);
		path += len + (path[len] == '.');
	}
	return object;
}

int64_t number_at(json_t *object, const char *path)
{
	json_t *n = json_at(object, path);

	return json_is_number(n) ? (int64_t)json_number_value(n) : -1;
}

const char *text_at(json_t *object, const char *path)
{
	return json_string_value(json_at(object, path));
}

/* The element of an array whose members have these texts; @key2 may be NULL. */
static json_t *find(json_t *array, const char *key, const char *is, const char *key2, const char *is2)
{
	json_t *row;
	size_t i;

	json_array_foreach(array, i, row) {
		const char *a = text_at(row, key), *b = key2 ? text_at(row, key2) : NULL;

		if (a && !strcmp(a, is) && (!key2 || (b && !strcmp(b, is2))))
			return row;
	}
	return NULL;
}

json_t *trace_device(const struct trace *t, const char *device)
{
	return find(json_at(t->summary, "devices"), "name", device, NULL, NULL);
}

json_t *trace_device_op(const struct trace *t, const char *device, const char *op)
{
	return find(json_at(trace_device(t, device), "ops"), "op", op, NULL, NULL);
}

json_t *trace_operation(const struct trace *t, const char *kind, const char *via)
{
	return find(json_at(t->summary, "operations"), "kind", kind, "via", via);
}

bool trace_is_slow(json_t *line)
{
	const char *type = text_at(line, "type");

	return type && !strcmp(type, "slow");
}

json_t *trace_by_rows(const struct trace *t, const char *dim)
{
	char path[64];

	snprintf(path, sizeof(path), "by.%s.rows", dim);
	return json_at(t->summary, path);
}

json_t *trace_by_row(const struct trace *t, const char *dim, const char *member, const char *value)
{
	return find(trace_by_rows(t, dim), member, value, NULL, NULL);
}

static int64_t count_of(json_t *row)
{
	return row ? number_at(row, "count") : 0;
}

int64_t trace_device_count(const struct trace *t, const char *device, const char *op)
{
	return count_of(trace_device_op(t, device, op));
}

int64_t trace_operation_count(const struct trace *t, const char *kind, const char *via)
{
	return count_of(trace_operation(t, kind, via));
}

int64_t manifest_number(json_t *manifest, const char *op, const char *member)
{
	json_t *row = find(json_at(manifest, "ops"), "op", op, NULL, NULL);

	return row ? number_at(row, member) : 0;
}

void check_device(const struct trace *t, const char *device, const char *op, int64_t count, int64_t bytes)
{
	json_t *row = trace_device_op(t, device, op);
	char what[64];

	snprintf(what, sizeof(what), "%s requests of %s", op, device);
	check_same(what, count_of(row), count);
	snprintf(what, sizeof(what), "%s bytes of %s", op, device);
	check_same(what, row ? number_at(row, "bytes") : 0, bytes);
	if (row)
		check_stages(row);
}

void check_operation(const struct trace *t, const char *kind, const char *via, int64_t count, int64_t bytes)
{
	json_t *row = trace_operation(t, kind, via);
	char what[64];

	snprintf(what, sizeof(what), "%s operations through %s", kind, via);
	check_same(what, count_of(row), count);
	snprintf(what, sizeof(what), "%s bytes through %s", kind, via);
	check_same(what, row ? number_at(row, "bytes") : 0, bytes);
	if (row)
		check_stages(row);
}

static void check_finished(json_t *tally, const char *of)
{
	char what[64];

	snprintf(what, sizeof(what), "%s in flight at the end", of);
	check_same(what, number_at(tally, "in_flight"), 0);
	snprintf(what, sizeof(what), "%s finished of those seen", of);
	check_same(what, number_at(tally, "finished"), number_at(tally, "seen"));
}

void check_coverage(const struct trace *t)
{
	/* else a request whose begin the tracer missed could pass for one of before */
	check_same("begun before", number_at(t->summary, "coverage.begun_before"), 0);
	check_coverage_under_load(t);
}

void check_coverage_under_load(const struct trace *t)
{
	json_t *lost = json_at(t->summary, "coverage.lost"), *n;
	const char *cause;
	char what[64];

	check_true("losses are listed", json_object_size(lost) > 0);
	json_object_foreach(lost, cause, n) {
		snprintf(what, sizeof(what), "lost by %s", cause);
		if (!json_is_null(n))
			check_same(what, json_integer_value(n), 0);
	}
	check_finished(json_at(t->summary, "coverage"), "all");
	check_finished(json_at(t->summary, "coverage.requests"), "requests");
	check_finished(json_at(t->summary, "coverage.operations"), "operations");
}

static void check_stage(const char *name, json_t *stage, int64_t count)
{
	int64_t sum = number_at(stage, "sum_ns"), n = number_at(stage, "count"),
		max = number_at(stage, "max_ns");
	int64_t p50 = number_at(stage, "p50_ns"), p99 = number_at(stage, "p99_ns"),
		p999 = number_at(stage, "p999_ns");
	char what[64];

	snprintf(what, sizeof(what), "count of stage %s", name);
	check_between(what, n, 0, count);
	if (n <= 0)
		return;
	snprintf(what, sizeof(what), "sum of stage %s", name);
	check_between(what, sum, max, max * n);
	snprintf(what, sizeof(what), "mean of stage %s", name);
	check_between(what, number_at(stage, "mean_ns"), sum / n - 1, sum / n + 1);
	snprintf(what, sizeof(what), "percentiles of stage %s in order", name);
	check_true(what, 0 <= p50 && p50 <= p99 && p99 <= p999 && p999 <= max);
}

void check_stages(json_t *row)
{
	json_t *stages = json_at(row, "stages"), *stage;
	int64_t sum = 0, total = number_at(stages, "total.sum_ns"), count = number_at(row, "count");
	const char *name;

	json_object_foreach(stages, name, stage) {
		if (json_is_null(stage))
			continue;
		check_stage(name, stage, count);
		if (strcmp(name, "total") && number_at(stage, "sum_ns") > 0)
			sum += number_at(stage, "sum_ns");
	}
	/* a flush command that no operation asked for has no time of asking, and so no total */
	if (text_at(row, "op") && !strcmp(text_at(row, "op"), "flush") &&
	    number_at(stages, "total.count") < count)
		return;
	check_same("count of the total", number_at(stages, "total.count"), count);
	check_between("sum of the stages", sum, total - total / 1000 - count, total + total / 1000 + count);
}

void check_summary_shape(const struct trace *t, const char *tier)
{
	static const char *const losses[] = { "ring_full", "map_full", "no_start", "time_backwards",
					      "recursion" };
	char path[64];

	check_same("schema", number_at(t->summary, "schema"), 1);
	check_text("tier", text_at(t->summary, "tier"), tier);
	for (size_t i = 0; i < ARRAY_SIZE(losses); i++) {
		snprintf(path, sizeof(path), "coverage.lost.%s", losses[i]);
		check_true(path, json_at(t->summary, path));
	}
	check_between("cost.user_cpu_ns", number_at(t->summary, "cost.user_cpu_ns"), 1, INT64_MAX);
	check_between("cost.maps_bytes", number_at(t->summary, "cost.maps_bytes"), 1, INT64_MAX);
	check_between("cost.rss_bytes", number_at(t->summary, "cost.rss_bytes"), 1, INT64_MAX);
}

void check_cache(json_t *row, const char *tier, int64_t hits, int64_t misses)
{
	bool measured = strcmp(tier, "block") && strcmp(tier, "vfs");

	check_same("cache hits", number_at(row, "cache.hits"), measured ? hits : -1);
	check_same("cache misses", number_at(row, "cache.misses"), measured ? misses : -1);
}
