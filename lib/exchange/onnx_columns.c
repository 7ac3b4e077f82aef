/* SPDX-License-Identifier: Apache-2.0 */
/* onnx_columns.c - operators before the estimator: from columns to columns. */
#include "exchange/onnx_graph.h"

#include <math.h>
#include <string.h>

static enum status put_columns(struct onnx_graph *self, const onnx_node *node,
                               struct onnx_column *columns, size_t count,
                               struct error_text *error)
{
    return onnx_put(
        self, node, 0,
        (struct onnx_value){.type = ONNX_COLUMNS, .columns = columns, .count = count},
        error);
}

static enum status copy_columns(struct onnx_graph *self, const struct onnx_value *value,
                                struct onnx_column **out, struct error_text *error)
{
    enum status status = onnx_alloc(self, value->count, sizeof **out, out, error);
    if (status == STATUS_OK && value->count > 0)
        memcpy(*out, value->columns, value->count * sizeof **out);
    return status;
}

/* One number for each column, or one for all. */
static enum status each_of(const onnx_node *node, const char *name,
                           const struct onnx_floats *list, size_t columns,
                           struct error_text *error)
{
    if (list->count == columns || list->count == 1)
        return STATUS_OK;
    return onnx_refuse(node, error, "%s has %zu numbers for %zu columns", name,
                       list->count, columns);
}

static float of_column(const struct onnx_floats *list, size_t column)
{
    return (float)onnx_number(list, list->count == 1 ? 0 : column);
}

/* ---- Imputer, Scaler ---- */

enum status onnx_impute(struct onnx_graph *self, const onnx_node *node,
                        struct error_text *error)
{
    static const char *const known[] = {"imputed_value_floats", "replaced_value_float"};
    const struct onnx_value *value;
    struct onnx_column *columns;
    float replaced = 0;
    struct onnx_floats imputed = onnx_get_floats(node, known[0]);
    enum status status = ONNX_KNOW(node, known, error);
    if (status == STATUS_OK)
        status = onnx_need_columns(self, node, 0, &value, error);
    if (status == STATUS_OK)
        status = each_of(node, known[0], &imputed, value->count, error);
    if (status == STATUS_OK)
        status = copy_columns(self, value, &columns, error);
    if (status != STATUS_OK)
        return status;
    onnx_get_float(node, known[1], &replaced);
    if (!isnan(replaced))
        return onnx_refuse(node, error,
                           "it replaces %g: only what is missing is replaced",
                           (double)replaced);
    for (size_t i = 0; i < value->count; i++) {
        if (columns[i].kind != ONNX_NUMBER || columns[i].imputed || columns[i].scaled)
            return onnx_refuse(node, error, "column %zu is no number as it was given", i);
        columns[i].imputed = true;
        columns[i].impute = of_column(&imputed, i);
    }
    return put_columns(self, node, columns, value->count, error);
}

enum status onnx_scale(struct onnx_graph *self, const onnx_node *node,
                       struct error_text *error)
{
    static const char *const known[] = {"offset", "scale"};
    const struct onnx_value *value;
    struct onnx_column *columns;
    struct onnx_floats offset = onnx_get_floats(node, known[0]);
    struct onnx_floats scale = onnx_get_floats(node, known[1]);
    enum status status = ONNX_KNOW(node, known, error);
    if (status == STATUS_OK)
        status = onnx_need_columns(self, node, 0, &value, error);
    if (status == STATUS_OK)
        status = each_of(node, known[0], &offset, value->count, error);
    if (status == STATUS_OK)
        status = each_of(node, known[1], &scale, value->count, error);
    if (status == STATUS_OK)
        status = copy_columns(self, value, &columns, error);
    if (status != STATUS_OK)
        return status;
    for (size_t i = 0; i < value->count; i++) {
        if (columns[i].kind != ONNX_NUMBER || columns[i].scaled)
            return onnx_refuse(node, error, "column %zu is no number that is unscaled",
                               i);
        columns[i].scaled = true;
        columns[i].offset = of_column(&offset, i);
        columns[i].scale = of_column(&scale, i);
    }
    return put_columns(self, node, columns, value->count, error);
}

