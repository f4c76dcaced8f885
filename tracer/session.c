/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "session.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/bpf.h>

#include "disk.h"
#include "session-config.h"
#include "session-state.h"
#include "stats.h"
#include "tracer/base/cleanup.h"

/* ---- what libbpf has to say goes into @why, not to the terminal ---- */

static char libbpf_said[SESSION_WHY_LEN];
static FILE *libbpf_log;

static int keep_message(enum libbpf_print_level level, const char *fmt, va_list ap)
{
	char line[SESSION_WHY_LEN];

	if (!fmt)
		return 0;
	if (libbpf_log) {
		va_list copy;

		va_copy(copy, ap);
		vfprintf(libbpf_log, fmt, copy);
		va_end(copy);
	}
	if (level != LIBBPF_WARN)
		return 0;
	vsnprintf(line, sizeof(line), fmt, ap);
	line[strcspn(line, "\n")] = '\0';
	/* the first complaint names the cause, those after it the consequences */
	if (!libbpf_said[0] && !strstr(line, "BEGIN PROG LOAD LOG"))
		snprintf(libbpf_said, sizeof(libbpf_said), "%s",
			 strncmp(line, "libbpf: ", 8) ? line : line + 8);
	return 0;
}

static int fail(char *why, int err, const char *what)
{
	snprintf(why, SESSION_WHY_LEN, "%.80s: %.160s", what,
		 libbpf_said[0] ? libbpf_said : strerror(-err));
	return err;
}

/* ---- programs ---- */

static int select_programs(struct session *s, const struct session_opts *o,
			   const struct hook_plan *plan, const struct stamp_plan *stamps, char *why)
{
	for (int p = 0; p < NR_POINTS; p++) {
		bool late = p == POINT_GETRQ && stamps->late_g, spared = stamp_spares(stamps, p);
		const struct hook_row *row;
		struct bpf_program *prog;

		if (plan->chosen[p] < 0 || !hook_wanted(p, o->tier, &s->extras) || (spared && !late))
			continue;
		row = &hook_rows[plan->chosen[p]];
		prog = bpf_object__find_program_by_name(s->object.obj, row->program);
		if (!prog)
			return fail(why, -ENOENT, row->program);
		bpf_program__set_autoload(prog, true);
		if (spared) {
			s->late_g = prog;
			continue;
		}
		s->programs[p] = prog;
		s->nr_programs++;
	}
	return 0;
}

/*
 * A hook that the kernel offers and then refuses to attach (a function that
 * may not be traced) leaves its stage unmeasured, unless the tier needs it.
 */
static int attach_programs(struct session *s, struct hook_plan *plan, char *why)
{
	/* completions first: what begins while attaching is then seen to end */
	for (int p = NR_POINTS - 1; p >= 0; p--) {
		int err;

		if (!s->programs[p])
			continue;
		libbpf_said[0] = '\0';
		s->links[p] = bpf_program__attach(s->programs[p]);
		if (s->links[p]) {
			err = stand_ins_attach(&s->stand_ins, p);
			if (err)
				return fail(why, err, bpf_program__name(s->programs[p]));
			continue;
		}
		if (hook_points[p].needed)
			return fail(why, -errno, bpf_program__name(s->programs[p]));
		hook_give_up(plan, p);
		s->programs[p] = NULL;
		s->nr_programs--;
	}
	*s->object.aio_end_hooked = s->links[POINT_AIO_COMPLETE] != NULL;
	return 0;
}

/* ---- rings ---- */

static int listen_to(struct session *s, const char *map, ring_buffer_sample_fn fn)
{
	int fd = bpf_map__fd(object_map(&s->object, map));

	if (s->ring)
		return ring_buffer__add(s->ring, fd, fn, s);
	s->ring = ring_buffer__new(fd, fn, s, NULL);
	return s->ring ? 0 : -errno;
}

/* The hook of G has become needed; what cannot be attached is done without, and COUNT_RQ_AHEAD goes on. */
static int on_note(void *ctx, void *data, size_t len)
{
	struct session *s = ctx;

	(void)data, (void)len;
	if (!s->late_g)
		return 0;
	s->links[POINT_GETRQ] = bpf_program__attach(s->late_g);
	if (s->links[POINT_GETRQ]) {
		s->programs[POINT_GETRQ] = s->late_g;
		s->nr_programs++;
	}
	s->late_g = NULL;
	return 0;
}

/* ---- mapped arrays ---- */

/* Read-only, until the session closes. NULL and errno. */
static const void *map_array(struct session *s, const char *name)
{
	struct bpf_map *map = object_map(&s->object, name);
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	size_t len = (bpf_map__value_size(map) + 7ul) / 8 * 8 * bpf_map__max_entries(map);
	void *p;

	len = (len + page - 1) / page * page;
	p = mmap(NULL, len, PROT_READ, MAP_SHARED, bpf_map__fd(map), 0);
	if (p == MAP_FAILED)
		return NULL;
	s->mapped[s->nr_mapped++] = (struct mapped){ p, len };
	return p;
}

