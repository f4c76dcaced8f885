/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is counted for whoever an operation, bio or request is of (who.bpf.h). */
#ifndef IOPATH_WHO_COUNT_H
#define IOPATH_WHO_COUNT_H

#include "who.bpf.h"

/* ---- counting ---- */

struct who_sample {
	u64 now, ns, bytes;
	u32 level, class;
	u8 error, sequential, deferred;
};

static __always_inline void who_key_of(struct who_key *key, const struct who_id *id, u32 dim, u32 dev)
{
	key->dim = dim;
	key->pad = key->gen = 0;
	switch (dim) {
	case WHO_PROCESS:
		key->id = id->start_ns;
		key->sub = id->tgid;
		break;
	case WHO_FILE:
		key->id = id->ino;
		key->sub = id->file_dev;
		key->gen = id->file_gen;
		break;
	case WHO_CGROUP:
		key->id = id->cgroup;
		key->sub = id->hierarchy;
		break;
	default:
		key->id = 0;
		key->sub = dev;
	}
}

static __always_inline void who_count(struct who_stats *s, const struct who_sample *m)
{
	__sync_fetch_and_add(&s->count, 1);
	__sync_fetch_and_add(&s->sum_ns, m->ns);
	__sync_fetch_and_add(&s->lat[who_class(hist_bucket(m->ns), WHO_LAT_MIN_EXP, NR_WHO_LATS)], 1);
	if (m->error)
		__sync_fetch_and_add(&s->errors, 1);
	if (m->deferred)
		__sync_fetch_and_add(&s->deferred, 1);
	/* not atomic: user space mends a lost race from the topmost bucket */
	if (m->ns > s->max_ns)
		s->max_ns = m->ns;
	if (m->class == WHO_OTHER)
		return;
	__sync_fetch_and_add(&s->bytes, m->bytes);
	__sync_fetch_and_add(&s->size[who_class(hist_bucket(m->bytes), WHO_SIZE_MIN_EXP, NR_WHO_SIZES)], 1);
	if (m->sequential)
		__sync_fetch_and_add(&s->sequential, 1);
	if (m->bytes > s->max_bytes)
		s->max_bytes = m->bytes;
}

static __noinline int who_add(const struct who_key *key, const struct who_id *id, const struct who_sample *m)
{
	struct who_entry *e = who_find(key);
	u32 i = m->level * NR_WHO_CLASSES + m->class;

	if (!e) {
		struct who_key others = { .dim = key->dim };

		e = who_find(&others);
	}
	if (!e || i >= NR_WHO_LEVELS * NR_WHO_CLASSES)
		return 0;
	e->last_ns = m->now;
	/* an exec gives the process another name */
	if (key->dim == WHO_PROCESS && key->id) {
		((u64 *)e->name)[0] = ((u64 *)id->comm)[0];
		((u64 *)e->name)[1] = ((u64 *)id->comm)[1];
		e->name_len = IOP_COMM_LEN;
		e->flags = WHO_NAMED;
	}
	who_count(&e->s[0][0] + i, m);
	return 0;
}

/* ---- operations ---- */

/* In the issuer's context; the file is known but for io_uring. */
__global_fn int who_op_issued(int index)
{
	u32 tid = (u32)bpf_get_current_pid_tgid();
	const struct op *o;
	struct who_id *id;

	if (!cfg.who)
		return 0;
	o = ops_at((u32)index);
	id = who_op_at(index);
	if (!o || !id)
		return 0;
	who_here(id);
	if (who_by(WHO_FILE) && o->file && o->inode)
		who_set_file(id, o->file, o->file_dev);
	if (o->has_offset)
		id->sequential = who_continues((o->file ? o->file : (u64)o->fd << 3) ^ (u64)tid << 40,
					       o->offset, o->len);
	return 0;
}

static __always_inline void who_op_count(const struct who_id *id, const struct who_sample *m)
{
	for (u32 dim = WHO_PROCESS; dim <= WHO_CGROUP; dim++) {
		struct who_key key;

		if (!(cfg.who & 1u << dim))
			continue;
		who_key_of(&key, id, dim, 0);
		/* sync() has no file */
		if (dim != WHO_FILE || key.id)
			who_add(&key, id, m);
	}
}

__global_fn int who_op_end(int index, u64 total, s64 result)
{
	struct who_sample m = { .level = WHO_OPS, .ns = total };
	const struct op *o;
	struct who_id *id;

	if (!cfg.who)
		return 0;
	o = ops_at((u32)index);
	id = who_op_at(index);
	if (!o || !id)
		return 0;
	m.now = o->t0 + total;
	m.class = o->kind == KIND_READ ? WHO_READ : o->kind == KIND_WRITE ? WHO_WRITE : WHO_OTHER;
	m.bytes = result > 0 ? (u64)result : 0;
	m.error = result < 0;
	m.sequential = id->sequential;
	if (who_by(WHO_FILE) && !id->ino && o->file && o->inode)
		who_set_file(id, o->file, o->file_dev);
	who_op_count(id, &m);
	return 0;
}

/* ---- bios ---- */

SLOT_TABLE(who_bios, struct who_bio);

/* A process that goes from device to device. */
static __always_inline void who_switch(const struct who_id *id, u32 dev)
{
	struct who_key key = { .id = id->start_ns, .sub = id->tgid, .dim = WHO_PROCESS };
	struct who_entry *e = who_find(&key);

	if (!e)
		return;
	if (e->last_dev && e->last_dev != dev)
		__sync_fetch_and_add(&e->switches, 1);
	e->last_dev = dev;
}

