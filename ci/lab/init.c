/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * PID 1 of a lab guest. It loads the modules in the initramfs, makes the host's
 * root its own (9p below, memory on top), sets up the disks asked for, runs the
 * command and says on the control port how that ended:
 *
 *	boot			CMD starts now
 *	exit N TAINT		CMD's exit status, /proc/sys/kernel/tainted
 *	fail TEXT		the guest could not be set up
 *
 * What to do stands in two files, one directive a line. /modules.conf: FILE [PARAMS]
 * for what /modules has, in loading order. /lab.conf:
 *
 *	share TAG PATH		9p, writable
 *	modules PATH		directory with the kernel's modules, for modprobe
 *	disk NAME CLASS ID [PARAMS]
 *	fs TYPE			make one on each disk and mount it at /mnt/NAME
 *	env NAME=VALUE
 *	cwd PATH
 *
 * and the command itself in /cmd.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <linux/loop.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/timerfd.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#define P9_OPTIONS "trans=virtio,version=9p2000.L,msize=512000,access=any"
#define MOUNT_ROOT "/mnt"
#define GUEST_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

enum port { PORT_OUT, PORT_ERR, PORT_CTL, NR_PORTS };

static const char *const port_names[NR_PORTS] = { "lab.out", "lab.err", "lab.ctl" };
static int ports[NR_PORTS] = { -1, -1, -1 };
static const char *fs_type;
static char disks[4096], mounts[4096];

/* Blocks until the host has taken it all. */
static void send_all(int fd, const char *data, size_t len)
{
	while (len) {
		ssize_t n = write(fd, data, len);

		if (n < 0 && errno != EINTR && errno != EAGAIN)
			return;
		if (n > 0) {
			data += n;
			len -= n;
		}
	}
}

__attribute__((format(printf, 1, 2))) static void tell(const char *fmt, ...)
{
	char line[1024];
	va_list ap;
	int len;

	va_start(ap, fmt);
	len = vsnprintf(line, sizeof(line) - 1, fmt, ap);
	va_end(ap);
	if (len > (int)sizeof(line) - 2)
		len = sizeof(line) - 2;
	line[len++] = '\n';
	if (ports[PORT_CTL] >= 0)
		send_all(ports[PORT_CTL], line, len);
	else
		dprintf(2, "lab: %.*s", len, line);
}

__attribute__((noreturn)) static void power_off(void)
{
	sync();
	reboot(RB_POWER_OFF);
	for (;;)
		pause();
}

#define fail(...)                             \
	do {                                  \
		tell("fail " __VA_ARGS__);    \
		power_off();                  \
	} while (0)

static void mkdir_p(const char *path)
{
	char buf[4096];

	snprintf(buf, sizeof(buf), "%s", path);
	for (char *p = buf + 1; *p; p++) {
		if (*p != '/')
			continue;
		*p = 0;
		mkdir(buf, 0755);
		*p = '/';
	}
	mkdir(buf, 0755);
}

static bool try_mount(const char *what, const char *where, const char *type, const char *data)
{
	mkdir_p(where);
	return !mount(what, where, type, 0, data);
}

static void must_mount(const char *what, const char *where, const char *type, const char *data)
{
	if (!try_mount(what, where, type, data))
		fail("cannot mount %s on %s: %s", type, where, strerror(errno));
}

/* The first line of a file, without blanks at either end; false if there is none. */
static bool read_line(const char *path, char *buf, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n;
	char *start = buf;

	if (fd < 0)
		return false;
	n = read(fd, buf, size - 1);
	close(fd);
	if (n < 0)
		return false;
	buf[n] = 0;
	buf[strcspn(buf, "\n")] = 0;
	while (*start == ' ')
		start++;
	memmove(buf, start, strlen(start) + 1);
	for (n = strlen(buf); n && buf[n - 1] == ' '; n--)
		buf[n - 1] = 0;
	return true;
}

