/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "cmd.h"
#include "inflight.h"
#include "tracer/base/cleanup.h"
#include "trace-opts.h"
#include "view.h"

struct inflight_cfg {
	struct opt_list devs, stacks;
	uint64_t min_age_ns, look_ns;
	bool json, watch;
};

#define F(f) offsetof(struct inflight_cfg, f)

static const struct opt inflight_opts[] = {
	{ "dev", 'd', OPT_LIST, F(devs), "DEV", "only this disk or partition; repeatable", 0, 0, NULL },
	{ "dev-stack", 0, OPT_LIST, F(stacks), "DEV",
	  "only this device, what stands on it (partitions, dm, md) and what it stands on; repeatable", 0, 0, NULL },
	{ "min-age", 0, OPT_DURATION, F(min_age_ns), "DUR",
	  "leave out what is known to have begun more recently", 1, 1e15, NULL },
	{ "look", 0, OPT_DURATION, F(look_ns), "DUR",
	  "how long to watch what begins before telling (default 300ms)", 1e6, 6e10, NULL },
	{ "watch", 'w', OPT_FLAG, F(watch), NULL, "tell again each second, until Ctrl-C", 0, 0, NULL },
	{ "json", 'j', OPT_FLAG, F(json), NULL, "print JSON lines, the last one of each look the end", 0, 0, NULL },
};

static const struct opt_table inflight_table = {
	"iopath inflight", "list operations and requests that have not finished: stage, age, owner, file, tag", "",
	inflight_opts, ARRAY_SIZE(inflight_opts)
};

/* Everything that a run holds. */
struct run {
	struct inflight_cfg cfg;
	struct kernel kernel;
	struct session *session;
	struct tags_reader *tags;
};

static void run_finish(struct run *r)
{
	session_close(r->session);
	tags_close(r->tags);
	kernel_release(&r->kernel);
	opt_list_free(&r->cfg.devs);
	opt_list_free(&r->cfg.stacks);
}

static u64 now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (u64)ts.tv_sec * 1000000000ull + (u64)ts.tv_nsec;
}

static void sleep_ns(u64 ns)
{
	struct timespec ts = { (time_t)(ns / 1000000000), (long)(ns % 1000000000) };

	while (nanosleep(&ts, &ts) && errno == EINTR)
		;
}

/* The highest tier that there is: the more is hooked, the better stages are known. */
static int attach(struct run *r, struct session_opts *o)
{
	char why[SESSION_WHY_LEN];
	struct hook_plan plan;
	u32 missing;
	int err;

	hook_choose(&r->kernel, &plan);
	o->tier = TIER_FULL;
	while (o->tier > TIER_BLOCK && hook_tier_state(&plan, o->tier, &missing) == TIER_UNAVAILABLE)
		o->tier--;
	if (hook_tier_state(&plan, o->tier, &missing) == TIER_UNAVAILABLE)
		return cmd_fail(&inflight_table, EXIT_ENVIRONMENT,
				"no tier is available on kernel %s; see `iopath doctor'", r->kernel.release);
	err = session_open(o, &r->kernel, &plan, &r->session, why);
	if (err)
		return cmd_fail(&inflight_table, err == -EPERM ? EXIT_ENVIRONMENT : EXIT_ERROR, "%s", why);
	session_enable(r->session);
	return -1;
}

/* One look and its report. */
static int tell(struct run *r, const struct session_opts *o, u64 begun_ns)
{
	struct inflight_opts look = { .kernel = &r->kernel, .min_age_ns = r->cfg.min_age_ns, .now_ns = now_ns(),
				      .enabled_ns = begun_ns,				      .nr_devs = o->nr_devs };
	_cleanup_(inflight_free) struct inflight_list l = { 0 };
	int err;

	memcpy(look.devs, o->devs, sizeof(look.devs));
	err = inflight_look(r->session, r->tags, &look, &l);
	if (err)
		return cmd_fail(&inflight_table, EXIT_ERROR, "%s", strerror(-err));
	err = r->cfg.json ? view_json_inflight(stdout, &l, look.now_ns, look.now_ns - begun_ns) :
			    view_text_inflight(stdout, &l, look.now_ns - begun_ns);
	if (err == -EPIPE)
		return EXIT_ERROR;
	if (err)
		return cmd_fail(&inflight_table, EXIT_ERROR, "standard output: %s", strerror(-err));
	return -1;
}

static int inflight_main(struct run *r, int argc, char **argv)
{
	struct session_opts o = { .in_flight = true };
	int operand, status = cmd_parse(&inflight_table, argc, argv, &r->cfg, &operand);
	u64 begun_ns;

	if (status >= 0)
		return status;
	if (operand < argc)
		return cmd_fail(&inflight_table, EXIT_USAGE, "%s: takes no operands", argv[operand]);
	status = trace_set_devs(&inflight_table, &r->cfg.devs, &r->cfg.stacks, &o);
	if (status < 0)
		status = cmd_probe(&inflight_table, &r->kernel);
	if (status >= 0)
		return status;
	if (!r->kernel.cap_bpf || !r->kernel.cap_perfmon)
		return cmd_fail(&inflight_table, EXIT_ENVIRONMENT,
				"no permission: needs root, or CAP_BPF and CAP_PERFMON");
	/* without it there is less to tell, and the report says so */
	if (tags_open(&r->kernel, &r->tags))
		r->tags = NULL;
	status = attach(r, &o);
	begun_ns = now_ns();
	if (status < 0) {
		fprintf(stderr, "iopath: looking, tier %s\n", tier_names[o.tier]);
		sleep_ns(r->cfg.look_ns);
	}
	while (status < 0) {
		status = tell(r, &o, begun_ns);
		if (status >= 0 || !r->cfg.watch)
			break;
		sleep_ns(1000000000);
	}
	return status < 0 ? EXIT_OK : status;
}

static int inflight_run(int argc, char **argv)
{
	_cleanup_(run_finish) struct run r = { .cfg = { .look_ns = 300000000 } };

	return inflight_main(&r, argc, argv);
}

const struct cmd cmd_inflight = { "inflight", &inflight_table, inflight_run };
