/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is kept over time, and what counts as a change. */
#include <errno.h>
#include <math.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "bench/change.h"
#include "bench/child.h"
#include "bench/file.h"
#include "bench/history.h"
#include "bench/replay.h"
#include "bench/stat.h"
#include "bench/stop.h"
#include "bench/tests/canned.h"
#include "tracer/base/cleanup.h"
#include "tracer/base/test.h"

static char dir[64], file[96], db[96], program[512];

static void setup(void)
{
	if (dir[0])
		return;
	canned_place("test-bench-history", dir);
	snprintf(file, sizeof(file), "%s/results.jsonl", dir);
	snprintf(db, sizeof(db), "%s/history.db", dir);
	canned_program(program);
	stop_install();
}

__attribute__((destructor)) static void at_end(void)
{
	if (!dir[0])
		return;
	unlink(file);
	unlink(db);
	rmdir(dir);
}

/* ---- change points ---- */

TEST(a_step_is_found_where_it_is)
{
	struct rng rng = { 5 };
	unsigned int found[8];
	double v[60];

	for (int i = 0; i < 60; i++)
		v[i] = (i < 20 ? 3 : i < 40 ? 6 : 4) + .3 * rng_normal(&rng);
	ASSERT_EQ(change_points(v, 60, 8, found), 2);
	ASSERT_EQ(found[0], 20);
	ASSERT_EQ(found[1], 40);
	ASSERT_EQ(change_points(v, 60, 1, found), 1);
}

TEST(noise_and_spikes_are_no_change)
{
	unsigned int found[8], wrong = 0;
	double v[40];

	for (unsigned int k = 0; k < 200; k++) {
		struct rng rng = { k };

		for (int i = 0; i < 40; i++)
			v[i] = rng_normal(&rng) + (i == 17 ? 50 : 0);
		wrong += change_points(v, 40, 8, found) > 0;
	}
	if (wrong > 6)
		printf("    %u of 200\n", wrong);
	ASSERT_TRUE(wrong <= 6); /* 1 %, and its chance */
}

TEST(few_points_and_constant_ones_have_no_change)
{
	unsigned int found[8];
	double v[22];

	for (int i = 0; i < 22; i++)
		v[i] = i < 10 ? 1 : 9;

	ASSERT_EQ(change_points(v, 0, 8, found), 0);
	ASSERT_EQ(change_points(v, 19, 8, found), 0); /* 10 on each side are the fewest */
	ASSERT_EQ(change_points(v, 10, 8, found), 0);
	ASSERT_EQ(change_points(v, 22, 8, found), 1);
	ASSERT_EQ(found[0], 10);
	v[9] = 9; /* nine before */
	ASSERT_EQ(change_points(v, 19, 8, found), 0);
	ASSERT_EQ(change_points(v, CHANGE_MAX_POINTS + 1, 8, found), -EINVAL);
}

/* ---- the file ---- */

static const char *tracer;

static bool add_run(struct history *h, unsigned int seed, double loss_pct)
{
	struct canned c = canned_default();
	struct why why = { 0 };
	enum history_added added = HISTORY_NOT_COMPLETE;
	struct replay r;

	c.seed = seed;
	c.tracer = tracer;
	c.loss_pct[2] = loss_pct;
	ASSERT_EQ(canned_write(&c, file), 0);
	ASSERT_EQ(replay_load(file, &r, &why), 0);
	ASSERT_EQ(history_add(h, &r.report, "here", &added, &why), 0);
	replay_free(&r);
	return added == HISTORY_NEW;
}

struct seen {
	unsigned int nr;
	double sum;
};

static int see(const struct history_point *p, void *arg)
{
	struct seen *s = arg;

	ASSERT_STR(p->workload, "randread-4k-qd1");
	ASSERT_STR(p->device, "loop");
	ASSERT_STR(p->where, "here");
	s->nr++;
	s->sum += p->estimate;
	return 0;
}

