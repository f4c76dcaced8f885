/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * iopath-validate cells --kernel K --disks CLASS:PATH,… --schedulers … --tiers …
 *	runs them here, a line of JSON each. A disk "loop" without a path is made.
 * iopath-validate doctor
 *	the line that report reads
 * iopath-validate digest FILE [--release]
 *	what of it is expected to stay
 * iopath-validate report --dir DIR --pairs KERNEL:DISK,… --schedulers … --tiers … [--markdown FILE]
 *	table, failures, skips; the exit status is 1 when a cell failed or was not run
 */
#include <errno.h>
#include <string.h>

#include "ci/validate/cell.h"
#include "ci/validate/doctor.h"
#include "ci/validate/report.h"
#include "tracer/base/cleanup.h"
#include "tracer/tests/ground-place.h"

enum { OK = 0, FAILURES = 1, USAGE = 2, CANNOT = 4, BROKEN = 5 };

static int fail(int code, const char *what, const char *why)
{
	fprintf(stderr, "iopath-validate: %s: %s\n", what, why);
	return code;
}

/* -1, or the status to exit with. */
static int parse(const struct opt_table *table, int argc, char **argv, void *cfg, int *operand)
{
	struct opt_err err = {};
	int r = opt_parse(table, argc, argv, cfg, operand, &err);

	if (r == OPT_HELP) {
		opt_help(table, stdout);
		return OK;
	}
	return r ? fail(USAGE, table->command, err.msg) : -1;
}

static int put_line(json_t *line)
{
	int err;

	err = json_dumpf(line, stdout, JSON_COMPACT | JSON_REAL_PRECISION(6));
	putchar('\n');
	json_decref(line);
	err |= fflush(stdout);
	return err ? fail(BROKEN, "stdout", strerror(errno)) : OK;
}

/* ---- cells ---- */

struct cells_cfg {
	const char *kernel;
	struct opt_list disks, schedulers, tiers;
};

#define F(f) offsetof(struct cells_cfg, f)
static const struct opt cells_opts[] = {
	{ "kernel", 0, OPT_STR, F(kernel), "NAME", "as the lab names it, or native", 0, 0, NULL },
	{ "disks", 0, OPT_LIST, F(disks), "CLASS:PATH,...", "to use, and to write to", 0, 0, NULL },
	{ "schedulers", 0, OPT_LIST, F(schedulers), "NAME,...", "to set", 0, 0, NULL },
	{ "tiers", 0, OPT_LIST, F(tiers), "NAME,...", "to trace", 0, 0, NULL },
};
#undef F

static const struct opt_table cells_table = { "iopath-validate cells", "run cells of the matrix here", "", cells_opts,
					      ARRAY_SIZE(cells_opts) };

/* Those schedulers that are, or are not, the one with which every I/O is printed. */
static int run_part(const struct cells_cfg *cfg, const struct cell *c, bool records)
{
	struct cell part = *c;
	json_t *lines, *line;
	int status = OK;
	size_t i;

	part.records = records;
	for (size_t d = 0; d < part.nr_disks; d++) {
		struct cell_disk *disk = &part.disks[d];

		disk->nr_schedulers = 0;
		for (i = 0; i < cfg->schedulers.nr; i++)
			if (records == (c->records && !strcmp(cfg->schedulers.v[i], "mq-deadline")))
				disk->schedulers[disk->nr_schedulers++] = cfg->schedulers.v[i];
		if (!disk->nr_schedulers)
			return OK;
	}
	lines = cell_run(&part);
	json_array_foreach(lines, i, line)
		if (!status)
			status = put_line(json_incref(line));
	json_decref(lines);
	return status;
}

/* In the widest tier and with one scheduler, each I/O is looked at on its own, too. */
static int run_tiers(const struct cells_cfg *cfg, struct cell *c)
{
	int status = OK;

	for (size_t t = 0; t < cfg->tiers.nr && !status; t++) {
		c->tier = cfg->tiers.v[t];
		c->records = !strcmp(c->tier, "full");
		status = run_part(cfg, c, false);
		if (!status)
			status = run_part(cfg, c, true);
	}
	return status;
}

static int skip_all(const struct cells_cfg *cfg, const char *why)
{
	for (size_t d = 0; d < cfg->disks.nr; d++)
		for (size_t s = 0; s < cfg->schedulers.nr; s++)
			for (size_t t = 0; t < cfg->tiers.nr; t++) {
				const char *spec = cfg->disks.v[d];
				json_t *line = json_pack("{s:s, s:s, s:o, s:s, s:s, s:s, s:s}", "type", "cell", "kernel",
							 cfg->kernel, "disk",
							 json_sprintf("%.*s", (int)strcspn(spec, ":"), spec),
							 "scheduler", cfg->schedulers.v[s], "tier", cfg->tiers.v[t],
							 "verdict", "skip", "why", why);
				int status = put_line(line);

				if (status)
					return status;
			}
	return OK;
}

/* A disk that is not there leaves its cells without a result. */
static int run_cells(const struct cells_cfg *cfg)
{
	const char *no = place_ready();
	struct target disks[MAX_DISKS];
	struct cell c = { .kernel = cfg->kernel };
	int status = OK, missing = OK;

	if (no)
		return skip_all(cfg, no);
	c.doctor = doctor_ask();
	if (!c.doctor)
		return BROKEN;
	for (size_t i = 0; i < cfg->disks.nr; i++) {
		struct target *disk = &disks[c.nr_disks];
		int err = target_open(disk, cfg->disks.v[i]);

		if (err)
			missing = fail(CANNOT, cfg->disks.v[i], strerror(-err));
		else
			c.disks[c.nr_disks++].target = disk;
	}
	if (c.nr_disks)
		status = run_tiers(cfg, &c);
	for (size_t i = 0; i < c.nr_disks; i++)
		target_close(&disks[i]);
	json_decref(c.doctor);
	return status ? status : missing;
}

