/* SPDX-License-Identifier: Apache-2.0 */
/* onnx_features.c - one feature for each input that is read, in the graph's order. */
#include "exchange/onnx_features.h"

#include "exchange/assemble.h"
#include "exchange/onnx_trees.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { NAME_SIZE = 256 };

enum status onnx_features_open(struct onnx_graph *graph, struct onnx_features *out,
                               struct error_text *error)
{
    *out = (struct onnx_features){.items = NULL};
    return onnx_alloc(graph, graph->input_count, sizeof *out->items, &out->items, error);
}

/* ---- the same treatment ---- */

static bool same_texts(const onnx_node *one, const onnx_node *other, const char *name)
{
    struct onnx_texts a = onnx_get_texts(one, name), b = onnx_get_texts(other, name);
    bool same = a.count == b.count;
    for (size_t i = 0; same && i < a.count; i++)
        same = a.items[i].len == b.items[i].len &&
               memcmp(a.items[i].data, b.items[i].data, a.items[i].len) == 0;
    return same;
}

static bool same_ints(const onnx_node *one, const onnx_node *other, const char *name)
{
    struct onnx_ints a = onnx_get_ints(one, name), b = onnx_get_ints(other, name);
    return a.count == b.count &&
           (a.count == 0 || memcmp(a.items, b.items, a.count * sizeof *a.items) == 0);
}

static bool same_encoder(const onnx_node *one, const onnx_node *other)
{
    int64_t zeros = 1, other_zeros = 1;
    if (one == other || one == NULL || other == NULL)
        return one == other;
    onnx_get_int(one, "zeros", &zeros);
    onnx_get_int(other, "zeros", &other_zeros);
    return zeros == other_zeros && same_texts(one, other, "cats_strings") &&
           same_ints(one, other, "cats_int64s") &&
           same_texts(one, other, "keys_strings") && same_ints(one, other, "keys_int64s");
}

/* Linear weights can make up for another scale, thresholds cannot. */
static bool same_treatment(const struct onnx_column *one, const struct onnx_column *other,
                           bool linear)
{
    bool same_scale = one->scaled == other->scaled && one->offset == other->offset &&
                      one->scale == other->scale;
    return one->kind == other->kind && one->imputed == other->imputed &&
           (!one->imputed || one->impute == other->impute) && (linear || same_scale) &&
           same_encoder(one->encoder, other->encoder);
}

/* ---- noting ---- */

static enum status note_columns(const struct onnx_graph *graph,
                                struct onnx_features *self,
                                const struct onnx_estimator *estimator, bool linear,
                                struct error_text *error)
{
    for (size_t i = 0; i < estimator->column_count; i++) {
        const struct onnx_column *column = &estimator->columns[i];
        struct onnx_feature *feature = &self->items[column->input];
        const char *name = graph->inputs[column->input].name;
        if (column->kind == ONNX_CATEGORY)
            return onnx_refuse(estimator->node, error, "input %.60s is text", name);
        if (feature->used && !same_treatment(&feature->as, column, linear))
            return onnx_refuse(estimator->node, error,
                               "input %.60s is prepared in two ways, which is not "
                               "supported",
                               name);
        if (!feature->used)
            feature->as = *column;
        feature->used = true;
        feature->splits.number = feature->splits.number || linear;
    }
    return STATUS_OK;
}

static enum status note_split(struct onnx_features *self,
                              const struct onnx_estimator *estimator,
                              const struct onnx_forest *forest,
                              const struct onnx_tree_node *node, struct error_text *error)
{
    struct split_set set;
    const struct onnx_column *column = &estimator->columns[node->column];
    struct onnx_feature *feature = &self->items[column->input];
    if (!onnx_asks_category(node)) {
        feature->splits.number = true;
        return STATUS_OK;
    }
    if (column->kind == ONNX_INDICATOR || column->imputed || column->scaled)
        return onnx_refuse(estimator->node, error,
                           "a split asks for a category in column %u, which is none",
                           node->column);
    feature->splits.category = true;
    return onnx_asked_categories(estimator, forest, node, &feature->splits, &set, error);
}

static enum status note_splits(struct onnx_features *self,
                               const struct onnx_estimator *estimator,
                               struct error_text *error)
{
    struct onnx_forest forest;
    enum status status = onnx_forest_read(estimator, &forest, error);
    for (size_t i = 0; status == STATUS_OK && i < forest.node_count; i++)
        if (forest.nodes[i].mode != ONNX_LEAF)
            status = note_split(self, estimator, &forest, &forest.nodes[i], error);
    onnx_forest_reset(&forest);
    return status;
}

enum status onnx_features_note(const struct onnx_graph *graph, struct onnx_features *self,
                               const struct onnx_estimator *estimator,
                               struct error_text *error)
{
    bool linear = !onnx_is_forest(estimator->node);
    self->linear = self->linear || linear;
    enum status status = note_columns(graph, self, estimator, linear, error);
    return status == STATUS_OK && !linear ? note_splits(self, estimator, error) : status;
}

/* ---- features ---- */

