/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * iopath-uring: a load generator on io_uring. It shares no code with the
 * tracer or the harness, so that it cannot share a mistake.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/fs.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "uring-job.h"

static volatile int stop;

static void on_signal(int sig)
{
	stop = sig;
}

static int complain(const char *object, const char *why, int status)
{
	fprintf(stderr, "iopath-uring: %s: %s\n", object, why);
	return status;
}

/* ---- the target ---- */

/* Does the disk below it say that it cannot poll? Older kernels would do the I/O all the same, unpolled. */
static bool cannot_poll(const struct stat *st)
{
	dev_t dev = S_ISBLK(st->st_mode) ? st->st_rdev : st->st_dev;
	static const char *const forms[] = { "/sys/dev/block/%u:%u/queue/io_poll", "/sys/dev/block/%u:%u/../queue/io_poll" };
	char path[96];
	int polls = 1;

	for (int i = 0; i < 2; i++) {
		FILE *f;

		snprintf(path, sizeof(path), i ? forms[1] : forms[0], major(dev), minor(dev));
		f = fopen(path, "re");
		if (!f)
			continue;
		if (fscanf(f, "%d", &polls) != 1)
			polls = 1;
		fclose(f);
		break;
	}
	return !polls;
}

static int check_alignment(const struct plan *p, int fd)
{
	int logical = 0;
	char why[96];

	if (!p->direct || ioctl(fd, BLKSSZGET, &logical) || !(p->block_bytes % (unsigned int)logical) ||
	    logical <= 0)
		return 0;
	snprintf(why, sizeof(why), "--block-size is no multiple of its logical blocks of %d bytes", logical);
	return complain(p->target, why, URING_USAGE);
}

/* Fill in the range; all of it must be there, unless it is to be laid out. */
static int check_range(struct plan *p, int fd, const struct stat *st)
{
	uint64_t bytes = (uint64_t)st->st_size;
	char why[128];

	if (S_ISBLK(st->st_mode) && ioctl(fd, BLKGETSIZE64, &bytes))
		return complain(p->target, strerror(errno), URING_FAILED);
	if (!p->size_bytes)
		p->size_bytes = bytes > p->offset_bytes ? bytes - p->offset_bytes : 0;
	if (p->size_bytes / p->block_bytes < p->jobs) {
		snprintf(why, sizeof(why), "%" PRIu64 " bytes from %" PRIu64 " do not hold a block for each job", p->size_bytes,
			 p->offset_bytes);
		return complain(p->target, why, URING_USAGE);
	}
	if (p->offset_bytes + p->size_bytes > bytes && !(p->layout && S_ISREG(st->st_mode))) {
		snprintf(why, sizeof(why), "too small: %" PRIu64 " bytes, the range ends at %" PRIu64, bytes,
			 p->offset_bytes + p->size_bytes);
		return complain(p->target, why, URING_USAGE);
	}
	return check_alignment(p, fd);
}

/*
 * The kernel refuses this while the device is mounted, swap, or held. It is a
 * descriptor of its own, open to the end: a ring lets go of its file some time
 * after the process has ended.
 */
static int claim(const struct plan *p)
{
	struct stat st;

	if (p->held || !plan_writes(p) || stat(p->target, &st) || !S_ISBLK(st.st_mode))
		return 0;
	return open(p->target, O_RDONLY | O_EXCL | O_CLOEXEC) < 0 ? -errno : 0;
}

