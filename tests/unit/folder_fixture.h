/* SPDX-License-Identifier: Apache-2.0 */
/* folder_fixture.h - a folder of its own for each test, with files a test writes in it.
 */

#ifndef TESTS_UNIT_FOLDER_FIXTURE_H
#define TESTS_UNIT_FOLDER_FIXTURE_H

#include "base/error_text.h"

#include <stddef.h>

struct folder_fixture {
    char path[32];
    char file[128]; /* the last one written or named */
};

/* Setup and teardown of one test: *state is the fixture; the folder goes with it. */
int folder_fixture_open(void **state);
int folder_fixture_close(void **state);

/* The path of a file in the folder; and of one with these bytes. Valid until the next. */
const char *folder_path(struct folder_fixture *self, const char *name);
const char *folder_write(struct folder_fixture *self, const char *name, const void *bytes,
                         size_t size);
const char *folder_write_text(struct folder_fixture *self, const char *name,
                              const char *text);

/* `part` is somewhere in the sentence. */
void assert_says(const struct error_text *error, const char *part);

/* TEST_SEED from the environment, or `fallback`; printed. */
unsigned folder_seed(unsigned fallback);

#endif
