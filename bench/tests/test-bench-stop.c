/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a run must not leave, however it ends, and how it goes on. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "bench/file.h"
#include "bench/setting.h"
#include "bench/stop.h"
#include "bench/tests/bench-run.h"
#include "bench/why.h"
#include "tracer/base/cleanup.h"
#include "tracer/base/test.h"

/* ---- the end before the end ---- */

static bool state_has(const char *word)
{
	return count_in(fmt("%s/state/state.json", base), word) > 0;
}

static bool has_loop(void)
{
	return state_has("\"loop\"");
}

static bool has_mount(void)
{
	return count_in("/proc/self/mountinfo", fmt("%s/state/mnt", base)) > 0;
}

static bool has_fio(void)
{
	return state_has("\"process\"");
}

static bool in_rounds(void)
{
	return count_in(fmt("%s/out/results.jsonl", base), "\"type\":\"cell\"") > 0;
}

static bool has_tracer(void)
{
	return in_rounds() && access(getenv("FAKE_FIO_FLAG"), F_OK) == 0;
}

static struct bench_run start_long_run(void)
{
	struct bench_run r = run_new("--scheduler bfq --rounds 32:32 --window 400ms --workload randrw-16k-fsync "
				     "--arm-ready ^on --arm");

	unlink(fmt("%s/out/results.jsonl", base));
	unlink(getenv("FAKE_FIO_FLAG"));
	add(&r, "slow=" SLOW_ARM);
	run_start(&r);
	return r;
}

TEST(ctrl_c_and_sigterm_in_every_phase_leave_nothing)
{
	static const struct {
		const char *name;
		bool (*phase)(void);
		int signo;
	} t[] = {
		{ "set-up", has_loop, SIGINT },	     { "mounted", has_mount, SIGTERM },
		{ "calibration", has_fio, SIGINT },  { "rounds", in_rounds, SIGHUP },
		{ "tracer on", has_tracer, SIGINT },
	};

	NEEDS_ROOT_AND_LOOP();
	setup();
	for (size_t i = 0; i < ARRAY_SIZE(t); i++) {
		struct bench_run r = start_long_run();
		json_t *v;

		if (!wait_for(&r, t[i].phase)) {
			run_end(&r);
			show(&r);
		}
		ASSERT_TRUE(r.child.pid > 0);
		signal_run(&r, t[i].signo);
		run_end(&r);
		v = verdict();
		if (r.status != EXIT_INCONCLUSIVE)
			show(&r);
		ASSERT_EQ(r.status, EXIT_INCONCLUSIVE);
		ASSERT_TRUE(json_is_false(json_object_get(v, "complete")));
		ASSERT_TRUE(strcmp(verdict_text(v), "PASS") != 0);
		check_files("stopped");
		expect_clean();
		json_decref(v);
		run_free(&r);
	}
}

/* As fio's jobs do: the grandchild has a session of its own and outlives its parent. */
TEST(children_that_left_the_session_end_with_it)
{
	char script[256], line[32] = "";
	char *argv[] = { "/bin/sh", "-c", script, NULL };
	struct child_io io = { .out_fd = -1, .err_fd = -1 };
	uint64_t deadline = now_ns() + 10 * NS_PER_S;
	struct child c;

	setup();
	snprintf(script, sizeof(script), "setsid sh -c 'echo $$ >%s/pid; exec sleep 100' & sleep 100", base);
	ASSERT_EQ(child_spawn(argv, &io, &c), 0);
	while (!line[0] && now_ns() < deadline)
		file_read_line(fmt("%s/pid", base), line, sizeof(line));
	ASSERT_TRUE(atoi(line) > 1);
	ASSERT_EQ(access(fmt("/proc/%s/cwd/.", line), F_OK), 0);
	ASSERT_EQ(child_stop(&c, NULL, 0, false, 0, NULL), 0);
	/* gone, or a zombie that waits for whoever adopted it */
	ASSERT_TRUE(access(fmt("/proc/%s/cwd/.", line), F_OK) != 0);
}

TEST(a_second_run_at_once_is_refused)
{
	struct bench_run first, second;

	NEEDS_ROOT_AND_LOOP();
	setup();
	first = start_long_run();
	ASSERT_TRUE(wait_for(&first, has_fio));
	second = run_new("--arms off,off2 --quick");
	add_words(&second, fmt("--out %s/other", base));
	run_start(&second);
	run_end(&second);
	ASSERT_EQ(second.status, EXIT_ENVIRONMENT);
	ASSERT_TRUE(strstr(second.text, fmt("another iopath-bench is running (pid %d)", first.child.pid)) != NULL);
	signal_run(&first, SIGINT);
	run_end(&first);
	run_free(&first);
	run_free(&second);
	expect_clean();
}

