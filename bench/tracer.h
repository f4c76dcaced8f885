/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A tracer as a black box: started before a cell, ready when it says so,
 * stopped by SIGINT after it. Ours writes a summary whose last line tells what
 * it traced, lost and cost; others only have what the kernel books to them.
 */
#ifndef BENCH_TRACER_H
#define BENCH_TRACER_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "bench/arm.h"
#include "bench/child.h"
#include "bench/sink.h"
#include "bench/undo.h"
#include "bench/why.h"

#define TRACER_READY "^iopath: ready"

struct tracer {
	const struct arm *arm;
	struct child child;
	struct sink *sink;
	char *summary_path;	/* ours only */
};

/* Time of the device's requests in one stage of the path, as our tracer tells it. */
struct stage_time {
	char name[24];
	double sum_ns;
};

#define STAGES_MAX 24

struct tracer_report {
	int exit_status;
	uint64_t cpu_ns;	/* rusage: from start to end, attaching included */
	uint64_t peak_rss_bytes;
	uint64_t output_bytes;
	uint64_t output_lines;	/* once it was ready */
	uint64_t shown;	/* I/Os that its output shows (arm_shows) */
	json_t *summary;	/* the whole line, or NULL */
	bool has_summary;	/* also of a cell read back, whose line is gone */
	uint64_t traced_ios;	/* of the device under test */
	uint64_t traced_ops;	/* system calls and the like; tier block sees none */
	uint64_t lost;		/* all causes */
	unsigned int nr_stages;	/* without the total; 0: it tells none */
	struct stage_time stage[STAGES_MAX];
	/* why the cell does not count, or "" */
	char fault[256];
};

/* Where it runs; NULL: as the harness does. */
struct tracer_place {
	const char *cgroup;
	const cpu_set_t *cpus;
};

/*
 * Returns when it is attached. A tracer that ends or stays silent is -EPROTO,
 * with its last line in *why. @iopath: the program of the tier arms.
 */
int tracer_start(const struct arm *arm, const char *iopath, const struct device *d,
		 const char *work_dir, const struct tracer_place *where, struct undo *u, struct tracer *ret,
		 struct why *why);
/* Always leaves nothing behind; -errno only for what the harness itself did wrong. */
int tracer_stop(struct tracer *t, const struct device *d, struct undo *u,
		struct tracer_report *ret);
/* Add to the stage of that name, which is made if need be. */
void stage_add(struct stage_time *stage, unsigned int *nr, const char *name, double sum_ns);
void tracer_report_free(struct tracer_report *r);
json_t *tracer_report_json(const struct tracer_report *r);

/* Read the text of a summary file; fills summary, traced_ios, traced_ops, lost, fault. */
void tracer_read_summary(const char *text, const char *device, struct tracer_report *r);

#endif
