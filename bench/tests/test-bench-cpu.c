/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Whose the CPU time is, and what counts it: cgroups, process trees, PMU, energy, BPF programs. */
#include <errno.h>
#include <fcntl.h>
#include <linux/perf_event.h>
#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "bench/attribution.h"
#include "bench/child.h"
#include "bench/energy.h"
#include "bench/file.h"
#include "bench/group.h"
#include "bench/meter.h"
#include "bench/pmu.h"
#include "bench/stop.h"
#include "bench/tests/canned.h"
#include "bench/throttle.h"
#include "tracer/base/cleanup.h"
#include "tracer/base/test.h"

static char place[64];

static void put(const char *name, const char *text)
{
	_cleanup_free_ char *path = NULL;

	if (!place[0])
		canned_place("test-bench-cpu", place);
	if (asprintf(&path, "%s/%s", place, name) < 0)
		abort();
	*strrchr(path, '/') = '\0';
	file_make_dirs(path);
	path[strlen(path)] = '/';
	ASSERT_EQ(file_replace(path, text), 0);
}

static const char *at(const char *name)
{
	static char path[128];

	snprintf(path, sizeof(path), "%s/%s", place, name);
	return path;
}

__attribute__((destructor)) static void at_end(void)
{
	char *argv[] = { "rm", "-rf", place, NULL };
	struct child_end end;

	if (place[0])
		child_run(argv, 10 * NS_PER_S, NULL, &end);
}

/* ---- cgroups ---- */

TEST(the_cgroup_mount_is_found)
{
	char where[64];

	ASSERT_EQ(groups_find_mount("24 1 0:22 / /sys/fs/cgroup rw - tmpfs tmpfs rw\n"
				    "25 24 0:23 / /sys/fs/cgroup/cpu rw,relatime - cgroup cgroup rw,cpu\n"
				    "26 24 0:24 / /sys/fs/cgroup/unified rw shared:9 - cgroup2 cgroup2 rw\n",
				    where, sizeof(where)), 0);
	ASSERT_STR(where, "/sys/fs/cgroup/unified");
	ASSERT_EQ(groups_find_mount("25 24 0:23 / /x rw - cgroup cgroup rw\n", where, sizeof(where)), -ENOENT);
	ASSERT_EQ(groups_find_mount("", where, sizeof(where)), -ENOENT);
	ASSERT_EQ(groups_find_mount("1 2 3:4 / /a - cgroup2\n2", where, 2), -EOVERFLOW);
}

TEST(cpu_stat_is_read_in_us)
{
	struct group_time t = { 7, 7 };

	ASSERT_EQ(groups_parse_stat("usage_usec 30\nuser_usec 10\nsystem_usec 20\nnr_periods 0\n", &t), 0);
	ASSERT_EQ(t.user_ns, 10000);
	ASSERT_EQ(t.system_ns, 20000);
	ASSERT_EQ(groups_parse_stat("usage_usec 30\n", &t), -EPROTO);
	ASSERT_EQ(t.user_ns, 10000);
}

TEST(a_child_is_counted_in_its_cgroup_and_it_goes_with_the_run)
{
	char *argv[] = { "sh", "-c", "i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done", NULL };
	struct child_io io = { .out_fd = -1, .err_fd = -1 };
	struct group_time workload, tracer;
	struct groups g = { 0 };
	struct undo u = { .lock_fd = -1 };
	struct child_end end = { .status = -1 };
	struct why why = { 0 };
	struct child c;

	put("state/x", "");
	ASSERT_EQ(undo_open(&u, at("state"), NULL, &why), 0);
	ASSERT_EQ(groups_open(&u, &g), 0);
	if (!g.on) {
		undo_close(&u);
		TEST_SKIP("no cgroup v2 can be made here");
	}
	io.cgroup = groups_dir(&g, GROUP_WORKLOAD);
	ASSERT_EQ(child_spawn(argv, &io, &c), 0);
	ASSERT_EQ(child_wait(&c, 60 * NS_PER_S, true, &end), 0);
	ASSERT_EQ(end.status, 0);
	ASSERT_EQ(groups_read(&g, GROUP_WORKLOAD, &workload), 0);
	ASSERT_EQ(groups_read(&g, GROUP_TRACER, &tracer), 0);
	ASSERT_TRUE(workload.user_ns + workload.system_ns > NS_PER_MS);
	ASSERT_EQ(tracer.user_ns + tracer.system_ns, 0);
	undo_close(&u);
	ASSERT_TRUE(access(g.dir[GROUP_WORKLOAD], F_OK) != 0);
	ASSERT_TRUE(access(g.dir[GROUP_TRACER], F_OK) != 0);
}

