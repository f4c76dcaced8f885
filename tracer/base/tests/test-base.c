/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdlib.h>

#include "tracer/base/opt.h"
#include "tracer/base/parse.h"
#include "tracer/base/test.h"

struct row {
	const char *text;
	int err;
	uint64_t value;
};

static void check_rows(int (*parse)(const char *, uint64_t *), const struct row *rows, size_t nr)
{
	for (size_t i = 0; i < nr; i++) {
		uint64_t v = 42;
		int err = parse(rows[i].text, &v);

		if (err != rows[i].err)
			printf("    \"%s\": %d\n", rows[i].text, err);
		CU_ASSERT(err == rows[i].err);
		/* out-parameters are written on success alone */
		ASSERT_EQ(v, rows[i].err ? 42 : rows[i].value);
	}
}

TEST(durations)
{
	static const struct row rows[] = {
		{ "0", 0, 0 },
		{ "1ns", 0, 1 },
		{ "250us", 0, 250000 },
		{ "1.5ms", 0, 1500000 },
		{ "2s", 0, 2000000000 },
		{ "3m", 0, 180000000000 },
		{ "1h", 0, 3600000000000 },
		{ "5", -EINVAL, 0 },
		{ "", -EINVAL, 0 },
		{ "ms", -EINVAL, 0 },
		{ "-1ms", -EINVAL, 0 },
		{ " 1ms", -EINVAL, 0 },
		{ "1 ms", -EINVAL, 0 },
		{ "1msx", -EINVAL, 0 },
		{ "0x10ns", -EINVAL, 0 },
		{ "nan", -EINVAL, 0 },
		{ "inf", -EINVAL, 0 },
		{ "1e30s", -ERANGE, 0 },
		{ "1e999s", -ERANGE, 0 },
	};
	check_rows(parse_duration_ns, rows, sizeof(rows) / sizeof(rows[0]));
}

TEST(sizes)
{
	static const struct row rows[] = {
		{ "4096", 0, 4096 },	    { "4k", 0, 4096 },
		{ "4KiB", 0, 4096 },	    { "4kB", 0, 4096 },
		{ "1M", 0, 1 << 20 },	    { "1G", 0, 1 << 30 },
		{ "2T", 0, 1ull << 41 },    { "1.5k", 0, 1536 },
		{ "4kk", -EINVAL, 0 },	    { "4X", -EINVAL, 0 },
		{ "k", -EINVAL, 0 },	    { "4KiBs", -EINVAL, 0 },
		{ "99999999T", -ERANGE, 0 },
	};
	check_rows(parse_size_bytes, rows, sizeof(rows) / sizeof(rows[0]));
}

TEST(whole_numbers)
{
	static const struct row rows[] = {
		{ "0", 0, 0 },
		{ "18446744073709551615", 0, UINT64_MAX },
		{ "18446744073709551616", -ERANGE, 0 },
		{ "-1", -EINVAL, 0 },
		{ "+1", -EINVAL, 0 },
		{ "1a", -EINVAL, 0 },
	};
	check_rows(parse_u64, rows, sizeof(rows) / sizeof(rows[0]));
}

TEST(texts_of_durations)
{
	char b[32];

	ASSERT_STR(fmt_duration(0, b, sizeof(b)), "0ns");
	ASSERT_STR(fmt_duration(999, b, sizeof(b)), "999ns");
	ASSERT_STR(fmt_duration(1000, b, sizeof(b)), "1.00us");
	ASSERT_STR(fmt_duration(18420, b, sizeof(b)), "18.4us");
	ASSERT_STR(fmt_duration(999999, b, sizeof(b)), "1.00ms");
	ASSERT_STR(fmt_duration(2500000000, b, sizeof(b)), "2.50s");
	ASSERT_STR(fmt_size(4096, b, sizeof(b)), "4.00KiB");
}

struct cfg {
	bool flag;
	uint64_t n, dur_ns, size;
	double pct;
	const char *s, *named, *perhaps;
	struct opt_list list;
	int even;
};

static int parse_even(const char *arg, void *field, struct opt_err *err)
{
	int v = atoi(arg);

	if (v % 2) {
		snprintf(err->msg, sizeof(err->msg), "is odd");
		return -EINVAL;
	}
	*(int *)field = v;
	return 0;
}

