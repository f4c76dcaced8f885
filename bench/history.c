/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "history.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench/file.h"
#include "tracer/base/cleanup.h"

#define APPLICATION_ID 0x696f7068 /* "ioph" */

struct history {
	sqlite3 *db;
	char *path;
	bool is_open;
	int64_t version;	/* of the file; 0: it is empty */
};

/* From each version to the next; an older file takes those that it has not had. */
static const char *const steps[] = {
	"CREATE TABLE runs (id INTEGER PRIMARY KEY, started_ms INTEGER NOT NULL, seed INTEGER NOT NULL,"
	" key TEXT NOT NULL, kernel TEXT NOT NULL, smoke INTEGER NOT NULL, verdict TEXT NOT NULL, place TEXT NOT NULL,"
	" UNIQUE (key, started_ms, seed));"
	"CREATE TABLE cells (run INTEGER NOT NULL REFERENCES runs, workload TEXT NOT NULL, device TEXT NOT NULL,"
	" scheduler TEXT NOT NULL, arm TEXT NOT NULL, metric TEXT NOT NULL, estimate REAL, lower REAL, upper REAL,"
	" rounds INTEGER NOT NULL, verdict TEXT NOT NULL, PRIMARY KEY (run, workload, device, scheduler, arm, metric));"
	"PRAGMA application_id = 1768910952;",
	/* 0: of before, when the part of a run that was stopped was taken for the run */
	"ALTER TABLE runs ADD COLUMN whole INTEGER NOT NULL DEFAULT 0;",
	"ALTER TABLE runs ADD COLUMN revision TEXT;",
};
#define VERSION ((int)ARRAY_SIZE(steps))
#define VERSION_REVISION 3	/* has runs.revision */

static int fail(const struct history *h, struct why *why)
{
	int code = sqlite3_errcode(h->db);

	switch (code) {
	case SQLITE_READONLY:
		return why_fail(why, EXIT_ENVIRONMENT, -EROFS, "%s: cannot be written to", h->path);
	case SQLITE_CANTOPEN:
		if (h->is_open)
			return why_fail(why, EXIT_ENVIRONMENT, -EIO, "%s: cannot be written to: no file can be made beside it", h->path);
		break;
	case SQLITE_FULL:
	case SQLITE_BUSY:
		return why_fail(why, EXIT_ENVIRONMENT, -EIO, "%s: %s", h->path, sqlite3_errmsg(h->db));
	}
	return why_fail(why, code == SQLITE_NOTADB || code == SQLITE_CANTOPEN ? EXIT_USAGE : EXIT_HARNESS, -EIO,
			"%s: %s", h->path, sqlite3_errmsg(h->db));
}

static int pragma(struct history *h, const char *text, int64_t *ret, struct why *why)
{
	sqlite3_stmt *s = NULL;
	int err = 0;

	if (sqlite3_prepare_v2(h->db, text, -1, &s, NULL) || sqlite3_step(s) != SQLITE_ROW)
		err = fail(h, why);
	else
		*ret = sqlite3_column_int64(s, 0);
	sqlite3_finalize(s);
	return err;
}

static int exec(struct history *h, const char *text, struct why *why)
{
	return sqlite3_exec(h->db, text, NULL, NULL, NULL) ? fail(h, why) : 0;
}

static int end(struct history *h, int err, struct why *why)
{
	if (!err)
		err = exec(h, "COMMIT", why);
	if (err)
		sqlite3_exec(h->db, "ROLLBACK", NULL, NULL, NULL);
	return err;
}

/* All of it or nothing; another process may have done it meanwhile. */
static int upgrade(struct history *h, struct why *why)
{
	char text[64];
	int64_t version = VERSION;
	int err = exec(h, "BEGIN IMMEDIATE", why);

	if (err)
		return err;
	err = pragma(h, "PRAGMA user_version", &version, why);
	for (int64_t i = version; i < VERSION && !err; i++)
		err = exec(h, steps[i], why);
	snprintf(text, sizeof(text), "PRAGMA user_version = %d", VERSION);
	if (!err && version < VERSION)
		err = exec(h, text, why);
	return end(h, err, why);
}

