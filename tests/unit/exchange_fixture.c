/* SPDX-License-Identifier: Apache-2.0 */
#include "exchange_fixture.h"

#include "model/model.h"
#include "tests/lib/build.h"
#include "tests/lib/test.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct model *load(const Chw__Model *message)
{
    struct error_text error = {""};
    struct model *model;
    size_t size = chw__model__get_packed_size(message);
    uint8_t *bytes = malloc(size);
    assert_non_null(bytes);
    chw__model__pack(message, bytes);
    if (model_load(bytes, size, &model, &error) != STATUS_OK)
        fail_msg("%s", error.text);
    free(bytes);
    return model;
}

Chw__Model *exchange_read(const void *bytes, size_t size, const char *chosen)
{
    const struct exchange_options options = {.name = "chd", .chosen = chosen};
    struct error_text error = {""};
    Chw__Model *message;
    if (exchange_import(bytes, size, &options, &message, &error) != STATUS_OK)
        fail_msg("%s", error.text);
    model_free(load(message));
    return message;
}

void exchange_free(Chw__Model *self)
{
    chw__model__free_unpacked(self, NULL);
    build_reset();
}

float exchange_score(const Chw__Model *self, const float *row)
{
    struct model *model = load(self);
    Chw__Batch *batch = build_batch(1);
    struct columns columns;
    struct binding *binding;
    struct record_fault fault;
    struct error_text error = {""};
    float p;
    for (size_t i = 0; i < self->n_features; i++) {
        float value = isnan(row[i]) ? 0.0F : row[i];
        Chw__Column *column = build_floats(batch, self->features[i]->name, &value, 1);
        if (isnan(row[i]))
            column->valid = build_bytes("\0", 1);
    }
    assert_int_equal(columns_view(batch, &columns, NULL), STATUS_OK);
    if (model_bind(model, &columns, &binding, &error) != STATUS_OK)
        fail_msg("%s", error.text);
    model_score(binding, 0, 1, &p, &fault);
    assert_int_equal(fault.fault, CHW__RECORD_FAULT__RECORD_FAULT_NONE);
    binding_free(binding);
    columns_release(&columns);
    model_free(model);
    return p;
}

void exchange_refuse(const void *bytes, size_t size, const char *chosen, const char *part)
{
    const struct exchange_options options = {.name = "chd", .chosen = chosen};
    struct error_text error = {""};
    Chw__Model *message;
    assert_int_not_equal(exchange_import(bytes, size, &options, &message, &error),
                         STATUS_OK);
    assert_null(message);
    if (strstr(error.text, part) == NULL)
        fail_msg("expected '%s' in: %s", part, error.text);
}

char *exchange_replace(const char *text, const char *old, const char *new)
{
    const char *at = strstr(text, old);
    if (at == NULL)
        fail_msg("'%s' is not in the good model", old);
    char *replaced = malloc(strlen(text) + strlen(new) + 1);
    assert_non_null(replaced);
    sprintf(replaced, "%.*s%s%s", (int)(at - text), text, new, at + strlen(old));
    return replaced;
}
