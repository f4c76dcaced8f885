/* SPDX-License-Identifier: GPL-2.0-or-later */
/* `iopath top`: an interval for scripts; the screen on a terminal of the test's own. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>

#include "ground-check.h"
#include "ground-loops.h"
#include "ground-place.h"
#include "ground-run.h"
#include "tracer/base/cleanup.h"
#include "tracer/base/test.h"

enum { SCREEN_MS = 20000 };

TEST(one_interval_for_scripts)
{
	const char *why = need_loop();
	struct proc io = {}, top = {};

	if (why)
		TEST_SKIP(why);
	check_case("top --once");
	proc_start(&io, "known-count --target %s --count 8000 --direct --sleep-between 20ms", loop.path);
	check_same("status", proc_line(&top, "iopath top --once --by file --dev %s", loop.name), 0);
	check_has("the heading", top.out.text, "READ/s");
	check_has("the file", top.out.text, loop.path);
	check_same("lines", text_lines(&top.out), 3);
	proc_free(&top);
	check_same("status", proc_line(&top, "iopath top --once --tier block --by process --dev %s --sort reads --rows 1", loop.name), 0);
	check_has("the process", top.out.text, "known-count");
	check_same("lines", text_lines(&top.out), 3);
	proc_signal(&io, SIGTERM);
	proc_free(&top);
	proc_free(&io);
}

static int now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int)(t.tv_sec * 1000 + t.tv_nsec / 1000000);
}

/* Read what it draws until @word is there. It draws for ever. */
static bool until(int fd, const char *word, struct text *seen)
{
	int end = now_ms() + patience_ms(SCREEN_MS), left;
	struct pollfd p = { fd, POLLIN, 0 };
	char buf[4096];
	ssize_t n;

	while (!strstr(seen->text, word) && (left = end - now_ms()) > 0 && poll(&p, 1, left) > 0 &&
	       (n = read(fd, buf, sizeof(buf))) > 0) {
		char *more = realloc(seen->text, seen->len + (size_t)n + 1);

		if (!more)
			return false;
		seen->text = more;
		memcpy(seen->text + seen->len, buf, (size_t)n);
		seen->len += (size_t)n;
		seen->text[seen->len] = '\0';
	}
	return strstr(seen->text, word);
}

/* By a key or a signal: it ends well, and leaves the other screen as it was. */
static void screen_case(int sig)
{
	struct winsize size = { 24, 160, 0, 0 };
	struct text seen = { strdup(""), 0 };
	int fd, status = -1;
	pid_t pid;

	check_case("a screen, ended by %s", sig ? "a signal" : "a key");
	pid = forkpty(&fd, NULL, NULL, &size);
	if (!pid) {
		setenv("TERM", "xterm", 1);
		execl(proc_path("iopath"), "iopath", "top", "--by", "process,device", "--interval", "50ms", NULL);
		_exit(127);
	}
	check_true("the heading", until(fd, "READ/s", &seen));
	check_true("by process", until(fd, "by process", &seen));
	if (sig) {
		kill(pid, sig);
	} else {
		check_true("a key", write(fd, "b", 1) == 1 && until(fd, "device, bios", &seen));
		check_true("a key", write(fd, "q", 1) == 1);
	}
	check_true("the other screen", until(fd, "\033[?1049l", &seen));
	waitpid(pid, &status, 0);
	check_true("status 0", WIFEXITED(status) && !WEXITSTATUS(status));
	free(seen.text);
	close(fd);
}

TEST(the_screen)
{
	const char *why = need_loop();

	if (why)
		TEST_SKIP(why);
	screen_case(0);
	screen_case(SIGTERM);
}

TEST(what_cannot_be_asked_for)
{
	static const char *const words[][2] = {
		{ "--by user", "neither process, file, cgroup nor device" },
		{ "--sort speed", "no such column" },
		{ "--tier block --by file", "needs --tier vfs or above" },
		{ "now", "takes no operands" },
		{ "", "no terminal to show it on" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		struct proc p = {};

		check_case("top %s", words[i][0]);
		check_same("status", proc_line(&p, "iopath top %s", words[i][0]), 2);
		check_has("stderr", p.err.text, words[i][1]);
		check_same("lines", text_lines(&p.err), 1);
		proc_free(&p);
	}
}

TEST_MAIN("top", T(one_interval_for_scripts), T(the_screen), T(what_cannot_be_asked_for))
