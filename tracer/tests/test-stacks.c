/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Names of addresses, of the kernel and of this process; stacks in their folded form. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "tracer/base/cleanup.h"
#include "tracer/base/test.h"
#include "tracer/stacks.h"

__attribute__((noinline)) static int a_function_of_ours(int x)
{
	__asm__ volatile("" : "+r"(x));
	return x + 1;
}

TEST(a_symbol_of_this_process)
{
	char name[SYMBOL_LEN];
	struct symbols *s;
	u64 address = (u64)a_function_of_ours;
	int on_the_stack = a_function_of_ours(1);

	CU_ASSERT(!symbols_new(&s));
	/* not known yet: it may be anything */
	CU_ASSERT(symbols_may_be_code(s, (u32)getpid(), (u64)&on_the_stack));
	CU_ASSERT(!strncmp(symbols_user(s, (u32)getpid(), address + 1, name), "0x", 2));
	ASSERT_EQ(symbols_see(s, (u32)getpid()), 0);
	ASSERT_STR(symbols_user(s, (u32)getpid(), address + 1, name), "a_function_of_ours");
	CU_ASSERT(symbols_may_be_code(s, (u32)getpid(), address));
	CU_ASSERT(!symbols_may_be_code(s, (u32)getpid(), (u64)&on_the_stack));
	CU_ASSERT(!strncmp(symbols_user(s, (u32)getpid(), (u64)&on_the_stack, name), "0x", 2));
	symbols_free(s);
}

TEST(a_process_that_has_gone)
{
	char name[SYMBOL_LEN];
	struct symbols *s;
	pid_t pid = fork();

	if (!pid)
		_exit(0);
	waitpid(pid, NULL, 0);
	CU_ASSERT(!symbols_new(&s));
	ASSERT_EQ(symbols_see(s, (u32)pid), -ESRCH);
	ASSERT_STR(symbols_user(s, (u32)pid, 0x1234, name), "0x1234");
	symbols_free(s);
}

TEST(a_file_that_is_no_program)
{
	struct symbol_table t = { 0 };

	ASSERT_EQ(symbol_table_read_elf(&t, "Makefile"), -ENOEXEC);
	ASSERT_EQ(symbol_table_read_elf(&t, "/nonexistent"), -ENOENT);
	symbol_table_free(&t);
}

static void put(struct stacks *st, u64 sum_ns, u64 count, const char *comm, const u64 *kernel, const u64 *user)
{
	struct stack_key key = { .kernel = 1, .user = 2, .dev = 4000u << 20 | 7, .class = WHO_WRITE };
	struct stack_stats s = { .count = count, .sum_ns = sum_ns };

	snprintf(s.comm, sizeof(s.comm), "%s", comm);
	CU_ASSERT(!stacks_put(st, &key, &s, kernel, user));
}

static char *folded(struct stacks *st, enum folded_weight weight)
{
	char *text;
	size_t len;
	FILE *f = open_memstream(&text, &len);

	CU_ASSERT(!stacks_folded(st, f, weight));
	fclose(f);
	return text;
}

TEST(folded_lines)
{
	static const u64 kernel[WHO_STACK_FRAMES] = { 3, 2, 1 }, user[WHO_STACK_FRAMES] = { 5, 4 };
	_cleanup_free_ char *time = NULL, *count = NULL, *with_user = NULL;
	struct stacks st = { 0 };

	CU_ASSERT(!symbols_new(&st.symbols));
	put(&st, 100, 9, "a; b", kernel, NULL);
	put(&st, 300, 2, "db", NULL, user);
	stacks_sort(&st);
	time = folded(&st, FOLDED_TIME);
	ASSERT_STR(time, "4000:7;write;0x4;0x5;[lost] 300\n4000:7;write;0x1;0x2;0x3 100\n");
	count = folded(&st, FOLDED_COUNT);
	ASSERT_STR(count, "4000:7;write;0x4;0x5;[lost] 2\n4000:7;write;0x1;0x2;0x3 9\n");
	st.with_user = true;
	with_user = folded(&st, FOLDED_COUNT);
	ASSERT_STR(with_user, "db;4000:7;write;0x4;0x5;[lost] 2\na:_b;4000:7;write;0x1;0x2;0x3 9\n");
	stacks_free(&st);
}

TEST_MAIN("stacks", T(a_symbol_of_this_process),
	  T(a_process_that_has_gone), T(a_file_that_is_no_program), T(folded_lines))
