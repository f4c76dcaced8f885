/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * truth-load forks DEV N	N processes, one after the other, each reads once and ends
 * truth-load leave DEV N	N processes, each submits 16 reads by libaio and ends without waiting
 * truth-load once OP DEV SECTOR	one I/O of 4 KiB; its errno is printed
 * Does what a test asks for and nothing else: it shares nothing with the tracer.
 */
#include <errno.h>
#include <fcntl.h>
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

static int children(int (*work)(int, long), int fd, long n)
{
	for (long i = 0; i < n; i++) {
		int status;
		pid_t pid = fork();

		if (pid < 0)
			return fail("fork");
		if (!pid)
			_exit(work(fd, i));
		if (waitpid(pid, &status, 0) != pid || status)
			return fail("a child");
	}
	return 0;
}

static int once(int fd, const char *op, long sector)
{
	ssize_t done = !strcmp(op, "write") ? pwrite(fd, buffer, BLOCK, sector * 512) :
					      pread(fd, buffer, BLOCK, sector * 512);

	printf("%d\n", done < 0 ? errno : 0);
	return 0;
}

int main(int argc, char **argv)
{
	int fd, is_once = argc == 5 && !strcmp(argv[1], "once");

	if (argc != 4 && !is_once)
		return 2;
	buffer = mmap(NULL, BLOCK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	fd = open(argv[is_once ? 3 : 2], (is_once && !strcmp(argv[2], "write") ? O_RDWR : O_RDONLY) | O_DIRECT | O_CLOEXEC);
	if (buffer == MAP_FAILED || fd < 0)
		return fail(argv[is_once ? 3 : 2]);
	if (is_once)
		return once(fd, argv[2], atol(argv[4]));
	return children(!strcmp(argv[1], "leave") ? leave : read_one, fd, atol(argv[3]));
}
