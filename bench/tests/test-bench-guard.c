/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Schedulers' lists, and devices that are in use, on made-up machines. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bench/file.h"
#include "bench/guard.h"
#include "bench/setting.h"
#include "tracer/base/test.h"

TEST(scheduler_lists)
{
	char now[16];

	ASSERT_EQ(scheduler_current("none [mq-deadline] kyber", now, sizeof(now)), 0);
	ASSERT_STR(now, "mq-deadline");
	ASSERT_EQ(scheduler_current("[none]", now, sizeof(now)), 0);
	ASSERT_STR(now, "none");
	ASSERT_EQ(scheduler_current("none", now, sizeof(now)), -EPROTO);
	ASSERT_EQ(scheduler_current("[a-name-that-is-too-long]", now, sizeof(now)), -EPROTO);
	ASSERT_TRUE(scheduler_offered("[none] mq-deadline kyber bfq\n", "bfq"));
	ASSERT_TRUE(scheduler_offered("[none] mq-deadline", "none"));
	ASSERT_TRUE(!scheduler_offered("[none] mq-deadline", "deadline"));
	ASSERT_TRUE(!scheduler_offered("[none] mq-deadline", "mq"));
	ASSERT_TRUE(!scheduler_offered("", "none"));
}

/* A world of fixtures below a new directory. */
struct world {
	char dir[64], sysfs[80], mountinfo[80], swaps[80];
	struct guard_world w;
};

static void put(const struct world *w, const char *path, const char *text)
{
	char full[256], *slash;

	snprintf(full, sizeof(full), "%s/%s", w->dir, path);
	slash = strrchr(full, '/');
	*slash = '\0';
	ASSERT_EQ(file_make_dirs(full), 0);
	*slash = '/';
	if (slash[1])
		ASSERT_EQ(file_replace(full, text), 0);
}

static void make_world(struct world *w, const char *mountinfo, const char *swaps)
{
	strcpy(w->dir, "/tmp/test-bench-guard.XXXXXX");
	ASSERT_TRUE(mkdtemp(w->dir) != NULL);
	snprintf(w->sysfs, sizeof(w->sysfs), "%s/sys", w->dir);
	snprintf(w->mountinfo, sizeof(w->mountinfo), "%s/mountinfo", w->dir);
	snprintf(w->swaps, sizeof(w->swaps), "%s/swaps", w->dir);
	w->w = (struct guard_world){ w->sysfs, w->mountinfo, w->swaps };
	put(w, "mountinfo", mountinfo);
	put(w, "swaps", swaps);
	put(w, "sys/dev/block/8:0/holders/", "");
	put(w, "sys/dev/block/8:0/sda1/partition", "1\n");
	put(w, "sys/dev/block/8:0/sda1/dev", "8:1\n");
	put(w, "sys/dev/block/8:0/sda1/holders/", "");
	put(w, "sys/dev/block/8:0/queue/scheduler", "[none]\n");
}

static void end_world(const struct world *w)
{
	char command[100];

	snprintf(command, sizeof(command), "rm -rf '%s'", w->dir);
	ASSERT_EQ(system(command), 0);
}

#define SWAPS_HEAD "Filename Type Size Used Priority\n"
#define ROOT_MOUNT "21 1 254:0 / / rw - ext4 /dev/vda rw\n"

static int check(const struct world *w, struct why *why)
{
	*why = (struct why){ 0 };
	return guard_in_use(&w->w, "/dev/sda", 8, 0, why);
}

static char link_path[64], plain[64];

/* What takes nothing becomes what takes all, as when udev has done with a queue. */
static void *let_go(void *arg)
{
	char next[80];

	(void)arg;
	usleep(150000);
	snprintf(next, sizeof(next), "%s.new", link_path);
	if (symlink(plain, next) || rename(next, link_path))
		abort();
	return NULL;
}

