/* SPDX-License-Identifier: Apache-2.0 */
/* classes.c - the thresholds of an ensemble, ranks among them, and its questions. */
#include "model/classes.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    BUCKETS_MIN = 64,
    BUCKETS_MAX = 4096,
    BUCKET_DEPTH_MAX = 4, /* more thresholds in a bucket: search instead */
    THRESHOLDS_MAX = UINT16_MAX - 1,
    CATEGORY_LAST = 255,
};

/* ---- which kind ---- */

static bool is_one_hot(const struct feature *feature)
{
    return feature->source->kind_case == CHW__FEATURE__KIND_CATEGORY &&
           feature->source->category->encoding ==
               CHW__CATEGORY_ENCODING__ENCODING_ONE_HOT;
}

static bool has_set(const Chw__Tree *tree, size_t node)
{
    return tree->n_set != 0 && tree->set[node] != 0 && tree->left[node] != 0;
}

static bool map_inputs(struct classes *self)
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

static void choose_kinds(struct classes *self)
{
    for (size_t i = 0; i < self->model->message->n_features; i++)
        self->features[i].kind =
            is_one_hot(&self->model->features[i]) ? CLASSES_ONE_HOT : CLASSES_RANKS;
    for (size_t i = 0; i < self->trees->n_trees; i++) {
        const Chw__Tree *tree = self->trees->trees[i];
        for (size_t node = 0; node < tree->n_left; node++)
            if (has_set(tree, node))
                self->features[self->feature_of[tree->input[node]]].kind = CLASSES_CODES;
    }
}

/* ---- thresholds ---- */

static int by_value(const void *a, const void *b)
{
    float one = *(const float *)a, other = *(const float *)b;
    return (one > other) - (one < other);
}

typedef void threshold_fn(struct feature_classes *feature, float threshold);

static void count_threshold(struct feature_classes *feature, float threshold)
{
    (void)threshold;
    feature->threshold_count++;
}

static void append_threshold(struct feature_classes *feature, float threshold)
{
    feature->thresholds[feature->threshold_count++] = threshold;
}

static void for_each_threshold(struct classes *self, threshold_fn *fn)
{
    for (size_t i = 0; i < self->trees->n_trees; i++) {
        const Chw__Tree *tree = self->trees->trees[i];
        for (size_t node = 0; node < tree->n_left; node++) {
            if (tree->left[node] == 0)
                continue;
            struct feature_classes *feature =
                &self->features[self->feature_of[tree->input[node]]];
            if (feature->kind == CLASSES_RANKS)
                fn(feature, tree->threshold[node]);
        }
    }
}

/* Ascending, each once; behind the last a NaN, which no value is at least. */
static void sort_thresholds(struct feature_classes *self)
{
    uint32_t kept = 0;
    if (self->threshold_count > 0)
        qsort(self->thresholds, self->threshold_count, sizeof(float), by_value);
    for (uint32_t i = 0; i < self->threshold_count; i++)
        if (kept == 0 || self->thresholds[i] != self->thresholds[kept - 1])
            self->thresholds[kept++] = self->thresholds[i];
    self->threshold_count = kept;
    self->thresholds[kept] = NAN;
}

static bool gather_thresholds(struct classes *self)
{
    size_t count = self->model->message->n_features;
    for_each_threshold(self, count_threshold);
    for (size_t i = 0; i < count; i++) {
        struct feature_classes *feature = &self->features[i];
        feature->thresholds = calloc((size_t)feature->threshold_count + 1, sizeof(float));
        if (feature->thresholds == NULL)
            return false;
        feature->threshold_count = 0;
    }
    for_each_threshold(self, append_threshold);
    for (size_t i = 0; i < count; i++)
        sort_thresholds(&self->features[i]);
    return true;
}

/* ---- ranks ---- */

static uint32_t bucket_of(const struct feature_classes *self, float x)
{
    float at = (x - self->low) * self->scale;
    float last = (float)(self->bucket_count - 1);
    at = at > 0 ? at : 0; /* NaN of infinities: 0 */
    return (uint32_t)(int32_t)(at < last ? at : last);
}

static uint16_t search_rank(const struct feature_classes *self, float x)
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

