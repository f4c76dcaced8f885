/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "opt.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "parse.h"

int opt_list_add(struct opt_list *l, const char *s, size_t len)
{
	char **v = realloc(l->v, (l->nr + 1) * sizeof(*v));

	if (!v)
		return -ENOMEM;
	l->v = v;
	v[l->nr] = strndup(s, len);
	if (!v[l->nr])
		return -ENOMEM;
	l->nr++;
	return 0;
}

int opt_list_split(struct opt_list *l, const char *s)
{
	for (;;) {
		size_t len = strcspn(s, ",");
		int err;

		if (!len)
			return -EINVAL;
		err = opt_list_add(l, s, len);
		if (err)
			return err;
		if (!s[len])
			return 0;
		s += len + 1;
	}
}

void opt_list_free(struct opt_list *l)
{
	for (size_t i = 0; i < l->nr; i++)
		free(l->v[i]);
	free(l->v);
	*l = (struct opt_list){ 0 };
}

__attribute__((format(printf, 3, 4))) static int fail(struct opt_err *err, int code,
						      const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(err->msg, sizeof(err->msg), fmt, ap);
	va_end(ap);
	return code;
}

static bool bounded(const struct opt *o)
{
	return o->min != 0 || o->max != 0;
}

static void bound_text(const struct opt *o, double v, char *buf, size_t len)
{
	if (o->type == OPT_DURATION)
		fmt_duration((uint64_t)v, buf, len);
	else if (o->type == OPT_SIZE)
		fmt_size((uint64_t)v, buf, len);
	else
		snprintf(buf, len, "%.15g", v);
}

static int check_bounds(const struct opt *o, double v, const char *arg, struct opt_err *err)
{
	char lo[32], hi[32];

	if (!bounded(o) || (v >= o->min && v <= o->max))
		return 0;
	bound_text(o, o->min, lo, sizeof(lo));
	bound_text(o, o->max, hi, sizeof(hi));
	return fail(err, -ERANGE, "--%s %s: out of range %s to %s", o->name, arg, lo, hi);
}

static const char *const what_is_wanted[] = {
	[OPT_U64] = "not a whole number",
	[OPT_DOUBLE] = "not a number",
	[OPT_DURATION] = "not a duration (a number with ns, us, ms, s, m or h)",
	[OPT_SIZE] = "not a size (a number, with k, M, G or T)",
	[OPT_LIST] = "an empty item in the list",
};

static int store_number(const struct opt *o, const char *arg, void *field, struct opt_err *err)
{
	uint64_t u = 0;
	double d = 0;
	int r = o->type == OPT_U64      ? parse_u64(arg, &u) :
		o->type == OPT_DURATION ? parse_duration_ns(arg, &u) :
		o->type == OPT_SIZE     ? parse_size_bytes(arg, &u) :
					  parse_double(arg, &d);

	if (r == -ERANGE)
		return fail(err, r, "--%s %s: too large", o->name, arg);
	if (r)
		return fail(err, r, "--%s %s: %s", o->name, arg, what_is_wanted[o->type]);
	r = check_bounds(o, o->type == OPT_DOUBLE ? d : (double)u, arg, err);
	if (r)
		return r;
	if (o->type == OPT_DOUBLE)
		*(double *)field = d;
	else
		*(uint64_t *)field = u;
	return 0;
}

static int store(const struct opt *o, const char *arg, void *cfg, struct opt_err *err)
{
	void *field = (char *)cfg + o->off;
	struct opt_err why = { "" };
	int r = 0;

	switch (o->type) {
	case OPT_FLAG:
		*(bool *)field = true;
		return 0;
	case OPT_STR:
		*(const char **)field = arg;
		return 0;
	case OPT_LIST:
		r = opt_list_split(field, arg);
		break;
	case OPT_APPEND:
		r = opt_list_add(field, arg, strlen(arg));
		break;
	case OPT_PARSE:
		r = o->parse(arg, field, &why);
		break;
	default:
		return store_number(o, arg, field, err);
	}
	if (r == -ENOMEM)
		return fail(err, r, "--%s %s: out of memory", o->name, arg);
	if (r)
		return fail(err, r, "--%s %s: %s", o->name, arg,
			    why.msg[0] ? why.msg : o->type == OPT_LIST ? what_is_wanted[OPT_LIST] :
									 "not valid");
	return 0;
}

