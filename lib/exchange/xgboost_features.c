/* SPDX-License-Identifier: Apache-2.0 */
/* xgboost_features.c - from feature_names, feature_types, cats and the splits. */
#include "exchange/xgboost_features.h"

#include "exchange/assemble.h"
#include "exchange/exchange.h"

#include <stdio.h>
#include <string.h>

struct signature {
    const json_t *names, *types, *categories; /* of the learner; NULL: none */
    Chw__MissingPolicy missing;
};

static enum status find_list(const json_t *learner, const char *path, size_t count,
                             const json_t **out, struct error_text *error)
{
    *out = document_find(learner, path);
    if (json_array_size(*out) == 0) /* absent or empty */
        *out = NULL;
    if (*out != NULL && json_array_size(*out) != count)
        return error_set(error, STATUS_INVALID, "%s has %zu entries for %zu features",
                         path, json_array_size(*out), count);
    return STATUS_OK;
}

static enum status open_signature(const json_t *learner, size_t count,
                                  struct signature *out, struct error_text *error)
{
    enum status status = find_list(learner, "feature_names", count, &out->names, error);
    if (status == STATUS_OK)
        status = find_list(learner, "feature_types", count, &out->types, error);
    if (status == STATUS_OK)
        status = find_list(learner, "gradient_booster.model.cats.enc", count,
                           &out->categories, error);
    if (status == STATUS_OK && out->categories == NULL)
        status = find_list(learner, "gradient_booster.gbtree.model.cats.enc", count,
                           &out->categories, error);
    return status;
}

static enum status feature_name(const struct signature *self, size_t index, char *out,
                                size_t size, struct error_text *error)
{
    const char *name = json_string_value(json_array_get(self->names, index));
    if (self->names != NULL && name == NULL)
        return error_set(error, STATUS_INVALID, "feature_names of %zu is no text", index);
    int length = name == NULL ? snprintf(out, size, "f%zu", index)
                              : snprintf(out, size, "%s", name);
    if (length <= 0 || (size_t)length >= size)
        return error_set(error, STATUS_INVALID,
                         "the name of feature %zu has %d bytes, expected 1 to %zu", index,
                         length, size - 1);
    return STATUS_OK;
}

/* ---- types ---- */

static enum status feature_type(const struct signature *self, size_t index,
                                bool *category, struct error_text *error)
{
    static const char *const numbers[] = {"float", "int", "i", "q"};
    *category = false;
    if (self->types == NULL)
        return STATUS_OK;
    const char *type = json_string_value(json_array_get(self->types, index));
    *category = type != NULL && strcmp(type, "c") == 0;
    bool known = *category;
    for (size_t i = 0; type != NULL && i < sizeof numbers / sizeof numbers[0]; i++)
        known = known || strcmp(type, numbers[i]) == 0;
    return known ? STATUS_OK
                 : error_set(error, STATUS_INVALID,
                             "its type %.20s is not supported: expected float, int, i, "
                             "q, c",
                             type == NULL ? "(no text)" : type);
}

/* ---- names of categories ---- */

static enum status add_codes(Chw__Category *category, uint32_t count)
{
    char name[16];
    for (uint32_t i = 0; i == 0 || i < count; i++) {
        snprintf(name, sizeof name, "%u", i);
        if (!assemble_category_name(category, name))
            return STATUS_NOMEM;
    }
    return STATUS_OK;
}

/* Bytes as numbers, which may be signed: the texts one after the other. */
static enum status read_text(const json_t *values, json_int_t first, json_int_t last,
                             char out[256], struct error_text *error)
{
    if (first < 0 || last < first || last - first > 255 ||
        last > (json_int_t)json_array_size(values))
        return error_set(error, STATUS_INVALID, "cats has a name outside its values");
    for (json_int_t i = first; i < last; i++) {
        const json_t *byte = json_array_get(values, (size_t)i);
        json_int_t value = json_integer_value(byte);
        if (!json_is_integer(byte) || value < -128 || value > 255 || value == 0)
            return error_set(error, STATUS_INVALID, "cats has a name that is no text");
        out[i - first] = (char)(uint8_t)value;
    }
    out[last - first] = '\0';
    return STATUS_OK;
}

