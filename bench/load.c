/* SPDX-License-Identifier: Apache-2.0 */
/* load.c - people into batches. */
#include "bench/load.h"

#include "bench/people.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { REGIONS = 12, COLUMNS_MAX = 16, DESCRIBE_MS = 10000, DAY_S = 86400 };

struct column {
    const char *name;
    const struct people_column *source;
    bool number;
};

struct making {
    struct column columns[COLUMNS_MAX];
    size_t column_count;
    uint64_t seed, row;
};

static enum status choose_columns(const struct chw_description *description,
                                  struct making *making, struct error_text *error)
{
    making->column_count = chw_description_count(description);
    if (making->column_count > COLUMNS_MAX)
        return error_set(error, STATUS_FULL, "the models read %zu columns, expected %d",
                         making->column_count, COLUMNS_MAX);
    for (size_t i = 0; i < making->column_count; i++) {
        struct column *column = &making->columns[i];
        column->name = chw_description_name(description, i);
        column->number = chw_description_is_number(description, i);
        column->source = people_column(column->name);
        if (column->source == NULL)
            return error_set(error, STATUS_NOT_FOUND,
                             "the models read %s, which the synthetic people have not",
                             column->name);
    }
    return STATUS_OK;
}

static bool add_row(struct chw_batch *batch, struct making *making)
{
    struct person person;
    bool added = true;
    population_person(making->seed, REGIONS, making->row++, &person);
    for (size_t i = 0; added && i < making->column_count; i++) {
        struct people_cell cell = making->columns[i].source->read(&person);
        if (making->columns[i].number)
            added = chw_batch_number(batch, i, cell.number) == CHW_OK;
        else if (cell.name != NULL)
            added = chw_batch_category(batch, i, cell.name) == CHW_OK;
    }
    return added && chw_batch_end_row(batch) == CHW_OK;
}

static struct chw_batch *make_batch(struct making *making, uint32_t region, int32_t as_of,
                                    uint64_t rows)
{
    char code[POPULATION_REGION_SIZE];
    size_t column;
    population_region(region, code);
    struct chw_batch *batch = chw_batch_new(code, as_of);
    bool made = batch != NULL;
    for (size_t i = 0; made && i < making->column_count; i++)
        made = chw_batch_column(batch, making->columns[i].name,
                                making->columns[i].number ? CHW_NUMBER : CHW_CATEGORY,
                                &column) == CHW_OK;
    for (uint64_t i = 0; made && i < rows; i++)
        made = add_row(batch, making);
    if (made)
        return batch;
    chw_batch_free(batch);
    return NULL;
}

static enum status make_batches(struct making *making, size_t count, struct load *out,
                                struct error_text *error)
{
    out->as_of = (int32_t)(time(NULL) / DAY_S);
    out->batches = calloc(count, sizeof(struct chw_batch *));
    if (out->batches == NULL)
        return error_set(error, STATUS_NOMEM, "out of memory");
    for (; out->count < count; out->count++) {
        out->batches[out->count] = make_batch(making, (uint32_t)(out->count % REGIONS),
                                              out->as_of, out->batch_rows);
        if (out->batches[out->count] == NULL)
            return error_set(error, STATUS_NOMEM, "out of memory");
    }
    return STATUS_OK;
}

enum status load_make(struct chw_client *client, size_t count, uint64_t rows,
                      uint64_t seed, struct load *out, struct error_text *error)
{
    struct chw_description *description = NULL;
    struct making making = {.seed = seed, .row = 1};
    *out = (struct load){.batch_rows = rows};
    if (chw_describe(client, NULL, 0, DESCRIBE_MS, &description) != CHW_OK)
        return error_set(error, STATUS_UNAVAILABLE, "what the models read: %s",
                         chw_last_error(client));
    fprintf(stderr, "making %" PRIu64 " records\n", count * rows);
    enum status status = choose_columns(description, &making, error);
    references_open(&out->references, count);
    if (status == STATUS_OK)
        status = make_batches(&making, count, out, error);
    chw_description_free(description);
    return status;
}

void load_free(struct load *self)
{
    for (size_t i = 0; i < self->count; i++)
        chw_batch_free(self->batches[i]);
    free(self->batches);
    references_close(&self->references);
    *self = (struct load){0};
}

enum status load_check(struct load *self, size_t which, const struct chw_result *result,
                       struct error_text *error)
{
    size_t rows = chw_result_rows(result);
    if (rows != self->batch_rows || chw_result_target_count(result) != 1)
        return error_set(error, STATUS_CORRUPT, "batch %zu has %zu answers", which, rows);
    uint64_t hash = references_hash(chw_result_probabilities(result, 0), rows);
    if (references_check(&self->references, which, chw_result_version(result, 0), hash))
        return STATUS_OK;
    return error_set(error, STATUS_CORRUPT,
                     "batch %zu: the cluster's probabilities are not those of the "
                     "reference",
                     which);
}
