/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <curses.h>
#include <errno.h>
#include <math.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cmd.h"
#include "stats.h"
#include "top-lines.h"
#include "tracer/base/cleanup.h"
#include "trace-opts.h"
#include "view.h"
#include "who-map.h"

struct top_cfg {
	enum iop_tier tier;
	struct opt_list devs, stacks, by;
	uint64_t interval_ns, rows, by_max;
	enum top_column sort;
	bool once, bios;
};

#define F(f) offsetof(struct top_cfg, f)

static int parse_tier(const char *arg, void *field, struct opt_err *err)
{
	if (!tier_parse(arg, field))
		return 0;
	snprintf(err->msg, sizeof(err->msg), "no such tier (block, vfs, filemap, full)");
	return -EINVAL;
}

static int parse_sort(const char *arg, void *field, struct opt_err *err)
{
	if (!top_column_parse(arg, field))
		return 0;
	snprintf(err->msg, sizeof(err->msg), "no such column");
	return -EINVAL;
}

static const struct opt top_opts[] = {
	{ "by", 'b', OPT_LIST, F(by), "WHO,...",
	  "process (default), file, cgroup, device; of several, b goes to the next", 0, 0, NULL },
	{ "sort", 's', OPT_PARSE, F(sort), "COLUMN",
	  "reads, writes, others, read-mb, write-mb, mean, p99, max, time (default), seq or errors", 0, 0, parse_sort },
	{ "tier", 't', OPT_PARSE, F(tier), "TIER", "block: bios; vfs (default), filemap or full: operations", 0, 0,
	  parse_tier },
	{ "bios", 0, OPT_FLAG, F(bios), NULL, "bios, where operations would be shown", 0, 0, NULL },
	{ "dev", 'd', OPT_LIST, F(devs), "DEV", "only this disk or partition; repeatable", 0, 0, NULL },
	{ "dev-stack", 0, OPT_LIST, F(stacks), "DEV",
	  "only this device, what stands on it (partitions, dm, md) and what it stands on; repeatable", 0, 0, NULL },
	{ "interval", 'i', OPT_DURATION, F(interval_ns), "DUR", "time between two screens (default 1s)", 1e7, 1e12, NULL },
	{ "rows", 'n', OPT_U64, F(rows), "N", "lines of --once (default 20)", 1, 100000, NULL },
	{ "by-max", 0, OPT_U64, F(by_max), "N",
	  "room for N processes, N files and so on (default 1024); the least recently used make place", 4, 65536, NULL },
	{ "once", 0, OPT_FLAG, F(once), NULL, "print one interval and exit, for scripts", 0, 0, NULL },
};

static const struct opt_table top_table = {
	"iopath top", "who does the I/O: processes, files, cgroups or devices, on a screen that is kept up to date", "",
	top_opts, ARRAY_SIZE(top_opts)
};

/* Everything that a run holds. */
struct top {
	struct top_cfg cfg;
	struct kernel kernel;
	struct session *session;
	struct stats stats;
	struct who who;
	u8 dims;
	enum who_dim dim;
	u64 begin_ns, window_ns;
	SCREEN *screen;
	struct top_line *lines;
	size_t nr_lines;
};

static void top_finish(struct top *t)
{
	if (t->screen) {
		endwin();
		delscreen(t->screen);
	}
	session_close(t->session);
	kernel_release(&t->kernel);
	stats_free(&t->stats);
	who_free(&t->who);
	free(t->lines);
	opt_list_free(&t->cfg.devs);
	opt_list_free(&t->cfg.stacks);
	opt_list_free(&t->cfg.by);
}

static volatile sig_atomic_t stopped;

static void on_stop(int sig)
{
	(void)sig;
	stopped = 1;
}

static u64 now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (u64)ts.tv_sec * 1000000000ull + (u64)ts.tv_nsec;
}

/* ---- the session ---- */

static int set_dims(struct top *t, struct session_opts *o)
{
	for (size_t i = 0; i < t->cfg.by.nr; i++) {
		enum who_dim dim;

		if (who_dim_parse(t->cfg.by.v[i], &dim))
			return cmd_fail(&top_table, EXIT_USAGE, "--by %s: neither process, file, cgroup nor device",
					t->cfg.by.v[i]);
		if (dim == WHO_FILE && t->cfg.tier < TIER_VFS)
			return cmd_fail(&top_table, EXIT_USAGE,
					"--by file: needs --tier vfs or above, tier block sees no files");
		if (!t->dims)
			t->dim = dim;
		t->dims |= (u8)(1u << dim);
	}
	if (!t->dims)
		t->dims = 1u << WHO_PROCESS;
	o->by = t->dims;
	o->by_max = (u32)t->cfg.by_max;
	t->who.max = o->by_max;
	return -1;
}