/* ---- categories ---- */

/* A column that is an input as it was given. */
static bool is_plain(const struct onnx_column *column)
{
    return column->kind == ONNX_CATEGORY ||
           (column->kind == ONNX_NUMBER && !column->imputed && !column->scaled);
}

static enum status one_category(struct onnx_graph *self, const onnx_node *node,
                                const struct onnx_value **value, struct error_text *error)
{
    enum status status = onnx_need_columns(self, node, 0, value, error);
    if (status == STATUS_OK && ((*value)->count != 1 || !is_plain((*value)->columns)))
        status = onnx_refuse(node, error,
                             "it has %zu columns, expected one, of a category as it was "
                             "given",
                             (*value)->count);
    return status;
}

enum status onnx_one_hot(struct onnx_graph *self, const onnx_node *node,
                         struct error_text *error)
{
    static const char *const known[] = {"cats_strings", "cats_int64s", "zeros"};
    const struct onnx_value *value;
    struct onnx_column *columns = NULL;
    size_t texts = onnx_get_texts(node, known[0]).count;
    size_t count = texts + onnx_get_ints(node, known[1]).count;
    enum status status = ONNX_KNOW(node, known, error);
    if (status == STATUS_OK)
        status = one_category(self, node, &value, error);
    if (status == STATUS_OK && (count == 0 || (texts > 0 && texts != count)))
        status = onnx_refuse(node, error, "it has no categories, or of both kinds");
    if (status == STATUS_OK)
        status = onnx_alloc(self, count, sizeof *columns, &columns, error);
    if (status != STATUS_OK)
        return status;
    for (size_t i = 0; i < count; i++)
        columns[i] = (struct onnx_column){.kind = ONNX_INDICATOR,
                                          .input = value->columns[0].input,
                                          .encoder = node,
                                          .category = (uint32_t)i};
    return put_columns(self, node, columns, count, error);
}

/* A category's index, as an ordinal encoder gives it. */
static bool counts_up(const onnx_node *node, size_t keys)
{
    struct onnx_ints ints = onnx_get_ints(node, "values_int64s");
    struct onnx_floats floats = onnx_get_floats(node, "values_floats");
    if (ints.count + floats.count != keys || keys == 0)
        return false;
    for (size_t i = 0; i < keys; i++)
        if (ints.count > 0 ? ints.items[i] != (int64_t)i
                           : onnx_number(&floats, i) != (double)i)
            return false;
    return true;
}

enum status onnx_label(struct onnx_graph *self, const onnx_node *node,
                       struct error_text *error)
{
    static const char *const known[] = {
        "keys_strings",  "keys_int64s",   "values_int64s",  "values_floats",
        "default_int64", "default_float", "default_string", "values_strings"};
    const struct onnx_value *value;
    struct onnx_column *column;
    size_t keys =
        onnx_get_texts(node, known[0]).count + onnx_get_ints(node, known[1]).count;
    enum status status = ONNX_KNOW(node, known, error);
    if (status == STATUS_OK)
        status = one_category(self, node, &value, error);
    if (status == STATUS_OK && !counts_up(node, keys))
        status = onnx_refuse(node, error, "its values are not 0, 1, 2 ... in order");
    if (status == STATUS_OK)
        status = onnx_alloc(self, 1, sizeof *column, &column, error);
    if (status != STATUS_OK)
        return status;
    *column = (struct onnx_column){
        .kind = ONNX_CODE, .input = value->columns[0].input, .encoder = node};
    return put_columns(self, node, column, 1, error);
}

/* ---- shapes ---- */

