/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The preflight, on machines that are made up and on this one. */
#include <errno.h>
#include <linux/bpf.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench/file.h"
#include "bench/machine.h"
#include "bench/pin.h"
#include "bench/preflight.h"
#include "bench/setting.h"
#include "bench/stop.h"
#include "bench/tests/bench-run.h"
#include "bench/tests/made-machine.h"
#include "bench/tune.h"
#include "bench/why.h"
#include "tracer/base/cleanup.h"
#include "tracer/base/test.h"

static const struct check none = { .name = "?", .state = (enum check_state)-1 };

static const struct check *find(const struct checks *c, const char *name)
{
	for (unsigned int i = 0; i < c->nr; i++)
		if (!strcmp(c->check[i].name, name))
			return &c->check[i];
	return &none;
}

TEST(a_machine_out_of_the_box_is_doubtful)
{
	static const char *const doubtful[] = { "governor", "turbo", "thp", "heat" };
	struct preflight notes;
	struct checks c;

	begin();
	put_notebook();
	preflight_files(root, NULL, NULL, &c);
	for (size_t i = 0; i < ARRAY_SIZE(doubtful); i++)
		ASSERT_EQ(find(&c, doubtful[i])->state, CHECK_DOUBTFUL);
	ASSERT_TRUE(strstr(find(&c, "governor")->text, "powersave on 2 of 3 cores") != NULL);
	ASSERT_TRUE(strstr(find(&c, "heat")->text, "97 degrees") != NULL);
	ASSERT_EQ(find(&c, "smt")->state, CHECK_INFO);
	ASSERT_EQ(find(&c, "irqbalance")->state, CHECK_OK);
	ASSERT_EQ(find(&c, "pmu")->state, CHECK_ABSENT);
	preflight_notes(&c, &notes);
	ASSERT_EQ(find(&c, "bpf_stats")->state, CHECK_BIASES);
	ASSERT_EQ(notes.nr, ARRAY_SIZE(doubtful) + 1);
	ASSERT_TRUE(!strncmp(notes.note[0], "governor: powersave", 19));
	ASSERT_TRUE(!strncmp(notes.bias, "bpf_stats: ", 11));
	end();
}

TEST(a_machine_made_ready_is_not)
{
	struct preflight notes;
	struct checks c;

	begin();
	put(CPU "/cpu0/cpufreq/scaling_governor", "performance\n");
	put(CPU "/cpufreq/boost", "0\n");
	put(CPU "/smt/active", "0\n");
	put(THP, "always [madvise] never\n");
	put("proc/sys/kernel/bpf_stats_enabled", "0\n");
	put("sys/bus/event_source/devices/cpu/type", "4\n");
	preflight_files(root, "/", "/", &c);
	preflight_notes(&c, &notes);
	ASSERT_EQ(notes.nr, 0);
	ASSERT_STR(notes.bias, "");
	ASSERT_EQ(find(&c, "governor")->state, CHECK_OK);
	ASSERT_EQ(find(&c, "turbo")->state, CHECK_OK);
	ASSERT_EQ(find(&c, "pmu")->state, CHECK_OK);
	ASSERT_EQ(find(&c, "space")->state, CHECK_OK);
	put(CPU "/cpufreq/boost", "1\n");
	preflight_files(root, NULL, NULL, &c);
	ASSERT_EQ(find(&c, "turbo")->state, CHECK_DOUBTFUL);
	/* a file that does not tell is not one that says so */
	ASSERT_EQ(unlink(at(CPU "/cpu0/cpufreq/scaling_governor")), 0);
	ASSERT_EQ(mkdir(at(CPU "/cpu0/cpufreq/scaling_governor"), 0755), 0);
	preflight_files(root, NULL, NULL, &c);
	ASSERT_EQ(find(&c, "governor")->state, CHECK_ABSENT);
	ASSERT_TRUE(strstr(find(&c, "governor")->text, "not known") != NULL);
	end();
}

