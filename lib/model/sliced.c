/* SPDX-License-Identifier: Apache-2.0 */
/* sliced.c - from the model's trees to questions, nodes and leaves. */
#include "model/sliced.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    BUCKETS_MIN = 64,
    BUCKETS_MAX = 4096,
    BUCKET_DEPTH_MAX = 4, /* more thresholds in a bucket: search instead */
    THRESHOLDS_MAX = UINT16_MAX - 1,
    CLASS_LAST = 255, /* of categories */
};

struct compiling {
    const struct model *model;
    const Chw__Trees *trees;
    struct sliced *out;
    uint16_t *feature_of; /* of each input */
    bool too_many;        /* thresholds on one feature, for ranks of 16 bits */
};

/* ---- which models ---- */

static uint32_t depth_below(const Chw__Tree *tree, uint32_t node, uint32_t deepest)
{
    if (tree->left[node] == 0)
        return 0;
    if (deepest == 0)
        return 1; /* too deep already */
    uint32_t left = depth_below(tree, tree->left[node], deepest - 1);
    uint32_t right = depth_below(tree, tree->right[node], deepest - 1);
    return 1 + (left > right ? left : right);
}

static bool is_one_hot(const struct feature *feature)
{
    return feature->source->kind_case == CHW__FEATURE__KIND_CATEGORY &&
           feature->source->category->encoding ==
               CHW__CATEGORY_ENCODING__ENCODING_ONE_HOT;
}

static bool is_shallow_enough(const struct model *model, const Chw__Trees *trees)
{
    if (model->message->n_features > UINT16_MAX || trees->n_sets > UINT16_MAX)
        return false;
    for (size_t i = 0; i < trees->n_trees; i++)
        if (depth_below(trees->trees[i], 0, SLICED_DEPTH_MAX) > SLICED_DEPTH_MAX)
            return false;
    return true;
}

/* ---- thresholds ---- */

static int by_value(const void *a, const void *b)
{
    float one = *(const float *)a, other = *(const float *)b;
    return (one > other) - (one < other);
}

static size_t inner_nodes(const Chw__Trees *trees)
{
    size_t count = 0;
    for (size_t i = 0; i < trees->n_trees; i++)
        for (size_t node = 0; node < trees->trees[i]->n_left; node++)
            count += trees->trees[i]->left[node] != 0;
    return count;
}

/* Every feature's list has room for all thresholds that name it. */
static bool gather_thresholds(struct compiling *self)
{
    struct sliced_feature *features = self->out->features;
    size_t feature_count = self->model->message->n_features;
    for (int pass = 0; pass < 2; pass++) {
        for (size_t f = 0; pass == 1 && f < feature_count; f++) {
            features[f].thresholds =
                calloc(features[f].threshold_count + 1, sizeof(float));
            if (features[f].thresholds == NULL)
                return false;
            features[f].threshold_count = 0;
        }
        for (size_t i = 0; i < self->trees->n_trees; i++) {
            const Chw__Tree *tree = self->trees->trees[i];
            for (size_t node = 0; node < tree->n_left; node++) {
                if (tree->left[node] == 0)
                    continue;
                struct sliced_feature *feature =
                    &features[self->feature_of[tree->input[node]]];
                if (pass == 1)
                    feature->thresholds[feature->threshold_count] = tree->threshold[node];
                feature->threshold_count++;
            }
        }
    }
    return true;
}

static void sort_thresholds(struct sliced_feature *self)
{
    uint32_t kept = 0;
    if (self->threshold_count > 0)
        qsort(self->thresholds, self->threshold_count, sizeof(float), by_value);
    for (uint32_t i = 0; i < self->threshold_count; i++)
        if (kept == 0 || self->thresholds[i] != self->thresholds[kept - 1])
            self->thresholds[kept++] = self->thresholds[i];
    self->threshold_count = kept;
}

/* ---- ranks ---- */

static uint32_t bucket_of(const struct sliced_feature *self, float x)
{
    float at = (x - self->low) * self->scale;
    float last = (float)(self->bucket_count - 1);
    at = at > 0 ? at : 0; /* NaN of infinities: 0 */
    return (uint32_t)(at < last ? at : last);
}

static uint16_t search_rank(const struct sliced_feature *self, float x)
{
    uint32_t low = 0, high = self->threshold_count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        bool above = self->thresholds[middle] <= x;
        low = above ? middle + 1 : low;
        high = above ? high : middle;
    }
    return (uint16_t)low;
}

