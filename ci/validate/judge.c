/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdio.h>
#include <string.h>

#include "ci/validate/cell.h"
#include "ci/validate/differ.h"
#include "tracer/base/cleanup.h"
#include "tracer/tests/ground-check.h"

/* In path order. The others are of operations. */
static const char *const block_stages[] = { "q2g", "g2i", "i2d", "driver", "device", "complete" };

static bool is(const char *a, const char *b)
{
	return a && b && !strcmp(a, b);
}

static bool has_operations(const struct cell *c)
{
	return tier_rank(c->tier) >= tier_rank("vfs");
}

/* ---- what is measured ---- */

static json_t *doctor_stage(const struct cell *c, const char *name)
{
	json_t *stage;
	size_t i;

	json_array_foreach(json_at(c->doctor, "stages"), i, stage)
		if (is(text_at(stage, "stage"), name))
			return stage;
	return NULL;
}

static bool measured(const struct cell *c, const char *stage)
{
	return json_is_true(json_at(doctor_stage(c, stage), "measured"));
}

/* The tracer measures what the doctor has said, in the tiers where it has said so. */
static void judge_start(const struct cell *c, const struct trace *t)
{
	json_t *said = json_at(json_array_get(t->lines, 0), "measured_stages"), *stage, *name;
	size_t i, j;

	json_array_foreach(json_at(c->doctor, "stages"), i, stage) {
		bool want = json_is_true(json_at(stage, "measured")) &&
			    tier_rank(text_at(stage, "tier")) <= tier_rank(c->tier);
		bool got = false;
		char what[96];

		json_array_foreach(said, j, name)
			got |= is(json_string_value(name), text_at(stage, "stage"));
		snprintf(what, sizeof(what), "stage %s is measured", text_at(stage, "stage"));
		check_same(what, got, want);
	}
}

/* Does a hook see when this class of disk hands a command over? */
static bool driver_seen(const struct cell *c, const struct target *disk)
{
	static const struct {
		const char *class, *hook;
	} drivers[] = { { "nvme", "nvme" }, { "virtio", "virt" }, { "scsi", "scsi" }, { "scsi_debug", "scsi" } };
	json_t *hooks = json_at(doctor_stage(c, "driver"), "hooks"), *hook;
	size_t i;

	for (size_t d = 0; d < ARRAY_SIZE(drivers); d++)
		if (is(disk->class, drivers[d].class))
			json_array_foreach(hooks, i, hook)
				if (json_is_true(json_at(hook, "chosen")) &&
				    !strncmp(text_at(hook, "target"), drivers[d].hook, strlen(drivers[d].hook)))
					return true;
	return false;
}

/* ---- one row ---- */

/* Exclusive stages: not a nanosecond is counted twice or not at all. */
static void judge_sum(json_t *row, const char *of, int64_t window_ns)
{
	json_t *stages = json_at(row, "stages"), *stage;
	int64_t sum = 0;
	const char *name;
	char what[96];

	json_object_foreach(stages, name, stage) {
		int64_t ns = number_at(stage, "sum_ns");

		if (json_is_null(stage))
			continue;
		snprintf(what, sizeof(what), "%s: longest %s", of, name);
		if (number_at(stage, "count"))
			check_between(what, number_at(stage, "max_ns"), 0, window_ns);
		snprintf(what, sizeof(what), "%s: time in %s", of, name);
		check_between(what, ns, 0, INT64_MAX);
		if (!is(name, "total"))
			sum += ns;
	}
	snprintf(what, sizeof(what), "%s: sum of the stages", of);
	check_same(what, sum, number_at(stages, "total.sum_ns"));
	snprintf(what, sizeof(what), "%s: errors", of);
	check_same(what, number_at(row, "errors"), 0);
}

