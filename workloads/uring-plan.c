/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "uring-plan.h"

#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SIZEOF_ARRAY(a) (sizeof(a) / sizeof((a)[0]))
#define NS_PER_S 1000000000ull

static const char *const mix_names[] = { "read", "write", "readwrite", NULL };
static const char *const pattern_names[] = { "random", "sequential", NULL };

const char *plan_mix_name(enum uring_mix mix)
{
	return mix_names[mix];
}

bool plan_writes(const struct plan *p)
{
	return p->mix != MIX_READ || p->layout;
}

uint64_t plan_share(const struct plan *p, uint64_t job)
{
	return p->count / p->jobs + (job < p->count % p->jobs);
}

enum kind { FLAG, NUMBER, BYTES, DURATION, REAL, TEXT, MIX, PATTERN };

/* One row gives parsing, bounds, --help and the man page. */
struct row {
	const char *name, *arg, *help;
	enum kind kind;
	size_t at;
	double min, max;
};

#define AT(f) offsetof(struct plan, f)
static const struct row rows[] = {
	{ "target", "PATH", "file or block device; a device that is mounted or held is not written to", TEXT, AT(target), 0, 0 },
	{ "op", "OP", "read, write or readwrite (default read)", MIX, AT(mix), 0, 0 },
	{ "read-pct", "PCT", "share of reads in readwrite (default 50)", NUMBER, AT(read_pct), 1, 99 },
	{ "pattern", "P", "random or sequential; sequential jobs share the range out among them (default random)", PATTERN,
	  AT(sequential), 0, 0 },
	{ "block-size", "SIZE", "of each read and write (default 4k)", BYTES, AT(block_bytes), 1, 1 << 30 },
	{ "offset", "SIZE", "where the range begins (default 0)", BYTES, AT(offset_bytes), 0, 0x1p62 },
	{ "size", "SIZE", "of the range (default to the target's end)", BYTES, AT(size_bytes), 1, 0x1p62 },
	{ "direct", NULL, "O_DIRECT", FLAG, AT(direct), 0, 0 },
	{ "jobs", "N", "threads, each with a ring of its own (default 1)", NUMBER, AT(jobs), 1, 1024 },
	{ "depth", "N", "most in flight per job (default 1)", NUMBER, AT(depth), 1, 4096 },
	{ "batch", "N", "submitted and waited for by one call; at a rate, that many are due at once (default 1)", NUMBER,
	  AT(batch), 1, 4096 },
	{ "rate", "IOPS", "open loop: so many reads and writes are due per second, all jobs together (default: closed loop)",
	  REAL, AT(rate_iops), 1e-3, 1e9 },
	{ "runtime", "DUR", "begin nothing after it", DURATION, AT(runtime_ns), 1, 0x1p62 },
	{ "count", "N", "exactly so many reads and writes, all jobs together; with --runtime, whichever is first", NUMBER,
	  AT(count), 1, 0x1p53 },
	{ "fsync-every", "N", "an fsync behind every N writes of a job (default none)", NUMBER, AT(fsync_every), 1, 0x1p53 },
	{ "fdatasync", NULL, "fdatasync in place of fsync", FLAG, AT(fdatasync), 0, 0 },
	{ "sqpoll", NULL, "a kernel thread submits (IORING_SETUP_SQPOLL)", FLAG, AT(sqpoll), 0, 0 },
	{ "sqpoll-idle", "MS", "that thread sleeps after so long without work (default 100)", NUMBER, AT(sqpoll_idle_ms), 1,
	  1e6 },
	{ "iopoll", NULL, "completions are polled for (IORING_SETUP_IOPOLL); needs --direct", FLAG, AT(iopoll), 0, 0 },
	{ "defer-taskrun", NULL, "completions are worked on when asked for (IORING_SETUP_DEFER_TASKRUN)", FLAG,
	  AT(defer_taskrun), 0, 0 },
	{ "fixed-files", NULL, "the file is registered", FLAG, AT(fixed_files), 0, 0 },
	{ "fixed-buffers", NULL, "the buffers are registered", FLAG, AT(fixed_buffers), 0, 0 },
	{ "max-errors", "N", "stop after so many failed I/Os (default 1000)", NUMBER, AT(max_errors), 1, 0x1p53 },
	{ "seed", "N", "of offsets, of the mix and of what is written (default 1)", NUMBER, AT(seed), 0, 0x1p53 },
	{ "layout", NULL, "write the range once, create the file for it, and do nothing else", FLAG, AT(layout), 0, 0 },
	{ "held", NULL, "the caller holds the device exclusively (O_EXCL), as iopath-bench does: it is not asked for again",
	  FLAG, AT(held), 0, 0 },
	{ "check", NULL, "look at the options only, and do nothing", FLAG, AT(check), 0, 0 },
	{ "output", "FILE", "for the JSON (default stdout)", TEXT, AT(output), 0, 0 },
};

