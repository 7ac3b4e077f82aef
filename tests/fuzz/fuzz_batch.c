/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as a batch: what columns_view() accepts must be found by name and scored, row
 * by row as in one block, by a model that reads "a", "b" and "c". */
#include "base/proto_parse.h"
#include "model/model.h"
#include "tests/lib/build.h"

#include <stdlib.h>
#include <string.h>

static struct model *model;

static void load_model(void)
{
    static const float weights[] = {0.5F, 1.0F, -1.0F, 0.25F, 2.0F};
    Chw__Model *message = build_linear(-1.0, weights, 5);
    build_numeric(message, "a", 2.0, 0.5)->missing = CHW__MISSING_POLICY__MISSING_IMPUTE;
    build_category(message, "b", "x,1,5")->missing = CHW__MISSING_POLICY__MISSING_INVALID;
    build_numeric(message, "c", 0.0, 1.0)->missing = CHW__MISSING_POLICY__MISSING_IMPUTE;
    size_t size;
    uint8_t *bytes = build_pack(&message->base, &size);
    struct error_text error;
    if (model_load(bytes, size, &model, &error) != STATUS_OK)
        abort();
    build_reset();
}

static void score(const struct columns *columns)
{
    static float block[COLUMNS_ROWS_MAX];
    static struct record_fault faults[COLUMNS_ROWS_MAX];
    struct binding *binding;
    if (model_bind(model, columns, &binding, NULL) != STATUS_OK)
        abort(); /* nothing is required */
    model_score(binding, 0, columns->rows, block, faults);
    for (uint32_t row = 0; row < columns->rows; row++) {
        float p;
        struct record_fault fault;
        model_score(binding, row, 1, &p, &fault);
        if (memcmp(&p, &block[row], sizeof p) != 0 || !(p >= 0.0F && p <= 1.0F) ||
            fault.fault != faults[row].fault)
            abort();
    }
    binding_free(binding);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (model == NULL)
        load_model();
    Chw__Batch *batch = (Chw__Batch *)proto_parse(&chw__batch__descriptor, data, size);
    if (batch == NULL)
        return 0;
    struct columns columns;
    struct error_text error;
    if (columns_view(batch, &columns, &error) == STATUS_OK) {
        for (size_t i = 0; i < columns.count; i++)
            if (columns_find(&columns, batch->columns[i]->name) == NULL)
                abort();
        score(&columns);
        columns_release(&columns);
    }
    proto_free((ProtobufCMessage *)batch);
    return 0;
}
