/* SPDX-License-Identifier: Apache-2.0 */
/* evaluate.h - how good probabilities are against what happened. Pure.
 *
 * A measure that has no meaning for the rows at hand is NaN: AUC and calibration with one
 * outcome only, O/E where nothing is expected, everything without rows. Calibration is
 * NaN, too, where the probabilities separate the outcomes perfectly or are all equal. */

#ifndef TRAINER_EVALUATE_H
#define TRAINER_EVALUATE_H

#include "base/status.h"

#include <stddef.h>
#include <stdint.h>

struct metrics {
    size_t count, positive_count;
    double auc;      /* Mann-Whitney: ties count half */
    double brier;    /* mean squared error */
    double log_loss; /* natural logarithm; p is kept 2^-24 away from 0 and 1 */
    double slope;    /* calibration: of the outcome's logit on the margin; 1 is perfect */
    double intercept; /* beside that slope; 0 is perfect */
    double oe;        /* observed over expected outcomes; 1 is perfect */
};

/* probabilities[i] in [0, 1] and outcomes[i] in {0, 1} belong together. */
MUST_CHECK enum status evaluate(const float *probabilities, const uint8_t *outcomes,
                                size_t count, struct metrics *out);

/* The metrics that a report shows, by name: returns NULL past the last. */
const char *evaluate_name(size_t index);
double evaluate_value(const struct metrics *self, size_t index);

#endif
