/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "arm.h"

#include <errno.h>
#include <limits.h>
#include <regex.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "bench/file.h"
#include "bench/inputs.h"
#include "bench/stop.h"
#include "tracer/base/cleanup.h"
#include "tracer/base/parse.h"

#define DELAY_NS (2 * NS_PER_S)
#define DELAY_MAX_NS (600 * NS_PER_S)

/* Of which a word before "=" is taken for an arm's name, not for the begin of a pattern. */
#define NAME_CHARS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.:"

/* A row of a histogram of bcc or bpftrace that is not empty. */
#define HISTOGRAM_ROW "^ +[0-9]+ -> [0-9]+ +: [1-9]"

#define BPFTRACE_ROW "^[[][0-9]+[KMG]?(, [0-9]+[KMG]?)?[])] +[1-9][0-9]* "
/* Of the disk under test alone: a tracepoint has its number. */
#define BPFTRACE_ISSUE "tracepoint:block:block_rq_issue /args->dev == {devt}/ "

static const struct builtin {
	const char *name, *tier, *help;
	/* another tracer: its package is in the help; stdbuf, or its words would wait in a buffer */
	const char *command, *ready, *proof;
	enum arm_shows shows;
} builtins[] = {
	{ "off", NULL, "no tracer: what the others are compared with", NULL, NULL, NULL, SHOWS_NOTHING },
	{ "off2", NULL, "no tracer, again: what differs from off is noise (the A/A twin)", NULL, NULL, NULL, SHOWS_NOTHING },
	{ "block", "block", "iopath trace --tier block", NULL, NULL, NULL, SHOWS_NOTHING },
	{ "vfs", "vfs", "iopath trace --tier vfs", NULL, NULL, NULL, SHOWS_NOTHING },
	{ "filemap", "filemap", "iopath trace --tier filemap", NULL, NULL, NULL, SHOWS_NOTHING },
	{ "full", "full", "iopath trace --tier full", NULL, NULL, NULL, SHOWS_NOTHING },
	{ "cond_resched", "full", "the other name of full", NULL, NULL, NULL, SHOWS_NOTHING },
	{ "biolatency", NULL, "a histogram of the requests' latency (libbpf-tools)",
	  "exec stdbuf -oL biolatency -d {disk}", "^Tracing", HISTOGRAM_ROW, SHOWS_NOTHING },
	{ "biosnoop", NULL, "a line per request (libbpf-tools; where blk_account_io_start can be hooked)",
	  "exec stdbuf -oL biosnoop -d {disk}", "^TIME", "^ *[0-9]+\\.[0-9]+ ", SHOWS_LINES },
	{ "biostacks", NULL, "requests' latency by the stack that began them (libbpf-tools; likewise)",
	  "exec stdbuf -oL biostacks -d {disk}", "^Tracing", HISTOGRAM_ROW, SHOWS_NOTHING },
	{ "ext4slower", NULL, "a line per operation of ext4, however fast (libbpf-tools; ext4 workloads)",
	  "exec stdbuf -oL ext4slower -m 0", "^TIME",
	  /* it sees every ext4: a line of a workload's program, or of its file */
	  "^[0-9]+:[0-9]+:[0-9]+ +((fio|sysbench|iopath-uring|fake-fio) |.* iopath[.]dat$)", SHOWS_NOTHING },
	{ "blktrace", NULL, "every event of the block layer, as text (blktrace; debugfs)",
	  "blktrace -d {dev} -o - | stdbuf -oL blkparse -q -i -", NULL,
	  "^ *[0-9]+,[0-9]+ +[0-9]+ +[0-9]+ +[0-9]+\\.[0-9]+ ", SHOWS_LINES },
	{ "bpftrace", NULL, "issue to completion by two tracepoints, a map per request (bpftrace)",
	  "exec stdbuf -oL bpftrace -e 'BEGIN { printf(\"ready\\n\"); } "
	  BPFTRACE_ISSUE "{ @start[args->dev, args->sector] = nsecs; } "
	  "tracepoint:block:block_rq_complete /@start[args->dev, args->sector]/ { "
	  "@us = hist((nsecs - @start[args->dev, args->sector]) / 1000); "
	  "delete(@start[args->dev, args->sector]); } END { clear(@start); }'",
	  "^ready", BPFTRACE_ROW, SHOWS_NOTHING },
	{ "biosnoop-bt", NULL, "what biosnoop does, by tracepoints, which every kernel has (bpftrace)",
	  "exec stdbuf -oL bpftrace -e 'BEGIN { printf(\"ready\\n\"); } "
	  BPFTRACE_ISSUE "{ @start[args->dev, args->sector] = nsecs; "
	  "@pid[args->dev, args->sector] = pid; @comm[args->dev, args->sector] = comm; } "
	  "tracepoint:block:block_rq_complete /@start[args->dev, args->sector]/ { "
	  "printf(\"%u %s %d %u\\n\", elapsed / 1000, @comm[args->dev, args->sector], @pid[args->dev, args->sector], "
	  "(nsecs - @start[args->dev, args->sector]) / 1000); delete(@start[args->dev, args->sector]); "
	  "delete(@pid[args->dev, args->sector]); delete(@comm[args->dev, args->sector]); } "
	  "END { clear(@start); clear(@pid); clear(@comm); }'",
	  "^ready", "^[0-9]+ .* [0-9]+ [0-9]+$", SHOWS_LINES },
	{ "biostacks-bt", NULL, "what biostacks does, by tracepoints (bpftrace)",
	  "exec stdbuf -oL bpftrace -e 'BEGIN { printf(\"ready\\n\"); } "
	  BPFTRACE_ISSUE "{ @start[args->dev, args->sector] = nsecs; @stack[args->dev, args->sector] = kstack; } "
	  "tracepoint:block:block_rq_complete /@start[args->dev, args->sector]/ { "
	  "@us[@stack[args->dev, args->sector]] = hist((nsecs - @start[args->dev, args->sector]) / 1000); "
	  "delete(@start[args->dev, args->sector]); delete(@stack[args->dev, args->sector]); } "
	  "END { clear(@start); clear(@stack); }'",
	  "^ready", BPFTRACE_ROW, SHOWS_NOTHING },
	{ "perf", NULL, "perf trace of the block layer's issues and completions, a line each (linux-perf)",
	  "exec perf trace -v -a --no-syscalls -e block:block_rq_issue --filter 'dev == {devt}' "
	  "-e block:block_rq_complete --filter 'dev == {devt}'", "^mmap size",
	  "block:block_rq_(issue|complete)[(]dev: [0-9]", SHOWS_LINES },
	{ "events-block", NULL, "the design that this project began with: an event per block hook, a wake-up each (iopath-events)",
	  "exec {bin}/iopath-events block", "^events: ready", "^[1-9][0-9]* events, ", SHOWS_COUNT },
	{ "events", NULL, "the same for every hook: block, system calls, page cache, scheduler",
	  "exec {bin}/iopath-events full", "^events: ready", "^[1-9][0-9]* events, ", SHOWS_COUNT },
};

