/* SPDX-License-Identifier: Apache-2.0 */
/* sliced.h - an ensemble of shallow trees as logic on bit planes: what the compiler
 * (sliced.c) makes and the runner (sliced_run.h) executes. Private to lib/model.
 *
 * A plane has a bit for each of 256 records, or 512. Every distinct question of the
 * ensemble
 * ("is input 3 at least 0.5?") is answered once per plane of records, whatever the number
 * of trees that ask it; a tree then selects, level by level, among the planes of its
 * nodes; the planes of the path are the bits of the leaf's index. */

#ifndef MODEL_SLICED_H
#define MODEL_SLICED_H

#include "model/classes.h"

enum {
    SLICED_DEPTH_MAX = 8,
    SLICED_LEAVES_MAX = 1 << SLICED_DEPTH_MAX,
    SLICED_SHALLOW = 6, /* up to this depth a leaf is found in registers */
};

/* A feature's questions. */
struct sliced_span {
    uint32_t first, count;
};

struct sliced_tree {
    uint32_t first_node; /* in `nodes`: 2^depth - 1 questions, level by level */
    uint32_t first_leaf; /* in `leaves`: 2^depth values */
    uint32_t first_byte; /* in `leaf_bytes` */
    uint8_t depth;
};

struct sliced {
    struct classes *classes;
    size_t feature_count;
    struct sliced_span *spans;  /* of each feature */
    struct question *questions; /* plane 0 is none of them: all zero */
    uint32_t question_count;
    struct sliced_tree *trees;
    uint32_t tree_count;
    uint32_t *nodes; /* planes: question + 1, or 0 */
    float *leaves;
    uint8_t *leaf_bytes; /* for each tree four tables of 64 or, beyond SLICED_SHALLOW, 256
                          * bytes: bytes 0, 1, 2 and 3 of the floats */
    bool shallow;        /* no tree is deeper than SLICED_SHALLOW */
};

/* Bound to a batch. */
struct sliced_run;
struct sliced_run *sliced_run_new(const struct sliced *compiled,
                                  const struct binding *binding);
void sliced_run_free(struct sliced_run *self);

/* The ways to run it, the best first. */
struct sliced_way {
    bool (*supported)(void); /* by this processor */
    void (*block)(void *run, uint32_t first, uint32_t count, double *margins);
};
extern const struct sliced_way sliced_ways[];
extern const size_t sliced_way_count;

#endif
