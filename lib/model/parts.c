/* SPDX-License-Identifier: Apache-2.0 */
/* parts.c - the estimators of a model, and what they give together. */
#include "model/internal.h"
#include "model/logistic.h"

#include <math.h>
#include <stdlib.h>

/* ---- describe ---- */

static struct output output_of_model(const Chw__Model *message)
{
    return (struct output){
        message->link,
        message->calibration_case == CHW__MODEL__CALIBRATION_PLATT ? message->platt
                                                                   : NULL,
        message->calibration_case == CHW__MODEL__CALIBRATION_ISOTONIC ? message->isotonic
                                                                      : NULL};
}

static struct output output_of_part(const Chw__Part *part)
{
    return (struct output){
        part->link,
        part->calibration_case == CHW__PART__CALIBRATION_PLATT ? part->platt : NULL,
        part->calibration_case == CHW__PART__CALIBRATION_ISOTONIC ? part->isotonic
                                                                  : NULL};
}

static void describe_only_part(const Chw__Model *message, struct part *out)
{
    if (message->estimator_case == CHW__MODEL__ESTIMATOR_LINEAR)
        out->linear = message->linear;
    else
        out->trees = message->trees;
}

static void describe_part(const Chw__Part *part, struct part *out)
{
    out->output = output_of_part(part);
    if (part->estimator_case == CHW__PART__ESTIMATOR_LINEAR)
        out->linear = part->linear;
    else
        out->trees = part->trees;
}

enum status parts_describe(struct model *self)
{
    bool several = self->message->estimator_case == CHW__MODEL__ESTIMATOR_PARTS;
    size_t count = several ? self->message->parts->n_parts : 1;
    self->output = output_of_model(self->message);
    self->parts = calloc(count, sizeof self->parts[0]);
    if (self->parts == NULL)
        return STATUS_NOMEM;
    self->part_count = count;
    for (size_t i = 0; i < count; i++)
        if (several)
            describe_part(self->message->parts->parts[i], &self->parts[i]);
        else
            describe_only_part(self->message, &self->parts[i]);
    return STATUS_OK;
}

/* ---- probability ---- */

static float interpolate(const Chw__Isotonic *self, float p)
{
    size_t last = self->n_x - 1;
    if (p < self->x[0])
        return self->y[0];
    if (p >= self->x[last])
        return self->y[last];
    size_t low = 0, high = last; /* x[low] <= p < x[high] */
    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;
        if (self->x[middle] <= p)
            low = middle;
        else
            high = middle;
    }
    double x = self->x[low], y = self->y[low];
    double part = ((double)p - x) / ((double)self->x[high] - x);
    return (float)(y + ((double)self->y[high] - y) * part);
}

/* Within [0, 1]; NaN stays. */
static float hold(float p)
{
    p = p > 1.0F ? 1.0F : p;
    return p <= 0.0F ? 0.0F : p;
}

static float finish(const struct output *self, float p)
{
    return hold(self->isotonic != NULL && !isnan(p) ? interpolate(self->isotonic, p) : p);
}

static double calibrate(const struct output *self, double margin)
{
    return self->platt == NULL ? margin
                               : self->platt->slope * margin + self->platt->intercept;
}

float output_probability(const struct output *self, double margin)
{
    margin = calibrate(self, margin);
    return finish(self, self->link == CHW__LINK__LINK_LOGISTIC ? logistic_of(margin)
                                                               : (float)margin);
}

void output_probabilities(const struct output *self, double *margins, uint32_t count,
                          float *out)
{
    if (self->platt != NULL)
        for (uint32_t i = 0; i < count; i++)
            margins[i] = calibrate(self, margins[i]);
    bool logistic = self->link == CHW__LINK__LINK_LOGISTIC;
    if (logistic)
        logistic_all(margins, count, out);
    else
        for (uint32_t i = 0; i < count; i++)
            out[i] = (float)margins[i];
    if (!logistic || self->isotonic != NULL) /* else it is held already */
        for (uint32_t i = 0; i < count; i++)
            out[i] = finish(self, out[i]);
}

/* ---- combine ---- */

/* Margins of part after part are `stride` apart. */
static double mean(const struct model *self, const double *margins, size_t stride)
{
    double sum = 0;
    for (size_t i = 0; i < self->part_count; i++)
        sum += (double)output_probability(&self->parts[i].output, margins[i * stride]);
    return sum / (double)self->part_count;
}

static double softmax(const struct model *self, const double *margins, size_t stride)
{
    double most = -INFINITY, sum = 0;
    for (size_t i = 0; i < self->part_count; i++)
        most = fmax(most, margins[i * stride]);
    for (size_t i = 0; i < self->part_count; i++)
        sum += exp(margins[i * stride] - most);
    return exp(margins[self->message->parts->chosen * stride] - most) / sum;
}

static double share(const struct model *self, const double *margins, size_t stride)
{
    double sum = 0, chosen = 0;
    for (size_t i = 0; i < self->part_count; i++) {
        double p =
            (double)output_probability(&self->parts[i].output, margins[i * stride]);
        chosen = i == self->message->parts->chosen ? p : chosen;
        sum += p;
    }
    return sum == 0 ? 0 : chosen / sum;
}

static double combine(const struct model *self, const double *margins, size_t stride)
{
    switch (self->message->parts->combine) {
    case CHW__PARTS__COMBINE__SOFTMAX:
        return (double)(float)softmax(self, margins, stride);
    case CHW__PARTS__COMBINE__SHARE:
        return (double)(float)share(self, margins, stride);
    case CHW__PARTS__COMBINE__MEAN:
    case _CHW__PARTS__COMBINE_IS_INT_SIZE:
        break;
    }
    return (double)(float)mean(self, margins, stride);
}

void parts_combine(const struct model *self, double *margins, size_t stride,
                   uint32_t count)
{
    if (self->message->estimator_case != CHW__MODEL__ESTIMATOR_PARTS)
        return;
    for (uint32_t i = 0; i < count; i++)
        margins[i] = combine(self, margins + i, stride);
}
