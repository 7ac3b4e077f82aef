/* SPDX-License-Identifier: Apache-2.0 */
/* kernel_lanes.c - few records and trees of up to LANES_DEPTH levels: a byte for each
 * node and for each slot of a record. */
#include "model/cpu.h"
#include "model/lanes.h"
#include "model/layout.h"

#include <stdlib.h>
#include <string.h>

enum {
    SLOT_RANGE = UINT8_MAX - 2, /* values of 8 bits */
    RECORDS = 32,               /* at a time */
    COLUMN_RECORDS = 3,         /* of fewer, cells are read one by one */
};

struct lanes_run {
    const struct lanes *compiled;
    const struct bound_feature *features;
    uint8_t *values; /* `width` of each record, for RECORDS or all where they are fewer */
};

/* ---- trees ---- */

/* Of a node of the whole tree. */
static uint32_t place_of(uint32_t node)
{
    uint32_t levels = 0; /* below the upper tree */
    if (node < LANES_BELOW)
        return lanes_place_above(node);
    while (node >> levels >= 2 * LANES_BELOW)
        levels++;
    return lanes_place_below((node >> levels) - LANES_BELOW,
                             1U << levels | (node & ((1U << levels) - 1)));
}

/* Both sides of a leaf that is above the last level are that leaf. False: the tree is too
 * deep. */
static bool lay_out(const struct lanes *self, const Chw__Tree *from, uint32_t node,
                    struct lanes_tree *to, float *leaves, uint32_t at)
{
    bool leaf = from->left[node] == 0;
    if (at >= LANES_NODES) {
        leaves[at - LANES_NODES] = from->threshold[node];
        return leaf;
    }
    if (!leaf) {
        struct question question = classes_question(self->classes, from, node);
        to->slots[place_of(at)] = (uint8_t)slots_find(&self->slots, &question);
        to->bounds[place_of(at)] = (uint8_t)slots_bound(&self->slots, &question);
    }
    return lay_out(self, from, leaf ? node : from->left[node], to, leaves, 2 * at) &&
           lay_out(self, from, leaf ? node : from->right[node], to, leaves, 2 * at + 1);
}

/* Out of memory: false. */
static bool make_room(struct lanes *self, const Chw__Trees *trees)
{
    size_t rounded =
        (trees->n_trees + LANES_TREES_ROUND - 1) / LANES_TREES_ROUND * LANES_TREES_ROUND;
    size_t leaves = rounded * LANES_NODES * sizeof *self->leaves;
    self->tree_count = (uint32_t)trees->n_trees;
    self->trees = layout_alloc(rounded * sizeof *self->trees);
    self->leaves = layout_alloc(leaves);
    if (self->trees == NULL || self->leaves == NULL)
        return false;
    memset(self->trees, 0, rounded * sizeof *self->trees);
    memset(self->leaves, 0, leaves);
    return true;
}

/* False: one of them is too deep. */
static bool make_trees(struct lanes *self, const Chw__Trees *trees)
{
    for (size_t i = 0; i < trees->n_trees; i++)
        if (!lay_out(self, trees->trees[i], 0, &self->trees[i],
                     self->leaves + i * LANES_NODES, 1))
            return false;
    return true;
}

static void make_paths(uint8_t *paths)
{
    for (uint32_t answers = 0; answers < LANES_PATHS; answers++) {
        uint32_t node = 1;
        while (node < LANES_BELOW)
            node = 2 * node + (answers >> (node - 1) & 1);
        paths[answers] = (uint8_t)(node - LANES_BELOW);
    }
}

/* ---- the kernel ---- */

static void free_lanes(void *compiled)
{
    struct lanes *self = compiled;
    if (self == NULL)
        return;
    classes_free(self->classes);
    slots_release(&self->slots);
    layout_free(self->trees);
    layout_free(self->leaves);
    free(self);
}

static size_t bytes(const void *compiled)
{
    const struct lanes *self = compiled;
    size_t tree = sizeof *self->trees + LANES_NODES * sizeof *self->leaves;
    return sizeof *self + classes_bytes(self->classes) +
           self->slots.count * sizeof *self->slots.items + self->tree_count * tree;
}

static enum status compile(const struct model *model, const struct part *part, void **out)
{
    *out = NULL;
    if (part->trees == NULL)
        return STATUS_OK;
    struct lanes *self = calloc(1, sizeof *self);
    if (self == NULL)
        return STATUS_NOMEM;
    enum status status = classes_new(model, part->trees, &self->classes);
    if (status != STATUS_OK || self->classes == NULL)
        goto end;
    status = STATUS_NOMEM;
    if (!slots_make(&self->slots, self->classes, part->trees, SLOT_RANGE))
        goto end;
    status = STATUS_OK;
    if (self->slots.count > LANES_SLOTS_MAX)
        goto end;
    self->width = (self->slots.count + LANES_SLOTS_ROUND - 1) / LANES_SLOTS_ROUND *
                  LANES_SLOTS_ROUND;
    self->width = self->width == 0 ? LANES_SLOTS_ROUND : self->width;
    status = STATUS_NOMEM;
    if (!make_room(self, part->trees))
        goto end;
    status = STATUS_OK;
    if (!make_trees(self, part->trees))
        goto end;
    make_paths(self->paths);
    *out = self;
    return STATUS_OK;
end:
    free_lanes(self);
    return status;
}