/* ---- /proc ---- */

static void put_task(int pid, int parent, const char *name, unsigned int flags, int user, int system, int below, long run_ns)
{
	char path[64], text[256];

	snprintf(path, sizeof(path), "proc/%d/stat", pid);
	snprintf(text, sizeof(text), "%d (%s) S %d 1 1 0 -1 %u 0 0 0 0 %d %d %d 0 20 0 1 0 25 0 0\n", pid, name, parent,
		 flags, user, system, below);
	put(path, text);
	snprintf(path, sizeof(path), "proc/%d/schedstat", pid);
	snprintf(text, sizeof(text), "%ld 0 1\n", run_ns);
	put(path, text);
}

TEST(process_trees_and_kernel_threads_are_told_apart)
{
	uint64_t tick = NS_PER_S / (uint64_t)sysconf(_SC_CLK_TCK);
	struct tasks a = { 0 }, b = { 0 };
	struct group_time t;

	put_task(1, 0, "init", 0, 100, 100, 5, 1);
	put_task(2, 0, "kthreadd", 0x200000, 0, 0, 0, 1000);
	put_task(9, 2, "kworker/0:1 (a) b", 0x200000, 0, 1, 0, 5000);
	put_task(30, 1, "fio (x) y", 0, 10, 20, 3, 7);
	put_task(31, 30, "fio", 0, 1, 2, 0, 7);
	put_task(32, 31, "sh", 0, 4, 0, 0, 7);
	put_task(40, 1, "other", 0, 50, 50, 0, 7);
	put("proc/50/stat", "rubbish\n");
	put("proc/meminfo", "no process\n");
	ASSERT_EQ(tasks_take(at("proc"), &a), 0);
	ASSERT_EQ(a.nr, 7);
	t = tasks_tree(&a, 30);
	ASSERT_EQ(t.user_ns, (10 + 3 + 1 + 4) * tick);
	ASSERT_EQ(t.system_ns, (20 + 2) * tick);
	ASSERT_EQ(tasks_tree(&a, 77).user_ns, 0);
	/* one went on, one is new, one is gone */
	put_task(2, 0, "kthreadd", 0x200000, 0, 0, 0, 1500);
	put_task(10, 2, "kworker/1:1", 0x200000, 0, 0, 0, 200);
	put("proc/9/stat", "gone\n");
	ASSERT_EQ(tasks_take(at("proc"), &b), 0);
	ASSERT_EQ(tasks_kernel_between(&a, &b), 700);
	tasks_free(&a);
	tasks_free(&b);
	ASSERT_EQ(tasks_take(at("nowhere"), &a), -ENOENT);
}

/* ---- PMU ---- */

static struct pmu_count made_up[8];
static int made_up_errors, made_up_open;

static int open_made_up(enum pmu_event e, unsigned int cpu)
{
	if (made_up_errors && e == PMU_INSTRUCTIONS && cpu == 1)
		return -ENOENT;
	made_up_open++;
	return (int)(cpu * PMU_NR + e);
}

static int read_made_up(int handle, struct pmu_count *ret)
{
	*ret = made_up[handle];
	return 0;
}

static void close_made_up(int handle)
{
	(void)handle;
	made_up_open--;
}

static const struct pmu_ops made_up_ops = { open_made_up, read_made_up, close_made_up };

TEST(a_pmu_is_summed_over_cpus_and_scaled)
{
	static const unsigned int cpus[] = { 0, 1 };
	struct pmu_sample a, b, none = { 0 };
	uint64_t v[PMU_NR] = { 0 };
	struct pmu p;

	for (int i = 0; i < 4; i++)
		made_up[i] = (struct pmu_count){ 100, 1000, 1000 };
	ASSERT_EQ(pmu_open(&made_up_ops, cpus, 2, &p), 0);
	ASSERT_EQ(p.nr_cpus, 2);
	ASSERT_EQ(pmu_read(&p, &a), 0);
	made_up[0] = (struct pmu_count){ 1100, 2000, 2000 };
	made_up[2] = (struct pmu_count){ 600, 2000, 1500 };	/* counted half of the time */
	made_up[1] = (struct pmu_count){ 5100, 2000, 2000 };
	made_up[3] = (struct pmu_count){ 100, 2000, 2000 };
	ASSERT_EQ(pmu_read(&p, &b), 0);
	ASSERT_TRUE(pmu_between(&a, &b, v));
	ASSERT_EQ(v[PMU_CYCLES], 1000 + 1000);
	ASSERT_EQ(v[PMU_INSTRUCTIONS], 5000);
	b.v[3].running_ns = 1000; /* not at all: then there is no figure, not a smaller one */
	ASSERT_TRUE(!pmu_between(&a, &b, v));
	ASSERT_TRUE(!pmu_between(&none, &none, v));
	pmu_sample_free(&a);
	pmu_sample_free(&b);
	pmu_close(&p);
	ASSERT_EQ(made_up_open, 0);
}

