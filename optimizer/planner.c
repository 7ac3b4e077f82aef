/* SPDX-License-Identifier: Apache-2.0 */
/* planner.c - read, compare with what was read before, solve. */
#include "optimizer/planner.h"

#include "optimizer/plan.h"
#include "optimizer/publish.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static enum status read_demand(const struct planner_inputs *inputs, struct demand *out,
                               struct error_text *error)
{
    return inputs->demand != NULL
               ? demand_from_csv(inputs->demand, inputs->period, out, error)
               : demand_from_store(inputs->store, inputs->period, out, error);
}

/* Cells are zeroed before they are filled, so their bytes are a function of what they
 * hold. */
static enum status digest_inputs(const struct allocation *allocation,
                                 const struct demand *demand, struct digest *out)
{
    size_t cells = demand->count * sizeof *demand->cells;
    uint8_t *bytes = malloc(DIGEST_SIZE + cells);
    if (bytes == NULL)
        return STATUS_NOMEM;
    memcpy(bytes, allocation->digest.bytes, DIGEST_SIZE);
    memcpy(bytes + DIGEST_SIZE, demand->cells, cells);
    *out = digest_sha256(bytes, DIGEST_SIZE + cells);
    free(bytes);
    return STATUS_OK;
}

/* ---- regions without demand: misspelt, or nobody was scored there ---- */

static int by_region(const void *region, const void *cell)
{
    return strcmp(region, ((const struct demand_cell *)cell)->region);
}

struct strangers {
    const struct demand *demand;
    size_t count;
    const char *what, *region; /* the first */
};

static void find_strangers(struct strangers *self, const char *what,
                           const struct allocation_numbers *numbers)
{
    for (size_t i = 0; i < numbers->count; i++) {
        const char *region = numbers->items[i].region;
        if (bsearch(region, self->demand->cells, self->demand->count,
                    sizeof *self->demand->cells, by_region) != NULL)
            continue;
        if (self->count++ == 0) {
            self->what = what;
            self->region = region;
        }
    }
}

static void warn(const char *path, const struct allocation *allocation,
                 const struct demand *demand, struct error_text *out)
{
    struct strangers strangers = {.demand = demand};
    for (size_t i = 0; i < allocation->resource_count; i++)
        find_strangers(&strangers, allocation->resources[i].name,
                       &allocation->resources[i].capacity);
    find_strangers(&strangers, "travel", &allocation->travel);
    if (strangers.count > 0)
        error_set(out, STATUS_NOT_FOUND,
                  "%s: %zu regions' numbers are without effect, as there is no "
                  "demand in %" PRId32 "-%02" PRId32 "; the first is %s of %s",
                  path, strangers.count, demand->period / 100, demand->period % 100,
                  strangers.what, strangers.region);
}

static enum status solve(struct allocation *allocation, const struct demand *demand,
                         const struct digest *known, struct planner_result *out,
                         struct error_text *error)
{
    enum status status = digest_inputs(allocation, demand, &out->inputs);
    if (status != STATUS_OK)
        return error_set(error, status, "out of memory");
    if (known != NULL && memcmp(known, &out->inputs, sizeof *known) == 0)
        return STATUS_OK;
    return plan_make(allocation, demand, &out->bytes, &out->size, error);
}

enum status planner_run(const struct planner_inputs *inputs, const struct digest *known,
                        struct planner_result *out, struct error_text *error)
{
    struct allocation *allocation = NULL;
    struct demand demand = {.count = 0};
    *out = (struct planner_result){.bytes = NULL};
    enum status status = allocation_read(inputs->allocation, &allocation, error);
    if (status == STATUS_OK && inputs->store != NULL) {
        status = publish_check_program(inputs->store, allocation, error);
        if (status == STATUS_MALFORMED)
            error_prefix(error, status, "%s", inputs->allocation);
    }
    if (status == STATUS_OK)
        status = read_demand(inputs, &demand, error);
    if (status == STATUS_OK)
        status = solve(allocation, &demand, known, out, error);
    if (status == STATUS_OK)
        warn(inputs->allocation, allocation, &demand, &out->warning);
    demand_release(&demand);
    allocation_free(allocation);
    return status;
}
