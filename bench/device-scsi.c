/* SPDX-License-Identifier: GPL-2.0-or-later */
/* scsi_debug: a disk in memory behind the whole SCSI layer. There can be one. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "bench/device-make.h"
#include "bench/file.h"
#include "bench/stop.h"

#define APPEAR_NS (10 * NS_PER_S)	/* it is scanned for in the background */
#define LOOK_NS (50 * NS_PER_MS)

static const struct order_word words[] = {
	{ "size", WORD_MIB, "dev_size_mb", NULL },
	{ "block", WORD_BYTES, "sector_size", NULL },
	{ "completion", WORD_NS, "ndelay", NULL },
	{ "queues", WORD_COUNT, "submit_queues", NULL },
	{ "depth", WORD_COUNT, "max_queue", NULL },
	{},
};

static bool find_disk(struct device *d)
{
	DIR *dir = opendir("/sys/block");
	struct dirent *e;
	bool found = false;

	while (dir && !found && (e = readdir(dir))) {
		char path[320], model[64];

		snprintf(path, sizeof(path), "/sys/block/%s/device/model", e->d_name);
		if (strncmp(e->d_name, "sd", 2) || file_read_line(path, model, sizeof(model)) ||
		    strncmp(model, "scsi_debug", 10))
			continue;
		snprintf(d->path, sizeof(d->path), "/dev/%.240s", e->d_name);
		found = true;
	}
	if (dir)
		closedir(dir);
	return found;
}

static int make(const struct device_spec *spec, const struct order *o, struct undo *u, struct device *d,
		struct why *why)
{
	const struct order none = { .nr = 0 };
	uint64_t until = now_ns() + APPEAR_NS;
	struct why unused;
	int err;

	(void)spec;
	/* the driver of SCSI disks: where udev is at work it loads that itself */
	module_load("sd_mod", &none, u, &unused);
	err = module_load("scsi_debug", o, u, why);
	if (err > 0)
		return why_fail(why, EXIT_ENVIRONMENT, -EBUSY, "scsi_debug is loaded already, with settings of somebody else");
	while (!err && !find_disk(d)) {
		if (now_ns() > until)
			return why_fail(why, EXIT_ENVIRONMENT, -ENODEV, "scsi_debug: its disk does not appear");
		err = sleep_until(now_ns() + LOOK_NS);
	}
	return err;
}

const struct device_maker device_maker_scsi_debug = {
	.name = "scsi_debug", .purpose = "a disk in memory behind the SCSI layer", .words = words, .takes_others = true,
	.defaults = "size=256M,completion=20us", .make = make,
};
