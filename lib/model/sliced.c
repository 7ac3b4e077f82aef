/* SPDX-License-Identifier: Apache-2.0 */
/* sliced.c - from the model's trees to questions, nodes and leaves. */
#include "model/cpu.h"
#include "model/sliced_state.h"

#include <stdlib.h>
#include <string.h>

enum { FEW_RECORDS = 256 };

struct compiling {
    const Chw__Trees *trees;
    struct sliced *out;
    uint32_t *order; /* the model's node at each of `below` */
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

static bool are_deep(const Chw__Trees *trees)
{
    for (size_t i = 0; i < trees->n_trees; i++)
        if (depth_below(trees->trees[i], 0, SLICED_DEPTH_MAX) > SLICED_DEPTH_MAX)
            return true;
    return false;
}

/* ---- trees ---- */

/* Gives the children of an inner node their place below. */
static struct sliced_node node_of(struct compiling *self, const Chw__Tree *tree,
                                  uint32_t node)
{
    uint32_t left = self->out->below_count;
    if (tree->left[node] == 0)
        return (struct sliced_node){.value = tree->threshold[node]};
    self->order[left] = tree->left[node];
    self->order[left + 1] = tree->right[node];
    self->out->below_count += 2;
    return (struct sliced_node){questions_plane(self->out->questions, tree, node),
                                {left}};
}

static void lay_out_below(struct compiling *self, const Chw__Tree *tree,
                          const uint32_t *cut, uint32_t cut_count,
                          struct sliced_node *places)
{
    struct sliced *out = self->out;
    uint32_t at = out->below_count;
    for (uint32_t i = 0; i < cut_count; i++)
        places[i] = node_of(self, tree, cut[i]);
    for (; at < out->below_count; at++)
        out->below[at] = node_of(self, tree, self->order[at]);
}

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
        self->out->nodes[to->first_node + place] =
            leaf ? 0 : SLICED_STEP * questions_plane(self->out->questions, tree, node);
        at[2 * place + 1] = leaf ? node : tree->left[node];
        at[2 * place + 2] = leaf ? node : tree->right[node];
    }
    if (self->out->deep)
        lay_out_below(self, tree, at + places, places + 1,
                      self->out->places + to->first_leaf);
    for (uint32_t leaf = 0; !self->out->deep && leaf <= places; leaf++)
        self->out->leaves[to->first_leaf + leaf] = tree->threshold[at[places + leaf]];
}

/* Fewer leaves than places repeat. */
static void split_leaves(const float *leaves, uint32_t depth, uint8_t *tables)
{
    uint32_t places = depth <= SLICED_SHALLOW ? 1U << SLICED_SHALLOW : SLICED_LEAVES_MAX;
    for (uint32_t i = 0; i < places; i++) {
        uint32_t bits;
        memcpy(&bits, &leaves[i & ((1U << depth) - 1)], sizeof bits);
        for (uint32_t byte = 0; byte < sizeof bits; byte++)
            tables[byte * places + i] = (uint8_t)(bits >> (8 * byte));
    }
}

/* Where each tree's nodes and leaves lie. */
static void place_trees(struct compiling *self)
{
    struct sliced *out = self->out;
    out->shallow = true;
    for (uint32_t i = 0; i < out->tree_count; i++) {
        struct sliced_tree *tree = &out->trees[i];
        uint32_t found = depth_below(self->trees->trees[i], 0, SLICED_DEPTH_MAX);
        uint32_t depth = found < SLICED_DEPTH_MAX ? found : SLICED_DEPTH_MAX;
        *tree = (struct sliced_tree){out->node_count, out->leaf_count, out->byte_count,
                                     (uint8_t)depth};
        out->node_count += (1U << depth) - 1;
        out->leaf_count += 1U << depth;
        out->byte_count +=
            4U << (depth <= SLICED_SHALLOW ? SLICED_SHALLOW : SLICED_DEPTH_MAX);
        out->shallow = out->shallow && depth <= SLICED_SHALLOW;
    }
}

/* Of leaves or, where trees are cut, of what takes their place. */
static bool make_room(struct compiling *self)
{
    struct sliced *out = self->out;
    out->nodes = calloc(out->node_count + 1UL, sizeof *out->nodes);
    if (!out->deep) {
        out->leaves = calloc(out->leaf_count, sizeof *out->leaves);
        out->leaf_bytes = aligned_alloc(64, out->byte_count);
        return out->nodes != NULL && out->leaves != NULL && out->leaf_bytes != NULL;
    }
    size_t nodes = 0;
    for (size_t i = 0; i < self->trees->n_trees; i++)
        nodes += self->trees->trees[i]->n_left;
    self->order = calloc(nodes, sizeof *self->order);
    out->places = calloc(out->leaf_count, sizeof *out->places);
    out->below = calloc(nodes, sizeof *out->below);
    return out->nodes != NULL && self->order != NULL && out->places != NULL &&
           out->below != NULL;
}