static const struct builtin *find_builtin(const char *name, size_t len)
{
	for (size_t i = 0; i < ARRAY_SIZE(builtins); i++)
		if (strlen(builtins[i].name) == len && !strncmp(builtins[i].name, name, len))
			return &builtins[i];
	return NULL;
}

static int find_arm(const struct arm_list *l, const char *name, size_t len)
{
	for (unsigned int i = 0; i < l->nr; i++)
		if (strlen(l->v[i].name) == len && !strncmp(l->v[i].name, name, len))
			return (int)i;
	return -1;
}

static int add(struct arm_list *l, const struct arm *a, struct why *why)
{
	if (find_arm(l, a->name, strlen(a->name)) >= 0)
		return why_fail(why, EXIT_USAGE, -EEXIST, "arm %s is named twice", a->name);
	if (l->nr == ARM_MAX)
		return why_fail(why, EXIT_USAGE, -E2BIG, "more than %d arms", ARM_MAX);
	l->v[l->nr] = *a;
	l->v[l->nr].delay_ns = DELAY_NS;
	l->v[l->nr++].stop_signal = SIGINT;
	return 0;
}

static enum arm_kind builtin_kind(const struct builtin *b)
{
	return b->tier ? ARM_TIER : b->command ? ARM_COMMAND : ARM_OFF;
}