/* How many thresholds are at most x. */
static uint16_t rank_of(const struct feature_classes *self, float x)
{
    if (self->buckets == NULL)
        return search_rank(self, x);
    uint32_t rank = self->buckets[bucket_of(self, x)];
    for (uint32_t i = 0; i < self->bucket_depth; i++)
        rank += self->thresholds[rank] <= x;
    return (uint16_t)rank;
}

/* The buckets of all first, which a compiler does several at a time. */
void classes_rank(const struct feature_classes *self, const float *inputs, uint32_t count,
                  uint16_t *ranks)
{
    for (uint32_t i = 0; self->buckets == NULL && i < count; i++)
        ranks[i] = search_rank(self, inputs[i]);
    if (self->buckets == NULL)
        return;
    uint32_t buckets[KERNEL_BLOCK];
    for (uint32_t i = 0; i < count; i++)
        buckets[i] = bucket_of(self, inputs[i]);
    for (uint32_t i = 0; i < count; i++)
        ranks[i] = self->buckets[buckets[i]];
    for (uint32_t k = 0; k < self->bucket_depth; k++)
        for (uint32_t i = 0; i < count; i++)
            ranks[i] = (uint16_t)(ranks[i] + (self->thresholds[ranks[i]] <= inputs[i]));
}

/* Buckets are right when every threshold falls into one that is not before its rank: the
 * bucket's function never falls, so a value's own bucket then begins at or below its
 * rank. */
static uint32_t fill_buckets(struct feature_classes *self, uint32_t count)
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
    return self->bucket_depth;
}

static bool make_buckets(struct feature_classes *self)
{
    uint32_t last = self->threshold_count - 1;
    if (self->threshold_count < 4)
        return true;
    float span = self->thresholds[last] - self->thresholds[0];
    self->low = self->thresholds[0];
    self->buckets = calloc(BUCKETS_MAX, sizeof *self->buckets);
    if (self->buckets == NULL)
        return false;
    for (uint32_t depth = 1; isfinite(span) && depth <= BUCKET_DEPTH_MAX; depth++)
        for (uint32_t count = BUCKETS_MIN; count <= BUCKETS_MAX; count *= 2) {
            self->scale = (float)(count - 1) / span;
            if (isfinite(self->scale) && fill_buckets(self, count) <= depth)
                return true;
        }
    free(self->buckets);
    self->buckets = NULL;
    return true;
}

static bool make_ranks(struct classes *self)
{
    for (size_t i = 0; i < self->model->message->n_features; i++) {
        struct feature_classes *feature = &self->features[i];
        if (feature->kind != CLASSES_RANKS)
            continue;
        if (!make_buckets(feature))
            return false;
        for (uint32_t code = 0; code < 256; code++)
            feature->small[code] =
                classes_of_value(feature, &self->model->features[i], (float)code);
    }
    return true;
}

uint16_t classes_of_value(const struct feature_classes *self,
                          const struct feature *feature, float value)
{
    return self->kind == CLASSES_RANKS ? rank_of(self, kernel_input(feature, value))
                                       : (uint16_t)value;
}

uint32_t classes_last(const struct feature_classes *self)
{
    return self->kind == CLASSES_RANKS ? self->threshold_count : CATEGORY_LAST;
}

/* ---- life ---- */

static bool ranks_fit(const struct classes *self)
{
    for (size_t i = 0; i < self->model->message->n_features; i++)
        if (self->features[i].threshold_count > THRESHOLDS_MAX)
            return false;
    return true;
}

enum status classes_new(const struct model *model, const Chw__Trees *trees,
                        struct classes **out)
{
    *out = NULL;
    if (model->message->n_features > UINT16_MAX || trees->n_sets > UINT16_MAX)
        return STATUS_OK;
    struct classes *self = calloc(1, sizeof *self);
    if (self == NULL)
        return STATUS_NOMEM;
    self->model = model;
    self->trees = trees;
    self->features = calloc(model->message->n_features + 1, sizeof *self->features);
    if (self->features == NULL || !map_inputs(self))
        goto no_memory;
    choose_kinds(self);
    if (!gather_thresholds(self))
        goto no_memory;
    if (!ranks_fit(self)) {
        classes_free(self);
        return STATUS_OK;
    }
    if (!make_ranks(self))
        goto no_memory;
    *out = self;
    return STATUS_OK;
no_memory:
    classes_free(self);
    return STATUS_NOMEM;
}

