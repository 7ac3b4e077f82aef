/* SPDX-License-Identifier: Apache-2.0 */
/* onnx_scores.c - operators after the estimator: arithmetic on scores, as far as it ends
 * in a calibration, an average or shares. */
#include "exchange/onnx_graph.h"

#include <math.h>
#include <string.h>

static enum status put_scores(struct onnx_graph *self, const onnx_node *node,
                              struct onnx_score *scores, const struct onnx_value *like,
                              struct error_text *error)
{
    struct onnx_value out = *like;
    out.scores = scores;
    out.total = NULL;
    return onnx_put(self, node, 0, out, error);
}

/* Scores of their own, so that they can be changed; each can be changed alone. */
static enum status copy_scores(struct onnx_graph *self, const onnx_node *node,
                               const struct onnx_value *value, struct onnx_score **out,
                               struct error_text *error)
{
    if (value->combination != ONNX_APART)
        return onnx_refuse(node, error,
                           "arithmetic on a softmax or on shares is not supported");
    enum status status = onnx_alloc(self, value->count, sizeof **out, out, error);
    for (size_t i = 0; status == STATUS_OK && i < value->count; i++) {
        const struct onnx_score *score = &value->scores[i];
        (*out)[i] = *score;
        status =
            onnx_alloc(self, score->count, sizeof *score->terms, &(*out)[i].terms, error);
        if (status == STATUS_OK)
            memcpy((*out)[i].terms, score->terms, score->count * sizeof *score->terms);
    }
    return status;
}

static void multiply_score(struct onnx_score *self, double by)
{
    self->constant *= by;
    for (size_t i = 0; i < self->count; i++)
        self->terms[i].weight *= by;
}

/* ---- functions of one margin ---- */

/* Whether the score is slope * margin + intercept, which it then says as one term. */
static bool make_margin(struct onnx_score *score)
{
    struct onnx_term *term = score->terms;
    if (score->count != 1 || term->stage != ONNX_MARGIN)
        return false;
    term->slope *= term->weight;
    term->intercept = term->intercept * term->weight + score->constant;
    term->weight = 1;
    score->constant = 0;
    return true;
}

bool onnx_make_logistic(struct onnx_score *score, double slope)
{
    if (!make_margin(score))
        return false;
    score->terms[0].slope *= slope;
    score->terms[0].intercept *= slope;
    score->terms[0].stage = ONNX_LOGISTIC;
    return true;
}

static bool make_exp(struct onnx_score *score)
{
    if (!make_margin(score))
        return false;
    score->terms[0].stage = ONNX_EXP;
    return true;
}

static bool make_sigmoid(struct onnx_score *score)
{
    return onnx_make_logistic(score, 1);
}

static bool make_negative(struct onnx_score *score)
{
    multiply_score(score, -1);
    return true;
}

/* 1 / (1 + exp(z)) */
static bool make_reciprocal(struct onnx_score *score)
{
    struct onnx_term *term = score->terms;
    if (score->count != 1 || term->stage != ONNX_EXP || term->weight != 1 ||
        score->constant != 1)
        return false;
    score->constant = 0;
    term->stage = ONNX_LOGISTIC;
    term->slope = -term->slope;
    term->intercept = -term->intercept;
    return true;
}

static enum status apply(struct onnx_graph *self, const onnx_node *node, size_t input,
                         bool (*function)(struct onnx_score *), struct error_text *error)
{
    const struct onnx_value *value;
    struct onnx_score *scores = NULL;
    enum status status = onnx_need_scores(self, node, input, &value, error);
    if (status == STATUS_OK)
        status = copy_scores(self, node, value, &scores, error);
    if (status != STATUS_OK)
        return status;
    for (size_t i = 0; i < value->count; i++)
        if (!function(&scores[i]))
            return onnx_refuse(node, error,
                               "of what its scores are, it is not supported");
    return put_scores(self, node, scores, value, error);
}

enum status onnx_exp(struct onnx_graph *self, const onnx_node *node,
                     struct error_text *error)
{
    return apply(self, node, 0, make_exp, error);
}

enum status onnx_sigmoid(struct onnx_graph *self, const onnx_node *node,
                         struct error_text *error)
{
    return apply(self, node, 0, make_sigmoid, error);
}

enum status onnx_negate(struct onnx_graph *self, const onnx_node *node,
                        struct error_text *error)
{
    return apply(self, node, 0, make_negative, error);
}

enum status onnx_reciprocal(struct onnx_graph *self, const onnx_node *node,
                            struct error_text *error)
{
    return apply(self, node, 0, make_reciprocal, error);
}

/* ---- with constants ---- */

static const Chw__Onnx__Tensor *constant_of(const struct onnx_graph *self,
                                            const onnx_node *node, size_t input)
{
    const struct onnx_value *value =
        input < node->n_input ? onnx_find(self, node->input[input]) : NULL;
    return value != NULL && value->type == ONNX_CONSTANT ? value->constant : NULL;
}

