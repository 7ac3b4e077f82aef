/* SPDX-License-Identifier: Apache-2.0 */
/* sliced_run.h - the runner, compiled twice: sliced_portable.c and sliced_avx2.c include
 * it with SLICED_BLOCK_NAME set. Only what AVX2 does in one instruction and C cannot say
 * is written twice below; the logic is GCC's vectors.
 *
 *   columns -> classes (a byte or two per record) -> planes -> answers of all questions
 *           -> per tree: path planes -> leaf indexes -> leaves, added in tree order */

#include "model/sliced_state.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#ifdef __AVX2__
#include <immintrin.h>
#endif

typedef sliced_plane plane;

enum { WORDS = 4 };

/* ---- planes out of classes ---- */

#ifdef __AVX2__

static plane bit_plane(const uint8_t *bytes, unsigned bit)
{
    union {
        plane plane;
        uint32_t parts[8];
    } out;
    for (int i = 0; i < 8; i++) {
        __m256i part = _mm256_load_si256((const __m256i *)(const void *)(bytes + 32 * i));
        out.parts[i] =
            (uint32_t)_mm256_movemask_epi8(_mm256_slli_epi16(part, (int)(7 - bit)));
    }
    return out.plane;
}

static plane equal_plane(const uint8_t *bytes, uint8_t value)
{
    union {
        plane plane;
        uint32_t parts[8];
    } out;
    __m256i wanted = _mm256_set1_epi8((char)value);
    for (int i = 0; i < 8; i++) {
        __m256i part = _mm256_load_si256((const __m256i *)(const void *)(bytes + 32 * i));
        out.parts[i] = (uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(part, wanted));
    }
    return out.plane;
}

#else

static plane bit_plane(const uint8_t *bytes, unsigned bit)
{
    plane out;
    for (int word = 0; word < WORDS; word++) {
        uint64_t bits = 0;
        for (int i = 0; i < 64; i++)
            bits |= (uint64_t)(bytes[64 * word + i] >> bit & 1) << i;
        out[word] = bits;
    }
    return out;
}

static plane equal_plane(const uint8_t *bytes, uint8_t value)
{
    plane out;
    for (int word = 0; word < WORDS; word++) {
        uint64_t bits = 0;
        for (int i = 0; i < 64; i++)
            bits |= (uint64_t)(bytes[64 * word + i] == value) << i;
        out[word] = bits;
    }
    return out;
}

#endif

static plane bitmap_plane(const uint8_t *bitmap, uint32_t first, uint32_t count)
{
    plane out = {0};
    for (uint32_t word = 0; word < WORDS && 64 * word < count; word++) {
        uint32_t left = count - 64 * word;
        out[word] = kernel_bits(bitmap, first + 64 * word, left < 64 ? left : 64);
    }
    return out;
}

/* ---- classes of a column ---- */

static void put_class(struct sliced_run *self, uint32_t at, uint16_t class_)
{
    self->low[at] = (uint8_t)class_;
    self->high[at] = (uint8_t)(class_ >> 8);
}

static void classify_codes(struct sliced_run *self, const struct bound_class *bound,
                           const uint8_t *codes, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        self->low[i] = bound->low[codes[i]];
    for (uint32_t i = 0; bound->wide && i < count; i++)
        self->high[i] = bound->high[codes[i]];
}

static void classify_numbers(struct sliced_run *self,
                             const struct sliced_feature *feature,
                             const struct feature *source, const float *values,
                             uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        float value = isnan(values[i]) ? 0 : values[i]; /* a fault, whatever we say */
        put_class(self, i, sliced_rank(feature, kernel_input(source, value)));
    }
}

/* Cell by cell: missing values, numbers that name categories, faults. Sets the bits of
 * what stays missing. */
static void classify_cells(struct sliced_run *self, const struct bound_class *bound,
                           uint32_t first, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        struct cell cell = binding_cell(bound->source, first + i);
        bool kept = isnan(cell.value);
        if (kept)
            self->missing[i / 64] |= UINT64_C(1) << i % 64;
        put_class(
            self, i,
            kept ? 0 : sliced_class(bound->feature, bound->source->feature, cell.value));
    }
}

/* ---- answers ---- */

