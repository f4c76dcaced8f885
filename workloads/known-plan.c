/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <getopt.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "known-engine.h"
#include "known-plan.h"

static const char *const op_names[KNOWN_NR_OPS] = {
	[KNOWN_READ] = "read",		 [KNOWN_WRITE] = "write", [KNOWN_FSYNC] = "fsync",
	[KNOWN_FDATASYNC] = "fdatasync", [KNOWN_MSYNC] = "msync", [KNOWN_DISCARD] = "discard",
};

static const char *const mix_names[] = { "read", "write", "randrw" };

const char *known_op_name(enum known_op op)
{
	return op_names[op];
}

/* splitmix64: a value that depends on nothing but the seed and the index. */
static uint64_t scramble(uint64_t seed, uint64_t index)
{
	uint64_t z = seed + (index + 1) * 0x9e3779b97f4a7c15u;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

static enum known_op plan_op(const struct plan *p, uint64_t index)
{
	switch (p->mix) {
	case PLAN_READ:
		return KNOWN_READ;
	case PLAN_WRITE:
		return KNOWN_WRITE;
	default:
		return scramble(p->seed, index) & 1 ? KNOWN_WRITE : KNOWN_READ;
	}
}

struct io plan_io(const struct plan *p, uint64_t index)
{
	return (struct io){
		.index = index,
		.op = plan_op(p, index),
		.offset = p->offset + index * p->step,
		.bytes = p->size,
	};
}

struct io plan_discard(const struct plan *p, uint64_t index)
{
	struct io io = plan_io(p, index);

	io.op = KNOWN_DISCARD;
	return io;
}

uint64_t plan_end(const struct plan *p)
{
	uint64_t n = p->count > p->discards ? p->count : p->discards;

	return n ? p->offset + (n - 1) * p->step + p->size : 0;
}

bool plan_writes(const struct plan *p)
{
	return p->mix != PLAN_READ || p->discards;
}

uint64_t plan_share(const struct plan *p, uint64_t thread, uint64_t *first)
{
	uint64_t each = p->count / p->threads, rest = p->count % p->threads;

	*first = thread * each + (thread < rest ? thread : rest);
	return each + (thread < rest);
}

struct unit {
	const char *name;
	uint64_t factor;
};

static const struct unit plain[] = { { "", 1 }, {} };
static const struct unit bytes[] = { { "", 1 },	       { "k", 1 << 10 }, { "K", 1 << 10 },
				     { "m", 1 << 20 }, { "M", 1 << 20 }, { "g", 1 << 30 },
				     { "G", 1 << 30 }, {} };
static const struct unit times[] = {
	{ "ns", 1 }, { "us", 1000 }, { "ms", 1000000 }, { "s", 1000000000 }, {}
};

struct number {
	const char *name;
	size_t at;		/* offset of the uint64_t in struct plan */
	const struct unit *units;
	uint64_t min, max;
};

#define AT(field) offsetof(struct plan, field)
static const struct number numbers[] = {
	{ "count", AT(count), plain, 0, UINT32_MAX },
	{ "size", AT(size), bytes, 1, 1 << 30 },
	{ "offset", AT(offset), bytes, 0, INT64_MAX },
	{ "offset-step", AT(step), bytes, 1, INT64_MAX },
	{ "seed", AT(seed), plain, 0, UINT64_MAX },
	{ "fsync-every", AT(fsync_every), plain, 0, UINT32_MAX },
	{ "depth", AT(depth), plain, 1, 4096 },
	{ "batch", AT(batch), plain, 1, 4096 },
	{ "threads", AT(threads), plain, 1, 1024 },
	{ "discard", AT(discards), plain, 0, UINT32_MAX },
	{ "sleep-between", AT(sleep_ns), times, 0, 3600ull * 1000000000 },
	{},
};

struct flag {
	const char *name;
	size_t at;		/* offset of the bool */
};

static const struct flag flags[] = {
	{ "direct", AT(direct) },
	{ "fdatasync", AT(fdatasync) },
	{ "cold", AT(cold) },
	{ "no-readahead", AT(no_readahead) },
	{ "wait", AT(wait) },
	{ "list", AT(list) },
	{},
};

static const struct option words[] = {
	{ "target", required_argument, NULL, 't' },
	{ "engine", required_argument, NULL, 'e' },
	{ "op", required_argument, NULL, 'o' },
	{ "contiguous", no_argument, NULL, 'c' },
	{ "help", no_argument, NULL, 'h' },
};

enum { OPT_NUMBER = 256, OPT_FLAG = 512, MAX_OPTIONS = 32 };

static const char usage[] =
	"known-count --target PATH [options]: do an exact number of I/Os, print what was done\n"
	"  --target PATH      file or block device; a file that is written to is created\n"
	"  --engine NAME      psync (default), pread (the same), sync, readv, preadv2, mmap, libaio,\n"
	"                     io_uring, io_uring_punt, io_uring_fixed, sqpoll, iopoll\n"
	"  --op OP            read (default), write, randrw\n"
	"  --count N          reads and writes over all threads (default 1009)\n"
	"  --size BYTES       of each (default 4k)\n"
	"  --offset BYTES     of the first (default 0)\n"
	"  --offset-step BYTES  from one to the next (default twice the size: they do not merge)\n"
	"  --contiguous       the step is the size\n"
	"  --direct           O_DIRECT\n"
	"  --fsync-every K    after every K writes of a thread, through the same interface (mmap: msync)\n"
	"  --fdatasync        fdatasync in place of fsync\n"
	"  --depth D          in flight at once, asynchronous engines (default 1)\n"
	"  --batch B          submitted by one call (default 1)\n"
	"  --threads T        (default 1)\n"
	"  --seed N           decides which I/Os of randrw are writes (default 1)\n"
	"  --discard N        then N discards of the size, at the same offsets (BLKDISCARD)\n"
	"  --sleep-between DUR  before each submission; ns, us, ms or s\n"
	"  --cold             drop the target's clean cached pages first\n"
	"  --no-readahead     POSIX_FADV_RANDOM\n"
	"  --wait             say \"known-count: ready PID\" on stderr and start on SIGUSR1\n"
	"  --list             every I/O in the manifest\n"
	"The manifest is one JSON object on stdout. Exit status: 0 all done, 1 an I/O failed, 2 usage,\n"
	"77 this kernel or device does not offer it.\n";

static int refuse(const char *what, const char *value, const char *why)
{
	fprintf(stderr, "known-count: %s%s%s: %s\n", what, *value ? " " : "", value, why);
	return KNOWN_USAGE;
}

static int parse_number(const struct number *n, const char *text, uint64_t *ret)
{
	const struct unit *u = n->units;
	unsigned long long v;
	char *end;

	if (*text < '0' || *text > '9')
		return -EINVAL;
	errno = 0;
	v = strtoull(text, &end, 10);
	while (u->name && strcmp(u->name, end))
		u++;
	if (!u->name)
		return -EINVAL;
	if (errno || __builtin_mul_overflow(v, u->factor, &v) || v < n->min || v > n->max)
		return -ERANGE;
	*ret = v;
	return 0;
}

static int take_number(struct plan *p, const struct number *n, const char *text)
{
	char name[32];
	int err = parse_number(n, text, (uint64_t *)((char *)p + n->at));

	snprintf(name, sizeof(name), "--%s", n->name);
	if (err == -ERANGE)
		return refuse(name, text, "out of range");
	if (err)
		return refuse(name, text, n->units == times ? "not a duration like 5ms" : "not a number");
	return -1;
}

static int take_mix(struct plan *p, const char *text)
{
	for (unsigned int i = 0; i < sizeof(mix_names) / sizeof(mix_names[0]); i++)
		if (!strcmp(mix_names[i], text)) {
			p->mix = i;
			return -1;
		}
	return refuse("--op", text, "not one of read, write, randrw");
}

static int take_word(struct plan *p, int c)
{
	switch (c) {
	case 't':
		p->target = optarg;
		return -1;
	case 'e':
		p->engine = engine_find(optarg);
		return p->engine ? -1 : refuse("--engine", optarg, "no such engine");
	case 'o':
		return take_mix(p, optarg);
	case 'c':
		p->step = UINT64_MAX;
		return -1;
	case 'h':
		fputs(usage, stdout);
		return 0;
	default:
		return KNOWN_USAGE; /* getopt has said why */
	}
}

static int take_option(struct plan *p, int c)
{
	if (c >= OPT_FLAG) {
		*(bool *)((char *)p + flags[c - OPT_FLAG].at) = true;
		return -1;
	}
	if (c >= OPT_NUMBER)
		return take_number(p, &numbers[c - OPT_NUMBER], optarg);
	return take_word(p, c);
}

static void build_options(struct option *o)
{
	memcpy(o, words, sizeof(words));
	o += sizeof(words) / sizeof(words[0]);
	for (int i = 0; numbers[i].name; i++)
		*o++ = (struct option){ numbers[i].name, required_argument, NULL, OPT_NUMBER + i };
	for (int i = 0; flags[i].name; i++)
		*o++ = (struct option){ flags[i].name, no_argument, NULL, OPT_FLAG + i };
	*o = (struct option){};
}

static int check_plan(struct plan *p)
{
	uint64_t n = p->count > p->discards ? p->count : p->discards, end;

	if (!p->target)
		return refuse("--target", "", "must be given");
	if (!n)
		return refuse("--count", "0", "nothing to do");
	if (!p->step)
		p->step = 2 * p->size;
	if (p->step == UINT64_MAX)
		p->step = p->size;
	if (p->step < p->size)
		return refuse("--offset-step", "", "less than the size: I/Os would overlap");
	if (__builtin_mul_overflow(n, p->step, &end) || __builtin_add_overflow(end, p->offset, &end) ||
	    end > INT64_MAX)
		return refuse("--count", "", "the last offset is out of range");
	if (p->batch > p->depth)
		return refuse("--batch", "", "larger than the depth");
	if (p->threads > p->count && p->count)
		return refuse("--threads", "", "more than I/Os");
	if (p->direct && p->size % 512)
		return refuse("--size", "", "direct I/O needs a multiple of 512");
	return engine_check(p);
}

int plan_parse(struct plan *p, int argc, char **argv)
{
	struct option options[MAX_OPTIONS];
	int c, status;

	*p = (struct plan){
		.engine = engine_find("psync"),
		.count = 1009,
		.size = 4096,
		.seed = 1,
		.depth = 1,
		.batch = 1,
		.threads = 1,
	};
	build_options(options);
	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		status = take_option(p, c);
		if (status != -1)
			return status;
	}
	if (optind < argc)
		return refuse("operand", argv[optind], "not wanted");
	return check_plan(p);
}