TEST(what_a_machine_does_not_have_is_absent_not_wrong)
{
	static const char *const absent[] = { "governor", "turbo", "smt", "thp", "heat", "pmu", "bpf_stats", "ftrace" };
	struct preflight notes;
	struct checks c;

	begin();
	preflight_files(root, NULL, NULL, &c);
	for (size_t i = 0; i < ARRAY_SIZE(absent); i++)
		ASSERT_EQ(find(&c, absent[i])->state, CHECK_ABSENT);
	preflight_notes(&c, &notes);
	ASSERT_EQ(notes.nr, 0);
	end();
}

TEST(tracing_that_is_on_already_biases)
{
	struct preflight notes;
	struct checks c;
	char text[400];

	begin();
	put("sys/kernel/tracing/current_tracer", "nop\n");
	put("sys/kernel/tracing/events/enable", "0\n");
	preflight_files(root, NULL, NULL, &c);
	ASSERT_EQ(find(&c, "ftrace")->state, CHECK_OK);
	ASSERT_EQ(find(&c, "blktrace")->state, CHECK_OK);
	put("sys/kernel/tracing/events/enable", "X\n");
	put("sys/kernel/debug/block/sda/trace0", "");
	preflight_files(root, NULL, NULL, &c);
	ASSERT_EQ(find(&c, "ftrace")->state, CHECK_BIASES);
	ASSERT_EQ(find(&c, "blktrace")->state, CHECK_BIASES);
	preflight_notes(&c, &notes);
	ASSERT_EQ(notes.nr, 2);
	ASSERT_STR(notes.bias, notes.note[0]);
	put("sys/kernel/tracing/events/enable", "0\n");
	put("sys/kernel/tracing/current_tracer", "function_graph\n");
	preflight_files(root, NULL, NULL, &c);
	ASSERT_TRUE(strstr(find(&c, "ftrace")->text, "function_graph") != NULL);
	preflight_summary(&c, text, sizeof(text));
	ASSERT_TRUE(strstr(text, "; biases ftrace, blktrace") != NULL);
	end();
}

