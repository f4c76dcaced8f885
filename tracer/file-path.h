/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Paths of files that something in flight asks for, in full; "": not known, or longer than @len. */
#ifndef IOPATH_FILE_PATH_H
#define IOPATH_FILE_PATH_H

#include <stddef.h>

#include "tags.h"
#include "unfinished.h"

/* By the task's descriptor, else by the kernel's names where @tags is not NULL. */
void file_path(const struct unfinished *u, struct tags_reader *tags, char *buf, size_t len);
/* Of what the kernel's tables tell; one that is known within its file system, from where that is mounted. */
void file_path_of(const struct tag_file *f, char *buf, size_t len);

#endif
