/* SPDX-License-Identifier: Apache-2.0 */
/* load.h - the records, as batches made before the clock starts. */

#ifndef BENCH_LOAD_H
#define BENCH_LOAD_H

#include "base/error_text.h"
#include "bench/references.h"
#include "client/chw.h"

struct load {
    struct chw_batch **batches;
    size_t count;
    uint64_t batch_rows; /* of every one */
    int32_t as_of;
    struct references references; /* what their answers must be */
};

/* `count` different batches of `rows` records of synthetic people, round the regions.
 * Columns are those that the models read. */
MUST_CHECK enum status load_make(struct chw_client *client, size_t count, uint64_t rows,
                                 uint64_t seed, struct load *out,
                                 struct error_text *error);
void load_free(struct load *self);

/* STATUS_CORRUPT: the answer to batch `which` is not what its model must give. */
MUST_CHECK enum status load_check(struct load *self, size_t which,
                                  const struct chw_result *result,
                                  struct error_text *error);

#endif
