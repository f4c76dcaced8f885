/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "view-stacks.h"

#include "disk.h"
#include "tracer/base/parse.h"
#include "view-json.h"
#include "view-who.h"

#define W 32
#define BAR 40

static void put_histogram(FILE *out, const struct stack_stats *s)
{
	u32 first = NR_WHO_LATS, last = 0, most = 0;
	char from[W];

	for (u32 b = 0; b < NR_WHO_LATS; b++) {
		if (!s->lat[b])
			continue;
		first = first == NR_WHO_LATS ? b : first;
		last = b;
		most = s->lat[b] > most ? s->lat[b] : most;
	}
	for (u32 b = first; b <= last; b++) {
		int stars = (int)((u64)s->lat[b] * BAR / most);

		fprintf(out, "  %9s .. %10u |%.*s\n", fmt_duration(b ? 1ull << (b + WHO_LAT_MIN_EXP) : 0, from, W),
			s->lat[b], stars, "****************************************");
	}
}

static void put_stack(FILE *out, struct stacks *st, const struct stack_row *r, u64 all_ns)
{
	char disk[DISK_NAME_LEN], name[SYMBOL_LEN], mean[W], max[W];
	u32 user = stacks_user_until(st, r);

	fprintf(out, "\nstack  %s %s  %llu bios  %.2f MB  mean %s  max %s  %.1f%% of the time", disk_name(r->key.dev, disk),
		who_class_names[r->key.class % NR_WHO_CLASSES], (unsigned long long)r->s.count, (double)r->s.bytes / 1e6,
		fmt_duration(r->s.count ? r->s.sum_ns / r->s.count : 0, mean, W), fmt_duration(r->s.max_ns, max, W),
		all_ns ? 100.0 * (double)r->s.sum_ns / (double)all_ns : 0);
	if (st->with_user)
		fprintf(out, "  %.*s pid %u", IOP_COMM_LEN, r->s.comm, r->key.tgid);
	fprintf(out, "\n");
	if (!r->nr_kernel)
		fprintf(out, "    [lost]\n");
	for (u32 i = stacks_kernel_from(st, r); i < r->nr_kernel; i++)
		fprintf(out, "    %s\n", symbols_kernel(st->symbols, r->kernel[i], name));
	if (user)
		fprintf(out, "    --\n");
	for (u32 i = 0; i < user; i++)
		fprintf(out, "    %s\n", symbols_user(st->symbols, r->key.tgid, r->user[i], name));
	put_histogram(out, &r->s);
}

void view_text_stacks(FILE *out, struct stacks *st)
{
	u64 all_ns = 0;

	for (size_t i = 0; i < st->nr; i++)
		all_ns += st->rows[i].s.sum_ns;
	for (size_t i = 0; i < st->nr && i < VIEW_STACKS; i++)
		put_stack(out, st, &st->rows[i], all_ns);
	fprintf(out, "\nstacks    %zu, of which %zu are shown", st->nr, st->nr < VIEW_STACKS ? st->nr : VIEW_STACKS);
	for (int i = 0; i < NR_STACK_LOSSES; i++)
		if (st->lost[i])
			fprintf(out, "; %llu %s", (unsigned long long)st->lost[i], stack_loss_texts[i]);
	fprintf(out, "\n");
}

static json_t *row_json(struct stacks *st, const struct stack_row *r)
{
	json_t *o = json_object(), *kernel = json_array(), *user = json_array();
	char disk[DISK_NAME_LEN], name[SYMBOL_LEN], comm[IOP_COMM_LEN + 1];

	json_object_set_new(o, "device", json_string(disk_name(r->key.dev, disk)));
	json_object_set_new(o, "op", json_string(who_class_names[r->key.class % NR_WHO_CLASSES]));
	if (st->with_user) {
		snprintf(comm, sizeof(comm), "%.*s", IOP_COMM_LEN, r->s.comm);
		set_num(o, "pid", r->key.tgid);
		json_object_set_new(o, "comm", name_json(comm));
	}
	set_num(o, "count", r->s.count);
	set_num(o, "bytes", r->s.bytes);
	set_num(o, "sum_ns", r->s.sum_ns);
	set_num(o, "max_ns", r->s.max_ns);
	json_object_set_new(o, "latency_from_ns", view_json_buckets(r->s.lat, NR_WHO_LATS, WHO_LAT_MIN_EXP));
	for (u32 i = stacks_kernel_from(st, r); i < r->nr_kernel; i++)
		json_array_append_new(kernel, json_string(symbols_kernel(st->symbols, r->kernel[i], name)));
	json_object_set_new(o, "kernel", kernel);
	for (u32 i = 0; i < stacks_user_until(st, r); i++)
		json_array_append_new(user, name_json(symbols_user(st->symbols, r->key.tgid, r->user[i], name)));
	json_object_set_new(o, "user", st->with_user ? user : json_null());
	if (!st->with_user)
		json_decref(user);
	return o;
}

json_t *view_json_stacks(struct stacks *st)
{
	json_t *o = json_object(), *rows = json_array(), *lost = json_object();

	for (size_t i = 0; i < st->nr; i++)
		json_array_append_new(rows, row_json(st, &st->rows[i]));
	json_object_set_new(o, "rows", rows);
	for (int i = 0; i < NR_STACK_LOSSES; i++)
		set_num(lost, stack_loss_names[i], st->lost[i]);
	json_object_set_new(o, "lost", lost);
	set_num(o, "max_stacks", st->max_stacks);
	return o;
}