enum { OPT_HELP = 1000, OPT_VERSION, OPT_MDOC };

static int refuse(const char *what, const char *value, const char *why)
{
	fprintf(stderr, "iopath-uring: %s%s%s: %s\n", what, *value ? " " : "", value, why);
	return URING_USAGE;
}

struct unit {
	const char *name;
	double factor;
};

static const struct unit plain[] = { { "", 1 }, {} };
static const struct unit sizes[] = { { "", 1 },	      { "k", 0x1p10 }, { "K", 0x1p10 }, { "m", 0x1p20 },
				     { "M", 0x1p20 }, { "g", 0x1p30 }, { "G", 0x1p30 }, { "T", 0x1p40 }, {} };
static const struct unit times[] = { { "ns", 1 }, { "us", 1e3 }, { "ms", 1e6 }, { "s", 1e9 }, { "m", 60e9 }, {} };

static const struct {
	const struct unit *units;
	const char *wanted;
} kinds[] = {
	[NUMBER] = { plain, "not a whole number" },
	[BYTES] = { sizes, "not a size like 4k" },
	[DURATION] = { times, "not a duration like 5s" },
	[REAL] = { plain, "not a number" },
};

/* -EINVAL: rubbish; -ERANGE. */
static int parse_real(const struct row *r, const char *text, double *ret)
{
	const struct unit *u = kinds[r->kind].units;
	char *end;
	double v;

	if (strspn(text, "0123456789.") == 0)
		return -EINVAL;
	v = strtod(text, &end);
	while (u->name && strcmp(u->name, end))
		u++;
	if (!u->name)
		return -EINVAL;
	v *= u->factor;
	if (r->kind != REAL && r->kind != DURATION && v != floor(v))
		return -EINVAL;
	if (!(v >= r->min && v <= r->max))
		return -ERANGE;
	*ret = v;
	return 0;
}

static int take_name(const struct row *r, const char *const *names, const char *text)
{
	for (int i = 0; names[i]; i++)
		if (!strcmp(names[i], text))
			return i;
	if (r->kind == MIX)
		refuse("--op", text, "not one of read, write, readwrite");
	else
		refuse("--pattern", text, "neither random nor sequential");
	return -1;
}

static int take_number(struct plan *p, const struct row *r, const char *text)
{
	char name[32];
	double v = 0;
	int err = parse_real(r, text, &v);

	snprintf(name, sizeof(name), "--%s", r->name);
	if (err)
		return refuse(name, text, err == -ERANGE ? "out of range" : kinds[r->kind].wanted);
	if (r->kind == REAL)
		*(double *)((char *)p + r->at) = v;
	else
		*(uint64_t *)((char *)p + r->at) = (uint64_t)v;
	return -1;
}

static int take(struct plan *p, const struct row *r, const char *text)
{
	void *field = (char *)p + r->at;
	int i;

	switch (r->kind) {
	case FLAG:
		*(bool *)field = true;
		return -1;
	case TEXT:
		*(const char **)field = text;
		return -1;
	case MIX:
		i = take_name(r, mix_names, text);
		p->mix = i < 0 ? p->mix : (enum uring_mix)i;
		return i < 0 ? URING_USAGE : -1;
	case PATTERN:
		i = take_name(r, pattern_names, text);
		p->sequential = i == 1;
		return i < 0 ? URING_USAGE : -1;
	default:
		return take_number(p, r, text);
	}
}

