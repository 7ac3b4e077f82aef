/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as a plan, and as an allocation: what is read can be printed and asked for,
 * or there is a sentence. */
#include "optimizer/allocation.h"
#include "optimizer/plan.h"
#include "optimizer/plan_print.h"

#include <stdlib.h>

static void print(const Chw__Plan *plan)
{
    static const char *const formats[] = {"table", "csv", "json"};
    static const struct digest version;
    FILE *nowhere = fopen("/dev/null", "w");
    if (nowhere == NULL)
        abort();
    for (size_t i = 0; i < sizeof formats / sizeof formats[0]; i++)
        plan_print_find(formats[i])(plan, &version, nowhere);
    fclose(nowhere);
}

static void ask(const struct allocation *allocation)
{
    for (size_t i = 0; i < allocation->resource_count; i++)
        if (!(allocation_number(&allocation->resources[i].capacity, "A") >= 0))
            abort();
    if (!(allocation_number(&allocation->travel, "A") > 0))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    Chw__Plan *plan;
    struct allocation *allocation;
    struct error_text error;
    if (plan_unpack(data, size, &plan, &error) == STATUS_OK)
        print(plan);
    plan_free(plan);
    if (allocation_parse("a.yaml", (const char *)data, size, &allocation, &error) ==
        STATUS_OK)
        ask(allocation);
    allocation_free(allocation);
    return 0;
}
