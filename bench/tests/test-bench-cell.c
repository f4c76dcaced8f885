/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What makes a window not count: a machine that did something else meanwhile. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench/kmsg.h"
#include "bench/pass.h"
#include "bench/stop.h"
#include "tracer/base/cleanup.h"
#include "tracer/base/test.h"

/* ---- the kernel's log: a record per read, as /dev/kmsg has them ---- */

static int fd[2];

static void open_log(void)
{
	ASSERT_EQ(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, fd), 0);
}

static void put(const char *record)
{
	ASSERT_EQ(send(fd[1], record, strlen(record), 0), (ssize_t)strlen(record));
}

static void close_log(void)
{
	close(fd[0]);
	close(fd[1]);
}

TEST(a_complaint_is_told_from_talk)
{
	char text[160] = "";

	open_log();
	ASSERT_EQ(kmsg_complaint(fd[0], text, sizeof(text)), 0);
	put("6,100,5000,-;loop0: detected capacity change from 0 to 131072\n");
	put("6,101,5001,-;Adding 1k swap on WARNINGS\n");
	ASSERT_EQ(kmsg_complaint(fd[0], text, sizeof(text)), 0);
	put("4,102,5002,-;WARNING: CPU: 0 PID: 1 at block/blk-mq.c:1\n");
	put("4,103,5003,-;BUG: another\n");
	ASSERT_EQ(kmsg_complaint(fd[0], text, sizeof(text)), 1);
	ASSERT_TRUE(!strncmp(text, "WARNING: CPU: 0", 15)); /* the first, and without what stands before it */
	/* it has read on to the end: the next window has a clean start */
	ASSERT_EQ(kmsg_complaint(fd[0], text, sizeof(text)), 0);
	put("3,104,5004,-;Buffer I/O error on dev loop0\n");
	ASSERT_EQ(kmsg_complaint(fd[0], text, sizeof(text)), 1);
	ASSERT_EQ(kmsg_complaint(-1, text, sizeof(text)), 0);
	close_log();
}

/* ---- the window ---- */

#define WINDOW_NS (2 * NS_PER_S)

static struct pass_result good(void)
{
	struct pass_result r = { .scheduler_before = "none", .scheduler_after = "none" };

	r.cpu.nr = 2;
	r.cpu.window_ns = WINDOW_NS;
	return r;
}

static void expect(struct pass_result r, const char *fault)
{
	struct pass_env e = { .scheduler = "none", .kmsg_fd = fd[0], .max_steal_pct = 1 };

	pass_judge_machine(&e, &r);
	if (!fault)
		ASSERT_STR(r.fault, "");
	if (fault && !strstr(r.fault, fault))
		printf("    %s\n", r.fault);
	ASSERT_TRUE(!fault || strstr(r.fault, fault) != NULL);
}

TEST(a_scheduler_that_was_switched_does_not_count)
{
	struct pass_result r = good();

	open_log();
	expect(r, NULL);
	strcpy(r.scheduler_after, "bfq");
	expect(r, "scheduler is bfq, not none");
	r = good();
	strcpy(r.scheduler_before, "kyber");
	expect(r, "scheduler is kyber, not none");
	close_log();
}

TEST(a_kernel_that_complains_does_not_count)
{
	open_log();
	put("4,102,5002,-;WARNING: x\n");
	expect(good(), "the kernel complained: WARNING: x");
	expect(good(), NULL);
	close_log();
}

/* One percent of both cores' time is 40 ms here. */
TEST(time_that_the_hypervisor_took_does_not_count)
{
	struct pass_result r = good();

	open_log();
	r.cpu.steal_ns = 39 * NS_PER_MS;
	expect(r, NULL);
	r.cpu.steal_ns = 60 * NS_PER_MS;
	expect(r, "the hypervisor took 1.5% of the CPU time");
	/* two ticks of a short window are no share */
	r.cpu.window_ns = 100 * NS_PER_MS;
	r.cpu.steal_ns = 20 * NS_PER_MS;
	expect(r, NULL);
	r.cpu.steal_ns = 21 * NS_PER_MS;
	expect(r, "the hypervisor took");
	close_log();
}

static json_t *usage_of(const struct pass_result *r)
{
	json_t *o, *usage;
	struct pass_result copy = *r;

	copy.cpu.nr = 0; /* no core has figures */
	o = pass_json(&copy);
	usage = json_incref(json_object_get(o, "usage"));
	json_decref(o);
	return usage;
}

TEST(a_processor_that_cools_off_does_not_count)
{
	struct pass_result r = good();
	json_t *usage;

	open_log();
	r.has_usage = true;
	r.usage.core_throttles = 9; /* not measured */
	expect(r, NULL);
	usage = usage_of(&r);
	ASSERT_TRUE(json_is_null(json_object_get(usage, "core_throttles")));
	ASSERT_TRUE(json_is_null(json_object_get(usage, "package_throttles")));
	json_decref(usage);
	r.usage = (struct meter_usage){ .has_throttle = true };
	expect(r, NULL);
	r.usage.core_throttles = 1;
	expect(r, "the processor slowed down to cool off (throttle counts: core +1, package +0)");
	usage = usage_of(&r);
	ASSERT_EQ(json_integer_value(json_object_get(usage, "core_throttles")), 1);
	ASSERT_TRUE(json_is_integer(json_object_get(usage, "package_throttles")));
	json_decref(usage);
	r.usage = (struct meter_usage){ .has_throttle = true, .package_throttles = 8 };
	expect(r, "core +0, package +8");
	close_log();
}

TEST(what_is_odd_but_counts_is_flagged)
{
	static const char *const names[] = { "unsteady", "rate_missed", "uevents" };

	for (unsigned int i = 0; i < ARRAY_SIZE(names); i++) {
		struct pass_result r = good();
		json_t *o, *flags;

		r.cpu.nr = 0; /* no core has figures */
		r.flags = 1u << i;
		o = pass_json(&r);
		flags = json_object_get(o, "flags");
		ASSERT_EQ(json_array_size(flags), 1);
		ASSERT_STR(json_string_value(json_array_get(flags, 0)), names[i]);
		json_decref(o);
	}
}

TEST_MAIN("test-bench-cell", T(a_complaint_is_told_from_talk), T(a_scheduler_that_was_switched_does_not_count),
	  T(a_kernel_that_complains_does_not_count), T(time_that_the_hypervisor_took_does_not_count),
	  T(a_processor_that_cools_off_does_not_count), T(what_is_odd_but_counts_is_flagged))
