/* SPDX-License-Identifier: Apache-2.0 */
/* kernel_design.h - how a table's columns become the inputs of an estimator, by the
 * trainer's pipeline: the same for the model of ours and for the peer's rows of floats.
 */

#ifndef BENCH_KERNEL_DESIGN_H
#define BENCH_KERNEL_DESIGN_H

#include "bench/kernel_table.h"
#include "trainer/pipeline.h"

#include "model.pb-c.h"

struct kernel_design {
    const struct kernel_table *table; /* borrowed */
    struct pipeline *pipeline;
    bool codes; /* a category is one input, its code; else one input for each category */
    size_t width; /* inputs */
};

/* Fitted on the training rows. `codes` for trees only. */
MUST_CHECK enum status kernel_design_fit(const struct kernel_table *table,
                                         enum pipeline_style style, bool codes,
                                         struct kernel_design *out,
                                         struct error_text *error);
void kernel_design_release(struct kernel_design *self);

/* The inputs of a row of the data set: `width` floats. */
void kernel_design_encode(const struct kernel_design *self, size_t row, float *inputs);

/* Sum what belongs to the inputs of each feature: `width` floats to as many as there are
 * features. */
void kernel_design_fold(const struct kernel_design *self, const float *inputs,
                        float *features);

/* A model without an estimator. NULL: no memory; freed with chw__model__free_unpacked().
 */
Chw__Model *kernel_design_model(const struct kernel_design *self, const char *name);

#endif
