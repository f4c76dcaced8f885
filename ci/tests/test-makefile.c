/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a build from nothing needs of every rule, whichever make carries out first.
 */
#include <jansson.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "tracer/base/cleanup.h"
#include "tracer/base/test.h"

#define NOWHERE "/nonexistent"	/* as $(O): all is to be made, nothing is */

static size_t dir_len(const char *path, size_t len)
{
	while (len && path[len - 1] != '/')
		len--;
	return len;
}

/* "TARGET: PREREQUISITES": one of them lies beside the target, whose rule makes the directory. */
static bool made_beside(const char *rule)
{
	const char *colon = strchr(rule, ':');
	size_t dir = dir_len(rule, colon - rule), n;

	for (const char *p = colon + 1; *(p += strspn(p, " ")); p += n) {
		n = strcspn(p, " |");
		if (p[n] == '|')
			return false;
		if (dir_len(p, n) == dir && !memcmp(p, rule, dir))
			return true;
	}
	return false;
}

/* Of make's data base: a rule is a line, its recipe the lines that begin with a tab, then an empty one. */
TEST(every_rule_finds_its_directory)
{
	FILE *base = popen("env -u MAKEFLAGS make -pn O=" NOWHERE " all test-programs 2>/dev/null", "r");
	_cleanup_free_ char *line = NULL, *rule = NULL;
	bool recipe = false, made = false;
	size_t size = 0, rules = 0;
	ssize_t n;

	ASSERT_TRUE(base);
	while ((n = getline(&line, &size, base)) > 0) {
		line[n - 1] = '\0';
		if (!strncmp(line, NOWHERE "/", strlen(NOWHERE "/")) && strchr(line, ':')) {
			free(rule);
			rule = strdup(line);
			recipe = made = false;
		} else if (rule && line[0] == '\t') {
			recipe = true;
			made |= !!strstr(line, "mkdir -p");
		} else if (rule && !line[0]) {
			if (recipe && !made && !made_beside(rule)) {
				printf("    %.*s: its rule makes no directory\n", (int)strcspn(rule, ":"), rule);
				CU_FAIL("no directory");
			}
			rules += recipe;
			free(rule);
			rule = NULL;
		}
	}
	pclose(base);
	ASSERT_TRUE(rules > 100);
}

/* As clangd and clang-tidy read it: how this file is compiled is in it. */
TEST(the_compilation_database_can_be_read)
{
	json_t *all, *one, *found = NULL, *words;
	size_t i;

	ASSERT_EQ(system("make -s compile_commands.json"), 0);
	all = json_load_file("compile_commands.json", 0, NULL);
	json_array_foreach(all, i, one)
		if (!strcmp(json_string_value(json_object_get(one, "file")) ?: "", "ci/tests/test-makefile.c"))
			found = one;
	words = json_object_get(found, "arguments");
	ASSERT_TRUE(json_array_size(words) > 5);
	ASSERT_STR(json_string_value(json_array_get(words, json_array_size(words) - 1)), "ci/tests/test-makefile.c");
	json_decref(all);
}

TEST_MAIN("makefile", T(every_rule_finds_its_directory), T(the_compilation_database_can_be_read))
