/* SPDX-License-Identifier: Apache-2.0 */
/* sliced_run.h - the runner, compiled once for each width of planes: by
 * sliced_portable.c, sliced_avx2.c and sliced_avx512.c, which set SLICED_WORDS and
 * SLICED_BLOCK_NAME and define
 *
 *   plane bit_plane(bytes, bit)      bit `bit` of PLANE_RECORDS bytes
 *   plane equal_plane(bytes, value)  which of them are `value`
 *   plane choose(right, if_right, if_left)
 *   void add_leaves(run, sums)       of PLANE_RECORDS records, tree after tree
 *
 * the last by find_leaf() and add_leaves_by_byte(), if they like.
 *
 *   columns -> classes (a byte or two per record) -> planes -> answers of all questions
 *           -> per tree: path planes -> leaf indexes -> leaves, added in tree order */

#include <stdlib.h>
#include <string.h>

/* ---- answers ---- */

static plane bitmap_plane(const uint8_t *bitmap, uint32_t first, uint32_t count)
{
    plane out = {0};
    for (uint32_t word = 0; word < SLICED_WORDS && 64 * word < count; word++) {
        uint32_t left = count - 64 * word;
        out[word] = kernel_bits(bitmap, first + 64 * word, left < 64 ? left : 64);
    }
    return out;
}

/* Every "class >= v" for v up to the last class, from the bits of the classes: two
 * operations each. */
static void classes_at_least(const struct sliced_run *self, uint32_t last,
                             plane *at_least)
{
    at_least[0] = ~(plane){0};
    for (unsigned bit = 0; last >> bit != 0; bit++) {
        plane is_set = bit_plane(bit < 8 ? self->block.low : self->block.high, bit % 8);
        uint32_t half = 1U << bit;
        for (uint32_t v = half; v < 2 * half && v <= last; v++)
            at_least[v] = is_set & at_least[v - half];
        for (uint32_t v = 0; v < half && v <= last; v++)
            at_least[v] = is_set | at_least[v];
    }
}

/* The records whose category is outside the set. */
static plane outside_set(const struct classes *classes, uint32_t set,
                         const plane *at_least)
{
    plane outside = {0};
    for (uint32_t i = 0; i <= UINT8_MAX; i++) {
        plane beyond = i == UINT8_MAX ? (plane){0} : at_least[i + 1];
        if (!classes_in_set(classes, set, i))
            outside |= at_least[i] & ~beyond;
    }
    return outside;
}

static plane answer_question(const struct sliced_run *self,
                             const struct question *question)
{
    const plane *at_least = self->at_least;
    switch ((enum question_kind)question->kind) {
    case QUESTION_ABOVE:
        return at_least[question->operand + 1];
    case QUESTION_IS:
        return equal_plane(self->block.low, (uint8_t)question->operand);
    case QUESTION_OUTSIDE:
        return outside_set(self->compiled->classes, question->operand, at_least);
    case QUESTION_ALWAYS:
        return ~(plane){0};
    case QUESTION_NEVER:
        break;
    }
    return (plane){0};
}

static plane answered_with(plane answer, plane missing, bool missing_right)
{
    plane right = missing_right ? missing : (plane){0};
    return (answer & ~missing) | right;
}

static void answer_classes(struct sliced_run *self, const struct feature_classes *classes,
                           const struct sliced_span *span)
{
    plane *answers = (plane *)self->answers + 1 + span->first, missing;
    const plane *at_least = self->at_least;
    const struct question *questions = self->compiled->questions + span->first;
    memcpy(&missing, self->block.missing, sizeof missing);
    if (classes->kind != CLASSES_ONE_HOT)
        classes_at_least(self, classes_last(classes), self->at_least);
    bool ranks = classes->kind == CLASSES_RANKS; /* all ask for what is above */
    for (uint32_t i = 0; i < span->count; i++) {
        plane answer = ranks ? at_least[questions[i].operand + 1]
                             : answer_question(self, &questions[i]);
        answers[i] = answered_with(answer, missing, questions[i].missing_right);
    }
}

/* A bitmap column is a plane already: each question is it, its opposite or neither. */
static void answer_bits(struct sliced_run *self, const struct class_column *column,
                        plane bits, const struct sliced_span *span)
{
    const struct classes *classes = self->compiled->classes;
    const struct question *questions = self->compiled->questions + span->first;
    plane *answers = (plane *)self->answers + 1 + span->first;
    for (uint32_t i = 0; i < span->count; i++) {
        bool one = classes_answer(classes, &questions[i], column->bits[1]);
        bool zero = classes_answer(classes, &questions[i], column->bits[0]);
        answers[i] = (one ? bits : (plane){0}) | (zero ? ~bits : (plane){0});
    }
}

