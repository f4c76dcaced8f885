/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Arms on the command line, and the summary of a tracer. */
#include <errno.h>
#include <signal.h>
#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
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

static int parse_iopath(const char *word, struct arm_list *ret, struct why *why)
{
	struct opt_list none = { 0 }, one = { .v = (char **)&word, .nr = 1 };

	return arm_list_parse(&(struct arm_words){ &none, &none, &one, &none, &none, &none, &none }, ret, why);
}

TEST(another_iopath_is_judged_like_ours)
{
	static const char *const wrong[] = { "base", "base=", "base=full", "base=full:", "base=nosuch:/x", "base=perf:/x", "full=full:/x" };
	struct arm_list l;
	struct why why;
	struct cell c = { .has_tracer = true, .saturation.disk_ios = 100000,
			  .tracer = { .traced_ios = 5, .traced_ops = 5, .has_summary = true } };

	ASSERT_EQ(parse_iopath("base=vfs:/there/iopath", &l, &why), 0);
	ASSERT_EQ(l.nr, 3);
	ASSERT_EQ(l.v[2].kind, ARM_TIER);
	ASSERT_STR(l.v[2].name, "base");
	ASSERT_STR(l.v[2].tier, "vfs");
	ASSERT_STR(l.v[2].program, "/there/iopath");
	cell_judge_tracer(&c, &l.v[2]);
	ASSERT_STR(c.fault, "the tracer saw 5 of 100000 I/Os of the device");
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++)
		ASSERT_TRUE(parse_iopath(wrong[i], &l, &why) < 0 && why.code == EXIT_USAGE);
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
	/* half of the work is half of the cost */
	ASSERT_STR(judged("block", false, 1000, 989, 0), "the tracer saw 989 of 1000 I/Os of the device");
	ASSERT_STR(judged("block", false, 1000, 990, 0), "");
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

static int arms_that_stop(char **names, char **commands, char **ready, char **stop, struct arm_list *ret, struct why *why)
{
	struct opt_list n = list(names), c = list(commands), r = list(ready), s = list(stop), none = { 0 };

	*why = (struct why){ 0 };
	return arm_list_parse(&(struct arm_words){ &n, &c, &none, &r, &none, &s, &none }, ret, why);
}

static int arms_that_take(char **names, char **commands, char **delay, struct arm_list *ret, struct why *why)
{
	struct opt_list n = list(names), c = list(commands), d = list(delay), none = { 0 };

	*why = (struct why){ 0 };
	return arm_list_parse(&(struct arm_words){ &n, &c, &none, &none, &none, &none, &d }, ret, why);
}

static int arms(char **names, char **commands, char **ready, struct arm_list *ret, struct why *why)
{
	return arms_that_stop(names, commands, ready, NULL, ret, why);
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
	ASSERT_EQ(arm_expand("a {disk} {dev} {x} {disk}", &d, "/d", &text), 0);
	ASSERT_STR(text, "a loop7 /dev/loop7 {x} loop7");
}

TEST(arms_are_asked_to_end_as_they_want)
{
	char *names[] = { "full", NULL }, *commands[] = { "a=x", "b=y", NULL };
	char *stop[] = { "TERM", "b=USR1", NULL }, *bad[] = { "b=KILL", NULL };
	struct arm_list l;
	struct why why;

	ASSERT_EQ(arms(names, commands, NULL, &l, &why), 0);
	ASSERT_TRUE(l.v[2].stop_signal == SIGINT && l.v[3].stop_signal == SIGINT && l.v[4].stop_signal == SIGINT);
	ASSERT_EQ(arms_that_stop(names, commands, NULL, stop, &l, &why), 0);
	/* ours by its own way */
	ASSERT_TRUE(l.v[2].stop_signal == SIGINT && l.v[3].stop_signal == SIGTERM && l.v[4].stop_signal == SIGUSR1);
	ASSERT_EQ(arms_that_stop(names, commands, NULL, bad, &l, &why), -EINVAL);
	ASSERT_TRUE(why.code == EXIT_USAGE && strstr(why.text, "--arm-stop KILL: not INT, TERM"));
}