TEST(runs_are_kept_once_and_read_back)
{
	struct history_filter f = { .arm = "full", .metric = "throughput_loss_pct", .smoke = true };
	struct seen s = { 0 };
	struct history *h = NULL;
	struct why why = { 0 };

	setup();
	ASSERT_EQ(history_open(db, true, &h, &why), 0);
	ASSERT_TRUE(add_run(h, 1, 10));
	ASSERT_TRUE(add_run(h, 2, 20));
	ASSERT_TRUE(!add_run(h, 2, 20));
	history_close(h);
	ASSERT_EQ(history_open(db, false, &h, &why), 0);
	ASSERT_EQ(history_each(h, &f, see, &s, &why), 0);
	ASSERT_EQ(s.nr, 2);
	ASSERT_TRUE(fabs(s.sum - 30) < 1);
	f.smoke = false;
	s = (struct seen){ 0 };
	ASSERT_EQ(history_each(h, &f, see, &s, &why), 0);
	ASSERT_EQ(s.nr, 0);
	history_close(h);
	unlink(db);
}

TEST(a_file_that_is_no_history_is_refused)
{
	struct history *h = NULL;
	struct why why = { 0 };

	setup();
	ASSERT_EQ(history_open("/nowhere.db", false, &h, &why), -ENOENT);
	ASSERT_EQ(why.code, EXIT_USAGE);
	ASSERT_STR(why.text, "/nowhere.db: no such file (make bench, or run --history /nowhere.db, makes it)");
	ASSERT_EQ(file_replace(db, "this is not a database, but it is long enough to be one"), 0);
	ASSERT_EQ(history_open(db, true, &h, &why), -EIO);
	ASSERT_TRUE(strstr(why.text, db) && strstr(why.text, "not a database"));
	unlink(db);
}

