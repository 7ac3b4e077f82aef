/* SPDX-License-Identifier: Apache-2.0 */
/* model.c - from bytes to a checked model. */
#include "model/model.h"

#include "base/proto_parse.h"
#include "model/explain_leaves.h"
#include "model/internal.h"
#include "model/kernel.h"

#include <stdlib.h>

enum status model_load(const uint8_t *bytes, size_t size, struct model **out,
                       struct error_text *error)
{
    *out = NULL;
    enum status status = STATUS_NOMEM;
    struct model *self = calloc(1, sizeof *self);
    if (self == NULL)
        goto fail;
    self->message = (Chw__Model *)proto_parse(&chw__model__descriptor, bytes, size);
    if (self->message == NULL) {
        status =
            error_set(error, STATUS_MALFORMED, "the %zu bytes are not a model", size);
        goto fail;
    }
    status = model_check(self, error);
    if (status != STATUS_OK)
        goto fail;
    for (size_t i = 0; i < self->part_count && status == STATUS_OK; i++)
        status = kernels_compile(self, &self->parts[i]);
    if (status != STATUS_OK)
        goto fail;
    self->version = digest_sha256(bytes, size);
    *out = self;
    return STATUS_OK;
fail:
    model_free(self);
    return status;
}

void model_free(struct model *self)
{
    if (self == NULL)
        return;
    for (size_t i = 0; i < self->part_count; i++) {
        kernels_free(&self->parts[i]);
        explained_leaves_free(self->parts[i].explained);
    }
    free(self->parts);
    for (size_t i = 0; self->features != NULL && i < self->message->n_features; i++) {
        free(self->features[i].beginnings);
        free(self->features[i].numbers);
    }
    free(self->features);
    proto_free((ProtobufCMessage *)self->message);
    free(self);
}

uint32_t model_feature_of(const struct model *self, uint32_t input)
{
    uint32_t low = 0, high = (uint32_t)self->message->n_features;
    while (high - low > 1) {
        uint32_t middle = low + (high - low) / 2;
        if (self->features[middle].first_input <= input)
            low = middle;
        else
            high = middle;
    }
    return low;
}

uint32_t feature_other(const Chw__Feature *self)
{
    return (uint32_t)self->category->n_names +
           (self->missing == CHW__MISSING_POLICY__MISSING_INDICATOR);
}

const char *model_name(const struct model *self)
{
    return self->message->name;
}

const struct digest *model_version(const struct model *self)
{
    return &self->version;
}

const char *model_kernel(const struct model *self)
{
    const struct part *part = &self->parts[0];
    return part->kernel_count == 0 ? "reference"
                                   : part->kernels[part->kernel_count - 1].type->name;
}

size_t model_kernel_bytes(const struct model *self)
{
    size_t sum = 0;
    for (size_t i = 0; i < self->part_count; i++)
        sum += kernels_bytes(&self->parts[i]);
    return sum;
}

const Chw__Model *model_message(const struct model *self)
{
    return self->message;
}
