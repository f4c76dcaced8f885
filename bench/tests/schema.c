/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "schema.h"

#include <stdio.h>
#include <string.h>

#include "tracer/base/cleanup.h"

struct check {
	const json_t *root;
	char *err;
	size_t len;
};

static bool check(const struct check *c, const json_t *schema, const json_t *value, const char *at);

static bool complain(const struct check *c, const char *at, const char *what)
{
	snprintf(c->err, c->len, "%s: %s", at, what);
	return false;
}

static bool is_type(const json_t *v, const char *type)
{
	return (!strcmp(type, "object") && json_is_object(v)) ||
	       (!strcmp(type, "array") && json_is_array(v)) ||
	       (!strcmp(type, "string") && json_is_string(v)) ||
	       (!strcmp(type, "integer") && json_is_integer(v)) ||
	       (!strcmp(type, "number") && json_is_number(v)) ||
	       (!strcmp(type, "boolean") && json_is_boolean(v)) ||
	       (!strcmp(type, "null") && json_is_null(v));
}

static bool check_type(const struct check *c, const json_t *type, const json_t *v, const char *at)
{
	json_t *one;
	size_t i;

	if (json_is_string(type))
		return is_type(v, json_string_value(type)) || complain(c, at, "wrong type");
	json_array_foreach((json_t *)type, i, one)
		if (is_type(v, json_string_value(one)))
			return true;
	return complain(c, at, "none of the types");
}

static bool check_enum(const struct check *c, const json_t *values, const json_t *v, const char *at)
{
	json_t *one;
	size_t i;

	json_array_foreach((json_t *)values, i, one)
		if (json_equal(one, v))
			return true;
	return complain(c, at, "none of the values of the enum");
}

static bool check_required(const struct check *c, const json_t *names, const json_t *v, const char *at)
{
	json_t *name;
	size_t i;

	json_array_foreach((json_t *)names, i, name) {
		char where[256];

		snprintf(where, sizeof(where), "%s/%s", at, json_string_value(name));
		if (json_is_object(v) && !json_object_get(v, json_string_value(name)))
			return complain(c, where, "missing");
	}
	return true;
}

static bool check_properties(const struct check *c, const json_t *props, const json_t *v, const char *at)
{
	const char *name;
	json_t *sub;

	json_object_foreach((json_t *)props, name, sub) {
		const json_t *field = json_object_get(v, name);
		char where[256];

		snprintf(where, sizeof(where), "%s/%s", at, name);
		if (field && !check(c, sub, field, where))
			return false;
	}
	return true;
}

static bool check_items(const struct check *c, const json_t *items, const json_t *v, const char *at)
{
	json_t *one;
	size_t i;

	json_array_foreach((json_t *)v, i, one) {
		char where[256];

		snprintf(where, sizeof(where), "%s[%zu]", at, i);
		if (!check(c, items, one, where))
			return false;
	}
	return true;
}

static bool check_minimum(const struct check *c, const json_t *min, const json_t *v, const char *at)
{
	return !json_is_number(v) || json_number_value(v) >= json_number_value(min) ||
	       complain(c, at, "under the minimum");
}

static bool check_one_of(const struct check *c, const json_t *list, const json_t *v, const char *at)
{
	unsigned int fits = 0;
	char first[512] = "";
	json_t *one;
	size_t i;

	json_array_foreach((json_t *)list, i, one) {
		if (check(c, one, v, at))
			fits++;
		else if (!strstr(c->err, "/type:")) /* the one that was meant */
			snprintf(first, sizeof(first), "%s", c->err);
	}
	if (fits == 1)
		return true;
	return complain(c, at, fits ? "fits more than one of oneOf" : first[0] ? first : "fits none of oneOf");
}

static bool check_ref(const struct check *c, const json_t *ref, const json_t *v, const char *at)
{
	static const char prefix[] = "#/definitions/";
	const char *name = json_string_value(ref);
	const json_t *target;

	if (!name || strncmp(name, prefix, sizeof(prefix) - 1))
		return complain(c, at, "a $ref that is not understood");
	target = json_object_get(json_object_get(c->root, "definitions"), name + sizeof(prefix) - 1);
	return target ? check(c, target, v, at) : complain(c, at, "a $ref to nothing");
}

static const struct {
	const char *name;
	bool (*check)(const struct check *, const json_t *, const json_t *, const char *);
} keywords[] = {
	{ "type", check_type },	      { "enum", check_enum },	{ "required", check_required },
	{ "properties", check_properties }, { "items", check_items }, { "minimum", check_minimum },
	{ "oneOf", check_one_of },    { "$ref", check_ref },	{ "description", NULL },
	{ "title", NULL },	      { "$schema", NULL },	{ "$id", NULL },
	{ "definitions", NULL },
};

static bool check(const struct check *c, const json_t *schema, const json_t *value, const char *at)
{
	const char *name;
	json_t *arg;

	json_object_foreach((json_t *)schema, name, arg) {
		size_t i = 0;

		while (i < ARRAY_SIZE(keywords) && strcmp(keywords[i].name, name))
			i++;
		if (i == ARRAY_SIZE(keywords))
			return complain(c, at, "a keyword that this checker does not know");
		if (keywords[i].check && !keywords[i].check(c, arg, value, at))
			return false;
	}
	return true;
}

bool schema_check(const json_t *schema, const json_t *value, char *err, size_t len)
{
	const struct check c = { schema, err, len };

	bool fits = check(&c, schema, value, "");

	if (fits) /* alternatives that did not apply have complained */
		err[0] = '\0';
	return fits;
}
