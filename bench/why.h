/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What went wrong, as one line for a person and one exit code for a script.
 * Functions that can fail for a reason worth telling take a struct why and
 * fill it through why_fail(), which returns the -errno it was given.
 */
#ifndef BENCH_WHY_H
#define BENCH_WHY_H

enum bench_exit {
	EXIT_PASS = 0,
	EXIT_OVER_BUDGET = 1,
	EXIT_USAGE = 2,
	EXIT_INCONCLUSIVE = 3,
	EXIT_ENVIRONMENT = 4,
	EXIT_HARNESS = 5,
	EXIT_SKIPPED = 77,
};

struct why {
	enum bench_exit code;
	char text[512];
};

__attribute__((format(printf, 4, 5))) int why_fail(struct why *w, enum bench_exit code, int err,
						   const char *fmt, ...);

#endif
