/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The preflight and --tune, on machines that are made up: a tree of files with what sysfs and /proc have. */
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
#include "bench/tune.h"
#include "bench/why.h"
#include "tracer/base/cleanup.h"
#include "tracer/base/test.h"

#define CPU "sys/devices/system/cpu"
#define THP "sys/kernel/mm/transparent_hugepage/enabled"

static char root[64];
static char said[2048];

static void say(const char *line)
{
	strncat(said, line, sizeof(said) - strlen(said) - 2);
	strcat(said, "\n");
}

static const char *at(const char *path)
{
	static char buf[4][256];
	static unsigned int i;

	snprintf(buf[i = (i + 1) % 4], sizeof(buf[0]), "%s/%s", root, path);
	return buf[i];
}

static void put(const char *path, const char *text)
{
	char dir[256];

	snprintf(dir, sizeof(dir), "%s", at(path));
	*strrchr(dir, '/') = '\0';
	ASSERT_EQ(file_make_dirs(dir), 0);
	ASSERT_EQ(file_replace(at(path), text), 0);
}

static void expect(const char *path, const char *value)
{
	char now[SETTING_MAX] = "";

	setting_read(at(path), now, sizeof(now));
	ASSERT_STR(now, value);
}

static void begin(void)
{
	strcpy(root, "/tmp/test-bench-tune.XXXXXX");
	if (!mkdtemp(root))
		abort();
	said[0] = '\0';
}

static void end(void)
{
	char command[96];

	snprintf(command, sizeof(command), "rm -rf %s", root);
	ASSERT_EQ(system(command), 0);
}

/* A notebook as it comes: everything that can be wrong is. */
static void put_notebook(void)
{
	put(CPU "/cpu0/cpufreq/scaling_governor", "powersave\n");
	put(CPU "/cpu1/cpufreq/scaling_governor", "powersave\n");
	put(CPU "/cpu10/cpufreq/scaling_governor", "performance\n");
	put(CPU "/intel_pstate/no_turbo", "0\n");
	put(CPU "/smt/active", "1\n");
	put(THP, "[always] madvise never\n");
	put("proc/sys/kernel/bpf_stats_enabled", "1\n");
	put("sys/class/thermal/thermal_zone0/temp", "41000\n");
	put("sys/class/thermal/thermal_zone1/temp", "97000\n");
}

/* ---- preflight ---- */

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

/* ---- tune ---- */

static struct undo open_undo(undo_say *talk)
{
	struct why why = { 0 };
	struct undo u;

	ASSERT_EQ(undo_open(&u, at("state"), talk, &why), 0);
	return u;
}

TEST(tuning_changes_what_is_there_and_puts_it_back)
{
	json_t *lines = json_array();
	struct undo u;

	begin();
	put_notebook();
	u = open_undo(say);
	ASSERT_EQ(tune_machine(root, &u, say, lines), 0);
	expect(CPU "/cpu0/cpufreq/scaling_governor", "performance");
	expect(CPU "/cpu1/cpufreq/scaling_governor", "performance");
	expect(CPU "/intel_pstate/no_turbo", "1");
	expect(THP, "never");
	ASSERT_EQ(json_array_size(lines), 3);
	ASSERT_STR(json_string_value(json_array_get(lines, 0)), "governor: performance (was powersave), 2 files");
	ASSERT_TRUE(access(at(CPU "/cpufreq/boost"), F_OK) != 0); /* nothing is made up */
	undo_close(&u);
	expect(CPU "/cpu0/cpufreq/scaling_governor", "powersave");
	expect(CPU "/cpu10/cpufreq/scaling_governor", "performance");
	expect(CPU "/intel_pstate/no_turbo", "0");
	expect(THP, "always");
	json_decref(lines);
	end();
}

/* The run is gone without a word; the next one finds its state file. */
TEST(a_crash_is_put_right_by_the_next_run)
{
	struct undo u;

	begin();
	put_notebook();
	u = open_undo(NULL);
	ASSERT_EQ(tune_machine(root, &u, say, NULL), 0);
	close(u.lock_fd); /* all that the kernel does for a process that was killed */
	json_decref(u.steps);
	free(u.dir);
	expect(THP, "never");
	said[0] = '\0';
	u = open_undo(say);
	expect(THP, "always");
	expect(CPU "/cpu1/cpufreq/scaling_governor", "powersave");
	expect(CPU "/intel_pstate/no_turbo", "0");
	ASSERT_TRUE(strstr(said, "cleaned up setting") != NULL);
	undo_close(&u);
	ASSERT_TRUE(access(at("state/state.json"), F_OK) != 0);
	end();
}