static enum status count_all(const struct onnx_graph *self, const onnx_node *node,
                             enum onnx_value_type *type, size_t *count,
                             struct error_text *error)
{
    *count = 0;
    for (size_t i = 0; i < node->n_input; i++) {
        const struct onnx_value *value = onnx_find(self, node->input[i]);
        if (value == NULL || (i > 0 && value->type != *type) ||
            (value->type != ONNX_COLUMNS && value->type != ONNX_SCORES))
            return onnx_refuse(node, error, "input %zu cannot be joined", i);
        *type = value->type;
        *count += value->count;
        if (*count > EXCHANGE_INPUTS_MAX)
            return error_set(error, STATUS_FULL, "more than %d columns",
                             EXCHANGE_INPUTS_MAX);
    }
    return STATUS_OK;
}

enum status onnx_concat(struct onnx_graph *self, const onnx_node *node,
                        struct error_text *error)
{
    static const char *const known[] = {"axis"};
    struct onnx_value out = {.type = ONNX_COLUMNS};
    int64_t axis = 1;
    onnx_get_int(node, known[0], &axis);
    enum status status = ONNX_KNOW(node, known, error);
    if (status == STATUS_OK && axis != 1 && axis != -1)
        status = onnx_refuse(node, error, "axis %lld joins records", (long long)axis);
    if (status == STATUS_OK)
        status = count_all(self, node, &out.type, &out.count, error);
    bool columns = out.type == ONNX_COLUMNS;
    if (status == STATUS_OK)
        status =
            columns
                ? onnx_alloc(self, out.count, sizeof *out.columns, &out.columns, error)
                : onnx_alloc(self, out.count, sizeof *out.scores, &out.scores, error);
    size_t at = 0;
    for (size_t i = 0; status == STATUS_OK && i < node->n_input; i++) {
        const struct onnx_value *value = onnx_find(self, node->input[i]);
        if (columns)
            memcpy(out.columns + at, value->columns, value->count * sizeof *out.columns);
        else
            memcpy(out.scores + at, value->scores, value->count * sizeof *out.scores);
        out.classes = out.classes || value->classes || (!columns && node->n_input > 1);
        out.labels = value->labels;
        if (value->combination != ONNX_APART && node->n_input > 1)
            return onnx_refuse(node, error, "scores that belong together are split");
        at += value->count;
    }
    return status == STATUS_OK ? onnx_put(self, node, 0, out, error) : status;
}

/* Whole numbers stay what they are as floats, and the other way round. */
static bool may_cast(const struct onnx_graph *self, const struct onnx_column *column,
                     int64_t to)
{
    const struct onnx_input *input = &self->inputs[column->input];
    if (to == ONNX_FLOAT || to == ONNX_DOUBLE)
        return column->kind != ONNX_CATEGORY;
    bool whole =
        input->whole || column->kind == ONNX_INDICATOR || column->kind == ONNX_CODE;
    if (to == ONNX_INT64 || to == ONNX_INT32)
        return whole || is_plain(column);
    return to == ONNX_STRING && is_plain(column) && (input->text || whole);
}

enum status onnx_cast(struct onnx_graph *self, const onnx_node *node,
                      struct error_text *error)
{
    static const char *const known[] = {"to", "saturate"};
    int64_t to = 0;
    onnx_get_int(node, known[0], &to);
    enum status status = ONNX_KNOW(node, known, error);
    const struct onnx_value *value =
        onnx_find(self, node->n_input > 0 ? node->input[0] : "");
    if (status == STATUS_OK && value == NULL)
        status = onnx_refuse(node, error, "its input is not known");
    if (status != STATUS_OK)
        return status;
    for (size_t i = 0; value->type == ONNX_COLUMNS && i < value->count; i++)
        if (!may_cast(self, &value->columns[i], to))
            return onnx_refuse(node, error, "column %zu cannot become type %lld", i,
                               (long long)to);
    if (value->type == ONNX_SCORES && to != ONNX_FLOAT && to != ONNX_DOUBLE)
        return onnx_refuse(node, error, "scores cannot become type %lld", (long long)to);
    return onnx_put(self, node, 0, *value, error);
}

