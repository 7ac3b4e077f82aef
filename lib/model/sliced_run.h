/* SPDX-License-Identifier: Apache-2.0 */
/* sliced_run.h - answers -> per tree: path planes -> leaf indexes -> leaves, added in
 * tree order; compiled for each width of planes by sliced_portable.c, sliced_avx2.c and
 * sliced_avx512.c, which set SLICED_BLOCK_NAME and define besides what answers_run.h asks
 * for
 *
 *   plane choose(right, if_right, if_left)
 *   void add_leaves(run, count, sums)     tree after tree; `sums` has room for
 *                                         PLANE_RECORDS, and those from `count` on may
 *                                         be anything
 *
 * the last by find_leaf() and add_leaves_by_byte(), if they like. */

#include "model/answers_run.h"
#include "model/plane_index.h"
#include "model/sliced_state.h"

/* ---- the path through a tree ---- */

/* The answer at the node of one level that the path above (path[0] the nearest) leads to:
 * nodes of the left half first. */
static inline __attribute__((always_inline)) plane
node0(const plane *answers, const uint32_t *nodes, const plane *path)
{
    const char *at = (const char *)answers;
    (void)path;
    return *(const plane *)(const void *)(at + nodes[0] * (sizeof(plane) / SLICED_STEP));
}

#define NODE(level, above)                                                               \
    static inline __attribute__((always_inline))                                         \
    plane node##level(const plane *answers, const uint32_t *nodes, const plane *path)    \
    {                                                                                    \
        plane left = node##above(answers, nodes, path + 1);                              \
        plane right = node##above(answers, nodes + (1 << above), path + 1);              \
        return choose(path[0], right, left);                                             \
    }
NODE(1, 0)
NODE(2, 1)
NODE(3, 2)
NODE(4, 3)
NODE(5, 4)
NODE(6, 5)
NODE(7, 6)
#undef NODE

/* path[0] is the root's answer, path[depth - 1] the last. */
#define STEP(level) path[level] = node##level(answers, nodes + (1 << (level)) - 1, path);
#define WALK(depth, steps)                                                               \
    static void walk##depth(const plane *answers, const uint32_t *nodes, plane *path)    \
    {                                                                                    \
        steps                                                                            \
    }
WALK(1, STEP(0))
WALK(2, STEP(0) STEP(1))
WALK(3, STEP(0) STEP(1) STEP(2))
WALK(4, STEP(0) STEP(1) STEP(2) STEP(3))
WALK(5, STEP(0) STEP(1) STEP(2) STEP(3) STEP(4))
WALK(6, STEP(0) STEP(1) STEP(2) STEP(3) STEP(4) STEP(5))
WALK(7, STEP(0) STEP(1) STEP(2) STEP(3) STEP(4) STEP(5) STEP(6))
WALK(8, STEP(0) STEP(1) STEP(2) STEP(3) STEP(4) STEP(5) STEP(6) STEP(7))
#undef WALK
#undef STEP

static void walk0(const plane *answers, const uint32_t *nodes, plane *path)
{
    (void)answers;
    (void)nodes;
    (void)path;
}

/* The planes of the leaf's index, the lowest bit first; 8 of them. */
static void find_leaf(const struct sliced_run *self, const struct sliced_tree *tree,
                      plane *index)
{
    static void (*const walks[])(const plane *, const uint32_t *, plane *) = {
        walk0, walk1, walk2, walk3, walk4, walk5, walk6, walk7, walk8};
    plane path[SLICED_DEPTH_MAX];
    walks[tree->depth](self->answers->planes, self->compiled->nodes + tree->first_node,
                       path);
    for (unsigned i = 0; i < SLICED_DEPTH_MAX; i++)
        index[i] = i < tree->depth ? path[tree->depth - 1 - i] : (plane){0};
}

/* ---- leaves ---- */

