/* SPDX-License-Identifier: Apache-2.0 */
/* lightgbm_features.c - from feature_names, feature_infos, pandas_categorical and the
 * splits. */
#include "exchange/lightgbm_features.h"

#include "exchange/assemble.h"
#include "exchange/document.h"
#include "exchange/exchange.h"

#include <stdio.h>
#include <string.h>

static const char pandas_key[] = "pandas_categorical:";

struct signature {
    struct span names, infos; /* words still to come */
    json_t *pandas;           /* a list of names per category; NULL: none */
    size_t pandas_next;
};

/* ---- names that pandas had ---- */

/* The last such line counts, as in LightGBM. */
static enum status read_pandas(const struct span *tail, json_t **out,
                               struct error_text *error)
{
    struct span rest = *tail, line;
    *out = NULL;
    while (span_line(&rest, &line))
        if (span_starts(&line, pandas_key)) {
            line.at += strlen(pandas_key);
            json_decref(*out);
            enum status status = document_read_json(
                (const uint8_t *)line.at, (size_t)(line.end - line.at), out, error);
            if (status != STATUS_OK)
                return error_prefix(error, status, "pandas_categorical");
        }
    if (json_array_size(*out) == 0) { /* null, or no categories */
        json_decref(*out);
        *out = NULL;
    }
    return STATUS_OK;
}

/* As pandas writes them into a CSV. */
static bool name_of(const json_t *value, char out[256])
{
    int length = -1;
    if (json_is_string(value))
        length = snprintf(out, 256, "%s", json_string_value(value));
    else if (json_is_integer(value))
        length = snprintf(out, 256, "%lld", (long long)json_integer_value(value));
    else if (json_is_real(value))
        length = snprintf(out, 256, "%.17g", json_real_value(value));
    else if (json_is_boolean(value))
        length = snprintf(out, 256, "%s", json_is_true(value) ? "True" : "False");
    return length >= 0 && length < 256;
}

static enum status add_pandas_names(const json_t *names, Chw__Category *category,
                                    struct error_text *error)
{
    char name[256];
    size_t count = json_array_size(names);
    if (count == 0 || count > EXCHANGE_CATEGORIES_MAX)
        return error_set(error, STATUS_INVALID,
                         "pandas_categorical has %zu names, expected 1 to %d", count,
                         EXCHANGE_CATEGORIES_MAX);
    for (size_t i = 0; i < count; i++) {
        if (!name_of(json_array_get(names, i), name))
            return error_set(error, STATUS_INVALID,
                             "pandas_categorical: name %zu is no text or number", i);
        if (!assemble_category_name(category, name))
            return STATUS_NOMEM;
    }
    return STATUS_OK;
}

/* ---- codes ---- */

/* One more than the highest code that the splits or the infos have; those beyond what a
 * category can hold are in no set, and go right like one that was never seen. */
static uint32_t count_codes(const struct span *info, const struct split_use *use)
{
    uint32_t count = use->codes;
    struct span rest = *info;
    while (rest.at < rest.end) {
        const char *end = memchr(rest.at, ':', (size_t)(rest.end - rest.at));
        const struct span word = {rest.at, end == NULL ? rest.end : end};
        int64_t code;
        if (span_integer(&word, &code) && code >= count && code < EXCHANGE_CATEGORIES_MAX)
            count = (uint32_t)code + 1;
        rest.at = end == NULL ? rest.end : end + 1;
    }
    return count == 0 ? 1 : count;
}

static enum status add_codes(const struct span *info, const struct split_use *use,
                             Chw__Category *category)
{
    char name[16];
    uint32_t count = count_codes(info, use);
    for (uint32_t i = 0; i < count; i++) {
        snprintf(name, sizeof name, "%u", i);
        if (!assemble_category_name(category, name))
            return STATUS_NOMEM;
    }
    return STATUS_OK;
}

