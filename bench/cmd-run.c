/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "bench/cmd.h"
#include "bench/lab.h"
#include "bench/resume.h"
#include "bench/run.h"
#include "bench/stop.h"
#include "bench/undo.h"
#include "tracer/base/cleanup.h"
#include "tracer/base/parse.h"

struct rounds_arg {
	struct rounds rounds;
	bool set;
};

struct run_args {
	struct run_config c;
	struct rounds_arg rounds;
	const char *resume;
};

static int parse_rounds(const char *arg, void *field, struct opt_err *err)
{
	struct rounds_arg *r = field;
	int e = rounds_parse(arg, &r->rounds);

	if (e)
		snprintf(err->msg, sizeof(err->msg), "not MIN:MAX with 1 <= MIN <= MAX <= 32");
	r->set = !e;
	return e;
}

static int parse_shard(const char *arg, void *field, struct opt_err *err)
{
	char index[16];
	const char *slash = strchr(arg, '/');
	uint64_t i = 0, of = 0;

	if (slash && (size_t)(slash - arg) < sizeof(index)) {
		snprintf(index, sizeof(index), "%.*s", (int)(slash - arg), arg);
		if (parse_u64(index, &i) || parse_u64(slash + 1, &of))
			i = 0;
	}
	if (!i || i > of || of > SHARDS_MAX) {
		snprintf(err->msg, sizeof(err->msg), "not I/N with 1 <= I <= N <= %d", SHARDS_MAX);
		return -EINVAL;
	}
	*(struct shard *)field = (struct shard){ (unsigned int)i, (unsigned int)of };
	return 0;
}

/* An undecided run is its own exit status; a release may want it to fail, a pull request to pass. */
static int parse_inconclusive(const char *arg, void *field, struct opt_err *err)
{
	static const struct {
		const char *name;
		enum bench_exit code;
	} names[] = { { "pass", EXIT_PASS }, { "fail", EXIT_OVER_BUDGET }, { "warn", EXIT_INCONCLUSIVE } };

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (!strcmp(arg, names[i].name)) {
			*(enum bench_exit *)field = names[i].code;
			return 0;
		}
	snprintf(err->msg, sizeof(err->msg), "not one of pass, fail, warn");
	return -EINVAL;
}

#define AT(f) offsetof(struct run_args, c.f)

