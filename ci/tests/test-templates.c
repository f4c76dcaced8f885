/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ci/github.yml and ci/gitlab.yml, carried out: every job's shell commands in their
 * order, with a make that notes what it was asked for and leaves what the real one
 * leaves. What the services do themselves (check out, keep caches and artifacts) is
 * held against where the tree keeps these things.
 */
#include <glob.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "ci/tests/template.h"
#include "ci/tests/yaml.h"
#include "tracer/base/cleanup.h"
#include "tracer/base/test.h"
#include "tracer/tests/ground-run.h"

static const struct service {
	const char *file, *shell;
	json_t *(*jobs)(json_t *template);
} services[] = {
	{ "ci/github.yml", "sh -e", template_github },	/* as in a job with a container */
	{ "ci/gitlab.yml", "bash -eo pipefail", template_gitlab },
};

#define for_each_service(s) for (const struct service *s = services; s < services + ARRAY_SIZE(services); s++)

static const char *text(json_t *o, const char *key)
{
	const char *s = json_string_value(json_object_get(o, key));

	return s ? s : "";
}

static json_t *load_jobs(const struct service *s)
{
	json_t *template = yaml_load(s->file), *jobs = template ? s->jobs(template) : NULL;

	json_decref(template);
	if (!jobs)
		printf("    %s: not a template that is understood here\n", s->file);
	ASSERT_TRUE(json_array_size(jobs));
	return jobs;
}

/* ---- a place to carry them out in ---- */

static char tree[512], place[64], store[64];

static void put_file(const char *name, const char *content, mode_t mode)
{
	char path[640];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", place, name);
	f = fopen(path, "we");
	if (!f)
		abort();
	fputs(content, f);
	fclose(f);
	chmod(path, mode);
}

/* What the gate's guest would have said: an arm off2 and its bases. */
#define CELL(arm)                                                                                  \
	"{\"type\":\"cell\",\"arm\":\"" arm "\",\"workload\":\"W1\",\"arm_cpu_ns\":0,\"fio\":{\"jobs\":[" \
	"{\"error\":0,\"read\":{\"lat_ns\":{\"mean\":30000,\"N\":10}}}]}}\n"

static const char raw[] = "{\"type\":\"head\",\"kernel\":\"6.1\",\"arms\":[\"off2\"],\"workloads\":[\"W1\"]}\n" CELL(
	"base") CELL("off2") "{\"type\":\"arm\",\"arm\":\"off2\"}\n" CELL("base") "{\"type\":\"end\"}\n";

/* The gate's reports are written by the gate; caches and logs are where the lab's scripts say. */
static const char fake_make[] =
	"#!/bin/bash\n"
	"echo \"$* $GATE_KERNEL\" >>\"$PLACE/asked\"\n"
	"case $1 in *-deps) exit 0 ;; esac\n"	/* what fails is the job's own target */
	"[ \"$STATUS\" != 4 ] || exit 4\n"
	"O=$PWD/build\n"
	". \"$TREE/ci/lab/common.sh\"\n"
	"[ \"$1\" = test ] || mkdir -p \"$LAB_KERNEL_DIR\"\n"
	"[ \"$STATUS\" = 0 ] || { mkdir -p \"$LAB_LOG_DIR\" && touch \"$LAB_LOG_DIR/x.log\"; }\n"
	"[ \"$1\" != gate ] || { mkdir -p build/gate && cp \"$PLACE/raw.jsonl\" build/gate &&\n"
	"	\"$GATE\" decide --raw build/gate/raw.jsonl --budget \"$TREE/ci/budget.ini\" --baseline none --out build/gate; } || exit\n"
	"[ \"$1\" != lab-truth ] || { mkdir -p build/truth && touch build/truth/verdicts; }\n"
	"[ \"$1\" != arms-smoke ] || { mkdir -p build/arms-smoke && touch build/arms-smoke/results.jsonl; }\n"
	"[ \"$1\" != fuzz ] || { mkdir -p build/fuzz/found && touch build/fuzz/found/x; }\n"
	"for word; do case $word in OUT=*) out=${word#OUT=} ;; RUNS=*) runs=${word#RUNS=} ;; esac; done\n"
	"[ \"$1\" != bench ] || { mkdir -p \"$out\" && touch \"$out/results.jsonl\"; }\n"
	/* as merge has it: of three shards three, each in a directory of its own */
	"[ \"$1\" != bench-merge ] || { [ \"$(ls -d $runs)\" = \"$(printf 'build/bench/shard-%d\\n' 1 2 3)\" ] && ls $runs/results.jsonl >/dev/null &&\n"
	"	mkdir -p \"$out/0123\" && touch \"$out/0123/junit.xml\" && echo '# merged' >\"$out/0123/report.md\"; } || exit 9\n"
	"[ \"$1\" != results-truth ] || { mkdir -p results && touch results/truth.md; exit 0; }\n"
	"exit $STATUS\n";