static int map_counters(struct session *s)
{
	s->counts = map_array(s, "counts");
	s->blocks = map_array(s, "block_stats");
	s->ops = map_array(s, "op_stats");
	s->row_ids = map_array(s, "row_ids");
	return s->counts && s->blocks && s->ops && s->row_ids ? 0 : -errno;
}

/* ---- life ---- */

int session_open(const struct session_opts *opts, const struct kernel *k,
		 struct hook_plan *plan, struct session **ret,
		 char why[static SESSION_WHY_LEN])
{
	_cleanup_(session_closep) struct session *s = calloc(1, sizeof(*s));
	const struct session_sizes z = session_sizes_for(opts, (u32)libbpf_num_possible_cpus(), disk_total_requests());
	struct stamp_plan stamps;
	int err;

	if (!s)
		return -ENOMEM;
	s->stats_fd = -1;
	s->nr_shards = z.shards;
	s->has_ops = opts->tier >= TIER_VFS;
	s->extras = opts->extras;
	s->extras.dirtiers = session_asks_dirtiers(opts);
	s->nr_devs = opts->nr_devs;
	memcpy(s->devs, opts->devs, sizeof(s->devs));
	libbpf_said[0] = '\0';
	libbpf_log = opts->debug;
	libbpf_set_print(keep_message);
	err = object_open(&s->object, k->no_fetch_atomics);
	if (err)
		return fail(why, err, "opening the programs");
	session_plan_stamps(opts, k, plan, &stamps);
	err = select_programs(s, opts, plan, &stamps, why);
	if (err)
		return err;
	err = session_size_maps(&s->object, &z);
	if (err)
		return fail(why, err, err == -E2BIG ? "--room: this kernel has no table of that size" : "sizing the maps");
	session_configure(s->object.cfg, opts, k, &z, plan, &stamps);
	err = object_load(&s->object);
	if (err)
		return fail(why, err, "loading the programs");
	err = map_counters(s);
	if (err)
		return fail(why, err, "mapping the counters");
	if (s->late_g)
		err = listen_to(s, "notes", on_note);
	if (err)
		return fail(why, err, "listening to the programs");
	if (opts->program_stats) {
		err = session_time_programs(s, true);
		if (err)
			return fail(why, err, "switching BPF run-time statistics on");
		s->timed_always = true;
	}
	if (k->preempts_programs) {
		const char *what;

		err = stand_ins_load(&s->stand_ins, &s->object, s->programs, &what);
		if (err)
			return fail(why, err, what);
	}
	err = attach_programs(s, plan, why);
	if (err)
		return err;
	*ret = take_ptr(s);
	return 0;
}

void session_close(struct session *s)
{
	if (!s)
		return;
	for (int p = 0; p < NR_POINTS; p++)
		bpf_link__destroy(s->links[p]);
	stand_ins_close(&s->stand_ins);
	ring_buffer__free(s->ring);
	records_free(s->records);
	for (u32 i = 0; i < s->nr_mapped; i++)
		munmap(s->mapped[i].p, s->mapped[i].len);
	if (s->stats_fd >= 0)
		close(s->stats_fd);
	object_close(&s->object);
	free(s);
}

int session_follow(struct session *s, u32 tgid)
{
	u8 one = 1;

	return bpf_map__update_elem(object_map(&s->object, "tree"), &tgid, sizeof(tgid), &one, sizeof(one),
				    BPF_ANY);
}

void session_enable(struct session *s)
{
	struct timespec ts;

	/* the hooks alone: programs return at once */
	if (s->object.cfg->floor)
		return;
	clock_gettime(CLOCK_MONOTONIC, &ts);
	__atomic_store_n(s->object.enabled_ns,
			 (u64)ts.tv_sec * 1000000000ull + (u64)ts.tv_nsec, __ATOMIC_SEQ_CST);
}

void session_disable(struct session *s)
{
	__atomic_store_n(s->object.enabled_ns, 0, __ATOMIC_SEQ_CST);
}

/* ---- records ---- */

static int on_record(void *ctx, void *data, size_t len)
{
	struct session *s = ctx;

	records_take(s->records, data, len);
	return 0;
}

int session_on_record(struct session *s, record_fn fn, void *ctx)
{
	s->records = records_new(fn, ctx);
	if (!s->records)
		return -ENOMEM;
	return listen_to(s, "ring", on_record);
}

void session_set_top_threshold(struct session *s, u64 ns)
{
	__atomic_store_n(s->object.top_threshold_ns, ns, __ATOMIC_RELAXED);
}

int session_poll_fd(const struct session *s)
{
	return s->ring ? ring_buffer__epoll_fd(s->ring) : -1;
}