/* Of text or whole numbers. */
static enum status add_keys(const onnx_node *encoder, const char *texts_name,
                            const char *ints_name, Chw__Category *category,
                            struct error_text *error)
{
    struct onnx_texts texts = onnx_get_texts(encoder, texts_name);
    struct onnx_ints ints = onnx_get_ints(encoder, ints_name);
    size_t count = texts.count + ints.count;
    char name[NAME_SIZE];
    if (count == 0 || count > EXCHANGE_CATEGORIES_MAX)
        return onnx_refuse(encoder, error, "%zu categories, expected 1 to %d", count,
                           EXCHANGE_CATEGORIES_MAX);
    for (size_t i = 0; i < count; i++) {
        int length = texts.count > 0
                         ? snprintf(name, sizeof name, "%.*s", (int)texts.items[i].len,
                                    (const char *)texts.items[i].data)
                         : snprintf(name, sizeof name, "%" PRId64, ints.items[i]);
        if (length <= 0 || (size_t)length >= sizeof name ||
            (texts.count > 0 && (size_t)length != texts.items[i].len))
            return onnx_refuse(encoder, error,
                               "the name of category %zu is not supported: expected text "
                               "of 1 to %d bytes",
                               i, NAME_SIZE - 1);
        if (!assemble_category_name(category, name))
            return STATUS_NOMEM;
    }
    return STATUS_OK;
}

static enum status add_codes(uint32_t count, Chw__Category *category)
{
    char name[16];
    for (uint32_t i = 0; i < count; i++) {
        snprintf(name, sizeof name, "%u", i);
        if (!assemble_category_name(category, name))
            return STATUS_NOMEM;
    }
    return STATUS_OK;
}

/* One that is none of them, or missing, is 0 in all indicators, where the encoder allows
 * it. */
static enum status add_indicators(const struct onnx_feature *self, Chw__Feature *feature,
                                  struct error_text *error)
{
    int64_t zeros = 1;
    onnx_get_int(self->as.encoder, "zeros", &zeros);
    feature->category->encoding = CHW__CATEGORY_ENCODING__ENCODING_ONE_HOT;
    feature->category->unknown =
        zeros ? CHW__UNKNOWN_POLICY__UNKNOWN_OTHER : CHW__UNKNOWN_POLICY__UNKNOWN_INVALID;
    feature->missing =
        zeros ? CHW__MISSING_POLICY__MISSING_OTHER : CHW__MISSING_POLICY__MISSING_INVALID;
    return add_keys(self->as.encoder, "cats_strings", "cats_int64s", feature->category,
                    error);
}

/* Number or code as it is: NaN goes where the trees send it. */
static Chw__MissingPolicy missing_as_it_is(const struct onnx_features *self,
                                           const struct onnx_input *input)
{
    return self->linear || input->whole ? CHW__MISSING_POLICY__MISSING_INVALID
                                        : CHW__MISSING_POLICY__MISSING_KEEP;
}

static void describe_number(const struct onnx_features *self,
                            const struct onnx_input *input, const struct onnx_column *as,
                            Chw__Feature *feature)
{
    feature->missing =
        as->imputed ? CHW__MISSING_POLICY__MISSING_IMPUTE : missing_as_it_is(self, input);
    feature->numeric->impute = as->impute;
    feature->numeric->single = as->scaled;
    feature->numeric->center = as->scaled ? (double)as->offset : 0;
    feature->numeric->scale = as->scaled ? (double)as->scale : 1;
}

static enum status add_feature(const struct onnx_features *self,
                               const struct onnx_input *input,
                               const struct onnx_feature *use, Chw__Model *model,
                               struct error_text *error)
{
    bool codes = use->as.kind == ONNX_NUMBER && use->splits.category;
    if (codes && use->splits.number)
        return error_set(
            error, STATUS_INVALID,
            "input %.60s is compared with thresholds and looked for in sets, "
            "which is not supported",
            input->name);
    bool number = use->as.kind == ONNX_NUMBER && !codes;
    Chw__Feature *feature = number ? assemble_numeric(model, input->name)
                                   : assemble_category(model, input->name);
    if (feature == NULL)
        return STATUS_NOMEM;
    if (number)
        describe_number(self, input, &use->as, feature);
    if (number)
        return STATUS_OK;
    if (use->as.kind == ONNX_INDICATOR)
        return add_indicators(use, feature, error);
    if (codes) {
        feature->missing = missing_as_it_is(self, input);
        return add_codes(use->splits.codes, feature->category);
    }
    feature->category->unknown = CHW__UNKNOWN_POLICY__UNKNOWN_INVALID;
    return add_keys(use->as.encoder, "keys_strings", "keys_int64s", feature->category,
                    error);
}

enum status onnx_features_add(const struct onnx_graph *graph, struct onnx_features *self,
                              Chw__Model *model, struct error_text *error)
{
    enum status status = STATUS_OK;
    for (size_t i = 0; status == STATUS_OK && i < graph->input_count; i++) {
        struct onnx_feature *use = &self->items[i];
        if (!use->used)
            continue;
        status = add_feature(self, &graph->inputs[i], use, model, error);
        if (status != STATUS_OK)
            return status;
        const Chw__Feature *feature = model->features[model->n_features - 1];
        use->first = (uint32_t)self->input_count;
        self->input_count +=
            use->as.kind == ONNX_INDICATOR ? feature->category->n_names : 1;
        if (self->input_count > EXCHANGE_INPUTS_MAX)
            status =
                error_set(error, STATUS_FULL, "more than %d inputs", EXCHANGE_INPUTS_MAX);
    }
    return status;
}

uint32_t onnx_features_place(const struct onnx_features *self,
                             const struct onnx_column *column)
{
    uint32_t first = self->items[column->input].first;
    return column->kind == ONNX_INDICATOR ? first + column->category : first;
}
