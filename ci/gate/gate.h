/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The host's half of the virtual-time gate: what the guest measured, bounds from
 * ci/budget.ini and from the committed baseline, the verdict. It shares nothing
 * with the tracer that it judges.
 */
#ifndef IOPATH_GATE_H
#define IOPATH_GATE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#define GATE_SCHEMA 1
#define MAX_ARMS 32
#define MAX_WORKLOADS 16
#define MAX_PROGRAMS 96
#define NAME_LEN 64
#define WHY_LEN 1024

enum gate_verdict {
	GATE_NONE,	/* no bound to hold it against */
	GATE_PASS,
	GATE_FAIL,
	GATE_ERROR,	/* not measured, or not to be trusted */
};

/* One BPF program in the pass with the kernel's statistics on. What is not known is NAN. */
struct gate_program {
	char name[NAME_LEN];
	double runs;	/* per operation of the workload */
	double ns;	/* per run */
	double insns;	/* that the verifier went through; the kernel tells since 5.16 */
	double jited_bytes;
};

/* What one arm did to one workload. Bounds that there are not are NAN. */
struct gate_result {
	const char *arm, *workload;
	double base_iops, iops, loss_pct;
	double extra_ns;	/* per operation: latency over that of the bases around it */
	double tracer_ns;	/* per operation: CPU time of the arm's own processes */
	double p999_pct;	/* by how much the 99.9th percentile of latency is later; fio has buckets of 1.6 % */
	double spread_pct;	/* between the bases before and after */
	double budget_pct, was_extra_ns, was_tracer_ns;
	struct gate_program programs[MAX_PROGRAMS], was[MAX_PROGRAMS];
	size_t nr_programs, nr_was;
	enum gate_verdict verdict;
	char why[WHY_LEN];
};

/* What a workload's figures may differ by without a reason. */
struct gate_tolerance {
	double ns, percent;	/* extra ns over the baseline: the larger of the two */
	double size_pct;	/* a program's insns and jited_bytes over the baseline */
	double twin_pct;	/* loss of off2, either way */
	double spread_pct;	/* between all bases */
};

struct gate {
	char kernel[NAME_LEN];
	json_t *fingerprint;
	char arms[MAX_ARMS][NAME_LEN], workloads[MAX_WORKLOADS][NAME_LEN];
	size_t nr_arms, nr_workloads;
	double seen[MAX_ARMS];			/* events that it showed, of all it ran beside; NAN: not known */
	struct gate_tolerance tolerance[MAX_WORKLOADS];
	double spread_pct[MAX_WORKLOADS];	/* of all bases */
	struct gate_result *results;	/* nr_arms rows of nr_workloads */
	char note[WHY_LEN];
	char error[WHY_LEN];	/* empty, or why nothing here can be trusted */
	enum gate_verdict verdict;
};

const char *gate_verdict_name(enum gate_verdict v);

/* Reads the guest's lines. 0, or -1 with g->error set. gate_release() in either case. */
int gate_read(struct gate *g, FILE *raw);
void gate_release(struct gate *g);

/* Bounds. 0, or -1 with g->error set. */
int gate_read_budget(struct gate *g, FILE *ini);
int gate_set_baseline(struct gate *g, const json_t *baseline);

/* Every result's verdict and why; then of the whole. */
void gate_decide(struct gate *g);
/* 0, 1 (FAIL) or 5 (ERROR) */
int gate_exit_code(const struct gate *g);

json_t *gate_json(const struct gate *g);
void gate_print_table(const struct gate *g, FILE *out);
void gate_print_markdown(const struct gate *g, FILE *out);
void gate_print_junit(const struct gate *g, FILE *out);
/* Arms side by side, a column per workload: what is published. */
void gate_print_overhead(const struct gate *g, FILE *out);
/* Text of a table's cell or of XML. */
void gate_print_escaped(const char *s, FILE *out);
/* Old beside new. */
void gate_print_renewal(const struct gate *g, FILE *out);

/* programs.c: the kernel's BPF programs and their statistics so far */
int gate_list_programs(FILE *out);
const char *gate_libbpf_version(void);

struct gate_result *gate_result(const struct gate *g, size_t arm, size_t workload);

#endif
