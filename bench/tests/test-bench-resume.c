/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What must be as it was for a run to go on: machine, arms, lengths, device, job. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "bench/file.h"
#include "bench/resume.h"
#include "bench/tests/canned.h"
#include "tracer/base/cleanup.h"
#include "tracer/base/test.h"

static char dir[64], file[96];

static struct past load(void)
{
	struct canned c = canned_default();
	struct why why = { 0 };
	struct past past;

	if (!dir[0]) {
		canned_place("test-bench-resume", dir);
		snprintf(file, sizeof(file), "%s/results.jsonl", dir);
	}
	c.skipped = "bfq";
	ASSERT_EQ(canned_write(&c, file), 0);
	ASSERT_EQ(past_load(dir, 0, &past, &why), 0);
	return past;
}

__attribute__((destructor)) static void at_end(void)
{
	if (!dir[0])
		return;
	unlink(file);
	rmdir(dir);
}

static const struct timing timing = { 1, 1, 1000000000 };

static void expect(int err, const struct why *why, int code, const char *says)
{
	ASSERT_EQ(err, -EPROTO);
	ASSERT_EQ(why->code, code);
	if (!strstr(why->text, says))
		printf("    %s\n", why->text);
	ASSERT_TRUE(strstr(why->text, says) != NULL);
}

TEST(another_machine_other_arms_or_lengths_are_refused)
{
	struct past past = load();
	json_t *same = json_deep_copy(past.header), *other = json_deep_copy(past.header);
	struct arm_list arms = past.arms;
	struct timing t = timing;
	struct why why = { 0 };

	ASSERT_EQ(resume_check(&past, same, &arms, &t, &why), 0);
	json_object_set_new(json_object_get(other, "fingerprint"), "key", json_string("feedfeedfeedfeed"));
	expect(resume_check(&past, other, &arms, &t, &why), &why, EXIT_ENVIRONMENT,
	       "results.jsonl:1: not the machine, kernel or fio that the run began with");
	json_object_set_new(json_object_get(past.header, "fingerprint"), "iopath", json_string("iopath 0.1.0 (2e9ee45)"));
	ASSERT_EQ(resume_check(&past, same, &arms, &t, &why), 0); /* it does not say now */
	json_object_set_new(json_object_get(same, "fingerprint"), "iopath", json_string("iopath 0.1.0 (73fbbeb)"));
	expect(resume_check(&past, same, &arms, &t, &why), &why, EXIT_ENVIRONMENT,
	       "results.jsonl:1: the run began with another tracer: iopath 0.1.0 (2e9ee45), now iopath 0.1.0 (73fbbeb)");
	json_object_set_new(json_object_get(same, "fingerprint"), "iopath", json_string("iopath 0.1.0 (2e9ee45)"));
	arms.nr--;
	expect(resume_check(&past, same, &arms, &t, &why), &why, EXIT_USAGE, "arms or lengths are not");
	arms.nr++;
	strcpy(arms.v[2].name, "vfs");
	expect(resume_check(&past, same, &arms, &t, &why), &why, EXIT_USAGE, "arms or lengths are not");
	arms = past.arms;
	t.window_ns++;
	expect(resume_check(&past, same, &arms, &t, &why), &why, EXIT_USAGE, "arms or lengths are not");
	t = timing;
	t.discard_ns++;
	expect(resume_check(&past, same, &arms, &t, &why), &why, EXIT_USAGE, "arms or lengths are not");
	json_decref(same);
	json_decref(other);
	past_free(&past);
}

/* The set as it is now, of the canned file: randread-4k-qd1 on loop1 under none. */
struct now {
	struct report_set set;
	struct device device;
	struct workload workload;
};

static struct now as_it_was(void)
{
	struct now n = {
		.device = { .name = "loop5", .disk = "loop5", .driver = "loop", .size_bytes = 1048576, .scratch = true, .fd = -1 },
		.workload = { .name = (char *)"randread-4k-qd1", .text = (char *)"[a]\nrw=read\n" },
	};

	report_set_name(&n.set, &(struct set_key){ .workload = &n.workload, .device = &n.device, .scheduler = "none" });
	return n;
}

static int set_is(const struct past *past, unsigned int index, struct now *n, const struct past_set **ret, struct why *why)
{
	*why = (struct why){ 0 };
	return resume_set(past, index, &n->set, &n->device, &n->workload, ret, why);
}