/* Every "class >= v" for v up to the last class, from the bits of the classes: two
 * operations each. */
static void classes_at_least(const struct sliced_run *self,
                             const struct sliced_feature *feature, plane *at_least)
{
    uint32_t last = sliced_class_last(feature), end = last + 1;
    at_least[0] = ~(plane){0};
    for (unsigned bit = 0; last >> bit != 0; bit++) {
        plane is_set = bit_plane(bit < 8 ? self->low : self->high, bit % 8);
        uint32_t half = 1U << bit;
        for (uint32_t v = half; v < 2 * half && v < end; v++)
            at_least[v] = is_set & at_least[v - half];
        for (uint32_t v = 0; v < half && v < end; v++)
            at_least[v] = is_set | at_least[v];
    }
}

static void answer_ranks(struct sliced_run *self, const struct sliced_feature *feature,
                         plane *answers)
{
    plane *at_least = self->at_least;
    classes_at_least(self, feature, at_least);
    for (uint32_t i = 0; i < feature->count; i++)
        answers[i] = at_least[self->compiled->questions[feature->first + i].operand + 1];
}

/* The records of those categories that are outside the set. */
static plane outside_set(const struct sliced *compiled, uint32_t set,
                         const plane *at_least)
{
    plane outside = {0};
    for (uint32_t i = 0; i <= UINT8_MAX; i++) {
        plane beyond = i == UINT8_MAX ? (plane){0} : at_least[i + 1];
        if (!sliced_in_set(compiled, set, i))
            outside |= at_least[i] & ~beyond;
    }
    return outside;
}

static void answer_codes(struct sliced_run *self, const struct sliced_feature *feature,
                         plane *answers)
{
    plane *at_least = self->at_least;
    classes_at_least(self, feature, at_least);
    for (uint32_t i = 0; i < feature->count; i++) {
        const struct sliced_question *question =
            &self->compiled->questions[feature->first + i];
        if (question->kind == SLICED_OUTSIDE)
            answers[i] = outside_set(self->compiled, question->operand, at_least);
        else if (question->kind == SLICED_ABOVE)
            answers[i] = at_least[question->operand + 1];
        else
            answers[i] = question->kind == SLICED_ALWAYS ? ~(plane){0} : (plane){0};
    }
}

static void answer_categories(struct sliced_run *self,
                              const struct sliced_feature *feature, plane *answers)
{
    for (uint32_t i = 0; i < feature->count; i++) {
        const struct sliced_question *question =
            &self->compiled->questions[feature->first + i];
        answers[i] = question->kind == SLICED_IS
                         ? equal_plane(self->low, (uint8_t)question->operand)
                         : (question->kind == SLICED_ALWAYS ? ~(plane){0} : (plane){0});
    }
}

static bool answers_class(const struct sliced *compiled,
                          const struct sliced_question *question, uint16_t class_)
{
    switch ((enum sliced_kind)question->kind) {
    case SLICED_ABOVE:
        return class_ > question->operand;
    case SLICED_IS:
        return class_ == question->operand;
    case SLICED_OUTSIDE:
        return !sliced_in_set(compiled, question->operand, class_);
    case SLICED_ALWAYS:
        return true;
    case SLICED_NEVER:
        break;
    }
    return false;
}

/* A bitmap column is a plane already: each question is it, its opposite or neither. */
static void answer_bits(struct sliced_run *self, const struct bound_class *bound,
                        plane bits, plane *answers)
{
    const struct sliced_feature *feature = bound->feature;
    for (uint32_t i = 0; i < feature->count; i++) {
        const struct sliced_question *question =
            &self->compiled->questions[feature->first + i];
        plane one =
            answers_class(self->compiled, question, bound->bits[1]) ? bits : (plane){0};
        plane zero =
            answers_class(self->compiled, question, bound->bits[0]) ? ~bits : (plane){0};
        answers[i] = one | zero;
    }
}

static void answer_missing(struct sliced_run *self, const struct sliced_feature *feature,
                           plane *answers)
{
    plane missing;
    memcpy(&missing, self->missing, sizeof missing);
    for (uint32_t i = 0; i < feature->count; i++) {
        bool right = self->compiled->questions[feature->first + i].missing_right;
        answers[i] = right ? answers[i] | missing : answers[i] & ~missing;
    }
}

