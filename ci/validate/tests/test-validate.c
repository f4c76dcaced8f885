/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The validation must be able to fail: made-up reports with one thing wrong, results that are missing. */
#include <stdlib.h>

#include "ci/validate/cell.h"
#include "ci/validate/differ.h"
#include "ci/validate/doctor.h"
#include "ci/validate/report.h"
#include "tracer/base/cleanup.h"
#include "tracer/base/test.h"

/* ---- the judge ---- */

/* Three reads of 4096 bytes on nvme0n1 under mq-deadline, tier vfs, as they ought to be reported. */
static const char doctor_text[] =
	"{'stages':["
	"{'stage':'submit','tier':'vfs','measured':true,'hooks':[]},"
	"{'stage':'q2g','tier':'block','measured':true,'hooks':[]},"
	"{'stage':'g2i','tier':'block','measured':true,'hooks':[]},"
	"{'stage':'i2d','tier':'block','measured':true,'hooks':[]},"
	"{'stage':'driver','tier':'block','measured':true,'hooks':[{'point':'set up','backend':'tp_btf','target':'nvme_setup_cmd','chosen':true}]},"
	"{'stage':'device','tier':'block','measured':true,'hooks':[]},"
	"{'stage':'complete','tier':'block','measured':false,'hooks':[]},"
	"{'stage':'irq','tier':'full','measured':true,'hooks':[]}]}";

static const char start_text[] =
	"{'type':'start','tier':'vfs','measured_stages':['submit','q2g','g2i','i2d','driver','device']}";

#define HIST(n, sum, max) \
	"{'count':" #n ",'sum_ns':" #sum ",'mean_ns':" #max ",'p50_ns':" #max ",'p99_ns':" #max ",'p999_ns':" #max ",'max_ns':" #max "}"

static const char summary_text[] =
	"{'type':'summary','schema':1,'tier':'vfs','start_ns':1000,'window_ns':100000,"
	"'devices':[{'name':'nvme0n1','dev':'259:0','ops':[{'op':'read','count':3,'bytes':12288,'errors':0,'merged_bios':0,'requeues':0,"
	"'stages':{'q2g':" HIST(3, 3, 1) ",'g2i':" HIST(3, 6, 2) ",'i2d':" HIST(3, 9, 3) ",'driver':" HIST(3, 12, 4)
	",'device':" HIST(3, 30, 10) ",'complete':null,'total':" HIST(3, 60, 20) "}}]}],"
	"'operations':[{'kind':'read','via':'syscall','count':3,'bytes':12288,'errors':0,'cache':null,"
	"'stages':{'submit':" HIST(3, 30, 10) ",'device':" HIST(3, 60, 20) ",'total':" HIST(3, 90, 30) "}}],"
	"'coverage':{'seen':6,'finished':6,'in_flight':0,'requests':{'seen':3,'finished':3,'in_flight':0},"
	"'operations':{'seen':3,'finished':3,'in_flight':0},'in_flight_at_start':0,'begun_before':0,'task_died':0,'untied_bios':0,"
	"'merged_bios':0,'lost':{'ring_full':0,'map_full':0,'no_start':0,'time_backwards':0,'recursion':0}},"
	"'cost':{'user_cpu_ns':1,'maps_bytes':1,'rss_bytes':1}}";

static json_t *parse(const char *text)
{
	_cleanup_free_ char *json = strdup(text);

	for (char *c = json; *c; c++)
		if (*c == '\'')
			*c = '"';
	return json_loads(json, 0, NULL);
}

/* Put @to in place of the first @from, which must be there. */
static char *edited(const char *text, const char *from, const char *to)
{
	const char *at = from ? strstr(text, from) : NULL;
	char *copy = NULL;

	if (from)
		ASSERT_TRUE(at);
	if (!at)
		return strdup(text);
	return asprintf(&copy, "%.*s%s%s", (int)(at - text), text, to, at + strlen(from)) < 0 ? NULL : copy;
}

/*
 * What the judge finds in a summary where @from is replaced by @to: the first line, or "".
 * A second disk, sda, was read @other_reads times; the report knows nothing of it.
 */
