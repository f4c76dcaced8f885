/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lab.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "bench/file.h"
#include "bench/history.h"
#include "bench/inputs.h"
#include "bench/result.h"
#include "bench/run.h"
#include "bench/stop.h"
#include "bench/tee.h"
#include "tracer/base/cleanup.h"

#define PREFIX "lab:"
#define PREFIX_LEN (sizeof(PREFIX) - 1)
#define TIMEOUT_S "604800"	/* the run ends by itself */
/* Tracers that load on the lab's newer kernels (ci/lab/tools), before those installed. */
#define TOOLS "lab/tools/bin"

static bool is_lab(const char *spec)
{
	return !strncmp(spec, PREFIX, PREFIX_LEN);
}

int lab_wanted(const struct run_config *c, bool *ret, struct why *why)
{
	size_t first = 0;

	while (first < c->devices.nr && !is_lab(c->devices.v[first]))
		first++;
	if (first && first < c->devices.nr)
		return why_fail(why, EXIT_USAGE, -EINVAL, "--device %s: not beside devices of this machine; run it alone",
				c->devices.v[first]);
	*ret = first < c->devices.nr;
	return 0;
}

/* ---- disks ---- */

static bool is_param_of_lab(const char *s)
{
	size_t len = strspn(s, "abcdefghijklmnopqrstuvwxyz_");

	return len && s[len] == '=';
}

/* "LAB_DISK_NVME2": the second of a class has a number. */
static void print_variable(FILE *f, const char *disk, unsigned int number)
{
	fputs(" --device \"$LAB_DISK_", f);
	for (const char *p = disk; *p && *p != ':'; p++)
		fputc(toupper((unsigned char)*p), f);
	if (number > 1)
		fprintf(f, "%u", number);
	fputc('"', f);
}

static unsigned int count_class(const struct opt_list *l, size_t at)
{
	const char *disk = l->v[at] + (is_lab(l->v[at]) ? PREFIX_LEN : 0);
	size_t len = strcspn(disk, ":");
	unsigned int n = 0;

	for (size_t i = 0; i <= at; i++) {
		const char *other = l->v[i] + (is_lab(l->v[i]) ? PREFIX_LEN : 0);

		n += strcspn(other, ":") == len && !strncmp(other, disk, len);
	}
	return n;
}

/* The shell sees what is in here: only what the lab's own syntax needs. */
static bool is_plain(const char *s)
{
	return s[0] && strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_=:.-") == strlen(s);
}

int lab_plan(const struct opt_list *l, char **ret_disk, char **ret_words, struct why *why)
{
	_cleanup_free_ char *disk = NULL, *words = NULL;
	size_t disk_len, words_len;
	FILE *d = open_memstream(&disk, &disk_len), *w = open_memstream(&words, &words_len);
	const char *mode = getenv("MODE");
	int err = d && w ? 0 : -ENOMEM;

	/*
	 * An idle guest jumps to its next timer. While it waits for the host, for a disk or a program that is
	 * read for the first time, that is any timeout: wipefs and the load run into theirs.
	 */
	if (!err && mode && !strcmp(mode, "virtual"))
		err = why_fail(why, EXIT_USAGE, -EINVAL, "--device lab:…: MODE=virtual: a run is about real time, in which the "
			       "host serves disks and programs; make gate and bench/disks-guest measure in virtual time");

	for (size_t i = 0; i < l->nr && !err; i++) {
		const char *s = l->v[i] + (is_lab(l->v[i]) ? PREFIX_LEN : 0);

		if (!is_plain(s))
			err = why_fail(why, EXIT_USAGE, -EINVAL, "--device %s: not lab:DISK or lab:DISK:NAME=VALUE", l->v[i]);
		fprintf(d, "%s%s", i ? "," : "", s);
		if (!is_param_of_lab(s))
			print_variable(w, s, count_class(l, i));
	}
	if ((d && fclose(d)) || (w && fclose(w)))
		err = err ? err : -ENOMEM;
	if (err)
		return err;
	*ret_disk = take_ptr(disk);
	*ret_words = take_ptr(words);
	return 0;
}

/* ---- arguments ---- */

static void quote(FILE *f, const char *s)
{
	fputc('\'', f);
	for (; *s; s++) {
		if (*s == '\'')
			fputs("'\\''", f);
		else
			fputc(*s, f);
	}
	fputc('\'', f);
}

