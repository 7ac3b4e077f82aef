/* SPDX-License-Identifier: Apache-2.0 */
/* trainer_fixture.h - a data set from lines of CSV in a test. */

#ifndef TESTS_TRAINER_FIXTURE_H
#define TESTS_TRAINER_FIXTURE_H

#include "trainer/dataset.h"

/* Read `csv` as a file; the target is the column `y`. `error` may be NULL. */
enum status fixture_read(const char *csv, const struct dataset_request *more,
                         struct dataset **out, struct error_text *error);

/* The same; fails the test where it does not read. */
struct dataset *fixture_dataset(const char *csv);

/* Write `text` to a new file; the name is the caller's to unlink and free. */
char *fixture_file(const char *text);

#endif
