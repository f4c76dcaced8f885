/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The choice of hooks, on kernels that are made up. */
#include <errno.h>

#include "tracer/base/test.h"
#include "tracer/hook.h"
#include "tracer/stamp.h"

struct made_up {
	struct {
		const char *name;
		int args;
	} tp[48], functions[24];
	const char *symbols[8], *tracepoints[8];	/* without BTF */
};

static int made_up_args(const struct kernel *k, const char *name)
{
	const struct made_up *m = k->ctx;

	for (int i = 0; m->tp[i].name; i++)
		if (!strcmp(m->tp[i].name, name))
			return m->tp[i].args;
	return -ENOENT;
}

static int made_up_function(const struct kernel *k, const char *name)
{
	const struct made_up *m = k->ctx;

	for (int i = 0; m->functions[i].name; i++)
		if (!strcmp(m->functions[i].name, name))
			return m->functions[i].args;
	return -ENOENT;
}

static bool listed(const char *const *names, const char *name)
{
	for (; *names; names++)
		if (!strcmp(*names, name))
			return true;
	return false;
}

static bool made_up_symbol(const struct kernel *k, const char *name)
{
	return listed(((const struct made_up *)k->ctx)->symbols, name);
}

static bool made_up_tracepoint(const struct kernel *k, const char *name)
{
	return listed(((const struct made_up *)k->ctx)->tracepoints, name);
}

#define BLOCK_TPS                                                                            \
	{ "block_bio_queue", 1 }, { "block_getrq", 1 }, { "block_bio_backmerge", 1 },        \
		{ "block_bio_frontmerge", 1 }, { "block_split", 2 },                         \
		{ "block_bio_complete", 2 }, { "block_rq_insert", 1 }, { "block_rq_issue", 1 }, \
		{ "block_rq_requeue", 1 }, { "block_rq_merge", 1 }, { "block_rq_complete", 3 }
#define TASK_TPS                                                                              \
	{ "sys_enter", 2 }, { "sys_exit", 2 }, { "sched_process_fork", 2 },                   \
		{ "sched_process_free", 1 }, { "sched_switch", 4 }, { "irq_handler_entry", 2 }, \
		{ "irq_handler_exit", 3 }, { "softirq_entry", 1 }, { "softirq_exit", 1 }

static const struct made_up modern = {
	{ BLOCK_TPS, TASK_TPS,
	  { "sched_process_exit", 2 }, { "io_uring_submit_req", 1 }, { "io_uring_complete", 3 },
	  { "mm_filemap_get_pages", 3 }, { "mm_filemap_add_to_page_cache", 1 },
	  { "folio_wait_writeback", 2 }, { "balance_dirty_pages", 8 },
	  { "iomap_dio_rw_begin", 4 }, { "scsi_dispatch_cmd_start", 1 },
	  { "nvme_setup_cmd", 2 } },
	{ { "filemap_get_pages", 5 }, { "blk_mq_complete_request", 1 }, { "virtqueue_add_sgs", 6 },
	  { "ext4_file_read_iter", 2 }, { "iomap_dio_rw", 7 }, { "aio_complete_rw", 2 },
	  { "__cond_resched", 0 } },
	{ "virtqueue_add_sgs", "iomap_dio_rw" },
	{ "scsi_dispatch_cmd_start", "nvme_setup_cmd" },
};

static const struct made_up middle_aged = {
	{ BLOCK_TPS, TASK_TPS,
	  { "sched_process_exit", 1 }, { "io_uring_submit_sqe", 2 }, { "io_uring_complete", 7 },
	  { "mm_filemap_add_to_page_cache", 1 }, { "folio_wait_writeback", 2 },
	  { "balance_dirty_pages", 12 } },
	{ { "filemap_get_pages", 3 }, { "iomap_dio_rw", 7 } },
	{ "iomap_dio_rw" },
	{ NULL },
};

