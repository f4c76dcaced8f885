/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Formats read by programs that are not ours, where there are any. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench/child.h"
#include "bench/file.h"
#include "bench/stop.h"
#include "bench/tests/canned.h"
#include "tracer/base/cleanup.h"
#include "tracer/base/test.h"

static char dir[64], file[96], held[96], program[512];

static void setup(void)
{
	if (dir[0])
		return;
	canned_place("test-bench-readers", dir);
	canned_program(program);
	snprintf(file, sizeof(file), "%s/results.jsonl", dir);
	snprintf(held, sizeof(held), "%s/held.json", dir);
	stop_install();
}

__attribute__((destructor)) static void at_end(void)
{
	char db[96];

	if (!dir[0])
		return;
	snprintf(db, sizeof(db), "%s/history.db", dir);
	unlink(db);
	unlink(file);
	unlink(held);
	rmdir(dir);
}

#define NASTY "a|b,\"*c*_d_<e>-2"

/*
 * Arms that lose 0, 20 and 5 percent, one with a name that every format must quote; two schedulers and
 * one skipped; and a second scratch device of one driver, where nothing is lost. */
static void put_run(void)
{
	struct canned c = canned_default();
	_cleanup_free_ char *text = NULL, *dated = NULL;

	setup();
	c.nr_arms = 4;
	c.arm[3] = "a|b,\\\"*c*_d_<e>-2"; /* as JSON has it */
	c.loss_pct[2] = 20;
	c.loss_pct[3] = 5;
	c.second_scheduler = "mq-deadline";
	c.skipped = "bfq";
	c.order = "loop";
	c.second_order = "loop:size=1G";
	text = canned_text(&c);
	dated = canned_edit(text, "\"smoke\":true", "\"started_ms\":1764284400000,\"smoke\":true");
	ASSERT_EQ(file_replace(file, dated), 0);
}

static int shell(const char *command, char **ret_said)
{
	char *argv[] = { "sh", "-c", (char *)command, NULL };
	struct child_end end = { .status = -1 };

	ASSERT_EQ(child_run(argv, 60 * NS_PER_S, ret_said, &end), 0);
	return end.status;
}

/* What the reader said of the run as @format; NULL: there is none here, of @package. */
static char *read_by(const char *format, const char *package)
{
	char command[2048];
	char *said = NULL;
	int status;

	put_run();
	snprintf(command, sizeof(command),
		 "%s report %s -f json -o %s && %s report %s -f %s | /usr/bin/python3 bench/tests/readers.py %s %s loop1=loop "
		 "loop2=loop:size=1G 2>&1",
		 program, dir, held, program, dir, format, format, held);
	status = shell(command, &said);
	if (status == 77) {
		test_skip_reason = package;
		free(said);
		return NULL;
	}
	if (status)
		printf("    %s\n", said);
	ASSERT_EQ(status, 0);
	return said;
}

#define NEEDS_PYTHON()                                           \
	do {                                                     \
		if (system("/usr/bin/python3 -c '' >/dev/null 2>&1"))      \
			TEST_SKIP("no /usr/bin/python3");                  \
	} while (0)

/* Every number is that of verdict.json, none is missing (the reader sees to it), and the arms lose what they were made to lose. */
static void expect_held(const char *format, const char *package)
{
	static const char *const lines[] = { "full loop1 none FAIL 20\n", "full loop1 mq-deadline FAIL 20\n",
					     NASTY " loop1 none INCONCLUSIVE 5\n", "full loop2 none PASS 0\n" };
	_cleanup_free_ char *said = NULL;

	NEEDS_PYTHON();
	said = read_by(format, package);
	for (size_t i = 0; said && i < ARRAY_SIZE(lines); i++) {
		if (!strstr(said, lines[i]))
			printf("    %s: no \"%.*s\" in\n%s", format, (int)strcspn(lines[i], "\n"), lines[i], said);
		ASSERT_TRUE(strstr(said, lines[i]) != NULL);
	}
}

TEST(csv_by_the_csv_module_of_python)
{
	expect_held("csv", NULL);
}

TEST(the_terminal_table_by_its_columns)
{
	expect_held("text", NULL);
}

TEST(html_by_a_parser_of_xml)
{
	expect_held("html", NULL);
}

TEST(markdown_by_the_parser_of_github)
{
	expect_held("md", "no cmark-gfm");
}

TEST(junit_by_a_reader_that_counts_itself)
{
	expect_held("junit", "no python3-junitparser");
}

TEST(openmetrics_by_both_parsers_of_prometheus)
{
	expect_held("openmetrics", "no python3-prometheus-client");
}

/* Its index is 100 and the overhead: what costs more is larger, and the ratio to the last one is one of cost. */
TEST(the_cost_index_of_github_action_benchmark_is_100_and_the_overhead)
{
	expect_held("gha", NULL);
}

TEST(bencher_metric_format_by_another_validator)
{
	expect_held("bmf", "no python3-jsonschema");
}

/* Run @nr, at its time, into the history; the losses are of arm full and of one with a name that must be quoted. */
static void keep_run(unsigned int nr, double full, double other, const char *tracer, const char *key)
{
	_cleanup_free_ char *text = NULL, *timed = NULL, *said = NULL;
	struct canned c = canned_default();
	char started[64], command[1024];

	c.seed = nr;
	c.tracer = tracer;
	c.key = key;
	c.nr_arms = 4;
	c.arm[3] = "a\\\"b,c"; /* as JSON has it */
	c.loss_pct[2] = full;
	c.loss_pct[3] = other;
	text = canned_text(&c);
	snprintf(started, sizeof(started), "\"started_ms\":%u000,\"smoke\":true", 1700000000 + nr);
	timed = canned_edit(text, "\"smoke\":true", started);
	ASSERT_EQ(file_replace(file, timed), 0);
	snprintf(command, sizeof(command), "%s history --db %s/history.db --import %s", program, dir, file);
	ASSERT_EQ(shell(command, &said), 0);
	ASSERT_TRUE(said && strstr(said, ": added\n") != NULL);
}

