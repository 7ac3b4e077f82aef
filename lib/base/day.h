/* SPDX-License-Identifier: Apache-2.0 */
/* day.h - calendar days (days since 1970-01-01, UTC) and periods (calendar months).
 *
 * Proleptic Gregorian calendar; the algorithm is Howard Hinnant's "chrono-compatible
 * low-level date algorithms". Pure. */

#ifndef BASE_DAY_H
#define BASE_DAY_H

#include "base/status.h"

#include <stdint.h>

enum { DAY_TEXT_SIZE = 16 };

int32_t day_from_date(int32_t year, uint32_t month, uint32_t day);

/* "2026-11-23" exactly; STATUS_MALFORMED otherwise or where there is no such day. */
MUST_CHECK enum status day_parse(const char *text, int32_t *day);

/* Writes "2026-11-23". */
void day_format(int32_t day, char text[DAY_TEXT_SIZE]);

/* The period of a day: year * 100 + month, such as 202611. */
int32_t day_period(int32_t day);

#endif
