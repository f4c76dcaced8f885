/* SPDX-License-Identifier: GPL-2.0-or-later */
/* --device lab:…: what the lab is given and what comes back, with a lab that runs its command at once, here. */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "bench/file.h"
#include "bench/lab.h"
#include "bench/stop.h"
#include "bench/tests/bench-run.h"
#include "bench/tests/canned.h"
#include "tracer/base/cleanup.h"
#include "tracer/base/test.h"

/* Its guest's iopath-bench is another one. */
static const char lab_text[] =
	"#!/bin/sh\n"
	"tree=${0%/ci/lab/run}\n"
	"export LAB_DISK_NVME=/dev/nvme0n1 LAB_DISK_NVME2=/dev/nvme1n1 LAB_DISK_VIRTIO=/dev/vda\n"
	"printf '%s\\n' \"DISK=$DISK\" \"TIMEOUT=$TIMEOUT\" \"words=$#\" >$tree/lab.txt\n"
	"cp $tree/guest $tree/build/iopath-bench.new && mv $tree/build/iopath-bench.new $tree/build/iopath-bench\n"
	"exec sh -c \"$1\"\n";

/* Leaves what is in "leave", and ends as "end" says. */
static const char guest_text[] =
	"#!/bin/sh\n"
	"tree=${0%/build/iopath-bench}\n"
	"{ echo \"in=$PWD\"; echo \"path=${PATH%%:*}\"; printf '[%s]' \"$@\"; } >$tree/guest.txt\n"
	"while [ \"$1\" != --out ]; do shift; done\n"
	"cp $tree/leave/* \"$2\" 2>/dev/null\n"
	". $tree/end\n";

static const char *const kinds[] = { "results.jsonl", "report.md", "verdict.json" };

