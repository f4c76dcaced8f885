/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include <sys/sysinfo.h>

#include "cmd.h"
#include "disk.h"
#include "hook.h"
#include "session.h"
#include "stamp.h"
#include "tracer/base/cleanup.h"
#include "tracer/base/parse.h"

struct doctor_cfg {
	bool json;
	uint64_t cpus;
	struct rooms rooms;
};

static const struct opt doctor_opts[] = {
	{ "json", 'j', OPT_FLAG, offsetof(struct doctor_cfg, json), NULL,
	  "print one JSON object", 0, 0, NULL },
	{ "cpus", 0, OPT_U64, offsetof(struct doctor_cfg, cpus), "N",
	  "compute map memory for a machine with N possible CPUs (default: this one)", 1, 8192,
	  NULL },
	ROOM_OPT(offsetof(struct doctor_cfg, rooms)),
};

static const struct opt_table doctor_table = {
	"iopath doctor", "show what can be traced on this kernel: per stage the hook, per tier its state",
	"", doctor_opts, ARRAY_SIZE(doctor_opts)
};

static const char *const state_names[] = { "ok", "degraded", "unavailable" };

/* What one would have to know about privileges and hidden symbols. */
static const char *privilege_text(const struct kernel *k)
{
	if (k->cap_admin)
		return "CAP_SYS_ADMIN";
	if (k->cap_bpf && k->cap_perfmon)
		return "CAP_BPF and CAP_PERFMON";
	if (!k->cap_bpf && !k->cap_perfmon)
		return "CAP_BPF and CAP_PERFMON are lacking";
	return k->cap_bpf ? "CAP_PERFMON is lacking" : "CAP_BPF is lacking";
}

static const char *async_text(const struct kernel *k)
{
	return k->direct.blkdev_async || k->direct.iomap ?
		       "tied to their io_uring or libaio request" :
		       "not tied to their request: kernel addresses are hidden (needs CAP_SYSLOG, or kernel.kptr_restrict=0)";
}

static const char *preemption_text(const struct kernel *k)
{
	return k->preempts_programs ? "programs may be preempted: each that may be is attached twice" :
				      "programs are not preempted, or are counted when they are skipped";
}

static u32 cpus_of(const struct doctor_cfg *cfg)
{
	return cfg->cpus ? (u32)cfg->cpus : (u32)get_nprocs_conf();
}

/* Whose stamps a trace of all disks would take now (stamp.h). */
static const char *stamps_text(const struct kernel *k)
{
	struct stamp_disks d;

	stamp_look(NULL, 0, &d);
	if (!k->exact_stamps)
		return "our own, at each hook: the kernel's come from a clock that it reads once per plug";
	if (!d.accounted)
		return "our own, at each hook: some disk has queue/iostats off";
	if (!d.issue_stamped)
		return "our own, at each hook: some disk's requests are not stamped when they are issued";
	if (k->plugs_ahead)
		return "Q, G and D are the kernel's, which are exact here but for G of what a plug had ahead; the rest our own";
	return "Q, G and D are the kernel's, which are exact here; the rest our own";
}

/* ---- text ---- */

static void put_rows(const struct kernel *k, const struct hook_plan *plan, enum hook_point p)
{
	char why[HOOK_WHY_LEN];

	if (plan->chosen[p] < 0)
		printf("             %-40s no hook\n", hook_points[p].name);
	for (int i = 0; i < nr_hook_rows; i++) {
		const struct hook_row *r = &hook_rows[i];

		if (r->point != p)
			continue;
		printf("             %-40s %s %s: %s\n", hook_points[p].name,
		       backend_names[r->backend], r->target, hook_why(k, r, plan->verdict[i], why));
	}
}

static void put_stages(const struct kernel *k, const struct hook_plan *plan)
{
	for (int s = 0; s < NR_STAGES; s++) {
		const enum hook_point *p = hook_stage_points(s);

		printf("  %-10s %s, tier %s\n", stage_names[s],
		       plan->stages & 1u << s ? "measured" : "NOT MEASURED",
		       tier_names[stage_tiers[s]]);
		if (*p == NR_POINTS)
			printf("             no hook is known for it\n");
		for (; *p != NR_POINTS; p++)
			put_rows(k, plan, *p);
	}
}

/* What no stage is measured by: it ties, counts, or is on request. */
static void put_others(const struct kernel *k, const struct hook_plan *plan)
{
	for (int p = 0; p < NR_POINTS; p++)
		if (!hook_has_stage(p))
			put_rows(k, plan, p);
}

static void put_tiers(const struct hook_plan *plan)
{
	for (int t = 0; t < NR_TIERS; t++) {
		u32 missing = 0;
		enum tier_state st = hook_tier_state(plan, t, &missing);

		printf("  %-8s %s", tier_names[t], state_names[st]);
		if (st == TIER_DEGRADED)
			printf(", not measured:");
		for (int s = 0; s < NR_STAGES; s++)
			if (missing & 1u << s)
				printf(" %s", stage_names[s]);
		printf("\n");
	}
}

