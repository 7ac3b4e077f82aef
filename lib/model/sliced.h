/* SPDX-License-Identifier: Apache-2.0 */
/* sliced.h - an ensemble of shallow trees as logic on bit planes: what the compiler
 * (sliced.c) makes and the runner (sliced_run.h) executes. Private to lib/model.
 *
 * A plane has a bit for each of 256 records. Every distinct question of the ensemble
 * ("is input 3 at least 0.5?") is answered once per plane of records, whatever the number
 * of trees that ask it; a tree then selects, level by level, among the planes of its
 * nodes; the planes of the path are the bits of the leaf's index. Nothing is
 * approximated: a value enters as its rank among the thresholds that it is compared with.
 *
 * After bit-sliced evaluation of decision trees and the threshold ranks of QuickScorer
 * (Lucchese et al. 2015). */

#ifndef MODEL_SLICED_H
#define MODEL_SLICED_H

#include "model/kernel.h"

enum {
    SLICED_DEPTH_MAX = 8,
    SLICED_LEAVES_MAX = 1 << SLICED_DEPTH_MAX,
    SLICED_SHALLOW = 6, /* up to this depth a leaf is found in registers */
};

enum sliced_kind {
    SLICED_NEVER,   /* a question that no value answers with yes */
    SLICED_ALWAYS,  /* one that every value does */
    SLICED_ABOVE,   /* is the rank above `operand`? */
    SLICED_IS,      /* is the category `operand`? */
    SLICED_OUTSIDE, /* is the category in none but the set `operand`? */
};

/* What a value enters as. */
enum sliced_classes {
    CLASSES_RANKS,   /* its rank among the thresholds */
    CLASSES_ONE_HOT, /* its category */
    CLASSES_CODES,   /* its category too: the one input is asked for sets */
};

/* Yes means: to the right. */
struct sliced_question {
    uint16_t feature, operand;
    uint8_t kind;       /* enum sliced_kind */
    bool missing_right; /* the answer of a missing value */
};

struct sliced_feature {
    uint32_t first, count; /* its questions */
    enum sliced_classes classes;
    float *thresholds; /* of ranks: ascending, threshold_count of them */
    uint32_t threshold_count;
    /* The bucket of x is (x - low) * scale, held within the buckets; it says how many
     * thresholds lie in the buckets before. NULL: a binary search is better. */
    uint16_t *buckets;
    float low, scale;
    uint32_t bucket_count, bucket_depth; /* most thresholds of one bucket */
    uint16_t small[256];                 /* of ranks: those of the numbers 0 to 255 */
};

struct sliced_tree {
    uint32_t first_node; /* in `nodes`: 2^depth - 1 questions, level by level */
    uint32_t first_leaf; /* in `leaves`: 2^depth values */
    uint8_t depth;
};

struct sliced {
    const struct model *model;
    const Chw__Trees *source;
    struct sliced_feature *features;
    struct sliced_question *questions; /* plane 0 is none of them: all zero */
    uint32_t question_count;
    struct sliced_tree *trees;
    uint32_t tree_count;
    uint32_t *nodes; /* planes: question + 1, or 0 */
    float *leaves;
    uint8_t *leaf_bytes; /* shallow ensembles: 4 planes of bytes for each tree of 64 */
    bool shallow;        /* no tree is deeper than SLICED_SHALLOW */
};

/* How many thresholds are at most x; x is no NaN. */
uint16_t sliced_rank(const struct sliced_feature *self, float x);

/* The classes that a feature's value may have: 0 to this, for CLASSES_RANKS and _CODES.
 */
uint32_t sliced_class_last(const struct sliced_feature *self);

/* Is the category in the set? */
bool sliced_in_set(const struct sliced *self, uint32_t set, uint32_t category);

/* The category or the rank of a cell's value. */
uint16_t sliced_class(const struct sliced_feature *self, const struct feature *feature,
                      float value);

/* Bound to a batch. */
struct sliced_run;
struct sliced_run *sliced_run_new(const struct sliced *compiled,
                                  const struct binding *binding);
void sliced_run_free(struct sliced_run *self);

/* The same, compiled for what every processor has and for AVX2. */
void sliced_block_portable(void *run, uint32_t first, uint32_t count, double *margins);
void sliced_block_avx2(void *run, uint32_t first, uint32_t count, double *margins);

#endif
