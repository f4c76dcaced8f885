/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a report shows, and its two forms. The forms print the same model;
 * neither computes.
 */
#ifndef IOPATH_VIEW_H
#define IOPATH_VIEW_H

#include <stdio.h>

#include "governor.h"
#include "hook.h"
#include "session.h"
#include "stacks.h"
#include "stats.h"
#include "watch.h"
#include "view-who.h"

/* Version of every JSON line; the fields are described in tracer/SCHEMA.md. */
#define VIEW_SCHEMA 1

struct view_requests {
	u64 seen, finished, in_flight;
	u64 too_short;	/* finished, and not counted: --min-lat */
	/* of those that ended, the share known from begin to end; at least. -1: none ended */
	double reconstructed_percent;
};

struct coverage {
	struct view_requests requests, operations;
	u64 in_flight_at_start;	/* by the kernel's own count when tracing began */
	u64 begun_before;	/* completed, but begun before tracing */
	u64 ahead;		/* of which q2g counts as g2i: a plug had them allocated ahead */
	u64 gone;		/* operations whose task died inside them */
	u64 untied_bios, merged_bios, excluded, filtered_bios;
	u64 lost[NR_LOSSES];
	u64 recursion_misses;
	bool doubtful;	/* too little was reconstructed to trust percentiles */
};

/* Below this share reconstructed, percentiles are flagged. */
#define TRUSTED_PERCENT 99.0

struct cost {
	u64 user_cpu_ns;	/* CPU of this process, user and system */
	u64 window_ns;
	u64 maps_bytes;
	u64 rss_bytes;
};

/* What a switch away from a running task with `preempt` set means here. */
enum resched_meaning {
	RESCHED_UNKNOWN,
	RESCHED_COND,	/* each sampled stack had __cond_resched on it */
	RESCHED_PREEMPT, /* none had: the kernel preempts itself */
	RESCHED_BOTH,
};

/* The N slowest (--top), told as records before the report. */
struct view_top {
	u32 asked, told;	/* asked 0: not asked for */
	u64 nothing_else_from_ns;	/* fewer were told: nothing else took so long; 0: there was nothing else */
};

struct report {
	const char *type;	/* "interval" or "summary" */
	enum iop_tier tier;
	u32 measured;		/* bit per stage */
	u64 start_ns, window_ns;
	const struct stats *stats;
	struct coverage coverage;
	struct cost cost;
	enum resched_meaning resched;
	struct view_who who;	/* dims 0: not asked for */
	struct view_top top;
	struct stacks *stacks;	/* NULL: not asked for, or an interval */
	const u64 *anomalies;	/* told so far, by tag; NULL: not asked for */
	const struct session *session;	/* programs, with program_stats */
	bool program_stats, floor;
	const struct watch_list *watched;	/* NULL: none */
	u64 min_lat_ns;		/* 0: all is counted */
	const struct governor *governor;	/* --budget; NULL: not asked for */
};

/* Derive coverage from counters, and from what is in flight now. No figure is less than the last time. */
void coverage_from(struct stats *st, u64 requests_in_flight, u64 operations_in_flight,
		   u64 in_flight_at_start, u64 recursion_misses, struct coverage *ret);
enum resched_meaning resched_from(const struct stats *st);

extern const char *const bop_names[NR_BOPS];
extern const char *const kind_names[NR_KINDS];
extern const char *const via_names[NR_VIAS];
extern const char *const loss_names[NR_LOSSES];
extern const char *const loss_texts[NR_LOSSES];
extern const char *const resched_names[];

/* The command that flushes a device has none. */
static inline bool view_has_sector(u64 sector)
{
	return sector != UINT64_MAX;
}
#define VIEW_SECTOR_LEN 24
/* As text: its number, or "-". */
const char *view_sector(u64 sector, char buf[static VIEW_SECTOR_LEN]);

/* Components of a record's path joined from the root; @buf gets at most @len. */
void slow_path(const struct iop_slow *r, char *buf, size_t len);

/* 0 or -errno of the stream. */
int view_json_start(FILE *out, const struct report *r, u32 nr_programs);
int view_json_report(FILE *out, const struct report *r);
/* @path: "": not known. */
int view_json_hung(FILE *out, const struct unfinished *u, const char *path);
int view_text_report(FILE *out, const struct report *r);
int view_text_hung(FILE *out, const struct unfinished *u, const char *path);

void view_text_budget(FILE *out, const struct governor *g, u64 now_ns);

/* A line of its own, unless it is the root or has no name any more. */
void view_text_cgroup(FILE *out, u64 cgroup);
/* The same of who submitted it; 0: its owner did. */
void view_text_submitter(FILE *out, u32 tid);
/* Name of a thread, of those of the kernel the one that stays; "" when there is none. */
void view_comm_of(u32 tid, char buf[static 64]);
/* Name of the stage that it is in. */
const char *unfinished_stage(const struct unfinished *u);

/* ---- what is in flight (view-inflight.c) ---- */

struct inflight_list;

/* 0 or -errno of the stream. @now_ns as of the look. */
int view_json_inflight(FILE *out, const struct inflight_list *l, u64 now_ns, u64 watched_ns);
int view_text_inflight(FILE *out, const struct inflight_list *l, u64 watched_ns);

/* ---- records (view-record-json.c, view-record-text.c) ---- */

struct record;
struct ksyms;

struct record_view {
	u32 measured;	/* bit per stage */
	u32 rank;	/* among the slowest (--top), from 1; 0: told for itself */
	u64 wall_offset_ns;	/* view_wall_offset_ns(), of about now */
	const struct ksyms *symbols;	/* NULL: addresses stay what they are */
};

/* What to add to a time of CLOCK_MONOTONIC for that of the clock on the wall, as it is set now. */
u64 view_wall_offset_ns(void);

/* 0 or -errno of the stream, which is not flushed: records come fast. */
int view_json_record(FILE *out, const struct record *r, const struct record_view *v);
int view_text_record(FILE *out, const struct record *r, const struct record_view *v);

#endif
