/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "parse.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"

struct unit {
	const char *name;
	double factor;
};

static const struct unit duration_units[] = {
	{ "ns", 1 },	 { "us", 1e3 },	 { "ms", 1e6 },	  { "s", 1e9 },
	{ "m", 60e9 },	 { "min", 60e9 }, { "h", 3600e9 }, { NULL, 0 },
};

static const struct unit size_units[] = {
	{ "", 1 },
	{ "b", 1 },
	{ "k", 1024. },
	{ "m", 1024. * 1024 },
	{ "g", 1024. * 1024 * 1024 },
	{ "t", 1024. * 1024 * 1024 * 1024 },
	{ NULL, 0 },
};

int parse_u64(const char *s, uint64_t *ret)
{
	char *end;
	unsigned long long v;

	/* strtoull() takes " 1" and "-1"; a count is neither */
	if (!isdigit((unsigned char)*s))
		return -EINVAL;
	errno = 0;
	v = strtoull(s, &end, 10);
	if (*end)
		return -EINVAL;
	if (errno)
		return -errno;
	*ret = v;
	return 0;
}

int parse_i64(const char *s, int64_t *ret)
{
	char *end;
	long long v;

	if (!isdigit((unsigned char)s[*s == '-' || *s == '+']))
		return -EINVAL;
	errno = 0;
	v = strtoll(s, &end, 10);
	if (*end)
		return -EINVAL;
	if (errno)
		return -errno;
	*ret = v;
	return 0;
}

/* The leading decimal number of @s; *ret_end is what stands behind it. */
static int leading_number(const char *s, double *ret, const char **ret_end)
{
	char *end;
	double v;

	/* no "inf", "nan" or "0x10" */
	if (!isdigit((unsigned char)*s) || (s[0] == '0' && (s[1] == 'x' || s[1] == 'X')))
		return -EINVAL;
	errno = 0;
	v = strtod(s, &end);
	if (errno || !isfinite(v))
		return -ERANGE;
	*ret = v;
	*ret_end = end;
	return 0;
}

int parse_double(const char *s, double *ret)
{
	const char *end;
	double v;
	int neg = *s == '-';
	int err = leading_number(s + neg, &v, &end);

	if (err)
		return err;
	if (*end)
		return -EINVAL;
	*ret = neg ? -v : v;
	return 0;
}

static int scale(double v, const char *suffix, const struct unit *units, uint64_t *ret)
{
	for (; units->name; units++) {
		if (strcasecmp(suffix, units->name))
			continue;
		v = round(v * units->factor);
		if (v >= 0x1p64)
			return -ERANGE;
		*ret = (uint64_t)v;
		return 0;
	}
	return -EINVAL;
}

int parse_duration_ns(const char *s, uint64_t *ret_ns)
{
	const char *suffix;
	double v;
	int err = leading_number(s, &v, &suffix);

	if (err)
		return err;
	if (!*suffix && v == 0) {
		*ret_ns = 0;
		return 0;
	}
	return scale(v, suffix, duration_units, ret_ns);
}

int parse_size_bytes(const char *s, uint64_t *ret_bytes)
{
	char unit[4];
	const char *suffix;
	size_t n;
	double v;
	int err = leading_number(s, &v, &suffix);

	if (err)
		return err;
	n = strlen(suffix);
	if (n >= sizeof(unit))
		return -EINVAL;
	memcpy(unit, suffix, n + 1);
	if (n == 3 && !strcasecmp(unit + 1, "ib"))
		unit[1] = '\0';
	else if (n == 2 && (unit[1] == 'b' || unit[1] == 'B'))
		unit[1] = '\0';
	return scale(v, unit, size_units, ret_bytes);
}

static const char *fmt_scaled(double v, double base, const char *const *units, int nr, char *buf,
			      size_t len)
{
	int i = 0;

	while (i < nr - 1 && v >= base * 0.9995) {
		v /= base;
		i++;
	}
	snprintf(buf, len, "%.*f%s", i == 0 || v >= 99.95 ? 0 : v >= 9.995 ? 1 : 2, v, units[i]);
	return buf;
}

const char *fmt_duration(uint64_t ns, char *buf, size_t len)
{
	static const char *const units[] = { "ns", "us", "ms", "s" };

	return fmt_scaled((double)ns, 1000, units, ARRAY_SIZE(units), buf, len);
}

const char *fmt_size(uint64_t bytes, char *buf, size_t len)
{
	static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB" };

	return fmt_scaled((double)bytes, 1024, units, ARRAY_SIZE(units), buf, len);
}
