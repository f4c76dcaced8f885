/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Devices made to order, and the tables of options. */
#include <string.h>

#include "bench/cmd.h"
#include "bench/device-make.h"
#include "tracer/base/cleanup.h"
#include "tracer/base/test.h"

TEST(device_specs)
{
	static const char *const bad[] = { "", "sda", "loop:", "loop:size=", "loop:size=x", "loop:size=1k", "loop:depth=3",
					   "null_blk:irqmode=tinker", "null_blk:completion=20", "null_blk:queues=0",
					   "null_blk:no equals", "null_blk:UP=1", "scsi_debug:size=1500k", "zram" };
	struct device_spec s;
	struct order o;
	struct why why;

	ASSERT_EQ(device_spec_parse("loop", &s, &why), 0);
	ASSERT_TRUE(s.maker == &device_maker_loop);
	ASSERT_EQ(order_parse(s.maker, "", &o, &why), 0);
	ASSERT_STR(order_value(&o, "size"), "512");
	ASSERT_EQ(order_parse(s.maker, "size=1G", &o, &why), 0);
	ASSERT_STR(order_value(&o, "size"), "1024");
	ASSERT_EQ(o.nr, 1);
	ASSERT_EQ(device_spec_parse("/dev/sda", &s, &why), 0);
	ASSERT_TRUE(!s.maker);
	ASSERT_STR(s.text, "/dev/sda");
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		ASSERT_TRUE(device_spec_parse(bad[i], &s, &why) < 0);
		ASSERT_EQ(why.code, EXIT_USAGE);
	}
}

TEST(orders_become_the_kernels_words)
{
	static const struct { const char *name, *value; } want[] = {
		{ "size", "1024" }, { "memory_backed", "0" }, { "irqmode", "2" }, { "completion_nsec", "20000" },
		{ "submit_queues", "4" }, { "hw_queue_depth", "64" }, { "queue_mode", "2" }, { "blocksize", "4096" },
		{ "mbps", "100" },
	};
	struct order o;
	struct why why;

	ASSERT_EQ(order_parse(&device_maker_null_blk,
			      "size=1G,irqmode=timer,completion=20us,queues=4,depth=64,queue_mode=mq,block=4k,mbps=100,memory_backed=0",
			      &o, &why), 0);
	ASSERT_EQ(o.nr, ARRAY_SIZE(want));
	for (size_t i = 0; i < ARRAY_SIZE(want); i++)
		ASSERT_STR(order_value(&o, want[i].name), want[i].value);
	ASSERT_EQ(order_parse(&device_maker_scsi_debug, "completion=0us,opts=1", &o, &why), 0);
	ASSERT_STR(order_value(&o, "ndelay"), "0");
	ASSERT_STR(order_value(&o, "dev_size_mb"), "256");
	ASSERT_STR(order_value(&o, "opts"), "1");
}

TEST(option_tables_are_sound)
{
	ASSERT_TRUE(opt_table_fault(cmd_run.options) == NULL);
	ASSERT_TRUE(opt_table_fault(cmd_list.options) == NULL);
	ASSERT_TRUE(opt_table_fault(cmd_preflight.options) == NULL);
}

TEST_MAIN("test-bench-spec", T(device_specs), T(orders_become_the_kernels_words),
	  T(option_tables_are_sound))
