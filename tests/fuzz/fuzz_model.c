/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as a model: what loads must score a batch made of its own features, as its
 * kernel and as the reference scorer to the same bit, and no probability may leave [0,
 * 1].
 */
#include "model/model.h"
#include "tests/lib/build.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { KINDS = 8, ROWS = 8 * KINDS }; /* enough for every kernel */

/* Each feature another type of column, each row another kind of value. */
static void add_column(Chw__Batch *batch, const Chw__Feature *feature, size_t index)
{
    static const float few_floats[KINDS] = {0.0F, 1.0F,     -1.5F, 5.0F,
                                            NAN,  INFINITY, 1e30F, 0.1F};
    static const uint8_t few_codes[KINDS] = {0, 1, 2, 3, 5, 100, 255, 0};
    static const uint8_t bits[ROWS / 8] = {100, 255, 0, 7, 1, 200, 254, 77};
    float floats[ROWS];
    uint8_t codes[ROWS], few[ROWS];
    for (size_t i = 0; i < ROWS; i++) {
        floats[i] = few_floats[i % KINDS];
        codes[i] = few_codes[i % KINDS];
        few[i] = (uint8_t)(i % 4);
    }
    Chw__Column *column;
    if (index % 4 == 0)
        column = build_floats(batch, feature->name, floats, ROWS);
    else if (index % 4 == 1)
        column = build_codes(batch, feature->name, codes, ROWS, NULL);
    else if (index % 4 == 2)
        column = build_codes(batch, feature->name, few, ROWS, "a,1,x y,5.0");
    else
        column = build_bitmap(batch, feature->name, bits, ROWS / 8, NULL);
    if (index % 3 == 1)
        column->valid = build_bytes("\x7f\xff\xfe\xff\xff\x00\xf0\xff", ROWS / 8);
    if (index % 5 == 3)
        column->unreadable = build_bytes("\x10\x00\x00\x01\x00\x00\x80\x00", ROWS / 8);
}

static void check_row(float p, const struct record_fault *fault, size_t feature_count)
{
    if (!(p >= 0.0F && p <= 1.0F) || fault->feature >= feature_count)
        abort();
    if (fault->fault != CHW__RECORD_FAULT__RECORD_FAULT_NONE && p != 0.0F)
        abort();
}

/* So many at a time: few are scored by another kernel than many. */
static void compare(const struct binding *binding, uint32_t at_a_time, const float *p,
                    const struct record_fault *faults)
{
    float found[ROWS];
    struct record_fault found_faults[ROWS];
    for (uint32_t row = 0; row < ROWS; row += at_a_time)
        model_score(binding, row, at_a_time, found + row, found_faults + row);
    if (memcmp(p, found, sizeof found) != 0 ||
        memcmp(faults, found_faults, sizeof found_faults) != 0)
        abort();
}

static void score(const struct model *model)
{
    const Chw__Model *message = model_message(model);
    Chw__Batch *batch = build_batch(ROWS);
    for (size_t i = 0; i < message->n_features && i < 64; i++)
        add_column(batch, message->features[i], i);
    struct columns columns;
    struct binding *binding;
    if (columns_view(batch, &columns, NULL) != STATUS_OK)
        abort();
    if (model_bind(model, &columns, &binding, NULL) == STATUS_OK) {
        float p[ROWS];
        struct record_fault faults[ROWS];
        model_reference_score(binding, 0, ROWS, p, faults);
        compare(binding, ROWS, p, faults);
        compare(binding, ROWS / 2, p, faults);
        compare(binding, 1, p, faults);
        for (size_t row = 0; row < ROWS; row++)
            check_row(p[row], &faults[row], message->n_features);
        binding_free(binding);
    }
    columns_release(&columns);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct model *model;
    struct error_text error;
    if (model_load(data, size, &model, &error) != STATUS_OK)
        return 0;
    score(model);
    if (model_check_golden(model, &error) == STATUS_NOMEM)
        abort();
    model_free(model);
    build_reset();
    return 0;
}
