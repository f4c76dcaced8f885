/* SPDX-License-Identifier: GPL-2.0-or-later */
/* --tune, on machines that are made up and on this one. */
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

static char said[2048];

static void say(const char *line)
{
	strncat(said, line, sizeof(said) - strlen(said) - 2);
	strcat(said, "\n");
}

static void expect(const char *path, const char *value)
{
	char now[SETTING_MAX] = "";

	setting_read(at(path), now, sizeof(now));
	ASSERT_STR(now, value);
}

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

TEST_MAIN("test-bench-tune", T(tuning_changes_what_is_there_and_puts_it_back),
	  T(a_crash_is_put_right_by_the_next_run), T(a_refusal_is_said_and_the_rest_goes_on),
	  T(irqbalance_stands_still_and_goes_on), T(interrupts_of_the_disk_go_to_one_core),
	  T(however_a_run_ends_the_machine_is_as_it_was), T(a_load_has_as_many_cores_as_jobs),
	  T(tuned_a_load_and_its_tracer_stay_where_they_are),
	  T(untuned_only_what_a_load_says_itself_is_pinned), T(a_command_is_not_pinned_and_that_is_said),
	  T(tuning_keeps_within_the_cores_that_it_was_given))
