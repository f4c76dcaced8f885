/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * truth-load forks DEV N	N processes, one after the other, each reads once and ends
 * truth-load leave DEV N	N processes, each submits 16 reads by libaio and ends without waiting
 * truth-load once OP DEV SECTOR	one I/O of 4 KiB; its errno is printed
 * truth-load touch FILE N	N pages of a mapping, none next to another, are read
 * truth-load dirty FILE N	... written
 * truth-load swap - N	N pages of its own memory are written, then read
 * truth-load ahead FILE N	readahead() of N pages
 * truth-load named DEV N	N reads, of a function that is called by load_middle(), that by load_outer()
 * truth-load linked DEV N	N chains of three reads by io_uring, with a registered file and buffer
 * Does what a test asks for and nothing else: it shares nothing with the tracer.
 */
#include <errno.h>
#include <fcntl.h>
#include <liburing.h>
#include <linux/aio_abi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define BLOCK 4096
#define BATCH 16

static void *buffer;

static int fail(const char *what)
{
	fprintf(stderr, "truth-load: %s: %s\n", what, strerror(errno));
	return 1;
}

static int read_one(int fd, long i)
{
	return pread(fd, buffer, BLOCK, i % 1024 * BLOCK) == BLOCK ? 0 : 1;
}

/* Ends with all of them in flight. */
static int leave(int fd, long unused)
{
	struct iocb iocbs[BATCH], *list[BATCH];
	aio_context_t ctx = 0;

	(void)unused;
	if (syscall(SYS_io_setup, BATCH, &ctx))
		return 1;
	for (int i = 0; i < BATCH; i++) {
		iocbs[i] = (struct iocb){ .aio_lio_opcode = IOCB_CMD_PREAD,
					  .aio_fildes = (unsigned int)fd,
					  .aio_buf = (unsigned long)buffer,
					  .aio_nbytes = BLOCK,
					  .aio_offset = 2ll * i * BLOCK };	/* none that merge */
		list[i] = &iocbs[i];
	}
	return syscall(SYS_io_submit, ctx, BATCH, list) == BATCH ? 0 : 1;
}

/* Many are asked for: a page table less to copy. */
static __attribute__((noinline)) pid_t child(int (*work)(int, long), int fd, long i)
{
	pid_t pid = vfork();

	if (!pid)
		_exit(work(fd, i));
	return pid;
}

static int children(int (*work)(int, long), int fd, long n)
{
	for (long i = 0; i < n; i++) {
		int status;
		pid_t pid = child(work, fd, i);

		if (pid < 0)
			return fail("vfork");
		if (waitpid(pid, &status, 0) != pid || status)
			return fail("a child");
	}
	return 0;
}

/* Each has work to do after the call, so that it is a call and has a frame of its own. */
static volatile long after_the_call;

#define LOOKED_AT_S 3

static __attribute__((noinline)) int load_inner(int fd, long i)
{
	int bad = read_one(fd, i);

	after_the_call++;
	return bad;
}

static __attribute__((noinline)) int load_middle(int fd, long i)
{
	int bad = load_inner(fd, i);

	after_the_call++;
	return bad;
}

static __attribute__((noinline)) int load_outer(int fd, long n)
{
	int bad = 0;

	for (long i = 0; i < n && !bad; i++)
		bad = load_middle(fd, i);
	/* for as long as it takes to ask the kernel what is mapped where */
	sleep(LOOKED_AT_S);
	after_the_call++;
	return bad ? fail("a read") : 0;
}

static int once(int fd, const char *op, long sector)
{
	ssize_t done = !strcmp(op, "write") ? pwrite(fd, buffer, BLOCK, sector * 512) :
					      pread(fd, buffer, BLOCK, sector * 512);

	printf("%d\n", done < 0 ? errno : 0);
	return 0;
}

#define STRIDE 7

/* Each STRIDEth page, so that none comes with another. */
static void each_page(volatile unsigned char *at, long n, int write)
{
	for (long i = 0; i < n; i++, at += STRIDE * BLOCK) {
		if (write)
			*at = 1;
		else
			(void)*at;
	}
}

