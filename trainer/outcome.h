/* SPDX-License-Identifier: Apache-2.0 */
/* outcome.h - which value of the target column is the outcome that is predicted. Pure. */

#ifndef TRAINER_OUTCOME_H
#define TRAINER_OUTCOME_H

#include "base/error_text.h"
#include "trainer/names.h"

#include <stddef.h>

/* The code of the positive value: `positive` where it is given; the second of 0/1, No/Yes
 * and false/true. STATUS_MALFORMED: only one value, or no such; STATUS_INVALID: the
 * choice is not made. `error` lists the values and how often each occurs (counts, by
 * code). */
MUST_CHECK enum status outcome_choose(const struct names *values, const size_t *counts,
                                      const char *target, const char *positive,
                                      uint8_t *code, struct error_text *error);

#endif
