/* SPDX-License-Identifier: Apache-2.0 */
/* evaluate.c - the measures, each a few lines from its definition. */
#include "trainer/evaluate.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

enum { NEWTON_STEPS_MAX = 50 };

static const double P_LEAST = 1.0 / 16777216.0; /* 2^-24 */
static const double SLOPE_MAX = 1000;

struct ranked {
    float p;
    uint8_t outcome;
};

static int compare_ranked(const void *left, const void *right)
{
    const struct ranked *a = left, *b = right;
    return (a->p > b->p) - (a->p < b->p);
}

/* Of all pairs of a positive and a negative, the part in which the positive is higher: a
 * tie counts half. Doubled counts stay whole, so the sum is exact. */
static double auc_of(const struct ranked *items, size_t count, size_t positive_count)
{
    double doubled = 0;
    size_t below = 0; /* negatives with a lower p */
    for (size_t i = 0; i < count;) {
        size_t positive = 0, first = i;
        for (; i < count && items[i].p == items[first].p; i++)
            positive += items[i].outcome;
        size_t negative = i - first - positive;
        doubled += (double)positive * (double)(2 * below + negative);
        below += negative;
    }
    return doubled / (2.0 * (double)positive_count * (double)(count - positive_count));
}

static enum status find_auc(const float *probabilities, const uint8_t *outcomes,
                            size_t count, struct metrics *out)
{
    struct ranked *items = calloc(count, sizeof *items);
    if (items == NULL)
        return STATUS_NOMEM;
    for (size_t i = 0; i < count; i++)
        items[i] = (struct ranked){probabilities[i], outcomes[i]};
    qsort(items, count, sizeof *items, compare_ranked);
    out->auc = auc_of(items, count, out->positive_count);
    free(items);
    return STATUS_OK;
}

static double bounded(float p)
{
    return fmin(fmax((double)p, P_LEAST), 1 - P_LEAST);
}

static void find_means(const float *probabilities, const uint8_t *outcomes,
                       struct metrics *out)
{
    double squares = 0, losses = 0, expected = 0;
    for (size_t i = 0; i < out->count; i++) {
        double distance = (double)probabilities[i] - outcomes[i];
        double p = bounded(probabilities[i]);
        squares += distance * distance;
        losses -= log(outcomes[i] ? p : 1 - p);
        expected += (double)probabilities[i];
    }
    out->brier = squares / (double)out->count;
    out->log_loss = losses / (double)out->count;
    out->oe = expected > 0 ? (double)out->positive_count / expected : NAN;
}

/* Gradient and curvature of the log-likelihood of outcome ~ intercept + slope * margin.
 */
struct curve {
    double g0, g1, h00, h01, h11;
};

static struct curve curve_at(const float *probabilities, const uint8_t *outcomes,
                             const struct metrics *at)
{
    struct curve curve = {0};
    for (size_t i = 0; i < at->count; i++) {
        double p = bounded(probabilities[i]);
        double x = log(p / (1 - p));
        double q = 1 / (1 + exp(-(at->intercept + at->slope * x)));
        double residual = outcomes[i] - q, weight = q * (1 - q);
        curve.g0 += residual;
        curve.g1 += residual * x;
        curve.h00 += weight;
        curve.h01 += weight * x;
        curve.h11 += weight * x * x;
    }
    return curve;
}

/* Newton's method from (0, 1), which is where a calibrated model is already. */
static bool find_calibration(const float *probabilities, const uint8_t *outcomes,
                             struct metrics *out)
{
    out->slope = 1;
    out->intercept = 0;
    for (int step = 0; step < NEWTON_STEPS_MAX; step++) {
        struct curve c = curve_at(probabilities, outcomes, out);
        double determinant = c.h00 * c.h11 - c.h01 * c.h01;
        if (!(determinant > 1e-12 * c.h00 * c.h11))
            return false; /* the probabilities are all equal, or separate the outcomes */
        double d0 = (c.h11 * c.g0 - c.h01 * c.g1) / determinant;
        double d1 = (c.h00 * c.g1 - c.h01 * c.g0) / determinant;
        out->intercept += d0;
        out->slope += d1;
        if (!(fabs(out->slope) < SLOPE_MAX))
            return false;
        if (fabs(d0) < 1e-10 && fabs(d1) < 1e-10)
            return true;
    }
    return false;
}

enum status evaluate(const float *probabilities, const uint8_t *outcomes, size_t count,
                     struct metrics *out)
{
    *out = (struct metrics){.count = count,
                            .auc = NAN,
                            .brier = NAN,
                            .log_loss = NAN,
                            .slope = NAN,
                            .intercept = NAN,
                            .oe = NAN};
    for (size_t i = 0; i < count; i++)
        out->positive_count += outcomes[i];
    if (count == 0)
        return STATUS_OK;
    find_means(probabilities, outcomes, out);
    if (out->positive_count == 0 || out->positive_count == count)
        return STATUS_OK;
    if (!find_calibration(probabilities, outcomes, out))
        out->slope = out->intercept = NAN;
    return find_auc(probabilities, outcomes, count, out);
}

static const struct {
    const char *name;
    size_t offset;
} shown[] = {
    {"auc", offsetof(struct metrics, auc)},
    {"brier", offsetof(struct metrics, brier)},
    {"log_loss", offsetof(struct metrics, log_loss)},
    {"calibration_slope", offsetof(struct metrics, slope)},
    {"calibration_intercept", offsetof(struct metrics, intercept)},
    {"observed_over_expected", offsetof(struct metrics, oe)},
};

const char *evaluate_name(size_t index)
{
    return index < sizeof shown / sizeof shown[0] ? shown[index].name : NULL;
}

double evaluate_value(const struct metrics *self, size_t index)
{
    return *(const double *)(const void *)((const char *)self + shown[index].offset);
}
