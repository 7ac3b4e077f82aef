/* SPDX-License-Identifier: Apache-2.0 */
/* lanes.h - an ensemble of shallow trees with a byte for each node, so that all nodes of
 * a tree are compared at once for one record: what the compiler (kernel_lanes.c) makes
 * and the ways run. Private to lib/model.
 *
 * Every tree is padded to a perfect one: node 1 is the root, and below node n are 2 n
 * and, to the right, 2 n + 1. A record has a byte in each slot (slots.h); node n goes
 * right where the byte in its slot is at least its bound.
 *
 * Three levels are seven nodes, whose answers fit into the index of a table that says
 * where they lead. So the nodes lie in the order of such indexes: byte s of a tree's 64
 * answers has those of the eight trees of three levels below the upper one, and in its
 * last bit one of the upper tree's. */

#ifndef MODEL_LANES_H
#define MODEL_LANES_H

#include "model/slots.h"

enum {
    LANES_DEPTH = 6,
    LANES_NODES = 1 << LANES_DEPTH, /* node 0 is none; leaves as many */
    LANES_HALF = LANES_DEPTH / 2,   /* levels of a table's index */
    LANES_BELOW = 1 << LANES_HALF,  /* trees below the upper one, and leaves of each */
    LANES_PATHS = 1 << (LANES_BELOW - 1),
    LANES_SLOTS_MAX = 256,
    LANES_SLOTS_ROUND = 64, /* a record has room for a multiple of them */
    LANES_TREES_ROUND = 8,  /* trees are a multiple of them, the last ones empty */
};

struct lanes_tree {
    uint8_t slots[LANES_NODES], bounds[LANES_NODES]; /* by place */
};

/* The place of a node of the upper tree, 1 to LANES_BELOW - 1. */
static inline uint32_t lanes_place_above(uint32_t node)
{
    return LANES_BELOW * (LANES_BELOW - node) + LANES_BELOW - 1;
}

/* The place of a node of one of those below it. */
static inline uint32_t lanes_place_below(uint32_t tree, uint32_t node)
{
    return LANES_BELOW * tree + node - 1;
}

struct lanes {
    struct classes *classes;
    struct slots slots;
    uint32_t width; /* bytes of a record: slots.count, rounded up */
    uint32_t tree_count;
    struct lanes_tree *trees;
    float *leaves;              /* LANES_NODES of each tree */
    uint8_t paths[LANES_PATHS]; /* from seven answers to one of eight leaves */
};

/* The ways to run it, the best first. */
struct lanes_way {
    bool (*supported)(void); /* by this processor */
    /* Each record's leaves to its sum, in tree order; its bytes in `values`, one record
     * after the other. */
    void (*add)(const struct lanes *self, const uint8_t *values, uint32_t count,
                float *sums);
};
extern const struct lanes_way lanes_ways[];
extern const size_t lanes_way_count;

void lanes_add_portable(const struct lanes *self, const uint8_t *values, uint32_t count,
                        float *sums);
void lanes_add_avx512(const struct lanes *self, const uint8_t *values, uint32_t count,
                      float *sums);

#endif
