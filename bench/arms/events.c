/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * iopath-events LAYERS: the reader of events.bpf.c. Counts what comes, says so at
 * the end, and is an arm of iopath-bench like any other tracer: ready when its
 * first line is out, ended by SIGINT.
 */
#include <asm/types.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench/arms/event.h"
#include "bench/arms/events.skel.h"

static const struct {
	const char *name, *tracepoint;
	int layer;
} hooks[] = {
#define X(name, tp, layer) { #name, tp, layer },
	EVENT_HOOKS(X)
#undef X
};

static const char *const layers[] = { "block", "vfs", "filemap", "full" };

static volatile sig_atomic_t stopped;

static void stop(int sig)
{
	(void)sig;
	stopped = 1;
}

static int silent(enum libbpf_print_level level, const char *format, va_list args)
{
	/* what is not there is told in our own words */
	(void)level;
	(void)format;
	(void)args;
	return 0;
}

static int count(void *arg, void *data, size_t len)
{
	__u64 *counts = arg;
	const struct event *e = data;

	if (len >= sizeof(*e) && e->hook < NR_EVENT_HOOKS)
		counts[e->hook]++;
	return 0;
}

static struct events_bpf *load(int layer)
{
	struct events_bpf *skel = events_bpf__open();
	struct bpf_program *p;
	int i = 0;

	if (!skel)
		return NULL;
	skel->rodata->own_tgid = (__u32)getpid();
	bpf_object__for_each_program(p, skel->obj)
		bpf_program__set_autoload(p, hooks[i++].layer <= layer);
	if (events_bpf__load(skel)) {
		events_bpf__destroy(skel);
		return NULL;
	}
	return skel;
}

/* A tracepoint that the kernel does not have is left out, and said. How many there are; *link is theirs. */
static unsigned int attach(const struct events_bpf *skel, int layer, struct bpf_link **link)
{
	struct bpf_program *p;
	unsigned int nr = 0;
	int i = 0;

	bpf_object__for_each_program(p, skel->obj) {
		if (hooks[i].layer <= layer) {
			link[nr] = bpf_program__attach(p);
			if (link[nr])
				nr++;
			else
				fprintf(stderr, "iopath-events: %s: %s\n", hooks[i].tracepoint, strerror(errno));
		}
		i++;
	}
	return nr;
}

static void report(const __u64 *counts, __u64 lost)
{
	__u64 all = 0;

	for (int i = 0; i < NR_EVENT_HOOKS; i++)
		all += counts[i];
	printf("%llu events, %llu lost:", (unsigned long long)all, (unsigned long long)lost);
	for (int i = 0; i < NR_EVENT_HOOKS; i++)
		printf(" %s %llu", hooks[i].name, (unsigned long long)counts[i]);
	putchar('\n');
}

int main(int argc, char **argv)
{
	__u64 counts[NR_EVENT_HOOKS] = { 0 };
	struct sigaction act = { .sa_handler = stop };
	struct bpf_link *link[NR_EVENT_HOOKS];
	struct ring_buffer *ring;
	struct events_bpf *skel;
	int layer = 0, nr_layers = (int)(sizeof(layers) / sizeof(layers[0]));
	unsigned int nr;

	while (argc == 2 && layer < nr_layers && strcmp(layers[layer], argv[1]))
		layer++;
	if (argc != 2 || layer == nr_layers) {
		fputs("usage: iopath-events block|vfs|filemap|full\n", stderr);
		return 2;
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	sigaction(SIGINT, &act, NULL);
	sigaction(SIGTERM, &act, NULL);
	libbpf_set_print(silent);
	skel = load(layer);
	if (!skel) {
		fprintf(stderr, "iopath-events: cannot load: %s\n", strerror(errno));
		return 1;
	}
	ring = ring_buffer__new(bpf_map__fd(skel->maps.events), count, counts, NULL);
	if (!ring) {
		fprintf(stderr, "iopath-events: no ring buffer: %s\n", strerror(errno));
		events_bpf__destroy(skel);
		return 1;
	}
	nr = attach(skel, layer, link);
	if (!nr) {
		ring_buffer__free(ring);
		events_bpf__destroy(skel);
		return 1;
	}
	puts("events: ready");
	while (!stopped) {
		int err = ring_buffer__poll(ring, 100);

		if (err < 0 && err != -EINTR)
			break;
	}
	while (nr)
		bpf_link__destroy(link[--nr]);
	ring_buffer__consume(ring);
	report(counts, skel->bss->lost);
	ring_buffer__free(ring);
	events_bpf__destroy(skel);
	return 0;
}
