/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <inttypes.h>
#include <unistd.h>

#include "known-manifest.h"

static const char *const mixes[] = { "read", "write", "randrw" };

static void put_string(FILE *out, const char *s)
{
	fputc('"', out);
	for (; *s; s++) {
		if (*s == '"' || *s == '\\')
			fprintf(out, "\\%c", *s);
		else if ((unsigned char)*s < 0x20)
			fprintf(out, "\\u%04x", *s);
		else
			fputc(*s, out);
	}
	fputc('"', out);
}

static const char *via_of(const struct plan *p, enum known_op op)
{
	return op == KNOWN_DISCARD || op == KNOWN_MSYNC ? "syscall" : p->engine->via;
}

static void put_ops(FILE *out, const struct plan *p, const struct tally *t)
{
	const char *sep = "";

	fputs("\"ops\":[", out);
	for (int op = 0; op < KNOWN_NR_OPS; op++) {
		if (!t->count[op])
			continue;
		fprintf(out,
			"%s{\"op\":\"%s\",\"via\":\"%s\",\"call\":\"%s\",\"count\":%" PRIu64
			",\"bytes\":%" PRIu64 "}",
			sep, known_op_name(op), via_of(p, op), p->engine->calls[op], t->count[op],
			t->bytes[op]);
		sep = ",";
	}
	fputc(']', out);
}

static void put_threads(FILE *out, const struct plan *p, const struct worker *workers)
{
	fputs(",\"threads\":[", out);
	for (uint64_t i = 0; i < p->threads; i++) {
		fprintf(out, "%s{\"tid\":%d,", i ? "," : "", (int)workers[i].tid);
		put_ops(out, p, &workers[i].done);
		fputc('}', out);
	}
	fputc(']', out);
}

static void put_list(FILE *out, const struct plan *p, const struct worker *workers)
{
	fputs(",\"ios\":[", out);
	for (uint64_t t = 0; t < p->threads; t++)
		for (uint64_t i = 0; i < workers[t].count; i++) {
			struct io io = plan_io(p, workers[t].first + i);

			fprintf(out,
				"%s{\"tid\":%d,\"op\":\"%s\",\"offset_bytes\":%" PRIu64
				",\"bytes\":%" PRIu64 "}",
				t + i ? "," : "", (int)workers[t].tid, known_op_name(io.op), io.offset,
				io.bytes);
		}
	fputc(']', out);
}

static struct tally total(const struct plan *p, const struct worker *workers, const struct tally *discards)
{
	struct tally sum = *discards;

	for (uint64_t t = 0; t < p->threads; t++)
		for (int op = 0; op < KNOWN_NR_OPS; op++) {
			sum.count[op] += workers[t].done.count[op];
			sum.bytes[op] += workers[t].done.bytes[op];
		}
	return sum;
}

int manifest_write(FILE *out, const struct plan *p, const struct worker *workers,
		   const struct tally *discards)
{
	struct tally sum = total(p, workers, discards);

	fputs("{\"type\":\"manifest\",\"schema\":1,\"target\":", out);
	put_string(out, p->target);
	fprintf(out, ",\"engine\":\"%s\",\"mix\":\"%s\",\"direct\":%s,\"pid\":%d", p->engine->name,
		mixes[p->mix], p->direct ? "true" : "false", (int)getpid());
	fprintf(out,
		",\"count\":%" PRIu64 ",\"size_bytes\":%" PRIu64 ",\"first_offset_bytes\":%" PRIu64
		",\"step_bytes\":%" PRIu64 ",\"seed\":%" PRIu64 ",\"depth\":%" PRIu64 ",\"batch\":%" PRIu64
		",",
		p->count, p->size, p->offset, p->step, p->seed, p->depth, p->batch);
	put_ops(out, p, &sum);
	put_threads(out, p, workers);
	if (p->list)
		put_list(out, p, workers);
	fputs("}\n", out);
	return fflush(out) || ferror(out) ? -(errno ? errno : EIO) : 0;
}