/* Any host with systemd has BPF, which traces nothing. */
TEST(only_the_bpf_of_tracers_is_another_tracer)
{
	static const struct {
		unsigned int type, attach;
		bool tracer;
		const char *program;
	} t[] = {
		{ BPF_LINK_TYPE_RAW_TRACEPOINT, 0, true, NULL },
		{ BPF_LINK_TYPE_PERF_EVENT, 0, true, NULL },
		{ BPF_LINK_TYPE_KPROBE_MULTI, 0, true, NULL },
		{ BPF_LINK_TYPE_TRACING, BPF_TRACE_FENTRY, true, NULL },
		{ BPF_LINK_TYPE_TRACING, BPF_TRACE_FEXIT, true, NULL },
		{ BPF_LINK_TYPE_TRACING, BPF_LSM_MAC, false, NULL },
		{ BPF_LINK_TYPE_TRACING, BPF_MODIFY_RETURN, false, NULL },
		{ BPF_LINK_TYPE_CGROUP, BPF_CGROUP_DEVICE, false, NULL },
		{ BPF_LINK_TYPE_NETNS, 0, false, NULL },
		{ BPF_LINK_TYPE_XDP, 0, false, NULL },
		{ BPF_LINK_TYPE_STRUCT_OPS, 0, false, NULL },
		/* on free_user_ns, by systemd-nsresourced: as a link, and without one */
		{ BPF_LINK_TYPE_PERF_EVENT, 0, false, "userns_restrict" },
		{ 0, 0, false, "userns_restrict" },
		{ 0, 0, true, "userns_restric" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(t); i++) {
		struct bpf_link_info info = { .type = t[i].type, .tracing.attach_type = t[i].attach };
		struct bpf_prog_info program = { .type = BPF_PROG_TYPE_KPROBE };

		snprintf(program.name, sizeof(program.name), "%s", t[i].program ?: "");
		ASSERT_EQ(preflight_is_tracer(t[i].type ? &info : NULL, &program), t[i].tracer);
	}
}

/* Results and logs go where nothing may be yet. */
TEST(room_is_looked_for_where_a_directory_will_be)
{
	struct checks c;

	begin();
	put("a/file", "");
	preflight_files(root, at("a/not/there"), at("a/file/x"), &c);
	ASSERT_EQ(find(&c, "space")->state, CHECK_OK);
	ASSERT_EQ(find(&c, "log space")->state, CHECK_ABSENT);
	end();
}

/* Whether a task pays for the interrupts that it did not ask for: where a kernel tells, packed or not. */
TEST(how_the_kernel_keeps_time_is_told)
{
	static const struct {
		const char *text;
		int wanted;
	} t[] = {
		{ "CONFIG_X=y\nCONFIG_IRQ_TIME_ACCOUNTING=y\n", 1 },
		{ "# CONFIG_IRQ_TIME_ACCOUNTING is not set\nCONFIG_HAVE_IRQ_TIME_ACCOUNTING=y\n", 0 },
		{ "CONFIG_IRQ_TIME_ACCOUNTING_X=y\n", 0 },
	};
	struct load_versions none_used = { 0 };
	json_t *o = machine_fingerprint(&none_used);
	char command[128];

	begin();
	ASSERT_EQ(machine_kernel_option(root, "6.1", "IRQ_TIME_ACCOUNTING"), -ENOENT);
	for (size_t i = 0; i < ARRAY_SIZE(t); i++) {
		put("boot/config-6.1", t[i].text);
		ASSERT_EQ(machine_kernel_option(root, "6.1", "IRQ_TIME_ACCOUNTING"), t[i].wanted);
	}
	put("proc/config", t[0].text);
	snprintf(command, sizeof(command), "gzip %s/proc/config", root);
	ASSERT_EQ(system(command), 0);
	ASSERT_EQ(machine_kernel_option(root, "6.1", "IRQ_TIME_ACCOUNTING"), 1);
	ASSERT_TRUE(json_object_get(o, "irq_time_accounting") != NULL);
	ASSERT_TRUE(strlen(json_string_value(json_object_get(o, "hostname")) ?: "") > 0);
	json_decref(o);
	end();
}

/* The program: every check by name, and whether any is doubtful is its status. */
TEST(preflight_says_by_its_status_whether_the_machine_is_ready)
{
	static const char *const names[] = { "governor", "turbo", "smt", "thp", "heat", "bpf_stats", "pmu", "irqbalance", "tracers",
					     "load", "steal", "ftrace", "blktrace", "space", "log space" };
	struct preflight notes;
	struct checks checks;
	_cleanup_free_ char *text = NULL;
	struct child_end end = { .status = -1 };
	char *argv[] = { NULL, "preflight", NULL }, *bad[] = { NULL, "preflight", "rubbish", NULL };

	setup();
	argv[0] = bad[0] = (char *)fmt("%s/iopath-bench", build_dir);
	ASSERT_EQ(child_run(argv, 60 * NS_PER_S, &text, &end), 0);
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		ASSERT_TRUE(text && strstr(text, names[i]) != NULL);
	preflight_files("", NULL, NULL, &checks);
	preflight_notes(&checks, &notes);
	/* it looks at more than the files: at how busy the machine is */
	ASSERT_TRUE(end.status == EXIT_ENVIRONMENT || (!notes.nr && end.status == EXIT_PASS));
	ASSERT_EQ(child_run(bad, 60 * NS_PER_S, NULL, &end), 0);
	ASSERT_EQ(end.status, EXIT_USAGE);
}

TEST_MAIN("test-bench-preflight", T(a_machine_out_of_the_box_is_doubtful), T(a_machine_made_ready_is_not),
	  T(what_a_machine_does_not_have_is_absent_not_wrong), T(how_the_kernel_keeps_time_is_told),
	  T(tracing_that_is_on_already_biases), T(only_the_bpf_of_tracers_is_another_tracer),
	  T(room_is_looked_for_where_a_directory_will_be),
	  T(preflight_says_by_its_status_whether_the_machine_is_ready))