uint16_t sliced_rank(const struct sliced_feature *self, float x)
{
    if (self->buckets == NULL)
        return search_rank(self, x);
    uint32_t rank = self->buckets[bucket_of(self, x)];
    for (uint32_t i = 0; i < self->bucket_depth; i++)
        rank += rank < self->threshold_count && self->thresholds[rank] <= x;
    return (uint16_t)rank;
}

/* Buckets are right when every threshold falls into one that is not before its rank: the
 * bucket's function never falls, so a value's own bucket then begins at or below its
 * rank. */
static bool fill_buckets(struct sliced_feature *self, uint32_t count)
{
    self->bucket_count = count;
    self->bucket_depth = 0;
    memset(self->buckets, 0, count * sizeof *self->buckets);
    for (uint32_t i = 0; i < self->threshold_count; i++)
        self->buckets[bucket_of(self, self->thresholds[i])]++;
    uint16_t before = 0;
    for (uint32_t i = 0; i < count; i++) {
        uint16_t here = self->buckets[i];
        self->bucket_depth = here > self->bucket_depth ? here : self->bucket_depth;
        self->buckets[i] = before;
        before = (uint16_t)(before + here);
    }
    return self->bucket_depth <= BUCKET_DEPTH_MAX;
}

static bool make_buckets(struct sliced_feature *self)
{
    uint32_t last = self->threshold_count - 1;
    if (self->threshold_count < 4)
        return true;
    float span = self->thresholds[last] - self->thresholds[0];
    self->low = self->thresholds[0];
    self->buckets = calloc(BUCKETS_MAX, sizeof *self->buckets);
    if (self->buckets == NULL)
        return false;
    for (uint32_t count = BUCKETS_MIN; isfinite(span) && count <= BUCKETS_MAX;
         count *= 2) {
        self->scale = (float)(count - 1) / span;
        if (isfinite(self->scale) && fill_buckets(self, count))
            return true;
    }
    free(self->buckets);
    self->buckets = NULL;
    return true;
}

uint16_t sliced_class(const struct sliced_feature *self, const struct feature *feature,
                      float value)
{
    return self->classes == CLASSES_RANKS
               ? sliced_rank(self, kernel_input(feature, value))
               : (uint16_t)value;
}

uint32_t sliced_class_last(const struct sliced_feature *self)
{
    return self->classes == CLASSES_RANKS ? self->threshold_count : CLASS_LAST;
}

bool sliced_in_set(const struct sliced *self, uint32_t set, uint32_t category)
{
    const ProtobufCBinaryData *members = &self->source->sets[set]->members;
    return category / 8 < members->len &&
           (members->data[category / 8] >> category % 8 & 1) != 0;
}

static bool has_set(const Chw__Tree *tree, size_t node)
{
    return tree->n_set != 0 && tree->set[node] != 0 && tree->left[node] != 0;
}

static void choose_classes(struct compiling *self)
{
    struct sliced_feature *features = self->out->features;
    for (size_t i = 0; i < self->model->message->n_features; i++)
        features[i].classes =
            is_one_hot(&self->model->features[i]) ? CLASSES_ONE_HOT : CLASSES_RANKS;
    for (size_t i = 0; i < self->trees->n_trees; i++) {
        const Chw__Tree *tree = self->trees->trees[i];
        for (size_t node = 0; node < tree->n_left; node++)
            if (has_set(tree, node))
                features[self->feature_of[tree->input[node]]].classes = CLASSES_CODES;
    }
}

static bool make_features(struct compiling *self)
{
    size_t count = self->model->message->n_features;
    choose_classes(self);
    if (!gather_thresholds(self))
        return false;
    for (size_t i = 0; i < count; i++) {
        struct sliced_feature *feature = &self->out->features[i];
        sort_thresholds(feature);
        if (feature->classes != CLASSES_RANKS)
            continue;
        self->too_many = self->too_many || feature->threshold_count > THRESHOLDS_MAX;
        if (!make_buckets(feature))
            return false;
        for (uint32_t code = 0; code < 256; code++)
            feature->small[code] =
                sliced_class(feature, &self->model->features[i], (float)code);
    }
    return true;
}

/* ---- questions ---- */

/* Is the code, 0 to CLASS_LAST, not below the threshold? */
static void ask_code(float threshold, struct sliced_question *question)
{
    if (threshold <= 0) {
        question->kind = SLICED_ALWAYS;
    } else if (threshold > CLASS_LAST) {
        question->kind = SLICED_NEVER;
    } else {
        question->kind = SLICED_ABOVE;
        question->operand = (uint16_t)(ceilf(threshold) - 1);
    }
}

