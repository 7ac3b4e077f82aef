/* SPDX-License-Identifier: Apache-2.0 */
/* answers_run.h - columns -> classes (a byte or two per record) -> planes -> the answers
 * of all questions; compiled for each width of planes. Who includes it has included
 * plane.h and defined
 *
 *   plane bit_plane(bytes, bit)      bit `bit` of PLANE_RECORDS bytes
 *   plane equal_plane(bytes, value)  which of them are `value` */

#include "model/answers.h"

#include <string.h>

static plane bitmap_plane(const uint8_t *bitmap, uint32_t first, uint32_t count)
{
    plane out = {0};
    for (uint32_t word = 0; word < PLANE_WORDS && 64 * word < count; word++) {
        uint32_t left = count - 64 * word;
        out[word] = kernel_bits(bitmap, first + 64 * word, left < 64 ? left : 64);
    }
    return out;
}

/* Every "class >= v" for v up to the last class, from the bits of the classes: two
 * operations each. */
static void classes_at_least(const struct answers *self, uint32_t last, plane *at_least)
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

/* The records whose category is outside the set. From one category to the next it changes
 * at few edges; a record is outside that has passed an odd number of them. */
static plane outside_set(const struct classes *classes, uint32_t set,
                         const plane *at_least)
{
    const ProtobufCBinaryData *members = &classes->trees->sets[set]->members;
    uint8_t bits[(UINT8_MAX + 1) / 8] = {0};
    plane outside = {0};
    uint64_t before = 1; /* as if there were a member before the first category */
    memcpy(bits, members->data, members->len < sizeof bits ? members->len : sizeof bits);
    for (uint32_t first = 0; first <= UINT8_MAX; first += 64) {
        uint64_t word = kernel_bits(bits, first, 64);
        for (uint64_t edges = word ^ (word << 1 | before); edges != 0; edges &= edges - 1)
            outside ^= at_least[first + (uint32_t)__builtin_ctzll(edges)];
        before = word >> 63;
    }
    return outside;
}

static plane answer_question(const struct answers *self, const struct question *question)
{
    const plane *at_least = self->at_least;
    switch ((enum question_kind)question->kind) {
    case QUESTION_ABOVE:
        return at_least[question->operand + 1];
    case QUESTION_IS:
        return equal_plane(self->block.low, (uint8_t)question->operand);
    case QUESTION_OUTSIDE:
        return outside_set(self->questions->classes, question->operand, at_least);
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

static void answer_classes(struct answers *self, const struct feature_classes *classes,
                           const struct question_span *span)
{
    plane *answers = (plane *)self->planes + 1 + span->first, missing;
    const plane *at_least = self->at_least;
    const struct question *questions = self->questions->items + span->first;
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
static void answer_bits(struct answers *self, const struct class_column *column,
                        plane bits, const struct question_span *span)
{
    const struct classes *classes = self->questions->classes;
    const struct question *questions = self->questions->items + span->first;
    plane *answers = (plane *)self->planes + 1 + span->first;
    for (uint32_t i = 0; i < span->count; i++) {
        bool one = classes_answer(classes, &questions[i], column->bits[1]);
        bool zero = classes_answer(classes, &questions[i], column->bits[0]);
        answers[i] = (one ? bits : (plane){0}) | (zero ? ~bits : (plane){0});
    }
}

/* The column's cells are all the same. */
static void answer_absent(struct answers *self, const struct class_column *column,
                          const struct question_span *span)
{
    const struct question *questions = self->questions->items + span->first;
    plane *answers = (plane *)self->planes + 1 + span->first;
    for (uint32_t i = 0; i < span->count; i++) {
        bool right =
            column->absent_missing
                ? questions[i].missing_right
                : classes_answer(self->questions->classes, &questions[i], column->absent);
        answers[i] = right ? ~(plane){0} : (plane){0};
    }
}

static void answer_feature(struct answers *self, size_t feature, uint32_t first,
                           uint32_t count)
{
    const struct class_column *column = &self->columns[feature];
    const struct column *source = column->source->column;
    const struct question_span *span = &self->questions->spans[feature];
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

/* The answers of up to PLANE_RECORDS records. */
static void answer_all(struct answers *self, uint32_t first, uint32_t count)
{
    ((plane *)self->planes)[0] = (plane){0}; /* where nothing is asked: no */
    for (size_t i = 0; i < self->questions->feature_count; i++)
        answer_feature(self, i, first, count);
}
