/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Every file of the fuzzers' corpus: seeds, and what the fuzzers once found. */
#include <dirent.h>
#include <signal.h>
#include <stdlib.h>

#include "bench/fuzz/target.h"
#include "bench/tests/canned.h"
#include "tracer/base/cleanup.h"
#include "tracer/base/test.h"

static const char *volatile current = "";

/* abort() or a crash takes the program with it: at least say which file did it. */
static void tell(int sig)
{
	ssize_t n = write(STDERR_FILENO, "    died of ", 12);

	if (n > 0)
		n = write(STDERR_FILENO, current, strlen(current));
	n = n > 0 ? write(STDERR_FILENO, "\n", 1) : n;
	signal(sig, SIG_DFL);
	raise(sig);
}

static unsigned int run_file(const struct fuzz_target *t, const char *path)
{
	_cleanup_fclose_ FILE *f = fopen(path, "re");
	static uint8_t data[1 << 18];
	size_t len;

	if (!f)
		return 0;
	len = fread(data, 1, sizeof(data), f);
	t->run(data, len);
	return 1;
}

/* A target aborts when what it promises does not hold; then this program is gone, and says which file. */
TEST(the_whole_corpus_is_survived)
{
	signal(SIGABRT, tell);
	signal(SIGSEGV, tell);
	for (size_t i = 0; i < nr_fuzz_targets; i++) {
		const struct fuzz_target *t = &fuzz_targets[i];
		char dir[128];
		static char path[512];
		struct dirent **e;
		unsigned int files = 0;
		int nr;

		snprintf(dir, sizeof(dir), "bench/fuzz/corpus/%s", t->name);
		nr = scandir(dir, &e, NULL, alphasort);
		for (int k = 0; k < nr; k++) {
			snprintf(path, sizeof(path), "%s/%s", dir, e[k]->d_name);
			if (e[k]->d_name[0] != '.') {
				current = path;
				files += run_file(t, path);
			}
			free(e[k]);
		}
		if (nr >= 0)
			free(e);
		if (!files)
			printf("    no corpus of %s\n", t->name);
		ASSERT_TRUE(files > 0);
	}
}

/* Cut short, and with a byte changed: the first things that a fuzzer does. */
TEST(a_whole_file_changed_byte_by_byte_is_survived)
{
	struct canned c = canned_default();
	_cleanup_free_ char *text = NULL;
	size_t len;

	current = "a canned file with a byte changed";
	c.rounds = c.max_rounds = 1;
	text = canned_text(&c);
	len = strlen(text);
	for (size_t i = 0; i < len; i += 7) {
		char was = text[i];

		text[i] = (char)(was ^ (1 << i % 8));
		fuzz_find("result")->run((uint8_t *)text, len);
		text[i] = was;
	}
}

TEST_MAIN("test-bench-fuzz", T(the_whole_corpus_is_survived), T(a_whole_file_changed_byte_by_byte_is_survived))
