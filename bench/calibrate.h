/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Before the rounds of a set: what the machine can do without a tracer, and a
 * fixed rate that it holds: 70 % of that, or less where the device stalls or
 * the machine has other work. All rounds that count run at this rate, all arms in it.
 */
#ifndef BENCH_CALIBRATE_H
#define BENCH_CALIBRATE_H

#include "bench/pass.h"
#include "bench/reader.h"
#include "bench/workload.h"

struct calibration {
	double capacity_iops;
	struct pace pace;
	double rate_iops;	/* what the pace comes to, without fsyncs */
	unsigned int nr_cores;
	/* Why there is no fixed rate (rate_iops is the capacity then, as fast as it goes), or "". */
	char no_rate[256];
};

/* Into a set line of results.jsonl, and out of it again; @pace: that is needed too. */
void calibration_put(const struct calibration *c, json_t *set_line);
int calibration_get(struct reader *r, const json_t *set_line, bool pace, struct calibration *ret);

/* 0 where there is none. */
double calibration_target(const struct calibration *c);

/* The same at @share of its rate; ret->rate_iops 0: it has none. */
void calibration_scale(const struct calibration *c, const struct workload *w, double share, struct calibration *ret);

/* The rate for a look at light load, LOW_SHARE of the capacity; none where the fixed rate is no higher than that. */
#define LOW_SHARE .30
void calibration_low(const struct calibration *c, const struct workload *w, struct calibration *ret);

/* Reached, of a rate that the load gave up on: less than half of it came through. */
#define CALIBRATION_GAVE_UP .5

/* A rate of which @reached came through: the share of it to try next. */
double calibration_next_share(double reached);

/* -EIO with *why when fio cannot run the workload; -EINTR. */
int calibrate(struct pass_env *e, struct calibration *ret, struct why *why);

#endif
