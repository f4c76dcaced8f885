/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Arms on the command line, and the summary of a tracer. */
#include <errno.h>
#include <string.h>

#include "bench/arm.h"
#include "bench/cell.h"
#include "bench/tracer.h"
#include "tracer/base/cleanup.h"
#include "tracer/base/test.h"

#define SUMMARY(devices, lost)                                                                \
	"{\"type\":\"summary\",\"schema\":1,\"tier\":\"block\",\"devices\":" devices             \
	",\"coverage\":{\"seen\":9,\"finished\":9,\"in_flight\":0,\"lost\":" lost "},\"cost\":{}}"
#define LOOP0(n) "[{\"name\":\"sda\",\"ops\":[{\"op\":\"read\",\"count\":5}]},"                    \
		 "{\"name\":\"loop0\",\"ops\":[{\"op\":\"read\",\"count\":" #n "},{\"op\":\"write\",\"count\":2}]}]"

static void summary_fault(const char *text, const char *want, uint64_t ios, uint64_t lost)
{
	struct tracer_report r = { 0 };

	tracer_read_summary(text, "loop0", &r);
	if (want)
		ASSERT_TRUE(strstr(r.fault, want) != NULL);
	else
		ASSERT_STR(r.fault, "");
	ASSERT_EQ(r.traced_ios, ios);
	ASSERT_EQ(r.lost, lost);
	tracer_report_free(&r);
}

TEST(summary_is_the_last_line_and_counts_our_device)
{
	summary_fault("{\"type\":\"interval\"}\n" SUMMARY(LOOP0(40), "{\"ring_full\":3,\"map_full\":4}") "\n",
		      NULL, 42, 7);
}

TEST(a_missing_summary_is_a_fault)
{
	summary_fault("", "no summary", 0, 0);
	summary_fault("{\"type\":\"interval\"}\n", "no summary", 0, 0);
	summary_fault("{\"type\":\"summary\",", "no summary", 0, 0);
	summary_fault("{\"type\":\"summary\"}", "no devices", 0, 0);
	summary_fault(SUMMARY("[]", "{}"), NULL, 0, 0);
}

/* What a cell of tier @tier says whose device did @disk_ios, of which it saw @ios, and @ops operations. */
static const char *judged(const char *tier, bool floor, uint64_t disk_ios, uint64_t ios, uint64_t ops)
{
	static struct cell c;
	struct arm a = { .kind = ARM_TIER, .floor = floor };

	snprintf(a.tier, sizeof(a.tier), "%s", tier);
	c = (struct cell){ .has_tracer = true, .saturation.disk_ios = disk_ios,
			   .tracer = { .traced_ios = ios, .traced_ops = ops } };
	cell_judge_tracer(&c, &a);
	ASSERT_EQ(c.tracer_fault, c.fault[0] != '\0');
	return c.fault;
}

TEST(a_tracer_that_did_not_see_what_there_was_is_a_fault)
{
	ASSERT_STR(judged("block", false, 1000, 0, 0), "the tracer saw 0 of 1000 I/Os of the device");
	ASSERT_STR(judged("block", false, 1000, 499, 0), "the tracer saw 499 of 1000 I/Os of the device");
	ASSERT_STR(judged("block", false, 1000, 500, 0), "");
	ASSERT_STR(judged("full", false, 1000, 0, 1000), "the tracer saw 0 of 1000 I/Os of the device");
	ASSERT_STR(judged("full", false, 1000, 1000, 0), "the tracer traced no operation");
	ASSERT_STR(judged("full", false, 1000, 1000, 1000), "");
	ASSERT_STR(judged("full", true, 1000, 0, 0), "");
}

TEST(a_workload_in_the_page_cache_has_nothing_for_the_device)
{
	ASSERT_STR(judged("block", false, 0, 0, 0), "");
	ASSERT_STR(judged("block", false, 5, 0, 0), "");
	ASSERT_STR(judged("vfs", false, 3, 0, 478737), "");
	ASSERT_STR(judged("vfs", false, 0, 0, 0), "the tracer traced no operation");
}

