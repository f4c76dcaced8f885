/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One table per command gives parsing, range checks, --help and the man page.
 *
 * A row stores into the command's own struct at offset @off; what is stored
 * depends on @type. Nothing here prints: errors are one line in opt_err.
 */
#ifndef IOPATH_OPT_H
#define IOPATH_OPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum opt_type {
	OPT_FLAG,	/* bool; takes no argument */
	OPT_U64,	/* uint64_t in [min, max] */
	OPT_DOUBLE,	/* double in [min, max] */
	OPT_DURATION,	/* uint64_t ns in [min, max], units ns/us/ms/s/m/h */
	OPT_SIZE,	/* uint64_t bytes in [min, max] */
	OPT_STR,	/* const char *, points into argv */
	OPT_LIST,	/* struct opt_list; repeatable, and a,b,c is split */
	OPT_APPEND,	/* struct opt_list; repeatable, never split */
	OPT_PARSE,	/* any: @parse fills the field */
};

/* Strings collected by OPT_LIST and OPT_APPEND; opt_list_free() frees them. */
struct opt_list {
	char **v;
	size_t nr;
};

struct opt_err {
	char msg[320];
};

struct opt {
	const char *name;	/* without "--" */
	char sh;		/* short letter or 0 */
	enum opt_type type;
	size_t off;
	const char *arg;	/* name of the argument, for help; "[=NAME]": it may be left out, and is "" then */
	const char *help;	/* a clause, no full stop; default value goes here */
	double min, max;	/* both 0: no bounds */
	/* -errno; may put a clause that says what is wrong into err->msg */
	int (*parse)(const char *arg, void *field, struct opt_err *err);
};

struct opt_table {
	const char *command;	/* "iopath trace" */
	const char *summary;	/* one line */
	const char *operands;	/* "[-- COMMAND...]" or "" */
	const struct opt *opts;
	size_t nr;
};

#define OPT_HELP 1 /* opt_parse(): --help was asked for */

/*
 * Parse argv[1..]; "--" ends the options, so does the first word that is none.
 * Returns 0 and the index of the first operand in *ret_operand, OPT_HELP, or
 * -EINVAL/-ERANGE/-ENOMEM with err->msg naming the option and what is wrong.
 * Fields of options that were not given keep what they held (the defaults).
 */
int opt_parse(const struct opt_table *t, int argc, char **argv, void *cfg, int *ret_operand,
	      struct opt_err *err);

void opt_help(const struct opt_table *t, FILE *out);
/* The OPTIONS rows of the man page, in mdoc(7). */
void opt_mdoc(const struct opt_table *t, FILE *out);
/* NULL, or what is wrong with the table itself (for tests). */
const char *opt_table_fault(const struct opt_table *t);

int opt_list_add(struct opt_list *l, const char *s, size_t len);
int opt_list_split(struct opt_list *l, const char *s);
void opt_list_free(struct opt_list *l);

#endif