/* The block layer still names its queue, modules have no BTF. */
static const struct made_up old = {
	{ { "block_bio_queue", 2 }, { "block_getrq", 3 }, { "block_bio_backmerge", 3 },
	  { "block_bio_frontmerge", 3 }, { "block_split", 3 }, { "block_bio_complete", 2 },
	  { "block_rq_insert", 1 }, { "block_rq_issue", 1 }, { "block_rq_requeue", 1 },
	  { "block_rq_merge", 1 }, { "block_rq_complete", 3 }, { "sys_enter", 2 }, { "sys_exit", 2 },
	  { "sched_switch", 3 }, { "io_uring_submit_sqe", 7 }, { "io_uring_complete", 4 } },
	{ { "iomap_dio_rw", 5 }, { "mark_page_accessed", 1 }, { "blk_mq_complete_request", 1 } },
	{ "virtqueue_add_sgs", "iomap_dio_rw" },
	{ "scsi_dispatch_cmd_start", "nvme_setup_cmd" },
};

static struct kernel kernel_of(const struct made_up *m)
{
	struct kernel k = { .tracepoint_args = made_up_args,
			    .function_args = made_up_function,
			    .has_symbol = made_up_symbol,
			    .has_tracepoint = made_up_tracepoint,
			    .ctx = (void *)(uintptr_t)m };

	return k;
}

static const char *program(const struct hook_plan *p, enum hook_point point)
{
	return p->chosen[point] < 0 ? "-" : hook_rows[p->chosen[point]].program;
}

static enum hook_verdict verdict(const struct hook_plan *p, const char *prog)
{
	for (int i = 0; i < nr_hook_rows; i++)
		if (!strcmp(hook_rows[i].program, prog))
			return p->verdict[i];
	return -1;
}

TEST(all_allowed_takes_the_best)
{
	struct kernel k = kernel_of(&modern);
	struct hook_plan p;

	hook_choose(&k, &p);
	ASSERT_STR(program(&p, POINT_LOOKUP_END), "lookup_done");
	ASSERT_EQ(verdict(&p, "get_pages"), HOOK_NOT_NEEDED);
	ASSERT_STR(program(&p, POINT_URING_COMPLETE), "uring_complete");
	ASSERT_EQ(verdict(&p, "uring_complete_res"), HOOK_OTHER_PROTOTYPE);
	ASSERT_STR(program(&p, POINT_THROTTLE), "throttle");
}

TEST(tracepoints_only_host)
{
	struct kernel k = kernel_of(&modern);
	struct hook_plan p;
	char why[HOOK_WHY_LEN];
	u32 missing;

	k.refused[BACKEND_FENTRY] = EPERM;
	k.refused[BACKEND_KPROBE] = ENOENT;
	hook_choose(&k, &p);
	ASSERT_STR(program(&p, POINT_LOOKUP_END), "get_pages");
	ASSERT_EQ(p.chosen[POINT_LOOKUP_BEGIN], -1);
	ASSERT_EQ(verdict(&p, "lookup_done"), HOOK_REFUSED);
	for (int i = 0; i < nr_hook_rows; i++)
		if (!strcmp(hook_rows[i].program, "lookup_done"))
			ASSERT_STR(hook_why(&k, &hook_rows[i], p.verdict[i], why),
				   "refused: Operation not permitted");
	/* fewer hooks, every tier still there */
	for (int t = 0; t < NR_TIERS; t++)
		ASSERT_TRUE(hook_tier_state(&p, t, &missing) != TIER_UNAVAILABLE);
}

TEST(prototypes_choose_not_versions)
{
	struct kernel k = kernel_of(&middle_aged);
	struct hook_plan p;

	hook_choose(&k, &p);
	ASSERT_STR(program(&p, POINT_URING_SUBMIT), "uring_submit_sqe");
	ASSERT_STR(program(&p, POINT_URING_COMPLETE), "uring_complete_res");
	ASSERT_STR(program(&p, POINT_THROTTLE), "throttle_12");
	ASSERT_STR(program(&p, POINT_TASK_EXIT), "task_exit");
	ASSERT_EQ(verdict(&p, "uring_submit"), HOOK_NO_TARGET);
	/* seven arguments: loads by fentry, and is then refused */
	ASSERT_EQ(verdict(&p, "dio_rw"), HOOK_MANY_ARGUMENTS);
	ASSERT_STR(program(&p, POINT_DIO_BEGIN), "dio_rw_kprobe");
}

