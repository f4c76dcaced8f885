/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "hook.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "tracer/base/cleanup.h"

const char *const backend_names[NR_BACKENDS] = {
#define X(sym, name) [BACKEND_##sym] = name,
	IOP_BACKENDS(X)
#undef X
};

const char *const stage_names[NR_OP_HISTS] = {
#define X(sym, name, tier) [STAGE_##sym] = name,
	IOP_STAGES(X)
#undef X
	[STAGE_TOTAL] = "total",
	[STAGE_RESCHED] = "cond_resched",
};

const enum iop_tier stage_tiers[NR_STAGES] = {
#define X(sym, name, tier) [STAGE_##sym] = tier,
	IOP_STAGES(X)
#undef X
};

const char *const tier_names[NR_TIERS] = { "block", "vfs", "filemap", "full" };

const struct hook_point_info hook_points[NR_POINTS] = {
#define X(sym, name, tier, needed) [POINT_##sym] = { name, tier, needed },
	IOP_POINTS(X)
#undef X
#define X(sym, function, program) [POINT_##sym] = { #function, TIER_VFS, false },
	IOP_FS_FUNCTIONS(X)
	IOP_URING_FUNCTIONS(X)
#undef X
#define X(sym, function, program, kind)                      \
	[POINT_##sym] = { #function, TIER_VFS, false },      \
	[POINT_##sym##_END] = { #function " left", TIER_VFS, false },
	IOP_VFS_FUNCTIONS(X)
#undef X
#define X(sym, function, program, via, kind)                 \
	[POINT_##sym] = { #function, TIER_VFS, false },      \
	[POINT_##sym##_END] = { #function " left", TIER_VFS, false },
	IOP_FAULT_FUNCTIONS(X)
#undef X
};

/*
 * Best first within a point. Numbers of arguments tell prototypes apart:
 * block tracepoints lost their queue argument in the middle of 5.10.y,
 * io_uring_complete took a cqe in 6.18, balance_dirty_pages shrank in 6.16.
 * raw_tp and kprobe rows have none to tell, and serve where there is no BTF.
 */
const struct hook_row hook_rows[] = {
	{ POINT_BIO_QUEUE, BACKEND_TP_BTF, "block_bio_queue", 1, "bio_queue" },
	{ POINT_BIO_QUEUE, BACKEND_TP_BTF, "block_bio_queue", 2, "bio_queue_q" },
	{ POINT_BIO_THROTTLE, BACKEND_FENTRY, "__blk_throtl_bio", 1, "bio_throttle" },
	{ POINT_GETRQ, BACKEND_TP_BTF, "block_getrq", 1, "getrq" },
	{ POINT_GETRQ, BACKEND_TP_BTF, "block_getrq", 3, "getrq_q" },
	{ POINT_BACKMERGE, BACKEND_TP_BTF, "block_bio_backmerge", 1, "bio_backmerge" },
	{ POINT_BACKMERGE, BACKEND_TP_BTF, "block_bio_backmerge", 3, "bio_backmerge_q" },
	{ POINT_FRONTMERGE, BACKEND_TP_BTF, "block_bio_frontmerge", 1, "bio_frontmerge" },
	{ POINT_FRONTMERGE, BACKEND_TP_BTF, "block_bio_frontmerge", 3, "bio_frontmerge_q" },
	{ POINT_SPLIT, BACKEND_TP_BTF, "block_split", 2, "bio_split" },
	{ POINT_SPLIT, BACKEND_TP_BTF, "block_split", 3, "bio_split_q" },
	{ POINT_BIO_COMPLETE, BACKEND_TP_BTF, "block_bio_complete", 2, "bio_complete" },
	{ POINT_RQ_INSERT, BACKEND_TP_BTF, "block_rq_insert", 1, "rq_insert" },
	{ POINT_RQ_ISSUE, BACKEND_TP_BTF, "block_rq_issue", 1, "rq_issue" },
	{ POINT_RQ_REQUEUE, BACKEND_TP_BTF, "block_rq_requeue", 1, "rq_requeue" },
	{ POINT_RQ_MERGE, BACKEND_TP_BTF, "block_rq_merge", 1, "rq_merge" },
	{ POINT_RQ_COMPLETE, BACKEND_TP_BTF, "block_rq_complete", 3, "rq_complete" },
	{ POINT_NVME_SETUP, BACKEND_TP_BTF, "nvme_setup_cmd", 2, "nvme_setup" },
	{ POINT_NVME_SETUP, BACKEND_RAW_TP, "nvme_setup_cmd", ANY_ARGS, "nvme_setup_raw" },
	{ POINT_SCSI_DISPATCH, BACKEND_TP_BTF, "scsi_dispatch_cmd_start", 1, "scsi_dispatch" },
	{ POINT_SCSI_DISPATCH, BACKEND_RAW_TP, "scsi_dispatch_cmd_start", ANY_ARGS, "scsi_dispatch_raw" },
	{ POINT_VIRTIO_ADD, BACKEND_FENTRY, "virtqueue_add_sgs", 6, "virtio_add" },
	{ POINT_VIRTIO_ADD, BACKEND_KPROBE, "virtqueue_add_sgs", ANY_ARGS, "virtio_add_kprobe" },
	{ POINT_RQ_DONE, BACKEND_FENTRY, "blk_mq_complete_request", 1, "rq_done" },
	{ POINT_RQ_DONE_REMOTE, BACKEND_FENTRY, "blk_mq_complete_request_remote", 1, "rq_done_remote" },
	{ POINT_TASK_FORK, BACKEND_TP_BTF, "sched_process_fork", 2, "task_fork" },
	{ POINT_TASK_FREE, BACKEND_TP_BTF, "sched_process_free", 1, "task_free" },
	{ POINT_DIRTIED, BACKEND_TP_BTF, "writeback_dirty_folio", 2, "folio_dirtied" },
	{ POINT_DIRTIED, BACKEND_TP_BTF, "writeback_dirty_page", 2, "page_dirtied" },
	{ POINT_SYS_ENTER, BACKEND_TP_BTF, "sys_enter", 2, "sys_enter" },
	{ POINT_SYS_EXIT, BACKEND_TP_BTF, "sys_exit", 2, "sys_exit" },
	{ POINT_TASK_EXIT, BACKEND_TP_BTF, "sched_process_exit", ANY_ARGS, "task_exit" },
	{ POINT_URING_SUBMIT, BACKEND_TP_BTF, "io_uring_submit_req", 1, "uring_submit" },
	{ POINT_URING_SUBMIT, BACKEND_TP_BTF, "io_uring_submit_sqe", 2, "uring_submit_sqe" },
	{ POINT_URING_SUBMIT, BACKEND_TP_BTF, "io_uring_submit_sqe", 7, "uring_submit_named" },
	{ POINT_URING_COMPLETE, BACKEND_TP_BTF, "io_uring_complete", 3, "uring_complete" },
	{ POINT_URING_COMPLETE, BACKEND_TP_BTF, "io_uring_complete", 7, "uring_complete_res" },
	{ POINT_URING_COMPLETE, BACKEND_TP_BTF, "io_uring_complete", 4, "uring_complete_named" },
	{ POINT_AIO_COMPLETE, BACKEND_FENTRY, "aio_complete_rw", ANY_ARGS, "aio_complete" },
	{ POINT_AIO_AGAIN, BACKEND_FENTRY, "aio_complete_rw", ANY_ARGS, "aio_complete_again" },
#define X(sym, function, program)                                              \
	{ POINT_##sym, BACKEND_FENTRY, #function, ANY_ARGS, #program },        \
	{ POINT_##sym, BACKEND_KPROBE, #function, ANY_ARGS, #program "_kprobe" },
	IOP_FS_FUNCTIONS(X)
#undef X
	{ POINT_FSYNC_RANGE, BACKEND_FENTRY, "vfs_fsync_range", ANY_ARGS, "fs_fsync" },
#define X(sym, function, program) { POINT_##sym, BACKEND_FENTRY, #function, ANY_ARGS, #program },
	IOP_URING_FUNCTIONS(X)
#undef X
#define X(sym, function, program, kind)                                        \
	{ POINT_##sym, BACKEND_FENTRY, #function, 4, #program },               \
	{ POINT_##sym##_END, BACKEND_FENTRY, #function, 4, #program "_end" },
	IOP_VFS_FUNCTIONS(X)
#undef X
#define X(sym, function, program, via, kind)                                   \
	{ POINT_##sym, BACKEND_FENTRY, #function, 1, #program },               \
	{ POINT_##sym##_END, BACKEND_FENTRY, #function, 1, #program "_end" },
	IOP_FAULT_FUNCTIONS(X)
#undef X
	{ POINT_LOOKUP_BEGIN, BACKEND_FENTRY, "filemap_get_pages", ANY_ARGS, "lookup_begin" },
	{ POINT_LOOKUP_BEGIN, BACKEND_FENTRY, "generic_file_buffered_read", ANY_ARGS, "buffered_read" },
	{ POINT_LOOKUP_END, BACKEND_FENTRY, "filemap_get_pages", ANY_ARGS, "lookup_done" },
	{ POINT_LOOKUP_END, BACKEND_TP_BTF, "mm_filemap_get_pages", 3, "get_pages" },
	{ POINT_LOOKUP_END, BACKEND_FENTRY, "mark_page_accessed", 1, "page_found" },
	{ POINT_FOLIO_ACCESSED, BACKEND_FENTRY, "folio_mark_accessed", 1, "folio_accessed" },
	{ POINT_FOLIO_ACCESSED, BACKEND_FENTRY, "mark_page_accessed", 1, "page_accessed" },
	{ POINT_CHECK_BEGIN, BACKEND_FENTRY, "filemap_range_needs_writeback", ANY_ARGS, "check_begin" },
	{ POINT_CHECK_END, BACKEND_FENTRY, "filemap_range_needs_writeback", ANY_ARGS, "check_end" },
	/* the second is called by each direct read or write, the first where there are pages to wait for */
	{ POINT_RANGE_END, BACKEND_FENTRY, "__filemap_fdatawait_range", ANY_ARGS, "wait_end" },
	{ POINT_RANGE_END, BACKEND_FENTRY, "filemap_write_and_wait_range", ANY_ARGS, "range_end" },
	{ POINT_FOLIO_ADDED, BACKEND_TP_BTF, "mm_filemap_add_to_page_cache", 1, "folio_added" },
	{ POINT_WAIT_WRITEBACK, BACKEND_TP_BTF, "folio_wait_writeback", 2, "wait_writeback" },
	{ POINT_WAIT_WRITEBACK, BACKEND_TP_BTF, "wait_on_page_writeback", 2, "wait_page_writeback" },
	{ POINT_THROTTLE, BACKEND_TP_BTF, "balance_dirty_pages", 8, "throttle" },
	{ POINT_THROTTLE, BACKEND_TP_BTF, "balance_dirty_pages", 12, "throttle_12" },
	{ POINT_DIO_BEGIN, BACKEND_TP_BTF, "iomap_dio_rw_begin", 4, "dio_begin" },
	{ POINT_DIO_BEGIN, BACKEND_FENTRY, "iomap_dio_rw", ANY_ARGS, "dio_rw" },
	{ POINT_DIO_BEGIN, BACKEND_KPROBE, "iomap_dio_rw", ANY_ARGS, "dio_rw_kprobe" },
	{ POINT_SWITCH, BACKEND_TP_BTF, "sched_switch", 4, "task_switch" },
	{ POINT_SWITCH, BACKEND_TP_BTF, "sched_switch", 3, "task_switch_3" },
	{ POINT_IRQ_ENTRY, BACKEND_TP_BTF, "irq_handler_entry", 2, "irq_entry" },
	{ POINT_IRQ_EXIT, BACKEND_TP_BTF, "irq_handler_exit", 3, "irq_exit" },
	{ POINT_SOFTIRQ_ENTRY, BACKEND_TP_BTF, "softirq_entry", 1, "softirq_entry" },
	{ POINT_SOFTIRQ_EXIT, BACKEND_TP_BTF, "softirq_exit", 1, "softirq_exit" },
	{ POINT_RESCHED_CALL, BACKEND_FENTRY, "__cond_resched", 0, "resched_call" },
	{ POINT_RESCHED_CALL, BACKEND_FENTRY, "_cond_resched", 0, "resched_call_5" },
};
const int nr_hook_rows = ARRAY_SIZE(hook_rows);
_Static_assert(ARRAY_SIZE(hook_rows) <= MAX_HOOK_ROWS, "hook_plan.verdict is too short");

/* What a stage is measured by. All are needed, unless `any`. */
static const struct stage_needs {
	enum hook_point points[16];
	bool any;
} stage_needs[NR_STAGES] = {
#define X(sym, function, program) POINT_##sym,
	[STAGE_VFS] = { { IOP_FS_FUNCTIONS(X) POINT_FSYNC_RANGE, NR_POINTS }, true },
#undef X
	[STAGE_SUBMIT] = { { POINT_SYS_ENTER, POINT_BIO_QUEUE, NR_POINTS }, false },
	[STAGE_CACHE] = { { POINT_LOOKUP_END, POINT_FOLIO_ADDED, NR_POINTS }, false },
	[STAGE_THROTTLE] = { { POINT_THROTTLE, POINT_SWITCH, NR_POINTS }, false },
	[STAGE_WBWAIT] = { { POINT_WAIT_WRITEBACK, POINT_SWITCH, NR_POINTS }, false },
	[STAGE_Q2G] = { { POINT_BIO_QUEUE, POINT_GETRQ, NR_POINTS }, false },
	[STAGE_G2I] = { { POINT_GETRQ, POINT_RQ_ISSUE, NR_POINTS }, false },
	[STAGE_I2D] = { { POINT_RQ_INSERT, POINT_RQ_ISSUE, NR_POINTS }, false },
	[STAGE_DRIVER] = { { POINT_NVME_SETUP, POINT_SCSI_DISPATCH, POINT_VIRTIO_ADD, NR_POINTS }, true },
	[STAGE_DEVICE] = { { POINT_RQ_ISSUE, POINT_RQ_COMPLETE, NR_POINTS }, false },
	[STAGE_COMPLETE] = { { POINT_RQ_DONE, POINT_RQ_DONE_REMOTE, NR_POINTS }, true },
	[STAGE_WAKEUP] = { { POINT_RQ_COMPLETE, POINT_SWITCH, NR_POINTS }, false },
	[STAGE_OFFCPU] = { { POINT_SWITCH, NR_POINTS }, false },
	[STAGE_IRQ] = { { POINT_IRQ_ENTRY, POINT_IRQ_EXIT, POINT_SOFTIRQ_ENTRY, POINT_SOFTIRQ_EXIT,
			  NR_POINTS },
			false },
	[STAGE_RETURN] = { { POINT_SYS_EXIT, POINT_RQ_COMPLETE, NR_POINTS }, false },
	[STAGE_OTHER] = { { POINT_SYS_ENTER, POINT_SYS_EXIT, NR_POINTS }, false },
};

const enum hook_point *hook_stage_points(enum iop_stage stage)
{
	return stage_needs[stage].points;
}

bool hook_has_stage(enum hook_point p)
{
	for (int s = 0; s < NR_STAGES; s++)
		for (const enum hook_point *q = stage_needs[s].points; *q != NR_POINTS; q++)
			if (*q == p)
				return true;
	return false;
}

static bool stage_measured(const struct hook_plan *plan, enum iop_stage stage)
{
	const struct stage_needs *n = &stage_needs[stage];
	int have = 0, want = 0;

	for (int i = 0; n->points[i] != NR_POINTS; i++, want++)
		have += plan->chosen[n->points[i]] >= 0;
	return n->any ? have > 0 : have == want;
}

#define FENTRY_ARGS 6

/* Arguments of the row's target; negative: it is not there. */
static int row_args(const struct kernel *k, const struct hook_row *r)
{
	switch (r->backend) {
	case BACKEND_TP_BTF:
		return k->tracepoint_args(k, r->target);
	case BACKEND_FENTRY:
		return k->function_args(k, r->target);
	case BACKEND_RAW_TP:
		return k->has_tracepoint(k, r->target) ? 0 : -ENOENT;
	case BACKEND_KPROBE:
		return k->has_symbol(k, r->target) ? 0 : -ENOENT;
	case NR_BACKENDS:
		break;
	}
	return -ENOENT;
}

static enum hook_verdict judge(const struct kernel *k, const struct hook_row *r)
{
	int args = row_args(k, r);

	if (args < 0)
		return HOOK_NO_TARGET;
	if (r->nr_args != ANY_ARGS && args != r->nr_args)
		return HOOK_OTHER_PROTOTYPE;
	/* some kernels (6.1) load such a program and refuse to attach it */
	if (r->backend == BACKEND_FENTRY && args > FENTRY_ARGS)
		return HOOK_MANY_ARGUMENTS;
	return k->refused[r->backend] ? HOOK_REFUSED : HOOK_CHOSEN;
}

static void see_stages(struct hook_plan *plan)
{
	plan->stages = 0;
	for (int s = 0; s < NR_STAGES; s++)
		if (stage_measured(plan, s))
			plan->stages |= 1u << s;
}

/* Points that need no hook of their own, as the hook of another tells the same. */
static void spare(const struct kernel *k, struct hook_plan *plan)
{
	const struct {
		enum hook_point p, by;
		bool told;
	} spared[] = {
		/* for both, as the one calls the other */
		{ POINT_RQ_DONE, POINT_RQ_DONE_REMOTE, k->done_tells_remote },
		/* the look-up hands over as many folios as are marked afterwards */
		{ POINT_FOLIO_ACCESSED, POINT_LOOKUP_BEGIN, k->folio_batches },
		/* the file system takes over right behind */
		{ POINT_URING_READ, POINT_BLKDEV_READ, true },
		{ POINT_URING_WRITE, POINT_BLKDEV_WRITE, true },
		{ POINT_URING_FSYNC, POINT_FSYNC_RANGE, true },
	};

	for (size_t i = 0; i < ARRAY_SIZE(spared); i++) {
		int row = plan->chosen[spared[i].p];

		if (row < 0 || !spared[i].told || plan->chosen[spared[i].by] < 0)
			continue;
		plan->verdict[row] = HOOK_SPARED;
		plan->chosen[spared[i].p] = -1;
	}
}

void hook_choose(const struct kernel *k, struct hook_plan *ret)
{
	*ret = (struct hook_plan){ 0 };
	for (int p = 0; p < NR_POINTS; p++)
		ret->chosen[p] = -1;
	for (int i = 0; i < nr_hook_rows; i++) {
		enum hook_point p = hook_rows[i].point;
		enum hook_verdict v = judge(k, &hook_rows[i]);

		if (v == HOOK_CHOSEN && ret->chosen[p] >= 0)
			v = HOOK_NOT_NEEDED;
		if (v == HOOK_CHOSEN)
			ret->chosen[p] = i;
		ret->verdict[i] = v;
	}
	spare(k, ret);
	see_stages(ret);
}

void hook_give_up(struct hook_plan *plan, enum hook_point p)
{
	plan->chosen[p] = -1;
	see_stages(plan);
}

size_t hook_symbols(const char *names[static MAX_HOOK_ROWS])
{
	size_t n = 0;

	for (int i = 0; i < nr_hook_rows; i++)
		if (hook_rows[i].backend == BACKEND_RAW_TP || hook_rows[i].backend == BACKEND_KPROBE)
			names[n++] = hook_rows[i].target;
	return n;
}

bool hook_wanted(enum hook_point p, enum iop_tier tier, const struct hook_extras *extras)
{
	bool wanted = hook_points[p].tier <= tier;

	switch (p) {
	case POINT_TASK_FORK:
	case POINT_TASK_FREE:
		return extras->tree;
	case POINT_DIRTIED:
		return extras->dirtiers;
	case POINT_RESCHED_CALL:
		return wanted && extras->resched_calls;
#define X(sym, function, program, kind) \
	case POINT_##sym:               \
	case POINT_##sym##_END:
	IOP_VFS_FUNCTIONS(X)
#undef X
		return wanted && extras->kernel_io;
	default:
		return wanted;
	}
}

enum tier_state hook_tier_state(const struct hook_plan *plan, enum iop_tier tier,
				u32 *ret_missing_stages)
{
	u32 missing = 0;

	for (int p = 0; p < NR_POINTS; p++)
		if (hook_points[p].needed && hook_points[p].tier <= tier && plan->chosen[p] < 0)
			return TIER_UNAVAILABLE;
	for (int s = 0; s < NR_STAGES; s++)
		if (stage_tiers[s] <= tier && !(plan->stages & 1u << s))
			missing |= 1u << s;
	*ret_missing_stages = missing;
	return missing ? TIER_DEGRADED : TIER_OK;
}

const char *hook_why(const struct kernel *k, const struct hook_row *row, enum hook_verdict v,
		     char buf[static HOOK_WHY_LEN])
{
	static const char *const texts[] = {
		[HOOK_CHOSEN] = "chosen",
		[HOOK_NOT_NEEDED] = "not needed",
		[HOOK_SPARED] = "another hook tells it too",
		[HOOK_NO_TARGET] = "not in this kernel",
		[HOOK_OTHER_PROTOTYPE] = "other arguments here",
		[HOOK_MANY_ARGUMENTS] = "more arguments than fentry takes on every kernel",
	};

	if (v == HOOK_REFUSED)
		snprintf(buf, HOOK_WHY_LEN, "refused: %s", strerror(k->refused[row->backend]));
	else
		snprintf(buf, HOOK_WHY_LEN, "%s", texts[v]);
	return buf;
}

int tier_parse(const char *name, enum iop_tier *ret)
{
	for (int t = 0; t < NR_TIERS; t++) {
		if (strcmp(name, tier_names[t]) && (t != TIER_FULL || strcmp(name, "cond_resched")))
			continue;
		*ret = t;
		return 0;
	}
	return -EINVAL;
}