static const char *found_of_two(const char *from, const char *to, unsigned int disk_reads, unsigned int other_reads)
{
	static char first[256];
	_cleanup_free_ char *text = edited(summary_text, from, to);
	struct target disk = { .class = "nvme", .name = "nvme0n1" }, other = { .class = "scsi", .name = "sda" };
	struct cell c = { .kernel = "6.1",
			  .disks = { { &disk, { "mq-deadline" }, 1 }, { &other, { "none" }, 1 } },
			  .nr_disks = 2,
			  .tier = "vfs" };
	struct seen seen[2] = { { .stat = { .reads = disk_reads, .read_sectors = 24 } } };
	struct trace t = { .lines = json_array() };
	json_t *lines = json_array();
	struct truth *truth = &seen[0].truth;

	truth_init(truth);
	truth_init(&seen[1].truth);
	seen[1].truth.requests[REQ_READ].count = other_reads;
	truth->requests[REQ_READ] = (struct tally){ .name = "read", .count = 3, .bytes = 12288, .scheduled = 3 };
	truth->operations[0] = (struct tally){ .name = "read", .via = "syscall", .count = 3, .bytes = 12288 };
	truth->nr_operations = 1;
	json_array_append_new(t.lines, parse(start_text));
	json_array_append_new(t.lines, parse(text));
	t.summary = json_array_get(t.lines, 1);
	ASSERT_TRUE(t.summary);
	c.doctor = parse(doctor_text);
	ASSERT_TRUE(c.doctor);
	differ_into(lines);
	judge(&c, &t, seen);
	snprintf(first, sizeof(first), "%s",
		 json_array_size(lines) ? json_string_value(json_array_get(lines, 0)) : "");
	json_decref(c.doctor);
	json_decref(lines);
	json_decref(t.lines);
	return first;
}

static const char *found(const char *from, const char *to, unsigned int disk_reads)
{
	return found_of_two(from, to, disk_reads, 0);
}

TEST(a_right_report_has_no_fault)
{
	ASSERT_STR(found(NULL, NULL, 3), "");
}

TEST(each_fault_is_found)
{
	ASSERT_STR(found(NULL, NULL, 4), "reads by nvme0n1's own count: 4, wanted 3");
	ASSERT_STR(found("'count':3", "'count':2", 3), "read requests of nvme0n1: 2, wanted 3");
	ASSERT_STR(found("'bytes':12288", "'bytes':12287", 3), "read bytes of nvme0n1: 12287, wanted 12288");
	ASSERT_STR(found("'syscall','count':3", "'syscall','count':4", 3), "read operations through syscall: 4, wanted 3");
	ASSERT_STR(found("'via':'syscall'", "'via':'libaio'", 3), "read operations through syscall: 0, wanted 3");
	ASSERT_STR(found("'sum_ns':60", "'sum_ns':59", 3), "read requests of nvme0n1: sum of the stages: 60, wanted 59");
	ASSERT_STR(found("'i2d':" HIST(3, 9, 3), "'i2d':" HIST(2, 9, 5), 3),
		   "read requests of nvme0n1: requests in i2d: 2, wanted 3 to 3");
	ASSERT_STR(found("'driver':{'count':3", "'driver':{'count':0", 3),
		   "read requests of nvme0n1: requests in driver: 0, wanted 3 to 3");
	ASSERT_STR(found("'complete':null", "'complete':" HIST(0, 0, 0), 3), "not true: what is not measured is null");
	ASSERT_STR(found("'no_start':0", "'no_start':1", 3), "lost by no_start: 1, wanted 0");
	ASSERT_STR(found("'in_flight':0", "'in_flight':1", 3), "all in flight at the end: 1, wanted 0");
	ASSERT_STR(found("'untied_bios':0", "'untied_bios':1", 3), "bios outside of operations: 1, wanted 0");
	ASSERT_STR(found("'errors':0", "'errors':1", 3), "read requests of nvme0n1: errors: 1, wanted 0");
	ASSERT_STR(found("'name':'nvme0n1'", "'name':'sda'", 3), "read requests of nvme0n1: 0, wanted 3");
	ASSERT_STR(found("'window_ns':100000", "'window_ns':15", 3), "read requests of nvme0n1: longest total: 20, wanted 0 to 15");
}

TEST(each_disk_has_its_own_requests)
{
	ASSERT_STR(found_of_two(NULL, NULL, 3, 1), "read requests of sda: 0, wanted 1");
	ASSERT_STR(found_of_two("'name':'nvme0n1'", "'name':'vda'", 3, 0), "read requests of nvme0n1: 0, wanted 3");
}

TEST(operations_are_of_all_disks)
{
	struct truth all, more;

	truth_init(&all);
	truth_init(&more);
	more.requests[REQ_READ] = (struct tally){ .name = "read", .count = 3, .bytes = 30, .scheduled = 2 };
	more.operations[0] = (struct tally){ .name = "read", .via = "syscall", .count = 5, .bytes = 50 };
	more.nr_operations = 1;
	more.hits = 1;
	more.misses = 4;
	truth_add(&all, &more);
	more.operations[0].via = "libaio";
	truth_add(&all, &more);
	ASSERT_EQ(truth_requests(&all), 6);
	ASSERT_EQ(all.requests[REQ_READ].bytes, 60);
	ASSERT_EQ(all.requests[REQ_READ].scheduled, 4);
	ASSERT_EQ(all.nr_operations, 2);
	ASSERT_EQ(truth_operations(&all), 10);
	ASSERT_STR(all.operations[1].via, "libaio");
	ASSERT_EQ(all.hits, 2);
	ASSERT_EQ(all.misses, 8);
}