static const struct opt run_opts[] = {
	{ "arms", 0, OPT_LIST, AT(arms), "A,B",
	  "what to compare (default off,off2,full; off and off2 are always there)", 0, 0, NULL },
	{ "arm", 0, OPT_APPEND, AT(commands), "NAME=COMMAND",
	  "another tracer as an arm; {disk}, {dev}, {devt} (its number), {dir} and {bin} are filled in", 0, 0, NULL },
	{ "arm-iopath", 0, OPT_APPEND, AT(iopaths), "NAME=TIER:FILE",
	  "another build of iopath as an arm, which has to see as much as ours", 0, 0, NULL },
	{ "arm-ready", 0, OPT_APPEND, AT(ready), "[NAME=]REGEX",
	  "line of its output that says it is attached (default: wait --arm-delay); without NAME it is for all of --arm, like the next three", 0, 0, NULL },
	{ "arm-proof", 0, OPT_APPEND, AT(proof), "[NAME=]REGEX",
	  "line of its output that shows that it saw an event; none is INVALID (default: any once it is ready)",
	  0, 0, NULL },
	{ "arm-stop", 0, OPT_APPEND, AT(stop), "[NAME=]SIGNAL",
	  "what asks it to end: INT (default), TERM, HUP, QUIT, USR1, USR2", 0, 0, NULL },
	{ "arm-delay", 0, OPT_APPEND, AT(delay), "[NAME=]DUR",
	  "how long it takes to attach, without --arm-ready (default 2s, at most 10m)", 0, 0, NULL },
	{ "workload", 0, OPT_LIST, AT(workloads), "NAME",
	  "shipped workload, FILE.fio, FILE.sysbench, FILE.uring, or all (default three of them; one with --quick)", 0, 0,
	  NULL },
	{ "workload-command", 0, OPT_APPEND, AT(workload_commands), "NAME=COMMAND",
	  "any load: {dev}, {disk} or {dir} (on an ext4) filled in; runs until SIGTERM, counted by the device", 0, 0,
	  NULL },
	{ "device", 0, OPT_LIST, AT(devices), "SPEC",
	  "scratch: loop, null_blk, scsi_debug, with :NAME=VALUE,…; lab:DISK in the VM lab; or a block device, directory or file (default loop)",
	  0, 0, NULL },
	{ "overwrite", 0, OPT_LIST, AT(overwrite), "DEV",
	  "name a --device again, a file too, to allow destroying the data on it", 0, 0, NULL },
	{ "scheduler", 0, OPT_LIST, AT(schedulers), "S,T",
	  "I/O schedulers to go through: none, mq-deadline, bfq, kyber (default none)", 0, 0, NULL },
	{ "budget", 0, OPT_DOUBLE, AT(budget), "PCT",
	  "allowed cost: percent of throughput and CPU per I/O, percentage points of CPU (default 5)",
	  0.1, 99, NULL },
	{ "gate-p99", 0, OPT_DOUBLE, AT(gate_p99), "PCT",
	  "judge the load's p99 at saturation too: allowed growth in percent (default: it is shown)", 0.1, P99_BUDGET_MAX, NULL },
	{ "rounds", 0, OPT_PARSE, offsetof(struct run_args, rounds), "MIN:MAX",
	  "looks at 8, 12, 16, 24, 32 rounds inside this range (default 8:32)", 0, 0, parse_rounds },
	{ "out", 'o', OPT_STR, AT(out), "DIR",
	  "where the results go (default results/local/TIMESTAMP)", 0, 0, NULL },
	{ "history", 0, OPT_STR, AT(history), "FILE",
	  "append what was decided to this history (default none; make bench: results/history.db)", 0, 0, NULL },
	{ "resume", 0, OPT_STR, offsetof(struct run_args, resume), "DIR",
	  "go on with the run in DIR, with its arguments, and all of its --time again; stands alone", 0, 0, NULL },
	{ "quick", 0, OPT_FLAG, AT(quick), NULL,
	  "smoke run: one look, no confirmation, no pass at 30 % or for programs; done within 90 s, of many sets when each had its round", 0, 0, NULL },
	{ "long", 0, OPT_FLAG, AT(long_cells), NULL,
	  "cells for figures to publish: 1 s settle, 3 s discarded, 10 s measured", 0, 0, NULL },
	{ "window", 0, OPT_DURATION, AT(window_ns), "DUR",
	  "measured part of a pass (default 1.5s; 10s with --long)", 200e6, 3600e9, NULL },
	{ "time", 0, OPT_DURATION, AT(time_limit_ns), "DUR",
	  "begin no set after it, and no round that would end after it but the first of a set; behind the first look of each set it "
	  "goes to what is to be confirmed or undecided",
	  1e9, 0x1p62, NULL },
	{ "tune", 0, OPT_FLAG, AT(tune), NULL,
	  "governor performance, turbo and huge pages off, irqbalance stopped; tracers and the disk's interrupts on the last core, "
	  "each load on as many of the last ones as it has jobs; all is put back",
	  0, 0, NULL },
	{ "force", 0, OPT_FLAG, AT(force), NULL,
	  "measure although another tracer, ftrace, blktrace or bpf_stats is on: its cost is in off too, and no figure shows it", 0, 0, NULL },
	{ "time-limit", 0, OPT_DURATION, AT(time_limit_ns), "DUR", "the same as --time", 1e9, 0x1p62, NULL },
	{ "shard", 0, OPT_PARSE, AT(shard), "I/N",
	  "only each Nth set, from the Ith: one part of a run over N machines (merge puts them together)", 0, 0,
	  parse_shard },
	{ "inconclusive", 0, OPT_PARSE, AT(inconclusive), "WORD",
	  "exit status of a whole run that is undecided: pass (0), fail (1) or warn (3, default); its verdict stays what it is; with fail JUnit has failures of it, else skipped",
	  0, 0, parse_inconclusive },
	{ "seed", 0, OPT_U64, AT(seed), "N",
	  "order of the arms (default random; it is in every result)", 1, 0x1p53, NULL },
	{ "max-steal", 0, OPT_DOUBLE, AT(max_steal_pct), "PCT",
	  "a pass from which the hypervisor took more CPU time does not count (default 1)", 0, 100, NULL },
	{ "no-attribution", 0, OPT_FLAG, AT(no_attribution), NULL,
	  "no pass per tracer that tells what its BPF programs took", 0, 0, NULL },
	{ "span", 0, OPT_SIZE, AT(span_bytes), "SIZE",
	  "how much of a device to write once and then use (default 1G)", 1048576, 0x1p62, NULL },
	{ "iopath", 0, OPT_STR, AT(iopath), "FILE",
	  "the tracer of the tier arms (default: beside this program)", 0, 0, NULL },
	{ "fio", 0, OPT_STR, AT(fio), "FILE", "the fio to run (default fio)", 0, 0, NULL },
	{ "sysbench", 0, OPT_STR, AT(sysbench), "FILE", "the sysbench to run (default sysbench)", 0, 0, NULL },
	{ "uring", 0, OPT_STR, AT(uring), "FILE", "the iopath-uring to run (default: beside this program)", 0, 0, NULL },
	{ "workload-dir", 0, OPT_STR, AT(workload_dir), "DIR",
	  "where the workloads are (default: beside the program)", 0, 0, NULL },
	{ "state-dir", 0, OPT_STR, AT(state_dir), "DIR",
	  "lock, state for the clean-up after a crash, work files (default " UNDO_STATE_DIR ")", 0, 0,
	  NULL },
};

static const struct opt_table run_table = {
	.command = "iopath-bench run",
	.summary = "Measure what tracers cost a workload, and decide whether it is within the budget",
	.operands = "",
	.opts = run_opts,
	.nr = ARRAY_SIZE(run_opts),
};

