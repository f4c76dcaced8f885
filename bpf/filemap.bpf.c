/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Tier filemap: page-cache look-ups, folios added (a miss, readahead), direct
 * I/O through iomap, dirty throttling, waiting for writeback. The sleeps of
 * the last two are seen by the switch hook of full.bpf.c.
 */
#include "plain-cache.bpf.h"

/*
 * Is the mapping that of the operation's file? Metadata of a file system goes
 * through the block device's own. A block device's file has another inode
 * (devtmpfs) than its mapping (bdevfs).
 */
static __always_inline bool on_own_mapping(const struct op *o, struct address_space *mapping)
{
	struct file *file = (struct file *)o->file;

	if (!file || o->inode == address(mapping->host))
		return true;
	return (u64)BPF_CORE_READ(file, f_mapping) == address(mapping);
}

/* filemap_get_pages() has what it was asked for. */
static __always_inline int on_get_pages(struct address_space *mapping)
{
	struct op *o = op_here();

	if (!o || o->kind != KIND_READ)
		return 0;
	if (!on_own_mapping(o, mapping))
		return 0;
	o->lookups++;
	op_cache_done(o);
	return 0;
}

/* What came before the first look-up was the way down. */
static __always_inline int look_begin(struct op *o)
{
	if (o && !o->cached && !o->nr_bios)
		op_spent(o, STAGE_OTHER);
	return 0;
}

static __always_inline int on_lookup_begin(void)
{
	struct op *o = op_here();

	return look_begin(o && o->kind == KIND_READ ? o : NULL);
}

static __always_inline int lookup_end(struct op *o)
{
	if (!o || o->kind != KIND_READ)
		return 0;
	o->lookups++;
	op_cache_done(o);
	return 0;
}

static __always_inline int on_lookup_end(void)
{
	return lookup_end(op_here());
}

/* The folios that a look-up found are all used: copied from, and marked accessed. */
static __always_inline int on_lookup_found(const struct folio_batch *found)
{
	struct op *o = op_here();

	if (o && bpf_core_field_exists(found->nr))
		o->accessed += found->nr;
	return lookup_end(o);
}

/* Direct I/O asks whether the cache holds dirty folios of the range: a look-up too. */
static __always_inline int on_check_begin(void)
{
	return look_begin(op_here());
}

static __always_inline int on_check_end(void)
{
	struct op *o = op_here();

	if (o)
		op_cache_done(o);
	return 0;
}

/*
 * Whatever was dirty in the range has been written and waited for; what its
 * requests have not accounted for is waiting too. A mapping without pages, as
 * direct I/O leaves it, has nothing: no need to ask whose it is.
 */
static __always_inline int on_range_end(const struct address_space *mapping)
{
	struct op *o;

	if (!mapping->nrpages)
		return 0;
	o = op_here();
	/* those that sync wait for what they are about: the sleeps of that are told by their cause */
	if (o && (o->kind == KIND_READ || o->kind == KIND_WRITE))
		op_spent(o, STAGE_WBWAIT);
	return 0;
}

#define MAPPING_ANON 1

/* Direct I/O marks the caller's own memory so too, which is no page cache. */
static __always_inline int on_accessed(u64 mapping)
{
	struct op *o;

	if (!mapping || mapping & MAPPING_ANON)
		return 0;
	o = op_here();
	if (o)
		o->accessed++;
	return 0;
}

/* A folio came into the cache: what was looked for was not there. */
static __always_inline int on_folio_added(struct folio *folio)
{
	struct op *o = op_here();
	u64 last;

	if (!o || (o->kind != KIND_READ && o->kind != KIND_WRITE && o->kind != KIND_FAULT))
		return 0;
	if (!on_own_mapping(o, folio_mapping(folio)))
		return 0;
	if (!o->has_offset && o->regs)
		op_ask_range((int)o->index);
	last = o->has_offset && o->len ? (o->offset + o->len - 1) >> PAGE_SHIFT : -1ull;
	if (folio_index(folio) > last)
		o->folios_ahead++;
	else
		o->folios_added++;
	/* the look-up that missed ends here; a write goes on without one */
	if (o->kind != KIND_WRITE)
		op_cache_done(o);
	return 0;
}