void arm_guess_kind(struct arm *a)
{
	const struct builtin *b = find_builtin(a->name, strcspn(a->name, ":"));

	a->kind = b ? builtin_kind(b) : ARM_COMMAND;
}

static int add_builtin(struct arm_list *l, const char *name, struct why *why)
{
	size_t len = strcspn(name, ":");
	const struct builtin *b = find_builtin(name, len);
	struct arm a = { .floor = name[len] };

	if (!b || (name[len] && (strcmp(name + len, ":empty") || !b->tier)))
		return why_fail(why, EXIT_USAGE, -EINVAL,
				"--arms %s: no such arm (iopath-bench list shows them)", name);
	a.kind = builtin_kind(b);
	a.command = b->command;
	a.ready = b->ready;
	a.proof = b->proof;
	a.shows = b->shows;
	snprintf(a.name, sizeof(a.name), "%s", name);
	snprintf(a.tier, sizeof(a.tier), "%s", b->tier ? b->tier : "");
	return add(l, &a, why);
}

/* The name in NAME=@form. */
static int take_name(const char *option, const char *text, const char *form, struct arm *a, const char **ret_value,
		     struct why *why)
{
	size_t len = strcspn(text, "=");

	if (!len || !text[len] || !text[len + 1])
		return why_fail(why, EXIT_USAGE, -EINVAL, "%s %s: not NAME=%s", option, text, form);
	if (len >= sizeof(a->name) || strcspn(text, "/:,| ") < len)
		return why_fail(why, EXIT_USAGE, -EINVAL, "%s %s: not a name: %.*s", option, text, (int)len, text);
	memcpy(a->name, text, len);
	if (find_builtin(a->name, len))
		return why_fail(why, EXIT_USAGE, -EEXIST, "%s %s: the name is taken", option, a->name);
	*ret_value = text + len + 1;
	return 0;
}

static int add_command(struct arm_list *l, const char *text, struct why *why)
{
	struct arm a = { .kind = ARM_COMMAND };
	int err = take_name("--arm", text, "COMMAND", &a, &a.command, why);

	return err ? err : add(l, &a, why);
}

/* NAME=TIER:FILE */
static int add_iopath(struct arm_list *l, const char *text, struct why *why)
{
	struct arm a = { .kind = ARM_TIER };
	const struct builtin *b;
	const char *value;
	size_t len;
	int err = take_name("--arm-iopath", text, "TIER:FILE", &a, &value, why);

	if (err)
		return err;
	len = strcspn(value, ":");
	b = find_builtin(value, len);
	if (!b || !b->tier || !value[len] || !value[len + 1])
		return why_fail(why, EXIT_USAGE, -EINVAL, "--arm-iopath %s: not NAME=TIER:FILE", text);
	snprintf(a.tier, sizeof(a.tier), "%s", b->tier);
	a.program = value + len + 1;
	return add(l, &a, why);
}

/* Those that the options below are for: of --arm when no name is said. A ready-made one knows its own, but may be named. */
static bool is_meant(const struct arm *a, const struct arm *one)
{
	return one ? a == one : a->kind == ARM_COMMAND && !find_builtin(a->name, strlen(a->name));
}