#define F(f) offsetof(struct cfg, f)
static const struct opt opts[] = {
	{ "flag", 'f', OPT_FLAG, F(flag), NULL, "a flag", 0, 0, NULL },
	{ "count", 'n', OPT_U64, F(n), "N", "a number", 1, 10, NULL },
	{ "time", 0, OPT_DURATION, F(dur_ns), "DUR", "a time", 1e6, 1e9, NULL },
	{ "size", 0, OPT_SIZE, F(size), "SIZE", "a size", 0, 0, NULL },
	{ "percent", 0, OPT_DOUBLE, F(pct), "P", "a share", 0, 100, NULL },
	{ "text", 0, OPT_STR, F(s), "S", "a text", 0, 0, NULL },
	{ "list", 0, OPT_LIST, F(list), "A,B", "a list", 0, 0, NULL },
	{ "even", 0, OPT_PARSE, F(even), "E", "an even number", 0, 0, parse_even },
	{ "named", 0, OPT_STR, F(named), "[NAME=]S", "a text, perhaps of something", 0, 0, NULL },
	{ "perhaps", 0, OPT_STR, F(perhaps), "[=S]", "with a text or without", 0, 0, NULL },
};
static const struct opt_table table = { "prog cmd", "does it", "[FILE]", opts,
					sizeof(opts) / sizeof(opts[0]) };

static int run(struct cfg *c, struct opt_err *err, int *ret_operand, char **argv)
{
	int argc = 0;

	*c = (struct cfg){ 0 };
	*ret_operand = -1;
	while (argv[argc])
		argc++;
	return opt_parse(&table, argc, argv, c, ret_operand, err);
}
#define RUN(...) run(&c, &err, &operand, (char *[]){ "cmd", __VA_ARGS__, NULL })

TEST(options)
{
	struct opt_err err;
	struct cfg c;
	int operand;

	CU_ASSERT(!opt_table_fault(&table));
	ASSERT_EQ(RUN("-f", "--count=7", "--time", "2ms", "--list", "a,b", "--list=c", "x"), 0);
	ASSERT_EQ(operand, 8);
	ASSERT_TRUE(c.flag);
	ASSERT_EQ(c.n, 7);
	ASSERT_EQ(c.dur_ns, 2000000);
	ASSERT_EQ(c.list.nr, 3);
	ASSERT_STR(c.list.v[2], "c");
	opt_list_free(&c.list);
	ASSERT_EQ(RUN("-n3", "--", "--count"), 0);
	ASSERT_EQ(operand, 3);
	ASSERT_EQ(RUN("--help"), OPT_HELP);
}

/* In brackets the whole argument may be left out, or a part of it. */
TEST(arguments_that_may_be_left_out)
{
	struct opt_err err;
	struct cfg c;
	int operand;

	ASSERT_EQ(RUN("--perhaps", "--named", "a=b", "x"), 0);
	ASSERT_STR(c.perhaps, "");
	ASSERT_STR(c.named, "a=b");
	ASSERT_EQ(operand, 4);
	ASSERT_EQ(RUN("--perhaps=y"), 0);
	ASSERT_STR(c.perhaps, "y");
	ASSERT_EQ(RUN("--named"), -EINVAL);
}

TEST(bad_options_name_themselves)
{
	struct opt_err err;
	struct cfg c;
	int operand;

	CU_ASSERT(RUN("--nope") == -EINVAL);
	ASSERT_STR(err.msg, "unknown option --nope");
	CU_ASSERT(RUN("-z") == -EINVAL);
	CU_ASSERT(RUN("--count") == -EINVAL);
	ASSERT_STR(err.msg, "--count needs N");
	CU_ASSERT(RUN("--count", "11") == -ERANGE);
	ASSERT_STR(err.msg, "--count 11: out of range 1 to 10");
	CU_ASSERT(RUN("--count", "x") == -EINVAL);
	ASSERT_STR(err.msg, "--count x: not a whole number");
	CU_ASSERT(RUN("--time", "5s") == -ERANGE);
	ASSERT_STR(err.msg, "--time 5s: out of range 1.00ms to 1.00s");
	CU_ASSERT(RUN("--flag=1") == -EINVAL);
	CU_ASSERT(RUN("--list", "a,,b") == -EINVAL);
	opt_list_free(&c.list);
	CU_ASSERT(RUN("--even", "3") == -EINVAL);
	ASSERT_STR(err.msg, "--even 3: is odd");
	CU_ASSERT(operand == -1);
}

TEST_MAIN("base", T(durations), T(sizes), T(whole_numbers), T(texts_of_durations), T(options), T(arguments_that_may_be_left_out),
	  T(bad_options_name_themselves))