static void put_text(const struct kernel *k, const struct hook_plan *plan,
		     const struct doctor_cfg *cfg)
{
	char size[32];

	printf("kernel      %s, BTF present\n", k->release);
	printf("privileges  %s\n", privilege_text(k));
	for (int b = 0; b < NR_BACKENDS; b++)
		printf("%-11s %s\n", backend_names[b],
		       k->refused[b] ? strerror(k->refused[b]) : "usable");
	printf("async bios  %s\n", async_text(k));
	printf("preemption  %s\n", preemption_text(k));
	printf("stamps      %s\n", stamps_text(k));
	printf("\ntiers\n");
	put_tiers(plan);
	printf("\nmap memory with %u possible CPUs\n", cpus_of(cfg));
	for (int t = 0; t < NR_TIERS; t++)
		printf("  %-8s %s\n", tier_names[t],
		       fmt_size(session_maps_bytes(t, cpus_of(cfg), disk_total_requests(), &cfg->rooms), size,
				sizeof(size)));
	printf("\nstages\n");
	put_stages(k, plan);
	printf("\nother hooks\n");
	put_others(k, plan);
}

/* ---- JSON ---- */

static void add_rows(json_t *hooks, const struct kernel *k, const struct hook_plan *plan, enum hook_point p)
{
	for (int i = 0; i < nr_hook_rows; i++) {
		const struct hook_row *r = &hook_rows[i];
		char why[HOOK_WHY_LEN];

		if (r->point != p)
			continue;
		json_array_append_new(hooks, json_pack("{s:s,s:s,s:s,s:b,s:s}", "point", hook_points[p].name,
						       "backend", backend_names[r->backend], "target",
						       r->target, "chosen", plan->verdict[i] == HOOK_CHOSEN,
						       "why", hook_why(k, r, plan->verdict[i], why)));
	}
}

static json_t *stage_json(const struct kernel *k, const struct hook_plan *plan, int s)
{
	json_t *o = json_object(), *hooks = json_array();

	json_object_set_new(o, "stage", json_string(stage_names[s]));
	json_object_set_new(o, "tier", json_string(tier_names[stage_tiers[s]]));
	json_object_set_new(o, "measured", json_boolean(plan->stages & 1u << s));
	for (const enum hook_point *p = hook_stage_points(s); *p != NR_POINTS; p++)
		add_rows(hooks, k, plan, *p);
	json_object_set_new(o, "hooks", hooks);
	return o;
}

static json_t *tier_json(const struct hook_plan *plan, int t, const struct doctor_cfg *cfg)
{
	json_t *missing = json_array();
	u32 m = 0;
	enum tier_state st = hook_tier_state(plan, t, &m);

	for (int s = 0; s < NR_STAGES; s++)
		if (m & 1u << s)
			json_array_append_new(missing, json_string(stage_names[s]));
	return json_pack("{s:s,s:s,s:o,s:I}", "tier", tier_names[t], "state", state_names[st],
			 "not_measured", missing, "maps_bytes",
			 (json_int_t)session_maps_bytes(t, cpus_of(cfg), disk_total_requests(), &cfg->rooms));
}

static int put_json(const struct kernel *k, const struct hook_plan *plan,
		    const struct doctor_cfg *cfg)
{
	json_t *o = json_pack("{s:s,s:i,s:s,s:s,s:b,s:b,s:b}", "type", "doctor", "schema", 1, "kernel",
			      k->release, "privileges", privilege_text(k), "async_bios_tied",
			      (k->direct.blkdev_async || k->direct.iomap) != 0, "stand_ins",
			      k->preempts_programs, "stamps_exact", k->exact_stamps);
	json_t *backends = json_object(), *tiers = json_array(), *stages = json_array(),
	       *others = json_array();
	int err;

	for (int b = 0; b < NR_BACKENDS; b++)
		json_object_set_new(backends, backend_names[b],
				    k->refused[b] ? json_string(strerror(k->refused[b])) :
						    json_string("usable"));
	for (int t = 0; t < NR_TIERS; t++)
		json_array_append_new(tiers, tier_json(plan, t, cfg));
	for (int s = 0; s < NR_STAGES; s++)
		json_array_append_new(stages, stage_json(k, plan, s));
	json_object_set_new(o, "backends", backends);
	json_object_set_new(o, "tiers", tiers);
	for (int p = 0; p < NR_POINTS; p++)
		if (!hook_has_stage(p))
			add_rows(others, k, plan, p);
	json_object_set_new(o, "stages", stages);
	json_object_set_new(o, "other_hooks", others);
	err = json_dumpf(o, stdout, JSON_COMPACT) ? -EIO : 0;
	putchar('\n');
	json_decref(o);
	return err;
}

static inline void kernel_releasep(struct kernel *k)
{
	kernel_release(k);
}

static int doctor_run(int argc, char **argv)
{
	_cleanup_(kernel_releasep) struct kernel k = { 0 };
	struct doctor_cfg cfg = { 0 };
	struct hook_plan plan;
	int operand, r = cmd_parse(&doctor_table, argc, argv, &cfg, &operand);

	if (r >= 0)
		return r;
	if (operand < argc)
		return cmd_fail(&doctor_table, EXIT_USAGE, "unexpected operand %s", argv[operand]);
	r = cmd_probe(&doctor_table, &k);
	if (r >= 0)
		return r;
	hook_choose(&k, &plan);
	r = 0;
	if (cfg.json)
		r = put_json(&k, &plan, &cfg);
	else
		put_text(&k, &plan, &cfg);
	if (r || fflush(stdout) || ferror(stdout))
		return cmd_fail(&doctor_table, EXIT_ERROR, "stdout: %s", strerror(errno));
	return EXIT_OK;
}

const struct cmd cmd_doctor = { "doctor", &doctor_table, doctor_run };
