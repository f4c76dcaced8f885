/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * iopath-gate decide|baseline --raw FILE --budget FILE --baseline FILE --out DIR [--KEY VALUE…]
 *	KEY: qemu, clang, into the fingerprint. baseline writes the new one over the old.
 * iopath-gate programs | libbpf
 *	for the guest
 */
#include <errno.h>
#include <string.h>

#include "ci/gate/gate.h"
#include "tracer/base/cleanup.h"

static const char *const keys[] = { "raw", "budget", "baseline", "out", "qemu", "clang" };
enum { RAW, BUDGET, BASELINE, OUT, QEMU, CLANG, NR_KEYS };

static int usage(void)
{
	fprintf(stderr, "usage: iopath-gate decide|baseline --raw FILE --budget FILE --baseline FILE --out DIR [--qemu V] [--clang V]\n"
			"       iopath-gate programs|libbpf\n");
	return 2;
}

static int fail_file(const char *path)
{
	fprintf(stderr, "gate: %s: %s\n", path, strerror(errno));
	return 5;
}

static FILE *create(const char *dir, const char *name)
{
	char path[4096];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "we");
	if (!f)
		fail_file(path);
	return f;
}

/* Runs a printer into DIR/NAME. */
static int put(const struct gate *g, const char *dir, const char *name,
	       void (*print)(const struct gate *, FILE *))
{
	_cleanup_fclose_ FILE *f = create(dir, name);

	if (!f)
		return -1;
	print(g, f);
	return 0;
}

static void print_json(const struct gate *g, FILE *out)
{
	json_t *o = gate_json(g);

	json_dumpf(o, out, JSON_INDENT(1) | JSON_REAL_PRECISION(12));
	fputc('\n', out);
	json_decref(o);
}

static void load_baseline(struct gate *g, const char *path, bool renew)
{
	json_error_t e;
	json_t *o = json_load_file(path, 0, &e);

	if (o)
		gate_set_baseline(g, o);
	else if (!access(path, F_OK))
		snprintf(g->error, sizeof(g->error), "%s: %s", path, e.text);
	else if (!renew)
		snprintf(g->note, sizeof(g->note), "no baseline for kernel %s: make baseline GATE_KERNEL=%s",
			 g->kernel, g->kernel);
	json_decref(o);
	if (renew) /* a broken or foreign one is what is being replaced */
		g->error[0] = '\0';
}

static int read_all(struct gate *g, const char *const arg[], bool renew)
{
	_cleanup_fclose_ FILE *raw = fopen(arg[RAW], "re"), *ini = fopen(arg[BUDGET], "re");

	if (!raw || !ini)
		return fail_file(raw ? arg[BUDGET] : arg[RAW]);
	if (!gate_read(g, raw) && !gate_read_budget(g, ini))
		load_baseline(g, arg[BASELINE], renew);
	for (int k = QEMU; k < NR_KEYS; k++)
		if (arg[k] && g->fingerprint)
			json_object_set_new(g->fingerprint, keys[k], json_string(arg[k]));
	return 0;
}

static int report(const struct gate *g, const char *dir)
{
	if (put(g, dir, "gate.json", print_json) || put(g, dir, "junit.xml", gate_print_junit) ||
	    put(g, dir, "summary.md", gate_print_markdown) || put(g, dir, "overhead.md", gate_print_overhead))
		return 5;
	gate_print_table(g, stdout);
	return gate_exit_code(g);
}

/* Over a bound or not: it is what there is now. But all of it must be there. */
static int renew(const struct gate *g, const char *path)
{
	_cleanup_fclose_ FILE *f = NULL;

	gate_print_table(g, stdout);
	if (g->verdict == GATE_ERROR) {
		fprintf(stderr, "gate: no baseline made of this\n");
		return 5;
	}
	printf("\n");
	gate_print_renewal(g, stdout);
	f = fopen(path, "we");
	if (!f)
		return fail_file(path);
	print_json(g, f);
	printf("\nWritten to %s; ci/budget.ini stays as it is.\n", path);
	return 0;
}

int main(int argc, char **argv)
{
	const char *arg[NR_KEYS] = { NULL };
	struct gate g = { 0 };
	bool baseline;
	int code;

	if (argc == 2 && !strcmp(argv[1], "programs"))
		return gate_list_programs(stdout) ? 5 : 0;
	if (argc == 2 && !strcmp(argv[1], "libbpf"))
		return printf("%s\n", gate_libbpf_version()) < 0 ? 5 : 0;
	baseline = argc > 1 && !strcmp(argv[1], "baseline");
	if (argc < 2 || (!baseline && strcmp(argv[1], "decide") != 0))
		return usage();
	for (int i = 2; i < argc; i += 2) {
		int k = 0;

		while (k < NR_KEYS && (strncmp(argv[i], "--", 2) != 0 || strcmp(argv[i] + 2, keys[k]) != 0))
			k++;
		if (k == NR_KEYS || i + 1 == argc)
			return usage();
		arg[k] = argv[i + 1];
	}
	for (int k = 0; k < QEMU; k++)
		if (!arg[k])
			return usage();
	code = read_all(&g, arg, baseline);
	if (!code) {
		gate_decide(&g);
		code = baseline ? renew(&g, arg[BASELINE]) : report(&g, arg[OUT]);
	}
	gate_release(&g);
	return code;
}
