/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One tracing session: the programs of a tier loaded, attached and read.
 * Not thread safe.
 *
 * open -> (follow) -> enable -> poll/read ... -> disable -> read -> close
 *
 * Nothing is pinned: whatever ends the process ends the session.
 */
#ifndef IOPATH_SESSION_H
#define IOPATH_SESSION_H

#include <stdio.h>

#include "hook.h"
#include "room.h"
#include "record.h"
#include "unfinished.h"
#include "bpf/config.h"

struct session;
struct stats;

struct session_opts {
	enum iop_tier tier;
	bool floor;		/* programs return at once; nothing is measured */
	bool program_stats;	/* run counts and times of each program */
	struct hook_extras extras;	/* with tree: session_follow() */
	u64 threshold_ns;	/* 0: no records for that */
	u32 sample;		/* a record for each Nth; 0: none */
	bool watched;		/* session_poll_fd() is going to be: hooks can be attached once they are needed */
	bool in_flight;		/* session_unfinished() is to tell stages: stamps of our own */
	bool top;		/* records by a threshold that changes */
	bool kernel_stack;	/* records tell where in the kernel they were submitted (from tier vfs) */
	u32 tgid, tid;		/* 0: no filter */
	const char *comm;	/* NULL: no filter */
	u32 devs[MAX_DEV_FILTERS];
	u32 file_devs[MAX_DEV_FILTERS], nr_file_devs;	/* files on them have these: disk_file_systems() */
	u32 nr_devs;
	u32 bop_mask, kind_mask;	/* 0: all */
	struct iop_cgroup cgroups[MAX_CGROUP_FILTERS];
	u32 nr_cgroups;
	/* addresses of inodes, which the caller keeps open */
	u64 files[MAX_FILE_FILTERS], dirs[MAX_FILE_FILTERS];
	u32 nr_files, nr_dirs;
	u64 own_file;		/* inode of our output, by address; 0: none that matters */
	u64 min_lat_ns;		/* what took less is not counted; 0: all is */
	u8 by;			/* statistics by who (who-map.h): bit per who_dim */
	u32 by_max;		/* entries of each dimension */
	bool stacks, user_stacks;	/* of bios (stacks-map.h) */
	struct rooms rooms;	/* of the maps */
	FILE *debug;		/* gets what libbpf and the verifier say; NULL: nobody */
};

#define SESSION_WHY_LEN 256

/*
 * Load and attach. On failure -errno, and @why says which program or map, and
 * what the kernel said. A hook of @plan that cannot be attached after all, and
 * that the tier can do without, is taken out of it. @k and @plan are not kept.
 */
int session_open(const struct session_opts *opts, const struct kernel *k,
		 struct hook_plan *plan, struct session **ret,
		 char why[static SESSION_WHY_LEN]);
void session_close(struct session *s);
static inline void session_closep(struct session **s)
{
	session_close(*s);
}

/* Trace this process and what it forks (opts.tree). -errno. */
int session_follow(struct session *s, u32 tgid);

void session_enable(struct session *s);
void session_disable(struct session *s);

/* Over-threshold and sampled records. -ENOMEM, or -errno of the ring. */
int session_on_record(struct session *s, record_fn fn, void *ctx);
/* From here on, records of what takes that long (opts.top); 0: of all. */
void session_set_top_threshold(struct session *s, u64 ns);
/* -1: nothing will come. */
int session_poll_fd(const struct session *s);
/* Consume what is there, without waiting. -errno. */
int session_drain(struct session *s);

/* What has not finished (unfinished.h), as of @now_ns. -errno. */
int session_unfinished(struct session *s, u64 now_ns, u64 min_age_ns, bool all, unfinished_fn fn, void *ctx);

/* What operation a system call is, and where its arguments are; NULL: none. */
const struct iop_syscall *session_syscall(long nr);

/* A map that the programs' source names, for who-map.c. */
int session_map_fd(const struct session *s, const char *name);

/* Number of requests and operations of interest that have not finished. -errno. */
int session_in_flight(struct session *s, u64 *ret_requests, u64 *ret_operations);

/* Take in what the programs counted since the last call. -ENOMEM. */
int session_read(struct session *s, struct stats *st);

/*
 * Buckets of histograms have 32 bits. Has a row counted so much since @st was
 * read that one could wrap soon? Costs far less than to read.
 */
bool session_may_wrap(const struct session *s, const struct stats *st);

struct session_cost {
	u64 maps_bytes;		/* as the kernel accounts them */
	u64 recursion_misses;	/* times that a program was skipped, and nothing ran instead */
	u32 nr_programs;
};
void session_cost(struct session *s, struct session_cost *ret);

/* Figures of program @i < nr_programs; -ENOENT past the end. */
struct session_program {
	char name[32];
	u64 runs, run_ns;	/* 0 unless opts.program_stats */
};
int session_program(const struct session *s, u32 i, struct session_program *ret);

/*
 * Run times of programs are kept from here on (@on), or no more; each costs two
 * clock reads then. No effect with opts.program_stats, which keeps them all the
 * time. -errno.
 */
int session_time_programs(struct session *s, bool on);
/* Run time so far, ns, of the programs that each tier adds, stand-ins too. -errno. */
int session_tier_times(const struct session *s, u64 ret_ns[static NR_TIERS]);

/*
 * Detach what is not of @tier, or attach again what is, up to opts.tier. What
 * was counted stays. Operations that are cut short by going below tier vfs are
 * not counted; *ret_cut is their number. -errno: the hooks are as they were; some
 * kernels (5.10) attach no function hook twice.
 */
int session_set_tier(struct session *s, enum iop_tier tier, u64 *ret_cut);

/* The hook where pages are made dirty is needed: hook_extras.dirtiers. */
bool session_asks_dirtiers(const struct session_opts *o);

/* Memory that the maps of a tier take with @cpus possible CPUs, computed; what @rooms names counts as used. */
u64 session_maps_bytes(enum iop_tier tier, u32 cpus, u64 queue_depth, const struct rooms *rooms);

#endif