static int attach(struct top *t, struct session_opts *o)
{
	char why[SESSION_WHY_LEN];
	struct hook_plan plan;
	u32 missing;
	int err;

	if (!t->kernel.cap_bpf || !t->kernel.cap_perfmon)
		return cmd_fail(&top_table, EXIT_ENVIRONMENT, "no permission: needs root, or CAP_BPF and CAP_PERFMON");
	hook_choose(&t->kernel, &plan);
	if (hook_tier_state(&plan, t->cfg.tier, &missing) == TIER_UNAVAILABLE)
		return cmd_fail(&top_table, EXIT_ENVIRONMENT, "tier %s is not available on kernel %s; see `iopath doctor'",
				tier_names[t->cfg.tier], t->kernel.release);
	o->tier = t->cfg.tier;
	err = session_open(o, &t->kernel, &plan, &t->session, why);
	kernel_release(&t->kernel);
	if (err)
		return cmd_fail(&top_table, err == -EPERM ? EXIT_ENVIRONMENT : EXIT_ERROR, "%s", why);
	err = who_map_init(t->session, o->by);
	if (err)
		return cmd_fail(&top_table, EXIT_ERROR, "%s", strerror(-err));
	session_enable(t->session);
	t->begin_ns = now_ns();
	return -1;
}

/* ---- what is shown ---- */

/* An interval has ended: its lines. */
static int take(struct top *t)
{
	u64 now = now_ns();
	struct view_who v = { .who = &t->who, .dims = t->dims, .interval = true, .operations = t->cfg.tier >= TIER_VFS };
	struct top_line *lines;
	int err;

	who_begin_interval(&t->who);
	err = session_read(t->session, &t->stats);
	if (!err)
		err = who_map_read(t->session, &t->who, now);
	if (err)
		return err;
	t->window_ns = v.window_ns = now - t->begin_ns;
	t->begin_ns = now;
	lines = realloc(t->lines, (t->who.nr + 1) * sizeof(*lines));
	if (!lines)
		return -ENOMEM;
	t->lines = lines;
	t->nr_lines = top_lines(&v, t->dim, t->cfg.bios, t->cfg.sort, t->lines);
	return 0;
}

static void status_line(struct top *t, char *buf, size_t len)
{
	struct session_cost c;
	struct coverage cov;
	char whole[64] = "";
	double percent;
	u64 lost = 0;

	session_cost(t->session, &c);
	for (int i = 0; i < NR_LOSSES; i++)
		lost += t->stats.counts[COUNT_LOSS_FIRST + i];
	coverage_from(&t->stats, 0, 0, 0, c.recursion_misses, &cov);
	percent = cov.requests.reconstructed_percent;
	/* the lower of the two */
	if (cov.operations.finished && (percent < 0 || cov.operations.reconstructed_percent < percent))
		percent = cov.operations.reconstructed_percent;
	if (percent >= 0)
		snprintf(whole, sizeof(whole), "  reconstructed %.2f%%%s", floor(percent * 100) / 100,
			 cov.doubtful ? ", percentiles doubtful" : "");
	snprintf(buf, len, "iopath top  tier %s  by %s, %s  %.1fs  sorted by %s  lost %llu%s  maps %.1f MiB",
		 tier_names[t->cfg.tier], who_dim_names[t->dim],
		 t->cfg.bios || t->dim == WHO_DEVICE || t->cfg.tier < TIER_VFS ? "bios" : "operations",
		 (double)t->window_ns / 1e9, top_column_word(t->cfg.sort), (unsigned long long)(lost + c.recursion_misses), whole,
		 (double)c.maps_bytes / 1048576);
}

static int print_once(struct top *t)
{
	char buf[TOP_LEN], name[WHO_NAME_LEN + 16];

	status_line(t, buf, sizeof(buf));
	printf("%s\n%s  %s\n", buf, top_heading((char[TOP_LEN]){ 0 }), who_dim_names[t->dim]);
	for (size_t i = 0; i < t->nr_lines && i < t->cfg.rows; i++) {
		view_who_name(t->lines[i].row, name, sizeof(name));
		printf("%s  %s\n", top_text(&t->lines[i], buf), name);
	}
	errno = 0;
	return fflush(stdout) || ferror(stdout) ? (errno ? -errno : -EIO) : 0;
}

static void draw(struct top *t)
{
	char buf[TOP_LEN], name[WHO_NAME_LEN + 16];
	int row = 2;

	erase();
	status_line(t, buf, sizeof(buf));
	mvaddnstr(0, 0, buf, COLS);
	attron(A_REVERSE);
	mvhline(1, 0, ' ', COLS);
	mvaddnstr(1, 0, top_heading(buf), COLS);
	printw("  %s", who_dim_names[t->dim]);
	attroff(A_REVERSE);
	for (size_t i = 0; i < t->nr_lines && row < LINES - 1; i++, row++) {
		view_who_name(t->lines[i].row, name, sizeof(name));
		mvaddnstr(row, 0, top_text(&t->lines[i], buf), COLS);
		addstr("  ");
		addnstr(name, COLS - getcurx(stdscr) > 0 ? COLS - getcurx(stdscr) : 0);
	}
	mvaddnstr(LINES - 1, 0, "q quit  < > sort column  b next of --by", COLS);
	refresh();
}