static bool write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	bool ok;

	if (fd < 0)
		return false;
	ok = write(fd, text, strlen(text)) == (ssize_t)strlen(text);
	close(fd);
	return ok;
}

static void load_module(const char *file, const char *params)
{
	char path[256];
	int fd;

	snprintf(path, sizeof(path), "/modules/%s", file);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || (syscall(SYS_finit_module, fd, params, 0) && errno != EEXIST))
		fail("cannot load %s %s: %s", file, params,
		     errno == ENOENT ? "unknown symbol or parameter (see the console log)" :
				       strerror(errno));
	close(fd);
}

/* Run a program of the host's root to its end; its output goes to stderr. */
static void run_tool(char *const argv[])
{
	int status;
	pid_t pid = fork();

	if (!pid) {
		dup2(ports[PORT_ERR], 1);
		dup2(ports[PORT_ERR], 2);
		execvp(argv[0], argv);
		dprintf(2, "%s: %s\n", argv[0], strerror(errno));
		_exit(127);
	}
	if (waitpid(pid, &status, 0) != pid || status)
		fail("%s failed on %s", argv[0], argv[1] ? argv[1] : "");
}

static void open_ports(void)
{
	for (int tries = 0; tries < 500; tries++) {
		int nr_open = 0;
		glob_t g;

		if (!glob("/sys/class/virtio-ports/*/name", 0, NULL, &g)) {
			for (size_t i = 0; i < g.gl_pathc; i++) {
				char name[64], dev[128], *port = g.gl_pathv[i];

				if (!read_line(port, name, sizeof(name)))
					continue;
				*strrchr(port, '/') = 0;
				snprintf(dev, sizeof(dev), "/dev/%s", strrchr(port, '/') + 1);
				for (int p = 0; p < NR_PORTS; p++)
					if (ports[p] < 0 && !strcmp(name, port_names[p]))
						ports[p] = open(dev, O_WRONLY | O_CLOEXEC);
			}
			globfree(&g);
		}
		for (int p = 0; p < NR_PORTS; p++)
			nr_open += ports[p] >= 0;
		if (nr_open == NR_PORTS)
			return;
		usleep(10000);
	}
	fail("the control port did not appear");
}

/* The host's root below and memory on top, so that nothing reaches the host. */
static void enter_root(void)
{
	must_mount("labroot", "/lower", "9p", P9_OPTIONS ",ro,cache=loose");
	must_mount("upper", "/upper", "tmpfs", "mode=755");
	mkdir_p("/upper/u");
	mkdir_p("/upper/w");
	must_mount("root", "/root", "overlay", "lowerdir=/lower,upperdir=/upper/u,workdir=/upper/w");
	/* Kernel threads share this root: request_module() finds the host's modprobe. */
	if (chdir("/root") || mount(".", "/", NULL, MS_MOVE, NULL) || chroot(".") || chdir("/"))
		fail("cannot enter the root: %s", strerror(errno));
}

static void mount_kernel_fs(void)
{
	static const struct {
		const char *type, *where, *data;
		bool optional;
	} fs[] = {
		{ "proc", "/proc", NULL, false },
		{ "sysfs", "/sys", NULL, false },
		{ "devtmpfs", "/dev", NULL, false },
		{ "devpts", "/dev/pts", "ptmxmode=666", false },
		{ "tmpfs", "/dev/shm", NULL, false },
		{ "tmpfs", "/tmp", "mode=1777", false },
		{ "tmpfs", "/run", "mode=755", false },
		{ "tmpfs", MOUNT_ROOT, "mode=755", false },
		{ "tracefs", "/sys/kernel/tracing", NULL, false },
		{ "debugfs", "/sys/kernel/debug", NULL, true },
		{ "configfs", "/sys/kernel/config", NULL, false },
		{ "bpf", "/sys/fs/bpf", NULL, false },
		{ "cgroup2", "/sys/fs/cgroup", NULL, true },
		{ "securityfs", "/sys/kernel/security", NULL, true },
	};
	static const char *const links[][2] = {
		{ "/proc/self/fd", "/dev/fd" },
		{ "/proc/self/fd/0", "/dev/stdin" },
		{ "/proc/self/fd/1", "/dev/stdout" },
		{ "/proc/self/fd/2", "/dev/stderr" },
	};

	for (size_t i = 0; i < sizeof(fs) / sizeof(fs[0]); i++)
		if (!try_mount(fs[i].type, fs[i].where, fs[i].type, fs[i].data) && !fs[i].optional)
			fail("cannot mount %s on %s: %s", fs[i].type, fs[i].where, strerror(errno));
	for (size_t i = 0; i < sizeof(links) / sizeof(links[0]); i++)
		if (symlink(links[i][0], links[i][1]) && errno != EEXIST)
			fail("cannot make %s: %s", links[i][1], strerror(errno));
	sethostname("lab", 3);
}