TEST(the_next_run_cleans_up_after_kill_9)
{
	struct bench_run r, next;

	NEEDS_ROOT_AND_LOOP();
	setup();
	r = start_long_run();
	ASSERT_TRUE(wait_for(&r, has_tracer));
	signal_run(&r, SIGKILL);
	run_end(&r);
	ASSERT_EQ(r.status, 128 + SIGKILL);
	ASSERT_TRUE(has_mount());
	ASSERT_TRUE(access(fmt("%s/out/verdict.json", base), F_OK) != 0);
	ASSERT_EQ(count_in(fmt("%s/out/results.jsonl", base), "\"summary\""), 0);
	next = run_new("--arms off,off2 --quick --rounds 1:1 --window 200ms --workload randread-4k-qd1");
	run_fake(&next);
	run_start(&next);
	run_end(&next);
	if (!strstr(next.text, "cleaned up mount"))
		show(&next);
	ASSERT_TRUE(strstr(next.text, "a run that crashed left something: cleaned up mount") != NULL);
	ASSERT_TRUE(next.status == EXIT_INCONCLUSIVE || next.status == EXIT_ENVIRONMENT);
	expect_clean();
	run_free(&r);
	run_free(&next);
}

/* ---- going on afterwards ---- */

static bool three_cells(void)
{
	return nr_cells() >= 3;
}

static bool five_cells(void)
{
	return nr_cells() >= 5;
}

/* Four rounds of a fio that is made up, which is time enough to stop it; not started yet. */
static struct bench_run new_short_run(void)
{
	struct bench_run r = run_new("--arms off,off2 --quick --time-limit 60s --rounds 4:4 --window 200ms --workload randread-4k-qd1");

	unlink(fmt("%s/out/results.jsonl", base));
	run_fake(&r);
	return r;
}

/* Killed in the middle of a cell, of a line, and by Ctrl-C: what was measured stays, to the byte. */
TEST(a_run_that_was_killed_is_resumed_and_loses_only_its_running_cell)
{
	_cleanup_free_ char *first = NULL, *second = NULL, *all = NULL;
	struct bench_run r, again;
	const char *file;
	char *torn;
	FILE *f;

	NEEDS_ROOT_AND_LOOP();
	setup();
	r = new_short_run();
	run_start(&r);
	ASSERT_TRUE(wait_for(&r, three_cells));
	signal_run(&r, SIGKILL);
	run_end(&r);
	file = fmt("%s/out/results.jsonl", base);
	ASSERT_EQ(file_read(file, &first), 0);
	f = fopen(file, "a");
	ASSERT_TRUE(f && fprintf(f, "{\"type\":\"cell\",\"set\":0,\"workl") > 0 && !fclose(f));
	again = resume();
	if (!wait_for(&again, five_cells)) {
		run_end(&again);
		show(&again);
	}
	signal_run(&again, SIGINT);
	run_end(&again);
	ASSERT_EQ(again.status, EXIT_INCONCLUSIVE);
	ASSERT_TRUE(again.text && strstr(again.text, "--resume") != NULL);
	check_files("stopped");
	run_free(&again);
	ASSERT_EQ(file_read(fmt("%s/out/results.jsonl", base), &second), 0);
	ASSERT_EQ(strncmp(second, first, strlen(first)), 0);
	torn = strstr(second, "{\"type\":\"stopped\"");
	ASSERT_TRUE(torn != NULL);
	if (torn)
		*torn = '\0';
	again = resume();
	run_end(&again);
	if (again.status != EXIT_INCONCLUSIVE && again.status != EXIT_ENVIRONMENT)
		show(&again);
	ASSERT_TRUE(again.status == EXIT_INCONCLUSIVE || again.status == EXIT_ENVIRONMENT);
	check_files("summary");
	ASSERT_EQ(file_read(fmt("%s/out/results.jsonl", base), &all), 0);
	ASSERT_EQ(strncmp(all, second, strlen(second)), 0);
	ASSERT_EQ(count_in(fmt("%s/out/results.jsonl", base), "\"type\":\"resumed\""), 2);
	/* read back strictly: no round has a cell twice, none is missing */
	ASSERT_EQ(system(fmt("%s/iopath-bench report %s/out -o %s/report", build_dir, base, base)), 0);
	expect_clean();
	run_free(&again);
	again = resume();
	run_end(&again);
	ASSERT_EQ(again.status, EXIT_USAGE);
	ASSERT_TRUE(again.text && strstr(again.text, "that run is complete") != NULL);
	run_free(&again);
	run_free(&r);
}