static enum status add_texts(Chw__Category *category, const json_t *offsets,
                             const json_t *values, struct error_text *error)
{
    char name[256];
    enum status status = STATUS_OK;
    for (size_t i = 0; status == STATUS_OK && i + 1 < json_array_size(offsets); i++) {
        status =
            read_text(values, json_integer_value(json_array_get(offsets, i)),
                      json_integer_value(json_array_get(offsets, i + 1)), name, error);
        if (status == STATUS_OK && !assemble_category_name(category, name))
            status = STATUS_NOMEM;
    }
    return status;
}

static enum status add_numbers(Chw__Category *category, const json_t *values,
                               struct error_text *error)
{
    char name[24];
    for (size_t i = 0; i < json_array_size(values); i++) {
        const json_t *value = json_array_get(values, i);
        if (!json_is_integer(value))
            return error_set(error, STATUS_INVALID,
                             "cats has a number that is no whole number");
        snprintf(name, sizeof name, "%lld", (long long)json_integer_value(value));
        if (!assemble_category_name(category, name))
            return STATUS_NOMEM;
    }
    return STATUS_OK;
}

/* Codes that the splits use and that have no name would be lost. */
static enum status add_names(const struct signature *self, size_t index,
                             const struct split_use *use, Chw__Category *category,
                             struct error_text *error)
{
    const json_t *entry = json_array_get(self->categories, index);
    const json_t *offsets = json_object_get(entry, "offsets");
    const json_t *values = json_object_get(entry, "values");
    size_t count = offsets != NULL ? json_array_size(offsets) : json_array_size(values);
    if (count == 0 || (offsets != NULL && count == 1))
        return add_codes(category, use->codes);
    if (count > EXCHANGE_CATEGORIES_MAX + (offsets != NULL))
        return error_set(error, STATUS_INVALID,
                         "it has more than %d categories, which is not supported",
                         EXCHANGE_CATEGORIES_MAX);
    enum status status = offsets != NULL ? add_texts(category, offsets, values, error)
                                         : add_numbers(category, values, error);
    if (status == STATUS_OK && category->n_names < use->codes)
        status = error_set(error, STATUS_INVALID,
                           "it has %zu categories, and a split uses category %u",
                           category->n_names, use->codes - 1);
    return status;
}

/* ---- features ---- */

static enum status add_feature(const struct signature *self, size_t index,
                               const struct split_use *use, const char *name,
                               Chw__Model *model, struct error_text *error)
{
    bool category;
    enum status status = feature_type(self, index, &category, error);
    if (status != STATUS_OK)
        return status;
    category = category || use->category;
    if (category && use->number)
        return error_set(error, STATUS_INVALID,
                         "it is split as a category and as a number, which is not "
                         "supported");
    if (category && self->missing != CHW__MISSING_POLICY__MISSING_KEEP)
        return error_set(error, STATUS_INVALID,
                         "a category in a linear model is not supported");
    Chw__Feature *feature =
        category ? assemble_category(model, name) : assemble_numeric(model, name);
    if (feature == NULL)
        return STATUS_NOMEM;
    feature->missing = self->missing;
    return category ? add_names(self, index, use, feature->category, error) : STATUS_OK;
}

enum status xgboost_add_features(const json_t *learner, const struct split_use *uses,
                                 size_t input_count, Chw__MissingPolicy missing,
                                 Chw__Model *model, struct error_text *error)
{
    struct signature signature = {.missing = missing};
    char name[256];
    enum status status = open_signature(learner, input_count, &signature, error);
    for (size_t i = 0; status == STATUS_OK && i < input_count; i++) {
        status = feature_name(&signature, i, name, sizeof name, error);
        if (status != STATUS_OK)
            break;
        status = add_feature(&signature, i, &uses[i], name, model, error);
        if (status != STATUS_OK)
            status = error_prefix(error, status, "feature %zu (%s)", i, name);
    }
    return status;
}
