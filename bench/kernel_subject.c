/* SPDX-License-Identifier: Apache-2.0 */
/* kernel_subject.c - trains, reads what came of it, loads. */
#include "bench/kernel_subject.h"

#include "base/clock.h"
#include "base/crypto.h"
#include "base/file.h"
#include "exchange/xgboost.h"
#include "trainer/artifact.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { PATH_SIZE = 4096, KEPT_SIZE_MAX = 1 << 30 };

/* ---- models that are kept ---- */

/* By the digest of all that a model comes from. */
static void name_file(const char *folder, const struct kernel_training *training,
                      const struct kernel_recipe *recipe, char path[PATH_SIZE])
{
    char inputs[DIGEST_HEX_SIZE], outcomes[DIGEST_HEX_SIZE], name[DIGEST_HEX_SIZE];
    char all[512];
    struct digest digest = digest_body(
        training->inputs, training->rows * training->width * sizeof *training->inputs);
    digest_format(&digest, inputs);
    digest = digest_body(training->outcomes, training->rows * sizeof *training->outcomes);
    digest_format(&digest, outcomes);
    int size = snprintf(all, sizeof all,
                        "%s %d %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %zu %s %s",
                        kernel_xgboost_version(), (int)recipe->estimator, recipe->trees,
                        recipe->depth, recipe->leaves, training->seed, training->width,
                        inputs, outcomes);
    digest = digest_body(all, (size_t)size);
    digest_format(&digest, name);
    snprintf(path, PATH_SIZE, "%.4000s/%.16s.json", folder, name);
}

static enum status read_kept(const char *path, struct kernel_json *out,
                             struct error_text *error)
{
    uint8_t *bytes;
    enum status status = file_read(path, KEPT_SIZE_MAX, &bytes, &out->size, error);
    if (status != STATUS_OK)
        return status;
    fprintf(stderr, "taking the model kept in %s\n", path);
    out->text = (char *)bytes;
    return STATUS_OK;
}

static enum status keep(const char *folder, const char *path,
                        const struct kernel_json *json, struct error_text *error)
{
    enum status status = file_make_folder(folder, error);
    return status == STATUS_OK ? file_replace(path, json->text, json->size, error)
                               : status;
}

static enum status train_or_take(struct kernel_subject *self,
                                 const struct kernel_training *training,
                                 const struct kernel_request *request,
                                 struct error_text *error)
{
    char path[PATH_SIZE];
    if (request->models != NULL) {
        name_file(request->models, training, &self->recipe, path);
        if (access(path, R_OK) == 0)
            return read_kept(path, &self->json, error);
    }
    enum status status =
        kernel_xgboost_train(training, &self->recipe, &self->json, error);
    if (status == STATUS_OK && request->models != NULL)
        status = keep(request->models, path, &self->json, error);
    return status;
}

/* ---- peers ---- */

static enum status train_xgboost(struct kernel_subject *self,
                                 const struct kernel_training *training,
                                 const struct kernel_request *request,
                                 Chw__Model *message, struct error_text *error)
{
    struct xgboost_trees read;
    self->peer = kernel_xgboost_version();
    enum status status = train_or_take(self, training, request, error);
    if (status == STATUS_OK)
        status = xgboost_read_trees(self->json.text, self->json.size, &read, error);
    if (status == STATUS_OK)
        artifact_set_trees(message, read.trees, read.link);
    return status;
}

static enum status train_sklearn(struct kernel_subject *self,
                                 const struct kernel_training *training,
                                 Chw__Model *message, struct error_text *error)
{
    enum status status = kernel_sklearn_open(&self->sklearn, error);
    if (status != STATUS_OK)
        return status;
    self->peer = kernel_sklearn_version(self->sklearn);
    return kernel_sklearn_train(self->sklearn, training, &self->recipe, message, error);
}

/* ---- our model ---- */

static void count_trees(struct kernel_subject *self, const Chw__Model *message)
{
    if (message->estimator_case != CHW__MODEL__ESTIMATOR_TREES)
        return;
    const Chw__Trees *trees = message->trees;
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

static enum status train(struct kernel_subject *self,
                         const struct kernel_training *training,
                         const struct kernel_request *request, struct error_text *error)
{
    Chw__Model *message = kernel_design_model(&self->design, "benchmark");
    if (message == NULL)
        return error_set(error, STATUS_NOMEM, "out of memory");
    enum status status = kernel_recipe_is_sklearn(&self->recipe)
                             ? train_sklearn(self, training, message, error)
                             : train_xgboost(self, training, request, message, error);
    if (status == STATUS_OK) {
        count_trees(self, message);
        status = load(self, message, error);
    }
    chw__model__free_unpacked(message, NULL);
    return status;
}

/* scikit-learn's forests want every value, and logistic regression scaled ones. */
enum status kernel_subject_train(const struct kernel_request *request,
                                 const struct kernel_recipe *recipe,
                                 struct kernel_subject *out, struct error_text *error)
{
    struct kernel_training training = {.inputs = NULL};
    bool sklearn = kernel_recipe_is_sklearn(recipe);
    *out = (struct kernel_subject){.recipe = *recipe, .proxies = request->proxies};
    enum status status =
        kernel_design_fit(request->table, sklearn ? PIPELINE_LINEAR : PIPELINE_TREES,
                          request->codes && !sklearn, &out->design, error);
    if (status == STATUS_OK)
        status = kernel_training_make(&out->design, request->seed, &training, error);
    if (status == STATUS_OK)
        status = train(out, &training, request, error);
    kernel_training_release(&training);
    return status;
}

void kernel_subject_release(struct kernel_subject *self)
{
    model_free(self->model);
    kernel_sklearn_close(self->sklearn);
    free(self->json.text);
    kernel_design_release(&self->design);
    *self = (struct kernel_subject){0};
}
