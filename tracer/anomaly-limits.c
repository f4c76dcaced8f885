/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <ini.h>
#include <math.h>
#include <string.h>

#include "anomaly.h"
#include "tracer/base/cleanup.h"
#include "tracer/base/parse.h"

const char *const anomaly_names[NR_ANOMALIES] = {
#define X(tag, what) #tag,
	IOP_ANOMALIES(X)
#undef X
};

const char *const anomaly_texts[NR_ANOMALIES] = {
#define X(tag, what) what,
	IOP_ANOMALIES(X)
#undef X
};

const struct anomaly_limit_info anomaly_limit_infos[NR_ANOMALY_LIMITS] = {
#define X(tag, key, type, def, what) { ANOMALY_##tag, #key, LIMIT_##type, def, what },
	IOP_LIMITS(X)
#undef X
};

int anomaly_parse(const char *name, enum anomaly_tag *ret)
{
	for (int t = 0; t < NR_ANOMALIES; t++) {
		if (strcmp(name, anomaly_names[t]))
			continue;
		*ret = t;
		return 0;
	}
	return -EINVAL;
}

void anomaly_limits_init(struct anomaly_limits *l)
{
	*l = (struct anomaly_limits){ 0 };
	for (int i = 0; i < NR_ANOMALY_LIMITS; i++)
		l->v[i] = anomaly_limit_infos[i].def;
}

/* "0.3" or "30%" */
static int parse_share(const char *s, double *ret)
{
	char text[32];
	size_t n = strlen(s);
	bool percent = n && s[n - 1] == '%';
	double v;

	if (n >= sizeof(text))
		return -EINVAL;
	memcpy(text, s, n + 1);
	if (percent)
		text[n - 1] = '\0';
	if (parse_double(text, &v))
		return -EINVAL;
	v /= percent ? 100 : 1;
	if (!(v >= 0 && v <= 1))
		return -EINVAL;
	*ret = v;
	return 0;
}

static int parse_value(enum limit_type type, const char *s, double *ret)
{
	uint64_t u;
	double d;
	int err;

	switch (type) {
	case LIMIT_SHARE:
		return parse_share(s, ret);
	case LIMIT_FACTOR:
		if (parse_double(s, &d) || !(d >= 1) || !isfinite(d))
			return -EINVAL;
		*ret = d;
		return 0;
	case LIMIT_NS:
		err = parse_duration_ns(s, &u);
		break;
	case LIMIT_BYTES:
		err = parse_size_bytes(s, &u);
		break;
	default:
		err = parse_u64(s, &u);
	}
	if (!err)
		*ret = (double)u;
	return err;
}

static const char *const wants[] = {
	[LIMIT_NS] = "a duration (100ms)",  [LIMIT_BYTES] = "a size (4M)",
	[LIMIT_COUNT] = "a number",	    [LIMIT_SHARE] = "a share from 0 to 1, or a percentage",
	[LIMIT_FACTOR] = "a number of 1 or more",
};

int anomaly_limits_set(struct anomaly_limits *l, const char *tag, const char *key, const char *value,
		       char why[static ANOMALY_WHY_LEN])
{
	enum anomaly_tag t;

	if (anomaly_parse(tag, &t)) {
		snprintf(why, ANOMALY_WHY_LEN, "%.60s: no such anomaly", tag);
		return -EINVAL;
	}
	if (!strcmp(key, "enabled")) {
		l->off[t] = !strcmp(value, "no");
		if (l->off[t] || !strcmp(value, "yes"))
			return 0;
		snprintf(why, ANOMALY_WHY_LEN, "%s.enabled: %.40s is neither yes nor no", tag, value);
		return -EINVAL;
	}
	for (int i = 0; i < NR_ANOMALY_LIMITS; i++) {
		const struct anomaly_limit_info *info = &anomaly_limit_infos[i];

		if (info->tag != t || strcmp(key, info->key))
			continue;
		if (!parse_value(info->type, value, &l->v[i]))
			return 0;
		snprintf(why, ANOMALY_WHY_LEN, "%s.%s: %.40s is not %s", tag, key, value, wants[info->type]);
		return -EINVAL;
	}
	snprintf(why, ANOMALY_WHY_LEN, "%s has no limit %.60s", tag, key);
	return -EINVAL;
}

int anomaly_limits_word(struct anomaly_limits *l, const char *word, char why[static ANOMALY_WHY_LEN])
{
	const char *dot = strchr(word, '.'), *equals = dot ? strchr(dot, '=') : NULL;
	char tag[64], key[64];

	if (!equals || dot - word >= (int)sizeof(tag) || equals - dot > (int)sizeof(key)) {
		snprintf(why, ANOMALY_WHY_LEN, "%.60s: not TAG.key=value", word);
		return -EINVAL;
	}
	snprintf(tag, sizeof(tag), "%.*s", (int)(dot - word), word);
	snprintf(key, sizeof(key), "%.*s", (int)(equals - dot - 1), dot + 1);
	return anomaly_limits_set(l, tag, key, equals + 1, why);
}

struct reading {
	struct anomaly_limits *limits;
	char *why;
	bool bad;	/* the first one counts: inih reads on */
};

static int on_key(void *ctx, const char *section, const char *key, const char *value)
{
	struct reading *r = ctx;

	if (!r->bad)
		r->bad = anomaly_limits_set(r->limits, section, key, value, r->why);
	return !r->bad;
}

int anomaly_limits_read(struct anomaly_limits *l, FILE *ini, char why[static ANOMALY_WHY_LEN])
{
	struct anomaly_limits new = *l;
	char what[ANOMALY_WHY_LEN] = "no key = value, no [TAG]";
	struct reading r = { &new, what, false };
	int line = ini_parse_file(ini, on_key, &r);

	if (line) {
		snprintf(why, ANOMALY_WHY_LEN, "line %d: %.130s", line, what);
		return -EINVAL;
	}
	*l = new;
	return 0;
}