static int map_file(const char *path, long n, int write)
{
	size_t len = (size_t)n * STRIDE * BLOCK;
	int fd = open(path, O_RDWR | O_CLOEXEC);
	void *at = mmap(NULL, len, PROT_READ | (write ? PROT_WRITE : 0), MAP_SHARED, fd, 0);

	if (fd < 0 || at == MAP_FAILED || madvise(at, len, MADV_RANDOM))
		return fail(path);
	each_page(at, n, write);
	return 0;
}

static int touch(const char *path, long n)
{
	return map_file(path, n, 0);
}

static int dirty(const char *path, long n)
{
	return map_file(path, n, 1);
}

static int swap(const char *unused, long n)
{
	size_t len = (size_t)n * STRIDE * BLOCK;
	void *at = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	(void)unused;
	if (at == MAP_FAILED || madvise(at, len, MADV_RANDOM))
		return fail("memory");
	each_page(at, n, 1);
	each_page(at, n, 0);
	return 0;
}

static int ahead(const char *path, long n)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	return fd < 0 || readahead(fd, 0, (size_t)n * BLOCK) ? fail(path) : 0;
}

/* The whole of a chain has ended when its last one has. */
static int chain(struct io_uring *ring, long i)
{
	enum { LINKS = 3 };
	struct io_uring_cqe *cqe;

	for (int l = 0; l < LINKS; l++) {
		struct io_uring_sqe *sqe = io_uring_get_sqe(ring);

		io_uring_prep_read_fixed(sqe, 0, buffer, BLOCK, (LINKS * i + l) % 1024 * BLOCK, 0);
		io_uring_sqe_set_data64(sqe, (unsigned long long)(LINKS * i + l));
		sqe->flags |= IOSQE_FIXED_FILE | (l < LINKS - 1 ? IOSQE_IO_LINK : 0);
	}
	if (io_uring_submit_and_wait(ring, LINKS) != LINKS)
		return 1;
	for (int l = 0; l < LINKS; l++) {
		if (io_uring_wait_cqe(ring, &cqe) || cqe->res != BLOCK)
			return 1;
		io_uring_cqe_seen(ring, cqe);
	}
	return 0;
}

static int linked(const char *path, long n)
{
	int fd = open(path, O_RDONLY | O_DIRECT | O_CLOEXEC), bad = 0;
	struct iovec iov = { .iov_len = BLOCK };
	struct io_uring ring;

	buffer = mmap(NULL, BLOCK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	iov.iov_base = buffer;
	if (fd < 0 || buffer == MAP_FAILED || io_uring_queue_init(8, &ring, 0) ||
	    io_uring_register_files(&ring, &fd, 1) || io_uring_register_buffers(&ring, &iov, 1))
		return fail(path);
	for (long i = 0; i < n && !bad; i++)
		bad = chain(&ring, i);
	io_uring_queue_exit(&ring);
	return bad ? fail("a chain") : 0;
}

static const struct {
	const char *name;
	int (*work)(const char *path, long n);
} by_path[] = { { "touch", touch }, { "dirty", dirty }, { "swap", swap }, { "ahead", ahead }, { "linked", linked } };

int main(int argc, char **argv)
{
	int fd, is_once = argc == 5 && !strcmp(argv[1], "once");

	if (argc != 4 && !is_once)
		return 2;
	for (size_t i = 0; i < sizeof(by_path) / sizeof(by_path[0]); i++)
		if (!strcmp(argv[1], by_path[i].name))
			return by_path[i].work(argv[2], atol(argv[3]));
	buffer = mmap(NULL, BLOCK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	fd = open(argv[is_once ? 3 : 2], (is_once && !strcmp(argv[2], "write") ? O_RDWR : O_RDONLY) | O_DIRECT | O_CLOEXEC);
	if (buffer == MAP_FAILED || fd < 0)
		return fail(argv[is_once ? 3 : 2]);
	if (is_once)
		return once(fd, argv[2], atol(argv[4]));
	if (!strcmp(argv[1], "named"))
		return load_outer(fd, atol(argv[3]));
	return children(!strcmp(argv[1], "leave") ? leave : read_one, fd, atol(argv[3]));
}
