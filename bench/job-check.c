/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "job-check.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "bench/child.h"
#include "bench/file.h"
#include "bench/load.h"
#include "bench/stop.h"
#include "bench/words.h"
#include "tracer/base/cleanup.h"

#define CHECK_TIMEOUT_NS (60 * NS_PER_S)

/* fio wants a file, and the part of one is none yet: it has it from our memory. */
static void fio_words(struct words *w, const char *text, int fd)
{
	size_t len = strlen(text);

	if (fd < 0 || write(fd, text, len) != (ssize_t)len)
		w->err = -EIO;
	words_add(w, "--parse-only");
	words_add(w, "/proc/%d/fd/%d", (int)getpid(), fd);
}

static void make_words(const struct workload *w, const char *program, const char *text, int fd, struct words *words)
{
	words_add(words, "%s", program);
	if (w->kind == WORKLOAD_FIO) {
		fio_words(words, text, fd);
	} else if (w->kind == WORKLOAD_SYSBENCH) {
		words_add(words, "fileio");
		words_add_settings(words, text);
		words_add(words, "help");
	} else {
		words_add_settings(words, text);
		words_add(words, "--target=/");
		words_add(words, "--runtime=1s");
		words_add(words, "--check");
	}
}

static void keep_complaint(const char *out, char *said, size_t len)
{
	if (!strncmp(out, "sysbench ", 9)) /* who it is */
		out += strcspn(out, "\n");
	out += strspn(out, "\n");
	if (!strncmp(out, "FATAL: ", 7))
		out += 7;
	snprintf(said, len, "%.*s", (int)strcspn(out, "\n"), out);
	text_clean(said);
}

/* The first @nr lines: 0 taken, 1 refused with @said, or -errno. */
static int ask(const struct workload *w, const char *program, unsigned int nr, char *said, size_t len)
{
	_cleanup_free_ char *text = strdup(w->text), *out = NULL;
	_cleanup_close_ int fd = memfd_create("job", MFD_CLOEXEC);
	struct words words = { .nr = 0 };
	struct child_end end = { 0 };
	char *cut = text;
	int err;

	if (!text)
		return -ENOMEM;
	for (; nr && *cut; nr--)
		cut += strcspn(cut, "\n") + (cut[strcspn(cut, "\n")] == '\n');
	*cut = '\0';
	make_words(w, program, text, fd, &words);
	err = words.err ? words.err : child_run(words.v, CHECK_TIMEOUT_NS, &out, &end);
	words_free(&words);
	if (!err && end.status)
		keep_complaint(out, said, len);
	return err ? err : !!end.status;
}

/* ---- engines of fio, which --parse-only takes on trust ---- */

#define ENGINE_CHARS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-"
#define BLANKS " \t\r"

/* The engine that a line of a job names: its length, or 0; a file of one is for fio to find. */
static size_t engine_of(const char *line, const char **ret)
{
	const char *p = line + strspn(line, BLANKS);
	size_t len;

	if (strncmp(p, "ioengine", 8))
		return 0;
	p += 8;
	p += strspn(p, BLANKS);
	if (*p++ != '=')
		return 0;
	p += strspn(p, BLANKS);
	len = strspn(p, ENGINE_CHARS);
	*ret = p;
	return strchr(BLANKS "\n#;", p[len]) ? len : 0;
}

/* Was it named in @text before @end? */
static bool named_before(const char *text, const char *end, const char *name, size_t len)
{
	const char *other;

	for (const char *l = text; l < end; l += strcspn(l, "\n"), l += *l == '\n')
		if (engine_of(l, &other) == len && !strncmp(other, name, len))
			return true;
	return false;
}

/* By its name, as the list of --enghelp lacks those that are loaded: 1 when there is none of it, 0 also when fio does not tell. */
static int lacks_engine(const char *fio, const char *name, size_t len)
{
	_cleanup_free_ char *out = NULL, *none = NULL;
	struct words words = { .nr = 0 };
	struct child_end end = { 0 };
	int err;

	if (asprintf(&none, "IO engine %.*s not found", (int)len, name) < 0)
		return -ENOMEM;
	words_add(&words, "%s", fio);
	words_add(&words, "--enghelp=%.*s", (int)len, name);
	err = words.err ? words.err : child_run(words.v, CHECK_TIMEOUT_NS, &out, &end);
	words_free(&words);
	if (err)
		return err == -EINTR || err == -ENOMEM ? err : 0; /* the first cell will tell */
	return strstr(out, none) != NULL;
}

static int check_engines(const struct workload *w, const char *fio, struct why *why)
{
	unsigned int nr = 0;
	const char *name;

	for (const char *l = w->text; *l; l += strcspn(l, "\n"), l += *l == '\n') {
		size_t len = engine_of(l, &name);
		int lacks;

		nr++;
		if (!len || named_before(w->text, l, name, len))
			continue;
		lacks = lacks_engine(fio, name, len);
		if (lacks > 0)
			return why_fail(why, EXIT_USAGE, -EINVAL, "%s:%u: fio does not take it: it has no engine %.*s", w->path, nr,
					(int)len, name);
		if (lacks)
			return lacks;
	}
	return 0;
}

int job_check(const struct workload *w, const char *program, struct why *why)
{
	unsigned int taken = 0, refused = 1;
	char said[200], again[200];
	int err;

	for (const char *p = w->text; *p; p++)
		refused += *p == '\n';
	err = ask(w, program, refused, said, sizeof(said));
	/* the line with which it begins to say that: what a part lacks is another complaint */
	while (err > 0 && refused - taken > 1) {
		unsigned int half = taken + (refused - taken) / 2;

		err = ask(w, program, half, again, sizeof(again));
		if (err > 0 && !strcmp(said, again))
			refused = half;
		else
			taken = half;
		err = err < 0 ? err : 1;
	}
	if (err > 0)
		return why_fail(why, EXIT_USAGE, -EINVAL, "%s:%u: %s does not take it: %s", w->path, refused,
				load_of(w)->name, said);
	if (!err && w->kind == WORKLOAD_FIO)
		return check_engines(w, program, why);
	return !err || err == -EINTR ? err : why_fail(why, EXIT_ENVIRONMENT, err, "%s: %s cannot be asked about it: %s", w->path,
						      program, strerror(-err));
}