static struct sliced_question question_of(const struct compiling *self,
                                          const Chw__Tree *tree, size_t node)
{
    uint32_t input = tree->input[node];
    float threshold = tree->threshold[node];
    uint16_t index = self->feature_of[input];
    const struct sliced_feature *feature = &self->out->features[index];
    struct sliced_question question = {
        .feature = index, .missing_right = tree->default_left.data[node] == 0};
    if (has_set(tree, node)) {
        question.kind = SLICED_OUTSIDE;
        question.operand = (uint16_t)(tree->set[node] - 1);
    } else if (feature->classes == CLASSES_CODES) {
        ask_code(threshold, &question);
    } else if (feature->classes == CLASSES_RANKS) {
        question.kind = SLICED_ABOVE;
        question.operand = (uint16_t)(search_rank(feature, threshold) - 1);
    } else if (threshold <= 0) {
        question.kind = SLICED_ALWAYS; /* neither 0 nor 1 is below it */
    } else if (threshold > 1) {
        question.kind = SLICED_NEVER;
    } else {
        question.kind = SLICED_IS;
        question.operand = (uint16_t)(input - self->model->features[index].first_input);
    }
    return question;
}

static int by_question(const void *a, const void *b)
{
    const struct sliced_question *one = a, *other = b;
    if (one->feature != other->feature)
        return one->feature < other->feature ? -1 : 1;
    if (one->kind != other->kind)
        return one->kind < other->kind ? -1 : 1;
    if (one->operand != other->operand)
        return one->operand < other->operand ? -1 : 1;
    return one->missing_right - other->missing_right;
}

static bool make_questions(struct compiling *self)
{
    struct sliced *out = self->out;
    size_t count = 0;
    out->questions = calloc(inner_nodes(self->trees) + 1, sizeof *out->questions);
    if (out->questions == NULL)
        return false;
    for (size_t i = 0; i < self->trees->n_trees; i++)
        for (size_t node = 0; node < self->trees->trees[i]->n_left; node++)
            if (self->trees->trees[i]->left[node] != 0)
                out->questions[count++] = question_of(self, self->trees->trees[i], node);
    if (count > 0)
        qsort(out->questions, count, sizeof *out->questions, by_question);
    for (size_t i = 0; i < count; i++) {
        uint32_t kept = out->question_count;
        if (kept == 0 || by_question(&out->questions[kept - 1], &out->questions[i]) != 0)
            out->questions[out->question_count++] = out->questions[i];
    }
    for (uint32_t i = out->question_count; i > 0; i--) {
        struct sliced_feature *feature = &out->features[out->questions[i - 1].feature];
        feature->first = i - 1;
        feature->count++;
    }
    return true;
}

static uint32_t plane_of(const struct compiling *self, const Chw__Tree *tree, size_t node)
{
    struct sliced_question question = question_of(self, tree, node);
    const struct sliced_question *found =
        bsearch(&question, self->out->questions, self->out->question_count,
                sizeof question, by_question);
    assert(found != NULL);
    return (uint32_t)(found - self->out->questions) + 1;
}

/* ---- trees ---- */

/* Where a leaf is above the last level, its place below asks nothing (plane 0: left) and
 * leads to the same leaf on both sides. */
static void lay_out(struct compiling *self, const Chw__Tree *tree,
                    const struct sliced_tree *to)
{
    uint32_t at[2 * SLICED_LEAVES_MAX] = {0}; /* the model's node at each place */
    uint32_t places = (1U << to->depth) - 1;
    for (uint32_t place = 0; place < places; place++) {
        uint32_t node = at[place];
        bool leaf = tree->left[node] == 0;
        self->out->nodes[to->first_node + place] = leaf ? 0 : plane_of(self, tree, node);
        at[2 * place + 1] = leaf ? node : tree->left[node];
        at[2 * place + 2] = leaf ? node : tree->right[node];
    }
    for (uint32_t leaf = 0; leaf <= places; leaf++)
        self->out->leaves[to->first_leaf + leaf] = tree->threshold[at[places + leaf]];
}

/* The leaves of a tree as four tables of 64 bytes in groups of 16: bytes 0, 1, 2, 3 of
 * the floats. Fewer leaves repeat. */