static void make_place(const char *status)
{
	if (!*tree && !getcwd(tree, sizeof(tree)))
		abort();
	snprintf(place, sizeof(place), "/tmp/templates.XXXXXX");
	if (!mkdtemp(place))
		abort();
	put_file("make", fake_make, 0755);
	put_file("apt-get", "#!/bin/sh\nexit 0\n", 0755);
	put_file("raw.jsonl", raw, 0644);
	put_file("asked", "", 0644);
	setenv("PLACE", place, 1);
	setenv("TREE", tree, 1);
	setenv("STATUS", status, 1);
	setenv("GATE", proc_path("iopath-gate"), 1);
}

static void remove_place(void)
{
	struct proc p = {};

	if (chdir(tree))
		abort();
	proc_line(&p, "rm -rf %s", place);
	proc_free(&p);
}

/* A shell that finds ours before the machine's. */
static int run_step(const struct service *s, json_t *step, char **ret_out)
{
	struct proc p = {};
	int status;

	put_file("step", text(step, "run"), 0644);
	status = proc_line(&p, "env PATH=%s:/usr/bin:/bin GITHUB_STEP_SUMMARY=%s/summary %s %s/step", place, place, s->shell,
			   place);
	if (ret_out)
		*ret_out = strdup(p.out.text);
	proc_free(&p);
	return status;
}

/* As the service does it. The job's exit status; *shown: what its last step printed. */
static int run_job(const struct service *s, json_t *job, char **shown)
{
	const char *name;
	json_t *step, *value;
	int status = 0;
	size_t i;

	json_object_foreach(json_object_get(job, "env"), name, value)
		setenv(name, json_string_value(value), 1);
	json_array_foreach(json_object_get(job, "steps"), i, step) {
		const char *when = text(step, "when");
		char *out = NULL;
		int st;

		if (!strcmp(when, "success") ? status != 0 : !strcmp(when, "failure") && !status)
			continue;
		st = run_step(s, step, &out);
		if (!strcmp(when, "success"))
			status = st;
		else
			ASSERT_EQ(st, 0);
		free(*shown);
		*shown = out;
	}
	json_object_foreach(json_object_get(job, "env"), name, value)
		unsetenv(name);
	return status;
}

static char *read_text(const char *name)
{
	char path[640], *content = NULL;
	_cleanup_fclose_ FILE *f = NULL;
	size_t size = 0;

	snprintf(path, sizeof(path), "%s/%s", place, name);
	f = fopen(path, "re");
	if (!f || getdelim(&content, &size, '\0', f) < 0) {
		free(content);
		return strdup("");
	}
	return content;
}

/* What one job keeps for another, as the service carries it: the contents of the directory. */
static void carry(json_t *job, const char *key, const char *command)
{
	json_t *one;
	size_t i;

	json_array_foreach(json_object_get(job, key), i, one) {
		char line[2048];

		snprintf(line, sizeof(line), "store='%s/%s'; path='%s'; %s", store, text(one, "name"), text(one, "path"), command);
		ASSERT_EQ(system(line), 0);
	}
}

/* Each in a clone of its own, as it were. */
static void with_each_job(const char *make_status,
			  void (*check)(const struct service *s, json_t *job, int status, const char *shown))
{
	for_each_service(s) {
		json_t *jobs = load_jobs(s), *job;
		struct proc p = {};
		size_t i;

		strcpy(store, "/tmp/templates.XXXXXX");
		if (!mkdtemp(store))
			abort();
		json_array_foreach(jobs, i, job) {
			_cleanup_free_ char *shown = NULL;
			int status;

			make_place(make_status);
			if (chdir(place))
				abort();
			carry(job, "gets", "! test -d \"$store\" || { mkdir -p \"$path\" && cp -r \"$store/.\" \"$path/\"; }");
			status = run_job(s, job, &shown);
			carry(job, "puts", "! test -d \"$path\" || cp -r \"$path\" \"$store\"");
			check(s, job, status, shown);
			remove_place();
		}
		proc_line(&p, "rm -rf %s", store);
		proc_free(&p);
		json_decref(jobs);
	}
}

/* ---- tests ---- */

static char asked[2][2048];	/* with each change, and each night */

static void note_asked(const struct service *s, json_t *job, int status, const char *shown)
{
	_cleanup_free_ char *line = read_text("asked");
	char *of = asked[json_is_true(json_object_get(job, "nightly"))];
	size_t len = strlen(of);

	(void)s;
	(void)shown;
	ASSERT_EQ(status, 0);
	snprintf(of + len, sizeof(asked[0]) - len, "%s", line);
}

