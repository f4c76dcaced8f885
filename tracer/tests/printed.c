/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "printed.h"

#include <errno.h>
#include <string.h>

#include <CUnit/CUnit.h>

#include "bench/tests/schema.h"
#include "tracer/base/cleanup.h"
#include "tracer/inflight-task.h"
#include "tracer/session.h"
#include "tracer/session-config.h"

json_t *printed_schema;

int printed_begin(void)
{
	printed_schema = json_load_file("tracer/schema.json", 0, NULL);
	if (printed_schema)
		return 0;
	printf("tracer/schema.json: not there, or no JSON\n");
	return 1;
}

void printed_end(void)
{
	json_decref(printed_schema);
}

/* A made-up session: no kernel is needed to print one. */
void session_cost(struct session *s, struct session_cost *ret)
{
	(void)s;
	*ret = (struct session_cost){ 0 };
}

int session_program(const struct session *s, u32 i, struct session_program *ret)
{
	(void)s;
	if (i)
		return -1;
	*ret = (struct session_program){ "rq_issue", 5, 600 };
	return 0;
}

const struct iop_syscall *session_syscall(long nr)
{
	(void)nr;
	return NULL;
}

/* not called by what is tested */
int inflight_add(struct inflight_list *l, struct inflight **ret)
{
	(void)l, (void)ret;
	return -ENOMEM;
}

bool tags_file(struct tags_reader *r, u64 file, u64 uring_req, struct tag_file *ret)
{
	(void)r, (void)file, (void)uring_req, (void)ret;
	return false;
}

bool tags_carried(struct tags_reader *r, u64 rq, u64 bio, struct tag_file *ret)
{
	(void)r, (void)rq, (void)bio, (void)ret;
	return false;
}

json_t *printed(int (*print)(FILE *, const void *), const void *arg)
{
	_cleanup_free_ char *text = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);
	json_t *j;

	CU_ASSERT(!print(f, arg));
	fclose(f);
	/* one line, whole */
	CU_ASSERT(len && text[len - 1] == '\n' && !memchr(text, '\n', len - 1));
	j = json_loads(text, 0, NULL);
	CU_ASSERT(j != NULL);
	return j;
}

void printed_check(json_t *line)
{
	char why[256];

	if (!schema_check(printed_schema, line, why, sizeof(why))) {
		printf("    %s\n", why);
		CU_ASSERT(0);
	}
}
