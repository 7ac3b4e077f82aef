/* SPDX-License-Identifier: Apache-2.0 */
/* sliced.h - an ensemble of trees as logic on bit planes: what the compiler (sliced.c)
 * makes and the runner (sliced_run.h) executes. Private to lib/model.
 *
 * All distinct questions of the ensemble are answered for a plane of records; a tree then
 * selects, level by level, among the planes of its nodes; the planes of the path are the
 * bits of the leaf's index.
 *
 * A tree deeper than that is cut at SLICED_DEPTH_MAX levels: the index is that of a
 * place, a leaf or a node that goes on below. The records that go on, and only these,
 * walk down from there, reading their answers from the planes. */

#ifndef MODEL_SLICED_H
#define MODEL_SLICED_H

#include "model/questions.h"

enum {
    SLICED_DEPTH_MAX = 8,
    SLICED_LEAVES_MAX = 1 << SLICED_DEPTH_MAX,
    SLICED_SHALLOW = 6, /* up to this depth a leaf is found in registers */
    SLICED_BELOW_QUESTIONS_MAX = 16384, /* 1 MiB of planes, for the cache */
    SLICED_STEP = 32, /* bytes of the narrowest plane: found without a shift */
};

/* Of a tree that may be cut: at the places of its last level, and below. */
struct sliced_node {
    uint32_t plane; /* of its question; 0: a leaf */
    union {
        uint32_t left; /* in `below`; the right child is the next one */
        float value;   /* of a leaf */
    };
};

struct sliced_tree {
    uint32_t first_node; /* in `nodes`: 2^depth - 1 questions, level by level */
    uint32_t first_leaf; /* in `leaves` or `places`: 2^depth of them */
    uint32_t first_byte; /* in `leaf_bytes` */
    uint8_t depth;
};

struct sliced {
    struct questions *questions;
    struct sliced_tree *trees;
    uint32_t tree_count, node_count, leaf_count, byte_count, below_count;
    uint32_t *nodes; /* planes of questions, times SLICED_STEP; 0: none */
    bool deep;       /* some trees are cut: `places` and `below`, else `leaves` */
    struct sliced_node *places, *below;
    float *leaves;
    uint8_t *leaf_bytes; /* for each tree four tables of 64 or, beyond SLICED_SHALLOW, 256
                          * bytes: bytes 0, 1, 2 and 3 of the floats */
    bool shallow;        /* no tree is deeper than SLICED_SHALLOW */
};

/* The ways to run it, the best first. */
struct sliced_way {
    bool (*supported)(void); /* by this processor */
    uint32_t records_max;    /* for more another is better */
    void (*block)(void *run, uint32_t first, uint32_t count, double *margins);
};
extern const struct sliced_way sliced_ways[];
extern const size_t sliced_way_count;

#endif