/* [NAME=]VALUE: the arm, or NULL for all that can be meant, and what is behind it. One that would do nothing is an error. */
static int arm_meant(const struct arm_list *l, const char *option, const char *text, const struct arm **ret_one,
		     const char **ret_value, struct why *why)
{
	size_t len = strcspn(text, "=");
	int at = text[len] ? find_arm(l, text, len) : -1;
	const struct arm *one = at >= 0 ? &l->v[at] : NULL;
	unsigned int nr = 0;

	if (!one && len && text[len] && strspn(text, NAME_CHARS) == len)
		return why_fail(why, EXIT_USAGE, -EINVAL, "%s %s: no arm is named %.*s (a pattern has [=] for =)", option, text,
				(int)len, text);
	if (one && one->kind != ARM_COMMAND)
		return why_fail(why, EXIT_USAGE, -EINVAL, "%s %s: %s is no tracer of others", option, text, one->name);
	for (unsigned int i = 0; i < l->nr; i++)
		nr += is_meant(&l->v[i], one);
	if (!nr)
		return why_fail(why, EXIT_USAGE, -EINVAL, "%s %s: there is no --arm that it could be for", option, text);
	*ret_one = one;
	*ret_value = one ? text + len + 1 : text;
	return 0;
}

/* @field: ready or proof. */
static int set_regex(struct arm_list *l, const char *text, const char *option, size_t field, struct why *why)
{
	const struct arm *one;
	const char *pattern;
	int err = arm_meant(l, option, text, &one, &pattern, why);
	regex_t re;

	if (err)
		return err;
	if (regcomp(&re, pattern, REG_EXTENDED | REG_NOSUB))
		return why_fail(why, EXIT_USAGE, -EINVAL, "%s %s: not a regular expression", option,
				pattern);
	regfree(&re);
	for (unsigned int i = 0; i < l->nr; i++)
		if (is_meant(&l->v[i], one))
			*(const char **)((char *)&l->v[i] + field) = pattern;
	return 0;
}

static int set_stop(struct arm_list *l, const char *text, struct why *why)
{
	static const int signals[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2 };
	const struct arm *one;
	const char *name;
	int err = arm_meant(l, "--arm-stop", text, &one, &name, why), signo = 0;

	if (err)
		return err;
	for (size_t i = 0; i < ARRAY_SIZE(signals); i++)
		if (!strcmp(name, sigabbrev_np(signals[i])))
			signo = signals[i];
	if (!signo)
		return why_fail(why, EXIT_USAGE, -EINVAL, "--arm-stop %s: not INT, TERM, HUP, QUIT, USR1 or USR2", name);
	for (unsigned int i = 0; i < l->nr; i++)
		if (is_meant(&l->v[i], one))
			l->v[i].stop_signal = signo;
	return 0;
}

static int set_delay(struct arm_list *l, const char *text, struct why *why)
{
	const struct arm *one;
	const char *value;
	int err = arm_meant(l, "--arm-delay", text, &one, &value, why);
	uint64_t ns;

	if (err)
		return err;
	if (parse_duration_ns(value, &ns) || ns > DELAY_MAX_NS)
		return why_fail(why, EXIT_USAGE, -EINVAL, "--arm-delay %s: not a duration up to 10m (a number with ms, s or m)", value);
	for (unsigned int i = 0; i < l->nr; i++)
		if (is_meant(&l->v[i], one))
			l->v[i].delay_ns = ns;
	return 0;
}

static bool names_a_command(const struct opt_list *commands, const char *name)
{
	size_t len = strlen(name);

	for (size_t i = 0; i < commands->nr; i++)
		if (!strncmp(commands->v[i], name, len) && commands->v[i][len] == '=')
			return true;
	return false;
}