/* A file that cannot be written to: said, the rest is done, nothing is left to be put back. */
TEST(a_refusal_is_said_and_the_rest_goes_on)
{
	struct undo u;

	begin();
	put_notebook();
	ASSERT_EQ(unlink(at(CPU "/intel_pstate/no_turbo")), 0);
	ASSERT_EQ(mkdir(at(CPU "/intel_pstate/no_turbo"), 0700), 0);
	u = open_undo(NULL);
	ASSERT_EQ(tune_machine(root, &u, say, NULL), 0);
	ASSERT_TRUE(strstr(said, "turbo off: cannot be set to 1") != NULL);
	expect(THP, "never");
	ASSERT_EQ(undo_mark(&u), 3); /* two governors, one THP */
	undo_close(&u);
	expect(THP, "always");
	end();
}

static char state_of(pid_t pid)
{
	char path[32], line[256];

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	return file_read_line(path, line, sizeof(line)) ? '?' : strrchr(line, ')')[2];
}

static bool becomes(pid_t pid, char state)
{
	for (int i = 0; i < 500; i++) {
		if (state_of(pid) == state)
			return true;
		usleep(10000);
	}
	return false;
}

TEST(irqbalance_stands_still_and_goes_on)
{
	pid_t pid = fork();
	char path[64];
	struct undo u;

	if (!pid)
		for (;;)
			pause();
	begin();
	snprintf(path, sizeof(path), "proc/%d/comm", pid);
	put(path, "irqbalance\n");
	put("proc/1/comm", "init\n");
	ASSERT_EQ(tune_find_process(root, "irqbalance"), pid);
	u = open_undo(NULL);
	ASSERT_EQ(tune_machine(root, &u, say, NULL), 0);
	ASSERT_TRUE(becomes(pid, 'T'));
	/* killed: the next run lets it go on */
	close(u.lock_fd);
	json_decref(u.steps);
	free(u.dir);
	u = open_undo(say);
	ASSERT_TRUE(becomes(pid, 'S'));
	ASSERT_TRUE(strstr(said, "cleaned up stopped") != NULL);
	ASSERT_EQ(tune_machine(root, &u, say, NULL), 0);
	ASSERT_TRUE(becomes(pid, 'T'));
	undo_close(&u);
	ASSERT_TRUE(becomes(pid, 'S'));
	ASSERT_TRUE(strstr(said, "irqbalance: stopped") != NULL);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	/* another process with its number is not touched, one that is gone is no error */
	said[0] = '\0';
	u = open_undo(NULL);
	ASSERT_EQ(tune_machine(root, &u, say, NULL), 0);
	ASSERT_EQ(undo_mark(&u), 0);
	undo_close(&u);
	end();
}

TEST(interrupts_of_the_disk_go_to_one_core)
{
	json_t *irqs = json_array(), *first;
	char command[512];
	struct undo u;

	begin();
	put("sys/devices/pci0/0000:00:03.0/msi_irqs/24", "msix\n");
	put("sys/devices/pci0/0000:00:03.0/msi_irqs/25", "msix\n");
	put("sys/devices/pci0/0000:00:03.0/nvme/nvme0/model", "x\n");
	put("sys/block/nvme0n1/size", "1\n");
	put("proc/irq/24/smp_affinity_list", "0-3\n");
	put("proc/irq/25/smp_affinity_list", "3\n");
	put("proc/irq/26/smp_affinity_list", "0-3\n");
	snprintf(command, sizeof(command), "ln -s ../../devices/pci0/0000:00:03.0/nvme/nvme0 %s", at("sys/block/nvme0n1/device"));
	ASSERT_EQ(system(command), 0);
	u = open_undo(NULL);
	put("proc/irq/24/effective_affinity_list", "2\n");
	ASSERT_EQ(tune_interrupts(root, "nvme0n1", "3", &u, say, irqs), 0);
	expect("proc/irq/24/smp_affinity_list", "3");
	expect("proc/irq/26/smp_affinity_list", "0-3");
	ASSERT_STR(said, "nvme0n1: 1 interrupts to core 3\n");
	ASSERT_EQ(json_array_size(irqs), 2);
	first = json_array_get(irqs, json_integer_value(json_object_get(json_array_get(irqs, 0), "irq")) == 24 ? 0 : 1);
	ASSERT_STR(json_string_value(json_object_get(first, "cpus")), "2"); /* what the hardware does, not what it was told */
	ASSERT_TRUE(json_is_true(json_object_get(first, "moved")));
	/* killed: the next run puts them back */
	close(u.lock_fd);
	json_decref(u.steps);
	free(u.dir);
	u = open_undo(NULL);
	expect("proc/irq/24/smp_affinity_list", "0-3");
	json_array_clear(irqs);
	ASSERT_EQ(tune_interrupts(root, "nvme0n1", "3", &u, say, irqs), 0);
	expect("proc/irq/24/smp_affinity_list", "3");
	undo_close(&u);
	expect("proc/irq/24/smp_affinity_list", "0-3");
	json_array_clear(irqs);
	/* a loop device has none */
	u = open_undo(NULL);
	said[0] = '\0';
	ASSERT_EQ(tune_interrupts(root, "loop0", "3", &u, say, irqs), 0);
	ASSERT_EQ(json_array_size(irqs), 0);
	ASSERT_STR(said, "");
	undo_close(&u);
	json_decref(irqs);
	end();
}

