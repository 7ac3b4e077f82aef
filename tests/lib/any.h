/* SPDX-License-Identifier: Apache-2.0 */
/* any.h - random models and batches of every kind of feature, column and value: missing,
 * unreadable, infinite, denormal, equal to a threshold, unknown. Everything lives until
 * build_reset(), some of it in static room that the next call reuses. */

#ifndef TESTS_ANY_H
#define TESTS_ANY_H

#include "model.pb-c.h"

#include <stdbool.h>
#include <stdint.h>

enum { ANY_ROWS = 700, ANY_DEPTH_MAX = 30 };

/* A test's setup: TEST_SEED, or 1, begins the same sequence again. */
int any_seed(void **state);
uint32_t any_chance(uint32_t below);

/* How often to try something else: `rounds`, a third of them with the address sanitizer,
 * or a tenth where the thread sanitizer makes each many times slower. The other builds
 * try all. */
int any_rounds(int rounds);

void any_add_features(Chw__Model *model, bool trees);

/* Trees with covers over the model's features, up to `depth` deep. */
void any_add_trees(Chw__Model *model, uint32_t trees, uint32_t depth);

Chw__Model *any_trees(uint32_t depth);
Chw__Model *any_linear(void);

/* Several ensembles over the same features. */
Chw__Model *any_parts(void);

/* ANY_ROWS records with the columns that the model reads, but for some. */
Chw__Batch *any_batch(const Chw__Model *model);

#endif
