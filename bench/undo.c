/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "undo.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/loop.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "bench/child.h"
#include "bench/file.h"
#include "bench/setting.h"
#include "bench/stop.h"
#include "tracer/base/cleanup.h"

/* Half a second in all for a kernel that is still letting go. */
#define RETRIES 25
#define RETRY_NS (20 * NS_PER_MS)

static void pause_ns(uint64_t ns)
{
	struct timespec ts = { (time_t)(ns / NS_PER_S), (long)(ns % NS_PER_S) };

	nanosleep(&ts, NULL);
}

static const char *text_of(const json_t *step, const char *key)
{
	const char *s = json_string_value(json_object_get(step, key));

	return s ? s : "";
}

static int undo_process(const json_t *step, bool *ret_was_there)
{
	const char *mark = text_of(step, "mark");

	*ret_was_there = mark[0] && mark_kill(mark) > 0;
	return 0;
}

static int loop_is_ours(int fd, const char *tag)
{
	struct loop_info64 info;

	if (ioctl(fd, LOOP_GET_STATUS64, &info))
		return errno == ENXIO ? 0 : -errno;
	return !strncmp((const char *)info.lo_file_name, tag, LO_NAME_SIZE - 1);
}

static int undo_loop(const json_t *step, bool *ret_was_there)
{
	const char *path = text_of(step, "path");

	for (int i = 0; i < RETRIES; i++) {
		_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
		int ours = fd < 0 ? -errno : loop_is_ours(fd, text_of(step, "tag"));

		if (ours == -ENXIO || ours == -ENOENT)
			return 0;
		if (ours <= 0)
			return ours;
		*ret_was_there = true;
		if (ioctl(fd, LOOP_CLR_FD) && errno != ENXIO && errno != EBUSY)
			return -errno;
		close(take_fd(&fd));
		pause_ns(RETRY_NS);
	}
	return -EBUSY;
}

static int undo_mount(const json_t *step, bool *ret_was_there)
{
	for (int i = 0; i < RETRIES; i++) {
		if (!umount2(text_of(step, "path"), UMOUNT_NOFOLLOW)) {
			*ret_was_there = true;
			return 0;
		}
		if (errno == EINVAL || errno == ENOENT) /* not mounted */
			return 0;
		if (errno != EBUSY)
			return -errno;
		pause_ns(RETRY_NS);
	}
	/* busy for good: at least nobody new gets in */
	*ret_was_there = true;
	return umount2(text_of(step, "path"), MNT_DETACH | UMOUNT_NOFOLLOW) ? -errno : 0;
}

/* Of the superblock that mkfs.ext4 writes. */
#define EXT4_AT 1024
#define EXT4_UUID 104

/*
 * The ext4 that a run made on a device that it was given: it is destroyed, or
 * the next run takes it for data. Only if it bears our number still, and
 * nobody has mounted it.
 */
static int undo_ext4(const json_t *step, bool *ret_was_there)
{
	static const unsigned char zeroes[1024];
	unsigned char head[1024], *u = head + EXT4_UUID;
	_cleanup_close_ int fd = -1;
	char uuid[40];

	for (int i = 0; i < RETRIES && fd < 0; i++) {
		fd = open(text_of(step, "path"), O_RDWR | O_EXCL | O_CLOEXEC);
		if (fd < 0 && errno != EBUSY)
			return errno == ENOENT || errno == ENXIO ? 0 : -errno;
		if (fd < 0)
			pause_ns(RETRY_NS);
	}
	if (fd < 0)
		return -EBUSY;
	if (pread(fd, head, sizeof(head), EXT4_AT) != sizeof(head))
		return -EIO;
	snprintf(uuid, sizeof(uuid), "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", u[0], u[1],
		 u[2], u[3], u[4], u[5], u[6], u[7], u[8], u[9], u[10], u[11], u[12], u[13], u[14], u[15]);
	if (strcmp(uuid, text_of(step, "uuid")))
		return 0;
	*ret_was_there = true;
	if (pwrite(fd, zeroes, sizeof(zeroes), EXT4_AT) != sizeof(zeroes))
		return -EIO;
	return fsync(fd) ? -errno : 0;
}

static int undo_dir(const json_t *step, bool *ret_was_there)
{
	const char *path = text_of(step, "path");
	DIR *dir = opendir(path);
	struct dirent *e;

	if (!dir)
		return errno == ENOENT ? 0 : -errno;
	while ((e = readdir(dir)))
		if (e->d_type != DT_DIR)
			unlinkat(dirfd(dir), e->d_name, 0);
	closedir(dir);
	*ret_was_there = true;
	return rmdir(path) && errno != ENOENT ? -errno : 0;
}

/* What was killed in it takes a moment to be gone. */
static int undo_cgroup(const json_t *step, bool *ret_was_there)
{
	for (int i = 0; i < RETRIES; i++) {
		if (!rmdir(text_of(step, "path"))) {
			*ret_was_there = true;
			return 0;
		}
		if (errno != EBUSY)
			return errno == ENOENT ? 0 : -errno;
		pause_ns(RETRY_NS);
	}
	return -EBUSY;
}

