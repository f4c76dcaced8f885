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
	return !err || err == -EINTR ? err : why_fail(why, EXIT_ENVIRONMENT, err, "%s: %s cannot be asked about it: %s", w->path,
						      program, strerror(-err));
}
