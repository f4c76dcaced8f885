/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "pin.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/machine.h"

#define BLANK " \t"

/* "name = 4" at @line; @ret stays what it was where it is another line. */
static bool take_number(const char *line, const char *name, unsigned int *ret)
{
	const char *value = line + strlen(name);
	unsigned long n;

	if (strncmp(line, name, strlen(name)))
		return false;
	value += strspn(value, BLANK);
	if (*value++ != '=')
		return false;
	n = strtoul(value, NULL, 10);
	*ret = n > 0 && n < CPU_SETSIZE ? (unsigned int)n : 1;
	return true;
}

static const char *next_line(const char *line)
{
	const char *nl = strchr(line, '\n');

	line = nl ? nl + 1 : line + strlen(line);
	return line + strspn(line, BLANK);
}

/* numjobs of each section, or of the [global] before it. */
static unsigned int fio_jobs(const char *text)
{
	unsigned int sum = 0, global = 1, own = 0;
	bool in_job = false;

	for (const char *l = text + strspn(text, BLANK); *l; l = next_line(l)) {
		if (*l != '[') {
			take_number(l, "numjobs", in_job ? &own : &global);
			continue;
		}
		sum += in_job ? own : 0;
		in_job = strncmp(l, "[global]", 8) != 0;
		own = global;
	}
	sum += in_job ? own : 0;
	return sum ? sum : 1;
}

static unsigned int setting(const char *text, const char *const names[])
{
	unsigned int n = 1;

	for (const char *l = text + strspn(text, BLANK); *l; l = next_line(l))
		for (int i = 0; names[i]; i++)
			take_number(l, names[i], &n);
	return n;
}

unsigned int pin_jobs(const struct workload *w)
{
	static const char *const threads[] = { "threads", "num-threads", "num_threads", NULL };
	static const char *const jobs[] = { "jobs", NULL };

	if (w->kind == WORKLOAD_COMMAND)
		return 0;
	if (w->kind == WORKLOAD_FIO)
		return fio_jobs(w->text);
	return setting(w->text, w->kind == WORKLOAD_SYSBENCH ? threads : jobs);
}

void pins_choose(const struct workload *w, struct pins *ret)
{
	struct pins p = { .load_cores = w->cpus ? w->cpus : pin_jobs(w) };

	CPU_ZERO(&p.tracer);
	machine_last_cpus(1, p.core, sizeof(p.core));
	if (p.core[0])
		CPU_SET(atoi(p.core), &p.tracer);
	*ret = p;
}

void pins_tell(const struct pins *p, const struct workload *w, char *buf, size_t len)
{
	char load[256];

	machine_last_cpus(p->load_cores, load, sizeof(load));
	if (load[0])
		snprintf(buf, len, "%.60s: on core %.100s, tracers on core %s", w->name, load, p->core);
	else
		snprintf(buf, len, "%.60s: a command does not tell how many cores it needs, and is not pinned (taskset does it); tracers on core %s",
			 w->name, p->core);
}

json_t *pins_json(const struct pins *p, const char *load)
{
	return json_pack("{s:s?, s:s?, s:o}", "load", load, "tracer", p->core[0] ? p->core : NULL, "interrupts",
			 p->interrupts ? json_incref(p->interrupts) : json_array());
}
