/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The plots of a set. Each is drawn 360 units wide, so that one unit is about a
 * pixel on a phone and text needs no zoom; an arm has one colour in all of them.
 */
#ifndef BENCH_PLOT_H
#define BENCH_PLOT_H

#include "bench/report.h"

/* Class of the arm's colour: "a0" for off, "a1" for its twin, "a2".. for the rest. */
const char *plot_arm_class(const struct report *r, unsigned int arm, char *buf, size_t len);

/* Estimate and bounds of each arm, with the margin. */
void plot_cost(const struct report *r, const struct report_set *s, enum metric m, FILE *f);
/* How long the I/Os took under each arm. */
void plot_latency(const struct report *r, const struct report_set *s, FILE *f);
/* Busy time of each core under each arm. */
void plot_cores(const struct report *r, const struct report_set *s, FILE *f);
/* Throughput lost in each round. */
void plot_rounds(const struct report *r, const struct report_set *s, FILE *f);

#endif