TEST(arms_are_given_the_time_that_they_take)
{
	char *names[] = { "blktrace", NULL }, *commands[] = { "a=x", "b=y", NULL };
	char *delay[] = { "300ms", "b=10m", "blktrace=5s", NULL };
	char *bad[][2] = { { "b=soon", NULL }, { "b=601s", NULL }, { "601s", NULL } };
	struct arm_list l;
	struct why why;

	ASSERT_EQ(arms_that_take(names, commands, NULL, &l, &why), 0);
	ASSERT_TRUE(l.v[2].delay_ns == 2000000000 && l.v[3].delay_ns == 2000000000 && l.v[4].delay_ns == 2000000000);
	ASSERT_EQ(arms_that_take(names, commands, delay, &l, &why), 0);
	/* one without a name is for --arm alone: a ready-made one knows its own */
	ASSERT_TRUE(l.v[2].delay_ns == 5000000000 && l.v[3].delay_ns == 300000000 && l.v[4].delay_ns == 600000000000);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		ASSERT_EQ(arms_that_take(names, commands, bad[i], &l, &why), -EINVAL);
		ASSERT_TRUE(why.code == EXIT_USAGE && strstr(why.text, "not a duration up to 10m"));
	}
}

/* What --arm-ready, --arm-proof, --arm-stop and --arm-delay say of arms that do not take it is not passed over. */
TEST(an_option_of_an_arm_finds_its_arm)
{
	static const struct {
		const char *ready, *proof, *stop, *delay, *says;
	} t[] = {
		{ "mien=^HELLO", NULL, NULL, NULL, "--arm-ready mien=^HELLO: no arm is named mien" },
		{ NULL, "foo=x", NULL, NULL, "--arm-proof foo=x: no arm is named foo" },
		{ NULL, "full=x", NULL, NULL, "--arm-proof full=x: full is no tracer of others" },
		{ NULL, NULL, "full=TERM", NULL, "--arm-stop full=TERM: full is no tracer of others" },
		{ NULL, NULL, "base=TERM", NULL, "--arm-stop base=TERM: base is no tracer of others" },
		{ NULL, NULL, NULL, "off=1s", "--arm-delay off=1s: off is no tracer of others" },
		{ NULL, NULL, "main=TERM", NULL, "--arm-stop main=TERM: no arm is named main" },
		{ "mine=^HELLO", "mine=x", "mine=TERM", "mine=1s", NULL },
		{ "biolatency=^HELLO", "[=]x", "TERM", "1s", NULL },
		{ "^a=b", NULL, NULL, NULL, NULL }, /* no name begins so */
	};
	struct opt_list names = { .v = (char *[]){ "biolatency", "full" }, .nr = 2 },
			commands = { .v = (char *[]){ "mine=x" }, .nr = 1 }, none = { 0 },
			iopaths = { .v = (char *[]){ "base=full:/x" }, .nr = 1 };
	struct arm_list l;
	struct why why;

	for (size_t i = 0; i < ARRAY_SIZE(t); i++) {
		struct opt_list r = { (char **)&t[i].ready, !!t[i].ready }, p = { (char **)&t[i].proof, !!t[i].proof },
				s = { (char **)&t[i].stop, !!t[i].stop }, d = { (char **)&t[i].delay, !!t[i].delay };
		int err;

		why = (struct why){ 0 };
		err = arm_list_parse(&(struct arm_words){ &names, &commands, &iopaths, &r, &p, &s, &d }, &l, &why);
		ASSERT_EQ(err, t[i].says ? -EINVAL : 0);
		if (t[i].says && !strstr(why.text, t[i].says))
			printf("    wanted %s\n    not    %s\n", t[i].says, why.text);
		ASSERT_TRUE(!t[i].says || (why.code == EXIT_USAGE && strstr(why.text, t[i].says)));
	}
	/* the last one: for mine, not for biolatency */
	ASSERT_STR(l.v[4].name, "mine");
	ASSERT_STR(l.v[4].ready, "^a=b");
	ASSERT_STR(l.v[2].ready, "^Tracing");
	/* there is none that it is for */
	ASSERT_EQ(arm_list_parse(&(struct arm_words){ &names, &none, &none, &(struct opt_list){ (char *[]){ "^x" }, 1 }, &none, &none,
						      &none }, &l, &why), -EINVAL);
	ASSERT_TRUE(strstr(why.text, "--arm-ready ^x: there is no --arm that it could be for") != NULL);
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

/* ---- ready-made arms: what their tools print ---- */

/* Lines that the tools wrote: when they are ready, of an event, and what there is without any. */
static const struct {
	const char *arm, *ready, *event, *none[4];
} outputs[] = {
	{ "biolatency", "Tracing block device I/O... Hit Ctrl-C to end.",
	  "        16 -> 31         : 1482     |****************************************|",
	  { "     usecs               : count    distribution", "         0 -> 1          : 0        |                                        |" } },
	{ "biosnoop", "TIME        COMM           PID     DISK      T SECTOR     BYTES   LAT(ms)",
	  "0.004835    fio            4711    vda       R 4440       4096      0.080",
	  { "TIME        COMM           PID     DISK      T SECTOR     BYTES   LAT(ms)", "Lost 12 events on CPU #1!" } },
	{ "biostacks", "Tracing block I/O with init stacks. Hit Ctrl-C to end.",
	  "        64 -> 127        : 3        |*****                                   |",
	  { "fio 4711 0", "-1 blk_account_io_start", "         0 -> 1          : 0        |                                        |" } },
	{ "ext4slower", "TIME     COMM             PID     T BYTES   OFF_KB   LAT(ms) FILENAME",
	  "11:29:46 fio              4711    S 0       0           1.37 iopath.dat",
	  { "TIME     COMM             PID     T BYTES   OFF_KB   LAT(ms) FILENAME",
	    "11:29:46 systemd-journal  301     W 512     88          0.01 system.journal" } },
	{ "blktrace", NULL, "  7,0    1        2     0.000012345  4711  Q  RS 8 + 8 [fio]",
	  { "CPU0 (7,0):", " Reads Queued:           0,        0KiB\t Writes Queued:           0,        0KiB" } },
	{ "bpftrace", "ready", "[16, 32)              17 |@@@@@@@@@@@@@@@@@@@@@@|",
	  { "Attaching 4 probes...", "@us: ", "[1K, 2K)               0 |                      |" } },
	{ "biosnoop-bt", "ready", "310345 fio 4711 86", { "Attaching 4 probes...", "ready", "Lost 344 events" } },
	{ "biostacks-bt", "ready", "[1K, 2K)               3 |@@@@@@                |",
	  { "Attaching 4 probes...", "    blk_mq_start_request+1", "[2K, 4K)               0 |                      |" } },
	{ "perf", "mmap size 528384B",
	  "     0.228 dd/11117 block:block_rq_issue(dev: 7340032, sector: 8, nr_sector: 8, bytes: 4096, rwbs: \"RS\", comm: \"dd\")",
	  { "Using CPUID AuthenticAMD-25-11-1", "LOST 1534 events!", "event syntax error: 'block:block_rq_issue'" } },
	{ "events-block", "events: ready", "4711 events, 0 lost: block_rq_issue 2355",
	  { "0 events, 0 lost: block_rq_issue 0", "iopath-events: cannot attach block_rq_issue" } },
	{ "events", "events: ready", "4711 events, 12 lost: block_rq_issue 2355", { "0 events, 0 lost: block_rq_issue 0" } },
};

static bool matches(const char *pattern, const char *line)
{
	regex_t re;
	bool yes;

	if (regcomp(&re, pattern, REG_EXTENDED | REG_NOSUB))
		return false;
	yes = !regexec(&re, line, 0, NULL, 0);
	regfree(&re);
	return yes;
}

static struct arm ready_made(const char *name)
{
	char *names[] = { (char *)name, NULL };
	struct arm_list l = { 0 };
	struct why why;

	ASSERT_EQ(arms(names, NULL, NULL, &l, &why), 0);
	return l.v[2];
}

TEST(an_output_with_events_is_told_from_one_without)
{
	for (size_t i = 0; i < ARRAY_SIZE(outputs); i++) {
		struct arm a = ready_made(outputs[i].arm);

		if (!a.proof || !matches(a.proof, outputs[i].event))
			printf("    %s: no proof: %s\n", a.name, outputs[i].event);
		ASSERT_TRUE(a.proof && matches(a.proof, outputs[i].event));
		ASSERT_TRUE(!a.ready == !outputs[i].ready && (!a.ready || matches(a.ready, outputs[i].ready)));
		for (size_t k = 0; k < ARRAY_SIZE(outputs[i].none) && outputs[i].none[k]; k++) {
			if (matches(a.proof, outputs[i].none[k]))
				printf("    %s: taken for an event: %s\n", a.name, outputs[i].none[k]);
			ASSERT_TRUE(!matches(a.proof, outputs[i].none[k]));
		}
	}
}

TEST(no_ready_made_arm_is_left_out)
{
	_cleanup_free_ char *text = NULL;
	unsigned int nr = 0;
	char *save = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);

	arm_print(f);
	fclose(f);
	for (char *l = strtok_r(text, "\n", &save); l; l = strtok_r(NULL, "\n", &save)) {
		char name[64] = "";
		struct arm a;

		/* the last three lines stand for many */
		if (sscanf(l, "%63s", name) != 1 || !strcmp(name, "TIER:empty") || !strncmp(name, "--arm", 5))
			continue;
		a = (struct arm){ 0 };
		snprintf(a.name, sizeof(a.name), "%s", name);
		arm_guess_kind(&a);
		nr += a.kind == ARM_COMMAND;
	}
	ASSERT_EQ(nr, ARRAY_SIZE(outputs));
}

