/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <limits.h>
#include <math.h>
#include <string.h>

#include "cgroup.h"
#include "disk.h"
#include "disk-info.h"
#include "tracer/base/parse.h"
#include "view.h"
#include "view-anomaly.h"
#include "view-stacks.h"

#define W 32

static const char *dur(u64 ns, char *buf)
{
	return fmt_duration(ns, buf, W);
}

static void put_hist(FILE *out, const char *name, const struct hist *h, u64 total_ns)
{
	char mean[W], p50[W], p99[W], max[W];

	if (!h->count) {
		fprintf(out, "  %-13s %10d %9s %9s %9s %9s %7s\n", name, 0, "-", "-", "-", "-",
			"-");
		return;
	}
	fprintf(out, "  %-13s %10llu %9s %9s %9s %9s", name, (unsigned long long)h->count,
		dur(hist_mean(h), mean), dur(hist_percentile(h, 50), p50),
		dur(hist_percentile(h, 99), p99), dur(h->max_ns, max));
	if (total_ns)
		fprintf(out, " %6.1f%%\n", 100.0 * (double)h->sum_ns / (double)total_ns);
	else
		fprintf(out, " %7s\n", "");
}

static void put_by_status(FILE *out, const struct iop_row *c)
{
	const char *before = " (";

	for (int i = 0; i < NR_STATUSES; i++) {
		const char *text = i ? disk_status_text(i) : "other";

		if (!c->by_status[i])
			continue;
		fputs(before, out);
		if (text)
			fprintf(out, "%s %llu", text, (unsigned long long)c->by_status[i]);
		else
			fprintf(out, "status %d %llu", i, (unsigned long long)c->by_status[i]);
		before = ", ";
	}
	fputs(*before == ',' ? ")" : "", out);
}

static void put_row(FILE *out, const struct report *rep, const char *name,
		    const struct stats_row *r, bool block)
{
	const struct hist *total = stats_stage(r, block, STAGE_TOTAL);
	double s = (double)rep->window_ns / 1e9;

	fprintf(out, "\n%s  %llu ops  %.0f/s  %.2f MB/s", name, (unsigned long long)r->c.count,
		s > 0 ? (double)r->c.count / s : 0, s > 0 ? (double)r->c.bytes / s / 1e6 : 0);
	if (r->c.errors)
		fprintf(out, "  errors %llu", (unsigned long long)r->c.errors);
	if (block && r->c.errors)
		put_by_status(out, &r->c);
	if (r->c.requeues)
		fprintf(out, "  requeues %llu", (unsigned long long)r->c.requeues);
	if (block && r->c.bios)
		fprintf(out, "  merged bios %llu", (unsigned long long)r->c.bios);
	if (!block && rep->tier >= TIER_FILEMAP && r->c.cache_hits + r->c.cache_misses)
		fprintf(out, "  cache hits %llu misses %llu readahead %llu",
			(unsigned long long)r->c.cache_hits, (unsigned long long)r->c.cache_misses,
			(unsigned long long)r->c.ra_folios);
	if (!block && r->c.resched_calls)
		fprintf(out, "  cond_resched calls %llu", (unsigned long long)r->c.resched_calls);
	fprintf(out, "\n  %-13s %10s %9s %9s %9s %9s %7s\n", "stage", "count", "mean",
		rep->coverage.doubtful ? "p50?" : "p50", rep->coverage.doubtful ? "p99?" : "p99", "max", "time");
	for (int i = 0; i < NR_STAGES; i++) {
		const struct hist *h = stats_stage(r, block, i);

		if (!h || stage_tiers[i] > rep->tier)
			continue;
		if (!(rep->measured & 1u << i))
			fprintf(out, "  %-13s %10s\n", stage_names[i], "not measured");
		else if (h->count || block)
			put_hist(out, stage_names[i], h, total->sum_ns);
	}
	put_hist(out, "total", total, total->sum_ns);
	if (!block && r->h[STAGE_RESCHED].count)
		put_hist(out, "(preempted)", &r->h[STAGE_RESCHED], total->sum_ns);
}