/* New, ours, or somebody's. What is only read is not changed: it may be another's, or another program's too. */
static int check(struct history *h, bool write, struct why *why)
{
	int64_t id = 0, version = 0, objects = 0;
	bool is_new;
	int err = pragma(h, "PRAGMA application_id", &id, why);

	if (!err)
		err = pragma(h, "PRAGMA user_version", &version, why);
	if (!err)
		err = pragma(h, "SELECT count(*) FROM sqlite_master", &objects, why);
	if (err)
		return err;
	is_new = !objects && !id && !version;
	if (!is_new && id != APPLICATION_ID)
		return why_fail(why, EXIT_USAGE, -EPROTO, "%s: not a history of iopath-bench", h->path);
	if (!is_new && (version < 1 || version > VERSION))
		return why_fail(why, EXIT_USAGE, -EPROTO, "%s: version %lld; this program knows 1 to %d", h->path,
				(long long)version, VERSION);
	h->version = write ? VERSION : version;
	return write && version < VERSION ? upgrade(h, why) : 0;
}

int history_open(const char *path, bool write, struct history **ret, struct why *why)
{
	struct history *h = calloc(1, sizeof(*h));
	int err;

	if (!h)
		return -ENOMEM;
	h->path = strdup(path);
	if (!h->path) {
		free(h);
		return -ENOMEM;
	}
	if (!write && access(path, F_OK) && errno == ENOENT)
		err = why_fail(why, EXIT_USAGE, -ENOENT, "%s: no such file (make bench, or run --history %s, makes it)", path, path);
	else
		err = sqlite3_open_v2(path, &h->db, SQLITE_OPEN_READWRITE | (write ? SQLITE_OPEN_CREATE : 0), NULL) ?
		      fail(h, why) : 0;
	if (!err) {
		h->is_open = true;
		sqlite3_busy_timeout(h->db, 5000);
		err = check(h, write, why);
	}
	if (err)
		history_close(h);
	else
		*ret = h;
	return err;
}

/* Up to its journal, which needs the directory; then none of it was. */
static int try_to_write(struct history *h, struct why *why)
{
	char text[64];
	int err = exec(h, "BEGIN IMMEDIATE", why);

	snprintf(text, sizeof(text), "PRAGMA user_version = %lld", (long long)h->version);
	if (!err)
		err = exec(h, text, why);
	sqlite3_exec(h->db, "ROLLBACK", NULL, NULL, NULL);
	return err;
}

int history_check(const char *path, struct why *why)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644), err;
	struct history *h = NULL;

	if (fd >= 0) { /* it can be made, when there is something for it */
		close(fd);
		unlink(path);
		return 0;
	}
	if (errno != EEXIST)
		return why_fail(why, EXIT_ENVIRONMENT, -errno, "%s: %s", path, strerror(errno));
	err = history_open(path, false, &h, why);
	if (!err)
		err = try_to_write(h, why);
	history_close(h);
	return err;
}

void history_close(struct history *h)
{
	if (!h)
		return;
	sqlite3_close(h->db);
	free(h->path);
	free(h);
}

/* ---- adding ---- */

/* What tells a run from all others of its machine. */
struct identity {
	int64_t started_ms;
	uint64_t seed;
};

static struct identity identity_of(const struct report *r)
{
	int64_t ms = json_integer_value(json_object_get(r->header, "started_ms"));

	return (struct identity){ ms > 0 ? ms : r->first_ms, r->seed };
}

/* Of the run that measured @s: in a merged one it is its part. */
static struct identity identity_of_set(const struct report *r, const struct report_set *s)
{
	struct identity id = identity_of(r);

	if (s->started_ms > 0)
		id.started_ms = s->started_ms;
	if (s->seed)
		id.seed = s->seed;
	return id;
}