TEST(without_btf_of_modules)
{
	struct kernel k = kernel_of(&old);
	struct hook_plan p;
	u32 missing;

	hook_choose(&k, &p);
	ASSERT_STR(program(&p, POINT_BIO_QUEUE), "bio_queue_q");
	ASSERT_STR(program(&p, POINT_GETRQ), "getrq_q");
	ASSERT_STR(program(&p, POINT_SWITCH), "task_switch_3");
	ASSERT_STR(program(&p, POINT_URING_SUBMIT), "uring_submit_named");
	ASSERT_STR(program(&p, POINT_URING_COMPLETE), "uring_complete_named");
	ASSERT_STR(program(&p, POINT_NVME_SETUP), "nvme_setup_raw");
	ASSERT_STR(program(&p, POINT_SCSI_DISPATCH), "scsi_dispatch_raw");
	ASSERT_STR(program(&p, POINT_VIRTIO_ADD), "virtio_add_kprobe");
	ASSERT_STR(program(&p, POINT_DIO_BEGIN), "dio_rw");
	ASSERT_STR(program(&p, POINT_LOOKUP_END), "page_found");
	ASSERT_TRUE(p.stages & 1u << STAGE_DRIVER);
	ASSERT_TRUE(p.stages & 1u << STAGE_COMPLETE);
	ASSERT_TRUE(!(p.stages & 1u << STAGE_VFS));
	ASSERT_TRUE(hook_tier_state(&p, TIER_FULL, &missing) == TIER_DEGRADED);
	/* one stage fewer when a hook turns out not to attach */
	hook_give_up(&p, POINT_RQ_DONE);
	ASSERT_TRUE(!(p.stages & 1u << STAGE_COMPLETE));
}

TEST(modules_bring_their_stages)
{
	const struct hook_extras none = { 0 }, all = { true, true, true, true };
	struct made_up m = modern;
	struct kernel k = kernel_of(&m);
	struct hook_plan p;

	hook_choose(&k, &p);
	ASSERT_STR(program(&p, POINT_NVME_SETUP), "nvme_setup");
	ASSERT_STR(program(&p, POINT_VIRTIO_ADD), "virtio_add");
	ASSERT_STR(program(&p, POINT_EXT4_READ), "fs_ext4_read");
	ASSERT_EQ(p.chosen[POINT_XFS_READ], -1);
	ASSERT_TRUE(p.stages & 1u << STAGE_VFS);
	/* on request alone */
	ASSERT_TRUE(!hook_wanted(POINT_RESCHED_CALL, TIER_FULL, &none));
	ASSERT_TRUE(!hook_wanted(POINT_RESCHED_CALL, TIER_FILEMAP, &all));
	ASSERT_TRUE(hook_wanted(POINT_RESCHED_CALL, TIER_FULL, &all));
	ASSERT_TRUE(!hook_wanted(POINT_VFS_ITER_READ_END, TIER_FULL, &none));
	ASSERT_TRUE(hook_wanted(POINT_VFS_ITER_READ_END, TIER_VFS, &all));
	ASSERT_TRUE(!hook_wanted(POINT_VFS_READ, TIER_BLOCK, &all));
	memset(m.functions, 0, sizeof(m.functions));
	hook_choose(&k, &p);
	ASSERT_TRUE(!(p.stages & 1u << STAGE_VFS));
	ASSERT_TRUE(p.stages & 1u << STAGE_DRIVER);
	/* known by name alone, as modules are without BTF */
	m.symbols[2] = "ext4_file_read_iter";
	hook_choose(&k, &p);
	ASSERT_STR(program(&p, POINT_EXT4_READ), "fs_ext4_read_kprobe");
	ASSERT_TRUE(p.stages & 1u << STAGE_VFS);
}

