/* SPDX-License-Identifier: Apache-2.0 */
/* kernel_subject.c - trains, reads the JSON, loads. */
#include "bench/kernel_subject.h"

#include "base/clock.h"
#include "exchange/xgboost.h"
#include "trainer/artifact.h"

#include <stdio.h>
#include <stdlib.h>

static enum status train(struct kernel_subject *self,
                         const struct kernel_xgboost_params *params,
                         struct error_text *error)
{
    float *inputs, *outcomes;
    enum status status = kernel_rows_training(&self->design, &inputs, &outcomes, error);
    if (status != STATUS_OK)
        return status;
    const struct kernel_matrix matrix = {inputs, self->design.table->split->train_count,
                                         self->design.width};
    status = kernel_xgboost_train(&matrix, outcomes, params, &self->json,
                                  &self->json_size, error);
    free(inputs);
    free(outcomes);
    return status;
}

static void count_trees(struct kernel_subject *self, const Chw__Trees *trees)
{
    self->tree_count = trees->n_trees;
    for (size_t i = 0; i < trees->n_trees; i++)
        for (size_t node = 0; node < trees->trees[i]->n_left; node++)
            self->leaf_count += trees->trees[i]->left[node] == 0;
}

static enum status load(struct kernel_subject *self, const Chw__Model *message,
                        struct error_text *error)
{
    uint8_t *bytes;
    enum status status = artifact_pack(message, &bytes, &self->model_size);
    if (status != STATUS_OK)
        return status;
    uint64_t start_us = clock_monotonic_us();
    status = model_load(bytes, self->model_size, &self->model, error);
    self->load_ms = (double)(clock_monotonic_us() - start_us) / 1e3;
    free(bytes);
    return status;
}

static enum status make_model(struct kernel_subject *self, struct error_text *error)
{
    struct xgboost_trees read;
    Chw__Model *message = kernel_design_model(&self->design, "benchmark");
    if (message == NULL)
        return error_set(error, STATUS_NOMEM, "out of memory");
    enum status status = xgboost_read_trees(self->json, self->json_size, &read, error);
    if (status == STATUS_OK) {
        count_trees(self, read.trees);
        artifact_set_trees(message, read.trees, read.link);
        status = load(self, message, error);
    }
    chw__model__free_unpacked(message, NULL);
    return status;
}

enum status kernel_subject_train(const struct kernel_table *table, bool codes,
                                 const struct kernel_xgboost_params *params,
                                 struct kernel_subject *out, struct error_text *error)
{
    *out = (struct kernel_subject){.json = NULL};
    enum status status =
        kernel_design_fit(table, PIPELINE_TREES, codes, &out->design, error);
    if (status == STATUS_OK)
        status = train(out, params, error);
    return status == STATUS_OK ? make_model(out, error) : status;
}

void kernel_subject_release(struct kernel_subject *self)
{
    model_free(self->model);
    free(self->json);
    kernel_design_release(&self->design);
    *self = (struct kernel_subject){0};
}