/* Nodes whose first use loads the module, as on a booted system: loop-control, mapper/control. */
static void make_static_nodes(void)
{
	char path[256], name[64], node[128], type;
	unsigned int major, minor;
	struct utsname uts;
	char *line = NULL;
	size_t size = 0;
	FILE *f;

	uname(&uts);
	snprintf(path, sizeof(path), "/lib/modules/%s/modules.devname", uts.release);
	f = fopen(path, "re");
	if (!f)
		return;
	while (getline(&line, &size, f) > 0) {
		char *slash;

		if (sscanf(line, "%63s %127s %c%u:%u", name, node, &type, &major, &minor) != 5)
			continue;
		snprintf(path, sizeof(path), "/dev/%s", node);
		slash = strrchr(path, '/');
		*slash = 0;
		mkdir_p(path);
		*slash = '/';
		mknod(path, (type == 'b' ? S_IFBLK : S_IFCHR) | 0600, makedev(major, minor));
	}
	free(line);
	fclose(f);
}

static void bind_modules(const char *path)
{
	mkdir_p("/lib/modules");
	if (mount(path, "/lib/modules", NULL, MS_BIND, NULL))
		fail("cannot bind %s: %s", path, strerror(errno));
	make_static_nodes();
}

/*
 * Finding a disk. Each finder gets what the host called it and puts the node's
 * name into dev; false means not yet.
 */
typedef bool (*find_fn)(const char *id, const char *params, char *dev, size_t size);

/* Is there a /sys/block/PATTERN whose ATTR reads WANT? */
static bool find_by_attr(const char *pattern, const char *attr, const char *want, char *dev,
			 size_t size)
{
	char path[512], value[256];
	bool found = false;
	glob_t g;

	snprintf(path, sizeof(path), "/sys/block/%s", pattern);
	if (glob(path, 0, NULL, &g))
		return false;
	for (size_t i = 0; i < g.gl_pathc && !found; i++) {
		snprintf(path, sizeof(path), "%s/%s", g.gl_pathv[i], attr);
		found = read_line(path, value, sizeof(value)) && !strcmp(value, want);
		if (found)
			snprintf(dev, size, "/dev/%s", strrchr(g.gl_pathv[i], '/') + 1);
	}
	globfree(&g);
	return found;
}

static bool find_nvme(const char *id, const char *params, char *dev, size_t size)
{
	(void)params;
	return find_by_attr("nvme*n*", "device/serial", id, dev, size);
}

static bool find_virtio(const char *id, const char *params, char *dev, size_t size)
{
	(void)params;
	return find_by_attr("vd*", "serial", id, dev, size);
}

/* id is the product name that the host gave it. */
static bool find_scsi(const char *id, const char *params, char *dev, size_t size)
{
	(void)params;
	return find_by_attr("sd*", "device/model", id, dev, size);
}

static bool find_scsi_debug(const char *id, const char *params, char *dev, size_t size)
{
	(void)id, (void)params;
	return find_by_attr("sd*", "device/model", "scsi_debug", dev, size);
}

