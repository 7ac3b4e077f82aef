/* SPDX-License-Identifier: Apache-2.0 */
/* model.c - from bytes to a checked model. */
#include "model/model.h"

#include "base/proto_parse.h"
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
    status = kernel_choose(self, &self->kernel, &self->compiled);
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
    if (self->kernel != NULL)
        self->kernel->free(self->compiled);
    for (size_t i = 0; self->features != NULL && i < self->message->n_features; i++)
        free(self->features[i].numbers);
    free(self->features);
    proto_free((ProtobufCMessage *)self->message);
    free(self);
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
    return self->kernel == NULL ? "reference" : self->kernel->name;
}

const Chw__Model *model_message(const struct model *self)
{
    return self->message;
}
