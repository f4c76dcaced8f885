/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sink.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <regex.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tracer/base/cleanup.h"

struct sink {
	int fd;
	pthread_t thread;
	bool joined;
	bool has_ready, has_proof;
	regex_t ready, proof;
	atomic_bool is_ready, is_proved, is_marked;
	atomic_ullong bytes, lines;
	/* below: the thread's own until it is joined */
	char head[4096];
	size_t head_len;
	char line[1024], last[1024];
	size_t line_len;
};

static void end_line(struct sink *s)
{
	s->line[s->line_len] = '\0';
	if (s->line_len)
		memcpy(s->last, s->line, s->line_len + 1);
	s->line_len = 0;
	if (s->has_ready && !atomic_load(&s->is_ready) && !regexec(&s->ready, s->line, 0, NULL, 0))
		atomic_store(&s->is_ready, true);
	if (atomic_load(&s->is_marked))
		atomic_fetch_add(&s->lines, 1);
	/* only until the first: matching is not what is to be measured */
	if (s->has_proof && !atomic_load(&s->is_proved) && !regexec(&s->proof, s->line, 0, NULL, 0))
		atomic_store(&s->is_proved, true);
}

static void take(struct sink *s, const char *buf, size_t n)
{
	size_t room = sizeof(s->head) - 1 - s->head_len, keep = n < room ? n : room;

	memcpy(s->head + s->head_len, buf, keep);
	s->head_len += keep;
	atomic_fetch_add(&s->bytes, n);
	for (size_t i = 0; i < n; i++) {
		if (buf[i] == '\n')
			end_line(s);
		else if (buf[i] && s->line_len < sizeof(s->line) - 1)
			s->line[s->line_len++] = buf[i];
	}
}

static void *drain(void *arg)
{
	struct sink *s = arg;
	char buf[65536];

	for (;;) {
		ssize_t n = read(s->fd, buf, sizeof(buf));

		if (n > 0)
			take(s, buf, (size_t)n);
		else if (!n || errno != EINTR)
			break;
	}
	if (s->line_len)
		end_line(s);
	return NULL;
}

int sink_open(const char *ready, const char *proof, struct sink **ret, int *ret_fd)
{
	_cleanup_close_ int read_end = -1, write_end = -1;
	struct sink *s = calloc(1, sizeof(*s));
	sigset_t all, before;
	int fds[2], err;

	if (!s)
		return -ENOMEM;
	s->fd = -1;
	if (pipe2(fds, O_CLOEXEC)) {
		err = -errno;
		sink_free(s);
		return err;
	}
	read_end = fds[0];
	write_end = fds[1];
	if (ready && regcomp(&s->ready, ready, REG_EXTENDED | REG_NOSUB)) {
		sink_free(s);
		return -EINVAL;
	}
	s->has_ready = ready;
	if (proof && regcomp(&s->proof, proof, REG_EXTENDED | REG_NOSUB)) {
		sink_free(s);
		return -EINVAL;
	}
	s->has_proof = proof;
	s->fd = take_fd(&read_end);
	/* signals are the main thread's business */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	err = -pthread_create(&s->thread, NULL, drain, s);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (err) {
		s->joined = true;
		sink_free(s);
		return err;
	}
	*ret = s;
	*ret_fd = take_fd(&write_end);
	return 0;
}

bool sink_is_ready(struct sink *s)
{
	return atomic_load(&s->is_ready);
}

void sink_mark(struct sink *s)
{
	atomic_store(&s->is_marked, true);
}

uint64_t sink_lines(struct sink *s)
{
	return atomic_load(&s->lines);
}

bool sink_is_proved(struct sink *s)
{
	return s->has_proof ? atomic_load(&s->is_proved) : atomic_load(&s->lines) > 0;
}

void sink_join(struct sink *s)
{
	if (!s->joined && s->fd >= 0)
		pthread_join(s->thread, NULL);
	s->joined = true;
}

uint64_t sink_bytes(struct sink *s)
{
	return atomic_load(&s->bytes);
}

const char *sink_head(struct sink *s)
{
	s->head[s->head_len] = '\0';
	return s->head;
}

const char *sink_last_line(struct sink *s)
{
	return s->last;
}

void sink_free(struct sink *s)
{
	if (!s)
		return;
	sink_join(s);
	if (s->fd >= 0)
		close(s->fd);
	if (s->has_ready)
		regfree(&s->ready);
	if (s->has_proof)
		regfree(&s->proof);
	free(s);
}