static enum status add_category(struct signature *self, const char *name,
                                const struct span *info, const struct split_use *use,
                                Chw__Model *model, struct error_text *error)
{
    if (use->number)
        return error_set(error, STATUS_INVALID,
                         "it is split as a category and as a number, which is not "
                         "supported");
    Chw__Feature *feature = assemble_category(model, name);
    if (feature == NULL)
        return STATUS_NOMEM;
    if (self->pandas == NULL)
        return add_codes(info, use, feature->category);
    const json_t *names = json_array_get(self->pandas, self->pandas_next++);
    enum status status = add_pandas_names(names, feature->category, error);
    if (status == STATUS_OK && feature->category->n_names < use->codes)
        status = error_set(error, STATUS_INVALID,
                           "pandas_categorical has %zu names, and a split uses code %u",
                           feature->category->n_names, use->codes - 1);
    return status;
}

/* ---- features ---- */

static enum status add_number(const char *name, const struct lightgbm_missing *missing,
                              Chw__Model *model, struct error_text *error)
{
    if (missing->zero && missing->other)
        return error_set(error, STATUS_INVALID,
                         "0 is missing to some of its splits and not to others, which is "
                         "not supported");
    Chw__Feature *feature = assemble_numeric(model, name);
    if (feature == NULL)
        return STATUS_NOMEM;
    feature->numeric->zero_missing = missing->zero;
    return STATUS_OK;
}

static bool is_category(const struct span *info, const struct split_use *use)
{
    return use->category || (!span_starts(info, "[") && !span_is(info, "none"));
}

static enum status add_feature(struct signature *self, size_t index,
                               const struct lightgbm_forest *forest, Chw__Model *model,
                               struct error_text *error)
{
    struct span name, info;
    char text[256];
    if (!span_word(&self->names, &name) || !span_word(&self->infos, &info))
        return error_set(error, STATUS_INVALID,
                         "feature_names and feature_infos have fewer than %zu entries",
                         forest->input_count);
    int length = snprintf(text, sizeof text, "%.*s", (int)(name.end - name.at), name.at);
    if (length <= 0 || (size_t)length >= sizeof text)
        return error_set(error, STATUS_INVALID,
                         "the name of feature %zu has %d bytes, expected 1 to %zu", index,
                         length, sizeof text - 1);
    const struct split_use *use = &forest->uses[index];
    enum status status = is_category(&info, use)
                             ? add_category(self, text, &info, use, model, error)
                             : add_number(text, &forest->missing[index], model, error);
    if (status != STATUS_OK)
        return error_prefix(error, status, "feature %zu (%s)", index, text);
    model->features[index]->missing = CHW__MISSING_POLICY__MISSING_KEEP;
    return STATUS_OK;
}

/* Names without features: which list is whose is not known. */
static enum status check_rest(const struct signature *self, struct error_text *error)
{
    if (self->names.at != self->names.end || self->infos.at != self->infos.end)
        return error_set(error, STATUS_INVALID,
                         "feature_names and feature_infos have more entries than "
                         "max_feature_idx says");
    if (self->pandas != NULL && self->pandas_next != json_array_size(self->pandas))
        return error_set(error, STATUS_INVALID,
                         "pandas_categorical has %zu lists for %zu categories",
                         json_array_size(self->pandas), self->pandas_next);
    return STATUS_OK;
}

enum status lightgbm_add_features(const struct span *head, const struct span *tail,
                                  const struct lightgbm_forest *forest, Chw__Model *model,
                                  struct error_text *error)
{
    struct signature signature = {.pandas = NULL};
    if (!section_find(head, "feature_names", &signature.names) ||
        !section_find(head, "feature_infos", &signature.infos))
        return error_set(error, STATUS_INVALID,
                         "feature_names or feature_infos is absent");
    enum status status = read_pandas(tail, &signature.pandas, error);
    for (size_t i = 0; status == STATUS_OK && i < forest->input_count; i++)
        status = add_feature(&signature, i, forest, model, error);
    if (status == STATUS_OK)
        status = check_rest(&signature, error);
    json_decref(signature.pandas);
    return status;
}
