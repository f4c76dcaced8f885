/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "pmu.h"

#include <errno.h>
#include <linux/perf_event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static int kernel_open(enum pmu_event e, unsigned int cpu)
{
	static const uint64_t config[] = {
		[PMU_CYCLES] = PERF_COUNT_HW_CPU_CYCLES,
		[PMU_INSTRUCTIONS] = PERF_COUNT_HW_INSTRUCTIONS,
	};
	struct perf_event_attr attr = {
		.type = PERF_TYPE_HARDWARE,
		.size = sizeof(attr),
		.config = config[e],
		.read_format = PERF_FORMAT_TOTAL_TIME_ENABLED | PERF_FORMAT_TOTAL_TIME_RUNNING,
	};
	int fd = (int)syscall(SYS_perf_event_open, &attr, -1, (int)cpu, -1, PERF_FLAG_FD_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

static int kernel_read(int fd, struct pmu_count *ret)
{
	uint64_t v[3];
	ssize_t n = read(fd, v, sizeof(v));

	if (n != sizeof(v))
		return n < 0 ? -errno : -EPROTO;
	*ret = (struct pmu_count){ v[0], v[1], v[2] };
	return 0;
}

static void kernel_close(int fd)
{
	close(fd);
}

const struct pmu_ops pmu_kernel = { kernel_open, kernel_read, kernel_close };

int pmu_open(const struct pmu_ops *ops, const unsigned int *cpus, unsigned int nr, struct pmu *ret)
{
	struct pmu p = { .ops = ops, .handle = calloc((size_t)nr * PMU_NR + 1, sizeof(*p.handle)) };
	unsigned int done = 0;

	if (!p.handle)
		return -ENOMEM;
	for (; done < nr * PMU_NR; done++) {
		p.handle[done] = ops->open(done % PMU_NR, cpus[done / PMU_NR]);
		if (p.handle[done] < 0)
			break;
	}
	if (done == nr * PMU_NR && nr) {
		p.nr_cpus = nr;
	} else {
		snprintf(p.absent, sizeof(p.absent), "%s", nr ? strerror(-p.handle[done]) : "no CPUs");
		while (done)
			ops->close(p.handle[--done]);
		free(p.handle);
		p.handle = NULL;
	}
	*ret = p;
	return 0;
}

void pmu_close(struct pmu *p)
{
	for (unsigned int i = 0; i < p->nr_cpus * PMU_NR; i++)
		p->ops->close(p->handle[i]);
	free(p->handle);
	*p = (struct pmu){ 0 };
}

int pmu_read(const struct pmu *p, struct pmu_sample *ret)
{
	struct pmu_sample s = { .nr = p->nr_cpus * PMU_NR };
	int err = 0;

	s.v = calloc(s.nr + 1, sizeof(*s.v));
	if (!s.v)
		return -ENOMEM;
	for (unsigned int i = 0; i < s.nr && !err; i++)
		err = p->ops->read(p->handle[i], &s.v[i]);
	if (err) /* as if there were none: this window has no figures */
		s.nr = 0;
	*ret = s;
	return 0;
}

void pmu_sample_free(struct pmu_sample *s)
{
	free(s->v);
	*s = (struct pmu_sample){ 0 };
}

bool pmu_between(const struct pmu_sample *from, const struct pmu_sample *to, uint64_t ret[PMU_NR])
{
	double sum[PMU_NR] = { 0 };

	if (!from->nr || from->nr != to->nr)
		return false;
	for (unsigned int i = 0; i < to->nr; i++) {
		const struct pmu_count *a = &from->v[i], *b = &to->v[i];

		if (b->running_ns <= a->running_ns || b->value < a->value)
			return false;
		sum[i % PMU_NR] += (double)(b->value - a->value) * (double)(b->enabled_ns - a->enabled_ns) /
				   (double)(b->running_ns - a->running_ns);
	}
	for (int e = 0; e < PMU_NR; e++)
		ret[e] = (uint64_t)(sum[e] + .5);
	return true;
}
