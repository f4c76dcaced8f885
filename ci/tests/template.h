/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The jobs of a CI template, of GitHub or GitLab, in one shape:
 *
 *	[{"name": "gate", "env": {NAME: VALUE}, "timeout": "25", "nightly": BOOLEAN,
 *	  "steps": [{"run": SHELL, "when": "success|failure|always"}],
 *	  "artifacts": [PATH], "cache": [PATH], "cache_key_files": [PATH],
 *	  "puts": [{"name": NAME, "path": PATH}], "gets": [{"name": NAME, "path": PATH}]}]
 *
 * What is in PATH goes by NAME from one job to another that needs it. A job that
 * is shared out is there as often.
 *
 * A step of "when" always or failure neither saves nor fails a job here, as
 * none of ours does more than show or keep results.
 */
#ifndef IOPATH_CI_TEMPLATE_H
#define IOPATH_CI_TEMPLATE_H

#include <jansson.h>

/* @template is what the file holds. The caller owns the result; NULL: there is something in it that is not known. */
json_t *template_github(json_t *template);
json_t *template_gitlab(json_t *template);

#endif