/* In how many requests each stage must have been. */
static void judge_stage_counts(const struct cell *c, const struct target *disk, json_t *row, const char *of,
			       const struct tally *want)
{
	for (size_t i = 0; i < ARRAY_SIZE(block_stages); i++) {
		const char *name = block_stages[i];
		json_t *stage = json_at(json_at(row, "stages"), name);
		int64_t least = want->count, most = want->count, count = number_at(stage, "count");
		char what[96];

		snprintf(what, sizeof(what), "%s: requests in %s", of, name);
		if (!measured(c, name)) {
			check_true("what is not measured is null", json_is_null(stage));
			continue;
		}
		if (is(name, "i2d"))
			least = want->scheduled;	/* of others what the driver could not take at once */
		if (is(name, "driver") && !driver_seen(c, disk))
			least = most = 0;
		if (is(name, "complete") && is(disk->class, "null_blk"))
			least = 0;	/* its timer ends requests itself */
		check_between(what, count, least, most);
	}
}

static void judge_requests(const struct cell *c, const struct target *disk, const struct trace *t,
			   const struct truth *truth, int64_t window_ns)
{
	for (int i = 0; i < NR_REQS; i++) {
		const struct tally *want = &truth->requests[i];
		json_t *row = trace_device_op(t, disk->name, want->name);
		char of[64];

		snprintf(of, sizeof(of), "%s requests of %s", want->name, disk->name);
		check_device(t, disk->name, want->name, want->count, want->bytes);
		if (!row)
			continue;
		judge_sum(row, of, window_ns);
		if (i != REQ_FLUSH)
			judge_stage_counts(c, disk, row, of, want);
		check_same("merged bios", number_at(row, "merged_bios"), 0);
	}
}

static bool is_ours(const struct cell *c, const char *device)
{
	for (size_t i = 0; i < c->nr_disks; i++)
		if (is(device, c->disks[i].target->name))
			return true;
	return false;
}

/* Nothing is in the report that was not done. */
static void judge_no_more(const struct cell *c, const struct trace *t, const struct truth *truth)
{
	json_t *device, *row;
	int64_t requests = 0, operations = 0;
	size_t d, o;

	json_array_foreach(json_at(t->summary, "devices"), d, device) {
		check_true("a device of the report is one of the cell", is_ours(c, text_at(device, "name")));
		json_array_foreach(json_at(device, "ops"), o, row)
			if (!is(text_at(row, "op"), "flush_command"))
				requests += number_at(row, "count");
	}
	check_same("requests of any kind", requests, truth_requests(truth));
	if (!has_operations(c)) {
		check_true("operations are null", json_is_null(json_at(t->summary, "operations")));
		return;
	}
	json_array_foreach(json_at(t->summary, "operations"), o, row)
		operations += number_at(row, "count");
	check_same("operations of any kind", operations, truth_operations(truth));
}

static void judge_operations(const struct cell *c, const struct trace *t, const struct truth *truth,
			     int64_t window_ns)
{
	json_t *read = trace_operation(t, "read", "syscall");
	bool cached = tier_rank(c->tier) >= tier_rank("filemap");

	for (size_t i = 0; i < truth->nr_operations; i++) {
		const struct tally *want = &truth->operations[i];
		json_t *row = trace_operation(t, want->name, want->via);
		char of[64];

		snprintf(of, sizeof(of), "%s by %s", want->name, want->via);
		check_operation(t, want->name, want->via, want->count, want->bytes);
		if (row)
			judge_sum(row, of, window_ns);
	}
	check_same("reads that hit the page cache", number_at(read, "cache.hits"), cached ? truth->hits : -1);
	check_same("reads that missed it", number_at(read, "cache.misses"), cached ? truth->misses : -1);
}

/* ---- against the disk, and the report against itself ---- */

static int64_t commands_of(const struct target *disk, const struct trace *t)
{
	return trace_device_count(t, disk->name, "flush_command");
}

static int64_t commands(const struct cell *c, const struct trace *t)
{
	int64_t n = 0;

	for (size_t i = 0; i < c->nr_disks; i++)
		n += commands_of(c->disks[i].target, t);
	return n;
}

/* A count of @disk's own. */
static void same_count(const struct target *disk, const char *of, uint64_t got, int64_t want)
{
	char what[96];

	snprintf(what, sizeof(what), "%s by %s's own count", of, disk->name);
	check_same(what, (int64_t)got, want);
}