static int undo_setting(const json_t *step, bool *ret_was_there)
{
	const char *path = text_of(step, "path"), *value = text_of(step, "value");
	char now[SETTING_MAX];
	int err = setting_read(path, now, sizeof(now));

	if (err == -ENOENT) /* the device went away, and its setting with it */
		return 0;
	if (err || !strcmp(now, value))
		return err;
	*ret_was_there = true;
	return setting_write(path, value);
}

static int undo_module(const json_t *step, bool *ret_was_there)
{
	for (int i = 0; i < RETRIES; i++) {
		if (!syscall(SYS_delete_module, text_of(step, "name"), O_NONBLOCK)) {
			*ret_was_there = true;
			return 0;
		}
		if (errno == ENOENT || errno == ENOSYS) /* not loaded; a kernel without modules */
			return 0;
		if (errno != EAGAIN && errno != EBUSY && errno != EWOULDBLOCK)
			return -errno;
		pause_ns(RETRY_NS);
	}
	return -EBUSY;
}

static int undo_configfs(const json_t *step, bool *ret_was_there)
{
	const char *path = text_of(step, "path");
	char power[300];
	int err = 0;

	if (access(path, F_OK))
		return 0;
	*ret_was_there = true;
	snprintf(power, sizeof(power), "%s/power", path);
	setting_write(power, "0");
	for (int i = 0; i < RETRIES; i++) {
		err = rmdir(path) && errno != ENOENT ? -errno : 0;
		if (err != -EBUSY)
			break;
		pause_ns(RETRY_NS);
	}
	return err;
}