/* First seen by its pages: the path is known within its file system alone. */
__global_fn int who_new_inode(u64 address)
{
	struct inode *inode = (struct inode *)address;
	struct who_key key = { .dim = WHO_FILE };
	struct who_entry *e;

	if (!cfg.who)
		return 0;
	key.id = BPF_CORE_READ(inode, i_ino);
	key.sub = BPF_CORE_READ(inode, i_sb, s_dev);
	key.gen = BPF_CORE_READ(inode, i_generation);
	e = who_make(&key);
	if (!e || e->name_len)
		return 0;
	e->name_len = names_of(inode, e->name);
	e->flags |= WHO_NAMED | WHO_NAME_IN_FS;
	return 0;
}

/* By the pages that it carries, if they are of the page cache. */
static __always_inline void who_bio_file(struct who_id *id, struct bio *bio)
{
	u64 offset;
	struct inode *inode = bio_inode(bio, &offset);
	struct who_key key = { .dim = WHO_FILE };
	u32 type = BPF_CORE_READ(inode, i_mode) & S_IFMT;

	if (!inode || (type != S_IFREG && type != S_IFDIR))
		return;
	key.id = id->ino = BPF_CORE_READ(inode, i_ino);
	key.sub = id->file_dev = BPF_CORE_READ(inode, i_sb, s_dev);
	key.gen = id->file_gen = BPF_CORE_READ(inode, i_generation);
	if (!who_find(&key))
		who_new_inode((u64)inode);
}

static __always_inline void who_bio_fill(struct who_bio *b, struct bio *bio, u64 op, u32 dev, bool nested)
{
	u64 at = BPF_CORE_READ(bio, bi_iter.bi_sector) << 9, tid = (u32)bpf_get_current_pid_tgid();
	struct task_struct *task = current_task();
	const struct op *o = op ? op_of(op) : NULL;
	struct who_id *from = o ? who_op_at((int)o->index) : NULL;

	if (from)
		b->id = *from;
	else if (!who_dirtied_it(&b->id, bio, task))
		who_here(&b->id);
	/* a sync names one file, and writes others too; pages of direct I/O can be anyone's */
	if (who_by(WHO_FILE) && (!b->id.ino || !o || (o->kind != KIND_READ && o->kind != KIND_WRITE)))
		who_bio_file(&b->id, bio);
	b->dev = dev;
	b->bytes = BPF_CORE_READ(bio, bi_iter.bi_size);
	b->nested = nested || LOAD(task, bio_list);
	b->id.sequential = who_continues(tid << 33 | (u64)dev << 1, at, b->bytes);
	b->dev_sequential = who_by(WHO_DEVICE) && who_continues((u64)dev << 1 | 1, at, b->bytes);
}

/*
 * A bio that passed the filters is queued, perhaps as part of operation @op.
 * The initiator is who issued that; without one, who made its pages dirty, when
 * a thread of the kernel's submits it; else the task that submits.
 * @bop: iop_block_op, perhaps with WHO_NESTED.
 */
__global_fn int who_bio_queued(u64 address, u64 op, u64 q, u32 dev, u32 bop)
{
	u32 index, class = bop & ~WHO_NESTED;
	struct who_bio *b;

	if (!cfg.who)
		return 0;
	b = who_bios_claim(address, &index);
	if (!b) {
		lost(LOSS_BIO_MAP_FULL);
		return 0;
	}
	b->q = q;
	b->kernel_stack = b->user_stack = STACK_NOT_TAKEN;
	b->class = class == BOP_READ ? WHO_READ : class == BOP_WRITE ? WHO_WRITE : WHO_OTHER;
	who_bio_fill(b, (struct bio *)address, op, dev, bop & WHO_NESTED);
	if (who_by(WHO_PROCESS) && !b->nested)
		who_switch(&b->id, dev);
	if (who_by(WHO_DEVICE)) {
		struct who_key key = { .sub = dev, .dim = WHO_DEVICE };

		who_make(&key);
	}
	return 0;
}

static __always_inline void who_bio_count(const struct who_bio *b, struct who_sample *m)
{
	for (u32 dim = WHO_PROCESS; dim < NR_WHO_DIMS; dim++) {
		struct who_key key;

		if (!(cfg.who & 1u << dim) || (b->nested && dim != WHO_DEVICE))
			continue;
		m->sequential = dim == WHO_DEVICE ? b->dev_sequential : b->id.sequential;
		who_key_of(&key, &b->id, dim, b->dev);
		if (dim != WHO_FILE || key.id)
			who_add(&key, &b->id, m);
	}
}

static __noinline int stacks_ended(const struct who_bio *b, u64 ns);

__global_fn int who_bio_end(u64 address, int error)
{
	struct who_sample m = { .level = WHO_BIOS };
	struct who_bio *b;

	if (!cfg.who)
		return 0;
	b = who_bios_find(address);
	if (!b)
		return 0;
	m.now = bpf_ktime_get_ns();
	m.ns = m.now > b->q ? m.now - b->q : 0;
	m.bytes = b->bytes;
	m.class = b->class;
	m.error = error != 0;
	m.deferred = b->id.deferred;
	if (!too_short(m.ns)) {
		who_bio_count(b, &m);
		if (cfg.who & WHO_STACKS)
			stacks_ended(b, m.ns);
	}
	who_bios_release(b);
	return 0;
}

/* Bios of a request of which @bytes have completed: those that end with it. */
static __always_inline void who_request_end(u64 request, u32 bytes, int error)
{
	struct request *rq = (struct request *)request;
	struct bio *bio = BPF_CORE_READ(rq, bio);

	for (int i = 0; i < MAX_CHAIN && bio; i++) {
		u32 size = BPF_CORE_READ(bio, bi_iter.bi_size);

		if (size > bytes)
			break;
		bytes -= size;
		who_bio_end((u64)bio, error);
		bio = BPF_CORE_READ(bio, bi_next);
	}
}

#endif
