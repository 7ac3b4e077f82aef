/* SPDX-License-Identifier: Apache-2.0 */
/* build.h - models and batches for tests, a line per part. Everything lives in one arena
 * until build_reset(), which a test's teardown calls. Lists of names are one text:
 * "red,green". */

#ifndef TESTS_LIB_BUILD_H
#define TESTS_LIB_BUILD_H

#include "model.pb-c.h"

#include <stddef.h>
#include <stdint.h>

void *build_alloc(size_t size); /* zeroed; aborts where there is no memory */
void build_reset(void);

/* `size` bytes of the arena. */
uint8_t *build_pack(const ProtobufCMessage *message, size_t *size);

/* ---- batches; `names` NULL: a column of numbers ---- */

Chw__Batch *build_batch(uint32_t rows);
Chw__Column *build_floats(Chw__Batch *batch, const char *name, const float *values,
                          size_t count);
Chw__Column *build_codes(Chw__Batch *batch, const char *name, const uint8_t *codes,
                         size_t count, const char *names);
Chw__Column *build_bitmap(Chw__Batch *batch, const char *name, const uint8_t *bits,
                          size_t size, const char *names);
ProtobufCBinaryData build_bytes(const void *bytes, size_t size);

/* ---- models: format 1, name "chd", logistic link; more by assignment ---- */

Chw__Model *build_linear(double intercept, const float *weights, size_t count);
Chw__Model *build_trees(float base_margin);
Chw__Feature *build_numeric(Chw__Model *model, const char *name, double center,
                            double scale);
Chw__Feature *build_category(Chw__Model *model, const char *name, const char *names);

struct build_node {
    uint32_t input;
    float threshold;
    uint32_t left, right;
    uint8_t default_left;
};
Chw__Tree *build_tree(Chw__Model *model, const struct build_node *nodes, size_t count);

/* Golden records: the batch and what it must score. */
void build_golden(Chw__Model *model, Chw__Batch *batch, const float *probabilities,
                  size_t count);

#endif
