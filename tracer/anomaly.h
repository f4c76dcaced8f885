/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Anomalies: what the figures of one window say about a process, a device or
 * the machine. Decisions are pure functions of figures and limits; who gathers
 * the figures is anomalies.h. Tags are stable: scripts rely on them.
 */
#ifndef IOPATH_ANOMALY_H
#define IOPATH_ANOMALY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "who.h"

/* X(tag, what it means) */
#define IOP_ANOMALIES(X)                                                                            \
	X(HIGH_LATENCY, "an I/O took longer than the limit")                                        \
	X(OUTSIZED_IO, "one I/O was larger than the limit")                                         \
	X(LATENCY_SPIKE, "the slowest percent took far longer than this process is used to")        \
	X(DEVICE_IMBALANCE, "of devices that belong together, one does most of the work")           \
	X(DEVICE_SWITCHING, "a process goes back and forth between devices")                        \
	X(TAG_STARVED, "requests wait for a tag: the queue is as deep as the device allows")        \
	X(QUEUE_BOUND, "requests wait before the device longer than in it")                         \
	X(WRITEBACK_THROTTLED, "writers are held back until dirty pages are written")               \
	X(FLUSH_SERIALISED, "flushes wait for each other")

enum anomaly_tag {
#define X(tag, what) ANOMALY_##tag,
	IOP_ANOMALIES(X)
#undef X
	NR_ANOMALIES,
};

enum limit_type {
	LIMIT_NS,
	LIMIT_BYTES,
	LIMIT_COUNT,
	LIMIT_SHARE,	/* 0 to 1 */
	LIMIT_FACTOR,	/* 1 or more */
};

/* X(tag, key, type, default, what it is) */
#define IOP_LIMITS(X)                                                                                  \
	X(HIGH_LATENCY, latency, NS, 100e6, "an I/O of this or longer")                                \
	X(OUTSIZED_IO, size, BYTES, 8388608, "an I/O larger than this")                                \
	X(LATENCY_SPIKE, factor, FACTOR, 8, "times the median of its own last windows")                \
	X(LATENCY_SPIKE, floor, NS, 1e6, "and at least this long")                                     \
	X(LATENCY_SPIKE, min_ios, COUNT, 20, "in a window, for it to be judged")                       \
	X(LATENCY_SPIKE, windows, COUNT, 8, "that must have gone before")                              \
	X(DEVICE_IMBALANCE, factor, FACTOR, 4, "times the mean of the others")                         \
	X(DEVICE_IMBALANCE, min_ios, COUNT, 100, "of all of them together")                            \
	X(DEVICE_SWITCHING, share, SHARE, 0.5, "of its bios are for another device than the one before") \
	X(DEVICE_SWITCHING, min_ios, COUNT, 100, "in the window")                                      \
	X(TAG_STARVED, wait, NS, 1e6, "mean wait for a request")                                       \
	X(TAG_STARVED, share, SHARE, 0.3, "of all time spent so")                                      \
	X(TAG_STARVED, depth, SHARE, 0.7, "of the tags in use on average")                             \
	X(TAG_STARVED, min_ios, COUNT, 50, "in the window")                                            \
	X(QUEUE_BOUND, wait, NS, 1e6, "mean wait before the device")                                   \
	X(QUEUE_BOUND, share, SHARE, 0.5, "of all time spent so")                                      \
	X(QUEUE_BOUND, min_ios, COUNT, 50, "in the window")                                            \
	X(WRITEBACK_THROTTLED, share, SHARE, 0.2, "of the writers' time spent throttled")              \
	X(WRITEBACK_THROTTLED, time, NS, 10e6, "spent so in the window")                               \
	X(FLUSH_SERIALISED, factor, FACTOR, 1.5, "times as long as the command takes, a flush waits")  \
	X(FLUSH_SERIALISED, min_ios, COUNT, 20, "flushes in the window")

enum anomaly_limit {
#define X(tag, key, type, def, what) LIMIT_##tag##_##key,
	IOP_LIMITS(X)
#undef X
	NR_ANOMALY_LIMITS,
};

struct anomaly_limits {
	double v[NR_ANOMALY_LIMITS];
	bool off[NR_ANOMALIES];
};

struct anomaly_limit_info {
	enum anomaly_tag tag;
	const char *key;
	enum limit_type type;
	double def;
	const char *what;
};
extern const struct anomaly_limit_info anomaly_limit_infos[NR_ANOMALY_LIMITS];
extern const char *const anomaly_names[NR_ANOMALIES];
extern const char *const anomaly_texts[NR_ANOMALIES];

