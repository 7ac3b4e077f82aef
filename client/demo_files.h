/* SPDX-License-Identifier: Apache-2.0 */
/* demo_files.h - the tables of chw demo: parts of the records, and what the results say.
 */

#ifndef CLIENT_DEMO_FILES_H
#define CLIENT_DEMO_FILES_H

#include "base/crypto.h"
#include "base/error_text.h"

#include <stdint.h>

/* Data rows of a table; both columns must be there. */
MUST_CHECK enum status demo_count_rows(const char *path, const char *region_column,
                                       const char *target, uint64_t *rows,
                                       struct error_text *error);

/* Every stride-th row of `from`, from the first, with its heading. */
MUST_CHECK enum status demo_cut(const char *from, uint64_t stride, const char *to,
                                uint64_t *rows, struct error_text *error);

enum { DEMO_VERSIONS_MAX = 8 };

struct demo_served {
    uint64_t rows, invalid;
    struct {
        char version[DIGEST_HEX_SIZE];
        uint64_t rows;
    } versions[DEMO_VERSIONS_MAX];
    size_t version_count;
};

/* Which versions of model `name` served the rows of a results file. */
MUST_CHECK enum status demo_read_results(const char *path, const char *name,
                                         struct demo_served *out,
                                         struct error_text *error);

#endif
