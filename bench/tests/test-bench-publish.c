/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The pages that are published, of runs that never were: each that is asked for stands in them, with its figures. */
#include <stdlib.h>
#include <string.h>

#include "bench/file.h"
#include "bench/tests/bench-run.h"
#include "bench/tests/canned.h"
#include "bench/why.h"
#include "tracer/base/cleanup.h"
#include "tracer/base/test.h"

/* Its runs are canned ones, under the --out that it is given; its reports are real. */
static const char program[] =
	"#!/bin/sh\n"
	"[ $1 = run ] || exec %s/iopath-bench \"$@\"\n"
	"echo \"$KERNEL $*\" >>runs.txt\n"
	"while [ $1 != --out ]; do case $1 in --workload*) load=${2%%%%=*} ;; esac; shift; done\n"
	"[ ! -e broken ] || exit 4\n"
	"mkdir -p $2 && cp of/* $2\n"
	"sed \"s/randread-4k-qd1/$load/\" of/results.jsonl >$2/results.jsonl\n"
	"exit 3\n";

/* ci/gate/run of one scheduler, whose figures tell it from the others. */
static const char gate[] =
	"#!/bin/sh\n"
	"echo \"gate $GATE_SCHEDULER $1\" >>runs.txt\n"
	"n=$(expr length $GATE_SCHEDULER)\n"
	"row() { printf '{\"arm\":\"%s\",\"workload\":\"%s\",\"loss_pct\":%s.04,\"extra_ns_per_io\":%s,\"base_iops\":%s}' $1 $2 $n $3 $4; }\n"
	"printf '{\"arms\":[%s,%s,%s,%s]}\\n' \"$(row block W1 510.4 1000)\" \"$(row full W1 900 1001)\" "
	"\"$(row block W2 700 2000)\" \"$(row full W2 1100 2000)\" >$GATE_OUT/gate.json\n"
	"exit 1\n";

/* What bench/disks-guest prints. */
static const char lab[] =
	"#!/bin/sh\n"
	"echo \"lab $MODE $KERNEL $DISK $1\" >>runs.txt\n"
	"for disk in nvme virtio scsi; do for arm in block full; do\n"
	"	printf '{\"disk\":\"%s\",\"arm\":\"%s\",\"ios\":2000,\"runs\":%s,\"ns\":%s}\\n' $disk $arm 8000 ${#arm}00000\n"
	"done; done\n";

static bool make_tree(void)
{
	struct canned c = canned_default();
	char text[sizeof(program) + PATH_MAX];

	setup();
	if (system("jq --version >/dev/null 2>&1") ||
	    system(fmt("rm -rf %s/tree && mkdir -p %s/tree/of && cd %s/tree && mkdir -p bench bin ci/lab ci/gate build/lab/kernel/6.1 "
		       "build/lab/kernel/6.12", base, base, base)) ||
	    system(fmt("cp bench/bench-publish %s/tree/bench/ && mkdir -p %s/tree/tracer/base && cp tracer/base/revision %s/tree/tracer/base/",
		       base, base, base)))
		return false;
	c.second_scheduler = "bfq";
	ASSERT_EQ(canned_write(&c, fmt("%s/tree/of/results.jsonl", base)), 0);
	snprintf(text, sizeof(text), program, build_dir);
	tree_put("build/iopath-bench", text);
	tree_put("of/verdict.json", "{\"complete\": true}\n");
	tree_put("ci/gate/run", gate);
	tree_put("ci/lab/run", lab);
	tree_put("bin/qemu-system-x86_64", "#!/bin/sh\necho QEMU of a test\n");
	tree_put("bin/fio", "#!/bin/sh\necho fio-of-a-test\n");
	tree_put("build/lab/kernel/6.1/release", "6.1.0-test\n");
	tree_put("build/lab/kernel/6.12/release", "6.12.0-test\n");
	ASSERT_EQ(tree_sh("chmod +x build/iopath-bench ci/*/run bin/*"), 0);
	return true;
}

