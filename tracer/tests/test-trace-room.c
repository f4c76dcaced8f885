/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Maps of another size (--room): too little is counted as lost, and doctor tells the memory. */
#include <string.h>

#include "ground-attempt.h"
#include "ground-check.h"
#include "ground-loops.h"
#include "ground-trace.h"
#include "tracer/base/test.h"

enum { READS = 2000, SIZE = 4096 };

static int64_t told(const struct trace *t)
{
	json_t *line;
	int64_t n = 0;
	size_t i;

	json_array_foreach(t->lines, i, line) {
		const char *type = text_at(line, "type");

		n += type && !strcmp(type, "sample");
	}
	return n;
}

/* Each read is a record, and the ring has room for three: whether the reader is quick enough or not, none is missing. */
TRACE_TEST(records_that_find_no_room)
{
	const char *why = need_loop();
	struct trace t;
	int64_t lost;

	if (why)
		TEST_SKIP(why);
	check_case("--sample 1/1 --room ring=4k, 48 threads");
	if (trace_command(&t, "--tier vfs --dev %s --sample 1/1 --room ring=4k -- known-count --target %s --count %d --size %d --threads 48 --direct",
			  loop.name, loop.path, READS, SIZE)) {
		lost = number_at(t.summary, "coverage.lost.ring_full");
		printf("    %lld of %d records lost\n", (long long)lost, READS);
		check_same("told and lost", told(&t) + lost, READS);
		check_operation(&t, "read", "syscall", READS, (int64_t)READS * SIZE);
		check_device(&t, loop.name, "read", READS, (int64_t)READS * SIZE);
	}
	trace_free(&t);
}

/* More readers at once than there is room for. */
TRACE_TEST(operations_that_find_no_room)
{
	const char *why = need_loop();
	struct trace t;
	int64_t reads, lost;

	if (why)
		TEST_SKIP(why);
	check_case("--room operations=8, 48 threads");
	if (trace_command(&t, "--tier vfs --dev %s --room operations=8 -- known-count --target %s --count %d --size %d --threads 48 --direct",
			  loop.name, loop.path, READS, SIZE)) {
		reads = trace_operation_count(&t, "read", "syscall");
		lost = number_at(t.summary, "coverage.lost.map_full");
		check_between("lost", lost, 1, INT64_MAX);
		check_between("no more reads than were done", reads, 1, READS);
		check_between("reads and what was lost", reads + lost, READS, INT64_MAX);
		check_device(&t, loop.name, "read", READS, (int64_t)READS * SIZE);
	}
	trace_free(&t);
}

static int64_t maps_bytes(const char *options)
{
	json_t *doctor;
	struct proc p = {};
	int64_t bytes = -1;

	if (check_same("doctor", proc_line(&p, "iopath doctor --json --cpus 4%s", options), 0)) {
		doctor = json_loads(p.out.text, 0, NULL);
		bytes = number_at(json_array_get(json_at(doctor, "tiers"), 3), "maps_bytes");
		json_decref(doctor);
	}
	proc_free(&p);
	return bytes;
}

TEST(doctor_tells_the_memory)
{
	int64_t usual = maps_bytes("");

	check_case("iopath doctor --room");
	check_between("bytes", usual, 1 << 20, 64 << 20);
	check_between("with a ring", maps_bytes(" --room ring=64M"), usual + (64 << 20), usual + (80 << 20));
	check_between("with few operations", maps_bytes(" --room operations=8"), 1, usual - (1 << 20));
	check_between("with few of all", maps_bytes(" --room operations=8 --room bios=8 --room requests=8"), 1, usual - (2 << 20));
}

TEST_MAIN("trace-room", T(records_that_find_no_room), T(operations_that_find_no_room), T(doctor_tells_the_memory))