static enum status combine(struct onnx_graph *self, const onnx_node *node, size_t input,
                           const Chw__Onnx__Tensor *constant,
                           void (*function)(struct onnx_score *, double),
                           struct error_text *error)
{
    const struct onnx_value *value;
    struct onnx_score *scores = NULL;
    size_t count = onnx_tensor_count(constant);
    enum status status = onnx_need_scores(self, node, input, &value, error);
    if (status == STATUS_OK && count != 1 && count != value->count)
        status =
            onnx_refuse(node, error, "%zu constants for %zu scores", count, value->count);
    if (status == STATUS_OK)
        status = copy_scores(self, node, value, &scores, error);
    if (status != STATUS_OK)
        return status;
    for (size_t i = 0; i < value->count; i++) {
        double number = onnx_tensor_number(constant, count == 1 ? 0 : i);
        if (!isfinite(number))
            return onnx_refuse(node, error, "constant %zu is not finite", i);
        function(&scores[i], number);
    }
    return put_scores(self, node, scores, value, error);
}

static void add_to(struct onnx_score *score, double number)
{
    score->constant += number;
}

static void subtract_from(struct onnx_score *score, double number)
{
    add_to(score, -number);
}

static void be_subtracted(struct onnx_score *score, double number)
{
    multiply_score(score, -1);
    add_to(score, number);
}

static void divide_by(struct onnx_score *score, double number)
{
    multiply_score(score, 1 / number);
}

/* ---- of two values or more ---- */

static enum status append(struct onnx_graph *self, const onnx_node *node,
                          struct onnx_score *score, const struct onnx_score *other,
                          struct error_text *error)
{
    size_t count = score->count + other->count;
    struct onnx_term *terms;
    if (count > EXCHANGE_CLASSES_MAX)
        return onnx_refuse(node, error, "more than %d terms", EXCHANGE_CLASSES_MAX);
    enum status status = onnx_alloc(self, count, sizeof *terms, &terms, error);
    if (status != STATUS_OK)
        return status;
    memcpy(terms, score->terms, score->count * sizeof *terms);
    memcpy(terms + score->count, other->terms, other->count * sizeof *terms);
    *score = (struct onnx_score){terms, count, score->constant + other->constant};
    return STATUS_OK;
}

enum status onnx_sum(struct onnx_graph *self, const onnx_node *node,
                     struct error_text *error)
{
    const struct onnx_value *first, *value;
    struct onnx_score *scores = NULL;
    enum status status = onnx_need_scores(self, node, 0, &first, error);
    if (status == STATUS_OK)
        status = copy_scores(self, node, first, &scores, error);
    for (size_t i = 1; status == STATUS_OK && i < node->n_input; i++) {
        status = onnx_need_scores(self, node, i, &value, error);
        if (status == STATUS_OK &&
            (value->count != first->count || value->combination != ONNX_APART))
            status = onnx_refuse(node, error, "its inputs cannot be added");
        for (size_t k = 0; status == STATUS_OK && k < first->count; k++)
            status = append(self, node, &scores[k], &value->scores[k], error);
    }
    return status == STATUS_OK ? put_scores(self, node, scores, first, error) : status;
}

enum status onnx_add(struct onnx_graph *self, const onnx_node *node,
                     struct error_text *error)
{
    for (size_t i = 0; i < 2; i++)
        if (constant_of(self, node, i) != NULL)
            return combine(self, node, 1 - i, constant_of(self, node, i), add_to, error);
    return onnx_sum(self, node, error);
}

enum status onnx_subtract(struct onnx_graph *self, const onnx_node *node,
                          struct error_text *error)
{
    if (constant_of(self, node, 0) != NULL)
        return combine(self, node, 1, constant_of(self, node, 0), be_subtracted, error);
    if (constant_of(self, node, 1) != NULL)
        return combine(self, node, 0, constant_of(self, node, 1), subtract_from, error);
    return onnx_refuse(node, error, "the difference of scores is not supported");
}

enum status onnx_multiply(struct onnx_graph *self, const onnx_node *node,
                          struct error_text *error)
{
    for (size_t i = 0; i < 2; i++)
        if (constant_of(self, node, i) != NULL)
            return combine(self, node, 1 - i, constant_of(self, node, i), multiply_score,
                           error);
    return onnx_refuse(node, error, "the product of scores is not supported");
}

static bool all_are_one(const Chw__Onnx__Tensor *constant)
{
    size_t count = onnx_tensor_count(constant);
    for (size_t i = 0; i < count; i++)
        if (onnx_tensor_number(constant, i) != 1)
            return false;
    return count > 0;
}

/* ---- shares ---- */

/* Whether one is 1 - the other, term by term. */
static bool are_complements(const struct onnx_score *one, const struct onnx_score *other)
{
    bool same = one->count == other->count && one->constant + other->constant == 1;
    for (size_t i = 0; same && i < one->count; i++) {
        const struct onnx_term *a = &one->terms[i], *b = &other->terms[i];
        same = a->estimator.node == b->estimator.node &&
               a->estimator.output == b->estimator.output && a->stage == b->stage &&
               a->slope == b->slope && a->intercept == b->intercept &&
               a->weight == -b->weight;
    }
    return same;
}

