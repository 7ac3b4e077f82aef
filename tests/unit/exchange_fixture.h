/* SPDX-License-Identifier: Apache-2.0 */
/* exchange_fixture.h - import a text and score rows with it, for the tests of
 * lib/exchange. What is not as it should be fails the test that calls. */

#ifndef TESTS_UNIT_EXCHANGE_FIXTURE_H
#define TESTS_UNIT_EXCHANGE_FIXTURE_H

#include "exchange/exchange.h"

/* Imports and loads, as model "chd". Freed by exchange_free(). */
Chw__Model *exchange_read(const void *bytes, size_t size, const char *chosen);
void exchange_free(Chw__Model *self);

/* The probability of a row with a number per feature; NaN is a missing value. */
float exchange_score(const Chw__Model *self, const float *row);

/* Asserts that the import is refused with a sentence that holds `part`. */
void exchange_refuse(const void *bytes, size_t size, const char *chosen,
                     const char *part);

/* `text` with the first `old` replaced; the caller frees it. */
char *exchange_replace(const char *text, const char *old, const char *new);

#endif