static int publish(const char *what)
{
	return tree_sh(fmt("PATH=$PWD/bin:$PATH O=build KERNEL= ARGS=--quick bench/bench-publish %s %s.md >said 2>&1", what, what));
}

static void expect_in(const char *page, const char *const *wanted, size_t nr)
{
	for (size_t i = 0; i < nr; i++) {
		if (!strstr(page, wanted[i]))
			printf("    not in the page: %s\n", wanted[i]);
		ASSERT_TRUE(strstr(page, wanted[i]) != NULL);
	}
}

static char *page_of(const char *what)
{
	char *page = NULL;

	ASSERT_EQ(publish(what), 0);
	ASSERT_EQ(file_read(fmt("%s/tree/%s.md", base, what), &page), 0);
	return page ? page : strdup("");
}

TEST(schedulers_are_published)
{
	static const char *const wanted[] = {
		"<!-- made by bench/bench-publish schedulers: do not edit -->\n",
		"\n# What tracing costs under each, in virtual time\n",
		"| none | 1001 | 4 % (+510) | 4 % (+900) | 2000 | 4 % (+700) | 4 % (+1100) |\n",
		"| mq-deadline | 1001 | 11 % (+510) |",
		"| bfq | 1001 | 3 % (+510) |",
		"| kyber | 1001 | 5 % (+510) |",
		"\nMade with: Linux 6.1.0-test under one emulated processor; fio-of-a-test; QEMU of a test; ",
		"Run by `KERNEL=6.1 SMP=1 iopath-bench run --workload-dir workloads --workload reader-and-writer --device lab:nvme --scheduler ",
		"\n# Loop device on memory\n", "\n# The lab: nvme\n", "\n# The lab: virtio\n", "\n# The lab: scsi\n",
		"\n### reader-and-writer on loop", "\nOf iopath unknown",
	};
	_cleanup_free_ char *page = NULL, *again = NULL;

	if (!make_tree())
		TEST_SKIP("needs jq");
	page = page_of("schedulers");
	expect_in(page, wanted, ARRAY_SIZE(wanted));
	ASSERT_EQ(count_in(fmt("%s/tree/runs.txt", base), "gate "), 4);
	ASSERT_EQ(count_in(fmt("%s/tree/runs.txt", base), " run --workload-dir workloads --workload reader-and-writer --out build/publish/schedulers-"), 4);
	ASSERT_EQ(count_in(fmt("%s/tree/runs.txt", base), "--device lab:scsi --scheduler none,mq-deadline,bfq,kyber --arms off,off2,full --quick\n"), 1);
	/* what is there is not done again; a run that is not whole is */
	ASSERT_EQ(tree_sh("rm runs.txt build/publish/schedulers-cost/bfq/gate.json && "
		     "echo '{\"complete\": false}' >build/publish/schedulers-virtio/verdict.json"), 0);
	again = page_of("schedulers");
	ASSERT_TRUE(page && again && !strcmp(page, again));
	ASSERT_EQ(tree_sh("test $(wc -l <runs.txt) = 2 && grep -q 'gate bfq decide' runs.txt && grep -q lab:virtio runs.txt"), 0);
}

TEST(disks_are_published)
{
	static const char *const wanted[] = {
		"<!-- made by bench/bench-publish disks: do not edit -->\n",
		"2000 random reads of 4 KiB each",
		"\n| arm | nvme | scsi | virtio |\n|---|---:|---:|---:|\n| `full` | 200 ns (4) | 200 ns (4) | 200 ns (4) |\n",
		"\n| `block` | 250 ns (4) | 250 ns (4) | 250 ns (4) |\n",
		"\n# Our tiers on nvme\n", "\n# Our tiers on virtio\n", "\n# Our tiers on scsi\n",
		"\n# Ours and others, through ext4 on nvme\n",
		"| full |",
	};
	_cleanup_free_ char *page = NULL;

	if (!make_tree())
		TEST_SKIP("needs jq");
	page = page_of("disks");
	expect_in(page, wanted, ARRAY_SIZE(wanted));
	ASSERT_EQ(count_in(fmt("%s/tree/runs.txt", base), "lab virtual 6.1 nvme,virtio,scsi bench/disks-guest 2000\n"), 1);
	ASSERT_EQ(count_in(fmt("%s/tree/runs.txt", base), "6.12 run --workload-dir workloads --workload randrw-16k-fsync --out build/publish/disks-arms-ext4 "), 1);
	ASSERT_EQ(tree_sh("rm runs.txt"), 0);
	ASSERT_EQ(publish("disks"), 0);
	ASSERT_TRUE(tree_sh("test -e runs.txt") != 0);
}