static bool has_param(const char *params, const char *name)
{
	size_t len = strlen(name);

	for (const char *p = params; (p = strstr(p, name)); p += len)
		if ((p == params || p[-1] == ' ') && p[len] == '=')
			return true;
	return false;
}

static void null_blk_set(const char *dir, const char *name, const char *value)
{
	char path[512];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	if (access(path, F_OK))
		fail("null_blk: this kernel has no parameter %s", name);
	if (!write_file(path, value))
		fail("null_blk: %s=%s: %s", name, value, strerror(errno));
}

/* Made through configfs, which knows every parameter on every kernel; id is nullbN. */
static bool make_null_blk(const char *id, const char *params, char *dev, size_t size)
{
	char dir[256], copy[1024], index[32], path[300], *save = NULL;

	snprintf(dir, sizeof(dir), "/sys/kernel/config/nullb/%s", id);
	if (!access(dir, F_OK))
		goto made;
	if (mkdir(dir, 0755))
		fail("null_blk: cannot make %s: %s", dir, strerror(errno));
	snprintf(copy, sizeof(copy), "%s", params);
	for (char *p = strtok_r(copy, " ", &save); p; p = strtok_r(NULL, " ", &save)) {
		char *value = strchr(p, '='), mib[32];

		if (!value)
			fail("null_blk: %s: expected name=value", p);
		*value++ = 0;
		if (!strcmp(p, "gb")) {
			snprintf(mib, sizeof(mib), "%llu", strtoull(value, NULL, 10) << 10);
			null_blk_set(dir, "size", mib);
		} else {
			null_blk_set(dir, strcmp(p, "bs") ? p : "blocksize", value);
		}
	}
	if (fs_type && !has_param(params, "memory_backed"))
		null_blk_set(dir, "memory_backed", "1");
	null_blk_set(dir, "power", "1");
made:
	snprintf(path, sizeof(path), "%s/index", dir);
	if (!read_line(path, index, sizeof(index)))
		return false;
	snprintf(dev, size, "/dev/nullb%s", index);
	return !access(dev, F_OK);
}