static const struct opt *find_long(const struct opt_table *t, const char *name, size_t len)
{
	for (size_t i = 0; i < t->nr; i++)
		if (strlen(t->opts[i].name) == len && !strncmp(t->opts[i].name, name, len))
			return &t->opts[i];
	return NULL;
}

static const struct opt *find_short(const struct opt_table *t, char c)
{
	for (size_t i = 0; i < t->nr; i++)
		if (t->opts[i].sh == c)
			return &t->opts[i];
	return NULL;
}

/* "[NAME=]VALUE" is an argument like any other. */
static bool arg_is_optional(const struct opt *o)
{
	return o->arg && !strncmp(o->arg, "[=", 2);
}

int opt_parse(const struct opt_table *t, int argc, char **argv, void *cfg, int *ret_operand,
	      struct opt_err *err)
{
	int i = 1;

	for (; i < argc && argv[i][0] == '-' && argv[i][1]; i++) {
		const char *word = argv[i], *arg = NULL;
		const struct opt *o;
		int r;

		if (!strcmp(word, "--")) {
			i++;
			break;
		}
		if (!strcmp(word, "--help") || !strcmp(word, "-h"))
			return OPT_HELP;
		if (word[1] == '-') {
			size_t len = strcspn(word + 2, "=");

			o = find_long(t, word + 2, len);
			if (word[2 + len])
				arg = word + 2 + len + 1;
		} else {
			o = find_short(t, word[1]);
			if (word[2])
				arg = word + 2;
		}
		if (!o)
			return fail(err, -EINVAL, "unknown option %s", word);
		if (o->type == OPT_FLAG && arg)
			return fail(err, -EINVAL, "--%s takes no argument", o->name);
		if (!arg && arg_is_optional(o))
			arg = "";
		if (o->type != OPT_FLAG && !arg) {
			if (++i >= argc)
				return fail(err, -EINVAL, "--%s needs %s", o->name, o->arg);
			arg = argv[i];
		}
		r = store(o, arg, cfg, err);
		if (r)
			return r;
	}
	*ret_operand = i;
	return 0;
}

void opt_help(const struct opt_table *t, FILE *out)
{
	fprintf(out, "usage: %s [OPTION]... %s\n%s\n\n", t->command, t->operands, t->summary);
	for (size_t i = 0; i < t->nr; i++) {
		const struct opt *o = &t->opts[i];
		char head[64];
		int n = snprintf(head, sizeof(head), "  %c%c%s --%s%s%s", o->sh ? '-' : ' ',
				 o->sh ? o->sh : ' ', o->sh ? "," : " ", o->name,
				 o->arg && !arg_is_optional(o) ? " " : "", o->arg ? o->arg : "");

		if (n > 30)
			fprintf(out, "%s\n%32s%s\n", head, "", o->help);
		else
			fprintf(out, "%-32s%s\n", head, o->help);
	}
	fprintf(out, "%-32s%s\n", "  -h, --help", "this text");
}

/* mdoc takes a word that begins with an escape or holds a backslash amiss */
static void mdoc_text(const char *s, FILE *out)
{
	for (; *s; s++) {
		if (*s == '\\')
			fputs("\\e", out);
		else
			fputc(*s, out);
	}
}

void opt_mdoc(const struct opt_table *t, FILE *out)
{
	fprintf(out, ".Bl -tag -width indent\n");
	for (size_t i = 0; i < t->nr; i++) {
		const struct opt *o = &t->opts[i];

		fprintf(out, ".It ");
		if (o->sh)
			fprintf(out, "Fl %c , ", o->sh);
		fprintf(out, "Fl -%s", o->name);
		if (o->arg)
			fprintf(out, " Ar %s", o->arg);
		fprintf(out, "\n\\&");
		mdoc_text(o->help, out);
		fprintf(out, ".\n");
	}
	fprintf(out, ".El\n");
}

const char *opt_table_fault(const struct opt_table *t)
{
	for (size_t i = 0; i < t->nr; i++) {
		const struct opt *o = &t->opts[i];

		if (!o->name || !o->help || !*o->help)
			return "an option without a name or help";
		if (!o->arg != (o->type == OPT_FLAG))
			return o->name;
		if (o->type == OPT_PARSE && !o->parse)
			return o->name;
		if (!strcmp(o->name, "help") || o->sh == 'h')
			return o->name;
		for (size_t j = 0; j < i; j++)
			if (!strcmp(o->name, t->opts[j].name) || (o->sh && o->sh == t->opts[j].sh))
				return o->name;
	}
	return NULL;
}