TEST(a_pmu_that_is_not_whole_is_absent)
{
	static const unsigned int cpus[] = { 0, 1 };
	struct pmu p;

	made_up_errors = 1;
	ASSERT_EQ(pmu_open(&made_up_ops, cpus, 2, &p), 0);
	ASSERT_EQ(p.nr_cpus, 0);
	ASSERT_STR(p.absent, "No such file or directory");
	ASSERT_EQ(made_up_open, 0);
	pmu_close(&p);
	made_up_errors = 0;
}

static int open_cpu_clock(void)
{
	struct perf_event_attr attr = {
		.type = PERF_TYPE_SOFTWARE,
		.size = sizeof(attr),
		.config = PERF_COUNT_SW_CPU_CLOCK,
		.read_format = PERF_FORMAT_TOTAL_TIME_ENABLED | PERF_FORMAT_TOTAL_TIME_RUNNING,
	};

	return (int)syscall(SYS_perf_event_open, &attr, -1, 0, -1, PERF_FLAG_FD_CLOEXEC);
}

/* An event that every machine has, which counts its own time: all three of its numbers are known. */
TEST(a_perf_event_is_read_as_the_kernel_writes_it)
{
	struct pmu_count v[2];
	struct pmu_sample a = { 1, &v[0] }, b = { 1, &v[1] };
	int fd = open_cpu_clock();
	uint64_t sum[PMU_NR] = { 0 };
	double took;

	if (fd < 0)
		TEST_SKIP("may not open perf events");
	ASSERT_EQ(pmu_kernel.read(fd, &v[0]), 0);
	ASSERT_EQ(sleep_until(now_ns() + 50 * NS_PER_MS), 0);
	ASSERT_EQ(pmu_kernel.read(fd, &v[1]), 0);
	took = (double)(v[1].enabled_ns - v[0].enabled_ns);
	ASSERT_TRUE(took > 45e6 && took < 10e9);
	ASSERT_EQ(v[1].enabled_ns, v[1].running_ns);
	ASSERT_TRUE(fabs((double)(v[1].value - v[0].value) - took) < .1 * took);
	ASSERT_TRUE(pmu_between(&a, &b, sum));
	ASSERT_EQ(sum[0], v[1].value - v[0].value);
	pmu_kernel.close(fd);
	ASSERT_EQ(pmu_kernel.read(fd, &v[0]), -EBADF);
}

/* ---- energy ---- */

static void put_zone(const char *zone, const char *name, const char *uj)
{
	char path[96];

	snprintf(path, sizeof(path), "powercap/%s/name", zone);
	put(path, name);
	snprintf(path, sizeof(path), "powercap/%s/max_energy_range_uj", zone);
	put(path, "1000\n");
	snprintf(path, sizeof(path), "powercap/%s/energy_uj", zone);
	put(path, uj);
}

TEST(energy_is_that_of_whole_packages_and_may_wrap)
{
	struct energy_sample a, b, none = { 0 };
	struct energy e;
	uint64_t uj = 7;

	put_zone("intel-rapl:0", "package-0\n", "900\n");
	put_zone("intel-rapl:0:0", "core\n", "5\n");
	put_zone("intel-rapl:1", "package-1\n", "100\n");
	put_zone("intel-rapl:2", "psys\n", "100\n");
	put_zone("intel-rapl-mmio:0", "package-0\n", "900\n");
	put_zone("intel-rapl:3", "package-3\n", "rubbish\n");
	put("powercap/intel-rapl/enabled", "1\n");
	energy_open(at("powercap"), &e);
	ASSERT_EQ(e.nr, 2);
	energy_read(&e, &a);
	put_zone("intel-rapl:0", "package-0\n", "50\n"); /* past 1000 */
	put_zone("intel-rapl:1", "package-1\n", "130\n");
	energy_read(&e, &b);
	ASSERT_TRUE(energy_between(&e, &a, &b, NS_PER_S, &uj));
	ASSERT_EQ(uj, 150 + 30);
	ASSERT_TRUE(!energy_between(&e, &a, &b, 3600 * NS_PER_S, &uj));
	ASSERT_TRUE(!energy_between(&e, &none, &b, NS_PER_S, &uj));
	energy_open(at("nowhere"), &e);
	ASSERT_EQ(e.nr, 0);
	energy_read(&e, &a);
	ASSERT_TRUE(!a.valid);
}