static bool one_cell(void)
{
	return nr_cells() >= 1;
}

TEST(a_workload_that_does_not_run_is_invalid_and_the_others_go_on)
{
	struct bench_run r, again;
	json_t *v;

	NEEDS_ROOT_AND_LOOP();
	setup();
	unlink(fmt("%s/out/results.jsonl", base));
	r = run_new("--arms off,off2 --quick --time-limit 60s --rounds 1:1 --window 200ms --max-steal 100 --workload-command");
	add(&r, "bad=echo cannot go on >&2; exit 3");
	add(&r, "--workload-command");
	add(&r, "dd=while :; do dd if={dev} of=/dev/null bs=4k iflag=direct count=2000 2>/dev/null; done");
	run_start(&r);
	ASSERT_TRUE(wait_for(&r, one_cell));
	signal_run(&r, SIGKILL);
	run_end(&r);
	ASSERT_EQ(count_in(fmt("%s/out/results.jsonl", base), "\"failed\":true"), 1);
	again = resume();
	run_end(&again);
	v = verdict();
	if (again.status != EXIT_ENVIRONMENT)
		show(&again);
	ASSERT_EQ(again.status, EXIT_ENVIRONMENT);
	ASSERT_STR(verdict_text(v), "INVALID");
	ASSERT_EQ(json_array_size(json_object_get(v, "skipped")), 1);
	ASSERT_EQ(count_in(fmt("%s/out/results.jsonl", base), "\"failed\":true"), 1);
	check_files("summary");
	expect_clean();
	json_decref(v);
	run_free(&r);
	run_free(&again);
}

static char *history(const char *words)
{
	const char *command = fmt("%s/iopath-bench history --db %s/history.db %s", build_dir, base, words);
	char *argv[] = { "sh", "-c", (char *)command, NULL }, *out = NULL;
	struct child_end end = { .status = -1 };

	ASSERT_EQ(child_run(argv, 30 * NS_PER_S, &out, &end), 0);
	ASSERT_EQ(end.status, 0);
	return out;
}

TEST(a_run_enters_the_history_when_it_is_complete_and_not_before)
{
	_cleanup_free_ char *none = NULL, *one = NULL, *there = NULL;
	struct bench_run r, again;

	NEEDS_ROOT_AND_LOOP();
	setup();
	r = new_short_run();
	add_words(&r, fmt("--history %s/history.db", base));
	run_start(&r);
	ASSERT_TRUE(wait_for(&r, three_cells));
	signal_run(&r, SIGINT);
	run_end(&r);
	ASSERT_EQ(r.status, EXIT_INCONCLUSIVE);
	check_files("stopped");
	ASSERT_TRUE(r.text && !strstr(r.text, "history.db"));
	none = history("--smoke");
	ASSERT_TRUE(none && strstr(none, "nothing in it") != NULL);
	again = resume();
	run_end(&again);
	if (again.status != EXIT_INCONCLUSIVE && again.status != EXIT_ENVIRONMENT)
		show(&again);
	check_files("summary");
	one = history("--smoke --arm off2");
	ASSERT_TRUE(one && strstr(one, "randread-4k-qd1 on loop, scheduler none, arm off2") != NULL);
	there = history(fmt("--import %s/out", base));
	ASSERT_TRUE(there && strstr(there, "is there already") != NULL);
	expect_clean();
	run_free(&r);
	run_free(&again);
}

/* As in a guest of the lab: it does not advise what cannot be done, and says so when it is tried. */
TEST(a_run_in_the_lab_is_not_resumed)
{
	struct bench_run r, again;

	NEEDS_ROOT_AND_LOOP();
	setup();
	r = new_short_run();
	setenv("LAB_KERNEL", "6.12", 1);
	run_start(&r);
	unsetenv("LAB_KERNEL");
	ASSERT_TRUE(wait_for(&r, one_cell));
	signal_run(&r, SIGINT);
	run_end(&r);
	ASSERT_EQ(r.status, EXIT_INCONCLUSIVE);
	ASSERT_TRUE(r.text && strstr(r.text, "results in ") && !strstr(r.text, "--resume"));
	check_files("stopped");
	again = resume();
	run_end(&again);
	ASSERT_EQ(again.status, EXIT_USAGE);
	ASSERT_TRUE(again.text && strstr(again.text, "it ran in the lab (kernel 6.12), and that machine is gone; run it again\n") != NULL);
	expect_clean();
	run_free(&r);
	run_free(&again);
}