/* An option with an argument that is for this side. Its argument stands behind it unless it has a '='. */
static bool is_of_this_side(const char *word, bool *ret_argument)
{
	static const char *const names[] = { "--device", "--out", "-o", "--history" };

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		size_t len = strlen(names[i]);

		*ret_argument = !strcmp(word, names[i]);
		if (*ret_argument || (!strncmp(word, names[i], len) && (word[len] == '=' || len == 2)))
			return true;
	}
	return false;
}

int lab_arguments(const struct run_config *c, char **ret)
{
	char *text = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);

	if (!f)
		return -errno;
	for (int i = 1; i < c->argc; i++) {
		bool argument;

		if (is_of_this_side(c->argv[i], &argument)) {
			i += argument;
			continue;
		}
		fputc(' ', f);
		quote(f, c->argv[i]);
	}
	if (fclose(f)) {
		free(text);
		return -ENOMEM;
	}
	*ret = text;
	return 0;
}

/* ---- the run ---- */

/* The tree that this program was built in has the lab; what is written below the tree stays. */
static int find_tree(char *buf, size_t len, struct why *why)
{
	char dir[PATH_MAX], script[PATH_MAX + 32];
	int err = inputs_own_dir(dir, sizeof(dir));

	for (int up = 0; up < 4 && !err; up++) {
		char *slash = strrchr(dir, '/');

		if (!slash || slash == dir)
			break;
		*slash = '\0';
		snprintf(script, sizeof(script), "%s/ci/lab/run", dir);
		if (access(script, X_OK))
			continue;
		snprintf(buf, len, "%s", dir);
		return 0;
	}
	return err ? err : why_fail(why, EXIT_ENVIRONMENT, -ENOENT,
				    "--device lab:…: the VM lab is part of the source tree, and this program is not run from one");
}

/* Its status; when we are asked to stop, the lab takes its machine down. @said has what it said last. */
static int run_script(const char *tree, const char *disk, const char *command, struct tee *said)
{
	char script[PATH_MAX + 32];
	int fds[2], err;
	pid_t pid;

	snprintf(script, sizeof(script), "%s/ci/lab/run", tree);
	if (pipe2(fds, O_CLOEXEC))
		return -errno;
	pid = fork();
	if (pid) {
		close(fds[1]);
		err = pid < 0 ? -errno : tee_wait(said, fds[0], pid);
		close(fds[0]);
		return err;
	}
	dup2(fds[1], STDERR_FILENO);
	setenv("DISK", disk, 1);
	setenv("TIMEOUT", TIMEOUT_S, 0);
	execl(script, script, command, (char *)NULL);
	_exit(127);
}

/* One file from @dir into @out. -ENOENT: it is not there, and what is in @out stays. */
static int bring_file(const char *dir, const char *out, const char *name)
{
	_cleanup_free_ char *from = NULL, *to = NULL, *text = NULL;
	int err;

	if (asprintf(&from, "%s/%s", dir, name) < 0 || asprintf(&to, "%s/%s", out, name) < 0)
		return -ENOMEM;
	err = file_read(from, &text);
	if (!err)
		err = file_make_dirs(out);
	return err ? err : file_replace(to, text);
}

/*
 * Files of a run, from @dir into @out, where those of an older run that tell of
 * its end are gone already. *ret_none: it has measured nothing; it may say why.
 */
static int bring_back(const char *dir, const char *out, bool *ret_none)
{
	int err = bring_file(dir, out, "results.jsonl"), r;

	*ret_none = err == -ENOENT;
	if (err && !*ret_none)
		return err;
	r = bring_file(dir, out, "report.md");
	if (!r || r == -ENOENT)
		r = bring_file(dir, out, "verdict.json");
	return r == -ENOENT ? 0 : r;
}

/* With what a guest that was stopped has only begun. */
static void remove_files(const char *dir)
{
	struct dirent *e;
	DIR *d = opendir(dir);

	while (d && (e = readdir(d)))
		unlinkat(dirfd(d), e->d_name, 0);
	if (d)
		closedir(d);
	rmdir(dir);
}

/* Which results enter is the history's to say; there are none when nothing could be run. */
static int add_history(const struct run_config *c, const char *out)
{
	_cleanup_free_ char *file = NULL;
	int status;
	pid_t pid;

	if (asprintf(&file, "%s/results.jsonl", out) < 0)
		return -ENOMEM;
	if (!c->history || access(file, F_OK))
		return 0;
	pid = fork();
	if (!pid) {
		execl("/proc/self/exe", "iopath-bench", "history", "--db", c->history, "--import", out, (char *)NULL);
		_exit(127);
	}
	return pid < 0 ? -errno : waitpid(pid, &status, 0) < 0 || status ? -EIO : 0;
}