static int cells_main(int argc, char **argv)
{
	struct cells_cfg cfg = {};
	int operand, r = parse(&cells_table, argc, argv, &cfg, &operand);

	if (r < 0 && (operand < argc || !cfg.kernel || !cfg.disks.nr || !cfg.schedulers.nr || !cfg.tiers.nr))
		r = fail(USAGE, cells_table.command, "all four options are needed, and nothing else");
	if (r < 0 && (cfg.schedulers.nr > MAX_SCHEDULERS || cfg.disks.nr > MAX_DISKS))
		r = fail(USAGE, cells_table.command, "too many schedulers or disks");
	for (size_t i = 0; r < 0 && i < cfg.tiers.nr; i++)
		if (tier_rank(cfg.tiers.v[i]) < 0)
			r = fail(USAGE, cfg.tiers.v[i], "no such tier");
	if (r < 0)
		r = run_cells(&cfg);
	opt_list_free(&cfg.disks);
	opt_list_free(&cfg.schedulers);
	opt_list_free(&cfg.tiers);
	return r;
}

/* ---- doctor, digest ---- */

static int doctor_main(void)
{
	json_t *doctor = doctor_ask();

	return doctor ? put_line(doctor) : BROKEN;
}

static int digest_main(const char *path, bool patches)
{
	json_error_t e;
	json_t *doctor = json_load_file(path, 0, &e), *digest;

	if (!doctor)
		return fail(BROKEN, path, e.text);
	digest = doctor_digest(doctor, patches);
	json_dumpf(digest, stdout, JSON_INDENT(1));
	putchar('\n');
	json_decref(digest);
	json_decref(doctor);
	return fflush(stdout) ? fail(BROKEN, "stdout", strerror(errno)) : OK;
}

/* ---- report ---- */

struct report_opts {
	struct report_cfg cfg;
	const char *markdown;
};

#define F(f) offsetof(struct report_opts, f)
static const struct opt report_opts[] = {
	{ "dir", 0, OPT_STR, F(cfg.dir), "DIR", "with the results", 0, 0, NULL },
	{ "expect", 0, OPT_STR, F(cfg.expect), "DIR", "with what the doctor is expected to say", 0, 0, NULL },
	{ "command", 0, OPT_STR, F(cfg.command), "TEXT", "that made them, for the Markdown", 0, 0, NULL },
	{ "pairs", 0, OPT_LIST, F(cfg.pairs), "KERNEL:DISK,...", "that were to be run", 0, 0, NULL },
	{ "schedulers", 0, OPT_LIST, F(cfg.schedulers), "NAME,...", "likewise", 0, 0, NULL },
	{ "tiers", 0, OPT_LIST, F(cfg.tiers), "NAME,...", "likewise", 0, 0, NULL },
	{ "markdown", 0, OPT_STR, F(markdown), "FILE", "write it there, too", 0, 0, NULL },
};
#undef F

static const struct opt_table report_table = { "iopath-validate report", "what became of the cells", "", report_opts,
					       ARRAY_SIZE(report_opts) };

static int write_markdown(const struct report *r, const char *path)
{
	_cleanup_fclose_ FILE *f = fopen(path, "we");

	if (!f)
		return fail(BROKEN, path, strerror(errno));
	report_print_markdown(r, f);
	return fflush(f) ? fail(BROKEN, path, strerror(errno)) : OK;
}

static int report(const struct report_opts *o)
{
	struct report r;
	int status = OK, err = report_read(&r, &o->cfg);

	if (err)
		return fail(BROKEN, o->cfg.dir, strerror(-err));
	if (o->markdown)
		status = write_markdown(&r, o->markdown);
	report_print(&r, stdout);
	if (!status)
		status = r.failed || !r.passed ? FAILURES : OK;
	report_release(&r);
	return status;
}

static int report_main(int argc, char **argv)
{
	struct report_opts o = { .cfg.command = "make validate" };
	int operand, r = parse(&report_table, argc, argv, &o, &operand);

	if (r < 0 && (operand < argc || !o.cfg.dir || !o.cfg.pairs.nr || !o.cfg.schedulers.nr != !o.cfg.tiers.nr))
		r = fail(USAGE, report_table.command, "--dir, --pairs, and --schedulers with --tiers are needed");
	if (r < 0)
		r = report(&o);
	opt_list_free(&o.cfg.pairs);
	opt_list_free(&o.cfg.schedulers);
	opt_list_free(&o.cfg.tiers);
	return r;
}

int main(int argc, char **argv)
{
	const char *verb = argc > 1 ? argv[1] : "";

	if (!strcmp(verb, "cells"))
		return cells_main(argc - 1, argv + 1);
	if (!strcmp(verb, "report"))
		return report_main(argc - 1, argv + 1);
	if (!strcmp(verb, "doctor") && argc == 2)
		return doctor_main();
	if (!strcmp(verb, "digest") && (argc == 3 || (argc == 4 && !strcmp(argv[3], "--release"))))
		return digest_main(argv[2], argc == 3);
	return fail(USAGE, "usage", "cells|report OPTIONS (--help), doctor, digest FILE [--release]");
}
