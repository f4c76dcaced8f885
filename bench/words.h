/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The words of a command line, as they are put together. */
#ifndef BENCH_WORDS_H
#define BENCH_WORDS_H

#define WORDS_MAX 64

struct words {
	char *v[WORDS_MAX + 1];	/* ends in NULL: an argv */
	unsigned int nr;
	int err;		/* the first that happened; what follows is not added */
};

__attribute__((format(printf, 2, 3))) void words_add(struct words *w, const char *fmt, ...);
/* taskset -c @cpus, unless that is NULL. */
void words_pin(struct words *w, const char *cpus);
/* --LINE for each line of @text that is no comment. */
void words_add_settings(struct words *w, const char *text);
void words_free(struct words *w);

#endif
