/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Tier block: bio queued (Q), request allocated (G), inserted into the
 * scheduler (I), issued to the driver (D), completed (C).
 *
 * Q, G and D are the kernel's own stamps where these are exact
 * (tracer/stamp.h): then most requests are known by their completion alone.
 * Else a bio has a slot from Q, and a request one from its first own stamp.
 */
#include "plain-block.bpf.h"
#include "level.bpf.h"

/* A bio has been queued: where from? Not where the throttle's worker lets it go. */
static __always_inline int on_bio_stack(void *ctx, u64 bio)
{
	struct bio_slot *b = bios_find(bio);
	struct op *o = b && b->op ? op_of(b->op) : NULL;

	if (!o || b->owner.tid != (u32)bpf_get_current_pid_tgid())
		return 0;
	return stack_keep(ctx, (int)o->index, b->op);
}

#define ON_BIO_QUEUE(bio) \
	(cfg.kernel_stack ? on_bio_queue(bio) | on_bio_stack(ctx, address(bio)) : on_bio_queue(bio))

/* ---- the hooks ---- */

HOOK("?tp_btf/writeback_dirty_folio", folio_dirtied, (void *folio, struct address_space *mapping),
     on_dirtied(mapping))
HOOK("?tp_btf/writeback_dirty_page", page_dirtied, (void *page, struct address_space *mapping),
     on_dirtied(mapping))

static __noinline int stacks_queued(void *ctx, u64 address);

/* Only the program itself has the context that a stack is taken by. */
#define BIO_HOOK(call, bio) ((call), cfg.who & WHO_STACKS ? stacks_queued(ctx, address(bio)) : 0)

HOOK_PLAIN("?tp_btf/block_bio_queue", bio_queue, (struct bio *bio), plain_begin, plain_bio_queue(bio),
	   BIO_HOOK(ON_BIO_QUEUE(bio), bio))
HOOK("?fentry/__blk_throtl_bio", bio_throttle, (struct bio *bio), BIO_HOOK(on_bio_throttle(bio), bio))
HOOK("?tp_btf/block_getrq", getrq, (struct bio *bio), on_bio_got(bio))
HOOK("?tp_btf/block_bio_backmerge", bio_backmerge, (struct bio *bio), on_bio_merged(bio, false))
HOOK("?tp_btf/block_bio_frontmerge", bio_frontmerge, (struct bio *bio), on_bio_merged(bio, true))
HOOK("?tp_btf/block_split", bio_split, (struct bio *bio, unsigned int sector), on_split(bio, sector))
HOOK("?tp_btf/block_bio_complete", bio_complete, (struct request_queue *q, struct bio *bio),
     on_bio_complete(bio))
HOOK("?tp_btf/block_rq_insert", rq_insert, (struct request *rq), on_insert(rq))
HOOK("?tp_btf/block_rq_issue", rq_issue, (struct request *rq), on_issue(rq))
HOOK("?tp_btf/block_rq_requeue", rq_requeue, (struct request *rq), on_requeue(rq))
HOOK("?tp_btf/block_rq_merge", rq_merge, (struct request *rq), on_absorbed(rq))
HOOK_PLAIN("?tp_btf/block_rq_complete", rq_complete,
	   (struct request *rq, int error, unsigned int nr_bytes), plain,
	   plain_complete(rq, error, nr_bytes), on_complete(rq, (s16)error, nr_bytes))

/* until 5.10 with the queue, and merges with the request */
HOOK("?tp_btf/block_bio_queue", bio_queue_q, (void *q, struct bio *bio), BIO_HOOK(ON_BIO_QUEUE(bio), bio))
HOOK("?tp_btf/block_getrq", getrq_q, (void *q, struct bio *bio), on_bio_got(bio))
HOOK("?tp_btf/block_bio_backmerge", bio_backmerge_q, (void *q, void *rq, struct bio *bio),
     on_bio_merged(bio, false))
HOOK("?tp_btf/block_bio_frontmerge", bio_frontmerge_q, (void *q, void *rq, struct bio *bio),
     on_bio_merged(bio, true))
HOOK("?tp_btf/block_split", bio_split_q, (void *q, struct bio *bio, unsigned int sector), on_split(bio, sector))

/* drivers; as raw tracepoints where modules have no BTF (until 5.10) */
HOOK("?tp_btf/nvme_setup_cmd", nvme_setup, (void *rq), on_setup(address(rq)))
HOOK("?raw_tp/nvme_setup_cmd", nvme_setup_raw, (void *rq), on_setup((u64)rq))
HOOK("?tp_btf/scsi_dispatch_cmd_start", scsi_dispatch, (void *cmd), on_handed(address(cmd)))
HOOK("?raw_tp/scsi_dispatch_cmd_start", scsi_dispatch_raw, (void *cmd), on_handed((u64)cmd))
HOOK("?fentry/virtqueue_add_sgs", virtio_add,
     (struct virtqueue *vq, void *sgs, unsigned int out, unsigned int in, void *data),
     on_virtio(vq, address(data)))
/* where modules have no BTF the queue cannot be asked: then a request is known by its issue */
SEC("?kprobe/virtqueue_add_sgs") int BPF_KPROBE(virtio_add_kprobe, void *vq, void *sgs, unsigned int out,
						unsigned int in, void *data)
{
	return ACTIVE() ? on_handed((u64)data) : 0;
}
HOOK("?fentry/blk_mq_complete_request", rq_done, (void *rq), on_done(address(rq)))
HOOK_PLAIN("?fentry/blk_mq_complete_request_remote", rq_done_remote, (void *rq), plain, plain_done(address(rq)),
	   on_done(address(rq)))