/* A shape of [records, columns as before]. */
static enum status check_shape(const struct onnx_graph *self, const onnx_node *node,
                               size_t count, struct error_text *error)
{
    const Chw__Onnx__Tensor *shape;
    if (node->op_type == NULL || strcmp(node->op_type, "Reshape") != 0)
        return STATUS_OK;
    enum status status = onnx_need_constant(self, node, 1, &shape, error);
    if (status != STATUS_OK)
        return status;
    size_t dims = onnx_tensor_count(shape);
    double last = dims > 0 ? onnx_tensor_number(shape, dims - 1) : 0;
    bool same = dims == 2 && (last == (double)count || last == -1) &&
                onnx_tensor_number(shape, 0) != 1;
    if (same || (count == 1 && dims <= 2))
        return STATUS_OK;
    return onnx_refuse(node, error, "it changes what a record is");
}

enum status onnx_same(struct onnx_graph *self, const onnx_node *node,
                      struct error_text *error)
{
    static const char *const known[] = {"axis", "axes", "allowzero"};
    const struct onnx_value *value =
        onnx_find(self, node->n_input > 0 ? node->input[0] : "");
    enum status status = ONNX_KNOW(node, known, error);
    if (status == STATUS_OK && value == NULL)
        status = onnx_refuse(node, error, "its input is not known");
    if (status == STATUS_OK && value->type != ONNX_CONSTANT)
        status = check_shape(self, node, value->count, error);
    return status == STATUS_OK ? onnx_put(self, node, 0, *value, error) : status;
}

/* Those of a value's columns or scores that a constant names. */
static enum status select_from(struct onnx_graph *self, const onnx_node *node,
                               const struct onnx_value *value, struct error_text *error)
{
    const Chw__Onnx__Tensor *indexes;
    enum status status = onnx_need_constant(self, node, 1, &indexes, error);
    if (status != STATUS_OK)
        return status;
    struct onnx_value out = *value;
    bool columns = value->type == ONNX_COLUMNS;
    out.count = onnx_tensor_count(indexes);
    if (value->combination != ONNX_APART)
        return onnx_refuse(node, error, "scores that belong together are split");
    status = columns
                 ? onnx_alloc(self, out.count, sizeof *out.columns, &out.columns, error)
                 : onnx_alloc(self, out.count, sizeof *out.scores, &out.scores, error);
    for (size_t i = 0; status == STATUS_OK && i < out.count; i++) {
        double index = onnx_tensor_number(indexes, i);
        if (!(index >= 0 && index < (double)value->count))
            return onnx_refuse(node, error, "index %g of %zu", index, value->count);
        if (columns)
            out.columns[i] = value->columns[(size_t)index];
        else
            out.scores[i] = value->scores[(size_t)index];
    }
    return status == STATUS_OK ? onnx_put(self, node, 0, out, error) : status;
}

enum status onnx_select(struct onnx_graph *self, const onnx_node *node,
                        struct error_text *error)
{
    const struct onnx_value *value =
        onnx_find(self, node->n_input > 0 ? node->input[0] : "");
    if (value == NULL)
        return onnx_refuse(node, error, "its input is not known");
    if (value->type == ONNX_CONSTANT)
        return onnx_refuse(node, error, "a selection of constants is not supported");
    return select_from(self, node, value, error);
}

enum status onnx_gather(struct onnx_graph *self, const onnx_node *node,
                        struct error_text *error)
{
    static const char *const known[] = {"axis"};
    int64_t axis = 0;
    onnx_get_int(node, known[0], &axis);
    enum status status = ONNX_KNOW(node, known, error);
    if (status == STATUS_OK && axis != 1 && axis != -1)
        status = onnx_refuse(node, error, "axis %lld picks records", (long long)axis);
    return status == STATUS_OK ? onnx_select(self, node, error) : status;
}