void classes_free(struct classes *self)
{
    if (self == NULL)
        return;
    for (size_t i = 0; self->features != NULL && i < self->model->message->n_features;
         i++) {
        free(self->features[i].thresholds);
        free(self->features[i].buckets);
    }
    free(self->features);
    free(self->feature_of);
    free(self);
}

size_t classes_bytes(const struct classes *self)
{
    size_t features = self->model->message->n_features;
    size_t sum = sizeof *self + features * sizeof *self->features +
                 self->model->input_count * sizeof *self->feature_of;
    for (size_t i = 0; i < features; i++) {
        const struct feature_classes *feature = &self->features[i];
        sum += feature->threshold_count * sizeof *feature->thresholds;
        sum += feature->buckets == NULL ? 0 : BUCKETS_MAX * sizeof *feature->buckets;
    }
    return sum;
}

/* ---- questions ---- */

/* Is the code, 0 to CATEGORY_LAST, not below the threshold? */
static void ask_code(float threshold, struct question *question)
{
    if (threshold <= 0) {
        question->kind = QUESTION_ALWAYS;
    } else if (threshold > CATEGORY_LAST) {
        question->kind = QUESTION_NEVER;
    } else {
        question->kind = QUESTION_ABOVE;
        question->operand = (uint16_t)(ceilf(threshold) - 1);
    }
}

/* Is the input of the category `index`, which is 0 or 1, not below the threshold? */
static void ask_one_hot(float threshold, uint32_t index, struct question *question)
{
    if (threshold <= 0) {
        question->kind = QUESTION_ALWAYS;
    } else if (threshold > 1) {
        question->kind = QUESTION_NEVER;
    } else {
        question->kind = QUESTION_IS;
        question->operand = (uint16_t)index;
    }
}

struct question classes_question(const struct classes *self, const Chw__Tree *tree,
                                 size_t node)
{
    uint32_t input = tree->input[node];
    float threshold = tree->threshold[node];
    uint16_t index = self->feature_of[input];
    const struct feature_classes *feature = &self->features[index];
    struct question question = {.feature = index,
                                .missing_right = tree->default_left.data[node] == 0};
    if (has_set(tree, node)) {
        question.kind = QUESTION_OUTSIDE;
        question.operand = (uint16_t)(tree->set[node] - 1);
    } else if (feature->kind == CLASSES_CODES) {
        ask_code(threshold, &question);
    } else if (feature->kind == CLASSES_ONE_HOT) {
        ask_one_hot(threshold, input - self->model->features[index].first_input,
                    &question);
    } else {
        question.kind = QUESTION_ABOVE;
        question.operand = (uint16_t)(search_rank(feature, threshold) - 1);
    }
    return question;
}

static int by_question(const void *a, const void *b)
{
    const struct question *one = a, *other = b;
    if (one->feature != other->feature)
        return one->feature < other->feature ? -1 : 1;
    if (one->kind != other->kind)
        return one->kind < other->kind ? -1 : 1;
    if (one->operand != other->operand)
        return one->operand < other->operand ? -1 : 1;
    return one->missing_right - other->missing_right;
}

uint32_t classes_distinct(struct question *items, size_t count)
{
    uint32_t kept = 0;
    if (count > 0)
        qsort(items, count, sizeof *items, by_question);
    for (size_t i = 0; i < count; i++)
        if (kept == 0 || by_question(&items[kept - 1], &items[i]) != 0)
            items[kept++] = items[i];
    return kept;
}

uint32_t classes_find(const struct question *items, uint32_t count,
                      const struct question *question)
{
    const struct question *found =
        bsearch(question, items, count, sizeof *items, by_question);
    assert(found != NULL);
    return (uint32_t)(found - items);
}

bool classes_in_set(const struct classes *self, uint32_t set, uint32_t category)
{
    const ProtobufCBinaryData *members = &self->trees->sets[set]->members;
    return category / 8 < members->len &&
           (members->data[category / 8] >> category % 8 & 1) != 0;
}

bool classes_answer(const struct classes *self, const struct question *question,
                    uint16_t class_)
{
    switch ((enum question_kind)question->kind) {
    case QUESTION_ABOVE:
        return class_ > question->operand;
    case QUESTION_IS:
        return class_ == question->operand;
    case QUESTION_OUTSIDE:
        return !classes_in_set(self, question->operand, class_);
    case QUESTION_ALWAYS:
        return true;
    case QUESTION_NEVER:
        break;
    }
    return false;
}