/* ---- whole runs, on the one knob that most machines have ---- */

#define REAL_THP "/sys/kernel/mm/transparent_hugepage/enabled"

static struct bench_run tuned_run(void)
{
	struct bench_run r = run_new("--tune --arms off,off2 --rounds 32:32 --window 300ms --workload randread-4k-qd1");

	run_fake(&r);
	run_start(&r);
	return r;
}

static bool thp_becomes(const char *value)
{
	char now[SETTING_MAX] = "";

	for (int i = 0; i < 1000; i++) {
		if (!setting_read(REAL_THP, now, sizeof(now)) && !strcmp(now, value))
			return true;
		usleep(10000);
	}
	printf("    it is %s\n", now);
	return false;
}

TEST(however_a_run_ends_the_machine_is_as_it_was)
{
	static const int signals[] = { SIGINT, SIGTERM, SIGKILL };
	char was[SETTING_MAX];

	NEEDS_ROOT_AND_LOOP();
	if (setting_read(REAL_THP, was, sizeof(was)) || !strcmp(was, "never") || access(REAL_THP, W_OK))
		TEST_SKIP("no huge pages here that could be switched off");
	for (size_t i = 0; i < ARRAY_SIZE(signals); i++) {
		struct bench_run r = tuned_run(), next;

		ASSERT_TRUE(thp_becomes("never"));
		/* one that has ended has no process: kill(-1) would reach every other */
		if (r.child.pid > 0)
			kill(r.child.pid, signals[i]);
		run_end(&r);
		run_free(&r);
		if (signals[i] == SIGKILL) { /* without --tune: it cleans up all the same */
			next = run_new("--arms off,off2 --quick --rounds 1:1 --window 200ms --workload randread-4k-qd1");
			run_fake(&next);
			run_start(&next);
			run_end(&next);
			ASSERT_TRUE(strstr(next.text, "cleaned up setting " REAL_THP) != NULL);
			run_free(&next);
		}
		ASSERT_TRUE(thp_becomes(was));
		expect_clean();
	}
}

/* ---- who runs where ---- */

static struct workload text_of(enum workload_kind kind, const char *text)
{
	return (struct workload){ .kind = kind, .name = (char *)"w", .text = (char *)text };
}