/* The next sleep of this task is for this reason. */
static __always_inline int on_sleep_cause(u8 cause)
{
	struct op *o = op_here();

	if (o)
		o->cause = cause;
	return 0;
}

static __always_inline int on_dio_begin(void)
{
	struct op *o = op_here();

	if (o)
		o->direct = 1;
	return 0;
}

HOOK("?fentry/filemap_get_pages", lookup_begin, (void *iocb), on_lookup_begin())
HOOK("?fexit/filemap_get_pages", lookup_done, (void *iocb, void *wanted, struct folio_batch *found),
     on_lookup_found(found))
/* until 5.11 the look-up has no function of its own: it ends where a page is used */
HOOK("?fentry/generic_file_buffered_read", buffered_read, (void *iocb), on_lookup_begin())
HOOK("?fentry/mark_page_accessed", page_found, (void *page), on_lookup_end())
HOOK("?fentry/folio_mark_accessed", folio_accessed, (struct folio *folio),
     on_accessed(address(folio->mapping)))
HOOK("?fentry/mark_page_accessed", page_accessed, (struct page *page),
     on_accessed(address(page->mapping)))
HOOK("?fentry/filemap_range_needs_writeback", check_begin, (void *mapping), on_check_begin())
HOOK("?fexit/filemap_range_needs_writeback", check_end, (void *mapping), on_check_end())
HOOK("?fexit/__filemap_fdatawait_range", wait_end, (struct address_space *mapping), on_range_end(mapping))
HOOK("?fexit/filemap_write_and_wait_range", range_end, (struct address_space *mapping), on_range_end(mapping))
HOOK("?tp_btf/mm_filemap_get_pages", get_pages, (struct address_space *mapping),
     on_get_pages(mapping))
HOOK_PLAIN("?tp_btf/mm_filemap_add_to_page_cache", folio_added, (struct folio *folio), plain_vfs,
	   plain_folio_added(folio), on_folio_added(folio))
HOOK("?tp_btf/folio_wait_writeback", wait_writeback, (struct folio *folio),
     on_sleep_cause(CAUSE_WBWAIT))
HOOK("?tp_btf/wait_on_page_writeback", wait_page_writeback, (void *page), on_sleep_cause(CAUSE_WBWAIT))
HOOK("?tp_btf/iomap_dio_rw_begin", dio_begin, (struct kiocb *iocb), on_dio_begin())
/* before that tracepoint (6.6); with its seven arguments fentry cannot be had on all kernels */
HOOK("?fentry/iomap_dio_rw", dio_rw, (void *iocb), on_dio_begin())
SEC("?kprobe/iomap_dio_rw") int BPF_KPROBE(dio_rw_kprobe)
{
	return ACTIVE() ? on_dio_begin() : 0;
}

/* mm/page-writeback.c: fires before each pause, and with pause <= 0 when there is none */
HOOK("?tp_btf/balance_dirty_pages", throttle,
     (struct bdi_writeback *wb, struct dirty_throttle_control *dtc, unsigned long dirty_ratelimit,
      unsigned long task_ratelimit, unsigned long dirtied, unsigned long period, long pause),
     pause > 0 ? on_sleep_cause(CAUSE_THROTTLE) : 0)
/* until 6.12: (wb, thresh, bg_thresh, dirty, bdi_thresh, bdi_dirty, then the same) */
HOOK("?tp_btf/balance_dirty_pages", throttle_12,
     (struct bdi_writeback *wb, unsigned long thresh, unsigned long bg_thresh, unsigned long dirty,
      unsigned long bdi_thresh, unsigned long bdi_dirty, unsigned long dirty_ratelimit,
      unsigned long task_ratelimit, unsigned long dirtied, unsigned long period, long pause),
     pause > 0 ? on_sleep_cause(CAUSE_THROTTLE) : 0)