/* What comes on top of that each night, and then only. */
static const char nightly[] =
	"lab-truth KERNELS=5.10 6.1 6.12 7.2 6.1\nresults-truth 6.1\nfuzz FUZZ_TIME=900 6.1\n"
	"bench OUT=build/bench/shard-1 ARGS=--shard 1/3 6.1\nbench OUT=build/bench/shard-2 ARGS=--shard 2/3 6.1\n"
	"bench OUT=build/bench/shard-3 ARGS=--shard 3/3 6.1\nbench TIER=all WORKLOAD=all QUICK=1 OUT=build/bench-all 6.1\narms-smoke 6.1\n"
	"bench-merge RUNS=build/bench/shard-* OUT=build/bench/report 6.1\n";

/*
 * `make TARGET`, `part TARGET` or `finish TARGET` of .ci/run, as the fake make notes them; ci/lab/kernels has the gate's kernel.
 * Not lab-deps: it is made ahead there for two that run at once, and each brings it itself.
 */
TEST(jobs_ask_make_for_what_ci_run_does)
{
	_cleanup_fclose_ FILE *f = fopen(".ci/run", "re");
	char once[512] = "", want[2048], line[256], target[64];
	int end = 0;

	while (f && fgets(line, sizeof(line), f))
		if ((sscanf(line, "part %63s", target) == 1 || sscanf(line, "finish %63s", target) == 1 ||
		     (sscanf(line, "make %63s%n", target, &end) == 1 && line[end] == '\n' && strcmp(target, "lab-deps") != 0)) &&
		    !strchr(target, '(')) {
			size_t len = strlen(once);

			snprintf(once + len, sizeof(once) - len, "%s 6.1\n", target);
		}
	ASSERT_TRUE(*once);
	asked[0][0] = asked[1][0] = '\0';
	with_each_job("0", note_asked);
	snprintf(want, sizeof(want), "%s%s", once, once);
	ASSERT_STR(asked[0], want);
	snprintf(want, sizeof(want), "%s%s", nightly, nightly);
	ASSERT_STR(asked[1], want);
}

TEST(what_they_ask_for_is_a_target)
{
	unsetenv("MAKEFLAGS");
	unsetenv("MAKELEVEL");
	for (size_t i = 0; i < ARRAY_SIZE(asked); i++)
		for (char *save, *line = strtok_r(asked[i], "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
			struct proc p = {};

			ASSERT_EQ(proc_line(&p, "make -n %.*s", (int)strcspn(line, " "), line), 0);
			proc_free(&p);
		}
}

static void expect_failure(const struct service *s, json_t *job, int status, const char *shown)
{
	_cleanup_free_ char *summary = read_text("summary");
	json_t *path;
	glob_t found;
	size_t i;

	ASSERT_EQ(status, 2);
	json_array_foreach(json_object_get(job, "artifacts"), i, path) {
		int r = glob(json_string_value(path), GLOB_MARK, NULL, &found);

		if (r)
			printf("    %s: job %s has no %s\n", s->file, text(job, "name"), json_string_value(path));
		ASSERT_EQ(r, 0);
		globfree(&found);
	}
	json_array_foreach(json_object_get(job, "cache"), i, path)
		ASSERT_EQ(access(json_string_value(path), F_OK), 0);
	if (!strcmp(text(job, "name"), "gate"))
		ASSERT_TRUE(strstr(s->jobs == template_github ? summary : shown, "## Overhead gate"));
	if (!strcmp(text(job, "name"), "bench-report"))
		ASSERT_TRUE(strstr(s->jobs == template_github ? summary : shown, "# merged"));
}

TEST(a_failure_fails_the_job_and_leaves_its_results)
{
	with_each_job("2", expect_failure);
}

static void expect_exit_status(const struct service *s, json_t *job, int status, const char *shown)
{
	(void)s;
	(void)shown;
	(void)job;
	ASSERT_EQ(status, 4);
}

/* What shows the summary does not mind that there is none. */
TEST(a_make_that_did_nothing_fails_the_job)
{
	with_each_job("4", expect_exit_status);
}

TEST(caches_are_renewed_by_files_that_are_there)
{
	for_each_service(s) {
		json_t *jobs = load_jobs(s), *job, *path;
		size_t i, j;

		json_array_foreach(jobs, i, job) {
			json_t *files = json_object_get(job, "cache_key_files");

			ASSERT_EQ(!json_array_size(files), !json_array_size(json_object_get(job, "cache")));
			json_array_foreach(files, j, path)
				ASSERT_EQ(access(json_string_value(path), R_OK), 0);
			ASSERT_TRUE(strtol(text(job, "timeout"), NULL, 10) > 0);
		}
		json_decref(jobs);
	}
}

TEST_MAIN("templates", T(jobs_ask_make_for_what_ci_run_does), T(what_they_ask_for_is_a_target),
	  T(a_failure_fails_the_job_and_leaves_its_results), T(a_make_that_did_nothing_fails_the_job),
	  T(caches_are_renewed_by_files_that_are_there))
