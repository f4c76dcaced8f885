/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Kernel functions that several programs of one kind hang on: named once, for
 * the programs (vfs.bpf.c) and for the table of hooks (tracer/hook.c).
 */
#ifndef IOPATH_FUNCTIONS_H
#define IOPATH_FUNCTIONS_H

/*
 * Where the file system takes an operation over: (struct kiocb *, struct iov_iter *).
 *	X(point, function, program)
 */
#define IOP_FS_FUNCTIONS(X)                                     \
	X(EXT4_READ, ext4_file_read_iter, fs_ext4_read)         \
	X(EXT4_WRITE, ext4_file_write_iter, fs_ext4_write)      \
	X(XFS_READ, xfs_file_read_iter, fs_xfs_read)            \
	X(XFS_WRITE, xfs_file_write_iter, fs_xfs_write)         \
	X(BTRFS_READ, btrfs_file_read_iter, fs_btrfs_read)      \
	X(BTRFS_WRITE, btrfs_file_write_iter, fs_btrfs_write)   \
	X(BLKDEV_READ, blkdev_read_iter, fs_blkdev_read)        \
	X(BLKDEV_WRITE, blkdev_write_iter, fs_blkdev_write)

/*
 * Reads and writes that kernel threads do to files, which no system call
 * announces.
 *	X(point, function, program, kind)
 */
#define IOP_VFS_FUNCTIONS(X)                                    \
	X(VFS_READ, vfs_read, vfs_read, READ)                   \
	X(VFS_WRITE, vfs_write, vfs_write, WRITE)               \
	X(VFS_ITER_READ, vfs_iter_read, vfs_iter_read, READ)    \
	X(VFS_ITER_WRITE, vfs_iter_write, vfs_iter_write, WRITE)

/*
 * A task sets about an io_uring request, perhaps not for the first time.
 *	X(point, function, program)
 */
#define IOP_URING_FUNCTIONS(X)                                  \
	X(URING_READ, io_read, uring_read)                      \
	X(URING_WRITE, io_write, uring_write)                   \
	X(URING_FSYNC, io_fsync, uring_fsync)

/*
 * A page of a mapping is not there, or not to be written yet: (struct vm_fault *).
 *	X(point, function, program, interface, kind)
 */
#define IOP_FAULT_FUNCTIONS(X)                                                  \
	X(FAULT, filemap_fault, fault, MMAP, FAULT)                             \
	X(EXT4_MKWRITE, ext4_page_mkwrite, mkwrite_ext4, MMAP, MKWRITE)         \
	X(XFS_MKWRITE, xfs_filemap_page_mkwrite, mkwrite_xfs, MMAP, MKWRITE)    \
	X(BTRFS_MKWRITE, btrfs_page_mkwrite, mkwrite_btrfs, MMAP, MKWRITE)      \
	X(FILEMAP_MKWRITE, filemap_page_mkwrite, mkwrite_filemap, MMAP, MKWRITE) \
	X(SWAP_FAULT, do_swap_page, swap_fault, SWAP, FAULT)

#endif