/* On a file in memory; params: its size in MiB. */
static bool make_loop(const char *id, const char *params, char *dev, size_t size)
{
	struct loop_config config = { .info.lo_flags = 0 };
	char file[64];
	int ctl, nr, fd, loop;

	snprintf(file, sizeof(file), "/run/%s.img", id);
	ctl = open("/dev/loop-control", O_RDWR | O_CLOEXEC);
	nr = ctl < 0 ? -1 : ioctl(ctl, LOOP_CTL_GET_FREE);
	if (nr < 0)
		fail("loop: no free device: %s", strerror(errno));
	close(ctl);
	snprintf(dev, size, "/dev/loop%d", nr);
	fd = open(file, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	loop = open(dev, O_RDWR | O_CLOEXEC);
	config.fd = fd;
	if (fd < 0 || loop < 0 || ftruncate(fd, strtoull(params, NULL, 10) << 20) ||
	    ioctl(loop, LOOP_CONFIGURE, &config))
		fail("loop: cannot set up %s: %s", dev, strerror(errno));
	close(fd);
	close(loop);
	return true;
}

static const struct {
	const char *class;
	find_fn find;
} classes[] = {
	{ "nvme", find_nvme },
	{ "virtio", find_virtio },
	{ "scsi", find_scsi },
	{ "scsi_debug", find_scsi_debug },
	{ "null_blk", make_null_blk },
	{ "loop", make_loop },
};

static void append(char *list, size_t size, const char *name, const char *value)
{
	size_t len = strlen(list);

	snprintf(list + len, size - len, "%s%s:%s", len ? " " : "", name, value);
}

/* NAME in capitals, behind prefix: LAB_DISK_NULL_BLK2 */
static void export_name(const char *prefix, const char *name, const char *value)
{
	char var[128];

	snprintf(var, sizeof(var), "%s%s", prefix, name);
	for (char *p = var; *p; p++)
		if (*p >= 'a' && *p <= 'z')
			*p -= 'a' - 'A';
	setenv(var, value, 1);
}

static void add_file_system(const char *name, const char *dev)
{
	char mkfs[64], where[128];
	bool ext = !strncmp(fs_type, "ext", 3);
	char *argv[] = { mkfs, (char *)dev, (char *)"-q", (char *)(ext ? "-F" : "-f"), NULL };

	snprintf(mkfs, sizeof(mkfs), "mkfs.%s", fs_type);
	run_tool(argv);
	snprintf(where, sizeof(where), MOUNT_ROOT "/%s", name);
	must_mount(dev, where, fs_type, NULL);
	append(mounts, sizeof(mounts), name, where);
	export_name("LAB_MOUNT_", name, where);
}

static void add_disk(const char *name, const char *class, const char *id, const char *params)
{
	char dev[128];

	for (size_t i = 0; i < sizeof(classes) / sizeof(classes[0]); i++) {
		int tries = 0;

		if (strcmp(classes[i].class, class))
			continue;
		while (!classes[i].find(id, params, dev, sizeof(dev)) || access(dev, F_OK)) {
			if (++tries == 1000)
				fail("disk %s did not appear", name);
			usleep(10000);
		}
		append(disks, sizeof(disks), name, dev);
		export_name("LAB_DISK_", name, dev);
		if (fs_type)
			add_file_system(name, dev);
		return;
	}
	fail("unknown disk class %s", class);
}

/* Cuts the next word off *s; the empty string when there is none. */
static char *word(char **s)
{
	char *start = *s + strspn(*s, " ");
	size_t len = strcspn(start, " ");

	*s = start + len;
	if (**s)
		*(*s)++ = 0;
	return start;
}

static void obey(char *line)
{
	char *rest = line, *verb = word(&rest);

	if (!strcmp(verb, "share")) {
		const char *tag = word(&rest);

		must_mount(tag, rest, "9p", P9_OPTIONS ",cache=mmap");
	} else if (!strcmp(verb, "modules")) {
		bind_modules(rest);
	} else if (!strcmp(verb, "fs")) {
		fs_type = strdup(rest);
	} else if (!strcmp(verb, "disk")) {
		const char *name = word(&rest), *class = word(&rest), *id = word(&rest);

		add_disk(name, class, id, rest);
	} else if (!strcmp(verb, "env")) {
		putenv(strdup(rest));
	} else if (!strcmp(verb, "cwd") && chdir(rest)) {
		fail("cannot enter %s: %s", rest, strerror(errno));
	}
}

static char *slurp(const char *path)
{
	FILE *f = fopen(path, "re");
	char *text = NULL;
	size_t size = 0;

	if (!f || getdelim(&text, &size, 0, f) < 0)
		fail("cannot read %s", path);
	fclose(f);
	return text;
}

static void copy_output(struct pollfd *from, int to)
{
	char buf[65536];
	ssize_t n;

	if (!from->revents)
		return;
	n = read(from->fd, buf, sizeof(buf));
	if (n > 0) {
		send_all(to, buf, n);
	} else if (!n || (errno != EINTR && errno != EAGAIN)) {
		close(from->fd);
		from->fd = -1;
	}
}

static pid_t start_command(const char *cmd, const int out[2], const int err[2], const sigset_t *mask)
{
	pid_t pid = fork();
	int null;

	if (pid)
		return pid;
	null = open("/dev/null", O_RDONLY);
	dup2(null, 0);
	dup2(out[1], 1);
	dup2(err[1], 2);
	closefrom(3);
	setsid();
	sigprocmask(SIG_SETMASK, mask, NULL);
	execlp("bash", "bash", "-c", cmd, (char *)NULL);
	dprintf(2, "bash: %s\n", strerror(errno));
	_exit(127);
}

/*
 * So that the host can tell a guest that is busy from one that hangs. In virtual
 * time it would be one more thing that runs while something is measured.
 */
enum { ALIVE_S = 5 };

static int alive_timer(void)
{
	const struct itimerspec every = { { ALIVE_S, 0 }, { ALIVE_S, 0 } };
	const char *mode = getenv("LAB_MODE");
	int fd = -1;

	if (mode && !strcmp(mode, "realtime"))
		fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (fd >= 0)
		timerfd_settime(fd, 0, &every, NULL);
	return fd;
}

/* Returns CMD's exit status. What it left running dies with it. */
static int run_command(const char *cmd)
{
	int out[2], err[2], status = 0;
	struct signalfd_siginfo si;
	uint64_t ticks;
	sigset_t chld, old;
	pid_t pid, ended;
	bool running = true;

	sigemptyset(&chld);
	sigaddset(&chld, SIGCHLD);
	sigprocmask(SIG_BLOCK, &chld, &old);
	if (pipe2(out, O_CLOEXEC) || pipe2(err, O_CLOEXEC))
		fail("pipe: %s", strerror(errno));
	pid = start_command(cmd, out, err, &old);
	if (pid < 0)
		fail("fork: %s", strerror(errno));
	close(out[1]);
	close(err[1]);
	fcntl(out[0], F_SETFL, O_NONBLOCK);
	fcntl(err[0], F_SETFL, O_NONBLOCK);

	struct pollfd fds[] = {
		{ .fd = out[0], .events = POLLIN },
		{ .fd = err[0], .events = POLLIN },
		{ .fd = signalfd(-1, &chld, SFD_CLOEXEC | SFD_NONBLOCK), .events = POLLIN },
		{ .fd = alive_timer(), .events = POLLIN },
	};
	/* Once the command has ended: until its pipes have nothing more to say. */
	while (poll(fds, running ? 4 : 3, running ? -1 : 0) > 0 || running) {
		copy_output(&fds[0], ports[PORT_OUT]);
		copy_output(&fds[1], ports[PORT_ERR]);
		if (read(fds[3].fd, &ticks, sizeof(ticks)) > 0)
			tell("alive");
		if (read(fds[2].fd, &si, sizeof(si)) < 0)
			continue;
		int st;
		while ((ended = waitpid(-1, &st, WNOHANG)) > 0) {
			if (ended != pid)
				continue;
			status = st;
			running = false;
			kill(-1, SIGKILL);
		}
	}
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

int main(void)
{
	char *conf, *cmd, *line, *save = NULL, taint[32] = "0";
	int status;

	mkdir_p("/proc");
	mkdir_p("/sys");
	mkdir_p("/dev");
	mount("proc", "/proc", "proc", 0, NULL);
	mount("sysfs", "/sys", "sysfs", 0, NULL);
	mount("devtmpfs", "/dev", "devtmpfs", 0, NULL);
	umask(022);
	setenv("PATH", GUEST_PATH, 1);
	setenv("HOME", "/root", 1);
	setenv("USER", "root", 1);
	setenv("LANG", "C.UTF-8", 1);
	setenv("DM_DISABLE_UDEV", "1", 1); /* no udev here: libdm makes its nodes itself */

	cmd = slurp("/cmd");
	conf = slurp("/modules.conf");
	for (line = strtok_r(conf, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		char *rest = line, *file = word(&rest);

		load_module(file, rest);
	}
	open_ports();
	conf = slurp("/lab.conf");
	enter_root();
	mount_kernel_fs();
	for (line = strtok_r(conf, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
		obey(line);
	setenv("LAB_DISKS", disks, 1);
	setenv("LAB_MOUNTS", mounts, 1);

	tell("boot");
	status = run_command(cmd);
	read_line("/proc/sys/kernel/tainted", taint, sizeof(taint));
	sync();
	tell("exit %d %s", status, taint);
	power_off();
}