static void split_leaves(const float *leaves, uint32_t depth, uint8_t *bytes)
{
    for (uint32_t i = 0; i < 64; i++) {
        uint32_t bits;
        memcpy(&bits, &leaves[i & ((1U << depth) - 1)], sizeof bits);
        for (uint32_t byte = 0; byte < 4; byte++)
            bytes[(i / 16) * 64 + byte * 16 + i % 16] = (uint8_t)(bits >> (8 * byte));
    }
}

static bool make_trees(struct compiling *self)
{
    struct sliced *out = self->out;
    uint32_t nodes = 0, leaves = 0;
    out->tree_count = (uint32_t)self->trees->n_trees;
    out->shallow = true;
    out->trees = calloc(out->tree_count, sizeof *out->trees);
    for (uint32_t i = 0; out->trees != NULL && i < out->tree_count; i++) {
        struct sliced_tree *tree = &out->trees[i];
        uint32_t depth = depth_below(self->trees->trees[i], 0, SLICED_DEPTH_MAX);
        tree->depth = (uint8_t)depth;
        tree->first_node = nodes;
        tree->first_leaf = leaves;
        nodes += (1U << depth) - 1;
        leaves += 1U << depth;
        out->shallow = out->shallow && depth <= SLICED_SHALLOW;
    }
    out->nodes = calloc(nodes + 1, sizeof *out->nodes);
    out->leaves = calloc(leaves + 1, sizeof *out->leaves);
    out->leaf_bytes = aligned_alloc(64, (size_t)out->tree_count * 256);
    if (out->trees == NULL || out->nodes == NULL || out->leaves == NULL ||
        out->leaf_bytes == NULL)
        return false;
    for (uint32_t i = 0; i < out->tree_count; i++) {
        const struct sliced_tree *tree = &out->trees[i];
        lay_out(self, self->trees->trees[i], tree);
        if (out->shallow)
            split_leaves(out->leaves + tree->first_leaf, tree->depth,
                         out->leaf_bytes + (size_t)i * 256);
    }
    return true;
}

/* ---- the kernel ---- */

static void free_sliced(void *compiled)
{
    struct sliced *self = compiled;
    if (self == NULL)
        return;
    for (size_t i = 0; self->features != NULL && i < self->model->message->n_features;
         i++) {
        free(self->features[i].thresholds);
        free(self->features[i].buckets);
    }
    free(self->features);
    free(self->questions);
    free(self->trees);
    free(self->nodes);
    free(self->leaves);
    free(self->leaf_bytes);
    free(self);
}

static bool map_inputs(struct compiling *self)
{
    self->feature_of = calloc(self->model->input_count + 1, sizeof *self->feature_of);
    if (self->feature_of == NULL)
        return false;
    for (size_t i = 0; i < self->model->message->n_features; i++) {
        const struct feature *feature = &self->model->features[i];
        for (uint32_t k = 0; k < feature->input_count; k++)
            self->feature_of[feature->first_input + k] = (uint16_t)i;
    }
    return true;
}

static enum status compile(const struct model *model, const struct part *part, void **out)
{
    *out = NULL;
    if (part->trees == NULL || !is_shallow_enough(model, part->trees))
        return STATUS_OK;
    struct sliced *self = calloc(1, sizeof *self);
    if (self == NULL)
        return STATUS_NOMEM;
    self->model = model;
    self->source = part->trees;
    self->features = calloc(model->message->n_features + 1, sizeof *self->features);
    struct compiling compiling = {model, part->trees, self, NULL, false};
    bool made =
        self->features != NULL && map_inputs(&compiling) && make_features(&compiling) &&
        (compiling.too_many || (make_questions(&compiling) && make_trees(&compiling)));
    free(compiling.feature_of);
    if (made && !compiling.too_many)
        *out = self;
    else
        free_sliced(self);
    return made ? STATUS_OK : STATUS_NOMEM;
}

static enum status prepare(const void *compiled, const struct binding *binding,
                           void **out)
{
    *out = sliced_run_new(compiled, binding);
    return *out == NULL ? STATUS_NOMEM : STATUS_OK;
}

static void release(void *run)
{
    sliced_run_free(run);
}

static void block(void *run, uint32_t first, uint32_t count, double *margins)
{
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx2")) {
        sliced_block_avx2(run, first, count, margins);
        return;
    }
#endif
    sliced_block_portable(run, first, count, margins);
}

const struct kernel_type kernel_sliced = {
    .name = "bit-sliced trees",
    .rows_min = 24, /* below, a block's fixed cost is more than the trees' */
    .compile = compile,
    .free = free_sliced,
    .prepare = prepare,
    .release = release,
    .block = block,
};