TEST(a_setting_is_tried_again_and_not_for_ever)
{
	char now[SETTING_MAX];
	pthread_t thread;
	int fd;

	snprintf(plain, sizeof(plain), "/tmp/iopath-setting.%d", getpid());
	snprintf(link_path, sizeof(link_path), "/tmp/iopath-setting.%d.link", getpid());
	fd = open(plain, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	ASSERT_EQ(symlink("/dev/full", link_path), 0);
	ASSERT_EQ(setting_write_once(link_path, "bfq"), -ENOSPC);
	ASSERT_EQ(setting_write(link_path, "bfq"), -ENOSPC); /* the last error, once it has had enough */
	ASSERT_EQ(pthread_create(&thread, NULL, let_go, NULL), 0);
	ASSERT_EQ(setting_write(link_path, "bfq"), 0);
	pthread_join(thread, NULL);
	ASSERT_EQ(setting_read(plain, now, sizeof(now)), 0);
	ASSERT_STR(now, "bfq");
	/* taken and not kept is an error too: the name in brackets is what counts */
	ASSERT_EQ(unlink(link_path), 0);
	ASSERT_EQ(symlink("/dev/null", link_path), 0);
	ASSERT_TRUE(setting_write(link_path, "bfq") < 0);
	close(fd);
	unlink(plain);
	unlink(link_path);
}

TEST(guard_lets_a_free_disk_pass)
{
	struct world w;
	struct why why;

	make_world(&w, ROOT_MOUNT, SWAPS_HEAD "/dev/zram0 partition 1 0 -1\n");
	ASSERT_EQ(check(&w, &why), 0);
	end_world(&w);
}

TEST(guard_refuses_what_is_mounted)
{
	struct world w;
	struct why why;

	make_world(&w, ROOT_MOUNT "22 1 8:0 / /data rw - ext4 /dev/sda rw\n", SWAPS_HEAD);
	ASSERT_EQ(check(&w, &why), -EBUSY);
	ASSERT_EQ(why.code, EXIT_ENVIRONMENT);
	ASSERT_TRUE(strstr(why.text, "/dev/sda") && strstr(why.text, "mounted at /data"));
	end_world(&w);
	make_world(&w, ROOT_MOUNT "22 1 8:1 / /data rw - ext4 /dev/sda1 rw\n", SWAPS_HEAD);
	ASSERT_EQ(check(&w, &why), -EBUSY);
	ASSERT_TRUE(strstr(why.text, "sda1 is mounted") != NULL);
	end_world(&w);
}

TEST(guard_refuses_swap_and_members)
{
	struct world w;
	struct why why;

	make_world(&w, ROOT_MOUNT, SWAPS_HEAD "/dev/sda1 partition 1 0 -1\n");
	ASSERT_EQ(check(&w, &why), -EBUSY);
	ASSERT_TRUE(strstr(why.text, "swap") != NULL);
	end_world(&w);
	make_world(&w, ROOT_MOUNT, SWAPS_HEAD);
	put(&w, "sys/dev/block/8:0/sda1/holders/dm-3", "");
	ASSERT_EQ(check(&w, &why), -EBUSY);
	ASSERT_TRUE(strstr(why.text, "dm-3") != NULL);
	end_world(&w);
	make_world(&w, ROOT_MOUNT, SWAPS_HEAD);
	put(&w, "sys/dev/block/8:0/holders/md0", "");
	ASSERT_EQ(check(&w, &why), -EBUSY);
	ASSERT_TRUE(strstr(why.text, "md0") != NULL);
	end_world(&w);
}

TEST(guard_does_not_trust_what_it_cannot_read)
{
	struct world w;
	struct why why;

	make_world(&w, ROOT_MOUNT, SWAPS_HEAD);
	unlink(w.mountinfo);
	ASSERT_TRUE(check(&w, &why) < 0);
	ASSERT_TRUE(strstr(why.text, "cannot tell") != NULL);
	end_world(&w);
}

TEST_MAIN("test-bench-guard", T(scheduler_lists), T(a_setting_is_tried_again_and_not_for_ever),
	  T(guard_lets_a_free_disk_pass),
	  T(guard_refuses_what_is_mounted), T(guard_refuses_swap_and_members),
	  T(guard_does_not_trust_what_it_cannot_read))
