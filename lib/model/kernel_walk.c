/* SPDX-License-Identifier: Apache-2.0 */
/* kernel_walk.c - trees of any depth: eight records walk down a tree side by side,
 * without a branch that depends on them, so that the processor waits for many nodes at
 * once. A node goes right where the value in its slot is at least its bound (slots.h); a
 * leaf leads to itself. */
#include "model/layout.h"
#include "model/slots.h"

#include <stdlib.h>
#include <string.h>

enum {
    LANES = 8,
    LANES_MAX = 16, /* of one record's trees */
    STEPS = 4,      /* between two looks at whether all have arrived */
    DEPTH_FEW = 8,  /* steps are not worth a look */
    SLOTS_MAX = 4096,
    SLOT_RANGE = UINT16_MAX - 2, /* values of 16 bits */
};

struct node {
    uint16_t slot, bound;
    uint32_t left; /* the right child is the next one */
};

struct walk {
    struct classes *classes;
    struct slots slots;       /* slot 0 is none of them: always 0 */
    struct node *nodes;       /* of all trees; a tree's children are near each other */
    float *values;            /* of leaves, by node */
    uint32_t *roots, *depths; /* of each tree */
    uint32_t tree_count;
    size_t node_count;
};

struct walk_run {
    const struct walk *compiled;
    struct class_column *columns;
    uint16_t *values; /* of each slot 2^shift: room for a block, or for a small batch */
    unsigned shift;
    struct class_block block;
};

/* ---- nodes ---- */

static size_t count_nodes(const Chw__Trees *trees)
{
    size_t count = 0;
    for (size_t i = 0; i < trees->n_trees; i++)
        count += trees->trees[i]->n_left;
    return count;
}

static struct node inner_node(const struct walk *self, const Chw__Tree *tree,
                              uint32_t node, uint32_t left)
{
    struct question question = classes_question(self->classes, tree, node);
    return (struct node){(uint16_t)(slots_find(&self->slots, &question) + 1),
                         slots_bound(&self->slots, &question), left};
}

/* Level by level, from `next` on. `queue` has room for the tree's nodes and becomes the
 * order in which they lie. */
static uint32_t lay_out(struct walk *self, const Chw__Tree *tree, uint32_t next,
                        uint32_t *queue, uint32_t *depth)
{
    uint32_t root = next, count = 1, level_end = 1;
    queue[0] = 0;
    *depth = 0;
    for (uint32_t at = 0; at < count; at++) {
        uint32_t node = queue[at];
        if (at == level_end) {
            level_end = count;
            ++*depth;
        }
        self->values[root + at] = tree->threshold[node];
        if (tree->left[node] == 0) {
            self->nodes[root + at] = (struct node){0, 1, root + at};
            continue;
        }
        self->nodes[root + at] = inner_node(self, tree, node, root + count);
        queue[count++] = tree->left[node];
        queue[count++] = tree->right[node];
    }
    return root + count;
}

static bool make_nodes(struct walk *self, const Chw__Trees *trees)
{
    size_t count = self->node_count = count_nodes(trees);
    uint32_t next = 0;
    uint32_t *queue = calloc(count, sizeof *queue);
    self->nodes = calloc(count, sizeof *self->nodes);
    self->values = calloc(count, sizeof *self->values);
    self->roots = calloc(trees->n_trees, sizeof *self->roots);
    self->depths = calloc(trees->n_trees, sizeof *self->depths);
    bool made = queue != NULL && self->nodes != NULL && self->values != NULL &&
                self->roots != NULL && self->depths != NULL;
    for (size_t i = 0; made && i < trees->n_trees; i++) {
        self->roots[i] = next;
        next = lay_out(self, trees->trees[i], next, queue, &self->depths[i]);
    }
    self->tree_count = (uint32_t)trees->n_trees;
    free(queue);
    return made;
}

/* ---- the kernel ---- */

static void free_walk(void *compiled)
{
    struct walk *self = compiled;
    if (self == NULL)
        return;
    classes_free(self->classes);
    slots_release(&self->slots);
    free(self->nodes);
    free(self->values);
    free(self->roots);
    free(self->depths);
    free(self);
}

static size_t bytes(const void *compiled)
{
    const struct walk *self = compiled;
    return sizeof *self + classes_bytes(self->classes) +
           self->slots.count * sizeof *self->slots.items +
           self->node_count * (sizeof *self->nodes + sizeof *self->values) +
           self->tree_count * (sizeof *self->roots + sizeof *self->depths);
}