/* A missing hook degrades its stage, it never kills the tier. */
TEST(a_missing_hook_degrades_its_stage)
{
	struct made_up m = modern;
	struct kernel k = kernel_of(&m);
	struct hook_plan p;
	u32 missing = 0;

	for (int i = 0; m.tp[i].name; i++)
		if (!strcmp(m.tp[i].name, "block_rq_insert"))
			m.tp[i].args = 2;
	hook_choose(&k, &p);
	ASSERT_EQ(hook_tier_state(&p, TIER_BLOCK, &missing), TIER_DEGRADED);
	ASSERT_TRUE(missing & 1u << STAGE_I2D);
	ASSERT_TRUE(!(missing & 1u << STAGE_DEVICE));
	ASSERT_TRUE(p.stages & 1u << STAGE_G2I);
}

TEST(without_a_needed_hook_the_tier_is_unavailable)
{
	struct kernel k = kernel_of(&modern);
	struct made_up m = modern;
	struct hook_plan p;
	u32 missing;

	for (int i = 0; m.tp[i].name; i++)
		if (!strcmp(m.tp[i].name, "sys_exit"))
			m.tp[i].name = "sys_left";
	k.ctx = &m;
	hook_choose(&k, &p);
	ASSERT_TRUE(hook_tier_state(&p, TIER_BLOCK, &missing) != TIER_UNAVAILABLE);
	ASSERT_EQ(hook_tier_state(&p, TIER_VFS, &missing), TIER_UNAVAILABLE);
	ASSERT_EQ(hook_tier_state(&p, TIER_FULL, &missing), TIER_UNAVAILABLE);
}

TEST(no_permission_leaves_nothing)
{
	struct kernel k = kernel_of(&modern);
	struct hook_plan p;
	u32 missing;

	for (int b = 0; b < NR_BACKENDS; b++)
		k.refused[b] = EPERM;
	hook_choose(&k, &p);
	ASSERT_EQ(p.stages, 0);
	ASSERT_EQ(hook_tier_state(&p, TIER_BLOCK, &missing), TIER_UNAVAILABLE);
}

/* One hook for what one hook tells. */
TEST(a_hook_that_another_makes_superfluous_is_spared)
{
	static const struct made_up m = {
		{ BLOCK_TPS, TASK_TPS },
		{ { "blk_mq_complete_request", 1 }, { "blk_mq_complete_request_remote", 1 },
		  { "filemap_get_pages", 3 }, { "folio_mark_accessed", 1 }, { "io_read", 2 },
		  { "blkdev_read_iter", 2 } },
		{ NULL }, { NULL },
	};
	struct kernel k = kernel_of(&m);
	struct hook_plan p;

	hook_choose(&k, &p);
	ASSERT_STR(program(&p, POINT_RQ_DONE), "rq_done");
	ASSERT_STR(program(&p, POINT_FOLIO_ACCESSED), "folio_accessed");
	ASSERT_STR(program(&p, POINT_URING_READ), "-");
	k.done_tells_remote = k.folio_batches = true;
	hook_choose(&k, &p);
	ASSERT_STR(program(&p, POINT_RQ_DONE), "-");
	ASSERT_EQ(verdict(&p, "rq_done"), HOOK_SPARED);
	ASSERT_STR(program(&p, POINT_RQ_DONE_REMOTE), "rq_done_remote");
	ASSERT_STR(program(&p, POINT_FOLIO_ACCESSED), "-");
	/* the stage is measured all the same */
	ASSERT_TRUE(p.stages & 1u << STAGE_COMPLETE);
}

static struct stamp_plan stamps(struct kernel k, struct stamp_disks disks, struct stamp_needs needs)
{
	struct stamp_plan p;

	stamp_choose(&k, &disks, &needs, &p);
	return p;
}

