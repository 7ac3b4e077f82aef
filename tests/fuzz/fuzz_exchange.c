/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as a model of another tool: what is refused has a sentence and leaves nothing
 * behind; what is taken is packed, and loading it either refuses it in turn or gives a
 * model that scores a record without a value. */
#include "exchange/exchange.h"
#include "model/model.h"
#include "tests/lib/build.h"

#include <stdlib.h>
#include <string.h>

static void score(const struct model *model)
{
    Chw__Batch *batch = build_batch(1);
    const Chw__Model *message = model_message(model);
    struct columns columns;
    struct binding *binding;
    struct record_fault fault;
    float p, zero = 0.0F;
    for (size_t i = 0; i < message->n_features; i++)
        build_floats(batch, message->features[i]->name, &zero, 1)->valid =
            build_bytes(i % 2 == 0 ? "\x01" : "\x00", 1);
    if (columns_view(batch, &columns, NULL) != STATUS_OK)
        return;
    if (model_bind(model, &columns, &binding, NULL) == STATUS_OK) {
        model_score(binding, 0, 1, &p, &fault);
        if (!(p >= 0.0F && p <= 1.0F))
            abort();
        binding_free(binding);
    }
    columns_release(&columns);
}

static void load(const Chw__Model *message)
{
    struct error_text error = {""};
    struct model *model;
    size_t size = chw__model__get_packed_size(message);
    uint8_t *bytes = malloc(size);
    if (bytes == NULL || chw__model__pack(message, bytes) != size)
        abort();
    if (model_load(bytes, size, &model, &error) == STATUS_OK) {
        score(model);
        model_free(model);
    } else if (error.text[0] == '\0') {
        abort();
    }
    free(bytes);
    build_reset();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const classes[] = {NULL, "1"};
    for (size_t i = 0; i < sizeof classes / sizeof classes[0]; i++) {
        const struct exchange_options options = {.name = "fuzz", .chosen = classes[i]};
        struct error_text error = {""};
        Chw__Model *message;
        enum status status = exchange_import(data, size, &options, &message, &error);
        if (status == STATUS_OK) {
            load(message);
            chw__model__free_unpacked(message, NULL);
        } else if (message != NULL || error.text[0] == '\0') {
            abort();
        }
    }
    return 0;
}