const struct run_config run_config_default = {
	.rounds = { 8, 32 },
	.budget = 5,
	.max_steal_pct = 1,
	.inconclusive = EXIT_INCONCLUSIVE,
	.fio = "fio",
	.sysbench = "sysbench",
	.state_dir = UNDO_STATE_DIR,
	.span_bytes = 1ull << 30,
};

void run_config_free(struct run_config *c)
{
	struct opt_list *lists[] = { &c->arms, &c->commands, &c->iopaths, &c->ready, &c->proof, &c->stop, &c->delay,
				     &c->workloads, &c->workload_commands, &c->devices, &c->schedulers, &c->overwrite };

	for (size_t i = 0; i < ARRAY_SIZE(lists); i++)
		opt_list_free(lists[i]);
}

static int run_here_or_in_the_lab(const struct run_config *c, struct why *why)
{
	bool lab = false;

	if (lab_wanted(c, &lab, why))
		return run_did_not_begin(c, (int)why->code, why);
	return lab ? lab_run(c, why) : run_bench(c, why);
}

static int checked_run(struct run_args *a)
{
	struct why why = { 0 };
	int code;

	if (a->c.quick && a->c.long_cells)
		code = run_did_not_begin(&a->c, why_fail(&why, EXIT_USAGE, EXIT_USAGE, "--quick and --long exclude each other"), &why);
	else if (!a->c.arms.nr && !a->c.commands.nr && !a->c.iopaths.nr && opt_list_add(&a->c.arms, "full", 4))
		code = why_fail(&why, EXIT_HARNESS, EXIT_HARNESS, "out of memory");
	else
		code = run_here_or_in_the_lab(&a->c, &why);
	if (why.text[0])
		fprintf(stderr, "iopath-bench: %s\n", why.text);
	return code;
}

static int parse(int argc, char **argv, struct run_args *a, struct opt_err *err)
{
	int operand, r = opt_parse(&run_table, argc, argv, a, &operand, err);

	if (!r && operand < argc) {
		snprintf(err->msg, sizeof(err->msg), "unexpected: %s", argv[operand]);
		r = -EINVAL;
	}
	if (a->rounds.set) {
		a->c.rounds = a->rounds.rounds;
		a->c.rounds_set = true;
	}
	a->c.argc = argc;
	a->c.argv = argv;
	return r;
}

static int usage(const char *what)
{
	fprintf(stderr, "iopath-bench run: %s\n", what);
	return EXIT_USAGE;
}

/* The arguments of the run in @dir, from its own file, in place of ours. */
static int resume(const char *dir)
{
	struct run_args a = { .c = run_config_default };
	struct why why = { .code = EXIT_HARNESS };
	struct resume past;
	struct opt_err err = { "" };
	int code, r = resume_open(dir, &past, &why);

	if (r) {
		fprintf(stderr, "iopath-bench run: %s\n", why.text[0] ? why.text : strerror(-r));
		return (int)why.code;
	}
	r = parse(past.argc, past.argv, &a, &err);
	if (r || a.resume) {
		fprintf(stderr, "iopath-bench run: %s:1: its argv is not understood: %s\n", past.past.path,
			err.msg);
		code = EXIT_USAGE;
	} else {
		a.c.out = past.dir;
		a.c.seed = past.past.seed;
		a.c.past = &past.past;
		code = checked_run(&a);
	}
	run_config_free(&a.c);
	resume_close(&past);
	return code;
}

/* Behind a word that is not understood too: that of `make bench` stands last. */
static const char *find_out(int argc, char **argv)
{
	for (int i = 1; i < argc && strcmp(argv[i], "--"); i++) {
		const char *word = argv[i];

		if (!strncmp(word, "--out=", 6))
			return word + 6;
		if (!strcmp(word, "--out") || !strcmp(word, "-o"))
			return argv[i + 1]; /* NULL at the end */
		if (!strncmp(word, "-o", 2))
			return word + 2;
	}
	return NULL;
}

/* What an older run left in --out would be taken for this one's. */
static int not_understood(struct run_args *a, const char *what)
{
	struct why why = { 0 };

	why_fail(&why, EXIT_USAGE, -EINVAL, "%s", what);
	if (!a->c.out)
		a->c.out = find_out(a->c.argc, a->c.argv);
	return run_did_not_begin(&a->c, usage(what), &why);
}

static bool is_alone(int argc, char **argv)
{
	return (argc == 2 && !strncmp(argv[1], "--resume=", 9)) || (argc == 3 && !strcmp(argv[1], "--resume"));
}

static int run(int argc, char **argv)
{
	struct run_args a = { .c = run_config_default };
	struct opt_err err;
	int r = parse(argc, argv, &a, &err), code;

	if (r == OPT_HELP) {
		opt_help(&run_table, stdout);
		return 0;
	}
	if (r)
		code = not_understood(&a, err.msg);
	else if (a.resume && !is_alone(argc, argv))
		code = usage("--resume stands alone: the run's own arguments are used");
	else
		code = a.resume ? resume(a.resume) : checked_run(&a);
	run_config_free(&a.c);
	return code;
}

const struct cmd cmd_run = { "run", "measure arms x workloads x devices x schedulers", &run_table, run };