TEST(another_device_size_or_job_is_refused)
{
	struct past past = load();
	const struct past_set *p;
	struct now n = as_it_was();
	struct why why;

	/* a scratch device may have another number */
	ASSERT_EQ(set_is(&past, 0, &n, &p, &why), 0);
	ASSERT_TRUE(p == &past.set[0]);
	n.device.size_bytes *= 2;
	expect(set_is(&past, 0, &n, &p, &why), &why, EXIT_ENVIRONMENT, "results.jsonl:2: loop1 is another device now: its size_bytes was 1048576, and is 2097152");
	ASSERT_TRUE(!p);
	n = as_it_was();
	json_object_set_new(json_object_get(past.set[0].head, "device"), "model", json_string("Samsung 990 PRO"));
	expect(set_is(&past, 0, &n, &p, &why), &why, EXIT_ENVIRONMENT,
	       "loop1 is another device now: its model was Samsung 990 PRO, and is none");
	json_object_set_new(json_object_get(past.set[0].head, "device"), "model", json_null());
	n.workload.text = (char *)"[a]\nrw=write\n";
	expect(set_is(&past, 0, &n, &p, &why), &why, EXIT_USAGE, "workload randread-4k-qd1 has changed since then");
	n = as_it_was();
	n.set.scratch = false;
	expect(set_is(&past, 0, &n, &p, &why), &why, EXIT_USAGE, "where randread-4k-qd1 on loop5 under none is due now");
	n = as_it_was();
	strcpy(n.set.scheduler, "kyber");
	expect(set_is(&past, 0, &n, &p, &why), &why, EXIT_USAGE, "under kyber is due now");
	past_free(&past);
}

TEST(what_could_be_run_and_cannot_now_is_refused_and_so_is_the_reverse)
{
	struct past past = load();
	const struct past_set *p;
	struct now n = as_it_was();
	struct why why;

	n.set.skipped = "no such scheduler";
	expect(set_is(&past, 0, &n, &p, &why), &why, EXIT_ENVIRONMENT, "measured then, but it cannot be run now");
	n = as_it_was();
	strcpy(n.set.scheduler, "bfq");
	expect(set_is(&past, 1, &n, &p, &why), &why, EXIT_ENVIRONMENT, "skipped then, but it could be run now");
	n.set.skipped = "the kernel does not offer it";
	ASSERT_EQ(set_is(&past, 1, &n, &p, &why), 0);
	/* one that had not begun */
	n = as_it_was();
	ASSERT_EQ(set_is(&past, 2, &n, &p, &why), 0);
	ASSERT_TRUE(!p);
	past_free(&past);
}

/* Its arguments, disks and directories are a guest's; in a guest they may be there. */
TEST(a_run_in_the_lab_is_refused_outside_of_it)
{
	_cleanup_free_ char *text = NULL, *stopped = NULL, *in_lab = NULL;
	struct canned c = canned_default();
	struct past past = load();
	struct why why = { 0 };
	struct resume r;

	past_free(&past);
	c.no_end = true;
	text = canned_text(&c);
	in_lab = canned_edit(text, "\"smoke\":true", "\"smoke\":true,\"lab\":\"6.12\"");
	ASSERT_EQ(file_replace(file, in_lab), 0);
	unsetenv("LAB_KERNEL");
	ASSERT_EQ(resume_open(dir, &r, &why), -EINVAL);
	ASSERT_EQ(why.code, EXIT_USAGE);
	stopped = canned_edit("--resume DIR: it ran in the lab (kernel 6.12), and that machine is gone; run it again", "DIR", dir);
	ASSERT_STR(why.text, stopped);
	setenv("LAB_KERNEL", "6.12", 1);
	ASSERT_EQ(resume_open(dir, &r, &why), 0);
	resume_close(&r);
	unsetenv("LAB_KERNEL");
	ASSERT_EQ(file_replace(file, text), 0);
	ASSERT_EQ(resume_open(dir, &r, &why), 0);
	resume_close(&r);
}

TEST_MAIN("test-bench-resume", T(another_machine_other_arms_or_lengths_are_refused), T(another_device_size_or_job_is_refused),
	  T(what_could_be_run_and_cannot_now_is_refused_and_so_is_the_reverse), T(a_run_in_the_lab_is_refused_outside_of_it))
