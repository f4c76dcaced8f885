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
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "init.h"

#define GUEST_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

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

		mount_share(tag, rest);
	} else if (!strcmp(verb, "modules")) {
		bind_modules(rest);
	} else if (!strcmp(verb, "fs")) {
		set_file_system(rest);
	} else if (!strcmp(verb, "disk")) {
		const char *name = word(&rest), *class = word(&rest), *id = word(&rest);

		add_disk(name, class, id, rest);
	} else if (!strcmp(verb, "env")) {
		putenv(strdup(rest));
	} else if (!strcmp(verb, "cwd") && chdir(rest)) {
		fail("cannot enter %s: %s", rest, strerror(errno));
	}
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
	export_lists();

	tell("boot");
	status = run_command(cmd);
	read_line("/proc/sys/kernel/tainted", taint, sizeof(taint));
	sync();
	tell("exit %d %s", status, taint);
	power_off();
}
