/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Views of a report: each writes all of it to a stream. What they show is
 * decided in report.c and before; they only say it.
 */
#ifndef BENCH_VIEW_H
#define BENCH_VIEW_H

#include <stdio.h>

#include "bench/report.h"

typedef void view_fn(const struct report *r, FILE *f);

struct view {
	const char *name, *help;
	view_fn *write;
};

extern const struct view views[];
extern const size_t nr_views;

const struct view *view_find(const char *name);
/* *ret is malloc'd. */
int view_render(const struct view *v, const struct report *r, char **ret);

view_fn view_text, view_md, view_html, view_json, view_junit, view_csv, view_openmetrics, view_bmf,
	view_gha, view_benchstat, view_schedulers;

/* A field of CSV (RFC 4180), quoted where it must be. */
void csv_text(const char *s, FILE *f);

/* ---- what several of them say ---- */

/* "+0.9 [+0.2,+1.7]", "-" without rounds */
void view_interval(const struct decision *d, char *buf, size_t len);
/* view_interval() of @m; "open loop" where that is why there is none. */
void view_cost(const struct set_outcome *o, unsigned int arm, enum metric m, char *buf, size_t len);
/* "at saturation", or at the rate that the workload has of its own */
const char *view_full_load(const struct set_outcome *o);
/* The twin and what it says of the machine: "A/A +0.1 [-0.6,+0.9] floor 0.8% ok", or wide, or INVALID; of CPU per I/O in an open loop. */
void view_twin(const struct report *r, const struct set_outcome *o, char *buf, size_t len);
/* How much higher the p99 is than without a tracer: "+1.2 [-0.3,+2.7]", or "-". */
void view_p99_more(const struct arm_figures *f, char *buf, size_t len);
/* "reads": whose latencies are told */
const char *view_operation(const struct set_outcome *o);
/* "fixed rate 12345 (70%)", or that there was none and why; of a set with rounds */
void view_rate(const struct set_outcome *o, char *buf, size_t len);
/* "70% load": @iops as a share of what the off cells do at saturation; @none where there was no such rate. */
const char *view_load(const struct set_outcome *o, double iops, const char *none, char *buf, size_t len);
/* "+0.9", "cpu1 +0.9" */
void view_value(const struct decision *d, char *buf, size_t len);
/* "FAIL cpu/IO; undecided thr, needs ~40 rounds" */
void view_verdict(const struct report *r, const struct set_outcome *o, unsigned int arm, FILE *f);
/* The worst of an arm's metrics; what is undecided counts as INCONCLUSIVE. */
enum verdict view_worst(const struct set_outcome *o, unsigned int arm);

/* "loop/none/randread-4k-qd1/full" */
void view_cell_name(const struct report *r, const struct report_set *s, unsigned int arm, FILE *f);

/* "47056 [46100,47900]": @c of the off cells with bounds, durations as such; "-" without rounds. */
void view_level(const struct report *r, const struct report_set *s, enum column c, char *buf, size_t len);
/*
 * Schedulers are measured one after the other. So many percent lay between the lowest and the highest throughput without a
 * tracer within the turn of one of them, at the place of set @first: less than that between two of them may be drift.
 */
double view_drift_pct(const struct report *r, unsigned int first);

/* Sets of one workload on one device, which differ by scheduler; and the first of them. */
bool view_same_place(const struct report_set *a, const struct report_set *b);
bool view_comes_first(const struct report *r, unsigned int set);

/*
 * "nvme, QEMU NVMe Ctrl, 1GiB; 2 hardware queues, nr_requests 1023, wbt_lat_usec 0, rotational 0, write_cache write back":
 * the disk of a set as its line in the results has it, or "".
 */
void view_disk(const struct report_set *s, char *buf, size_t len);

/* "fio-3.33, iopath-uring 0.1.0": what made the load, by its own word; commands have none. */
void view_loads(const struct report *r, char *buf, size_t len);

/* In Markdown: the command and the machine, or nothing where the file does not say. */
void md_machine(const struct report *r, FILE *f);

/* view_verdict() as a cell of a table in Markdown. */
void md_verdict(const struct report *r, const struct set_outcome *o, unsigned int arm, FILE *f);

/* Text into XML or HTML: "&lt;". */
void xml_text(const char *s, FILE *f);
/* Escaped for a cell of a table in Markdown. */
void md_text(const char *s, FILE *f);

/* For a printf() format. */
#define VIEW_CPU_LEGEND                                                                                    \
	"CPU per I/O is that of the whole machine at a low rate and at the fixed one, as shares of what it does without a "  \
	"tracer, and at saturation; whose it was, at the fixed one. Busy: by the kernel's idle stamps (- where there were "  \
	"none), as it is judged; what ticks say is beside it. Programs: in a pass of their own with the kernel's statistics on, which cost some 50 ns a run."

/* The tables of view-cpu.c, each as its view has it; what was not measured is not there. */
void view_cpu_text(const struct report *r, const struct report_set *s, FILE *f);
void view_cpu_md(const struct report *r, const struct report_set *s, FILE *f);
void view_cpu_html(const struct report *r, const struct report_set *s, FILE *f);
/* NULL: no round counted. */
json_t *view_cpu_json(const struct report *r, const struct report_set *s, unsigned int arm);

#endif
