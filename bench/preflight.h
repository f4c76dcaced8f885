/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What makes a measurement on this machine doubtful right now. It only looks:
 * tune.h is what changes settings. Files are read below a root that tests
 * replace by a tree of their own.
 */
#ifndef BENCH_PREFLIGHT_H
#define BENCH_PREFLIGHT_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#define PREFLIGHT_MAX 24

struct bpf_link_info;
struct bpf_prog_info;

enum check_state {
	CHECK_OK,
	CHECK_DOUBTFUL,
	CHECK_BIASES,	/* doubtful, and off and its twin have it alike, so that nothing shows it */
	CHECK_ABSENT,	/* the machine does not have it */
	CHECK_INFO,	/* neither good nor bad, worth knowing */
};

struct check {
	const char *name;
	enum check_state state;
	char text[160];	/* what was found, and if doubtful why that matters */
};

struct checks {
	unsigned int nr;
	struct check check[PREFLIGHT_MAX];
};

struct preflight {
	unsigned int nr;
	char note[PREFLIGHT_MAX][160];	/* of the doubtful ones: "name: text" */
	char bias[160];			/* the first of those that bias, or "" */
};

/*
 * What is in files below @root ("" is the machine's own); the results will go to @out, the load's logs meanwhile
 * to @state. Each may be NULL, and need not exist yet.
 */
void preflight_files(const char *root, const char *out, const char *state, struct checks *ret);
/* All of them, with what must be watched for @watch_ns. -EINTR when asked to stop. */
int preflight_all(const char *out, const char *state, uint64_t watch_ns, struct checks *ret);
void preflight_notes(const struct checks *c, struct preflight *ret);
/* "ok thp, irqbalance; absent governor; doubtful load" */
void preflight_summary(const struct checks *c, char *buf, size_t len);
/* Is @program, on @link or without one (NULL), a tracer's? Those for cgroups, networks and security, which systemd has too, are not. */
bool preflight_is_tracer(const struct bpf_link_info *link, const struct bpf_prog_info *program);
void preflight_print(const struct checks *c, FILE *f);

/* Shorter, one tick of the clock looks like load. */
#define PREFLIGHT_WATCH_NS (3 * NS_PER_S)

#endif