/* ---- heat ---- */

static void put_throttles(const char *cpu, const char *core, const char *package)
{
	char path[96];

	snprintf(path, sizeof(path), "cpus/%s/thermal_throttle/core_throttle_count", cpu);
	put(path, core);
	snprintf(path, sizeof(path), "cpus/%s/thermal_throttle/package_throttle_count", cpu);
	put(path, package);
}

TEST(throttle_counts_are_those_of_all_cpus)
{
	struct throttle_sample a, b, none;
	uint64_t core = 7, package = 7;

	put_throttles("cpu0", "5\n", "10\n");
	put_throttles("cpu10", "0\n", "10\n");
	put_throttles("cpufreq", "1000\n", "1000\n"); /* no CPU */
	put("cpus/online", "0,10\n");
	throttle_read(at("cpus"), &a);
	ASSERT_EQ(a.nr, 2);
	put_throttles("cpu0", "5\n", "12\n");
	put_throttles("cpu10", "3\n", "12\n");
	throttle_read(at("cpus"), &b);
	ASSERT_TRUE(throttle_between(&a, &b, &core, &package));
	ASSERT_EQ(core, 3);
	ASSERT_EQ(package, 2 + 2);
	ASSERT_TRUE(throttle_between(&b, &b, &core, &package));
	ASSERT_EQ(core + package, 0);
	/* a machine without them, or another set of CPUs: not measured, which is not 0 */
	throttle_read(at("nowhere"), &none);
	ASSERT_EQ(none.nr, 0);
	ASSERT_TRUE(!throttle_between(&none, &none, &core, &package));
	put_throttles("cpu2", "0\n", "0\n");
	throttle_read(at("cpus"), &b);
	ASSERT_TRUE(!throttle_between(&a, &b, &core, &package));
	/* one of the two is enough to be told */
	put("one/cpu0/thermal_throttle/core_throttle_count", "4\n");
	throttle_read(at("one"), &a);
	ASSERT_EQ(a.nr, 1);
	ASSERT_EQ(a.core, 4);
}

/* ---- all of it ---- */

static struct meter_edge edge_of(const struct meter *m, uint64_t when_ns)
{
	struct meter_edge e = { .when_ns = when_ns };

	ASSERT_EQ(pmu_read(&m->pmu, &e.pmu), 0);
	energy_read(&m->energy, &e.energy);
	throttle_read(at("cpus"), &e.throttle);
	return e;
}

static json_t *usage_json(const struct meter *m, const struct meter_edge *from, const struct meter_edge *to)
{
	struct meter_usage u = meter_between(m, from, to, false);

	return meter_usage_json(&u);
}

