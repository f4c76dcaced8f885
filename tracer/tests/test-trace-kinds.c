/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Operations that are neither read nor write nor sync are of their own kind; ci/truth/starts.sh has those that other kernels tell. */
#include <errno.h>
#include <fcntl.h>
#include <liburing.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/sendfile.h>
#include <unistd.h>

#include "ground-attempt.h"
#include "ground-check.h"
#include "ground-loops.h"
#include "ground-place.h"
#include "ground-trace.h"
#include "tracer/base/cleanup.h"
#include "tracer/base/test.h"

enum { SIZE = 4096 };

static const char *need_fs(void)
{
	const char *why = need_loop();
	struct proc p = {};

	if (why)
		return why;
	if (place_mount_ext4("ext4", loop.path, ""))
		return "no ext4";
	check_same("a file", proc_line(&p, "known-count --target %s --op write --contiguous --count 512 --fsync-every 512",
				       place_path("ext4/file")), 0);
	proc_free(&p);
	return NULL;
}

TRACE_TEST(space_that_is_asked_for)
{
	const char *why = need_fs();
	struct trace t;

	if (why)
		TEST_SKIP(why);
	check_case("fallocate");
	if (trace_command(&t, "--tier vfs --dev %s -- fallocate -l 1M %s", loop.name, place_path("ext4/space"))) {
		check_same("calls", trace_operation_count(&t, "fallocate", "syscall"), 1);
		check_coverage(&t);
	}
	trace_free(&t);
	place_umount("ext4");
}

/* cp asks the kernel to copy, until it says that there is no more. */
TRACE_TEST(copies_inside_the_kernel)
{
	const char *why = need_fs();
	struct trace t;

	if (why)
		TEST_SKIP(why);
	check_case("cp --sparse=never, by copy_file_range()");
	if (trace_command(&t, "--tier vfs --dev %s -- cp --sparse=never %s %s", loop.name, place_path("ext4/file"),
			  place_path("ext4/copy"))) {
		json_t *row = trace_operation(&t, "copy", "syscall");

		if (!row && trace_operation_count(&t, "write", "syscall")) {
			trace_free(&t);
			place_umount("ext4");
			TEST_SKIP("this cp does not ask the kernel to copy");
		}
		check_same("bytes", number_at(row, "bytes"), 512 * SIZE);
		check_between("calls", number_at(row, "count"), 1, 513);
		check_coverage(&t);
	}
	trace_free(&t);
	place_umount("ext4");
}

/* Until it says that there is no more, which is a call too; -errno: it does not. */
static int send_all(int from, int to, int64_t *ret_calls, int64_t *ret_bytes)
{
	ssize_t n;

	*ret_calls = *ret_bytes = 0;
	do {
		n = sendfile(to, from, NULL, 64 * SIZE);
		if (n < 0)
			return -errno;
		*ret_calls += 1;
		*ret_bytes += n;
	} while (n);
	return 0;
}

TRACE_TEST(files_that_are_sent)
{
	const char *why = need_fs();
	struct trace t;

	if (why)
		TEST_SKIP(why);
	check_case("sendfile(), asked for by --op");
	if (trace_begin(&t, "--tier vfs --dev %s --op copy", loop.name)) {
		_cleanup_close_ int from = open(place_path("ext4/file"), O_RDONLY | O_CLOEXEC),
				    to = open(place_path("ext4/sent"), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
		int64_t calls, bytes;

		/* it has to be read from the disk */
		check_same("out of the cache", posix_fadvise(from, 0, 0, POSIX_FADV_DONTNEED), 0);
		check_same("sent", send_all(from, to, &calls, &bytes), 0);
		if (trace_end(&t, SIGINT)) {
			json_t *row = trace_operation(&t, "copy", "syscall");

			check_same("all of the file", bytes, 512 * SIZE);
			check_same("calls", number_at(row, "count"), calls);
			check_same("bytes", number_at(row, "bytes"), bytes);
			check_true("its requests are seen", number_at(row, "stages.device.count") > 0 &&
				   trace_device_count(&t, loop.name, "read") > 0);
			check_coverage(&t);
		}
	}
	trace_free(&t);
	place_umount("ext4");
}

/* One request each of the opcodes that came with 6.15; the first result that is no whole read or write. */
static int vectors(struct io_uring *ring, int fd, void *buf)
{
	enum { READV_FIXED = 60, WRITEV_FIXED };
	struct iovec iov = { buf, SIZE };
	int err = io_uring_register_buffers(ring, &iov, 1);

	for (int op = WRITEV_FIXED; !err && op >= READV_FIXED; op--) {
		struct io_uring_sqe *sqe = io_uring_get_sqe(ring);
		struct io_uring_cqe *cqe;

		io_uring_prep_rw(op, sqe, fd, &iov, 1, 0);
		sqe->buf_index = 0;
		io_uring_submit(ring);
		err = io_uring_wait_cqe(ring, &cqe);
		if (!err && cqe->res != SIZE)
			err = cqe->res < 0 ? cqe->res : -EIO;
		io_uring_cqe_seen(ring, cqe);
	}
	return err;
}

TRACE_TEST(vectors_in_registered_buffers)
{
	const char *why = need_loop();
	struct io_uring ring;
	struct trace t;
	int err = 0;

	if (why)
		TEST_SKIP(why);
	if (io_uring_queue_init(4, &ring, 0))
		TEST_SKIP("no io_uring");
	check_case("IORING_OP_WRITEV_FIXED and IORING_OP_READV_FIXED");
	if (trace_begin(&t, "--tier vfs --dev %s", loop.name)) {
		_cleanup_close_ int fd = open(loop.path, O_RDWR | O_DIRECT | O_CLOEXEC);
		_cleanup_free_ void *buf = aligned_alloc(SIZE, SIZE);

		err = buf ? vectors(&ring, fd, buf) : -ENOMEM;
		if (trace_end(&t, SIGINT) && err != -EINVAL) {
			check_same("requests", err, 0);
			check_operation(&t, "write", "io_uring", 1, SIZE);
			check_operation(&t, "read", "io_uring", 1, SIZE);
			check_coverage(&t);
		}
	}
	trace_free(&t);
	io_uring_queue_exit(&ring);
	if (err == -EINVAL)
		TEST_SKIP("this kernel has no such requests");
}

TEST_MAIN("trace-kinds", T(space_that_is_asked_for), T(copies_inside_the_kernel), T(files_that_are_sent),
	  T(vectors_in_registered_buffers))