/* The column's cells are all the same. */
static void answer_absent(struct sliced_run *self, const struct class_column *column,
                          const struct sliced_span *span)
{
    const struct question *questions = self->compiled->questions + span->first;
    plane *answers = (plane *)self->answers + 1 + span->first;
    for (uint32_t i = 0; i < span->count; i++) {
        bool right =
            column->absent_missing
                ? questions[i].missing_right
                : classes_answer(self->compiled->classes, &questions[i], column->absent);
        answers[i] = right ? ~(plane){0} : (plane){0};
    }
}

static void answer_feature(struct sliced_run *self, size_t feature, uint32_t first,
                           uint32_t count)
{
    const struct class_column *column = &self->columns[feature];
    const struct column *source = column->source->column;
    const struct sliced_span *span = &self->compiled->spans[feature];
    if (span->count == 0)
        return;
    if (source == NULL) {
        answer_absent(self, column, span);
    } else if (column->simple && source->type == COLUMN_BITMAP && source->valid == NULL) {
        answer_bits(self, column, bitmap_plane(source->bytes, first, count), span);
    } else {
        class_column_read(column, first, count, &self->block);
        answer_classes(self, column->classes, span);
    }
}

/* ---- the path through a tree ---- */

/* The answer at the node of one level that the path above (path[0] the nearest) leads to:
 * nodes of the left half first. */
static inline __attribute__((always_inline)) plane
node0(const plane *answers, const uint32_t *nodes, const plane *path)
{
    (void)path;
    return answers[nodes[0]];
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
    walks[tree->depth](self->answers, self->compiled->nodes + tree->first_node, path);
    for (unsigned i = 0; i < SLICED_DEPTH_MAX; i++)
        index[i] = i < tree->depth ? path[tree->depth - 1 - i] : (plane){0};
}

/* ---- leaves ---- */

/* Eight bytes of eight bits, transposed (Warren, Hacker's Delight, 7-3). */
static inline uint64_t transpose(uint64_t x)
{
    uint64_t t = (x ^ x >> 7) & UINT64_C(0x00AA00AA00AA00AA);
    x ^= t ^ t << 7;
    t = (x ^ x >> 14) & UINT64_C(0x0000CCCC0000CCCC);
    x ^= t ^ t << 14;
    t = (x ^ x >> 28) & UINT64_C(0x00000000F0F0F0F0);
    return x ^ t ^ t << 28;
}

/* One byte per record: the leaf's index. */
static inline void index_bytes(const plane *index, uint8_t *bytes)
{
    const uint8_t *planes = (const uint8_t *)index;
    for (unsigned group = 0; group < PLANE_RECORDS / 8; group++) {
        uint64_t bits = 0;
        for (unsigned i = 0; i < 8; i++)
            bits |= (uint64_t)planes[PLANE_RECORDS / 8 * i + group] << (8 * i);
        bits = transpose(bits);
        memcpy(bytes + 8 * group, &bits, sizeof bits);
    }
}

/* Leaves looked up one by one. */
static inline void add_leaves_by_byte(const struct sliced_run *self, float *sums)
{
    const struct sliced *compiled = self->compiled;
    for (uint32_t i = 0; i < compiled->tree_count; i++) {
        const struct sliced_tree *tree = &compiled->trees[i];
        const float *leaves = compiled->leaves + tree->first_leaf;
        plane index[SLICED_DEPTH_MAX];
        uint8_t bytes[PLANE_RECORDS];
        find_leaf(self, tree, index);
        index_bytes(index, bytes);
        for (unsigned k = 0; k < PLANE_RECORDS; k++)
            sums[k] += leaves[bytes[k]];
    }
}

/* ---- a block ---- */

static void add_leaves(const struct sliced_run *self, float *sums);

static void score_planes(struct sliced_run *self, uint32_t first, uint32_t count,
                         double *margins)
{
    const Chw__Trees *trees = self->compiled->classes->trees;
    bool mean = trees->aggregate == CHW__TREES__AGGREGATE__MEAN;
    _Alignas(64) float sums[PLANE_RECORDS];
    for (size_t i = 0; i < self->compiled->feature_count; i++)
        answer_feature(self, i, first, count);
    for (unsigned i = 0; i < PLANE_RECORDS; i++)
        sums[i] = mean ? 0.0F : trees->base_margin;
    add_leaves(self, sums);
    for (uint32_t i = 0; i < count; i++)
        margins[i] = (double)(mean ? trees->base_margin +
                                         sums[i] / (float)self->compiled->tree_count
                                   : sums[i]);
}

void SLICED_BLOCK_NAME(void *run, uint32_t first, uint32_t count, double *margins)
{
    struct sliced_run *self = run;
    ((plane *)self->answers)[0] = (plane){0}; /* where nothing is asked: left */
    for (uint32_t at = 0; at < count; at += PLANE_RECORDS) {
        uint32_t rows = count - at < PLANE_RECORDS ? count - at : PLANE_RECORDS;
        score_planes(self, first + at, rows, margins + at);
    }
}
