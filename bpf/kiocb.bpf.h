/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * From a bio of direct I/O to its request of the file: what completes
 * asynchronously belongs to that, not to the call that the task is in, as
 * io_submit carries many. Sources: iomap_dio_bio_end_io,
 * blkdev_bio_end_io_async, blkdev_bio_end_io.
 */
#ifndef IOPATH_KIOCB_H
#define IOPATH_KIOCB_H

/* @fn: struct direct_ends. @private, asked for only where it leads there, is bio->bi_private. 0: none. */
#define KIOCB_OF(fn, bio, end_io, private)                                                  \
	({                                                                                  \
		struct kiocb *iocb_ = NULL;                                                 \
		if ((end_io) == (fn).iomap) {                                               \
			struct iomap_dio *dio_ = (private);                                 \
			iocb_ = BPF_CORE_READ(dio_, iocb);                                  \
		} else if ((end_io) == (fn).blkdev_async) {                                 \
			struct blkdev_dio *dio_ = container_of(bio, struct blkdev_dio, bio);\
			bpf_core_read(&iocb_, sizeof(iocb_), &dio_->iocb);                  \
		} else if ((end_io) == (fn).blkdev) {                                       \
			struct blkdev_dio *dio_ = (private);                                \
			iocb_ = BPF_CORE_READ(dio_, iocb);                                  \
		}                                                                           \
		(u64)iocb_;                                                                 \
	})

#endif
