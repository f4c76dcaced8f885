/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A fio whose throughput is made up, so that the harness can be held to known
 * effects on a machine that is not quiet: 10000 IOPS give or take half a
 * percent; FAKE_FIO_LOSS percent less while the file FAKE_FIO_FLAG exists. It
 * takes the harness's job files, answers in fio's JSON and logs, and reads the
 * target a little, as a sign of life.
 *
 * FAKE_FIO_MODE: rubbish (talk before the JSON), error (a job's error is 5), fullerror (and then no room is left),
 * dies (killed after two thirds of its run), nojson, exit (status 1 and a line on stderr), noio, norate (half of any fixed
 * rate), longlog (more than a small disk holds), busier (from its second run at a fixed rate on,
 * half of the throughput), burst (begins a run at no fixed rate with 50 times of it: before the window).
 */
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define IOPS 10000
#define BUCKET_MS 100

struct job {
	char filename[1024];
	unsigned int runtime_ms, pacer_iops, weight;
	bool is_busy;
};

static bool mode_is(const char *name)
{
	const char *mode = getenv("FAKE_FIO_MODE");

	return mode && !strcmp(mode, name);
}

static int read_job(const char *path, struct job *j)
{
	FILE *f = fopen(path, "r");
	char line[1024];

	if (!f)
		return -1;
	while (fgets(line, sizeof(line), f)) {
		unsigned int n;

		line[strcspn(line, "\n")] = '\0';
		if (!strncmp(line, "filename=", 9))
			snprintf(j->filename, sizeof(j->filename), "%s", line + 9);
		if (sscanf(line, "runtime=%ums", &n) == 1)
			j->runtime_ms = n;
		if (sscanf(line, "rate_iops=%u", &n) == 1)
			j->pacer_iops = n;
		if (sscanf(line, "flow=%u", &n) == 1) /* the pacer's own 1 comes first */
			j->weight = n;
	}
	fclose(f);
	return 0;
}

static double iops_now(const struct job *j)
{
	const char *flag = getenv("FAKE_FIO_FLAG"), *loss = getenv("FAKE_FIO_LOSS");
	double noise = 1 + ((double)(rand() % 1000) / 1000 - .5) / 100, iops = IOPS * noise;

	if (flag && loss && !access(flag, F_OK))
		iops *= 1 - atof(loss) / 100;
	if (j->is_busy)
		iops /= 2;
	if (j->pacer_iops && iops > (double)j->pacer_iops * j->weight)
		iops = (double)j->pacer_iops * j->weight;
	return j->pacer_iops && mode_is("norate") ? iops / 2 : iops;
}

static void touch_target(const struct job *j)
{
	int fd = open(j->filename, O_RDONLY | O_DIRECT);
	void *buf = aligned_alloc(4096, 4096);

	for (int i = 0; fd >= 0 && buf && i < 40; i++)
		if (pread(fd, buf, 4096, 4096 * i) < 0)
			break;
	free(buf);
	if (fd >= 0)
		close(fd);
}

static uint64_t clock_ms(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

/* Live through the run, one bucket at a time; the I/Os "done". */
static void fill_up(FILE *log)
{
	for (int i = 0; i < 1 << 17; i++)
		fputs("a line that no disk of a test has room for\n", log);
}

static double run(const struct job *j)
{
	FILE *log = fopen("cell_iops.1.log", "w");
	uint64_t start = clock_ms(CLOCK_MONOTONIC), last = start, epoch = clock_ms(CLOCK_REALTIME) - start;
	double ios = 0;

	while (log && last < start + j->runtime_ms) {
		double iops = iops_now(j) * (mode_is("burst") && !j->pacer_iops && !ios ? 50 : 1);
		uint64_t now;

		usleep(BUCKET_MS * 1000);
		now = clock_ms(CLOCK_MONOTONIC);
		/* as fio: what is set later is not seen */
		fprintf(log, "%llu, %.0f, 0, 4096, 0\n", (unsigned long long)(epoch + now), iops);
		/* the first bucket of a log is taken to be 100 ms long */
		ios += iops * (ios > 0 ? (double)(now - last) : BUCKET_MS) / 1000;
		last = now;
		if (mode_is("dies") && now > start + j->runtime_ms * 2 / 3)
			raise(SIGKILL);
	}
	if (log && mode_is("longlog"))
		fill_up(log);
	if (log)
		fclose(log);
	return ios;
}

int main(int argc, char **argv)
{
	struct job j = { .runtime_ms = 1000 };
	const char *out = NULL;
	bool fails = mode_is("error") || mode_is("fullerror");
	double ios = 0;
	FILE *f, *log;

	if (argc == 2 && !strcmp(argv[1], "--version")) {
		puts("fio-3.33");
		return 0;
	}
	if (argc == 3 && !strcmp(argv[1], "--parse-only"))
		return 0;
	for (int i = 1; i < argc; i++)
		if (!strncmp(argv[i], "--output=", 9))
			out = argv[i] + 9;
	if (!out || read_job(argv[argc - 1], &j))
		return 2;
	if (mode_is("exit")) {
		fprintf(stderr, "fake-fio: engine not loadable\n");
		return 1;
	}
	srand((unsigned int)getpid());
	if (mode_is("busier") && j.pacer_iops) { /* in the harness's working directory */
		j.is_busy = !access("paced-before", F_OK);
		fclose(fopen("paced-before", "w"));
	}
	touch_target(&j);
	if (!mode_is("noio"))
		ios = run(&j);
	else
		usleep(j.runtime_ms * 1000);
	f = fopen(out, "w");
	if (!f)
		return 1;
	if (mode_is("rubbish") || mode_is("nojson"))
		fprintf(f, "note: both iodepth and sync engine used\nfio: some more talk\n");
	if (!mode_is("nojson"))
		fprintf(f,
			"{\"fio version\":\"fio-3.33\",\"jobs\":[{\"jobname\":\"fake\",\"error\":%d,"
			"\"job_runtime\":%u,\"read\":{\"total_ios\":%.0f,\"io_bytes\":%.0f,"
			"\"clat_ns\":{\"N\":%.0f,\"mean\":100000,\"max\":200000,\"percentile\":"
			"{\"50.000000\":99000,\"99.000000\":150000}}},\"write\":{\"total_ios\":0,"
			"\"io_bytes\":0},\"sync\":{\"total_ios\":0}}]}\n",
			fails ? 5 : 0, j.runtime_ms, ios, ios * 4096, ios);
	fails |= fclose(f) != 0;
	log = mode_is("fullerror") ? fopen("cell_iops.1.log", "a") : NULL;
	if (log) {
		fill_up(log);
		fclose(log);
	}
	return fails;
}