/* By SQL of its own, not by ours. */
static void sql(const char *text)
{
	sqlite3 *raw = NULL;

	ASSERT_EQ(sqlite3_open(db, &raw), SQLITE_OK);
	ASSERT_EQ(sqlite3_exec(raw, text, NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(raw);
}

TEST(a_file_of_another_version_is_refused_and_stays_as_it_is)
{
	static const int versions[] = { 0, 99 };
	struct history *h = NULL;
	struct why why;

	setup();
	for (size_t i = 0; i < ARRAY_SIZE(versions); i++) {
		_cleanup_free_ char *before = NULL, *after = NULL;
		char text[64], command[256];
		struct child_end ended = { .status = -1 };
		char *argv[] = { "sh", "-c", command, NULL };

		ASSERT_EQ(history_open(db, true, &h, &why), 0);
		ASSERT_TRUE(add_run(h, 1, 10));
		history_close(h);
		snprintf(text, sizeof(text), "PRAGMA user_version = %d", versions[i]);
		sql(text);
		snprintf(command, sizeof(command), "sha256sum <%s; ls %s*", db, db);
		ASSERT_EQ(child_run(argv, 10 * NS_PER_S, &before, &ended), 0);
		why = (struct why){ 0 };
		ASSERT_EQ(history_open(db, true, &h, &why), -EPROTO);
		ASSERT_EQ(why.code, EXIT_USAGE);
		snprintf(text, sizeof(text), ": version %d; this program knows 1 to ", versions[i]);
		ASSERT_TRUE(!strncmp(why.text, db, strlen(db)) && strstr(why.text, text) && !strchr(why.text, '\n'));
		ASSERT_EQ(child_run(argv, 10 * NS_PER_S, &after, &ended), 0);
		ASSERT_STR(after, before);
		unlink(db);
	}
}

static int note(const struct history_point *p, void *arg)
{
	FILE *f = arg;

	return fprintf(f, "%.4s %s %+.0f\n", p->key, p->device, p->estimate) < 0 ? -EIO : 0;
}

/* Of the throughput that arm full lost, in the order of the history. */
static char *all_points(struct history *h)
{
	struct history_filter filter = { .arm = "full", .metric = "throughput_loss_pct", .smoke = true };
	struct why why = { 0 };
	char *text = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);

	ASSERT_EQ(history_each(h, &filter, note, f, &why), 0);
	fclose(f);
	return text;
}

static void add_text(struct history *h, const char *text)
{
	enum history_added added = HISTORY_NOT_COMPLETE;
	struct why why = { 0 };
	struct replay r;

	ASSERT_EQ(file_replace(file, text), 0);
	ASSERT_EQ(replay_load(file, &r, &why), 0);
	ASSERT_STR(why.text, "");
	ASSERT_EQ(history_add(h, &r.report, "here", &added, &why), 0);
	ASSERT_EQ(added, HISTORY_NEW);
	replay_free(&r);
}

/* A file of before "nr_cores" and "p999_ns"; two machines; two devices of one driver. */
TEST(what_differs_is_kept_apart_and_what_is_old_is_taken)
{
	_cleanup_free_ char *one = NULL, *two = NULL, *both = NULL, *points = NULL, *older = NULL, *oldest = NULL;
	struct canned c = canned_default();
	struct history *h = NULL;
	struct why why = { 0 };

	setup();
	ASSERT_EQ(history_open(db, true, &h, &why), 0);
	c.loss_pct[2] = 10;
	one = canned_text(&c);
	older = canned_edit(one, ",\"nr_cores\":2", "");
	oldest = canned_edit(older, ",\"p999_ns\":90000", "");
	ASSERT_TRUE(strlen(oldest) < strlen(older) && strlen(older) < strlen(one));
	add_text(h, oldest);
	c.key = "feedfeedfeedfeed";
	c.loss_pct[2] = 20;
	two = canned_text(&c);
	add_text(h, two);
	c.seed = 2;
	c.second_scheduler = c.scheduler;
	both = canned_text(&c);
	add_text(h, both);
	points = all_points(h);
	ASSERT_STR(points, "0123 loop +10\nfeed loop +20\nfeed loop +20\nfeed loop (2) +20\n");
	history_close(h);
	unlink(db);
}

static void add_disk(struct history *h, const char *model, unsigned long long size_bytes, const char *order, unsigned int seed)
{
	_cleanup_free_ char *plain = NULL, *text = NULL, *edit = NULL;
	struct canned c = canned_default();

	c.seed = seed;
	c.loss_pct[2] = seed * 10;
	if (model) {
		c.disk = "nvme0n1";
		c.model = model;
		c.size_bytes = size_bytes;
	}
	plain = canned_text(&c);
	if (order)
		ASSERT_TRUE(asprintf(&edit, "\"scratch\":true,\"order\":\"%s\"", order) > 0);
	text = canned_edit(plain, "\"scratch\":true", edit ? edit : "\"scratch\":true");
	add_text(h, text);
}

/* The disk that was there before, another model, one of another size; scratch ones as they were ordered. */
TEST(another_disk_of_the_name_is_another_series)
{
	_cleanup_free_ char *points = NULL, *named = NULL;
	struct history_filter filter = { .arm = "full", .metric = "throughput_loss_pct", .smoke = true, .device = "nvme0n1" };
	struct history *h = NULL;
	struct why why = { 0 };
	size_t len;
	FILE *f;

	setup();
	ASSERT_EQ(history_open(db, true, &h, &why), 0);
	add_disk(h, "Samsung 990 PRO", 1ull << 40, NULL, 1);
	add_disk(h, "QEMU NVMe Ctrl", 1ull << 40, NULL, 2);
	add_disk(h, "QEMU NVMe Ctrl", 1ull << 30, NULL, 3);
	add_disk(h, "Samsung 990 PRO", 1ull << 40, NULL, 4);
	add_disk(h, NULL, 0, "loop:size=64", 5);
	add_disk(h, NULL, 0, "loop", 6);
	f = open_memstream(&named, &len);
	ASSERT_EQ(history_each(h, &filter, note, f, &why), 0);
	fclose(f);
	ASSERT_STR(named, "0123 nvme0n1 (QEMU NVMe Ctrl, 1 GiB) +30\n0123 nvme0n1 (QEMU NVMe Ctrl, 1024 GiB) +20\n"
			  "0123 nvme0n1 (Samsung 990 PRO, 1024 GiB) +10\n0123 nvme0n1 (Samsung 990 PRO, 1024 GiB) +40\n");
	points = all_points(h);
	ASSERT_TRUE(!strncmp(points, "0123 loop +60\n0123 loop (size=64) +50\n0123 nvme", 43));
	history_close(h);
	unlink(db);
}

/* What version 1 of the file had of a run that was stopped, and of one that was not; it could not tell them apart. */
static const char version_1[] =
	"CREATE TABLE runs (id INTEGER PRIMARY KEY, started_ms INTEGER NOT NULL, seed INTEGER NOT NULL, key TEXT NOT NULL,"
	" kernel TEXT NOT NULL, smoke INTEGER NOT NULL, verdict TEXT NOT NULL, place TEXT NOT NULL, UNIQUE (key, started_ms, seed));"
	"CREATE TABLE cells (run INTEGER NOT NULL REFERENCES runs, workload TEXT NOT NULL, device TEXT NOT NULL, scheduler TEXT NOT NULL,"
	" arm TEXT NOT NULL, metric TEXT NOT NULL, estimate REAL, lower REAL, upper REAL, rounds INTEGER NOT NULL, verdict TEXT NOT NULL,"
	" PRIMARY KEY (run, workload, device, scheduler, arm, metric));"
	"INSERT INTO runs VALUES (1, 1000, 1, '0123456789abcdef', '6.12.9', 1, 'INCONCLUSIVE', 'old'),"
	" (2, 1000, 2, '0123456789abcdef', '6.12.9', 1, 'PASS', 'old');"
	"INSERT INTO cells VALUES (1, 'randread-4k-qd1', 'loop', 'none', 'full', 'throughput_loss_pct', 77, 0, 99, 1, 'INCONCLUSIVE'),"
	" (2, 'randread-4k-qd1', 'loop', 'none', 'full', 'throughput_loss_pct', 3, 2, 4, 8, 'PASS');"
	"PRAGMA application_id = 1768910952; PRAGMA user_version = 1;";

TEST(a_file_of_version_1_goes_on_and_a_whole_run_takes_the_place_of_its_part)
{
	_cleanup_free_ char *before = NULL, *after = NULL;
	struct history *h = NULL;
	struct why why = { 0 };

	setup();
	sql(version_1);
	ASSERT_EQ(history_open(db, true, &h, &why), 0);
	before = all_points(h);
	ASSERT_STR(before, "0123 loop +77\n0123 loop +3\n");
	ASSERT_TRUE(add_run(h, 1, 10));
	ASSERT_TRUE(!add_run(h, 1, 10));
	history_close(h);
	ASSERT_EQ(history_open(db, false, &h, &why), 0);
	after = all_points(h);
	ASSERT_STR(after, "0123 loop +3\n0123 loop +10\n");
	history_close(h);
	unlink(db);
}

static void checksum(char **ret)
{
	char command[256];
	struct child_end ended = { .status = -1 };
	char *argv[] = { "sh", "-c", command, NULL };

	snprintf(command, sizeof(command), "sha256sum <%s; ls %s*", db, db);
	ASSERT_EQ(child_run(argv, 10 * NS_PER_S, ret, &ended), 0);
}

/* One of another user, or on a disk that is read only: an older one must not need to become a newer one to be seen. */
TEST(an_older_file_is_read_as_it_is_and_one_that_cannot_be_written_says_so)
{
	_cleanup_free_ char *points = NULL, *before = NULL, *after = NULL;
	struct history *h = NULL;
	struct why why = { 0 };
	enum history_added added;
	struct canned c = canned_default();
	struct replay r;

	setup();
	ASSERT_EQ(chmod(dir, 0755), 0);
	sql(version_1);
	ASSERT_EQ(canned_write(&c, file), 0);
	ASSERT_EQ(replay_load(file, &r, &why), 0);
	checksum(&before);
	ASSERT_EQ(chmod(db, 0444), 0);
	ASSERT_EQ(geteuid() ? 0 : seteuid(65534), 0);
	ASSERT_EQ(history_open(db, false, &h, &why), 0);
	points = all_points(h);
	ASSERT_STR(points, "0123 loop +77\n0123 loop +3\n");
	history_close(h);
	ASSERT_EQ(history_open(db, true, &h, &why), -EROFS);
	ASSERT_EQ(why.code, EXIT_ENVIRONMENT);
	ASSERT_TRUE(!strncmp(why.text, db, strlen(db)));
	ASSERT_STR(why.text + strlen(db), ": cannot be written to");
	ASSERT_EQ(getuid() ? 0 : seteuid(0), 0);
	/* the same for one that has nothing to become */
	ASSERT_EQ(chmod(db, 0600), 0);
	checksum(&after);
	ASSERT_STR(after, before);
	ASSERT_EQ(history_open(db, true, &h, &why), 0);
	history_close(h);
	ASSERT_EQ(chmod(db, 0444), 0);
	ASSERT_EQ(geteuid() ? 0 : seteuid(65534), 0);
	why = (struct why){ 0 };
	ASSERT_EQ(history_open(db, true, &h, &why), 0);
	ASSERT_EQ(history_add(h, &r.report, "here", &added, &why), -EROFS);
	ASSERT_EQ(why.code, EXIT_ENVIRONMENT);
	history_close(h);
	ASSERT_EQ(getuid() ? 0 : seteuid(0), 0);
	replay_free(&r);
	unlink(db);
}

/* To look at nothing makes nothing of it. */
TEST(an_empty_file_has_no_points_and_stays_empty)
{
	_cleanup_free_ char *points = NULL, *text = NULL;
	struct history *h = NULL;
	struct why why = { 0 };

	setup();
	ASSERT_EQ(file_replace(db, ""), 0);
	ASSERT_EQ(history_open(db, false, &h, &why), 0);
	points = all_points(h);
	ASSERT_STR(points, "");
	history_close(h);
	ASSERT_EQ(file_read(db, &text), 0);
	ASSERT_STR(text, "");
	unlink(db);
}

/* ---- the program ---- */

static int run(const char *words, char **ret_out)
{
	_cleanup_free_ char *copy = strdup(words);
	char *argv[16] = { program, "history", "--db", db }, *save = NULL;
	struct child_end end = { .status = -1 };
	int n = 4;

	for (char *w = strtok_r(copy, " ", &save); w && n < 15; w = strtok_r(NULL, " ", &save))
		argv[n++] = w;
	ASSERT_EQ(child_run(argv, 30 * NS_PER_S, ret_out, &end), 0);
	return end.status;
}

TEST(a_change_is_marked_where_it_began)
{
	_cleanup_free_ char *out = NULL, *other = NULL, *bad = NULL, *none = NULL, *metric = NULL;
	struct history *h = NULL;
	struct why why = { 0 };
	const char *mark;
	int lines = 0;

	setup();
	ASSERT_EQ(history_open(db, true, &h, &why), 0);
	for (unsigned int i = 0; i < 20; i++)
		add_run(h, 100 + i, i < 10 ? 3 : 8);
	history_close(h);
	ASSERT_EQ(run("--smoke --arm full", &out), 0);
	mark = out ? strstr(out, "<- changed: +") : NULL;
	ASSERT_TRUE(mark && !strstr(mark + 1, "<- changed"));
	for (const char *c = out; mark && c < mark; c++)
		lines += *c == '\n';
	ASSERT_EQ(lines, 11); /* behind the headline and ten points */
	ASSERT_EQ(run("--smoke --arm off2", &other), 0);
	ASSERT_TRUE(other && !strstr(other, "changed"));
	ASSERT_EQ(run("--arm full", &none), 0);
	ASSERT_TRUE(none && strstr(none, "--smoke") != NULL);
	ASSERT_EQ(run("--metric nonsense", &metric), EXIT_USAGE);
	ASSERT_EQ(run("--import /nowhere", &bad), EXIT_USAGE);
	ASSERT_TRUE(bad && strstr(bad, "/nowhere: No such file") != NULL);
	unlink(db);
}

static int count(const char *text, const char *word)
{
	int n = 0;

	for (const char *p = text; p && (p = strstr(p, word)); p++)
		n++;
	return n;
}

/* What git takes for it stands at the change; what is not known of an older run is not made up. */
TEST(a_change_tells_the_revisions_before_and_since)
{
	_cleanup_free_ char *out = NULL;
	struct history *h = NULL;
	struct why why = { 0 };

	setup();
	sql(version_1);
	ASSERT_EQ(history_open(db, true, &h, &why), 0);
	for (unsigned int i = 0; i < 20; i++) {
		tracer = i < 10 ? "iopath 0.1.0 (2e9ee45)" : i < 19 ? "iopath 0.1.0 (73fbbeb-dirty)" : "iopath 0.2.0";
		add_run(h, 100 + i, i < 10 ? 3 : 8);
	}
	tracer = NULL;
	history_close(h);
	sql("UPDATE runs SET key = 'feedfeedfeedfeed' WHERE place = 'old'");
	ASSERT_EQ(run("--smoke --arm full", &out), 0);
	ASSERT_TRUE(out && strstr(out, " since, 2e9ee45..73fbbeb\n") != NULL);
	ASSERT_EQ(count(out, " 2e9ee45 "), 10);
	ASSERT_EQ(count(out, " 73fbbeb-dirty "), 9);
	ASSERT_EQ(count(out, " 0.2.0 "), 1);
	ASSERT_TRUE(out && strstr(out, " -             old\n") != NULL);
	unlink(db);
}

/* One that the machine spoilt is shown; a change is not made of it. */
TEST(invalid_points_are_shown_and_make_no_change)
{
	_cleanup_free_ char *out = NULL;
	struct history *h = NULL;
	struct why why = { 0 };

	setup();
	ASSERT_EQ(history_open(db, true, &h, &why), 0);
	for (unsigned int i = 0; i < 20; i++)
		add_run(h, 100 + i, i < 10 ? 3 : 8);
	history_close(h);
	sql("UPDATE cells SET verdict = 'INVALID' WHERE estimate > 5");
	ASSERT_EQ(run("--smoke --arm full", &out), 0);
	ASSERT_TRUE(out && strstr(out, "+8.") && strstr(out, "INVALID") && !strstr(out, "changed"));
	unlink(db);
}

/* Bounds from lo to hi, the estimate between them, nought on the left. */
static void check_plot(const char *line)
{
	const char *zero = strchr(line, '|'), *star = strchr(line, '*'), *end = strchr(line, '\n');

	ASSERT_TRUE(zero && star && end && zero < star && star < end);
	for (const char *p = star - 1; p > zero && *p != ' '; p--)
		ASSERT_EQ(*p, '-');
}

TEST(old_files_are_taken_in_and_drawn)
{
	_cleanup_free_ char *added = NULL, *again = NULL, *out = NULL, *text = NULL;
	struct canned c = canned_default();
	char words[128], *line;
	int lines = 0;

	setup();
	c.loss_pct[2] = 10;
	text = canned_text(&c);
	ASSERT_EQ(file_replace(file, text), 0);
	snprintf(words, sizeof(words), "--import %s", file);
	ASSERT_EQ(run(words, &added), 0);
	ASSERT_TRUE(added && strstr(added, "results.jsonl: added"));
	ASSERT_EQ(run(words, &again), 0);
	ASSERT_TRUE(again && strstr(again, "results.jsonl: is there already"));
	ASSERT_EQ(run("--smoke --arm full", &out), 0);
	line = out ? strchr(out, '\n') : NULL;
	ASSERT_TRUE(line != NULL);
	if (line) {
		ASSERT_TRUE(strstr(line, "+10.") || strstr(line, "+9."));
		check_plot(line + 1);
	}
	for (const char *p = out; p && *p; p++)
		lines += *p == '\n';
	ASSERT_EQ(lines, 2); /* once, though it was imported twice */
	unlink(db);
}

/* The same file while its run is stopped, and when it has come to its end. */
TEST(a_part_of_a_run_is_not_taken_for_it)
{
	_cleanup_free_ char *said = NULL, *none = NULL, *added = NULL, *out = NULL, *whole = NULL, *part = NULL;
	struct canned c = canned_default();
	char words[128];

	setup();
	c.loss_pct[2] = 10;
	whole = canned_text(&c);
	part = canned_edit(whole, "{\"type\":\"summary\",\"complete\":true,\"verdict\":\"PASS\",\"exit_code\":0,\"reason\":null}",
			   "{\"type\":\"stopped\",\"complete\":false,\"verdict\":\"INCONCLUSIVE\",\"exit_code\":3,\"reason\":\"stopped by Interrupt\"}");
	ASSERT_EQ(file_replace(file, part), 0);
	snprintf(words, sizeof(words), "--import %s", file);
	ASSERT_EQ(run(words, &said), 0);
	ASSERT_TRUE(said && strstr(said, "results.jsonl: not added, it is not complete: stopped by Interrupt\n"));
	ASSERT_EQ(run("--smoke", &none), 0);
	ASSERT_TRUE(none && strstr(none, "nothing in it"));
	ASSERT_EQ(file_replace(file, whole), 0);
	ASSERT_EQ(run(words, &added), 0);
	ASSERT_TRUE(added && strstr(added, "results.jsonl: added"));
	ASSERT_EQ(run("--smoke --arm full", &out), 0);
	ASSERT_TRUE(out && strstr(out, "randread-4k-qd1 on loop") != NULL);
	unlink(db);
}

/* In place of ci/lab/run: what the guest leaves in its --out is what stands beside the script, and so is its exit status. */
static const char lab_run[] = "#!/bin/sh\nout=$(printf '%s' \"$1\" | sed \"s/.*--out '\\(.*\\)'/\\1/\")\n"
			      "cp \"${0%/*}/results.jsonl\" \"$out\" 2>/dev/null\nexit \"$(cat \"${0%/*}/status\")\"\n";

/* A run in the lab that ends so, with @text for its results unless it is NULL. How many lines the history has then. */
static int lab_run_ends(int status, const char *text)
{
	char command[1024], *argv[] = { "sh", "-c", command, NULL };
	_cleanup_free_ char *said = NULL, *shown = NULL;
	struct child_end ended = { .status = -1 };
	char name[128], number[16];

	snprintf(name, sizeof(name), "%s/tree/ci/lab/results.jsonl", dir);
	unlink(name);
	if (text)
		ASSERT_EQ(file_replace(name, text), 0);
	snprintf(name, sizeof(name), "%s/tree/ci/lab/status", dir);
	snprintf(number, sizeof(number), "%d", status);
	ASSERT_EQ(file_replace(name, number), 0);
	snprintf(command, sizeof(command), "cd %s && tree/build/iopath-bench run --device lab:nvme --history %s --out %s/lab-out 2>&1", dir, db, dir);
	ASSERT_EQ(child_run(argv, 30 * NS_PER_S, &said, &ended), 0);
	if (ended.status != status)
		printf("    %s\n", said);
	ASSERT_EQ(ended.status, status);
	if (access(db, F_OK))
		return 0;
	ASSERT_EQ(run("--smoke --arm full", &shown), 0);
	return count(shown, "\n1970-");
}

/* The rule of runs on the machine itself: what is complete, INVALID too. */
TEST(a_run_in_the_lab_enters_when_it_is_complete)
{
	_cleanup_free_ char *one = NULL, *two = NULL, *part = NULL;
	struct canned c = canned_default();
	char command[1024], name[128];

	setup();
	snprintf(command, sizeof(command), "mkdir -p %s/tree/build %s/tree/ci/lab && cp %s %s/tree/build/", dir, dir, program, dir);
	ASSERT_EQ(system(command), 0);
	snprintf(name, sizeof(name), "%s/tree/ci/lab/run", dir);
	ASSERT_EQ(file_replace(name, lab_run), 0);
	ASSERT_EQ(chmod(name, 0755), 0);
	one = canned_text(&c);
	c.seed = 2;
	two = canned_text(&c);
	c.no_end = true;
	part = canned_text(&c);
	ASSERT_EQ(lab_run_ends(EXIT_ENVIRONMENT, NULL), 0);
	ASSERT_EQ(lab_run_ends(EXIT_INCONCLUSIVE, part), 0);
	ASSERT_EQ(lab_run_ends(EXIT_ENVIRONMENT, two), 1);
	ASSERT_EQ(lab_run_ends(EXIT_PASS, one), 2);
	snprintf(command, sizeof(command), "rm -r %s/tree %s/lab-out", dir, dir);
	ASSERT_EQ(system(command), 0);
	unlink(db);
}

TEST_MAIN("test-bench-history", T(a_step_is_found_where_it_is), T(noise_and_spikes_are_no_change),
	  T(few_points_and_constant_ones_have_no_change), T(runs_are_kept_once_and_read_back),
	  T(what_differs_is_kept_apart_and_what_is_old_is_taken),
	  T(a_file_that_is_no_history_is_refused), T(a_file_of_another_version_is_refused_and_stays_as_it_is),
	  T(another_disk_of_the_name_is_another_series), T(a_file_of_version_1_goes_on_and_a_whole_run_takes_the_place_of_its_part),
	  T(an_older_file_is_read_as_it_is_and_one_that_cannot_be_written_says_so), T(an_empty_file_has_no_points_and_stays_empty),
	  T(a_change_tells_the_revisions_before_and_since), T(invalid_points_are_shown_and_make_no_change), T(a_part_of_a_run_is_not_taken_for_it),
	  T(a_run_in_the_lab_enters_when_it_is_complete), T(a_change_is_marked_where_it_began),
	  T(old_files_are_taken_in_and_drawn))