static int default_out(const struct run_config *c, char **ret)
{
	time_t now = time(NULL);
	char stamp[32];
	struct tm tm;

	localtime_r(&now, &tm);
	strftime(stamp, sizeof(stamp), "%Y%m%d-%H%M%S", &tm);
	if (c->out)
		*ret = strdup(c->out);
	else if (asprintf(ret, "results/local/%s-lab", stamp) < 0)
		*ret = NULL;
	return *ret ? 0 : -ENOMEM;
}

/* In @cwd; where the guest has none such, as below its own /tmp, in the tree. */
static int command_there(const char *cwd, const char *tree, const char *own, const char *self, const char *arguments,
			 const char *words, const char *out, char **ret)
{
	char *text = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);

	if (!f)
		return -errno;
	fputs("cd ", f);
	quote(f, cwd);
	fputs(" 2>/dev/null || cd ", f);
	quote(f, tree);
	fputs("; PATH=", f);
	quote(f, own);
	fputs("/" TOOLS ":\"$PATH\" exec ", f);
	quote(f, self);
	fprintf(f, " run%s%s --out ", arguments, words);
	quote(f, out);
	if (fclose(f)) {
		free(text);
		return -ENOMEM;
	}
	*ret = text;
	return 0;
}

/* *ret_none: there are no results; @said may say why. */
static int run_there(const struct run_config *c, const char *out, bool *ret_none, struct tee *said, struct why *why)
{
	_cleanup_free_ char *disk = NULL, *words = NULL, *arguments = NULL, *command = NULL, *self = NULL;
	_cleanup_free_ char *cwd = get_current_dir_name();
	char tree[PATH_MAX], own[PATH_MAX], dir[PATH_MAX + 32];
	int code, err = lab_plan(&c->devices, &disk, &words, why);

	if (!err)
		err = find_tree(tree, sizeof(tree), why);
	if (!err)
		err = inputs_own_dir(own, sizeof(own));
	if (!err)
		err = lab_arguments(c, &arguments);
	self = realpath("/proc/self/exe", NULL);
	if (!err && !(cwd && self))
		err = -errno;
	snprintf(dir, sizeof(dir), "%s/results/local/.lab.%d", tree, getpid());
	if (!err)
		err = file_make_dirs(dir);
	if (!err)
		err = command_there(cwd, tree, own, self, arguments, words, dir, &command);
	if (!err)
		err = stop_install();
	if (!err)
		err = run_script(tree, disk, command, said);
	if (err < 0)
		return why->code ? (int)why->code :
				   (why_fail(why, EXIT_HARNESS, err, "cannot start the lab: %s", strerror(-err)), EXIT_HARNESS);
	code = err;
	err = bring_back(dir, out, ret_none);
	if (err)
		return why_fail(why, EXIT_HARNESS, EXIT_HARNESS, "cannot write to %s: %s; what the lab brought is in %s", out, strerror(-err), dir);
	remove_files(dir);
	if (code == 124 || code > 128)
		code = EXIT_HARNESS;
	/* what the lab or the run in it refused, it has said itself */
	if (*ret_none && (code == EXIT_USAGE || code == EXIT_ENVIRONMENT))
		return code;
	if (*ret_none)
		return why_fail(why, EXIT_HARNESS, code <= EXIT_OVER_BUDGET || code == EXIT_INCONCLUSIVE ? EXIT_HARNESS : code,
				"no results came back from the lab");
	fprintf(stderr, "iopath-bench: results in %s\n", out);
	if (add_history(c, out))
		return why_fail(why, EXIT_HARNESS, EXIT_HARNESS, "cannot add %s to %s", out, c->history);
	return code;
}

int lab_run(const struct run_config *c, struct why *why)
{
	_cleanup_free_ char *out = NULL, *verdict = NULL;
	int code = default_out(c, &out);
	struct tee said = { .len = 0 };
	struct why told;
	bool none = true;

	if (!code && asprintf(&verdict, "%s/verdict.json", out) < 0)
		code = -ENOMEM;
	if (code)
		return why_fail(why, EXIT_HARNESS, EXIT_HARNESS, "%s", strerror(-code));
	if (result_clear(out, why))
		return (int)why->code;
	if (c->history && history_check(c->history, why))
		return run_did_not_begin(c, (int)why->code, why);
	code = run_there(c, out, &none, &said, why);
	if (!none || !access(verdict, F_OK)) /* the guest's own says more */
		return code;
	told = *why;
	if (said.last[0])
		snprintf(told.text, sizeof(told.text), "%.200s%s%.300s", why->text, why->text[0] ? "; it said: " : "", said.last);
	return run_did_not_begin(c, code, &told);
}
