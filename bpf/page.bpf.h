/* SPDX-License-Identifier: GPL-2.0-or-later */
/* From a bio to the page cache's inode whose pages it carries, and to its name. */
#ifndef IOPATH_PAGE_H
#define IOPATH_PAGE_H

#include "atomic.bpf.h"

#define MAPPING_ANON 1
#define MAPPING_FLAGS 3
#define PAGE_SHIFT 12

/* Head of a compound page; a mask may stand there instead of its address. */
static __always_inline u64 page_head(u64 page)
{
	struct page *p = (struct page *)page;
	struct page___info *info = (struct page___info *)page;
	u64 v;

	/* barriers: what does not relocate must stay in the branch that is dead then */
	if (bpf_core_field_exists(info->compound_info)) {
		barrier_var(info);
		v = BPF_CORE_READ(info, compound_info);
	} else {
		barrier_var(p);
		v = BPF_CORE_READ(p, compound_head);
	}
	if (!(v & 1))
		return page;
	v -= 1;
	return (u32)(v >> 32) == ~0u ? page & v : v;
}

static __always_inline u64 page_mapping(u64 page, u64 *ret_index)
{
	if (bpf_core_type_exists(struct folio)) {
		struct folio *f = (struct folio *)page;

		barrier_var(f);
		*ret_index = BPF_CORE_READ(f, index);
		return (u64)BPF_CORE_READ(f, mapping);
	} else {
		struct page *p = (struct page *)page;

		barrier_var(p);
		*ret_index = BPF_CORE_READ(p, index);
		return (u64)BPF_CORE_READ(p, mapping);
	}
}

/* Of a folio that the kernel vouches for; of a page, until 5.15. */
static __always_inline struct address_space *folio_mapping(struct folio *folio)
{
	struct page *page = (struct page *)folio;

	return bpf_core_field_exists(folio->mapping) ? folio->mapping : page->mapping;
}

static __always_inline u64 folio_index(struct folio *folio)
{
	struct page *page = (struct page *)folio;

	return bpf_core_field_exists(folio->index) ? folio->index : page->index;
}

/* One of the names of an inode; NULL: it has none now. */
static __always_inline struct dentry *inode_name(struct inode *inode)
{
	u64 alias = (u64)BPF_CORE_READ(inode, i_dentry.first);
	struct dentry___plain *plain = NULL;
	struct dentry *d = NULL;

	if (!alias)
		return NULL;
	if (bpf_core_field_exists(plain->d_alias)) {
		barrier_var(alias);
		return (struct dentry *)(alias - bpf_core_field_offset(plain->d_alias));
	}
	barrier_var(alias);
	return (struct dentry *)(alias - bpf_core_field_offset(d->d_u.d_alias));
}

#define NAMES_DEPTH 16

/* The names that lead to an inode within its file system, from the innermost; as in struct iop_slow. */
static __always_inline u32 names_of(struct inode *inode, char path[IOP_PATH_LEN + IOP_NAME_LEN])
{
	struct dentry *d = inode_name(inode), *parent;
	u32 n = 0, at;
	long len;

	for (int i = 0; d && i < NAMES_DEPTH && n < IOP_PATH_LEN; i++) {
		parent = BPF_CORE_READ(d, d_parent);
		if (parent == d)
			break;
		at = n;
		barrier_var(at);
		at &= IOP_PATH_LEN - 1;
		len = bpf_probe_read_kernel_str(&path[at], IOP_NAME_LEN, BPF_CORE_READ(d, d_name.name));
		if (len <= 0 || len > IOP_NAME_LEN)
			break;
		n += (u32)len;
		d = parent;
	}
	return n;
}

/*
 * Are its first pages a task's own, as those of direct I/O are? Then there is no
 * file to look for, which takes more. A tail page has other bits there: not known.
 */
static __always_inline bool bio_is_anonymous(struct bio *bio)
{
	struct bio_vec *v = bio->bi_io_vec;
	struct page *page = v && !bio->bi_iter.bi_idx ? v->bv_page : NULL;

	return page && address(folio_mapping((struct folio *)page)) & MAPPING_ANON;
}

/* NULL: its pages are not of the page cache. *@ret_offset, of its first page in the file, is set on success. */
static __always_inline struct inode *bio_inode(struct bio *bio, u64 *ret_offset)
{
	u64 vec = (u64)BPF_CORE_READ(bio, bi_io_vec), page, mapping, index = 0;
	struct bio_vec *v;

	if (!vec)
		return NULL;
	vec += (u64)BPF_CORE_READ(bio, bi_iter.bi_idx) * bpf_core_type_size(struct bio_vec);
	v = (struct bio_vec *)vec;
	page = (u64)BPF_CORE_READ(v, bv_page);
	if (!page)
		return NULL;
	mapping = page_mapping(page_head(page), &index);
	if (!mapping || mapping & MAPPING_FLAGS)
		return NULL;
	*ret_offset = index << PAGE_SHIFT;
	return BPF_CORE_READ((struct address_space *)mapping, host);
}

#endif