TEST(what_cannot_be_resumed_is_named)
{
	static const struct {
		const char *words, *says;
	} t[] = {
		{ "--resume /nowhere", "--resume /nowhere: No such file" },
		{ "--resume /tmp", "/tmp/results.jsonl: No such file" },
		{ "--quick --resume=/tmp", "--resume stands alone" },
		{ "--resume /tmp --quick", "--resume stands alone" },
	};

	setup();
	for (size_t i = 0; i < ARRAY_SIZE(t); i++) {
		struct bench_run r = { .child.pidfd = -1, .out_fd = -1 };

		add_words(&r, fmt("%s/iopath-bench run", build_dir));
		add_words(&r, t[i].words);
		run_start(&r);
		run_end(&r);
		ASSERT_EQ(r.status, EXIT_USAGE);
		if (!strstr(r.text, t[i].says))
			show(&r);
		ASSERT_TRUE(strstr(r.text, t[i].says) != NULL);
		run_free(&r);
	}
}

/* FULL, below the test's directory: a disk with room for three pages. */
#define NEEDS_A_FULL_DISK()                                                            \
	do {                                                                           \
		NEEDS_ROOT_AND_LOOP();                                                 \
		setup();                                                               \
		mkdir(fmt("%s/full", base), 0755);                                     \
		if (mount("none", fmt("%s/full", base), "tmpfs", 0, "size=12k"))       \
			TEST_SKIP("cannot mount a tmpfs");                             \
	} while (0)

TEST(a_full_result_disk_is_named_and_nothing_is_left)
{
	struct bench_run r;

	NEEDS_A_FULL_DISK();
	r = run_new("--arms off,off2 --rounds 8:8 --window 200ms --workload randread-4k-qd1");
	run_fake(&r);
	add_words(&r, fmt("--out %s/full/out", base));
	run_start(&r);
	run_end(&r);
	if (r.status != EXIT_HARNESS)
		show(&r);
	ASSERT_EQ(r.status, EXIT_HARNESS);
	ASSERT_TRUE(strstr(r.text, "No space left on device") != NULL);
	ASSERT_TRUE(!strstr(r.text, "verdict: PASS"));
	ASSERT_EQ(count_in(fmt("%s/full/out/results.jsonl", base), "\"complete\":true"), 0);
	ASSERT_EQ(umount(fmt("%s/full", base)), 0);
	expect_clean();
	run_free(&r);
}

/* Without room for what is to be put back nothing is begun. */
TEST(a_full_state_directory_is_named)
{
	struct bench_run r;

	NEEDS_A_FULL_DISK();
	r = run_new("--arms off,off2 --rounds 1:1 --window 200ms --workload randread-4k-qd1");
	run_fake(&r);
	add_words(&r, fmt("--state-dir %s/full", base));
	run_start(&r);
	run_end(&r);
	if (r.status != EXIT_ENVIRONMENT)
		show(&r);
	ASSERT_EQ(r.status, EXIT_ENVIRONMENT);
	ASSERT_TRUE(strstr(r.text, fmt("cannot write %s/full/state.json: No space left on device", base)) != NULL);
	ASSERT_EQ(umount(fmt("%s/full", base)), 0);
	expect_clean();
	run_free(&r);
}

TEST_MAIN("test-bench-stop", T(ctrl_c_and_sigterm_in_every_phase_leave_nothing),
	  T(children_that_left_the_session_end_with_it),
	  T(a_second_run_at_once_is_refused),
	  T(the_next_run_cleans_up_after_kill_9),
	  T(a_run_that_was_killed_is_resumed_and_loses_only_its_running_cell),
	  T(a_workload_that_does_not_run_is_invalid_and_the_others_go_on),
	  T(a_run_enters_the_history_when_it_is_complete_and_not_before),
	  T(a_run_in_the_lab_is_not_resumed), T(what_cannot_be_resumed_is_named),
	  T(a_full_result_disk_is_named_and_nothing_is_left), T(a_full_state_directory_is_named))