static enum status prepare(const void *compiled, const struct binding *binding,
                           void **out)
{
    const struct lanes *lanes = compiled;
    size_t size = 0;
    uint32_t records = binding->rows < RECORDS ? binding->rows : RECORDS;
    layout_add(&size, sizeof(struct lanes_run));
    size_t values = layout_add(&size, (size_t)records * lanes->width);
    char *block = layout_alloc(size);
    if (block == NULL)
        return STATUS_NOMEM;
    struct lanes_run *self = (struct lanes_run *)(void *)block;
    self->compiled = lanes;
    self->features = binding->features;
    self->values = (uint8_t *)(void *)(block + values);
    *out = self;
    return STATUS_OK;
}

/* ---- a block ---- */

/* The classes of a feature; those of one byte have 0 in `high` too. */
static void read_classes(const struct lanes_run *self, uint32_t feature, uint32_t first,
                         uint32_t count, struct class_block *out)
{
    const struct bound_feature *source = &self->features[feature];
    const struct feature_classes *classes = &self->compiled->classes->features[feature];
    struct class_column column;
    if (count < COLUMN_RECORDS) {
        class_cells_read(source, classes, first, count, out);
        return;
    }
    memset(out->high, 0, RECORDS);
    class_column_bind(&column, source, classes);
    class_column_read(&column, first, count, out);
}

static void fill_slot(const struct lanes_run *self, uint32_t slot,
                      const struct class_block *block, uint32_t count)
{
    const struct slots *slots = &self->compiled->slots;
    const struct question *item = &slots->items[slot];
    uint8_t *value = self->values + slot;
    uint8_t missing = (uint8_t)slots_missing(slots, item);
    for (uint32_t i = 0; i < count; i++) {
        uint16_t class_ = (uint16_t)(block->low[i] | block->high[i] << 8);
        value[i * (size_t)self->compiled->width] =
            (uint8_t)slots_value(slots, item, class_);
    }
    for (uint64_t left = block->missing[0]; left != 0; left &= left - 1)
        value[(size_t)__builtin_ctzll(left) * self->compiled->width] = missing;
}

/* The slots of one feature follow each other. */
static void fill_values(struct lanes_run *self, uint32_t first, uint32_t count)
{
    const struct lanes *compiled = self->compiled;
    struct class_block block;
    uint32_t read = UINT32_MAX; /* the feature that is in the block */
    for (uint32_t i = 0; i < compiled->slots.count; i++) {
        uint32_t feature = compiled->slots.items[i].feature;
        if (feature != read)
            read_classes(self, feature, first, count, &block);
        read = feature;
        fill_slot(self, i, &block, count);
    }
}

static void score(struct lanes_run *self, uint32_t first, uint32_t count, double *margins)
{
    const Chw__Trees *trees = self->compiled->classes->trees;
    bool mean = trees->aggregate == CHW__TREES__AGGREGATE__MEAN;
    const struct lanes_way *way = lanes_ways;
    float sums[RECORDS];
    while (!way->supported())
        way++;
    for (uint32_t i = 0; i < count; i++)
        sums[i] = mean ? 0.0F : trees->base_margin;
    fill_values(self, first, count);
    way->add(self->compiled, self->values, count, sums);
    for (uint32_t i = 0; i < count; i++)
        margins[i] = (double)(mean ? trees->base_margin +
                                         sums[i] / (float)self->compiled->tree_count
                                   : sums[i]);
}

static void block(void *run, uint32_t first, uint32_t count, double *margins)
{
    for (uint32_t at = 0; at < count; at += RECORDS)
        score(run, first + at, count - at < RECORDS ? count - at : RECORDS, margins + at);
}

/* ---- ways ---- */

static bool always(void)
{
    return true;
}

#if defined(__x86_64__)

const struct lanes_way lanes_ways[] = {{cpu_has_avx512, lanes_add_avx512},
                                       {always, lanes_add_portable}};

#else

const struct lanes_way lanes_ways[] = {{always, lanes_add_portable}};

#endif

const size_t lanes_way_count = sizeof lanes_ways / sizeof lanes_ways[0];

const struct kernel_type kernel_lanes = {
    .name = "trees in lanes",
    .rows_min = 1,
    .rows_best = 23, /* with AVX-512; with AVX2 it would be 17 */
    .compile = compile,
    .free = free_lanes,
    .bytes = bytes,
    .prepare = prepare,
    .release = layout_free,
    .block = block,
};