/* On fewer cores than that its jobs wait for each other. */
TEST(a_load_has_as_many_cores_as_jobs)
{
	static const struct {
		enum workload_kind kind;
		const char *text;
		unsigned int jobs;
	} t[] = {
		{ WORKLOAD_FIO, "[a]\nrw=read\n", 1 },
		{ WORKLOAD_FIO, "# numjobs=9\n[global]\nbs=4k\n numjobs = 3\n[a]\n[b]\nnumjobs=2\n[c]\nrw=read", 3 + 2 + 3 },
		{ WORKLOAD_FIO, "[a]\nnumjobs=4\n[global]\nnumjobs=2\n[b]\n", 4 + 2 },
		{ WORKLOAD_FIO, "rw=read\n", 1 },
		{ WORKLOAD_SYSBENCH, "file-test-mode=rndrd\n", 1 },
		{ WORKLOAD_SYSBENCH, "file-test-mode=rndrd\nthreads=6\n", 6 },
		{ WORKLOAD_URING, "direct\njobs=4\ndepth=8\n", 4 },
		{ WORKLOAD_URING, "depth=8\n", 1 },
		{ WORKLOAD_COMMAND, "numjobs=2 jobs=3 x", 0 },
	};
	struct workload own = text_of(WORKLOAD_FIO, "[a]\nnumjobs=4\n");
	struct pins p;

	for (size_t i = 0; i < ARRAY_SIZE(t); i++) {
		struct workload w = text_of(t[i].kind, t[i].text);

		ASSERT_EQ(pin_jobs(&w), t[i].jobs);
	}
	own.cpus = 1; /* its own word holds */
	pins_choose(&own, &p);
	ASSERT_EQ(p.load_cores, 1);
	ASSERT_TRUE(CPU_ISSET(atoi(p.core), &p.tracer));
	ASSERT_EQ(CPU_COUNT(&p.tracer), 1);
}

#define ONE_JOB "# One job that says nothing of cores\n# iopath: target=device\n[job]\nrw=randread\nbs=4k\nioengine=psync\ndirect=1\n"
#define GREP "grep Cpus_allowed_list"

/*
 * A short run under @prefix ("taskset -c 0", or nothing), of @load: an arm writes down what the kernel allows it, and
 * what it allows the jobs of the fio that the same run has begun, once they have read something.
 */
static struct bench_run pinned_try(const char *prefix, const char *words, const char *load)
{
	struct bench_run r = { .child.pidfd = -1, .out_fd = -1 };

	setup();
	ASSERT_EQ(system(fmt("rm -rf %s/load %s/tracer %s/out", base, base, base)), 0);
	ASSERT_EQ(file_replace(fmt("%s/one-job.fio", base), ONE_JOB), 0);
	add_words(&r, prefix);
	add(&r, fmt("%s/iopath-bench", build_dir));
	add_words(&r, fmt("run --state-dir %s/state --workload-dir workloads --out %s/out --max-steal 100", base, base));
	add_words(&r, "--arms off,off2 --quick --rounds 1:1 --window 200ms --arm-ready ^on --arm");
	add(&r, fmt("who=trap 'echo 5 events; exit' INT; " GREP " /proc/self/status >%s/tracer; exec 3>>%s/load; echo on; "
		    "while :; do sleep .05; for fio in $(pgrep -x -P $PPID fio); do for job in $(pgrep -P $fio); do "
		    "grep -q '^read_bytes: [1-9]' /proc/$job/io && " GREP " /proc/$job/status >&3; done; done 2>/dev/null; done", base, base));
	add_words(&r, words);
	add(&r, load);
	run_start(&r);
	run_end(&r);
	return r;
}

/* On a machine that is busy a round may be lost before the arm has its turn. */
static struct bench_run pinned_run(const char *prefix, const char *words, const char *load)
{
	/* they may be fmt()'s, whose buffers go round */
	_cleanup_free_ char *before = strdup(prefix), *what = strdup(load);
	struct bench_run r = pinned_try(before, words, what);

	for (int i = 0; i < 3 && system(fmt("test -s %s/load", base)); i++) {
		run_free(&r);
		r = pinned_try(before, words, what);
	}
	return r;
}

/* All that @file of the run says is what the kernel says of a process on @cpus (NULL: one of ours). */
static void expect_cpus(const char *file, const char *cpus)
{
	const char *pin = cpus ? fmt("taskset -c %s ", cpus) : "";
	int same = system(fmt("test \"$(sort -u %s/%s)\" = \"$(%s" GREP " /proc/self/status)\"", base, file, pin));

	if (same)
		ASSERT_EQ(system(fmt("sort %s/%s | uniq -c", base, file)), 0);
	ASSERT_EQ(same, 0);
}

static const char *results(void)
{
	return fmt("%s/out/results.jsonl", base);
}

#define NEEDS_TWO_CORES()                                  \
	do {                                               \
		NEEDS_ROOT_AND_LOOP();                     \
		setup();                                   \
		machine_last_cpus(2, both, sizeof(both));  \
		machine_last_cpus(1, core, sizeof(core));  \
		if (!strchr(both, ','))                    \
			TEST_SKIP("needs two cores");      \
	} while (0)

