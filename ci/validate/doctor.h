/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What `iopath doctor` says, without what differs from boot to boot, and whether it is what was expected. */
#ifndef IOPATH_VALIDATE_DOCTOR_H
#define IOPATH_VALIDATE_DOCTOR_H

#include <jansson.h>

/* Asks it. The caller owns the result; NULL after a line on stderr. */
json_t *doctor_ask(void);

/*
 * Per point the hook that was chosen, per stage and tier their state. Of a
 * kernel whose package is renewed now and then (@patches) the release is left
 * out; of any other it is what the digest is valid for. The caller owns it.
 */
json_t *doctor_digest(json_t *doctor, bool patches);

#endif