/* ---- the screen ---- */

/* True when the run is over. */
static bool take_key(struct top *t, int key)
{
	switch (key) {
	case 'q':
		return true;
	case '<':
	case KEY_LEFT:
		t->cfg.sort = (t->cfg.sort + NR_TOP_COLUMNS - 1) % NR_TOP_COLUMNS;
		return false;
	case '>':
	case KEY_RIGHT:
		t->cfg.sort = (t->cfg.sort + 1) % NR_TOP_COLUMNS;
		return false;
	case 'b':
		do
			t->dim = (t->dim + 1) % NR_WHO_DIMS;
		while (!(t->dims & 1u << t->dim));
	}
	return false;
}

static int open_screen(struct top *t)
{
	if (!isatty(STDOUT_FILENO) || !isatty(STDIN_FILENO))
		return cmd_fail(&top_table, EXIT_USAGE, "no terminal to show it on; --once prints an interval");
	t->screen = newterm(NULL, stdout, stdin);
	if (!t->screen)
		return cmd_fail(&top_table, EXIT_USAGE, "a terminal of an unknown kind (TERM=%s); --once prints an interval",
				getenv("TERM") ? getenv("TERM") : "");
	cbreak();
	noecho();
	curs_set(0);
	keypad(stdscr, TRUE);
	nodelay(stdscr, TRUE);
	return -1;
}

/* Until the interval has ended, or a key is pressed. */
static void wait_for(const struct top *t, bool keys)
{
	u64 end = t->begin_ns + t->cfg.interval_ns, now = now_ns();
	struct timespec ts = { (time_t)((end > now ? end - now : 0) / 1000000000),
			       (long)((end > now ? end - now : 0) % 1000000000) };
	struct pollfd fd = { STDIN_FILENO, POLLIN, 0 };

	ppoll(&fd, keys ? 1 : 0, &ts, NULL);
}

static int show(struct top *t)
{
	draw(t);
	while (!stopped) {
		int key, err;

		wait_for(t, true);
		while ((key = getch()) != ERR)
			if (take_key(t, key))
				return 0;
		if (now_ns() < t->begin_ns + t->cfg.interval_ns)
			continue;
		err = take(t);
		if (err)
			return err;
		draw(t);
	}
	return 0;
}

static int once(struct top *t)
{
	int err = 0;

	while (!stopped && now_ns() < t->begin_ns + t->cfg.interval_ns)
		wait_for(t, false);
	err = take(t);
	return err ? err : print_once(t);
}

static int top_main(struct top *t, int argc, char **argv)
{
	const struct sigaction stop = { .sa_handler = on_stop };
	struct session_opts o = { 0 };
	int operand, r = cmd_parse(&top_table, argc, argv, &t->cfg, &operand);

	if (r >= 0)
		return r;
	if (operand < argc)
		return cmd_fail(&top_table, EXIT_USAGE, "%s: takes no operands", argv[operand]);
	r = trace_set_devs(&top_table, &t->cfg.devs, &t->cfg.stacks, &o);
	if (r < 0)
		r = set_dims(t, &o);
	if (r < 0 && !t->cfg.once && (!isatty(STDOUT_FILENO) || !isatty(STDIN_FILENO)))
		r = cmd_fail(&top_table, EXIT_USAGE, "no terminal to show it on; --once prints an interval");
	if (r < 0)
		r = cmd_probe(&top_table, &t->kernel);
	if (r < 0)
		r = attach(t, &o);
	if (r >= 0)
		return r;
	sigaction(SIGINT, &stop, NULL);
	sigaction(SIGTERM, &stop, NULL);
	sigaction(SIGHUP, &stop, NULL);
	if (!t->cfg.once) {
		r = open_screen(t);
		if (r >= 0)
			return r;
	}
	r = t->cfg.once ? once(t) : show(t);
	if (!r)
		return EXIT_OK;
	if (t->screen)
		endwin();
	return r == -EPIPE ? EXIT_ERROR : cmd_fail(&top_table, EXIT_ERROR, "%s", strerror(-r));
}

static int top_run(int argc, char **argv)
{
	_cleanup_(top_finish) struct top t = {
		.cfg = { .tier = TIER_VFS, .interval_ns = 1000000000, .rows = 20, .by_max = 1024, .sort = TOP_TIME },
		.dim = WHO_PROCESS,
	};

	return top_main(&t, argc, argv);
}

const struct cmd cmd_top = { "top", &top_table, top_run };