/* -EINVAL: no such tag. */
int anomaly_parse(const char *name, enum anomaly_tag *ret);

void anomaly_limits_init(struct anomaly_limits *l);
#define ANOMALY_WHY_LEN 160
/*
 * TAG, key, value as in the file: "100ms", "4M", "50%", "0.5", "8"; the key
 * "enabled" takes yes or no. -EINVAL, and @why says what is wrong.
 */
int anomaly_limits_set(struct anomaly_limits *l, const char *tag, const char *key, const char *value,
		       char why[static ANOMALY_WHY_LEN]);
/* "TAG.key=value" of the option. */
int anomaly_limits_word(struct anomaly_limits *l, const char *word, char why[static ANOMALY_WHY_LEN]);
/* An INI file: [TAG], key = value. -EINVAL with the line in @why. */
int anomaly_limits_read(struct anomaly_limits *l, FILE *ini, char why[static ANOMALY_WHY_LEN]);

/* ---- an anomaly ---- */

enum anomaly_subject {
	SUBJECT_PROCESS,
	SUBJECT_DEVICE,
	SUBJECT_SYSTEM,
};

#define ANOMALY_VALUES 8
#define ANOMALY_NAME_LEN 64

/* Evidence. The end of its name is its unit: _ns, _bytes, _share, _factor, else a count. */
struct anomaly_value {
	const char *name;
	double v;
};

struct anomaly {
	enum anomaly_tag tag;
	enum anomaly_subject subject;
	u32 pid;	/* process */
	u32 dev;	/* device */
	char name[ANOMALY_NAME_LEN];	/* comm, device */
	u32 nr_values;
	struct anomaly_value values[ANOMALY_VALUES];
	u64 start_ns, window_ns;
};

/* ---- figures of one window ---- */

#define ANOMALY_HISTORY 32

/* What a process is used to: upper bounds of its slowest percent, in past windows. */
struct anomaly_history {
	u64 p99_ns[ANOMALY_HISTORY];
	u32 nr, next;
};
void anomaly_history_add(struct anomaly_history *h, u64 p99_ns);
/* 0: none. */
u64 anomaly_history_median(const struct anomaly_history *h);

struct anomaly_process {
	u32 pid;
	const char *comm;
	/* operations, or bios where those are not seen */
	struct who_stats s[NR_WHO_CLASSES];
	/* of the window: the maxima can have been no less */
	u64 max_at_least_ns, max_at_least_bytes;
	u64 bios, switches;
	const struct anomaly_history *history;
};

struct anomaly_device {
	u32 dev;
	const char *name;
	u64 window_ns;
	u64 count;	/* requests, but flush commands */
	u64 q2g_ns, g2i_ns, i2d_ns, total_ns;	/* summed */
	u64 tags;	/* requests that it can have at once; 0: not known */
	u64 flushes, flush_ns;	/* as their issuers waited */
	u64 flush_commands, flush_command_ns;
};

struct anomaly_system {
	u64 writes, write_ns, throttle_ns;	/* operations */
};

/* Each: true, and *ret without its window, when the figures are beyond the limits. */
typedef bool (*anomaly_process_fn)(const struct anomaly_limits *l, const struct anomaly_process *p,
				   struct anomaly *ret);
typedef bool (*anomaly_device_fn)(const struct anomaly_limits *l, const struct anomaly_device *d,
				  struct anomaly *ret);

bool anomaly_high_latency(const struct anomaly_limits *l, const struct anomaly_process *p, struct anomaly *ret);
bool anomaly_outsized_io(const struct anomaly_limits *l, const struct anomaly_process *p, struct anomaly *ret);
bool anomaly_latency_spike(const struct anomaly_limits *l, const struct anomaly_process *p, struct anomaly *ret);
bool anomaly_device_switching(const struct anomaly_limits *l, const struct anomaly_process *p, struct anomaly *ret);
bool anomaly_tag_starved(const struct anomaly_limits *l, const struct anomaly_device *d, struct anomaly *ret);
bool anomaly_queue_bound(const struct anomaly_limits *l, const struct anomaly_device *d, struct anomaly *ret);
bool anomaly_flush_serialised(const struct anomaly_limits *l, const struct anomaly_device *d, struct anomaly *ret);
/* @d: devices that belong together. */
bool anomaly_device_imbalance(const struct anomaly_limits *l, const struct anomaly_device *d, size_t nr,
			      struct anomaly *ret);
bool anomaly_writeback_throttled(const struct anomaly_limits *l, const struct anomaly_system *s, struct anomaly *ret);

#endif