/* When it began, in ticks since boot: tells it from a later one with its number. 0: there is none. */
static long long process_start(pid_t pid)
{
	char path[32], line[512], *p;
	long long start = 0;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	if (file_read_line(path, line, sizeof(line)) || !(p = strrchr(line, ')')))
		return 0;
	/* behind the name: state is field 3, the start 22 */
	if (sscanf(p + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d %*d %lld", &start) != 1)
		return 0;
	return start;
}

static int undo_stopped(const json_t *step, bool *ret_was_there)
{
	pid_t pid = (pid_t)json_integer_value(json_object_get(step, "pid"));

	if (pid <= 1 || process_start(pid) != json_integer_value(json_object_get(step, "start")))
		return 0;
	*ret_was_there = true;
	return kill(pid, SIGCONT) ? -errno : 0;
}

static const struct undo_kind {
	const char *name;
	const char *subject; /* the key that names the thing */
	int (*undo)(const json_t *step, bool *ret_was_there);
} kinds[] = {
	{ "process", "pid", undo_process },   { "loop", "path", undo_loop },
	{ "mount", "path", undo_mount },      { "dir", "path", undo_dir },
	{ "setting", "path", undo_setting },  { "cgroup", "path", undo_cgroup },
	{ "ext4", "path", undo_ext4 },        { "module", "name", undo_module },
	{ "configfs", "path", undo_configfs }, { "stopped", "pid", undo_stopped },
};

static int save(struct undo *u)
{
	_cleanup_free_ char *path = NULL, *text = NULL;
	int err;

	if (asprintf(&path, "%s/state.json", u->dir) < 0)
		return -ENOMEM;
	if (!json_array_size(u->steps))
		return unlink(path) && errno != ENOENT ? -errno : 0;
	text = json_dumps(u->steps, JSON_INDENT(1));
	if (!text)
		return -ENOMEM;
	err = file_replace(path, text);
	if (err)
		snprintf(u->fault, sizeof(u->fault), "cannot write %.250s: %s", path, strerror(-err));
	return err;
}

static void describe(const json_t *step, const struct undo_kind *k, int err, undo_say *say)
{
	const json_t *subject = json_object_get(step, k->subject);
	char line[512], what[300];

	if (json_is_integer(subject))
		snprintf(what, sizeof(what), "%lld", (long long)json_integer_value(subject));
	else
		snprintf(what, sizeof(what), "%s", text_of(step, k->subject));
	if (err)
		snprintf(line, sizeof(line), "cannot clean up %s %s: %s", k->name, what,
			 strerror(-err));
	else
		snprintf(line, sizeof(line), "cleaned up %s %s", k->name, what);
	say(line);
}

static int undo_last(struct undo *u, undo_say *say)
{
	size_t last = json_array_size(u->steps) - 1;
	const json_t *step = json_array_get(u->steps, last);
	bool was_there = false;
	int err = 0;

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		if (strcmp(kinds[i].name, text_of(step, "kind")))
			continue;
		err = kinds[i].undo(step, &was_there);
		if (say && (err || was_there))
			describe(step, &kinds[i], err, say);
	}
	json_array_remove(u->steps, last);
	save(u);
	return err;
}

size_t undo_mark(const struct undo *u)
{
	return json_array_size(u->steps);
}

int undo_back_to(struct undo *u, size_t to, undo_say *say)
{
	int failed = 0;

	while (json_array_size(u->steps) > to)
		failed += undo_last(u, say) != 0;
	return failed;
}

int undo_all(struct undo *u, undo_say *say)
{
	return undo_back_to(u, 0, say);
}

int undo_drop(struct undo *u)
{
	json_array_remove(u->steps, json_array_size(u->steps) - 1);
	return save(u);
}

static int push(struct undo *u, json_t *step)
{
	if (!step || json_array_append_new(u->steps, step))
		return -ENOMEM;
	return save(u);
}

int undo_push_process(struct undo *u, pid_t pid, const char *mark)
{
	return push(u, json_pack("{s:s, s:I, s:s}", "kind", "process", "pid", (json_int_t)pid,
				 "mark", mark));
}

int undo_push_loop(struct undo *u, const char *path, const char *tag)
{
	return push(u, json_pack("{s:s, s:s, s:s}", "kind", "loop", "path", path, "tag", tag));
}

int undo_push_mount(struct undo *u, const char *path)
{
	return push(u, json_pack("{s:s, s:s}", "kind", "mount", "path", path));
}

int undo_push_ext4(struct undo *u, const char *path, const char *uuid)
{
	return push(u, json_pack("{s:s, s:s, s:s}", "kind", "ext4", "path", path, "uuid", uuid));
}

int undo_push_module(struct undo *u, const char *name)
{
	return push(u, json_pack("{s:s, s:s}", "kind", "module", "name", name));
}

int undo_push_stopped(struct undo *u, pid_t pid)
{
	long long start = process_start(pid);

	return start ? push(u, json_pack("{s:s, s:I, s:I}", "kind", "stopped", "pid", (json_int_t)pid, "start",
					 (json_int_t)start)) : -ENOENT;
}

int undo_push_configfs(struct undo *u, const char *path)
{
	return push(u, json_pack("{s:s, s:s}", "kind", "configfs", "path", path));
}

int undo_push_dir(struct undo *u, const char *path)
{
	return push(u, json_pack("{s:s, s:s}", "kind", "dir", "path", path));
}

int undo_push_cgroup(struct undo *u, const char *path)
{
	return push(u, json_pack("{s:s, s:s}", "kind", "cgroup", "path", path));
}

int undo_push_setting(struct undo *u, const char *path, const char *value)
{
	return push(u, json_pack("{s:s, s:s, s:s}", "kind", "setting", "path", path, "value",
				 value));
}

static int take_lock(struct undo *u, struct why *why)
{
	_cleanup_free_ char *path = NULL;
	char pid[32] = "?";
	ssize_t n;

	if (asprintf(&path, "%s/lock", u->dir) < 0)
		return -ENOMEM;
	u->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (u->lock_fd < 0)
		return why_fail(why, EXIT_ENVIRONMENT, -errno, "cannot open %s: %s", path,
				strerror(errno));
	if (flock(u->lock_fd, LOCK_EX | LOCK_NB)) {
		n = read(u->lock_fd, pid, sizeof(pid) - 1);
		pid[n > 0 ? n : 0] = '\0';
		return why_fail(why, EXIT_ENVIRONMENT, -EBUSY,
				"another iopath-bench is running (pid %s): one at a time", pid);
	}
	n = snprintf(pid, sizeof(pid), "%d", getpid());
	if (ftruncate(u->lock_fd, 0) || pwrite(u->lock_fd, pid, (size_t)n, 0) != n)
		return why_fail(why, EXIT_ENVIRONMENT, -errno, "cannot write %s: %s", path,
				strerror(errno));
	return 0;
}

int undo_open(struct undo *u, const char *dir, undo_say *say, struct why *why)
{
	_cleanup_free_ char *path = NULL;
	int err;

	*u = (struct undo){ .dir = strdup(dir), .lock_fd = -1 };
	if (!u->dir || asprintf(&path, "%s/state.json", dir) < 0)
		return -ENOMEM;
	if (mkdir(dir, 0700) && errno != EEXIST)
		return why_fail(why, EXIT_ENVIRONMENT, -errno, "cannot create %s: %s", dir,
				strerror(errno));
	err = take_lock(u, why);
	if (err)
		return err;
	u->steps = json_load_file(path, 0, NULL);
	if (!json_is_array(u->steps)) {
		json_decref(u->steps);
		u->steps = json_array();
	}
	undo_all(u, say);
	return u->steps ? 0 : -ENOMEM;
}

void undo_close(struct undo *u)
{
	if (u->steps)
		undo_all(u, NULL);
	json_decref(u->steps);
	if (u->lock_fd >= 0)
		close(u->lock_fd);
	free(u->dir);
	*u = (struct undo){ .lock_fd = -1 };
}