/* They take less time for shallow trees. */
static bool has_lanes(const struct part *part)
{
    return part->kernel_count > 0 &&
           part->kernels[part->kernel_count - 1].type == &kernel_lanes;
}

static enum status compile(const struct model *model, const struct part *part, void **out)
{
    *out = NULL;
    if (part->trees == NULL || has_lanes(part))
        return STATUS_OK;
    struct walk *self = calloc(1, sizeof *self);
    if (self == NULL)
        return STATUS_NOMEM;
    enum status status = classes_new(model, part->trees, &self->classes);
    if (status != STATUS_OK || self->classes == NULL)
        goto end;
    status = STATUS_NOMEM;
    if (!slots_make(&self->slots, self->classes, part->trees, SLOT_RANGE))
        goto end;
    status = STATUS_OK;
    if (self->slots.count > SLOTS_MAX)
        goto end;
    if (make_nodes(self, part->trees)) {
        *out = self;
        return STATUS_OK;
    }
    status = STATUS_NOMEM;
end:
    free_walk(self);
    return status;
}

/* Room for so many records, LANES or more. */
static unsigned shift_for(uint32_t rows)
{
    unsigned shift = 3;
    while (1U << shift < rows && 1U << shift < KERNEL_BLOCK)
        shift++;
    return shift;
}

static enum status prepare(const void *compiled, const struct binding *binding,
                           void **out)
{
    const struct walk *walk = compiled;
    size_t features = binding->model->message->n_features, size = 0;
    unsigned shift = shift_for(binding->rows);
    size_t value_count = ((size_t)walk->slots.count + 1) << shift;
    layout_add(&size, sizeof(struct walk_run));
    size_t columns = layout_add(&size, features * sizeof(struct class_column));
    size_t values = layout_add(&size, value_count * sizeof(uint16_t));
    char *block = layout_alloc(size);
    if (block == NULL)
        return STATUS_NOMEM;
    struct walk_run *self = (struct walk_run *)(void *)block;
    self->compiled = walk;
    self->shift = shift;
    self->columns = (struct class_column *)(void *)(block + columns);
    self->values = (uint16_t *)(void *)(block + values);
    memset(self->values, 0, value_count * sizeof self->values[0]);
    for (size_t i = 0; i < features; i++)
        class_column_bind(&self->columns[i], &binding->features[i],
                          &walk->classes->features[i]);
    *out = self;
    return STATUS_OK;
}

/* ---- a block: values ---- */

static void fill_absent(const struct walk_run *self, const struct question *slot,
                        uint32_t count, uint16_t *values)
{
    const struct class_column *column = &self->columns[slot->feature];
    const struct slots *slots = &self->compiled->slots;
    uint16_t value = column->absent_missing ? slots_missing(slots, slot)
                                            : slots_value(slots, slot, column->absent);
    for (uint32_t i = 0; i < count; i++)
        values[i] = value;
}

static void fill_slot(const struct walk_run *self, const struct question *slot,
                      uint32_t count, uint16_t *values)
{
    const struct slots *slots = &self->compiled->slots;
    const struct class_block *block = &self->block;
    bool wide = self->columns[slot->feature].wide;
    for (uint32_t i = 0; i < count; i++) {
        uint16_t class_ = (uint16_t)(block->low[i] | (wide ? block->high[i] << 8 : 0));
        values[i] = slots_value(slots, slot, class_);
    }
    for (uint32_t word = 0; 64 * word < count; word++)
        for (uint64_t missing = block->missing[word]; missing != 0;
             missing &= missing - 1)
            values[64 * word + (uint32_t)__builtin_ctzll(missing)] =
                slots_missing(slots, slot);
}

/* The slots of one feature follow each other. */
static void fill_slots(struct walk_run *self, uint32_t first, uint32_t count)
{
    uint32_t read = UINT32_MAX; /* the feature that is in the block */
    for (uint32_t i = 0; i < self->compiled->slots.count; i++) {
        const struct question *slot = &self->compiled->slots.items[i];
        const struct class_column *column = &self->columns[slot->feature];
        uint16_t *values = self->values + ((size_t)(i + 1) << self->shift);
        if (column->source->column == NULL) {
            fill_absent(self, slot, count, values);
            continue;
        }
        if (slot->feature != read)
            class_column_read(column, first, count, &self->block);
        read = slot->feature;
        fill_slot(self, slot, count, values);
    }
}

/* ---- a block: trees ---- */

/* Where the lanes find their values: each `apart` behind those of the one before. */
struct walk_lanes {
    const uint16_t *values;
    unsigned shift, count;
    size_t apart;
};