/* On a machine that has them all; and on one that has none they are null, not 0. */
TEST(counters_of_the_machine_come_out_in_the_result)
{
	static const struct {
		const char *key;
		int value;
	} t[] = { { "cycles", 3000 }, { "instructions", 2000 }, { "energy_uj", 150 }, { "core_throttles", 2 }, { "package_throttles", 1 } };
	static const unsigned int cpu[] = { 0 };
	struct meter m = { 0 }, none = { .pmu = { .absent = "No such device" } };
	struct meter_edge from, to, nothing = { 0 };
	json_t *has, *lacks, *head;

	made_up[0] = made_up[1] = (struct pmu_count){ 100, 1000, 1000 };
	put_zone("intel-rapl:0", "package-0\n", "900\n");
	put_zone("intel-rapl:1", "package-1\n", "100\n");
	put_throttles("cpu0", "5\n", "9\n");
	ASSERT_EQ(pmu_open(&made_up_ops, cpu, 1, &m.pmu), 0);
	energy_open(at("powercap"), &m.energy);
	from = edge_of(&m, NS_PER_S);
	made_up[0] = (struct pmu_count){ 1600, 3000, 2000 }; /* half of the time: 1500 are 3000 */
	made_up[1] = (struct pmu_count){ 2100, 3000, 3000 };
	put_zone("intel-rapl:0", "package-0\n", "50\n");
	put_throttles("cpu0", "7\n", "10\n");
	to = edge_of(&m, 2 * NS_PER_S);
	has = usage_json(&m, &from, &to);
	lacks = usage_json(&none, &nothing, &nothing);
	for (size_t i = 0; i < ARRAY_SIZE(t); i++) {
		ASSERT_EQ(json_integer_value(json_object_get(has, t[i].key)), t[i].value);
		ASSERT_TRUE(json_is_null(json_object_get(lacks, t[i].key)));
	}
	head = meter_json(&none);
	ASSERT_STR(json_string_value(json_object_get(head, "pmu_absent")), "No such device");
	ASSERT_EQ(json_integer_value(json_object_get(head, "energy_packages")), 0);
	json_decref(head);
	json_decref(has);
	json_decref(lacks);
	meter_edge_free(&from);
	meter_edge_free(&to);
	meter_close(&m);
}

/* ---- programs ---- */

TEST(programs_of_others_are_left_out)
{
	struct bpf_program before[] = { { 1, "others", 100, 1000, 0 } };
	struct bpf_program from[] = { { 1, "others", 100, 1000, 0 }, { 5, "a", 10, 100, 0 }, { 6, "b", 3, 30, 0 } };
	struct bpf_program to[] = { { 1, "others", 900, 9000, 0 }, { 5, "a", 30, 300, 2 }, { 6, "b", 3, 30, 0 },
				    { 7, "c", 1, 900, 0 }, { 8, "a", 1, 50, 0 } };
	const struct bpf_programs o = { 1, before }, f = { 3, from }, t = { 5, to };
	struct attribution a = { 0 };

	attribution_between(&o, &f, &t, &a);
	ASSERT_EQ(a.nr, 2);
	ASSERT_STR(a.program[0].name, "c");
	ASSERT_STR(a.program[1].name, "a");
	ASSERT_EQ(a.program[1].runs, 21);
	ASSERT_EQ(a.program[1].run_ns, 250);
	ASSERT_EQ(a.program[1].missed, 2);
}

TEST(an_attribution_comes_back_from_its_line)
{
	struct attribution a = { .ios = 50, .nr = 1, .program = { { 0, "p", 3, 4, 5 } } }, b = { 0 };
	struct why why = { 0 };
	struct reader r = { .path = "x", .line = 3, .why = &why };
	json_t *line = json_object();

	attribution_put(&a, line);
	ASSERT_EQ(attribution_get(&r, line, &b), 0);
	ASSERT_EQ(b.ios, 50);
	ASSERT_EQ(b.nr, 1);
	ASSERT_EQ(b.program[0].run_ns, 4);
	json_object_set_new(line, "ios", json_integer(0));
	ASSERT_EQ(attribution_get(&r, line, &b), -EPROTO);
	ASSERT_STR(why.text, "x:3: an attribution without I/Os");
	json_decref(line);
}

TEST(loaded_programs_can_be_listed)
{
	struct bpf_programs p;
	int err = bpf_programs_take(&p);

	if (err == -EPERM || err == -EACCES)
		TEST_SKIP("may not list BPF programs");
	if (err == -ENOSYS)
		TEST_SKIP("no bpf()");
	ASSERT_EQ(err, 0);
	if (!err)
		bpf_programs_free(&p);
}

TEST_MAIN("test-bench-cpu", T(the_cgroup_mount_is_found),
	  T(cpu_stat_is_read_in_us),
	  T(a_child_is_counted_in_its_cgroup_and_it_goes_with_the_run),
	  T(process_trees_and_kernel_threads_are_told_apart),
	  T(a_pmu_is_summed_over_cpus_and_scaled),
	  T(a_pmu_that_is_not_whole_is_absent), T(a_perf_event_is_read_as_the_kernel_writes_it),
	  T(energy_is_that_of_whole_packages_and_may_wrap), T(throttle_counts_are_those_of_all_cpus),
	  T(counters_of_the_machine_come_out_in_the_result),
	  T(programs_of_others_are_left_out),
	  T(an_attribution_comes_back_from_its_line),
	  T(loaded_programs_can_be_listed))
