/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * known-count: an exact number of I/Os of known size and offset, and a
 * manifest of them, to hold a tracer's counts against. It shares no code with
 * the tracer, so that it cannot share a mistake.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/fs.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "known-manifest.h"

static int complain(const struct plan *p, int status, const char *what, const char *why)
{
	fprintf(stderr, "known-count: %s: %s: %s\n", p->target, what, why);
	return status;
}

static int target_bytes(int fd, uint64_t *ret)
{
	struct stat st;

	if (fstat(fd, &st))
		return -errno;
	if (S_ISBLK(st.st_mode))
		return ioctl(fd, BLKGETSIZE64, ret) ? -errno : 0;
	*ret = (uint64_t)st.st_size;
	return S_ISREG(st.st_mode) ? 1 : -ENOTBLK;
}

/* A device must hold all of the plan; a file may grow, unless it is read or mapped. */
static int check_size(const struct plan *p, int fd)
{
	uint64_t bytes = 0;
	int r = target_bytes(fd, &bytes);
	bool may_grow = r == 1 && p->mix == PLAN_WRITE && strcmp(p->engine->name, "mmap");
	char why[96];

	if (r < 0)
		return complain(p, KNOWN_USAGE, "target",
				r == -ENOTBLK ? "neither a file nor a block device" : strerror(-r));
	if (may_grow || plan_end(p) <= bytes)
		return 0;
	snprintf(why, sizeof(why), "%" PRIu64 " bytes, the plan ends at %" PRIu64, bytes, plan_end(p));
	return complain(p, KNOWN_USAGE, "too small", why);
}

static int open_target(const struct plan *p, int *ret_fd)
{
	int flags = O_CLOEXEC | (p->direct ? O_DIRECT : 0);
	int fd, status;

	flags |= plan_writes(p) ? O_RDWR : O_RDONLY;
	if (p->mix == PLAN_WRITE && p->count)
		flags |= O_CREAT;
	fd = open(p->target, flags, 0600);
	if (fd < 0)
		return complain(p, errno == EINVAL && p->direct ? KNOWN_NOT_OFFERED : KNOWN_FAILED,
				p->direct ? "open for direct I/O" : "open", strerror(errno));
	status = check_size(p, fd);
	if (status)
		close(fd);
	else
		*ret_fd = fd;
	return status;
}

static int advise(const struct plan *p, int fd)
{
	int r = p->cold ? posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED) : 0;

	if (!r && p->no_readahead)
		r = posix_fadvise(fd, 0, 0, POSIX_FADV_RANDOM);
	return r ? complain(p, KNOWN_FAILED, "posix_fadvise", strerror(r)) : 0;
}

/* SIGUSR1 is blocked since before "ready" was said, so it cannot be missed. */
static void wait_for_start(void)
{
	sigset_t set;
	int got;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set, NULL);
	fprintf(stderr, "known-count: ready %d\n", (int)getpid());
	sigwait(&set, &got);
}

static void *work(void *arg)
{
	struct worker *w = arg;

	w->tid = gettid();
	w->plan->engine->run(w, w->plan->engine->arg);
	return NULL;
}

/* One thread does its share on the main thread, so that tid and pid are the same. */
static int run_workers(const struct plan *p, struct worker *workers)
{
	pthread_t *threads = calloc(p->threads, sizeof(*threads));
	uint64_t started = 1;
	int err = 0;

	if (!threads)
		return complain(p, KNOWN_FAILED, "threads", strerror(ENOMEM));
	for (; started < p->threads; started++) {
		err = pthread_create(&threads[started], NULL, work, &workers[started]);
		if (err)
			break;
	}
	if (!err)
		work(&workers[0]);
	for (uint64_t i = 1; i < started; i++)
		pthread_join(threads[i], NULL);
	free(threads);
	return err ? complain(p, KNOWN_FAILED, "pthread_create", strerror(err)) : 0;
}

static int first_failure(const struct plan *p, const struct worker *workers)
{
	for (uint64_t i = 0; i < p->threads; i++)
		if (workers[i].status) {
			fprintf(stderr, "known-count: %s\n", workers[i].error);
			return workers[i].status;
		}
	return 0;
}

static int discard(const struct plan *p, int fd, struct tally *done)
{
	for (uint64_t i = 0; i < p->discards; i++) {
		struct io io = plan_discard(p, i);
		uint64_t range[2] = { io.offset, io.bytes };

		if (ioctl(fd, BLKDISCARD, range)) {
			bool offered = errno != EOPNOTSUPP && errno != ENOTTY;

			return complain(p, offered ? KNOWN_FAILED : KNOWN_NOT_OFFERED, "BLKDISCARD",
					strerror(errno));
		}
		done->count[KNOWN_DISCARD]++;
		done->bytes[KNOWN_DISCARD] += io.bytes;
	}
	return 0;
}

static int run(const struct plan *p, int fd, struct worker *workers)
{
	struct tally discards = {};
	int status;

	for (uint64_t i = 0; i < p->threads; i++) {
		workers[i] = (struct worker){ .plan = p, .fd = fd };
		workers[i].count = plan_share(p, i, &workers[i].first);
	}
	status = advise(p, fd);
	if (!status && p->wait)
		wait_for_start();
	if (!status)
		status = run_workers(p, workers);
	if (!status)
		status = first_failure(p, workers);
	if (!status)
		status = discard(p, fd, &discards);
	if (!status && manifest_write(stdout, p, workers, &discards))
		status = complain(p, KNOWN_FAILED, "manifest", "cannot be written to stdout");
	return status;
}

int main(int argc, char **argv)
{
	struct worker *workers;
	struct plan plan;
	int fd = -1, status = plan_parse(&plan, argc, argv);

	if (status != -1)
		return status;
	status = open_target(&plan, &fd);
	if (status)
		return status;
	workers = calloc(plan.threads, sizeof(*workers));
	status = workers ? run(&plan, fd, workers)
			 : complain(&plan, KNOWN_FAILED, "threads", strerror(ENOMEM));
	free(workers);
	close(fd);
	return status;
}
