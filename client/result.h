/* SPDX-License-Identifier: Apache-2.0 */
/* result.h - replies as results, checked once so that the accessors of chw.h need not.
 * Pure. */

#ifndef CLIENT_RESULT_H
#define CLIENT_RESULT_H

#include "base/error_text.h"
#include "client/chw.h"

#include <stddef.h>
#include <stdint.h>

/* From the body of a REPLY. `rows`: of the batch; 0: not known, take the reply's.
 * STATUS_MALFORMED: `error` says what does not fit. */
MUST_CHECK enum status result_parse(const void *body, size_t size, uint64_t sequence,
                                    size_t rows, struct chw_result **out,
                                    struct error_text *error);

/* It ended here without an answer: CHW_REFUSED or CHW_EXPIRED. NULL: out of memory. */
struct chw_result *result_without_reply(uint64_t sequence, enum chw_outcome outcome,
                                        size_t rows, const char *reason);

/* From the body of a DESCRIPTION. STATUS_NOT_FOUND: nothing can be described; `error` is
 * the reason. */
MUST_CHECK enum status description_parse(const void *body, size_t size,
                                         struct chw_description **out,
                                         struct error_text *error);

#endif
