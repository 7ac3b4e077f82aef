/* SPDX-License-Identifier: Apache-2.0 */
/* kernel_rows.h - the held-out rows of a table as both sides take them: batches of typed
 * columns as a client encodes them and a worker sees them, and rows of floats. Made
 * before any clock starts. */

#ifndef BENCH_KERNEL_ROWS_H
#define BENCH_KERNEL_ROWS_H

#include "bench/kernel_design.h"
#include "model/columns.h"

enum { KERNEL_ROWS_MAX = 65536, KERNEL_BATCHES_MAX = 4096 };

struct kernel_batch {
    Chw__Batch *message;
    struct columns columns;
};

struct kernel_rows {
    uint32_t batch_rows;
    size_t batch_count, width;
    struct kernel_batch *batches;
    float *inputs; /* of all batches, one after the other */
};

/* Batches of `batch_rows` that make `row_count` in all, up to KERNEL_ROWS_MAX, or
 * KERNEL_BATCHES_MAX batches where that is less. Rows come again where the table has not
 * so many. */
MUST_CHECK enum status kernel_rows_make(const struct kernel_design *design,
                                        uint32_t batch_rows, size_t row_count,
                                        struct kernel_rows *out,
                                        struct error_text *error);
void kernel_rows_release(struct kernel_rows *self);

static inline const float *kernel_rows_inputs(const struct kernel_rows *self,
                                              size_t batch)
{
    return self->inputs + batch * self->batch_rows * self->width;
}

/* What a peer is trained on. */
struct kernel_training {
    float *inputs, *outcomes; /* row after row; owned */
    size_t rows, width;
    uint64_t seed; /* of what it draws */
};

MUST_CHECK enum status kernel_training_make(const struct kernel_design *design,
                                            uint64_t seed, struct kernel_training *out,
                                            struct error_text *error);
void kernel_training_release(struct kernel_training *self);

#endif