static void help(void)
{
	puts("usage: iopath-uring --target PATH --runtime DUR|--count N [OPTION]...\n"
	     "Do I/O through io_uring, check every completion, print what was done as one JSON object.\n");
	for (size_t i = 0; i < SIZEOF_ARRAY(rows); i++) {
		char left[48];

		snprintf(left, sizeof(left), "--%s%s%s", rows[i].name, rows[i].arg ? " " : "", rows[i].arg ? rows[i].arg : "");
		printf("  %-20s %s\n", left, rows[i].help);
	}
	puts("\nAt a rate, latencies count from the time at which an I/O was due, not from when it was issued.\n"
	     "Exit status: 0 all done, 1 an I/O failed, 2 usage, 77 this kernel or device does not offer it,\n"
	     "128 + N after signal N.");
}

/* The rows of the man page, in mdoc(7). */
static void mdoc(void)
{
	puts(".Bl -tag -width indent");
	for (size_t i = 0; i < SIZEOF_ARRAY(rows); i++)
		printf(".It Fl -%s%s%s\n%s.\n", rows[i].name, rows[i].arg ? " Ar " : "", rows[i].arg ? rows[i].arg : "",
		       rows[i].help);
	puts(".El");
}

static int check_loop(const struct plan *p)
{
	if (p->batch > p->depth)
		return refuse("--batch", "", "larger than the depth");
	if (p->layout)
		return -1;
	if (!p->runtime_ns && !p->count)
		return refuse("--runtime", "", "this or --count must be given");
	if (p->count && p->jobs > p->count)
		return refuse("--jobs", "", "more than I/Os");
	if (p->fsync_every && p->mix == MIX_READ)
		return refuse("--fsync-every", "", "nothing is written");
	if (p->fdatasync && !p->fsync_every)
		return refuse("--fdatasync", "", "needs --fsync-every");
	return -1;
}

static int check_modes(const struct plan *p)
{
	if (p->iopoll && !p->direct)
		return refuse("--iopoll", "", "needs --direct");
	if (p->iopoll && p->fsync_every)
		return refuse("--fsync-every", "", "io_uring has no fsync on a ring that polls (--iopoll)");
	if (p->sqpoll && p->defer_taskrun)
		return refuse("--defer-taskrun", "", "io_uring does not have it together with --sqpoll");
	if (p->direct && p->block_bytes % 512)
		return refuse("--block-size", "", "direct I/O needs a multiple of 512");
	return -1;
}

static int check_plan(const struct plan *p)
{
	int status = p->target ? check_loop(p) : refuse("--target", "", "must be given");

	if (status == -1)
		status = check_modes(p);
	if (status == -1 && p->layout && !p->size_bytes)
		return refuse("--layout", "", "needs --size");
	return status;
}

static void build_options(struct option *o)
{
	for (size_t i = 0; i < SIZEOF_ARRAY(rows); i++)
		*o++ = (struct option){ rows[i].name, rows[i].kind == FLAG ? no_argument : required_argument, NULL, (int)i + 1 };
	*o++ = (struct option){ "help", no_argument, NULL, OPT_HELP };
	*o++ = (struct option){ "version", no_argument, NULL, OPT_VERSION };
	*o++ = (struct option){ "mdoc", no_argument, NULL, OPT_MDOC };
	*o = (struct option){};
}

int plan_parse(struct plan *p, int argc, char **argv)
{
	struct option options[SIZEOF_ARRAY(rows) + 4];
	int c, status;

	*p = (struct plan){ .read_pct = 50, .block_bytes = 4096, .jobs = 1, .depth = 1, .batch = 1, .sqpoll_idle_ms = 100,
			    .max_errors = 1000, .seed = 1 };
	build_options(options);
	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c == OPT_HELP)
			return help(), 0;
		if (c == OPT_VERSION)
			return puts("iopath-uring " IOPATH_VERSION), 0;
		if (c == OPT_MDOC)
			return mdoc(), 0;
		status = c == '?' ? URING_USAGE : take(p, &rows[c - 1], optarg);
		if (status != -1)
			return status;
	}
	if (optind < argc)
		return refuse("operand", argv[optind], "not wanted");
	return check_plan(p);
}