static void judge_disk(const struct target *disk, const struct trace *t, const struct truth *truth,
		       const struct disk_stat *d)
{
	const struct tally *r = truth->requests;

	same_count(disk, "reads", d->reads, r[REQ_READ].count);
	same_count(disk, "writes and flushes", d->writes, r[REQ_WRITE].count + r[REQ_FLUSH].count);
	same_count(disk, "discards", d->discards, r[REQ_DISCARD].count);
	same_count(disk, "flush commands", d->flushes, commands_of(disk, t));
	same_count(disk, "bytes read", d->read_sectors * 512, r[REQ_READ].bytes);
	same_count(disk, "bytes written", d->write_sectors * 512, r[REQ_WRITE].bytes);
	same_count(disk, "bytes discarded", d->discard_sectors * 512, r[REQ_DISCARD].bytes);
}

static void judge_coverage(const struct cell *c, const struct trace *t, const struct truth *truth)
{
	json_t *v = json_at(t->summary, "coverage");
	bool above = has_operations(c);

	check_coverage(t);
	check_same("requests seen", number_at(v, "requests.seen"), truth_requests(truth) + commands(c, t));
	check_same("operations seen", number_at(v, "operations.seen"), above ? truth_operations(truth) : 0);
	check_same("begun before", number_at(v, "begun_before"), 0);
	check_same("tasks that died", number_at(v, "task_died"), 0);
	check_same("bios merged", number_at(v, "merged_bios"), 0);
	check_same("bios outside of operations", number_at(v, "untied_bios"), 0);
}

/* ---- each I/O on its own ---- */

static void judge_record(const struct cell *c, json_t *record, int64_t begin_ns, int64_t end_ns)
{
	json_t *stages = json_at(record, "stages"), *stage;
	int64_t sum = 0, start = number_at(record, "start_ns"), total = number_at(record, "total_ns");
	const char *name, *kind = text_at(record, "kind");
	char what[96];

	json_object_foreach(stages, name, stage) {
		if (json_is_null(stage))
			continue;
		snprintf(what, sizeof(what), "record of a %s: %s", kind, name);
		check_between(what, json_integer_value(stage), 0, total);
		sum += json_integer_value(stage);
	}
	snprintf(what, sizeof(what), "record of a %s: sum of its stages", kind);
	check_same(what, sum, total);
	snprintf(what, sizeof(what), "record of a %s: start", kind);
	check_between(what, start, begin_ns, end_ns - total);
	if (number_at(record, "requests") > 0)
		check_true("the device of a record is one of the cell", is_ours(c, text_at(record, "device")));
	if (is(text_at(record, "level"), "operation"))
		check_text("who did it", text_at(record, "comm"), "known-count");
}

/* Those of requests: in tier block all, above it those that no operation owns. */
static void judge_records(const struct cell *c, const struct trace *t, const struct truth *truth)
{
	int64_t begin = number_at(t->summary, "start_ns"), end = begin + number_at(t->summary, "window_ns");
	int64_t operations = 0, requests = 0;
	bool above = has_operations(c);
	json_t *line;
	size_t i;

	json_array_foreach(t->lines, i, line) {
		if (!is(text_at(line, "type"), "slow"))
			continue;
		if (is(text_at(line, "level"), "operation"))
			operations++;
		else
			requests++;
		judge_record(c, line, begin, end);
	}
	check_same("records of operations", operations, above ? truth_operations(truth) : 0);
	check_same("records of requests", requests, commands(c, t) + (above ? 0 : truth_requests(truth)));
}

void judge(const struct cell *c, const struct trace *t, const struct seen *seen)
{
	int64_t window_ns = number_at(t->summary, "window_ns");
	struct truth all;

	truth_init(&all);
	check_summary_shape(t, c->tier);
	judge_start(c, t);
	for (size_t i = 0; i < c->nr_disks; i++) {
		const struct target *disk = c->disks[i].target;

		judge_requests(c, disk, t, &seen[i].truth, window_ns);
		judge_disk(disk, t, &seen[i].truth, &seen[i].stat);
		truth_add(&all, &seen[i].truth);
	}
	if (has_operations(c))
		judge_operations(c, t, &all, window_ns);
	judge_no_more(c, t, &all);
	judge_coverage(c, t, &all);
	if (c->records)
		judge_records(c, t, &all);
}