TEST(a_tracer_of_others_that_shows_too_few_is_a_fault)
{
	static const struct {
		const char *arm;
		uint64_t shown;
		bool fault;
	} t[] = {
		{ "biosnoop", 499, true }, { "biosnoop", 500, false }, { "perf", 499, true }, { "blktrace", 499, true },
		{ "biosnoop-bt", 499, true }, { "events", 499, true }, { "events", 500, false },
		{ "biolatency", 3, false }, /* a histogram of this disk: it has no lines per I/O */
	};

	for (size_t i = 0; i < ARRAY_SIZE(t); i++) {
		struct arm a = ready_made(t[i].arm);
		struct cell c = { .has_tracer = true, .saturation.disk_ios = 1000, .tracer.shown = t[i].shown };

		cell_judge_tracer(&c, &a);
		if (c.tracer_fault != t[i].fault)
			printf("    %s with %llu\n", t[i].arm, (unsigned long long)t[i].shown);
		ASSERT_EQ(c.tracer_fault, t[i].fault);
	}
}

TEST(only_the_disk_under_test_proves_anything)
{
	static const char *const by_number[] = { "bpftrace", "biosnoop-bt", "biostacks-bt", "perf" };
	static const char *const by_name[] = { "biolatency", "biosnoop", "biostacks", "blktrace" };
	struct device d = { .path = "/dev/none7", .name = "none7", .disk = "none7", .major = 7, .minor = 9 };

	for (size_t i = 0; i < ARRAY_SIZE(by_number); i++) {
		struct arm a = ready_made(by_number[i]);
		_cleanup_free_ char *text = NULL;

		ASSERT_EQ(arm_expand(a.command, &d, "/d", &text), 0);
		ASSERT_TRUE(strstr(text, "dev == 7340041") != NULL); /* 7 << 20 | 9 */
	}
	for (size_t i = 0; i < ARRAY_SIZE(by_name); i++) {
		struct arm a = ready_made(by_name[i]);
		_cleanup_free_ char *text = NULL;

		ASSERT_EQ(arm_expand(a.command, &d, "/d", &text), 0);
		ASSERT_TRUE(strstr(text, " -d none7") || strstr(text, " -d /dev/none7"));
	}
}

TEST_MAIN("test-bench-arm", T(another_iopath_is_judged_like_ours), T(summary_is_the_last_line_and_counts_our_device),
	  T(a_missing_summary_is_a_fault), T(arms_always_have_off_and_its_twin),
	  T(a_tracer_that_did_not_see_what_there_was_is_a_fault),
	  T(a_workload_in_the_page_cache_has_nothing_for_the_device),
	  T(an_output_with_events_is_told_from_one_without), T(no_ready_made_arm_is_left_out),
	  T(a_tracer_of_others_that_shows_too_few_is_a_fault), T(only_the_disk_under_test_proves_anything),
	  T(arms_of_others), T(arms_are_asked_to_end_as_they_want), T(arms_are_given_the_time_that_they_take), T(an_option_of_an_arm_finds_its_arm),
	  T(arms_that_are_none))
