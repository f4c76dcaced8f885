/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Loads and stores, one per page of each I/O, through a shared mapping. */
#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

#include "known-engine.h"

struct window {
	unsigned char *at;
	uint64_t bytes;
	uint64_t start;	/* offset of at[0] in the target */
};

static int window_map(struct worker *w, struct window *win)
{
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
	int prot = PROT_READ | (plan_writes(w->plan) ? PROT_WRITE : 0);
	void *at;

	win->start = w->plan->offset & ~(page - 1);
	win->bytes = plan_end(w->plan) - win->start;
	at = mmap(NULL, win->bytes, prot, MAP_SHARED, w->fd, (off_t)win->start);
	if (at == MAP_FAILED)
		return worker_fail(w, errno, "mmap");
	win->at = at;
	if (w->plan->no_readahead && madvise(at, win->bytes, MADV_RANDOM)) {
		worker_fail(w, errno, "madvise");
		munmap(at, win->bytes);
	}
	return w->status;
}

static void touch(const struct window *win, const struct io *io)
{
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE), last = io->offset + io->bytes - 1;
	volatile unsigned char *at = win->at;

	for (uint64_t off = io->offset; off <= last; off = (off | (page - 1)) + 1) {
		if (io->op == KNOWN_WRITE)
			at[off - win->start] = (unsigned char)(io->index + 1);
		else
			(void)at[off - win->start];
	}
}

static int sync_window(struct worker *w, const struct window *win)
{
	struct io io = { .op = KNOWN_MSYNC };
	int r = msync(win->at, win->bytes, MS_SYNC);

	return worker_done(w, &io, r ? -errno : 0);
}

int mmap_run(struct worker *w, const void *unused)
{
	struct window win = {};
	uint64_t writes = 0;

	(void)unused;
	if (window_map(w, &win))
		return w->status;
	for (uint64_t i = 0; i < w->count && !w->status; i++) {
		struct io io = plan_io(w->plan, w->first + i);
		bool is_write = io.op == KNOWN_WRITE;

		worker_pause(w);
		touch(&win, &io);
		writes += is_write;
		if (!worker_done(w, &io, (int64_t)io.bytes) && is_write && worker_sync_due(w, writes))
			sync_window(w, &win);
	}
	munmap(win.at, win.bytes);
	return w->status;
}