static void bind_text(sqlite3_stmt *s, int at, const char *text)
{
	sqlite3_bind_text(s, at, text, -1, SQLITE_TRANSIENT);
}

static void bind_number(sqlite3_stmt *s, int at, double v)
{
	if (isfinite(v))
		sqlite3_bind_double(s, at, v);
	else
		sqlite3_bind_null(s, at);
}

static const char *machine_key(const struct report *r)
{
	const char *key = json_string_value(json_object_get(json_object_get(r->header, "fingerprint"), "key"));

	return key ? key : "?";
}

/* "2e9ee45" of "iopath 0.1.0 (2e9ee45)", else "0.1.0"; NULL when the tracer did not say. */
static void bind_revision(sqlite3_stmt *s, int at, const struct report *r)
{
	const char *text = json_string_value(json_object_get(json_object_get(r->header, "fingerprint"), "iopath"));
	const char *from = text ? strchr(text, '(') : NULL;

	if (text && !from)
		from = strchr(text, ' ');
	if (from)
		sqlite3_bind_text(s, at, from + 1, (int)strcspn(from + 1, ")"), SQLITE_TRANSIENT);
}

/* What may be the part of @r that was there when it was stopped. */
static int drop_part(struct history *h, const struct report *r, const struct identity *id, struct why *why)
{
	static const char *const text[] = {
		"DELETE FROM cells WHERE run IN (SELECT id FROM runs WHERE started_ms = ? AND seed = ? AND key = ? AND NOT whole)",
		"DELETE FROM runs WHERE started_ms = ? AND seed = ? AND key = ? AND NOT whole",
	};
	int err = 0;

	for (size_t i = 0; i < ARRAY_SIZE(text) && !err; i++) {
		sqlite3_stmt *s = NULL;

		if (sqlite3_prepare_v2(h->db, text[i], -1, &s, NULL))
			return fail(h, why);
		sqlite3_bind_int64(s, 1, id->started_ms);
		sqlite3_bind_int64(s, 2, (int64_t)id->seed);
		bind_text(s, 3, machine_key(r));
		if (sqlite3_step(s) != SQLITE_DONE)
			err = fail(h, why);
		sqlite3_finalize(s);
	}
	return err;
}

static int find_run(struct history *h, const struct report *r, const struct identity *id, int64_t *ret, struct why *why)
{
	static const char text[] = "SELECT id FROM runs WHERE started_ms = ? AND seed = ? AND key = ?";
	sqlite3_stmt *s = NULL;
	int err = 0;

	if (sqlite3_prepare_v2(h->db, text, -1, &s, NULL))
		return fail(h, why);
	sqlite3_bind_int64(s, 1, id->started_ms);
	sqlite3_bind_int64(s, 2, (int64_t)id->seed);
	bind_text(s, 3, machine_key(r));
	if (sqlite3_step(s) == SQLITE_ROW)
		*ret = sqlite3_column_int64(s, 0);
	else
		err = fail(h, why);
	sqlite3_finalize(s);
	return err;
}

/* *ret is its number, whether it was there or not. */
static int add_run(struct history *h, const struct report *r, const struct identity *id, const char *where, int64_t *ret,
		   bool *ret_new, struct why *why)
{
	static const char text[] =
		"INSERT OR IGNORE INTO runs (started_ms, seed, key, kernel, smoke, verdict, place, revision, whole)"
		" VALUES (?, ?, ?, ?, ?, ?, ?, ?, 1)";
	sqlite3_stmt *s = NULL;
	int err = drop_part(h, r, id, why);

	if (err)
		return err;
	if (sqlite3_prepare_v2(h->db, text, -1, &s, NULL))
		return fail(h, why);
	sqlite3_bind_int64(s, 1, id->started_ms);
	sqlite3_bind_int64(s, 2, (int64_t)id->seed);
	bind_text(s, 3, machine_key(r));
	bind_text(s, 4, r->kernel);
	sqlite3_bind_int(s, 5, r->smoke);
	bind_text(s, 6, report_verdict_text(r, report_exit(r)));
	bind_text(s, 7, where);
	bind_revision(s, 8, r);
	if (sqlite3_step(s) != SQLITE_DONE)
		err = fail(h, why);
	*ret_new |= !err && sqlite3_changes(h->db) > 0;
	sqlite3_finalize(s);
	return err ? err : find_run(h, r, id, ret, why);
}