static struct opt_list list(char **v)
{
	struct opt_list l = { .v = v };

	while (v && v[l.nr])
		l.nr++;
	return l;
}

static int arms(char **names, char **commands, char **ready, struct arm_list *ret, struct why *why)
{
	struct opt_list n = list(names), c = list(commands), r = list(ready), none = { 0 };

	*why = (struct why){ 0 };
	return arm_list_parse(&(struct arm_words){ &n, &c, &r, &none, 7 }, ret, why);
}

TEST(arms_always_have_off_and_its_twin)
{
	char *names[] = { "full", "block:empty", NULL };
	struct arm_list l;
	struct why why;

	ASSERT_EQ(arms(names, NULL, NULL, &l, &why), 0);
	ASSERT_EQ(l.nr, 4);
	ASSERT_STR(l.v[l.off].name, "off");
	ASSERT_STR(l.v[l.twin].name, "off2");
	ASSERT_STR(l.v[2].tier, "full");
	ASSERT_TRUE(!l.v[2].floor && l.v[3].floor);
	ASSERT_STR(l.v[3].tier, "block");
}

TEST(arms_of_others)
{
	char *names[] = { "off", "off2", "snoop", NULL };
	char *commands[] = { "snoop=biosnoop -d {disk} a=b", "bt=bpftrace x.bt {dev}", NULL };
	char *ready[] = { "bt=^Attach", "^Tracing", NULL };
	struct device d = { .path = "/dev/loop7", .name = "loop7" };
	_cleanup_free_ char *text = NULL;
	struct arm_list l;
	struct why why;

	ASSERT_EQ(arms(names, commands, ready, &l, &why), 0);
	ASSERT_EQ(l.nr, 4);
	ASSERT_STR(l.v[2].command, "biosnoop -d {disk} a=b");
	ASSERT_STR(l.v[2].ready, "^Tracing");
	ASSERT_EQ(l.v[2].delay_ns, 7);
	ASSERT_EQ(arm_expand("a {disk} {dev} {x} {disk}", &d, "/d", &text), 0);
	ASSERT_STR(text, "a loop7 /dev/loop7 {x} loop7");
}

TEST(arms_that_are_none)
{
	char *bad_names[][2] = { { "fulll", NULL }, { "off:empty", NULL }, { "full:x", NULL }, { "", NULL } };
	char *bad_commands[][2] = { { "x", NULL }, { "=x", NULL }, { "x=", NULL }, { "full=x", NULL },
				    { "a/b=x", NULL } };
	char *none[] = { NULL }, *twice[] = { "full", "full", NULL }, *re[] = { "(", NULL };
	struct arm_list l;
	struct why why;

	for (size_t i = 0; i < ARRAY_SIZE(bad_names); i++) {
		ASSERT_TRUE(arms(bad_names[i], none, none, &l, &why) < 0);
		ASSERT_EQ(why.code, EXIT_USAGE);
		ASSERT_TRUE(strstr(why.text, bad_names[i][0]) != NULL);
	}
	for (size_t i = 0; i < ARRAY_SIZE(bad_commands); i++) {
		ASSERT_TRUE(arms(none, bad_commands[i], none, &l, &why) < 0);
		ASSERT_EQ(why.code, EXIT_USAGE);
	}
	ASSERT_EQ(arms(twice, none, none, &l, &why), -EEXIST);
	ASSERT_TRUE(arms(none, none, re, &l, &why) < 0);
}

TEST_MAIN("test-bench-arm", T(summary_is_the_last_line_and_counts_our_device),
	  T(a_missing_summary_is_a_fault), T(arms_always_have_off_and_its_twin),
	  T(a_tracer_that_did_not_see_what_there_was_is_a_fault), T(arms_always_have_off_and_its_twin),
	  T(a_workload_in_the_page_cache_has_nothing_for_the_device), T(arms_always_have_off_and_its_twin),
	  T(arms_of_others), T(arms_that_are_none))