static int open_target(struct plan *p, int *ret_fd)
{
	struct stat st;
	int flags = O_CLOEXEC | (p->direct && !p->layout ? O_DIRECT : 0) | (plan_writes(p) ? O_RDWR : O_RDONLY);
	int fd, status;

	if (claim(p) == -EBUSY)
		return complain(p->target, "in use: mounted, swap, or held by another device", URING_FAILED);
	fd = open(p->target, flags | (p->layout ? O_CREAT : 0), 0600);
	if (fd < 0 && errno == EINVAL && p->direct)
		return complain(p->target, "its file system has no direct I/O", URING_NOT_OFFERED);
	if (fd < 0)
		return complain(p->target, strerror(errno), URING_FAILED);
	status = fstat(fd, &st) ? complain(p->target, strerror(errno), URING_FAILED) : 0;
	if (!status && !S_ISBLK(st.st_mode) && !S_ISREG(st.st_mode))
		status = complain(p->target, "neither a file nor a block device", URING_USAGE);
	if (!status)
		status = check_range(p, fd, &st);
	if (!status && p->iopoll && cannot_poll(&st))
		status = complain(p->target, "its disk has no queues to poll (--iopoll; see queue/io_poll in sysfs)",
				  URING_NOT_OFFERED);
	if (status)
		close(fd);
	else
		*ret_fd = fd;
	return status;
}

/* ---- what is done ---- */

static int lay_out(const struct plan *p, int fd)
{
	size_t chunk = 1 << 20;
	uint64_t word = p->seed * 2 + 1, end = p->offset_bytes + p->size_bytes;
	char *block = malloc(chunk);
	int err = block ? 0 : ENOMEM;

	for (size_t i = 0; i < chunk && !err; i += sizeof(word)) {
		word = word * 6364136223846793005u + 1442695040888963407u;
		memcpy(block + i, &word, sizeof(word));
	}
	for (uint64_t at = p->offset_bytes; at < end && !err && !stop;) {
		ssize_t n = pwrite(fd, block, end - at < chunk ? end - at : chunk, (off_t)at);

		err = n < 0 ? errno : !n ? ENOSPC : 0;
		at += n > 0 ? (uint64_t)n : 0;
	}
	if (!err && fsync(fd))
		err = errno;
	free(block);
	if (err)
		return complain(p->target, strerror(err), URING_FAILED);
	return stop ? 128 + stop : 0;
}

static void say_first_error(const struct run *r)
{
	static const char *const names[OP_NR] = { "read", "write", "fsync" };

	for (uint64_t i = 0; i < r->plan->jobs; i++) {
		const struct loop_result *l = &r->jobs[i].loop.result;
		const struct io *io = &l->first_error;

		if (!l->errors)
			continue;
		fprintf(stderr, "iopath-uring: %s: %" PRIu64 " I/Os failed; the first: %s of %" PRIu32 " bytes at %" PRIu64 ": ",
			r->plan->target, run_errors(r), names[io->op], io->bytes, io->offset);
		if (l->first_error_result < 0)
			fprintf(stderr, "%s\n", strerror((int)-l->first_error_result));
		else
			fprintf(stderr, "short, %" PRId64 " bytes\n", l->first_error_result);
		return;
	}
}

static int measure(const struct plan *p, int fd, FILE *out)
{
	struct run run;
	char why[192] = "";
	int status = run_jobs(&run, p, fd, &stop, why, sizeof(why)), err;

	if (status) {
		complain(p->target, why, status);
	} else {
		err = run_report(&run, stop, out);
		if (err)
			status = complain(p->output ? p->output : "stdout", strerror(-err), URING_FAILED);
	}
	if (!status && run_errors(&run)) {
		say_first_error(&run);
		status = URING_FAILED;
	}
	run_free(&run);
	return !status && stop ? 128 + stop : status;
}

int main(int argc, char **argv)
{
	const struct sigaction action = { .sa_handler = on_signal };
	struct plan plan;
	FILE *out = stdout;
	int fd, status = plan_parse(&plan, argc, argv);

	if (status != -1 || plan.check)
		return status == -1 ? 0 : status;
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGHUP, &action, NULL);
	prctl(PR_SET_TIMERSLACK, 1); /* what is due is due: the threads inherit it */
	status = open_target(&plan, &fd);
	if (status)
		return status;
	if (plan.output && !plan.layout)
		out = fopen(plan.output, "we");
	if (!out)
		status = complain(plan.output, strerror(errno), URING_FAILED);
	else
		status = plan.layout ? lay_out(&plan, fd) : measure(&plan, fd, out);
	if (out && out != stdout && fclose(out) && !status)
		status = complain(plan.output, strerror(errno), URING_FAILED);
	close(fd);
	return status;
}