/* "nvme0n1 (Samsung 990 PRO, 931.5 GiB)": another disk of the name is another series. "null_blk (irqmode=timer)", "loop". */
static void disk_name(const struct report_set *s, char *buf, size_t len)
{
	const char *model = json_string_value(json_object_get(s->outcome.disk, "model"));
	const char *order = strchr(s->order, ':'), *name = s->scratch && s->driver[0] ? s->driver : s->device;
	json_int_t size = json_integer_value(json_object_get(s->outcome.disk, "size_bytes"));

	if (s->scratch && order)
		snprintf(buf, len, "%s (%s)", name, order + 1);
	else if (!s->scratch && size > 0)
		snprintf(buf, len, "%s (%s%s%.4g GiB)", name, model ? model : "", model ? ", " : "",
			 (double)size / (1 << 30));
	else
		snprintf(buf, len, "%s", name);
	text_clean(buf);
}

/* The second of one name under one scheduler and workload is "loop (2)". */
static void device_name(const struct report *r, const struct report_set *set, char buf[static HISTORY_DEVICE_MAX])
{
	char name[HISTORY_DEVICE_MAX - 16];
	unsigned int nr = report_device_nr(r, set);

	disk_name(set, name, sizeof(name));
	snprintf(buf, HISTORY_DEVICE_MAX, nr > 1 ? "%s (%u)" : "%s", name, nr);
}

static int add_cell(struct history *h, sqlite3_stmt *s, int64_t run, const struct report *r,
		    const struct report_set *set, unsigned int arm, enum metric m, bool *ret_new, struct why *why)
{
	char device[HISTORY_DEVICE_MAX];
	const struct decision *d = &set->outcome.decision[arm][m];
	bool done;

	sqlite3_bind_int64(s, 1, run);
	bind_text(s, 2, set->workload);
	device_name(r, set, device);
	bind_text(s, 3, device);
	bind_text(s, 4, set->scheduler);
	bind_text(s, 5, r->arms->v[arm].name);
	bind_text(s, 6, metric_name(m));
	bind_number(s, 7, d->rounds ? d->loss.estimate : NAN);
	bind_number(s, 8, d->loss.lower);
	bind_number(s, 9, d->loss.upper);
	sqlite3_bind_int(s, 10, (int)d->rounds);
	bind_text(s, 11, verdict_name(d->verdict == VERDICT_UNDECIDED ? VERDICT_INCONCLUSIVE : d->verdict));
	done = sqlite3_step(s) == SQLITE_DONE;
	*ret_new |= done && sqlite3_changes(h->db) > 0;
	sqlite3_reset(s);
	return done ? 0 : fail(h, why);
}

static int add_set(struct history *h, const struct report *r, const struct report_set *set, const char *where, bool *ret_new,
		   struct why *why)
{
	static const char text[] = "INSERT OR IGNORE INTO cells VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
	struct identity id = identity_of_set(r, set);
	sqlite3_stmt *s = NULL;
	int64_t run = 0;
	int err = add_run(h, r, &id, where, &run, ret_new, why);

	if (err)
		return err;

	if (sqlite3_prepare_v2(h->db, text, -1, &s, NULL))
		return fail(h, why);
	for (unsigned int a = 0; a < r->arms->nr; a++)
		for (enum metric m = 0; m < METRIC_NR && a != r->arms->off && !err; m++)
			if (report_judges(r, set, m))
				err = add_cell(h, s, run, r, set, a, m, ret_new, why);
	sqlite3_finalize(s);
	return err;
}

