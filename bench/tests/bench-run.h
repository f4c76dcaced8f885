/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Runs of the iopath-bench beside the test program, as a user starts them, and
 * what they leave. Each test program has a directory of its own in /tmp with
 * the state directory, so it takes no lock that anybody else wants.
 */
#ifndef BENCH_TESTS_BENCH_RUN_H
#define BENCH_TESTS_BENCH_RUN_H

#include <jansson.h>
#include <limits.h>
#include <unistd.h>

#include "bench/child.h"

extern char build_dir[PATH_MAX];
extern char base[64];	/* removed at the end of the program */

#define NEEDS_ROOT_AND_LOOP()                                                  \
	do {                                                                   \
		if (geteuid())                                                 \
			TEST_SKIP("needs root");                               \
		if (access("/dev/loop-control", R_OK | W_OK))                  \
			TEST_SKIP("needs loop devices");                       \
	} while (0)


/* An arm that tells fake-fio to be slower while it is attached. */
#define SLOW_ARM "touch \"$FAKE_FIO_FLAG\"; trap 'rm -f \"$FAKE_FIO_FLAG\"; echo 1 event; exit 0' INT TERM; " \
		 "echo on; while :; do sleep 0.05; done"

#define MAX_ARGS 48

struct bench_run {
	char *argv[MAX_ARGS];
	int argc;
	struct child child;
	int out_fd;
	char *text;	/* both streams, after run_end() */
	int status;
};

/* A disk that is the user's own: a loop device of @mib on a file of ours, with partitions if it has any. */
bool make_disk(unsigned int mib, char *dev, size_t len);
void end_disk(const char *dev);

#define NEEDS_DISK(dev, mib)                                    \
	do {                                                    \
		NEEDS_ROOT_AND_LOOP();                          \
		setup();                                        \
		if (!make_disk(mib, dev, sizeof(dev)))          \
			TEST_SKIP("cannot make a loop device"); \
	} while (0)

/* Wait until @phase is seen; false when the run has ended before, with its status set. */
bool wait_for(struct bench_run *r, bool (*phase)(void));
/* To the run alone: one that has ended has no process, and kill(-1) would reach every other one. */
void signal_run(const struct bench_run *r, int signo);
/* `run --resume` of what is in "out". */
struct bench_run resume(void);
int nr_cells(void);	/* in its results so far */

/* One of eight buffers in turn. */
__attribute__((format(printf, 1, 2))) const char *fmt(const char *f, ...);
void setup(void);

/* In base/tree, where a test makes up what a script finds: the exit status of a shell there, and a file. */
int tree_sh(const char *command);
void tree_put(const char *name, const char *text);

/* "run" with our directories and @words, split at blanks. */
struct bench_run run_new(const char *words);
void run_fake(struct bench_run *r);	/* with fake-fio in place of fio */
void add(struct bench_run *r, const char *arg);
void add_words(struct bench_run *r, const char *words);
void run_start(struct bench_run *r);
void run_end(struct bench_run *r);
void run_free(struct bench_run *r);
void show(const struct bench_run *r);

json_t *verdict(void);
const char *verdict_text(const json_t *v);
/* Of one arm's metric. */
const char *cell_verdict(const json_t *v, const char *arm, const char *metric);
/* Against its schema. */
void check_verdict(const json_t *v);
/* Every line against the schema, and the type of the last one. */
void check_files(const char *last_type);
/* How often @word is in the file; 0 also when there is no file. */
int count_in(const char *path, const char *word);

/* No loop device, mount, process or file of the runs so far is left. */
void expect_clean(void);

#endif
