/* SPDX-License-Identifier: Apache-2.0 */
/* kernel_ours.h - the project's own side: a batch bound and scored as a worker does it,
 * or scored alone by a binding that was made before. */

#ifndef BENCH_KERNEL_OURS_H
#define BENCH_KERNEL_OURS_H

#include "base/error_text.h"
#include "bench/kernel_rows.h"
#include "model/model.h"

/* Batches that are bound beforehand; scoring alone goes round these. */
enum { KERNEL_BOUND_MAX = 64 };

enum kernel_output {
    KERNEL_MARGINS,
    KERNEL_PROBABILITIES,
    KERNEL_CONTRIBUTIONS, /* of each feature, then the base */
};

struct kernel_ours;

struct kernel_ours_options {
    const struct model *model; /* borrowed, as the rows */
    const struct kernel_rows *rows;
    enum kernel_output output;
    size_t threads;
};

MUST_CHECK enum status kernel_ours_open(const struct kernel_ours_options *options,
                                        struct kernel_ours **out,
                                        struct error_text *error);
size_t kernel_ours_width(const struct kernel_ours *self); /* floats of a record */
void kernel_ours_close(struct kernel_ours *self);

/* model_bind() and the output of a batch. STATUS_CORRUPT: a record is invalid, or the
 * model cannot be explained. */
MUST_CHECK enum status kernel_ours_score(struct kernel_ours *self, size_t thread,
                                         size_t batch, float *out,
                                         struct error_text *error);

/* The same without model_bind(), of batches below KERNEL_BOUND_MAX. */
MUST_CHECK enum status kernel_ours_score_bound(struct kernel_ours *self, size_t thread,
                                               size_t batch, float *out,
                                               struct error_text *error);

/* How far the sum of a record's contributions is from its margin at most, in all batches.
 */
MUST_CHECK enum status kernel_ours_sums_apart(struct kernel_ours *self, double *out,
                                              struct error_text *error);

#endif
