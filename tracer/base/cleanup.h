/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Scoped resources: the variable's destructor runs when it leaves scope.
 *
 *	_cleanup_free_ char *s = strdup("x");
 *	_cleanup_close_ int fd = open(...);
 *	*ret = take_ptr(s);		the caller owns it from here on
 */
#ifndef IOPATH_CLEANUP_H
#define IOPATH_CLEANUP_H

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define _cleanup_(fn) __attribute__((cleanup(fn)))

/* Define fn##p(T *p), which calls fn(*p) unless *p is NULL. */
#define DEFINE_CLEANUP(T, fn)                           \
	static inline void fn##p(T *p)                  \
	{                                               \
		if (*p)                                 \
			fn(*p);                         \
	}                                               \
	struct fn##_cleanup_wants_a_semicolon

static inline void freep(void *p)
{
	free(*(void **)p);
}

static inline void closep(int *fd)
{
	if (*fd >= 0) {
		int saved = errno;

		close(*fd);
		errno = saved;
	}
}

static inline void fclosep(FILE **f)
{
	if (*f)
		fclose(*f);
}

#define _cleanup_free_ _cleanup_(freep)
#define _cleanup_close_ _cleanup_(closep)
#define _cleanup_fclose_ _cleanup_(fclosep)

#define take_ptr(p)                   \
	({                            \
		__typeof__(p) _p = (p); \
		(p) = NULL;           \
		_p;                   \
	})

static inline int take_fd(int *fd)
{
	int r = *fd;

	*fd = -1;
	return r;
}

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

#endif