int session_drain(struct session *s)
{
	return s->ring ? ring_buffer__consume(s->ring) : 0;
}

/* ---- what is in flight ---- */

static int map_table(struct session *s, const char *name, size_t slot_bytes, struct slot_table *t)
{
	t->data = map_array(s, name);
	if (!t->data)
		return -errno;
	t->slots = (u32)(bpf_map__value_size(object_map(&s->object, name)) / slot_bytes);
	return 0;
}

/* Mapped at first use: what is mapped counts as memory of this process. */
static bool has_requests(u32 dev)
{
	return disk_requests(dev) != 0;
}

static int map_tables(struct session *s)
{
	struct slot_tables *t = &s->tables;
	int err = 0;

	t->has_requests = has_requests;
	if (!t->ops.slots)
		err = map_table(s, "ops_slots", sizeof(struct op), &t->ops);
	if (!err && !t->bios.slots)
		err = map_table(s, "bios_slots", sizeof(struct bio_slot), &t->bios);
	if (!err && !t->rqs.slots)
		err = map_table(s, "rqs_slots", sizeof(struct rq_slot), &t->rqs);
	return err;
}

int session_unfinished(struct session *s, u64 now_ns, u64 min_age_ns, bool all, unfinished_fn fn, void *ctx)
{
	int err = map_tables(s);

	return err ? err : unfinished_each(&s->tables, now_ns, min_age_ns, all, fn, ctx);
}

int session_in_flight(struct session *s, u64 *ret_requests, u64 *ret_operations)
{
	int err = map_tables(s);

	if (err)
		return err;
	unfinished_count(&s->tables, ret_requests, ret_operations);
	/* nothing of ours tells of them until they complete */
	if (s->object.cfg->kernel_d)
		*ret_requests = disk_in_flight(s->devs, s->nr_devs);
	return 0;
}

int session_map_fd(const struct session *s, const char *name)
{
	return bpf_map__fd(object_map(&s->object, name));
}

/* ---- counters ---- */

static const struct iop_op_stats *op_stats(const struct session *s, u32 shard, u32 row)
{
	return &s->ops[shard * NR_OP_ROWS + row - NR_BLOCK_ROWS];
}

static bool row_used(const struct session *s, u32 row)
{
	if (stats_row_is_block(row))
		return s->row_ids[row].dev != 0;
	if (!s->has_ops)
		return false;
	for (u32 shard = 0; shard < s->nr_shards; shard++)
		if (op_stats(s, shard, row)->c.count)
			return true;
	return false;
}

static void read_row(struct session *s, u32 row, struct stats_row *r)
{
	bool block = stats_row_is_block(row);
	u32 nr = block ? NR_BLOCK_HISTS : NR_OP_HISTS;

	r->c = (struct iop_row){ 0 };
	for (u32 shard = 0; shard < s->nr_shards; shard++) {
		const struct iop_block_stats *b = &s->blocks[shard * NR_BLOCK_ROWS + row];
		const u64 *c = (const u64 *)(block ? &b->c : &op_stats(s, shard, row)->c);
		const struct iop_hist *h = block ? b->h : op_stats(s, shard, row)->h;

		for (size_t i = 0; i < sizeof(r->c) / sizeof(u64); i++)
			((u64 *)&r->c)[i] += __atomic_load_n(&c[i], __ATOMIC_RELAXED);
		for (u32 i = 0; i < nr; i++)
			hist_absorb(&r->h[i], &h[i], &r->prev[shard * NR_OP_HISTS + i]);
	}
}

#define MAY_WRAP (1u << 30)

bool session_may_wrap(const struct session *s, const struct stats *st)
{
	for (u32 row = 0; row < NR_ROWS; row++) {
		u64 count = st->rows[row] ? 0 - st->rows[row]->c.count : 0;

		if (!row_used(s, row))
			continue;
		for (u32 shard = 0; shard < s->nr_shards; shard++)
			count += stats_row_is_block(row) ? s->blocks[shard * NR_BLOCK_ROWS + row].c.count :
							   op_stats(s, shard, row)->c.count;
		if (count > MAY_WRAP)
			return true;
	}
	return false;
}

int session_read(struct session *s, struct stats *st)
{
	st->nr_shards = s->nr_shards;
	for (u32 i = 0; i < NR_COUNTS; i++)
		st->counts[i] = session_count(s, i);
	st->counts[COUNT_LOSS_FIRST + LOSS_UNEVEN] = records_uneven(s->records);
	for (u32 row = 0; row < NR_ROWS; row++) {
		struct stats_row *r;

		if (!row_used(s, row))
			continue;
		r = stats_row(st, row);
		if (!r)
			return -ENOMEM;
		if (stats_row_is_block(row))
			r->id = s->row_ids[row];
		read_row(s, row, r);
	}
	return 0;
}