static int sh(const char *command)
{
	int status = system(fmt("cd %s/tree && %s", base, command));

	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void put(const char *name, const char *text)
{
	ASSERT_EQ(file_replace(fmt("%s/tree/%s", base, name), text), 0);
}

/* A tree with our iopath-bench; the guest leaves a whole run, longer than any buffer, and ends with @end. */
static void make_tree(const char *end)
{
	struct canned c = canned_default();
	_cleanup_free_ char *results = NULL;

	setup();
	ASSERT_EQ(system(fmt("rm -rf %s/tree && mkdir -p %s/tree/build %s/tree/ci/lab %s/tree/leave && cp %s/iopath-bench %s/tree/build/",
			     base, base, base, base, build_dir, base)), 0);
	c.rounds = c.max_rounds = 32;
	results = canned_text(&c);
	put("leave/results.jsonl", results);
	put("leave/report.md", "# a report\n");
	put("leave/verdict.json", "{\"complete\": true}\n");
	put("ci/lab/run", lab_text);
	put("guest", guest_text);
	put("end", end);
	ASSERT_EQ(sh("chmod +x ci/lab/run guest"), 0);
}

static struct bench_run start(const char *words)
{
	struct bench_run r = { .child.pidfd = -1, .out_fd = -1 };

	add(&r, fmt("%s/tree/build/iopath-bench", base));
	add(&r, "run");
	add_words(&r, words);
	run_start(&r);
	return r;
}

static int run_lab(const char *words, char **ret_text)
{
	struct bench_run r = start(words);
	int status;

	run_end(&r);
	status = r.status;
	if (ret_text) {
		*ret_text = r.text;
		r.text = NULL;
	}
	run_free(&r);
	return status;
}

static bool nothing_left(void)
{
	return sh("test -z \"$(ls -A results/local 2>/dev/null)\"") == 0;
}

TEST(the_lab_runs_it_in_there_and_brings_its_results_back)
{
	_cleanup_free_ char *lab = NULL, *guest = NULL, *wanted = NULL, *said = NULL;
	char tree[96], here[PATH_MAX];

	make_tree("exit 0");
	snprintf(tree, sizeof(tree), "%s/tree", base);
	ASSERT_TRUE(getcwd(here, sizeof(here)) != NULL);
	ASSERT_EQ(run_lab(fmt("--device lab:nvme:size=2G,virtio --arms off,block --out %s/out --device nvme", tree), &said), 0);
	ASSERT_EQ(file_read(fmt("%s/lab.txt", tree), &lab), 0);
	ASSERT_STR(lab, "DISK=nvme:size=2G,virtio,nvme\nTIMEOUT=604800\nwords=1\n");
	ASSERT_EQ(file_read(fmt("%s/guest.txt", tree), &guest), 0);
	ASSERT_TRUE(asprintf(&wanted, "in=%s\npath=%s/build/lab/tools/bin\n[run][--arms][off,block][--device][/dev/nvme0n1][--device][/dev/vda]"
			     "[--device][/dev/nvme1n1][--out][%s/results/local/.lab.", here, tree, tree) > 0);
	if (!guest || strncmp(guest, wanted, strlen(wanted)))
		printf("%s\n%s\n", guest, wanted);
	ASSERT_TRUE(guest && !strncmp(guest, wanted, strlen(wanted)));
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		ASSERT_EQ(sh(fmt("cmp leave/%s out/%s", kinds[i], kinds[i])), 0);
	ASSERT_EQ(sh("test $(ls -A out | wc -l) = 3"), 0);
	ASSERT_TRUE(nothing_left());
	ASSERT_TRUE(said && strstr(said, fmt("iopath-bench: results in %s/out\n", tree)));
}

/* Any name; and where the guest does not see it, as below /tmp, it begins in the tree. */
TEST(the_lab_begins_where_it_can)
{
	_cleanup_free_ char *seen = NULL, *unseen = NULL;
	char here[PATH_MAX];

	make_tree("exit 0");
	ASSERT_TRUE(getcwd(here, sizeof(here)) != NULL);
	ASSERT_EQ(sh("mkdir -p \"it's\""), 0);
	ASSERT_EQ(chdir(fmt("%s/tree/it's", base)), 0);
	ASSERT_EQ(run_lab(fmt("--device lab:nvme --out %s/tree/out", base), NULL), 0);
	ASSERT_EQ(file_read(fmt("%s/tree/guest.txt", base), &seen), 0);
	ASSERT_TRUE(seen && !strncmp(seen, fmt("in=%s/tree/it's\n", base), strlen(fmt("in=%s/tree/it's\n", base))));
	ASSERT_EQ(chdir(here), 0);
	make_tree("exit 0");
	ASSERT_EQ(sh("mkdir gone && sed -i '2i rmdir ${0%/ci/lab/run}/gone' ci/lab/run"), 0);
	ASSERT_EQ(chdir(fmt("%s/tree/gone", base)), 0);
	ASSERT_EQ(run_lab(fmt("--device lab:nvme --out %s/tree/out", base), NULL), 0);
	ASSERT_EQ(file_read(fmt("%s/tree/guest.txt", base), &unseen), 0);
	ASSERT_TRUE(unseen && !strncmp(unseen, fmt("in=%s/tree\n", base), strlen(fmt("in=%s/tree\n", base))));
	ASSERT_EQ(chdir(here), 0);
}

/* Those of a run are its own; what the lab or the guest itself ends with is no verdict. */
TEST(a_run_in_the_lab_ends_with_its_own_code)
{
	static const struct {
		const char *end;
		int status;
	} t[] = {
		{ "exit 0", EXIT_PASS }, { "exit 1", EXIT_OVER_BUDGET }, { "exit 3", EXIT_INCONCLUSIVE },
		{ "exit 4", EXIT_ENVIRONMENT }, { "exit 2", EXIT_USAGE }, { "exit 5", EXIT_HARNESS },
		{ "exit 124", EXIT_HARNESS }, { "kill -KILL $$", EXIT_HARNESS }, { "exit 137", EXIT_HARNESS },
	};

	for (size_t i = 0; i < ARRAY_SIZE(t); i++) {
		make_tree(t[i].end);
		ASSERT_EQ(run_lab(fmt("--device lab:nvme --out %s/tree/out", base), NULL), t[i].status);
		/* as far as it came */
		ASSERT_EQ(sh("cmp leave/results.jsonl out/results.jsonl"), 0);
		ASSERT_TRUE(nothing_left());
	}
}

/* Neither is it a pass, nor are older results lost. */
TEST(a_guest_that_leaves_no_results_is_told)
{
	static const struct {
		const char *end;
		int status;
	} t[] = { { "exit 0", EXIT_HARNESS }, { "exit 3", EXIT_HARNESS }, { "exit 1", EXIT_HARNESS }, { "exit 124", EXIT_HARNESS } };

	for (size_t i = 0; i < ARRAY_SIZE(t); i++) {
		_cleanup_free_ char *said = NULL;

		make_tree(t[i].end);
		ASSERT_EQ(sh("rm leave/* && echo half >leave/verdict.json.new && mkdir out && echo older >out/verdict.json"), 0);
		ASSERT_EQ(run_lab(fmt("--device lab:nvme --history %s/tree/history.db --out %s/tree/out", base, base), &said), t[i].status);
		ASSERT_TRUE(said && strstr(said, "no results came back from the lab"));
		ASSERT_TRUE(said && !strstr(said, "results in"));
		/* what is there says so: an older verdict would be taken for this run's */
		ASSERT_EQ(sh("! grep -q older out/verdict.json && grep -q '\"complete\": false' out/verdict.json && "
			     "grep -q 'no results came back' out/verdict.json && test $(ls -A out | wc -l) = 1 && test ! -e history.db"), 0);
		ASSERT_TRUE(nothing_left());
	}
}

TEST(a_guest_whose_run_does_not_begin_says_why_itself)
{
	make_tree("exit 4");
	ASSERT_EQ(sh("rm leave/* && echo '{\"complete\": false, \"reason\": \"its own\"}' >leave/verdict.json && mkdir out && "
		     "echo older >out/report.md"), 0);
	ASSERT_EQ(run_lab(fmt("--device lab:nvme --out %s/tree/out", base), NULL), EXIT_ENVIRONMENT);
	ASSERT_EQ(sh("cmp leave/verdict.json out/verdict.json && test $(ls -A out | wc -l) = 1"), 0);
	ASSERT_TRUE(nothing_left());
}

/* An unknown kernel, a disk that it does not have, no room: one line, which is the lab's. */
TEST(what_the_lab_refuses_is_told_once)
{
	static const int codes[] = { EXIT_USAGE, EXIT_ENVIRONMENT };

	for (size_t i = 0; i < ARRAY_SIZE(codes); i++) {
		_cleanup_free_ char *said = NULL;

		make_tree("exit 0");
		put("ci/lab/run", fmt("#!/bin/sh\necho \"lab: KERNEL=$KERNEL: know only 6.1\" >&2\nexit %d\n", codes[i]));
		ASSERT_EQ(sh("chmod +x ci/lab/run"), 0);
		setenv("KERNEL", "1.0", 1);
		ASSERT_EQ(run_lab(fmt("--device lab:nvme --out %s/tree/out", base), &said), codes[i]);
		unsetenv("KERNEL");
		ASSERT_STR(said, "lab: KERNEL=1.0: know only 6.1\n");
		ASSERT_EQ(sh("test ! -e out/results.jsonl"), 0);
		ASSERT_EQ(sh("grep -q '\"reason\": \"lab: KERNEL=1.0: know only 6.1\"' out/verdict.json"), 0);
		ASSERT_TRUE(nothing_left());
	}
}

/* Hours of a guest: they stay where they are, and that is said. */
/* It does not boot: that, and not only that nothing came of it. */
TEST(what_the_lab_failed_of_is_in_the_verdict)
{
	uint64_t began = now_ns();
	_cleanup_free_ char *said = NULL;

	make_tree("exit 0");
	/* what it left behind keeps its stderr open, and nobody waiting */
	put("ci/lab/run", "#!/bin/sh\necho up >&2\nprintf 'lab: Linux did\\033 not boot\\n\\n' >&2\nsleep 30 &\nexit 5\n");
	ASSERT_EQ(sh("chmod +x ci/lab/run"), 0);
	ASSERT_EQ(run_lab(fmt("--device lab:nvme --out %s/tree/out", base), &said), EXIT_HARNESS);
	ASSERT_STR(said, "up\nlab: Linux did\033 not boot\n\niopath-bench: no results came back from the lab\n");
	ASSERT_EQ(sh("grep -q '\"reason\": \"no results came back from the lab; it said: lab: Linux did  not boot\"' out/verdict.json"), 0);
	ASSERT_TRUE(now_ns() - began < 20 * NS_PER_S);
	ASSERT_TRUE(nothing_left());
}

TEST(results_that_cannot_be_written_are_not_lost)
{
	_cleanup_free_ char *said = NULL;

	make_tree("exit 0");
	put("file", "no directory\n");
	ASSERT_EQ(run_lab(fmt("--device lab:nvme --out %s/tree/file", base), &said), EXIT_HARNESS);
	ASSERT_TRUE(said && strstr(said, "what the lab brought is in ") != NULL);
	ASSERT_TRUE(said && !strstr(said, "no results"));
	ASSERT_EQ(sh("cmp leave/results.jsonl results/local/.lab.*/results.jsonl"), 0);
}

TEST(a_run_in_the_lab_goes_into_the_history)
{
	make_tree("exit 3");
	ASSERT_EQ(run_lab(fmt("--device lab:nvme --history=%s/tree/history.db --out %s/tree/out", base, base), NULL), EXIT_INCONCLUSIVE);
	ASSERT_EQ(sh("test -s history.db"), 0);
}

TEST(a_history_that_cannot_be_added_to_boots_no_lab)
{
	_cleanup_free_ char *said = NULL;

	make_tree("exit 0");
	ASSERT_EQ(run_lab(fmt("--device lab:nvme --history %s/tree/nowhere/h.db --out %s/tree/out", base, base), &said), EXIT_ENVIRONMENT);
	ASSERT_STR(said, fmt("iopath-bench: %s/tree/nowhere/h.db: No such file or directory\n", base));
	ASSERT_EQ(sh("test ! -e lab.txt && grep -q 'nowhere/h.db: No such file' out/verdict.json"), 0);
	ASSERT_TRUE(nothing_left());
}

static bool in_the_guest(void)
{
	return !access(fmt("%s/tree/waits", base), F_OK);
}

/* The lab takes its machine down, and what the run had is there. */
TEST(a_signal_ends_the_lab_too)
{
	struct bench_run r;

	make_tree("trap 'echo down >$tree/down; exit 143' TERM; touch $tree/waits; while :; do sleep .05; done");
	r = start(fmt("--device lab:nvme --out %s/tree/out", base));
	ASSERT_TRUE(wait_for(&r, in_the_guest));
	signal_run(&r, SIGINT);
	run_end(&r);
	ASSERT_EQ(r.status, EXIT_HARNESS);
	ASSERT_EQ(sh("test -e down && cmp leave/results.jsonl out/results.jsonl"), 0);
	ASSERT_TRUE(nothing_left());
	run_free(&r);
}

TEST(a_program_without_its_tree_has_no_lab)
{
	_cleanup_free_ char *said = NULL;

	make_tree("exit 0");
	ASSERT_EQ(sh("rm ci/lab/run"), 0);
	ASSERT_EQ(run_lab("--device lab:nvme", &said), EXIT_ENVIRONMENT);
	ASSERT_TRUE(said && strstr(said, "is part of the source tree"));
}

/* ---- two kernels ---- */

/* What was asked of it, and the results that are there for the kernel, where the command says. */
static const char kernels_lab[] =
	"#!/bin/sh\n"
	"tree=$PWD\n"
	"echo \"KERNEL=$KERNEL DISK=$DISK TIMEOUT=$TIMEOUT\" >>lab.txt\n"
	"export LAB_DISK_NVME=/dev/nvme0n1 LAB_DISK_SCSI=/dev/sda\n"
	"eval \"set -- $1\"\n"
	"printf '[%s]' \"$@\" >words-$KERNEL.txt\n"
	"while [ \"$1\" != --out ]; do [ \"$1\" != --seed ] || echo \"$2\" >>seeds.txt; shift; done\n"
	"[ -d of/$KERNEL ] || exit 124\n"
	"mkdir -p \"$2\" && cp of/$KERNEL/* \"$2\"\n"
	"exit 3\n";

static void put_kernel(const char *line, const char *release, double loss_pct, bool whole)
{
	struct canned c = canned_default();

	c.kernel = release;
	c.key = release;
	c.loss_pct[2] = loss_pct;
	ASSERT_EQ(sh(fmt("mkdir -p of/%s", line)), 0);
	ASSERT_EQ(canned_write(&c, fmt("%s/tree/of/%s/results.jsonl", base, line)), 0);
	put(fmt("of/%s/verdict.json", line), whole ? "{\"complete\": true}\n" : "{\"complete\": false}\n");
}

static void make_kernels(void)
{
	make_tree("exit 0");
	ASSERT_EQ(sh("mkdir bench"), 0);
	ASSERT_EQ(system(fmt("cp bench/bench-kernels %s/tree/bench/", base)), 0);
	put("ci/lab/run", kernels_lab);
	ASSERT_EQ(sh("chmod +x ci/lab/run"), 0);
	put_kernel("6.1", "6.1.0", 1, true);
	put_kernel("6.12", "6.12.9", 12, true);
}

/* Each in the lab with the same seed, disk and words, then compared, and the status is the comparison's. */
TEST(two_kernels_run_alike_and_are_compared)
{
	_cleanup_free_ char *lab = NULL, *words = NULL, *said = NULL;

	make_kernels();
	ASSERT_EQ(sh("DISK=scsi:size=2G bench/bench-kernels '6.1 6.12' full --quick --scheduler none >said 2>&1"), 1);
	ASSERT_EQ(file_read(fmt("%s/tree/lab.txt", base), &lab), 0);
	ASSERT_STR(lab, "KERNEL=6.1 DISK=scsi:size=2G TIMEOUT=1800\nKERNEL=6.12 DISK=scsi:size=2G TIMEOUT=1800\n");
	ASSERT_EQ(file_read(fmt("%s/tree/words-6.12.txt", base), &words), 0);
	ASSERT_TRUE(words && strstr(words, "[build/iopath-bench][run][--workload-dir][workloads][--arms][off,off2,full]"));
	ASSERT_TRUE(words && strstr(words, "[--out][build/kernels/6.12][--quick][--scheduler][none][--device][/dev/sda]"));
	ASSERT_EQ(sh("test $(wc -l <seeds.txt) = 2 && test $(sort -u seeds.txt | wc -l) = 1"), 0);
	ASSERT_EQ(file_read(fmt("%s/tree/said", base), &said), 0);
	ASSERT_TRUE(said && strstr(said, "verdict: worse") != NULL);
	/* the other way round it costs less */
	ASSERT_EQ(sh("bench/bench-kernels '6.12 6.1' >/dev/null 2>&1"), 0);
}

TEST(a_kernel_without_a_whole_run_is_no_answer)
{
	static const struct {
		const char *set;
		int plain, bisect;
	} t[] = {
		{ "rm -r of/6.12", 124, 125 },	/* the lab's own: it did not boot */
		{ "cp of/partial/* of/6.12", 3, 125 },
		{ "rm of/6.12/verdict.json", 3, 125 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(t); i++) {
		make_kernels();
		put_kernel("partial", "6.12.9", 12, false);
		ASSERT_EQ(sh(t[i].set), 0);
		ASSERT_EQ(sh("bench/bench-kernels '6.1 6.12' full >/dev/null 2>said"), t[i].plain);
		ASSERT_EQ(sh("grep -q 'kernel 6.12: no complete run' said"), 0);
		/* a run of before does not stand in for it */
		ASSERT_EQ(sh("mkdir -p build/kernels/6.12 && echo '{\"complete\": true}' >build/kernels/6.12/verdict.json"), 0);
		ASSERT_EQ(sh("BISECT=1 bench/bench-kernels '6.1 6.12' full >/dev/null 2>&1"), t[i].bisect);
	}
}

/* ---- what it is given ---- */

TEST(the_lab_gets_its_disks_and_arguments)
{
	char *argv[] = { "run", "--arms", "block", "--device", "lab:nvme:size=2G", "-o", "x", "--device=scsi", "--arm",
			 "a=it's $HOME", "--out=y", "-oz", "--quick" };
	struct run_config c = { .argc = ARRAY_SIZE(argv), .argv = argv };
	_cleanup_free_ char *disk = NULL, *words = NULL, *arguments = NULL;
	struct why why = { 0 };

	ASSERT_EQ(opt_list_split(&c.devices, "lab:nvme:size=2G,queues=2,virtio,nvme,lab:scsi_debug"), 0);
	ASSERT_EQ(lab_plan(&c.devices, &disk, &words, &why), 0);
	ASSERT_STR(disk, "nvme:size=2G,queues=2,virtio,nvme,scsi_debug");
	ASSERT_STR(words, " --device \"$LAB_DISK_NVME\" --device \"$LAB_DISK_VIRTIO\" --device \"$LAB_DISK_NVME2\""
			  " --device \"$LAB_DISK_SCSI_DEBUG\"");
	ASSERT_EQ(lab_arguments(&c, &arguments), 0);
	ASSERT_STR(arguments, " '--arms' 'block' '--arm' 'a=it'\\''s $HOME' '--quick'");
	opt_list_free(&c.devices);
}

TEST(the_lab_is_used_in_real_time)
{
	_cleanup_free_ char *disk = NULL, *words = NULL;
	struct run_config c = { 0 };
	struct why why = { 0 };

	ASSERT_EQ(opt_list_split(&c.devices, "lab:nvme"), 0);
	setenv("MODE", "virtual", 1);
	ASSERT_EQ(lab_plan(&c.devices, &disk, &words, &why), -EINVAL);
	unsetenv("MODE");
	ASSERT_TRUE(strstr(why.text, "MODE=virtual: a run is about real time") != NULL);
	opt_list_free(&c.devices);
}

TEST_MAIN("bench-lab", T(the_lab_runs_it_in_there_and_brings_its_results_back), T(a_run_in_the_lab_ends_with_its_own_code), T(the_lab_begins_where_it_can),
	  T(a_guest_that_leaves_no_results_is_told), T(what_the_lab_refuses_is_told_once), T(what_the_lab_failed_of_is_in_the_verdict), T(a_guest_whose_run_does_not_begin_says_why_itself), T(results_that_cannot_be_written_are_not_lost), T(a_run_in_the_lab_goes_into_the_history), T(a_history_that_cannot_be_added_to_boots_no_lab), T(a_signal_ends_the_lab_too),
	  T(a_program_without_its_tree_has_no_lab), T(two_kernels_run_alike_and_are_compared),
	  T(a_kernel_without_a_whole_run_is_no_answer), T(the_lab_gets_its_disks_and_arguments), T(the_lab_is_used_in_real_time))
