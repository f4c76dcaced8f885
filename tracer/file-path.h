/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Paths of files that something in flight asks for, in full; "": not known. */
#ifndef IOPATH_FILE_PATH_H
#define IOPATH_FILE_PATH_H

#include <limits.h>

#include "tags.h"
#include "unfinished.h"

#define FILE_PATH_LEN PATH_MAX

/* By the kernel's names of its file where @tags is not NULL, else by its task's descriptor. */
void file_path(const struct unfinished *u, struct tags_reader *tags, char buf[static FILE_PATH_LEN]);
/* Of what the kernel's tables tell; one that is known within its file system, from where that is mounted. */
void file_path_of(const struct tag_file *f, char buf[static FILE_PATH_LEN]);

#endif
