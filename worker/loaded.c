/* SPDX-License-Identifier: Apache-2.0 */
/* loaded.c - a counted reference to a model. */
#include "worker/loaded.h"

#include <stdatomic.h>
#include <stdlib.h>

struct loaded {
    struct model *model;
    atomic_uint holders;
};

struct loaded *loaded_new(struct model *model)
{
    struct loaded *self = malloc(sizeof *self);
    if (self == NULL)
        return NULL;
    self->model = model;
    atomic_init(&self->holders, 1);
    return self;
}

static enum status load(struct store *store, const struct digest *version,
                        struct model **out, struct error_text *error)
{
    uint8_t *bytes;
    size_t size;
    enum status status = store_get(store, ARTIFACT_MODEL, version, &bytes, &size, error);
    if (status != STATUS_OK)
        return status;
    status = model_load(bytes, size, out, error);
    free(bytes);
    if (status != STATUS_OK)
        return status;
    status = model_check_golden(*out, error);
    if (status != STATUS_OK)
        model_free(*out);
    return status;
}

enum status loaded_fetch(struct store *store, const struct digest *version,
                         struct loaded **out, struct error_text *error)
{
    struct model *model;
    enum status status = load(store, version, &model, error);
    if (status != STATUS_OK)
        return status;
    *out = loaded_new(model);
    if (*out == NULL) {
        model_free(model);
        return error_set(error, STATUS_NOMEM, "out of memory");
    }
    return STATUS_OK;
}

struct loaded *loaded_hold(struct loaded *self)
{
    atomic_fetch_add_explicit(&self->holders, 1, memory_order_relaxed);
    return self;
}

void loaded_drop(struct loaded *self)
{
    if (self == NULL ||
        atomic_fetch_sub_explicit(&self->holders, 1, memory_order_acq_rel) > 1)
        return;
    model_free(self->model);
    free(self);
}

const struct model *loaded_model(const struct loaded *self)
{
    return self->model;
}