int arm_list_parse(const struct arm_words *w, struct arm_list *ret, struct why *why)
{
	struct arm_list l = { 0 };
	bool off = false, twin = false;
	int err = 0;

	for (size_t i = 0; i < w->names->nr; i++) {
		off |= !strcmp(w->names->v[i], "off");
		twin |= !strcmp(w->names->v[i], "off2");
	}
	if (!off)
		err = add_builtin(&l, "off", why);
	if (!err && !twin)
		err = add_builtin(&l, "off2", why);
	for (size_t i = 0; i < w->names->nr && !err; i++)
		if (!names_a_command(w->commands, w->names->v[i]) && !names_a_command(w->iopaths, w->names->v[i]))
			err = add_builtin(&l, w->names->v[i], why);
	for (size_t i = 0; i < w->commands->nr && !err; i++)
		err = add_command(&l, w->commands->v[i], why);
	for (size_t i = 0; i < w->iopaths->nr && !err; i++)
		err = add_iopath(&l, w->iopaths->v[i], why);
	for (size_t i = 0; i < w->ready->nr && !err; i++)
		err = set_regex(&l, w->ready->v[i], "--arm-ready", offsetof(struct arm, ready), why);
	for (size_t i = 0; i < w->proof->nr && !err; i++)
		err = set_regex(&l, w->proof->v[i], "--arm-proof", offsetof(struct arm, proof), why);
	for (size_t i = 0; i < w->stop->nr && !err; i++)
		err = set_stop(&l, w->stop->v[i], why);
	for (size_t i = 0; i < w->delay->nr && !err; i++)
		err = set_delay(&l, w->delay->v[i], why);
	if (err)
		return err;
	l.off = (unsigned int)find_arm(&l, "off", 3);
	l.twin = (unsigned int)find_arm(&l, "off2", 4);
	*ret = l;
	return 0;
}

/* As the tracepoints of the block layer have it: they know disks, not partitions. */
static unsigned long disk_devt(const struct device *d)
{
	unsigned int major = d->major, minor = d->minor;
	char path[128], line[32];

	snprintf(path, sizeof(path), "/sys/block/%s/dev", d->disk);
	if (!file_read_line(path, line, sizeof(line)))
		sscanf(line, "%u:%u", &major, &minor);
	return (unsigned long)major << 20 | minor;
}

int arm_expand(const char *command, const struct device *d, const char *dir, char **ret)
{
	char *out = NULL, bin[PATH_MAX];
	size_t len;
	FILE *f = open_memstream(&out, &len);

	if (!f)
		return -errno;
	while (*command) {
		if (!strncmp(command, "{disk}", 6)) {
			fputs(d->name, f);
			command += 6;
		} else if (!strncmp(command, "{devt}", 6)) {
			fprintf(f, "%lu", disk_devt(d));
			command += 6;
		} else if (!strncmp(command, "{dev}", 5)) {
			fputs(d->path, f);
			command += 5;
		} else if (!strncmp(command, "{bin}", 5)) {
			if (!inputs_own_dir(bin, sizeof(bin)))
				fputs(bin, f);
			command += 5;
		} else if (!strncmp(command, "{dir}", 5)) {
			fputs(dir, f);
			command += 5;
		} else {
			fputc(*command++, f);
		}
	}
	if (fclose(f)) {
		free(out);
		return -ENOMEM;
	}
	*ret = out;
	return 0;
}

void arm_print(FILE *out)
{
	for (size_t i = 0; i < ARRAY_SIZE(builtins); i++)
		fprintf(out, "  %-20s %s\n", builtins[i].name, builtins[i].help);
	fprintf(out, "  %-20s %s\n", "TIER:empty",
		"the hooks of a tier with programs that return at once: the floor");
	fprintf(out, "  %-20s %s\n", "--arm-iopath NAME=TIER:FILE", "another iopath, judged like ours");
	fprintf(out, "  %-20s %s\n", "--arm NAME=COMMAND",
		"any other tracer; {disk}, {dev}, {devt}, {dir} and {bin} are filled in");
}
