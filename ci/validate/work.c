/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ci/validate/work.h"

#include <string.h>

#include "ci/validate/differ.h"
#include "tracer/base/cleanup.h"
#include "tracer/tests/ground-trace.h"

enum { NOT_OFFERED = 77 };	/* known-count's exit status for it */

enum cache { PAST, MISS, HIT };

/*
 * Counts are primes, and each its own: whatever is counted in the wrong place
 * is seen there too. Offsets are apart, so that nothing merges.
 */
static const struct work {
	const char *name;
	int64_t count;
	enum cache cache;
	const char *words;
} works[] = {
	{ "reads", 211, PAST, "--direct --engine psync --op read --count 211" },
	{ "writes with fsync", 223, PAST, "--direct --engine psync --op write --count 223 --fsync-every 37" },
	{ "reads by io_uring", 227, PAST,
	  "--direct --engine io_uring --op read --count 227 --depth 16 --batch 4" },
	{ "writes by io_uring with fdatasync", 229, PAST,
	  "--direct --engine io_uring --op write --count 229 --depth 8 --fsync-every 53 --fdatasync" },
	{ "reads by io_uring's workers", 193, PAST,
	  "--direct --engine io_uring_punt --op read --count 193 --depth 8" },
	{ "reads by io_uring, registered", 197, PAST,
	  "--direct --engine io_uring_fixed --op read --count 197 --depth 8 --batch 2" },
	{ "reads by libaio", 233, PAST, "--direct --engine libaio --op read --count 233 --depth 16 --batch 4" },
	{ "writes by libaio", 239, PAST, "--direct --engine libaio --op write --count 239 --depth 16 --batch 4" },
	{ "discards", 61, PAST, "--count 0 --discard 61 --size 64k" },
	{ "reads through the page cache", 199, MISS, "--op read --count 199 --cold --no-readahead" },
	{ "reads from the page cache", 199, HIT, "--op read --count 199 --no-readahead" },
};

static void operation_add(struct truth *t, const char *name, const char *via, int64_t count, int64_t bytes)
{
	size_t i = 0;

	while (i < t->nr_operations &&
	       (strcmp(t->operations[i].name, name) || strcmp(t->operations[i].via, via)))
		i++;
	if (i == t->nr_operations)
		t->operations[t->nr_operations++] = (struct tally){ .name = name, .via = via };
	t->operations[i].count += count;
	t->operations[i].bytes += bytes;
}

static void request_add(struct truth *t, int row, int64_t count, int64_t bytes)
{
	t->requests[row].count += count;
	t->requests[row].bytes += bytes;
}

/* The texts of a manifest go with it; these stay. */
static const char *constant(const char *text)
{
	static const char *const all[] = { "read",    "write",	  "fsync",  "fdatasync",
					   "discard", "syscall", "io_uring", "libaio" };

	for (size_t i = 0; i < ARRAY_SIZE(all); i++)
		if (text && !strcmp(all[i], text))
			return all[i];
	return "unknown";
}

static void add_row(struct truth *t, const struct work *w, const struct target *disk, json_t *row)
{
	const char *op = constant(text_at(row, "op")), *via = constant(text_at(row, "via"));
	int64_t count = number_at(row, "count"), bytes = number_at(row, "bytes");

	if (!strcmp(op, "discard")) {
		request_add(t, REQ_DISCARD, count, bytes);
		operation_add(t, op, "syscall", count, 0);	/* an ioctl transfers nothing */
		return;
	}
	operation_add(t, op, via, count, bytes);
	if (!strcmp(op, "read") && w->cache != HIT)
		request_add(t, REQ_READ, count, bytes);
	else if (!strcmp(op, "write"))
		request_add(t, REQ_WRITE, count, bytes);
	else if (!strcmp(op, "fsync") || !strcmp(op, "fdatasync"))
		request_add(t, REQ_FLUSH, disk->flushes ? count : 0, 0);
}

static bool take_manifest(struct truth *t, const struct work *w, const struct target *disk, const char *text)
{
	json_t *manifest = json_loads(text, 0, NULL), *ops = json_at(manifest, "ops"), *row;
	int64_t done = 0;
	size_t i;

	json_array_foreach(ops, i, row) {
		const char *op = text_at(row, "op");

		if (op && strcmp(op, "fsync") && strcmp(op, "fdatasync"))
			done += number_at(row, "count");
		add_row(t, w, disk, row);
	}
	json_decref(manifest);
	if (done != w->count)
		differ("%s: known-count did %lld, wanted %lld", w->name, (long long)done, (long long)w->count);
	if (w->cache == MISS)
		t->misses += done;
	if (w->cache == HIT)
		t->hits += done;
	return done == w->count;
}

static bool do_one(const struct work *w, const struct target *disk, struct truth *t, json_t *not_offered)
{
	struct proc p = {};
	bool discard = strstr(w->words, "--discard"), fine = true;
	int status;

	if (discard && !disk->discards) {
		json_array_append_new(not_offered, json_string(w->name));
		return true;
	}
	status = proc_line(&p, "known-count --target %s %s", disk->path, w->words);
	if (status == NOT_OFFERED) {
		json_array_append_new(not_offered, json_string(w->name));
	} else if (status) {
		differ("%s: known-count ended with %d: %.200s", w->name, status, p.err.text);
		fine = false;
	} else {
		fine = take_manifest(t, w, disk, p.out.text);
	}
	proc_free(&p);
	return fine;
}

void truth_init(struct truth *t)
{
	*t = (struct truth){ .requests = { [REQ_READ].name = "read",
					   [REQ_WRITE].name = "write",
					   [REQ_DISCARD].name = "discard",
					   [REQ_FLUSH].name = "flush" } };
}

void truth_add(struct truth *t, const struct truth *more)
{
	for (int i = 0; i < NR_REQS; i++) {
		request_add(t, i, more->requests[i].count, more->requests[i].bytes);
		t->requests[i].scheduled += more->requests[i].scheduled;
	}
	for (size_t i = 0; i < more->nr_operations; i++) {
		const struct tally *o = &more->operations[i];

		operation_add(t, o->name, o->via, o->count, o->bytes);
	}
	t->hits += more->hits;
	t->misses += more->misses;
}

bool work_do(const struct target *disk, struct truth *t, json_t *not_offered)
{
	const struct truth before = *t;
	char scheduler[32];
	bool fine = true;

	target_scheduler(disk, scheduler, sizeof(scheduler));
	json_array_clear(not_offered);
	for (size_t i = 0; i < ARRAY_SIZE(works) && fine; i++)
		fine = do_one(&works[i], disk, t, not_offered);
	for (int i = 0; i < NR_REQS && strcmp(scheduler, "none"); i++)
		t->requests[i].scheduled += t->requests[i].count - before.requests[i].count;
	return fine;
}

int64_t truth_requests(const struct truth *t)
{
	int64_t n = 0;

	for (int i = 0; i < NR_REQS; i++)
		n += t->requests[i].count;
	return n;
}

int64_t truth_operations(const struct truth *t)
{
	int64_t n = 0;

	for (size_t i = 0; i < t->nr_operations; i++)
		n += t->operations[i].count;
	return n;
}