/* Half a page is none: the one that was published stays. */
TEST(a_run_that_fails_publishes_nothing)
{
	if (!make_tree())
		TEST_SKIP("needs jq");
	tree_put("disks.md", "the page of before\n");
	ASSERT_EQ(tree_sh("touch broken"), 0);
	ASSERT_EQ(publish("disks"), EXIT_ENVIRONMENT);
	ASSERT_EQ(tree_sh("grep -q 'disks-tiers-nvme did not come to its end (status 4)' said && test \"$(cat disks.md)\" = 'the page of before'"), 0);
	ASSERT_EQ(publish("nothing"), EXIT_USAGE);
}

/* A page names the revision that it is of, by which anybody can have its figures again. */
TEST(what_no_revision_has_is_not_measured_to_be_published)
{
	static const char *const what[] = { "schedulers", "disks" };

	if (!make_tree())
		TEST_SKIP("needs jq");
	setenv("IOPATH_REVISION", "1234567-dirty", 1);
	for (size_t i = 0; i < ARRAY_SIZE(what); i++) {
		ASSERT_EQ(publish(what[i]), EXIT_ENVIRONMENT);
		ASSERT_EQ(tree_sh(fmt("grep -q '1234567-dirty: commit first' said && ! test -e runs.txt && ! test -e %s.md", what[i])), 0);
	}
	/* what was measured before may stand in a page */
	setenv("IOPATH_REVISION", "1234567", 1);
	ASSERT_EQ(publish("schedulers"), 0);
	setenv("IOPATH_REVISION", "1234567-dirty", 1);
	ASSERT_EQ(publish("schedulers"), 0);
	ASSERT_EQ(tree_sh("! grep -q dirty schedulers.md"), 0);
	/* not if it was measured of no revision, nor of another workload */
	ASSERT_EQ(publish("disks"), EXIT_ENVIRONMENT);
	setenv("IOPATH_REVISION", "1234567", 1);
	ASSERT_EQ(publish("disks"), 0);
	ASSERT_EQ(tree_sh("rm runs.txt; cd build/publish && for f in schedulers-cost/kyber/revision schedulers-nvme/revision "
			  "disks-added.revision; do echo 1234567-dirty >$f; done; "
			  "sed -i s/reader-and-writer/uring-randread-qd1/ schedulers-scsi/results.jsonl"), 0);
	ASSERT_EQ(publish("schedulers"), 0);
	ASSERT_EQ(publish("disks"), 0);
	ASSERT_EQ(tree_sh("test $(wc -l <runs.txt) = 4 && grep -q 'gate kyber' runs.txt && grep -q lab:nvme runs.txt && "
			  "grep -q lab:scsi runs.txt && grep -q '^lab virtual' runs.txt && ! grep -q dirty schedulers.md disks.md"), 0);
	/* a file's and a command's are told by their names */
	ASSERT_EQ(tree_sh("rm runs.txt"), 0);
	setenv("WORKLOAD", "/of/reader-and-writer.fio", 1);
	ASSERT_EQ(publish("schedulers"), 0);
	setenv("WORKLOAD", "reader-and-writer=dd if={target}", 1);
	ASSERT_EQ(publish("schedulers"), 0);
	ASSERT_TRUE(tree_sh("test -e runs.txt") != 0);
	unsetenv("WORKLOAD");
	unsetenv("IOPATH_REVISION");
}

TEST_MAIN("bench-publish", T(what_no_revision_has_is_not_measured_to_be_published), T(schedulers_are_published), T(disks_are_published), T(a_run_that_fails_publishes_nothing))