static void put_losses(FILE *out, const struct coverage *c)
{
	bool any = false;

	for (int i = 0; i < NR_LOSSES; i++) {
		if (!c->lost[i])
			continue;
		fprintf(out, "%s%llu %s (%s)", any ? "; " : "lost      ",
			(unsigned long long)c->lost[i], loss_names[i], loss_texts[i]);
		any = true;
	}
	if (c->recursion_misses) {
		fprintf(out, "%s%llu recursion (a program was interrupted by itself)",
			any ? "; " : "lost      ", (unsigned long long)c->recursion_misses);
		any = true;
	}
	fprintf(out, "%s\n", any ? "" : "lost      nothing");
}

static void put_too_short(FILE *out, const struct report *r)
{
	char d[W];

	if (r->min_lat_ns)
		fprintf(out, "          not counted, as they took less than %s: requests %llu, operations %llu\n",
			dur(r->min_lat_ns, d), (unsigned long long)r->coverage.requests.too_short,
			(unsigned long long)r->coverage.operations.too_short);
}

static void put_share(FILE *out, const char *of, double percent)
{
	/* never rounded up to all */
	if (percent >= 0)
		fprintf(out, "  %s %.2f%%", of, floor(percent * 100) / 100);
}

static void put_reconstructed(FILE *out, const struct coverage *c)
{
	if (c->requests.reconstructed_percent < 0 && c->operations.reconstructed_percent < 0)
		return;
	fprintf(out, "          reconstructed from begin to end, at least:");
	put_share(out, "requests", c->requests.reconstructed_percent);
	put_share(out, "operations", c->operations.reconstructed_percent);
	fprintf(out, "%s\n", c->doubtful ? "; too little, so percentiles are doubtful (?)" : "");
}

static void put_coverage(FILE *out, const struct report *r)
{
	const struct coverage *c = &r->coverage;

	fprintf(out, "\ncoverage  requests: %llu seen, %llu finished, %llu in flight (%llu at start)",
		(unsigned long long)c->requests.seen, (unsigned long long)c->requests.finished,
		(unsigned long long)c->requests.in_flight, (unsigned long long)c->in_flight_at_start);
	if (r->tier >= TIER_VFS)
		fprintf(out, "; operations: %llu seen, %llu finished, %llu in flight",
			(unsigned long long)c->operations.seen,
			(unsigned long long)c->operations.finished,
			(unsigned long long)c->operations.in_flight);
	fprintf(out, "\n");
	if (c->begun_before || c->gone || c->untied_bios || c->merged_bios || c->excluded ||
	    c->filtered_bios)
		fprintf(out,
			"          begun before tracing %llu, task died %llu, bios outside operations %llu, merged %llu, own %llu, filtered %llu\n",
			(unsigned long long)c->begun_before, (unsigned long long)c->gone,
			(unsigned long long)c->untied_bios, (unsigned long long)c->merged_bios,
			(unsigned long long)c->excluded, (unsigned long long)c->filtered_bios);
	if (c->ahead)
		fprintf(out, "          requests that a plug had allocated ahead %llu, of which q2g counts as g2i\n",
			(unsigned long long)c->ahead);
	put_too_short(out, r);
	put_reconstructed(out, c);
	put_losses(out, c);
}

/* What happened to the names of the files that are followed; nothing when nothing did. */
static void put_watched(FILE *out, const struct report *r)
{
	for (u32 i = 0; r->watched && i < r->watched->nr; i++) {
		const struct watch *w = &r->watched->v[i];
		struct watch_now now;

		watch_look(w, &now);
		if (watch_is_same(&now))
			continue;
		fprintf(out, "followed  %s", w->path);
		if (now.deleted)
			fprintf(out, " has been deleted");
		else if (now.renamed)
			fprintf(out, " is now %s", now.path);
		fprintf(out, "%s\n", now.replaced ? "; another file has its name, which is not followed" : "");
	}
}

static void put_cost(FILE *out, const struct report *r)
{
	char cpu[W], maps[W], rss[W];
	struct session_program p;

	fprintf(out, "own cost  %s CPU of this process (%.2f%% of one core), maps %s, RSS %s\n",
		dur(r->cost.user_cpu_ns, cpu),
		r->cost.window_ns ? 100.0 * (double)r->cost.user_cpu_ns / (double)r->cost.window_ns :
				    0,
		fmt_size(r->cost.maps_bytes, maps, W), fmt_size(r->cost.rss_bytes, rss, W));
	if (!r->program_stats)
		return;
	fprintf(out, "  %-20s %12s %9s %9s\n", "program", "runs", "per run", "sum");
	for (u32 i = 0; !session_program(r->session, i, &p); i++) {
		char sum[W];

		if (p.runs)
			fprintf(out, "  %-20s %12llu %7.0fns %9s\n", p.name,
				(unsigned long long)p.runs, (double)p.run_ns / (double)p.runs,
				dur(p.run_ns, sum));
	}
}

