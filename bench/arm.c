/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "arm.h"

#include <errno.h>
#include <regex.h>
#include <stdlib.h>
#include <string.h>

#include "tracer/base/cleanup.h"

static const struct builtin {
	const char *name, *tier, *help;
} builtins[] = {
	{ "off", NULL, "no tracer: what the others are compared with" },
	{ "off2", NULL, "no tracer, again: what differs from off is noise (the A/A twin)" },
	{ "block", "block", "iopath trace --tier block" },
	{ "vfs", "vfs", "iopath trace --tier vfs" },
	{ "filemap", "filemap", "iopath trace --tier filemap" },
	{ "full", "full", "iopath trace --tier full" },
	{ "cond_resched", "full", "the other name of full" },
};

static int find_arm(const struct arm_list *l, const char *name, size_t len)
{
	for (unsigned int i = 0; i < l->nr; i++)
		if (strlen(l->v[i].name) == len && !strncmp(l->v[i].name, name, len))
			return (int)i;
	return -1;
}

static int add(struct arm_list *l, const struct arm *a, struct why *why)
{
	if (find_arm(l, a->name, strlen(a->name)) >= 0)
		return why_fail(why, EXIT_USAGE, -EEXIST, "arm %s is named twice", a->name);
	if (l->nr == ARM_MAX)
		return why_fail(why, EXIT_USAGE, -E2BIG, "more than %d arms", ARM_MAX);
	l->v[l->nr++] = *a;
	return 0;
}

void arm_guess_kind(struct arm *a)
{
	size_t len = strcspn(a->name, ":");

	a->kind = ARM_COMMAND;
	for (size_t i = 0; i < ARRAY_SIZE(builtins); i++)
		if (strlen(builtins[i].name) == len && !strncmp(builtins[i].name, a->name, len))
			a->kind = builtins[i].tier ? ARM_TIER : ARM_OFF;
}

static int add_builtin(struct arm_list *l, const char *name, struct why *why)
{
	size_t len = strcspn(name, ":");

	for (size_t i = 0; i < ARRAY_SIZE(builtins); i++) {
		const struct builtin *b = &builtins[i];
		struct arm a = { .kind = b->tier ? ARM_TIER : ARM_OFF };

		if (strlen(b->name) != len || strncmp(b->name, name, len))
			continue;
		if (name[len]) {
			if (strcmp(name + len, ":empty") || !b->tier)
				break;
			a.floor = true;
		}
		snprintf(a.name, sizeof(a.name), "%s", name);
		snprintf(a.tier, sizeof(a.tier), "%s", b->tier ? b->tier : "");
		return add(l, &a, why);
	}
	return why_fail(why, EXIT_USAGE, -EINVAL,
			"--arms %s: no such arm (iopath-bench list shows them)", name);
}

static int add_command(struct arm_list *l, const char *text, uint64_t delay_ns, struct why *why)
{
	size_t len = strcspn(text, "=");
	struct arm a = { .kind = ARM_COMMAND, .delay_ns = delay_ns };

	if (!len || !text[len] || !text[len + 1])
		return why_fail(why, EXIT_USAGE, -EINVAL, "--arm %s: not NAME=COMMAND", text);
	if (len >= sizeof(a.name) || strcspn(text, "/:,| ") < len)
		return why_fail(why, EXIT_USAGE, -EINVAL, "--arm %s: not a name: %.*s", text,
				(int)len, text);
	memcpy(a.name, text, len);
	for (size_t i = 0; i < ARRAY_SIZE(builtins); i++)
		if (!strcmp(builtins[i].name, a.name))
			return why_fail(why, EXIT_USAGE, -EEXIST, "--arm %s: the name is taken",
					a.name);
	a.command = text + len + 1;
	return add(l, &a, why);
}

/* NAME=REGEX when NAME is a command arm, else a REGEX for all of them. */
static int set_ready(struct arm_list *l, const char *text, struct why *why)
{
	size_t len = strcspn(text, "=");
	int one = text[len] ? find_arm(l, text, len) : -1;
	const char *pattern = one >= 0 ? text + len + 1 : text;
	regex_t re;

	if (regcomp(&re, pattern, REG_EXTENDED | REG_NOSUB))
		return why_fail(why, EXIT_USAGE, -EINVAL,
				"--arm-ready %s: not a regular expression", pattern);
	regfree(&re);
	for (unsigned int i = 0; i < l->nr; i++)
		if (l->v[i].kind == ARM_COMMAND && (one < 0 || (unsigned int)one == i))
			l->v[i].ready = pattern;
	return 0;
}

static bool names_a_command(const struct opt_list *commands, const char *name)
{
	size_t len = strlen(name);

	for (size_t i = 0; i < commands->nr; i++)
		if (!strncmp(commands->v[i], name, len) && commands->v[i][len] == '=')
			return true;
	return false;
}

int arm_list_parse(const struct opt_list *names, const struct opt_list *commands,
		   const struct opt_list *ready, uint64_t delay_ns, struct arm_list *ret,
		   struct why *why)
{
	struct arm_list l = { 0 };
	bool off = false, twin = false;
	int err = 0;

	for (size_t i = 0; i < names->nr; i++) {
		off |= !strcmp(names->v[i], "off");
		twin |= !strcmp(names->v[i], "off2");
	}
	if (!off)
		err = add_builtin(&l, "off", why);
	if (!err && !twin)
		err = add_builtin(&l, "off2", why);
	for (size_t i = 0; i < names->nr && !err; i++)
		if (!names_a_command(commands, names->v[i]))
			err = add_builtin(&l, names->v[i], why);
	for (size_t i = 0; i < commands->nr && !err; i++)
		err = add_command(&l, commands->v[i], delay_ns, why);
	for (size_t i = 0; i < ready->nr && !err; i++)
		err = set_ready(&l, ready->v[i], why);
	if (err)
		return err;
	l.off = (unsigned int)find_arm(&l, "off", 3);
	l.twin = (unsigned int)find_arm(&l, "off2", 4);
	*ret = l;
	return 0;
}

int arm_expand(const char *command, const struct device *d, const char *dir, char **ret)
{
	char *out = NULL;
	size_t len;
	FILE *f = open_memstream(&out, &len);

	if (!f)
		return -errno;
	while (*command) {
		if (!strncmp(command, "{disk}", 6)) {
			fputs(d->name, f);
			command += 6;
		} else if (!strncmp(command, "{dev}", 5)) {
			fputs(d->path, f);
			command += 5;
		} else if (!strncmp(command, "{dir}", 5)) {
			fputs(dir, f);
			command += 5;
		} else {
			fputc(*command++, f);
		}
	}
	if (fclose(f)) {
		free(out);
		return -ENOMEM;
	}
	*ret = out;
	return 0;
}

void arm_print(FILE *out)
{
	for (size_t i = 0; i < ARRAY_SIZE(builtins); i++)
		fprintf(out, "  %-20s %s\n", builtins[i].name, builtins[i].help);
	fprintf(out, "  %-20s %s\n", "TIER:empty",
		"the hooks of a tier with programs that return at once: the floor");
	fprintf(out, "  %-20s %s\n", "--arm NAME=COMMAND",
		"any other tracer; {disk} and {dev} are filled in");
}
