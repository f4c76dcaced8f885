/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "view.h"

#include <string.h>
#include <time.h>
#include <unistd.h>

#include "tracer/base/cleanup.h"

const char *const bop_names[NR_BOPS] = {
#define X(sym, name) name,
	IOP_BLOCK_OPS(X)
#undef X
};

const char *const kind_names[NR_KINDS] = {
#define X(sym, name) name,
	IOP_KINDS(X)
#undef X
};

const char *const via_names[NR_VIAS] = {
#define X(sym, name) name,
	IOP_VIAS(X)
#undef X
};

const char *const loss_names[NR_LOSSES] = {
#define X(sym, name, text) name,
	IOP_LOSSES(X)
#undef X
};

const char *const loss_texts[NR_LOSSES] = {
#define X(sym, name, text) text,
	IOP_LOSSES(X)
#undef X
};

const char *const resched_names[] = {
	[RESCHED_UNKNOWN] = "unknown",
	[RESCHED_COND] = "cond_resched",
	[RESCHED_PREEMPT] = "kernel preemption",
	[RESCHED_BOTH] = "cond_resched and kernel preemption",
};

static u64 less(u64 a, u64 b)
{
	return a > b ? a - b : 0;
}

/* What finished is what the rows counted. */
static u64 finished(const struct stats *st, u32 first_row, u32 end_row)
{
	u64 n = 0;

	for (u32 i = first_row; i < end_row; i++)
		n += st->rows[i] ? st->rows[i]->c.count : 0;
	return n;
}

/*
 * Each loss is held against one that finished, though several may have hit the
 * same: a lower bound.
 */
static double reconstructed(u64 finished, u64 missing, u64 spoiled)
{
	u64 all = finished + missing;

	return all ? 100.0 * (double)less(finished, spoiled) / (double)all : -1;
}

static void set_reconstructed(struct coverage *c)
{
	const u64 *lost = c->lost;
	u64 rqs_missing = lost[LOSS_NO_START] + lost[LOSS_NO_END] + lost[LOSS_BIO_MAP_FULL];
	u64 rqs_spoiled = lost[LOSS_CHAIN_LONG] + lost[LOSS_DEVICE_FULL] + lost[LOSS_TIME_BACKWARDS] +
			  lost[LOSS_UNSTAMPED] + c->recursion_misses;
	u64 ops_missing = c->gone + lost[LOSS_NO_OP_END] + lost[LOSS_MAP_FULL] + lost[LOSS_BATCH_LONG];
	/* an operation is no better known than its requests */
	u64 ops_spoiled = lost[LOSS_CONTENDED] + rqs_missing + rqs_spoiled;
	double rqs = reconstructed(c->requests.finished, rqs_missing, rqs_spoiled);
	double ops = reconstructed(c->operations.finished, ops_missing, ops_spoiled);

	c->requests.reconstructed_percent = rqs;
	c->operations.reconstructed_percent = ops;
	/* how much a process did that was not followed is not known */
	c->doubtful = (rqs >= 0 && rqs < TRUSTED_PERCENT) || (ops >= 0 && ops < TRUSTED_PERCENT) || lost[LOSS_TREE_FULL];
}

/* Bios that went into a request beyond its first. */
static u64 merged(const struct stats *st)
{
	u64 n = 0;

	for (u32 i = 0; i < NR_BLOCK_ROWS; i++)
		n += st->rows[i] ? st->rows[i]->c.bios : 0;
	return n;
}

/*
 * The begin of a request is unseen when its bio's program was skipped, or had no
 * room. What is more was queued before tracing, and waited for its request: *@before,
 * which stays when later ones could have been skipped.
 */
static void settle_unseen(struct coverage *c, u64 *before)
{
	u64 unseen = c->lost[LOSS_NO_START], could = c->recursion_misses + c->lost[LOSS_BIO_MAP_FULL];

	if (unseen > could && unseen - could > *before)
		*before = unseen - could;
	c->lost[LOSS_NO_START] = unseen - *before;
	c->begun_before += *before;
}

