/* SPDX-License-Identifier: Apache-2.0 */
/* build.c - protobuf-c structs from an arena. */
#include "tests/lib/build.h"

#include <stdlib.h>
#include <string.h>

struct block {
    struct block *next;
    max_align_t bytes[];
};

static struct block *blocks;

void *build_alloc(size_t size)
{
    struct block *block = calloc(1, sizeof *block + size);
    if (block == NULL)
        abort();
    block->next = blocks;
    blocks = block;
    return block->bytes;
}

void build_reset(void)
{
    while (blocks != NULL) {
        struct block *block = blocks;
        blocks = block->next;
        free(block);
    }
}

static void *copy(const void *bytes, size_t size)
{
    void *to = build_alloc(size);
    if (size > 0)
        memcpy(to, bytes, size);
    return to;
}

static char *copy_text(const char *text)
{
    return copy(text, strlen(text) + 1);
}

/* Append to a list of pointers by making a longer one. */
static void *append(void *items, size_t *count, void *item)
{
    void **longer = build_alloc((*count + 1) * sizeof item);
    if (*count > 0)
        memcpy(longer, items, *count * sizeof item);
    longer[(*count)++] = item;
    return longer;
}

static char **split(const char *names, size_t *count)
{
    char **items = NULL;
    *count = 0;
    if (names == NULL)
        return NULL;
    for (;;) {
        size_t size = strcspn(names, ",");
        char *item = build_alloc(size + 1);
        memcpy(item, names, size);
        items = append(items, count, item);
        if (names[size] == '\0')
            return items;
        names += size + 1;
    }
}

uint8_t *build_pack(const ProtobufCMessage *message, size_t *size)
{
    *size = protobuf_c_message_get_packed_size(message);
    uint8_t *bytes = build_alloc(*size);
    protobuf_c_message_pack(message, bytes);
    return bytes;
}

ProtobufCBinaryData build_bytes(const void *bytes, size_t size)
{
    return (ProtobufCBinaryData){size, copy(bytes, size)};
}

/* ---- batches ---- */

Chw__Batch *build_batch(uint32_t rows)
{
    Chw__Batch *batch = build_alloc(sizeof *batch);
    chw__batch__init(batch);
    batch->rows = rows;
    return batch;
}

static Chw__Column *add_column(Chw__Batch *batch, const char *name,
                               Chw__Column__ValuesCase kind)
{
    Chw__Column *column = build_alloc(sizeof *column);
    chw__column__init(column);
    column->name = copy_text(name);
    column->values_case = kind;
    batch->columns = append(batch->columns, &batch->n_columns, column);
    return column;
}

Chw__Column *build_floats(Chw__Batch *batch, const char *name, const float *values,
                          size_t count)
{
    Chw__Column *column = add_column(batch, name, CHW__COLUMN__VALUES_FLOATS);
    column->floats = build_alloc(sizeof *column->floats);
    chw__floats__init(column->floats);
    column->floats->n_values = count;
    column->floats->values = copy(values, count * sizeof values[0]);
    return column;
}

Chw__Column *build_codes(Chw__Batch *batch, const char *name, const uint8_t *codes,
                         size_t count, const char *names)
{
    Chw__Column *column = add_column(batch, name, CHW__COLUMN__VALUES_CODES);
    column->codes = build_alloc(sizeof *column->codes);
    chw__codes__init(column->codes);
    column->codes->codes = build_bytes(codes, count);
    column->codes->categories = split(names, &column->codes->n_categories);
    return column;
}

Chw__Column *build_bitmap(Chw__Batch *batch, const char *name, const uint8_t *bits,
                          size_t size, const char *names)
{
    Chw__Column *column = add_column(batch, name, CHW__COLUMN__VALUES_BITMAP);
    column->bitmap = build_alloc(sizeof *column->bitmap);
    chw__bitmap__init(column->bitmap);
    column->bitmap->bits = build_bytes(bits, size);
    column->bitmap->categories = split(names, &column->bitmap->n_categories);
    return column;
}

/* ---- models ---- */

static Chw__Model *new_model(Chw__Model__EstimatorCase kind)
{
    Chw__Model *model = build_alloc(sizeof *model);
    chw__model__init(model);
    model->format = 1;
    model->name = copy_text("chd");
    model->link = CHW__LINK__LINK_LOGISTIC;
    model->estimator_case = kind;
    return model;
}

Chw__Model *build_linear(double intercept, const float *weights, size_t count)
{
    Chw__Model *model = new_model(CHW__MODEL__ESTIMATOR_LINEAR);
    model->linear = build_alloc(sizeof *model->linear);
    chw__linear__init(model->linear);
    model->linear->intercept = intercept;
    model->linear->n_weights = count;
    model->linear->weights = copy(weights, count * sizeof weights[0]);
    return model;
}

Chw__Model *build_trees(float base_margin)
{
    Chw__Model *model = new_model(CHW__MODEL__ESTIMATOR_TREES);
    model->trees = build_alloc(sizeof *model->trees);
    chw__trees__init(model->trees);
    model->trees->base_margin = base_margin;
    return model;
}

static Chw__Feature *add_feature(Chw__Model *model, const char *name,
                                 Chw__Feature__KindCase kind)
{
    Chw__Feature *feature = build_alloc(sizeof *feature);
    chw__feature__init(feature);
    feature->name = copy_text(name);
    feature->kind_case = kind;
    model->features = append(model->features, &model->n_features, feature);
    return feature;
}

Chw__Feature *build_numeric(Chw__Model *model, const char *name, double center,
                            double scale)
{
    Chw__Feature *feature = add_feature(model, name, CHW__FEATURE__KIND_NUMERIC);
    feature->numeric = build_alloc(sizeof *feature->numeric);
    chw__numeric__init(feature->numeric);
    feature->numeric->center = center;
    feature->numeric->scale = scale;
    return feature;
}

Chw__Feature *build_category(Chw__Model *model, const char *name, const char *names)
{
    Chw__Feature *feature = add_feature(model, name, CHW__FEATURE__KIND_CATEGORY);
    feature->category = build_alloc(sizeof *feature->category);
    chw__category__init(feature->category);
    feature->category->names = split(names, &feature->category->n_names);
    return feature;
}

Chw__Tree *build_tree(Chw__Model *model, const struct build_node *nodes, size_t count)
{
    Chw__Tree *tree = build_alloc(sizeof *tree);
    chw__tree__init(tree);
    tree->n_input = tree->n_threshold = tree->n_left = tree->n_right = count;
    tree->input = build_alloc(count * sizeof tree->input[0]);
    tree->threshold = build_alloc(count * sizeof tree->threshold[0]);
    tree->left = build_alloc(count * sizeof tree->left[0]);
    tree->right = build_alloc(count * sizeof tree->right[0]);
    tree->default_left = (ProtobufCBinaryData){count, build_alloc(count)};
    for (size_t i = 0; i < count; i++) {
        tree->input[i] = nodes[i].input;
        tree->threshold[i] = nodes[i].threshold;
        tree->left[i] = nodes[i].left;
        tree->right[i] = nodes[i].right;
        tree->default_left.data[i] = nodes[i].default_left;
    }
    model->trees->trees = append(model->trees->trees, &model->trees->n_trees, tree);
    return tree;
}

void build_golden(Chw__Model *model, Chw__Batch *batch, const float *probabilities,
                  size_t count)
{
    model->golden = build_alloc(sizeof *model->golden);
    chw__golden__init(model->golden);
    model->golden->batch = batch;
    model->golden->n_probabilities = count;
    model->golden->probabilities = copy(probabilities, count * sizeof probabilities[0]);
}