static inline __attribute__((always_inline)) void
step(const struct node *nodes, const struct walk_lanes *lanes, uint32_t *at)
{
    for (unsigned lane = 0; lane < lanes->count; lane++) {
        const struct node *node = &nodes[at[lane]];
        size_t value = ((size_t)node->slot << lanes->shift) + lanes->apart * lane;
        at[lane] = node->left + (lanes->values[value] >= node->bound);
    }
}

/* Down to the leaves, which are at most `depth` steps away. */
static inline __attribute__((always_inline)) void walk(const struct node *nodes,
                                                       uint32_t depth,
                                                       const struct walk_lanes *lanes,
                                                       uint32_t *at)
{
    uint32_t before[LANES_MAX];
    for (; depth > DEPTH_FEW; depth -= STEPS) {
        for (unsigned i = 0; i < STEPS - 1; i++)
            step(nodes, lanes, at);
        memcpy(before, at, lanes->count * sizeof *at);
        step(nodes, lanes, at);
        if (memcmp(before, at, lanes->count * sizeof *at) == 0)
            return;
    }
    for (; depth > 0; depth--)
        step(nodes, lanes, at);
}

/* One tree, LANES records. */
static void walk_records(const struct walk *self, uint32_t tree, const uint16_t *values,
                         unsigned shift, float *sums)
{
    const struct walk_lanes lanes = {values, shift, LANES, 1};
    uint32_t at[LANES];
    for (unsigned lane = 0; lane < LANES; lane++)
        at[lane] = self->roots[tree];
    walk(self->nodes, self->depths[tree], &lanes, at);
    for (unsigned lane = 0; lane < LANES; lane++)
        sums[lane] += self->values[at[lane]];
}

/* One record, LANES_MAX trees or, at the end, fewer: the others are the last again. */
static void walk_trees(const struct walk *self, uint32_t first, const uint16_t *values,
                       float *sum)
{
    const struct walk_lanes lanes = {values, 0, LANES_MAX, 0};
    uint32_t at[LANES_MAX], depth = 0, count = self->tree_count - first;
    count = count < LANES_MAX ? count : LANES_MAX;
    for (uint32_t lane = 0; lane < LANES_MAX; lane++) {
        uint32_t tree = first + (lane < count ? lane : count - 1);
        at[lane] = self->roots[tree];
        depth = self->depths[tree] > depth ? self->depths[tree] : depth;
    }
    walk(self->nodes, depth, &lanes, at);
    for (uint32_t lane = 0; lane < count; lane++)
        *sum += self->values[at[lane]];
}

/* One record, its values side by side. */
static void walk_alone(const struct walk_run *self, uint32_t at, float *sum)
{
    uint16_t values[SLOTS_MAX + 1];
    for (uint32_t i = 0; i <= self->compiled->slots.count; i++)
        values[i] = self->values[((size_t)i << self->shift) + at];
    for (uint32_t i = 0; i < self->compiled->tree_count; i += LANES_MAX)
        walk_trees(self->compiled, i, values, sum);
}

static void add_leaves(const struct walk_run *self, uint32_t count, float *sums)
{
    const struct walk *compiled = self->compiled;
    uint32_t whole = count - count % LANES;
    for (uint32_t i = 0; i < compiled->tree_count; i++)
        for (uint32_t at = 0; at < whole; at += LANES)
            walk_records(compiled, i, self->values + at, self->shift, sums + at);
    for (uint32_t at = whole; at < count; at++)
        walk_alone(self, at, &sums[at]);
}

static void block(void *run, uint32_t first, uint32_t count, double *margins)
{
    struct walk_run *self = run;
    const struct walk *compiled = self->compiled;
    const Chw__Trees *trees = compiled->classes->trees;
    bool mean = trees->aggregate == CHW__TREES__AGGREGATE__MEAN;
    float sums[KERNEL_BLOCK];
    fill_slots(self, first, count);
    for (uint32_t i = 0; i < count; i++)
        sums[i] = mean ? 0.0F : trees->base_margin;
    add_leaves(self, count, sums);
    for (uint32_t i = 0; i < count; i++)
        margins[i] =
            (double)(mean ? trees->base_margin + sums[i] / (float)compiled->tree_count
                          : sums[i]);
}

const struct kernel_type kernel_walk = {
    .name = "walked trees",
    .rows_min = 1,
    .compile = compile,
    .free = free_walk,
    .bytes = bytes,
    .prepare = prepare,
    .release = layout_free,
    .block = block,
};