int view_text_report(FILE *out, const struct report *r)
{
	char window[W], name[DISK_NAME_LEN], title[DISK_NAME_LEN + 32];

	fprintf(out, "\n== %s  tier %s  %s\n", r->type, tier_names[r->tier],
		dur(r->window_ns, window));
	for (u32 i = 0; i < NR_BLOCK_ROWS; i++) {
		const struct stats_row *row = r->stats->rows[i];

		if (!row || !row->id.dev || (!row->c.count && !row->h[BLOCK_HIST_TOTAL].count))
			continue;
		snprintf(title, sizeof(title), "device %s %s", disk_name(row->id.dev, name),
			 bop_names[row->id.op]);
		put_row(out, r, title, row, true);
	}
	for (u32 i = NR_BLOCK_ROWS; i < NR_ROWS; i++) {
		const struct stats_row *row = r->stats->rows[i];
		const struct op_row *op = &op_rows[i - NR_BLOCK_ROWS];

		if (!row || !row->c.count)
			continue;
		snprintf(title, sizeof(title), "operation %s (%s)", kind_names[op->kind], via_names[op->via]);
		put_row(out, r, title, row, false);
	}
	if (r->tier >= TIER_FULL && r->resched != RESCHED_UNKNOWN)
		fprintf(out, "\npreempted switches inside operations are: %s\n",
			resched_names[r->resched]);
	if (r->who.dims)
		view_text_who(out, &r->who);
	if (r->stacks)
		view_text_stacks(out, r->stacks);
	if (r->anomalies)
		view_text_anomalies(out, r->anomalies);
	put_coverage(out, r);
	put_watched(out, r);
	put_cost(out, r);
	if (r->governor)
		view_text_budget(out, r->governor, r->start_ns + r->window_ns);
	errno = 0;
	return fflush(out) || ferror(out) ? (errno ? -errno : -EIO) : 0;
}

void view_text_cgroup(FILE *out, u64 cgroup)
{
	const char *name = cgroup_name(cgroup);

	if (name && strcmp(name, "/"))
		fprintf(out, "  cgroup  %s\n", name);
}

void view_text_submitter(FILE *out, u32 tid)
{
	char comm[64];

	if (!tid)
		return;
	view_comm_of(tid, comm);
	fprintf(out, "  by      %s tid %u, who submitted it\n", comm[0] ? comm : "?", tid);
}

int view_text_hung(FILE *out, const struct unfinished *u, const char *path)
{
	char age[W], name[DISK_NAME_LEN], sector[VIEW_SECTOR_LEN];

	fprintf(out, "\nhung %s%s%s%s  %s so far, in %s  %s pid %u tid %u\n", u->request ? "request " : "",
		u->request ? bop_names[u->kind % NR_BOPS] : kind_names[u->kind % NR_KINDS],
		u->request ? "" : " by ", u->request ? "" : via_names[u->via % NR_VIAS], dur(u->age_ns, age),
		unfinished_stage(u), u->owner.comm[0] ? u->owner.comm : "?", u->owner.tgid, u->owner.tid);
	view_text_submitter(out, u->submitter);
	view_text_cgroup(out, u->owner.cgroup);
	if (path[0])
		fprintf(out, "  file    %s", path);
	if (path[0] && u->offset != UINT64_MAX)
		fprintf(out, "  offset %llu", (unsigned long long)u->offset);
	if (path[0])
		fprintf(out, "\n");
	fprintf(out, "  bytes   %llu\n", (unsigned long long)u->bytes);
	if (u->dev)
		fprintf(out, "  device  %s  sector %s  tag %d  hctx %u\n", disk_name(u->dev, name),
			view_sector(u->sector, sector), u->tag, u->hctx);
	errno = 0;
	return fflush(out) || ferror(out) ? (errno ? -errno : -EIO) : 0;
}