/* Leaves looked up one by one. */
static inline void add_leaves_by_byte(const struct sliced_run *self, uint32_t count,
                                      float *sums)
{
    const struct sliced *compiled = self->compiled;
    for (uint32_t i = 0; i < compiled->tree_count; i++) {
        const struct sliced_tree *tree = &compiled->trees[i];
        const float *leaves = compiled->leaves + tree->first_leaf;
        plane index[SLICED_DEPTH_MAX];
        uint8_t bytes[PLANE_RECORDS];
        find_leaf(self, tree, index);
        index_bytes(index, bytes);
        for (uint32_t k = 0; k < count; k++)
            sums[k] += leaves[bytes[k]];
    }
}

/* ---- trees that are cut ---- */

/* The records that are at no leaf after the sliced levels. */
struct walkers {
    struct sliced_node nodes[PLANE_RECORDS]; /* where each record is, walking or not */
    uint16_t records[PLANE_RECORDS];         /* who walks: `count` of them */
    uint32_t count;
};

/* `places` of `count` records: their indexes are `bytes`. */
static inline void set_out(struct walkers *self, const struct sliced_node *places,
                           const uint8_t *bytes, uint32_t count)
{
    self->count = 0;
    for (uint32_t i = 0; i < count; i++) {
        self->nodes[i] = places[bytes[i]];
        self->records[self->count] = (uint16_t)i;
        self->count += self->nodes[i].plane != 0;
    }
}

/* All a level down; who arrives at a leaf stays there. */
static inline void walk_on(struct walkers *self, const struct sliced_node *below,
                           const plane *answers)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < self->count; i++) {
        uint32_t record = self->records[i];
        const struct sliced_node *node = &self->nodes[record];
        bool right = bitmap_test((const uint8_t *)&answers[node->plane], record);
        self->nodes[record] = below[node->left + right];
        self->records[kept] = (uint16_t)record;
        kept += self->nodes[record].plane != 0;
    }
    self->count = kept;
}

static void add_deep_leaves(const struct sliced_run *self, uint32_t count, float *sums)
{
    const struct sliced *compiled = self->compiled;
    struct walkers walkers;
    for (uint32_t i = 0; i < compiled->tree_count; i++) {
        const struct sliced_tree *tree = &compiled->trees[i];
        plane index[SLICED_DEPTH_MAX];
        uint8_t bytes[PLANE_RECORDS];
        find_leaf(self, tree, index);
        index_bytes(index, bytes);
        set_out(&walkers, compiled->places + tree->first_leaf, bytes, count);
        while (walkers.count > 0)
            walk_on(&walkers, compiled->below, self->answers->planes);
        for (uint32_t k = 0; k < count; k++)
            sums[k] += walkers.nodes[k].value;
    }
}

/* ---- a block ---- */

static void add_leaves(const struct sliced_run *self, uint32_t count, float *sums);

static void score_planes(struct sliced_run *self, uint32_t first, uint32_t count,
                         double *margins)
{
    const Chw__Trees *trees = self->compiled->questions->classes->trees;
    bool mean = trees->aggregate == CHW__TREES__AGGREGATE__MEAN;
    _Alignas(64) float sums[PLANE_RECORDS];
    answer_all(self->answers, first, count);
    for (unsigned i = 0; i < PLANE_RECORDS; i++)
        sums[i] = mean ? 0.0F : trees->base_margin;
    if (self->compiled->deep)
        add_deep_leaves(self, count, sums);
    else
        add_leaves(self, count, sums);
    for (uint32_t i = 0; i < count; i++)
        margins[i] = (double)(mean ? trees->base_margin +
                                         sums[i] / (float)self->compiled->tree_count
                                   : sums[i]);
}

void SLICED_BLOCK_NAME(void *run, uint32_t first, uint32_t count, double *margins)
{
    struct sliced_run *self = run;
    for (uint32_t at = 0; at < count; at += PLANE_RECORDS) {
        uint32_t rows = count - at < PLANE_RECORDS ? count - at : PLANE_RECORDS;
        score_planes(self, first + at, rows, margins + at);
    }
}
