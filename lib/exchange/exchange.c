/* SPDX-License-Identifier: Apache-2.0 */
/* exchange.c - which format the bytes are of, and where the model comes from. */
#include "exchange/exchange.h"

#include "base/crypto.h"
#include "exchange/assemble.h"
#include "exchange/format.h"
#include "exchange/lightgbm.h"
#include "exchange/onnx.h"
#include "exchange/xgboost.h"

#include <stdio.h>
#include <string.h>

static const struct exchange_format formats[] = {
    {"XGBoost JSON", xgboost_is_json, xgboost_import_json},
    {"XGBoost UBJSON", xgboost_is_ubjson, xgboost_import_ubjson},
    {"LightGBM text", lightgbm_is_text, lightgbm_import_text},
    {"ONNX", onnx_is_model, onnx_import},
};
enum { FORMAT_COUNT = sizeof formats / sizeof formats[0] };

bool format_contains(const uint8_t *bytes, size_t size, const char *text)
{
    size_t text_size = strlen(text);
    const uint8_t *end = bytes + size;
    while ((size_t)(end - bytes) >= text_size) {
        bytes = memchr(bytes, text[0], (size_t)(end - bytes) - text_size + 1);
        if (bytes == NULL)
            return false;
        if (memcmp(bytes, text, text_size) == 0)
            return true;
        bytes++;
    }
    return false;
}

/* "2" or, where there are labels, one of them. */
static bool is_class(const char *chosen, const char *const *labels, size_t index)
{
    char number[24];
    snprintf(number, sizeof number, "%zu", index);
    return strcmp(chosen, labels == NULL ? number : labels[index]) == 0;
}

static void list_classes(const char *const *labels, size_t count, char *text, size_t size)
{
    size_t used = 0;
    if (labels == NULL)
        snprintf(text, size, "0 to %zu", count - 1);
    for (size_t i = 0; labels != NULL && i < count && used < size; i++)
        used += (size_t)snprintf(text + used, size - used, "%s%.40s", i == 0 ? "" : ", ",
                                 labels[i]);
}

enum status format_choose(const struct exchange_options *options,
                          const char *const *labels, size_t count, size_t *index,
                          struct error_text *error)
{
    char classes[160];
    *index = 1;
    if (options->chosen == NULL && count == 2)
        return STATUS_OK;
    list_classes(labels, count, classes, sizeof classes);
    if (options->chosen == NULL)
        return error_set(error, STATUS_INVALID,
                         "it has %zu classes, and which is the score is not said: %s",
                         count, classes);
    for (*index = 0; *index < count; (*index)++)
        if (is_class(options->chosen, labels, *index))
            return STATUS_OK;
    return error_set(error, STATUS_INVALID, "it has no class %.40s: expected %s",
                     options->chosen, classes);
}

enum status format_choose_none(const struct exchange_options *options,
                               struct error_text *error)
{
    return options->chosen == NULL
               ? STATUS_OK
               : error_set(error, STATUS_INVALID,
                           "it gives a number, and has no class %.40s", options->chosen);
}

static const struct exchange_format *find_format(const uint8_t *bytes, size_t size)
{
    for (size_t i = 0; i < FORMAT_COUNT; i++)
        if (formats[i].recognise(bytes, size))
            return &formats[i];
    return NULL;
}

static enum status refuse(struct error_text *error)
{
    char names[256] = "";
    size_t used = 0;
    for (size_t i = 0; i < FORMAT_COUNT && used < sizeof names; i++)
        used += (size_t)snprintf(names + used, sizeof names - used, "%s%s",
                                 i == 0 ? "" : ", ", formats[i].name);
    return error_set(error, STATUS_MALFORMED,
                     "no model of a format that is understood: expected %s", names);
}

static bool add_lineage(Chw__Model *model, const struct exchange_format *format,
                        const uint8_t *bytes, size_t size)
{
    char text[DIGEST_HEX_SIZE];
    struct digest digest = digest_sha256(bytes, size);
    digest_format(&digest, text);
    return assemble_parameter(model, "imported from", format->name) &&
           assemble_parameter(model, "file SHA-256", text);
}

enum status exchange_import(const uint8_t *bytes, size_t size,
                            const struct exchange_options *options, Chw__Model **out,
                            struct error_text *error)
{
    *out = NULL;
    if (size > EXCHANGE_SIZE_MAX)
        return error_set(error, STATUS_FULL, "the model has %zu bytes, at most %d", size,
                         EXCHANGE_SIZE_MAX);
    const struct exchange_format *format = find_format(bytes, size);
    if (format == NULL)
        return refuse(error);
    Chw__Model *model = assemble_model(options->name);
    if (model == NULL)
        return STATUS_NOMEM;
    enum status status = format->import(bytes, size, options, model, error);
    if (status == STATUS_OK && !add_lineage(model, format, bytes, size))
        status = STATUS_NOMEM;
    if (status == STATUS_OK) {
        *out = model;
        return STATUS_OK;
    }
    chw__model__free_unpacked(model, NULL);
    return status == STATUS_NOMEM ? status
                                  : error_prefix(error, status, "%s", format->name);
}
