/* SPDX-License-Identifier: Apache-2.0 */
/* classes.h - values as small integers that answer every question of an ensemble. Private
 * to lib/model.
 *
 * A tree asks "is x < t?" of few different t. So a number enters a kernel as its rank
 * among the thresholds that it is compared with, a category as its index: its class. Two
 * values of one class take the same path through every tree, and nothing is approximated.
 *
 *   trees   --classes_new-->    classes         (once per part)
 *   column  --class_column_bind--> class_column (once per batch)
 *           --class_column_read--> the classes of a block of records
 *
 * Threshold ranks are those of QuickScorer (Lucchese et al. 2015). */

#ifndef MODEL_CLASSES_H
#define MODEL_CLASSES_H

#include "model/kernel.h"

enum class_kind {
    CLASSES_RANKS,   /* how many thresholds are at most the value */
    CLASSES_ONE_HOT, /* the category */
    CLASSES_CODES,   /* the category too: the one input is asked for sets */
};

struct feature_classes {
    enum class_kind kind;
    float *thresholds; /* of ranks: ascending, threshold_count of them */
    uint32_t threshold_count;
    /* The bucket of x is (x - low) * scale, held within the buckets; it says how many
     * thresholds lie in the buckets before. NULL: a binary search is better. */
    uint16_t *buckets;
    float low, scale;
    uint32_t bucket_count, bucket_depth; /* most thresholds of one bucket */
    uint16_t small[256];                 /* of ranks: those of the numbers 0 to 255 */
};

struct classes {
    const struct model *model;
    const Chw__Trees *trees;
    struct feature_classes *features; /* one per feature of the model */
    uint16_t *feature_of;             /* of each input */
};

/* NULL in *out: a feature has too many thresholds for ranks of 16 bits, or there are too
 * many features or sets. Borrows both. */
MUST_CHECK enum status classes_new(const struct model *model, const Chw__Trees *trees,
                                   struct classes **out);
void classes_free(struct classes *self);
size_t classes_bytes(const struct classes *self);

/* The last class of a feature that is not one-hot; they begin at 0. */
uint32_t classes_last(const struct feature_classes *self);

/* The class of a cell's value, which is no NaN. */
uint16_t classes_of_value(const struct feature_classes *self,
                          const struct feature *feature, float value);

/* The same of `count` inputs of a feature whose classes are ranks. */
void classes_rank(const struct feature_classes *self, const float *inputs, uint32_t count,
                  uint16_t *ranks);

/* ---- questions ---- */

enum question_kind {
    QUESTION_NEVER,   /* one that no value answers with yes */
    QUESTION_ALWAYS,  /* one that every value does */
    QUESTION_ABOVE,   /* is the class above `operand`? */
    QUESTION_IS,      /* is it `operand`? */
    QUESTION_OUTSIDE, /* is it outside the set `operand`? */
};

/* Of an inner node. Yes means: to the right. */
struct question {
    uint16_t feature, operand;
    uint8_t kind;       /* enum question_kind */
    bool missing_right; /* the answer of a missing value */
};

struct question classes_question(const struct classes *self, const Chw__Tree *tree,
                                 size_t node);
bool classes_answer(const struct classes *self, const struct question *question,
                    uint16_t class_);

/* Puts them in order, by feature first, and each once at the beginning: how many. */
uint32_t classes_distinct(struct question *items, size_t count);

/* Where one is that is among those. */
uint32_t classes_find(const struct question *items, uint32_t count,
                      const struct question *question);

bool classes_in_set(const struct classes *self, uint32_t set, uint32_t category);

/* ---- columns ---- */

/* A feature and its column: the classes of what the column's bytes say. */
struct class_column {
    const struct bound_feature *source;
    const struct feature_classes *classes;
    bool simple;           /* no cell is to be looked up by itself */
    bool wide;             /* classes beyond 255 */
    bool absent_missing;   /* no column, and what is missing stays missing */
    uint16_t absent;       /* no column: the class of all */
    uint16_t bits[2];      /* COLUMN_BITMAP */
    const uint16_t *codes; /* COLUMN_CODES: those of numbers, or named */
    uint16_t named[COLUMNS_CATEGORIES_MAX];
};

/* The classes of a block, in two bytes. `high` is not set where the column is not wide.
 * A missing value's class is any. */
struct class_block {
    _Alignas(64) uint8_t low[KERNEL_BLOCK];
    _Alignas(64) uint8_t high[KERNEL_BLOCK];
    uint64_t missing[KERNEL_BLOCK / 64]; /* a set bit: the value stays missing */
};

void class_column_bind(struct class_column *self, const struct bound_feature *source,
                       const struct feature_classes *classes);

/* Cell by cell, for what is not simple or not worth a class_column. */
void class_cells_read(const struct bound_feature *source,
                      const struct feature_classes *classes, uint32_t first,
                      uint32_t count, struct class_block *out);

/* The classes of `count` records; not for an absent column. */
void class_column_read(const struct class_column *self, uint32_t first, uint32_t count,
                       struct class_block *out);

#endif
