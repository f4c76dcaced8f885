/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Bad input to a run: one line that names it, the right exit code, nothing left. */
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "bench/file.h"
#include "bench/stop.h"
#include "bench/tests/bench-run.h"
#include "bench/why.h"
#include "tracer/base/cleanup.h"
#include "tracer/base/test.h"

/* Lines, but for what a run says of the machine and of where its results go. */
static int count_complaints(const char *text)
{
	static const char *const others[] = { "note: ", "results in ", "preflight: ", "it goes on all the same" };
	int n = 0;

	for (; *text; text += strcspn(text, "\n"), text += *text == '\n') {
		bool is_other = false;

		for (size_t i = 0; i < ARRAY_SIZE(others); i++)
			is_other |= !strncmp(text, "iopath-bench: ", 14) && !strncmp(text + 14, others[i], strlen(others[i]));
		n += !is_other;
	}
	return n;
}

/* It ends, and says why in one line. */
static void expect_refused(struct bench_run r, int status, const char *says)
{
	run_start(&r);
	run_end(&r);
	if (r.status != status || !strstr(r.text, says) || count_complaints(r.text) != 1)
		show(&r);
	ASSERT_EQ(r.status, status);
	ASSERT_TRUE(strstr(r.text, says) != NULL);
	ASSERT_EQ(count_complaints(r.text), 1);
	run_free(&r);
}

static void expect_refused_file(const char *name, const char *text, const char *says)
{
	const char *path = fmt("%s/%s", base, name);
	struct bench_run r = run_new("--arms off,off2 --quick --workload");

	ASSERT_EQ(file_replace(path, text), 0);
	add(&r, path);
	expect_refused(r, EXIT_USAGE, says);
	unlink(fmt("%s/%s", base, name));
}

TEST(bad_input_is_one_line_and_the_right_code)
{
	static const struct {
		const char *words;
		int status;
		const char *says;
	} t[] = {
		{ "--nonsense", EXIT_USAGE, "--nonsense" },
		{ "--arms fulll", EXIT_USAGE, "fulll" },
		{ "--workload nonsense", EXIT_USAGE, "nonsense" },
		{ "--workload /nowhere/x.fio", EXIT_USAGE, "/nowhere/x.fio" },
		{ "--scheduler cfq", EXIT_USAGE, "cfq" },
		{ "--scheduler none,bfq,none", EXIT_USAGE, "scheduler none is named twice" },
		{ "--device /dev/nonsense", EXIT_USAGE, "/dev/nonsense" },
		{ "--device nonsense", EXIT_USAGE, "nonsense" },
		{ "--device null_blk:irqmode=tinker", EXIT_USAGE, "irqmode=tinker: not understood" },
		{ "--device loop --device lab:nvme", EXIT_USAGE, "lab:nvme: not beside devices of this machine" },
		{ "--device lab:nvme;reboot", EXIT_USAGE, "not lab:DISK" },
		{ "--device /dev/null --arms off,off2", EXIT_USAGE, "no block device, directory or file" },
		{ "--device loop --overwrite /dev/sda", EXIT_USAGE, "--overwrite /dev/sda: no --device is that" },
		{ "--arm-proof foo=x --arms off,off2", EXIT_USAGE, "--arm-proof foo=x: no arm is named foo" },
		{ "--rounds 9:3", EXIT_USAGE, "9:3" },
		{ "--inconclusive maybe", EXIT_USAGE, "not one of pass, fail, warn" },
		{ "--budget 0", EXIT_USAGE, "--budget" },
		{ "--quick --long", EXIT_USAGE, "--long" },
		{ "--shard 0/2", EXIT_USAGE, "--shard 0/2: not I/N" },
		{ "--shard 3/2", EXIT_USAGE, "--shard 3/2: not I/N" },
		{ "--shard 2", EXIT_USAGE, "--shard 2: not I/N" },
		{ "surprise", EXIT_USAGE, "surprise" },
		{ "--fio /nowhere/fio --arms off,off2", EXIT_ENVIRONMENT, "/nowhere/fio is not installed" },
		{ "--fio /bin/false --arms off,off2", EXIT_ENVIRONMENT, "/bin/false" },
		{ "--iopath /nowhere/iopath", EXIT_ENVIRONMENT, "/nowhere/iopath" },
		{ "--device loop:size=900000G --arms off,off2", EXIT_ENVIRONMENT, "memory" },
	};

	NEEDS_ROOT_AND_LOOP();
	for (size_t i = 0; i < ARRAY_SIZE(t); i++)
		expect_refused(run_new(t[i].words), t[i].status, t[i].says);
	expect_clean();
}