TEST(tuned_a_load_and_its_tracer_stay_where_they_are)
{
	char both[32], core[16];
	struct bench_run r;

	NEEDS_TWO_CORES();
	r = pinned_run("", "--tune --workload", fmt("%s/one-job.fio", base));
	expect_cpus("load", core);
	expect_cpus("tracer", core);
	ASSERT_EQ(count_in(results(), fmt("\"pinned\":{\"load\":\"%s\",\"tracer\":\"%s\",\"interrupts\":[]}", core, core)), 1);
	ASSERT_TRUE(strstr(r.text, fmt("tune: one-job: on core %s, tracers on core %s", core, core)) != NULL);
	check_files("summary");
	run_free(&r);
	/* two jobs are not squeezed onto one core; the tracer shares one of theirs */
	r = pinned_run("", "--tune --workload", "randread-4k-jobs2");
	expect_cpus("load", both);
	expect_cpus("tracer", core);
	ASSERT_EQ(count_in(results(), fmt("\"pinned\":{\"load\":\"%s\",\"tracer\":\"%s\"", both, core)), 1);
	run_free(&r);
	expect_clean();
}

TEST(untuned_only_what_a_load_says_itself_is_pinned)
{
	char both[32], core[16];
	struct bench_run r;

	NEEDS_TWO_CORES();
	r = pinned_run("", "--workload", fmt("%s/one-job.fio", base));
	expect_cpus("load", NULL);
	expect_cpus("tracer", NULL);
	ASSERT_EQ(count_in(results(), "\"pinned\""), 0);
	run_free(&r);
	r = pinned_run("", "--workload", "randread-4k-qd1");
	expect_cpus("load", core); /* its cpus=1 */
	expect_cpus("tracer", NULL);
	run_free(&r);
	expect_clean();
}

/* How many cores it needs only its user knows. */
TEST(a_command_is_not_pinned_and_that_is_said)
{
	char both[32], core[16];
	struct bench_run r;

	NEEDS_TWO_CORES();
	r = pinned_run("", "--tune --workload-command",
		       fmt("reads=" GREP " /proc/self/status >>%s/load; while :; do dd if={dev} of=/dev/null bs=4k count=2000 iflag=direct "
			   "status=none; done", base));
	expect_cpus("load", NULL);
	expect_cpus("tracer", core);
	ASSERT_EQ(count_in(results(), fmt("\"pinned\":{\"load\":null,\"tracer\":\"%s\"", core)), 1);
	ASSERT_TRUE(strstr(r.text, "tune: reads: a command does not tell how many cores it needs") != NULL);
	run_free(&r);
	expect_clean();
}

/* The same mask that a cpuset leaves: nothing is sent to a core outside. */
TEST(tuning_keeps_within_the_cores_that_it_was_given)
{
	char both[32], core[16], first[16];
	struct bench_run r;

	NEEDS_TWO_CORES();
	snprintf(first, sizeof(first), "%s", strrchr(both, ',') + 1);
	r = pinned_run(fmt("taskset -c %s", first), "--tune --workload", "randread-4k-jobs2");
	expect_cpus("load", first);
	expect_cpus("tracer", first);
	run_free(&r);
	expect_clean();
}

TEST_MAIN("bench-tune", T(a_machine_out_of_the_box_is_doubtful), T(a_machine_made_ready_is_not),
	  T(what_a_machine_does_not_have_is_absent_not_wrong), T(how_the_kernel_keeps_time_is_told),
	  T(tracing_that_is_on_already_biases), T(only_the_bpf_of_tracers_is_another_tracer), T(room_is_looked_for_where_a_directory_will_be),
	  T(preflight_says_by_its_status_whether_the_machine_is_ready), T(tuning_changes_what_is_there_and_puts_it_back),
	  T(a_crash_is_put_right_by_the_next_run), T(a_refusal_is_said_and_the_rest_goes_on),
	  T(irqbalance_stands_still_and_goes_on), T(interrupts_of_the_disk_go_to_one_core),
	  T(however_a_run_ends_the_machine_is_as_it_was), T(a_load_has_as_many_cores_as_jobs),
	  T(tuned_a_load_and_its_tracer_stay_where_they_are), T(untuned_only_what_a_load_says_itself_is_pinned),
	  T(a_command_is_not_pinned_and_that_is_said), T(tuning_keeps_within_the_cores_that_it_was_given))
