/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef IOPATH_CI_YAML_H
#define IOPATH_CI_YAML_H

#include <jansson.h>

/*
 * The first document of a YAML file, which the caller owns; anchors are followed,
 * every scalar is a string. NULL after a line on stderr with the place of the error.
 */
json_t *yaml_load(const char *path);

#endif