void coverage_from(struct stats *st, u64 requests_in_flight, u64 operations_in_flight,
		   u64 in_flight_at_start, u64 recursion_misses, struct coverage *ret)
{
	const u64 *c = st->counts;
	u64 rqs = finished(st, 0, NR_BLOCK_ROWS), ops = finished(st, NR_BLOCK_ROWS, NR_ROWS);
	u64 no_end = c[COUNT_LOSS_FIRST + LOSS_NO_END];
	u64 unseen_ops = c[COUNT_OP_GONE] + c[COUNT_LOSS_FIRST + LOSS_NO_OP_END];
	u64 short_rqs = c[COUNT_SHORT_RQS], short_ops = c[COUNT_SHORT_OPS];

	rqs += short_rqs;
	ops += short_ops;
	*ret = (struct coverage){
		.requests = { rqs + requests_in_flight + no_end, rqs, requests_in_flight, short_rqs, 0 },
		.operations = { ops + operations_in_flight + unseen_ops, ops, operations_in_flight, short_ops, 0 },
		.in_flight_at_start = in_flight_at_start,
		.begun_before = c[COUNT_RQ_AT_START],
		.ahead = c[COUNT_RQ_AHEAD],
		.gone = c[COUNT_OP_GONE],
		.untied_bios = c[COUNT_UNTIED_BIOS],
		.merged_bios = merged(st),
		.excluded = c[COUNT_EXCLUDED],
		.filtered_bios = c[COUNT_FILTERED],
		.recursion_misses = recursion_misses,
	};
	memcpy(ret->lost, c + COUNT_LOSS_FIRST, sizeof(ret->lost));
	settle_unseen(ret, &st->begun_unseen);
	set_reconstructed(ret);
}

enum resched_meaning resched_from(const struct stats *st)
{
	bool in = st->counts[COUNT_RESCHED_STACK_IN], out = st->counts[COUNT_RESCHED_STACK_OUT];

	return in && out ? RESCHED_BOTH : in ? RESCHED_COND : out ? RESCHED_PREEMPT :
								    RESCHED_UNKNOWN;
}

const char *view_sector(u64 sector, char buf[static VIEW_SECTOR_LEN])
{
	if (view_has_sector(sector))
		snprintf(buf, VIEW_SECTOR_LEN, "%llu", (unsigned long long)sector);
	else
		snprintf(buf, VIEW_SECTOR_LEN, "-");
	return buf;
}

u64 view_wall_offset_ns(void)
{
	struct timespec mono, wall;

	clock_gettime(CLOCK_MONOTONIC, &mono);
	clock_gettime(CLOCK_REALTIME, &wall);
	return (u64)wall.tv_sec * 1000000000ull + (u64)wall.tv_nsec -
	       ((u64)mono.tv_sec * 1000000000ull + (u64)mono.tv_nsec);
}

void slow_path(const struct iop_slow *r, char *buf, size_t len)
{
	const char *parts[64];
	size_t nr = 0, n = 0;
	u32 total = r->path_len < sizeof(r->path) ? r->path_len : sizeof(r->path);

	buf[0] = '\0';
	for (u32 i = 0; i < total && nr < ARRAY_SIZE(parts);) {
		const char *part = r->path + i;

		parts[nr++] = part;
		i += (u32)strnlen(part, total - i) + 1;
	}
	if (r->flags & SLOW_PATH_CUT)
		n += (size_t)snprintf(buf, len, "...");
	while (nr--) {
		if (n >= len)
			break;
		n += (size_t)snprintf(buf + n, len - n, "/%s", parts[nr]);
	}
}

const char *unfinished_stage(const struct unfinished *u)
{
	return u->stage < 0 ? "running" : stage_names[u->stage];
}

/* Name of a thread, of those of the kernel the one that stays. */
void view_comm_of(u32 tid, char buf[static 64])
{
	_cleanup_fclose_ FILE *f = NULL;
	char path[48];

	snprintf(path, sizeof(path), "/proc/%u/comm", tid);
	f = fopen(path, "re");
	if (!f || !fgets(buf, 64, f))
		*buf = '\0';
	buf[strcspn(buf, "\n")] = '\0';
}