TEST(a_negative_stage_is_found)
{
	ASSERT_TRUE(found("'device':{'count':3,'sum_ns':30", "'device':{'count':3,'sum_ns':-30", 3)[0]);
}

/* ---- the report ---- */

static char *list_a[] = { (char *)"6.1:nvme", (char *)"6.1:scsi" };
static char *list_b[] = { (char *)"none", (char *)"bfq" };
static char *list_c[] = { (char *)"block" };

static void write_file(const char *dir, const char *name, const char *text)
{
	char path[256];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "we");
	ASSERT_TRUE(f);
	if (!f)
		return;
	fputs(text, f);
	fclose(f);
}

TEST(what_was_not_run_has_failed)
{
	char dir[] = "/tmp/iopath-validate-XXXXXX", path[256];
	struct report_cfg cfg = { .dir = dir, .pairs = { list_a, 2 }, .schedulers = { list_b, 2 }, .tiers = { list_c, 1 } };
	struct report r;

	ASSERT_TRUE(mkdtemp(dir));
	write_file(dir, "6.1.nvme.jsonl",
		   "{\"type\":\"cell\",\"kernel\":\"6.1\",\"disk\":\"nvme\",\"scheduler\":\"none\",\"tier\":\"block\",\"verdict\":\"ok\"}\n"
		   "{\"type\":\"cell\",\"kernel\":\"6.1\",\"disk\":\"nvme\",\"scheduler\":\"bfq\",\"tier\":\"block\",\"verd");
	ASSERT_EQ(report_read(&r, &cfg), 0);
	ASSERT_EQ(report_cell(&r, 0, 0, 0).verdict, PASSED);
	ASSERT_EQ(report_cell(&r, 0, 1, 0).verdict, NOT_RUN);
	ASSERT_EQ(report_cell(&r, 1, 0, 0).verdict, NOT_RUN);
	ASSERT_EQ(r.passed, 1);
	ASSERT_EQ(r.failed, 3);
	report_release(&r);
	snprintf(path, sizeof(path), "%s/6.1.nvme.jsonl", dir);
	unlink(path);
	rmdir(dir);
}

/* ---- the doctor ---- */

TEST(a_digest_is_of_hooks_and_not_of_releases)
{
	json_t *doctor = parse("{'kernel':'6.1.0-50','backends':{'tp_btf':'usable'},'async_bios_tied':true,'tiers':[],'stages':["
			       "{'stage':'q2g','tier':'block','measured':true,'hooks':["
			       "{'point':'bio queued','backend':'tp_btf','target':'block_bio_queue','chosen':true,'why':''},"
			       "{'point':'bio queued','backend':'kprobe','target':'other','chosen':false,'why':''}]}],"
			       "'other_hooks':[{'point':'gone','backend':'tp_btf','target':'x','chosen':false,'why':''}]}");
	json_t *digest = doctor_digest(doctor, true), *release = doctor_digest(doctor, false);

	ASSERT_STR(text_at(digest, "hooks.bio queued"), "tp_btf block_bio_queue");
	ASSERT_TRUE(json_is_null(json_at(digest, "hooks.gone")));
	ASSERT_STR(text_at(digest, "stages.q2g"), "measured, tier block");
	ASSERT_TRUE(!json_at(digest, "kernel"));
	ASSERT_STR(text_at(release, "kernel"), "6.1.0-50");
	json_decref(digest);
	json_decref(release);
	json_decref(doctor);
}

TEST(differences_are_named)
{
	json_t *want = parse("{'a':{'b':1,'c':null},'d':2}"), *got = parse("{'a':{'b':2,'c':null},'e':3}"),
	       *lines = json_array();

	differ_into(lines);
	differ_json("", want, got);
	ASSERT_EQ(json_array_size(lines), 3);
	ASSERT_STR(json_string_value(json_array_get(lines, 0)), "a: b: 2, wanted 1");
	ASSERT_STR(json_string_value(json_array_get(lines, 1)), "d: absent, wanted 2");
	ASSERT_STR(json_string_value(json_array_get(lines, 2)), "e: 3, wanted nothing");
	json_decref(lines);
	json_decref(want);
	json_decref(got);
}

TEST_MAIN("validate", T(a_right_report_has_no_fault), T(each_fault_is_found), T(a_negative_stage_is_found),
	  T(each_disk_has_its_own_requests), T(operations_are_of_all_disks),
	  T(what_was_not_run_has_failed), T(a_digest_is_of_hooks_and_not_of_releases), T(differences_are_named))