int history_add(struct history *h, const struct report *r, const char *where, enum history_added *ret, struct why *why)
{
	struct identity id = identity_of(r);
	bool is_new = false;
	int64_t run;
	int err;

	if (!r->complete) {
		*ret = HISTORY_NOT_COMPLETE;
		return 0;
	}
	err = exec(h, "BEGIN IMMEDIATE", why);
	if (err)
		return err;
	err = add_run(h, r, &id, where, &run, &is_new, why); /* one of which all was skipped, too */
	for (unsigned int i = 0; i < r->nr_sets && !err; i++)
		if (!r->set[i].skipped)
			err = add_set(h, r, &r->set[i], where, &is_new, why);
	err = end(h, err, why);
	if (!err)
		*ret = is_new ? HISTORY_NEW : HISTORY_THERE;
	return err;
}

/* ---- reading ---- */

static const char *column_text(sqlite3_stmt *s, int at)
{
	const char *text = (const char *)sqlite3_column_text(s, at);

	return text ? text : "?";
}

static double column_number(sqlite3_stmt *s, int at)
{
	return sqlite3_column_type(s, at) == SQLITE_NULL ? NAN : sqlite3_column_double(s, at);
}

static struct history_point point_of(sqlite3_stmt *s)
{
	return (struct history_point){
		.started_ms = sqlite3_column_int64(s, 0),
		.kernel = column_text(s, 1),
		.where = column_text(s, 2),
		.key = column_text(s, 3),
		.workload = column_text(s, 4),
		.device = column_text(s, 5),
		.scheduler = column_text(s, 6),
		.arm = column_text(s, 7),
		.metric = column_text(s, 8),
		.estimate = column_number(s, 9),
		.lower = column_number(s, 10),
		.upper = column_number(s, 11),
		.rounds = (unsigned int)sqlite3_column_int(s, 12),
		.verdict = column_text(s, 13),
		.revision = (const char *)sqlite3_column_text(s, 14),
		.run = sqlite3_column_int64(s, 15),
	};
}

int history_each(struct history *h, const struct history_filter *f, history_fn *fn, void *arg, struct why *why)
{
	static const char format[] =
		"SELECT started_ms, kernel, place, key, workload, device, scheduler, arm, metric, estimate, lower,"
		" upper, rounds, cells.verdict, %s, runs.id FROM runs JOIN cells ON runs.id = cells.run"
		" WHERE (?1 IS NULL OR workload = ?1) AND (?2 IS NULL OR scheduler = ?2) AND (?3 IS NULL OR arm = ?3)"
		" AND (?4 IS NULL OR metric = ?4) AND (?5 IS NULL OR device = ?5 OR substr(device, 1, length(?5) + 2) = ?5 || ' (')"
		" AND (?6 IS NULL OR substr(key, 1, length(?6)) = ?6) AND (?7 OR NOT smoke)"
		" ORDER BY key, workload, device, scheduler, arm, metric, started_ms, runs.id";
	const char *const filters[] = { f->workload, f->scheduler, f->arm, f->metric, f->device, f->machine };
	_cleanup_free_ char *text = NULL;
	sqlite3_stmt *s = NULL;
	int err = 0, r;

	if (!h->version)
		return 0;
	if (asprintf(&text, format, h->version >= VERSION_REVISION ? "revision" : "NULL") < 0)
		return -ENOMEM;
	if (sqlite3_prepare_v2(h->db, text, -1, &s, NULL))
		return fail(h, why);
	for (int i = 0; i < (int)ARRAY_SIZE(filters); i++)
		if (filters[i])
			bind_text(s, i + 1, filters[i]);
	sqlite3_bind_int(s, (int)ARRAY_SIZE(filters) + 1, f->smoke);
	while (!err && (r = sqlite3_step(s)) == SQLITE_ROW) {
		struct history_point p = point_of(s);

		err = fn(&p, arg);
	}
	if (!err && r != SQLITE_DONE)
		err = fail(h, why);
	sqlite3_finalize(s);
	return err;
}