/* The column's cells are all the same. */
static void answer_absent(struct sliced_run *self, const struct bound_class *bound,
                          plane *answers)
{
    for (uint32_t i = 0; i < bound->feature->count; i++) {
        const struct sliced_question *question =
            &self->compiled->questions[bound->feature->first + i];
        bool right = bound->absent_missing
                         ? question->missing_right
                         : answers_class(self->compiled, question, bound->absent);
        answers[i] = right ? ~(plane){0} : (plane){0};
    }
}

static void answer_classes(struct sliced_run *self, const struct sliced_feature *feature,
                           plane *answers)
{
    if (feature->classes == CLASSES_ONE_HOT)
        answer_categories(self, feature, answers);
    else if (feature->classes == CLASSES_CODES)
        answer_codes(self, feature, answers);
    else
        answer_ranks(self, feature, answers);
}

static void answer_feature(struct sliced_run *self, const struct bound_class *bound,
                           uint32_t first, uint32_t count)
{
    const struct column *column = bound->source->column;
    const struct sliced_feature *feature = bound->feature;
    plane *answers = self->answers + 1 + feature->first;
    if (feature->count == 0)
        return;
    if (column == NULL) {
        answer_absent(self, bound, answers);
        return;
    }
    if (bound->simple && column->type == COLUMN_BITMAP) {
        answer_bits(self, bound, bitmap_plane(column->bytes, first, count), answers);
        return;
    }
    memset(self->missing, 0, sizeof self->missing);
    if (!bound->simple)
        classify_cells(self, bound, first, count);
    else if (column->type == COLUMN_CODES)
        classify_codes(self, bound, column->bytes + first, count);
    else
        classify_numbers(self, feature, bound->source->feature, column->floats + first,
                         count);
    answer_classes(self, feature, answers);
    if (!bound->simple)
        answer_missing(self, feature, answers);
}

/* ---- the path through a tree ---- */

static inline plane choose(plane right, plane if_right, plane if_left)
{
    return (right & if_right) | (~right & if_left);
}

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
static void index_bytes(const plane *index, uint8_t *bytes)
{
    const uint8_t *planes = (const uint8_t *)index;
    for (unsigned group = 0; group < KERNEL_BLOCK / 8; group++) {
        uint64_t bits = 0;
        for (unsigned i = 0; i < 8; i++)
            bits |= (uint64_t)planes[32 * i + group] << (8 * i);
        bits = transpose(bits);
        memcpy(bytes + 8 * group, &bits, sizeof bits);
    }
}

static void add_leaves(const struct sliced_run *self, float *sums)
{
    const struct sliced *compiled = self->compiled;
    for (uint32_t i = 0; i < compiled->tree_count; i++) {
        const struct sliced_tree *tree = &compiled->trees[i];
        const float *leaves = compiled->leaves + tree->first_leaf;
        plane index[SLICED_DEPTH_MAX];
        uint8_t bytes[KERNEL_BLOCK];
        find_leaf(self, tree, index);
        index_bytes(index, bytes);
        for (unsigned k = 0; k < KERNEL_BLOCK; k++)
            sums[k] += leaves[bytes[k]];
    }
}

#include "model/sliced_shallow.h"

/* ---- a block ---- */

void SLICED_BLOCK_NAME(void *run, uint32_t first, uint32_t count, double *margins)
{
    struct sliced_run *self = run;
    const Chw__Trees *trees = self->compiled->source;
    bool mean = trees->aggregate == CHW__TREES__AGGREGATE__MEAN;
    float sums[KERNEL_BLOCK];
    for (size_t i = 0; i < self->compiled->model->message->n_features; i++)
        answer_feature(self, &self->bound[i], first, count);
    for (unsigned i = 0; i < KERNEL_BLOCK; i++)
        sums[i] = mean ? 0.0F : trees->base_margin;
    if (!add_shallow_leaves(self, sums))
        add_leaves(self, sums);
    for (uint32_t i = 0; i < count; i++)
        margins[i] = (double)(mean ? trees->base_margin +
                                         sums[i] / (float)self->compiled->tree_count
                                   : sums[i]);
}