/* Not all nodes are below. */
static void give_back_room(struct sliced *out)
{
    struct sliced_node *less =
        realloc(out->below, (out->below_count + 1UL) * sizeof *out->below);
    out->below = less == NULL ? out->below : less;
}

static bool make_trees(struct compiling *self)
{
    struct sliced *out = self->out;
    out->tree_count = (uint32_t)self->trees->n_trees;
    out->trees = calloc(out->tree_count, sizeof *out->trees);
    if (out->trees == NULL)
        return false;
    place_trees(self);
    if (!make_room(self))
        return false;
    for (uint32_t i = 0; i < out->tree_count; i++) {
        const struct sliced_tree *tree = &out->trees[i];
        lay_out(self, self->trees->trees[i], tree);
        if (out->deep)
            continue;
        split_leaves(out->leaves + tree->first_leaf, tree->depth,
                     out->leaf_bytes + tree->first_byte);
    }
    if (out->deep)
        give_back_room(out);
    return true;
}

/* ---- the kernel ---- */

static void free_sliced(void *compiled)
{
    struct sliced *self = compiled;
    if (self == NULL)
        return;
    questions_free(self->questions);
    free(self->trees);
    free(self->nodes);
    free(self->places);
    free(self->below);
    free(self->leaves);
    free(self->leaf_bytes);
    free(self);
}

static size_t bytes(const void *compiled)
{
    const struct sliced *self = compiled;
    size_t leaves = self->deep
                        ? self->leaf_count * sizeof *self->places +
                              self->below_count * sizeof *self->below
                        : self->leaf_count * sizeof *self->leaves + self->byte_count;
    return sizeof *self + questions_bytes(self->questions) +
           self->tree_count * sizeof *self->trees +
           self->node_count * sizeof *self->nodes + leaves;
}

static enum status compile_trees(const struct model *model, const struct part *part,
                                 bool deep, void **out)
{
    *out = NULL;
    if (part->trees == NULL || are_deep(part->trees) != deep)
        return STATUS_OK;
    struct sliced *self = calloc(1, sizeof *self);
    if (self == NULL)
        return STATUS_NOMEM;
    enum status status = questions_new(model, part->trees, &self->questions);
    if (status != STATUS_OK || self->questions == NULL)
        goto end;
    self->deep = deep;
    if (deep && self->questions->count > SLICED_BELOW_QUESTIONS_MAX)
        goto end;
    struct compiling compiling = {part->trees, self, NULL};
    bool made = make_trees(&compiling);
    free(compiling.order);
    if (made) {
        *out = self;
        return STATUS_OK;
    }
    status = STATUS_NOMEM;
end:
    free_sliced(self);
    return status;
}

static enum status compile(const struct model *model, const struct part *part, void **out)
{
    return compile_trees(model, part, false, out);
}

static enum status compile_deep(const struct model *model, const struct part *part,
                                void **out)
{
    return compile_trees(model, part, true, out);
}

static void release(void *run)
{
    struct sliced_run *self = run;
    answers_free(self->answers);
    free(self);
}

static enum status prepare(const void *compiled, const struct binding *binding,
                           void **out)
{
    const struct sliced *sliced = compiled;
    struct sliced_run *self = calloc(1, sizeof *self);
    if (self == NULL)
        return STATUS_NOMEM;
    self->compiled = sliced;
    self->answers = answers_new(sliced->questions, binding);
    if (self->answers == NULL) {
        free(self);
        return STATUS_NOMEM;
    }
    *out = self;
    return STATUS_OK;
}

/* ---- ways ---- */

static bool always(void)
{
    return true;
}

#if defined(__x86_64__)

const struct sliced_way sliced_ways[] = {
    {cpu_has_avx512, FEW_RECORDS, sliced_block_avx512_few},
    {cpu_has_avx512, KERNEL_BLOCK, sliced_block_avx512},
    {cpu_has_avx2, KERNEL_BLOCK, sliced_block_avx2},
    {always, KERNEL_BLOCK, sliced_block_portable},
};

#else

const struct sliced_way sliced_ways[] = {{always, KERNEL_BLOCK, sliced_block_portable}};

#endif

const size_t sliced_way_count = sizeof sliced_ways / sizeof sliced_ways[0];

static void block(void *run, uint32_t first, uint32_t count, double *margins)
{
    const struct sliced_way *way = sliced_ways;
    while (count > way->records_max || !way->supported())
        way++;
    way->block(run, first, count, margins);
}

const struct kernel_type kernel_sliced = {
    .name = "bit-sliced trees",
    .rows_min = 12, /* below, a block costs more than walks do */
    .compile = compile,
    .free = free_sliced,
    .bytes = bytes,
    .prepare = prepare,
    .release = release,
    .block = block,
};

const struct kernel_type kernel_sliced_deep = {
    .name = "bit-sliced and walked trees",
    .rows_min = 40,
    .compile = compile_deep,
    .free = free_sliced,
    .bytes = bytes,
    .prepare = prepare,
    .release = release,
    .block = block,
};