static int history_by_otava(const char *words, const char *columns, char **ret_said)
{
	char command[2048];

	snprintf(command, sizeof(command), "%s history --db %s/history.db --smoke --csv %s | /usr/bin/python3 bench/tests/readers.py otava %s 2>&1",
		 program, dir, words, columns);
	return shell(command, ret_said);
}

#define OTAVA_FULL "randread-4k-qd1/loop/none/full/throughput_loss_pct"

/* The second run is the later one; it has no revision, and of one arm nothing that counts. */
TEST(history_by_what_the_importer_of_otava_wants)
{
	_cleanup_free_ char *both = NULL, *one = NULL, *gap = NULL, *none = NULL, *machines = NULL, *of_one = NULL, *refused = NULL;
	char command[1024];

	NEEDS_PYTHON();
	setup();
	keep_run(3, 8, 2, NULL, "0123456789abcdef");
	keep_run(1, 3, 1, "iopath 0.1.0 (2e9ee45)", "0123456789abcdef");
	keep_run(2, 5, 1, "iopath 0.1.0 (73fbbeb-dirty)", "0123456789abcdef");
	ASSERT_EQ(history_by_otava("", OTAVA_FULL " 'randread-4k-qd1/loop/none/a\"b,c/throughput_loss_pct' "
				       "randread-4k-qd1/loop/none/off2/worst_core_pp", &both), 0);
	ASSERT_STR(both, "1700000001 2e9ee45 3 1 0\n1700000002 73fbbeb-dirty 5 1 0\n1700000003 - 8 2 0\n");
	/* what is INVALID is no number: as one of several it is empty, which the importer refuses; alone it is no row */
	snprintf(command, sizeof(command), "/usr/bin/python3 -c \"import sqlite3; d = sqlite3.connect('%s/history.db'); "
		 "d.execute('UPDATE cells SET verdict = ? WHERE run = 1 AND arm = ?', ('INVALID', 'full')); d.commit()\"", dir);
	ASSERT_EQ(shell(command, &none), 0);
	ASSERT_TRUE(history_by_otava("", OTAVA_FULL, &gap) != 0);
	ASSERT_TRUE(gap && strstr(gap, "could not convert string to float: ''") != NULL);
	ASSERT_EQ(history_by_otava("--arm full", OTAVA_FULL, &one), 0);
	ASSERT_STR(one, "1700000001 2e9ee45 3\n1700000002 73fbbeb-dirty 5\n");
	/* another machine has no place in these columns */
	keep_run(4, 20, 1, NULL, "feedfeedfeedfeed");
	snprintf(command, sizeof(command), "%s history --db %s/history.db --smoke --csv", program, dir);
	ASSERT_EQ(shell(command, &machines), 2);
	ASSERT_TRUE(machines && strstr(machines, "runs of several machines, 01234567 and feedfeed: ") && !strstr(machines, "time,"));
	ASSERT_EQ(history_by_otava("--machine feed", OTAVA_FULL, &of_one), 0);
	ASSERT_STR(of_one, "1700000004 - 20\n");
	snprintf(command, sizeof(command), "%s history --db %s/history.db --csv --import %s", program, dir, file);
	ASSERT_EQ(shell(command, &refused), 2);
}

/* Operations per second, of which benchstat would compare the medians: a fifth less. */
TEST(benchstat_lines_give_the_loss_that_the_run_had)
{
	_cleanup_free_ char *said = NULL;
	double none = 0, full = 0;
	char *save = NULL;

	NEEDS_PYTHON();
	said = read_by("benchstat", NULL);
	for (char *l = strtok_r(said, "\n", &save); l; l = strtok_r(NULL, "\n", &save)) {
		sscanf(l, "off loop none IOPS %lf", &none);
		sscanf(l, "full loop none IOPS %lf", &full);
	}
	ASSERT_TRUE(none > 0 && full > 0);
	CU_ASSERT_DOUBLE_EQUAL(full / none, 0.8, 0.01);
}

TEST(every_line_by_the_schema_and_another_validator)
{
	_cleanup_free_ char *said = NULL;
	char command[512];
	int status;

	NEEDS_PYTHON();
	put_run();
	snprintf(command, sizeof(command), "/usr/bin/python3 bench/tests/readers.py jsonl results/schema/results.schema.json <%s 2>&1", file);
	status = shell(command, &said);
	if (status == 77)
		TEST_SKIP("no python3-jsonschema");
	if (status)
		printf("    %s\n", said);
	ASSERT_EQ(status, 0);
	ASSERT_TRUE(strstr(said, " lines") != NULL);
}

TEST_MAIN("test-bench-readers", T(csv_by_the_csv_module_of_python), T(the_terminal_table_by_its_columns), T(html_by_a_parser_of_xml),
	  T(markdown_by_the_parser_of_github), T(junit_by_a_reader_that_counts_itself), T(openmetrics_by_both_parsers_of_prometheus),
	  T(the_cost_index_of_github_action_benchmark_is_100_and_the_overhead), T(bencher_metric_format_by_another_validator),
	  T(history_by_what_the_importer_of_otava_wants), T(benchstat_lines_give_the_loss_that_the_run_had),
	  T(every_line_by_the_schema_and_another_validator))