TEST(whose_stamps_count)
{
	const struct stamp_disks good = { true, true, true };
	const struct stamp_needs none = { .tier = TIER_BLOCK }, vfs = { .tier = TIER_VFS },
				 owner = { .tier = TIER_BLOCK, .owner = true },
				 in_flight = { .tier = TIER_BLOCK, .in_flight = true },
				 watched = { .tier = TIER_BLOCK, .watched = true };
	const struct kernel exact = { .exact_stamps = true }, cached = { .exact_stamps = false },
			    ahead = { .exact_stamps = true, .plugs_ahead = true }, own_ahead = { .plugs_ahead = true };
	struct stamp_plan p = stamps(exact, good, none);

	ASSERT_TRUE(p.kernel_q && p.kernel_g && p.kernel_d && !p.bio_queue);
	ASSERT_TRUE(stamp_spares(&p, POINT_RQ_ISSUE) && stamp_spares(&p, POINT_GETRQ) &&
		    stamp_spares(&p, POINT_BIO_QUEUE));
	ASSERT_TRUE(!stamp_spares(&p, POINT_RQ_COMPLETE) && !stamp_spares(&p, POINT_RQ_INSERT));
	/* whose it is can only be told when it is queued */
	ASSERT_TRUE(stamps(exact, good, vfs).bio_queue && stamps(exact, good, vfs).kernel_q);
	ASSERT_TRUE(stamps(exact, good, owner).bio_queue && stamps(exact, good, owner).kernel_d);
	p = stamps(exact, good, (struct stamp_needs){ .tier = TIER_BLOCK, .issue_seen = true });
	ASSERT_TRUE(p.kernel_q && p.kernel_g && !p.kernel_d && !stamp_spares(&p, POINT_RQ_ISSUE));
	/* what hangs has no stamp of its issue yet */
	ASSERT_TRUE(!stamps(exact, good, in_flight).kernel_d);
	p = stamps(cached, good, none);
	ASSERT_TRUE(!p.kernel_q && !p.kernel_g && !p.kernel_d && p.bio_queue);
	ASSERT_TRUE(!stamp_spares(&p, POINT_RQ_ISSUE));
	ASSERT_TRUE(!stamps(exact, (struct stamp_disks){ false, true, true }, none).kernel_g);
	ASSERT_TRUE(!stamps(exact, (struct stamp_disks){ true, false, true }, none).kernel_d);
	ASSERT_TRUE(stamps(exact, (struct stamp_disks){ true, true, false }, none).bio_queue);
	/* a plug's requests are older than their bios: the hook is there to be attached */
	ASSERT_TRUE(!stamps(exact, good, watched).late_g && !stamps(own_ahead, good, watched).late_g &&
		    !stamps(ahead, good, none).late_g);
	p = stamps(ahead, good, watched);
	ASSERT_TRUE(p.kernel_g && p.late_g && stamp_spares(&p, POINT_GETRQ));
}

TEST(table_is_sound)
{
	bool seen[NR_POINTS] = { false };

	for (int i = 0; i < nr_hook_rows; i++) {
		const struct hook_row *r = &hook_rows[i];

		seen[r->point] = true;
		for (int j = 0; j < i; j++)
			ASSERT_TRUE(strcmp(r->program, hook_rows[j].program));
		/* rows of a point stand together, best first */
		if (i && hook_rows[i - 1].point != r->point)
			for (int j = 0; j < i; j++)
				ASSERT_TRUE(hook_rows[j].point != r->point);
	}
	for (int p = 0; p < NR_POINTS; p++)
		ASSERT_TRUE(seen[p]);
}

TEST(tier_names_and_their_alias)
{
	enum iop_tier t = TIER_BLOCK;

	ASSERT_EQ(tier_parse("cond_resched", &t), 0);
	ASSERT_EQ(t, TIER_FULL);
	t = TIER_VFS;
	ASSERT_EQ(tier_parse("fulll", &t), -EINVAL);
	ASSERT_EQ(t, TIER_VFS);
}

TEST_MAIN("hook", T(all_allowed_takes_the_best), T(tracepoints_only_host),
	  T(prototypes_choose_not_versions), T(without_btf_of_modules), T(modules_bring_their_stages),
	  T(a_missing_hook_degrades_its_stage),
	  T(without_a_needed_hook_the_tier_is_unavailable), T(no_permission_leaves_nothing),
	  T(a_hook_that_another_makes_superfluous_is_spared), T(whose_stamps_count), T(table_is_sound), T(tier_names_and_their_alias))