/* Each score divided by the sum of all: two complements are that already. */
static enum status put_shares(struct onnx_graph *self, const onnx_node *node,
                              const struct onnx_value *value, struct error_text *error)
{
    struct onnx_value out = *value;
    if (value->combination != ONNX_APART)
        return onnx_refuse(node, error, "shares of shares are not supported");
    if (value->count != 2 || !are_complements(&value->scores[0], &value->scores[1]))
        out.combination = ONNX_SHARES;
    return onnx_put(self, node, 0, out, error);
}

enum status onnx_normalize(struct onnx_graph *self, const onnx_node *node,
                           struct error_text *error)
{
    static const char *const known[] = {"norm"};
    const struct onnx_value *value;
    enum status status = ONNX_KNOW(node, known, error);
    if (status == STATUS_OK &&
        (!onnx_has(node, "norm") || !onnx_text_is(node, "norm", "L1")))
        status = onnx_refuse(node, error, "its norm is not supported: expected L1");
    if (status == STATUS_OK)
        status = onnx_need_scores(self, node, 0, &value, error);
    return status == STATUS_OK ? put_shares(self, node, value, error) : status;
}

enum status onnx_total(struct onnx_graph *self, const onnx_node *node,
                       struct error_text *error)
{
    static const char *const known[] = {"axes", "keepdims"};
    struct onnx_ints axes = onnx_get_ints(node, "axes");
    const Chw__Onnx__Tensor *constant = constant_of(self, node, 1);
    const struct onnx_value *value;
    double axis = axes.count == 1    ? (double)axes.items[0]
                  : constant != NULL ? onnx_tensor_number(constant, 0)
                                     : 0;
    enum status status = ONNX_KNOW(node, known, error);
    if (status == STATUS_OK && axis != 1 && axis != -1)
        status = onnx_refuse(node, error, "it adds up records");
    if (status == STATUS_OK)
        status = onnx_need_scores(self, node, 0, &value, error);
    if (status != STATUS_OK)
        return status;
    return onnx_put(self, node, 0,
                    (struct onnx_value){.type = ONNX_SCORES,
                                        .scores = value->scores,
                                        .count = 1,
                                        .combination = ONNX_SHARES, /* no score itself */
                                        .total = value->scores},
                    error);
}

enum status onnx_divide(struct onnx_graph *self, const onnx_node *node,
                        struct error_text *error)
{
    const Chw__Onnx__Tensor *above = constant_of(self, node, 0);
    const Chw__Onnx__Tensor *below = constant_of(self, node, 1);
    const struct onnx_value *value = NULL, *total = NULL;
    if (above != NULL && all_are_one(above))
        return apply(self, node, 1, make_reciprocal, error);
    if (below != NULL)
        return combine(self, node, 0, below, divide_by, error);
    enum status status = onnx_need_scores(self, node, 0, &value, error);
    if (status == STATUS_OK)
        status = onnx_need_scores(self, node, 1, &total, error);
    if (status == STATUS_OK && total->total != value->scores)
        status = onnx_refuse(node, error, "the quotient of scores is not supported");
    return status == STATUS_OK ? put_shares(self, node, value, error) : status;
}

enum status onnx_softmax(struct onnx_graph *self, const onnx_node *node,
                         struct error_text *error)
{
    static const char *const known[] = {"axis"};
    const struct onnx_value *value;
    int64_t axis = 1;
    onnx_get_int(node, known[0], &axis);
    enum status status = ONNX_KNOW(node, known, error);
    if (status == STATUS_OK)
        status = onnx_need_scores(self, node, 0, &value, error);
    if (status == STATUS_OK &&
        ((axis != 1 && axis != -1) || value->combination != ONNX_APART))
        status = onnx_refuse(node, error, "of what its scores are, it is not supported");
    if (status != STATUS_OK)
        return status;
    struct onnx_value out = *value;
    out.combination = ONNX_SOFTMAX;
    out.classes = true;
    return onnx_put(self, node, 0, out, error);
}

/* ---- labels ---- */

enum status onnx_arg_max(struct onnx_graph *self, const onnx_node *node,
                         struct error_text *error)
{
    return onnx_put(self, node, 0, (struct onnx_value){.type = ONNX_LABELS}, error);
}

enum status onnx_zip_map(struct onnx_graph *self, const onnx_node *node,
                         struct error_text *error)
{
    static const char *const known[] = {"classlabels_strings", "classlabels_int64s"};
    const struct onnx_value *value;
    enum status status = ONNX_KNOW(node, known, error);
    if (status == STATUS_OK)
        status = onnx_need_scores(self, node, 0, &value, error);
    if (status == STATUS_OK &&
        onnx_get_texts(node, known[0]).count + onnx_get_ints(node, known[1]).count !=
            value->count)
        status =
            onnx_refuse(node, error, "it does not name its %zu scores", value->count);
    if (status != STATUS_OK)
        return status;
    struct onnx_value out = *value;
    out.classes = true;
    out.labels = node;
    return onnx_put(self, node, 0, out, error);
}
