/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * PID 1 of a lab guest (main.c). One thread; whatever cannot be done ends the guest: the host
 * is told why, so that nothing here returns an error.
 */
#ifndef LAB_INIT_H
#define LAB_INIT_H

#include <stdbool.h>
#include <stddef.h>

/* --- port.c ------------------------------------------------------------------------------- */

/* CMD's stdout and stderr, and what this program says to ci/lab/run. */
enum port { PORT_OUT, PORT_ERR, PORT_CTL, NR_PORTS };

/* File descriptors, -1 before open_ports(). */
extern int ports[NR_PORTS];

void open_ports(void);

/* Blocks until the host has taken it all. */
void send_all(int fd, const char *data, size_t len);

/* A line on the control port; before there is one, on the console. */
__attribute__((format(printf, 1, 2))) void tell(const char *fmt, ...);

__attribute__((noreturn)) void power_off(void);

#define fail(...)                             \
	do {                                  \
		tell("fail " __VA_ARGS__);    \
		power_off();                  \
	} while (0)

/* --- file.c ------------------------------------------------------------------------------- */

void mkdir_p(const char *path);

/* The first line of a file, without blanks at either end; false if there is none. */
bool read_line(const char *path, char *buf, size_t size);

bool write_file(const char *path, const char *text);

/* All of a file. The caller frees it. */
char *slurp(const char *path);

/* --- root.c ------------------------------------------------------------------------------- */

#define MOUNT_ROOT "/mnt"

void enter_root(void);
void mount_kernel_fs(void);

/* The directory `where` is made if it is missing. */
void must_mount(const char *what, const char *where, const char *type, const char *data);

/* A directory of the host, writable, under its own path. */
void mount_share(const char *tag, const char *path);

/* The kernel's modules, for modprobe. */
void bind_modules(const char *path);

/* --- disk.c ------------------------------------------------------------------------------- */

/* On all disks that are added from now on. */
void set_file_system(const char *type);

/* Waits for it, or makes it, and puts LAB_DISK_NAME, LAB_MOUNT_NAME into the environment. */
void add_disk(const char *name, const char *class, const char *id, const char *params);

/* LAB_DISKS and LAB_MOUNTS. */
void export_lists(void);

/* --- command.c ---------------------------------------------------------------------------- */

/* Returns CMD's exit status. What it left running dies with it. */
int run_command(const char *cmd);

#endif
