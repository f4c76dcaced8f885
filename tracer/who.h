/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Statistics by who, as user space keeps them: what was read from the programs
 * (who-map.h), figures of an interval, patterns, and which entries are to go.
 * Pure but for memory. Not thread safe.
 */
#ifndef IOPATH_TRACER_WHO_H
#define IOPATH_TRACER_WHO_H

#include <stdbool.h>
#include <stddef.h>

#include "bpf/who.h"

struct who_row {
	struct who_key key;
	char *name;	/* comm, path, cgroup path, device; NULL: the row of what found no room */
	struct who_stats s[NR_WHO_LEVELS][NR_WHO_CLASSES];
	struct who_stats base[NR_WHO_LEVELS][NR_WHO_CLASSES];	/* at the begin of the interval */
	u64 last_ns;
	u64 switches, switches_base;
	void *data;	/* anomaly.h: its history; freed with the row */
};

struct who {
	struct who_row **rows;	/* sorted by key */
	size_t nr, cap;
	u32 max;		/* entries of a dimension in the kernel */
	u64 aged[NR_WHO_DIMS];	/* entries that had to go */
	/* what those had counted */
	struct who_stats gone[NR_WHO_DIMS][NR_WHO_LEVELS][NR_WHO_CLASSES];
};

extern const char *const who_dim_names[NR_WHO_DIMS];
extern const char *const who_class_names[NR_WHO_CLASSES];

/* -EINVAL: no such dimension. */
int who_dim_parse(const char *word, enum who_dim *ret);

/*
 * Take in an entry as it is now: a new row, or new figures of the one that is
 * there. -ENOMEM.
 */
int who_put(struct who *w, const struct who_key *key, const struct who_entry *e);
struct who_row *who_find(const struct who *w, const struct who_key *key);
void who_free(struct who *w);

/* From here on who_since() counts. */
void who_begin_interval(struct who *w);
/* What a row counted since; its maxima are then upper bounds, exact if they rose. */
void who_since(struct who_stats *ret, const struct who_stats *now, const struct who_stats *base);
/* The least that the interval's maxima can have been. */
u64 who_max_at_least(const struct who_stats *now, const struct who_stats *base);
u64 who_size_at_least(const struct who_stats *now, const struct who_stats *base);

/*
 * The rows of a dimension that must go, when more than three quarters are in
 * use: the least recently used, but none used since @keep_ns, until half are.
 * Number of keys written to @ret, which has room for all of them.
 */
size_t who_old(const struct who *w, enum who_dim dim, u64 keep_ns, struct who_key *ret);
/* It has gone from the kernel: its row is added to `gone`. */
void who_forget(struct who *w, const struct who_key *key);

/*
 * Rows of a dimension with something counted (since the interval began, if
 * @interval), most time first. Their number; @ret has room for w->nr.
 */
size_t who_sorted(const struct who *w, enum who_dim dim, bool interval, const struct who_row **ret);

/* ---- what the figures say ---- */

/* Upper bound of the time below which @p percent took; 0 for none. */
u64 who_percentile(const struct who_stats *s, double p);
/* Share of what continued its stream, 0 to 1; negative when nothing was read or written. */
double who_sequential(const struct who_stats s[static NR_WHO_CLASSES]);
/* "sequential" or "random" from three quarters on, else "mixed"; NULL when nothing was read or written. */
const char *who_pattern(const struct who_stats s[static NR_WHO_CLASSES]);
/* "read-heavy" or "write-heavy" from three quarters of the bytes on, else "balanced"; NULL as above. */
const char *who_bias(const struct who_stats s[static NR_WHO_CLASSES]);
/* The class of sizes that most have, as its lower bound in bytes; 0: none. */
u64 who_common_size(const struct who_stats s[static NR_WHO_CLASSES]);
/* Time and number of all classes at the level that tells most: operations, else bios. */
u64 who_total_ns(const struct who_stats s[static NR_WHO_LEVELS][NR_WHO_CLASSES]);

#endif