TEST(broken_job_files_are_named_with_their_line)
{
	static const struct {
		const char *name, *text, *says;
	} t[] = {
		{ "a.fio", "# p\n\n[a]\nrw=read\nstonewall\n", "a.fio:5: \"stonewall\": a cell measures one steady state" },
		{ "b.fio", "# iopath: cpus=many\n[a]\n", "b.fio:1: not understood after \"iopath:\": cpus=many" },
		{ "c.fio", "rw=read\n", "c.fio: no job section in it" },
		{ "d.fio", "[a]\nrw=read\nbs=banana\n", "d.fio:3: fio does not take it: fio: failed parsing bs=banana" },
		{ "d2.fio", "# p\n\n[global]\nbs=4k\n[a]\nrw=read\nbogus=1\nsize=1m\n[b]\nrw=write\nsize=1m\n",
		  "d2.fio:7: fio does not take it: Bad option <bogus=1>" },
		{ "d3.fio", "# p\n[a]\nrw=read\nioengine=psync\n[b]\nrw=read\n ioengine = nope\n", "d3.fio:7: fio does not take it: it has no engine nope" },
		{ "e.sysbench", "file-test-mode=rndrd\ntime=5\n", "e.sysbench:2: " },
		{ "f.sysbench", "# p\n\nfile-test-mode=rndrd\nfile-num=banana\n", "f.sysbench:4: file-num=banana: not a whole number" },
		{ "g.uring", "# odd\n\nop=write\ndepth=0\ndirect\n", "g.uring:4: iopath-uring does not take it: iopath-uring: --depth 0: out of range" },
		/* that its first lines alone lack another is not what is wrong with it */
		{ "h.uring", "iopoll\nop=read\nbatch=1\ndirect\ndepht=4\n", "h.uring:5: iopath-uring does not take it: " },
		{ "i.uring", "direct\nbatch=8\ndepth=4\n", "i.uring:2: iopath-uring does not take it: iopath-uring: --batch: larger than the depth" },
	};

	NEEDS_ROOT_AND_LOOP();
	setup();
	for (size_t i = 0; i < ARRAY_SIZE(t); i++)
		expect_refused_file(t[i].name, t[i].text, t[i].says);
	expect_clean();
}

/* The list of --enghelp is short, or endless, where fio loads engines: each is asked for by its name, once. */
TEST(an_engine_is_there_unless_fio_says_that_it_is_not)
{
	struct bench_run r;

	NEEDS_ROOT_AND_LOOP();
	setup();
	ASSERT_EQ(system(fmt("mkdir -p %s/tree", base)), 0);
	tree_put("fio", "#!/bin/sh\n"
			"case $1 in\n"
			"--enghelp) echo 'Available IO engines:'; exit ;;\n"
			"--enghelp=*) echo \"$1\" >>\"$(dirname \"$0\")/asked\" ;;\n"
			"esac\n"
			"[ \"$1\" != --enghelp=psync ] || exit 1\n" /* it does not tell */
			"exec fio \"$@\"\n");
	tree_put("l.fio", "[a]\nrw=read\nioengine=libaio\n[b]\nioengine=psync\n[c]\nioengine=libaio\n[d]\nioengine=linuxaio\n"
			  "[e]\nioengine=nope\n");
	ASSERT_EQ(tree_sh("chmod +x fio"), 0);
	r = run_new(fmt("--arms off,off2 --fio %s/tree/fio --workload %s/tree/l.fio", base, base));
	expect_refused(r, EXIT_USAGE, "l.fio:11: fio does not take it: it has no engine nope");
	ASSERT_EQ(tree_sh("test \"$(cat asked)\" = \"$(printf -- '--enghelp=%s\\n' libaio psync linuxaio nope)\""), 0);
	expect_clean();
}

/* Its settings that only it knows: those of its own, in the version that is here. */
TEST(what_sysbench_refuses_is_named_with_its_line)
{
	static const struct {
		const char *line, *says;
	} t[] = {
		{ "file-nums=3", "j.sysbench:2: sysbench does not take it: invalid option: --file-nums=3" },
		{ "threads=banana", "j.sysbench:2: sysbench does not take it: Invalid value for the 'threads' option: 'banana'" },
		{ "threads=0", "j.sysbench:2: sysbench does not take it: Invalid value for --threads: 0." },
		{ "rand-type=odd", "j.sysbench:2: sysbench does not take it: Invalid random numbers distribution: odd." },
	};

	NEEDS_ROOT_AND_LOOP();
	if (system("sysbench --version >/dev/null 2>&1")) {
		test_skip_reason = "sysbench is not installed";
		return;
	}
	setup();
	for (size_t i = 0; i < ARRAY_SIZE(t); i++)
		expect_refused_file("j.sysbench", fmt("file-test-mode=rndrd\n%s\nfile-num=4\n", t[i].line), t[i].says);
	expect_clean();
}

TEST(without_root_it_says_so)
{
	char program[64] = "/tmp/test-bench-noroot.XXXXXX", job[64] = "/tmp/test-bench-noroot.XXXXXX.fio";
	char *argv[] = { "setpriv", "--reuid=65534", "--clear-groups", program, "run", "--arms",
			 "off,off2", "--workload", job, NULL };
	_cleanup_free_ char *out = NULL;
	struct child_end end = { 0 };
	int fd, fd2;

	NEEDS_ROOT_AND_LOOP();
	setup();
	/* the build directory may be closed to others: a copy of the program is not */
	fd = mkstemp(program);
	fd2 = mkstemps(job, 4);
	ASSERT_TRUE(fd >= 0 && fd2 >= 0);
	ASSERT_EQ(write(fd2, "[a]\nrw=read\n", 12), 12);
	ASSERT_EQ(fchmod(fd2, 0644), 0);
	close(fd);
	close(fd2);
	ASSERT_EQ(system(fmt("cp %s/iopath-bench %s && chmod 755 %s", build_dir, program, program)), 0);
	if (child_run(argv, 20 * NS_PER_S, &out, &end)) {
		test_skip_reason = "setpriv cannot be run";
	} else {
		ASSERT_EQ(end.status, EXIT_ENVIRONMENT);
		ASSERT_TRUE(out && strstr(out, "needs root") != NULL);
	}
	unlink(program);
	unlink(job);
}
TEST_MAIN("test-bench-input", T(bad_input_is_one_line_and_the_right_code),
	  T(broken_job_files_are_named_with_their_line),
	  T(an_engine_is_there_unless_fio_says_that_it_is_not), T(what_sysbench_refuses_is_named_with_its_line),
	  T(without_root_it_says_so))
