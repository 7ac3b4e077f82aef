/* SPDX-License-Identifier: Apache-2.0 */
/* load.c - people into columns; a closed loop with a window. */
#include "bench/load.h"

#include "base/clock.h"
#include "base/hash.h"
#include "client/population.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
    REGIONS = 12,
    WAIT_MS = 200,
    COLUMNS_MAX = 16,
    DESCRIBE_MS = 10000,
    DAY_S = 86400
};

/* ---- people as cells ---- */

struct cell {
    float number;     /* NaN: missing */
    const char *name; /* NULL: missing */
};

static const char *yes_no(bool value)
{
    return value ? "Yes" : "No";
}

static struct cell cell_age(const struct person *person)
{
    return (struct cell){.number = (float)person->age};
}

static struct cell cell_sex(const struct person *person)
{
    return (struct cell){.name = person->sex == SEX_MALE ? "Male" : "Female"};
}

static struct cell cell_bmi(const struct person *person)
{
    return (struct cell){.number =
                             person->bmi_missing ? NAN : (float)person->bmi_tenths / 10};
}

static struct cell cell_systolic(const struct person *person)
{
    return (struct cell){
        .number = person->systolic_bp_missing ? NAN : (float)person->systolic_bp};
}

static struct cell cell_smoking(const struct person *person)
{
    static const char *const names[] = {"never", "former", "current"};
    return (struct cell){.name = names[person->smoking]};
}

static struct cell cell_activity(const struct person *person)
{
    return (struct cell){.number = (float)person->activity};
}

static struct cell cell_family(const struct person *person)
{
    return (struct cell){.name = yes_no(person->family_history)};
}

static struct cell cell_diabetes(const struct person *person)
{
    return (struct cell){.name = yes_no(person->diabetes_known)};
}

static struct cell cell_income(const struct person *person)
{
    static const char *const names[] = {"low", "middle", "high"};
    return (struct cell){.name = person->income_missing ? NULL : names[person->income]};
}

struct source {
    const char *name;
    struct cell (*read)(const struct person *person);
};

static const struct source *find_source(const char *name)
{
    static const struct source sources[] = {
        {"age", cell_age},
        {"sex", cell_sex},
        {"bmi", cell_bmi},
        {"systolic_bp", cell_systolic},
        {"smoking", cell_smoking},
        {"activity", cell_activity},
        {"family_history", cell_family},
        {"diabetes_known", cell_diabetes},
        {"income", cell_income},
    };
    for (size_t i = 0; i < sizeof sources / sizeof sources[0]; i++)
        if (strcmp(sources[i].name, name) == 0)
            return &sources[i];
    return NULL;
}

/* ---- making batches ---- */

struct column {
    const char *name;
    const struct source *source;
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
        column->source = find_source(column->name);
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
        struct cell cell = making->columns[i].source->read(&person);
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
    out->expected = calloc(count, sizeof *out->expected);
    if (out->batches == NULL || out->expected == NULL)
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
    free(self->expected);
    *self = (struct load){0};
}

uint64_t load_hash(const float *probabilities, size_t count)
{
    return hash_bytes(1, probabilities, count * sizeof *probabilities);
}

/* ---- a run ---- */

struct running {
    const struct load *load;
    struct chw_client *client;
    double *sent_ms; /* by batch */
    uint64_t first;  /* sequence of batch 0 */
    size_t sent, done, count;
    struct load_run *out;
};

static double now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

static enum status send_some(struct running *self, struct error_text *error)
{
    while (self->sent < self->count) {
        uint64_t sequence;
        double sent_ms = now_ms();
        enum chw_status status = chw_submit(
            self->client, self->load->batches[self->sent % self->load->count], &sequence);
        if (status == CHW_FULL)
            break;
        if (status != CHW_OK)
            return error_set(error, STATUS_UNAVAILABLE, "batch %zu: %s", self->sent,
                             chw_last_error(self->client));
        if (self->sent == 0)
            self->first = sequence;
        self->sent_ms[self->sent++] = sent_ms;
    }
    return STATUS_OK;
}

static enum status check_result(const struct load *load, const struct chw_result *result,
                                size_t which, struct error_text *error)
{
    size_t rows = chw_result_rows(result);
    enum chw_outcome outcome = chw_result_outcome(result);
    if (outcome != CHW_COUNTED && outcome != CHW_SCORED)
        return error_set(error, STATUS_CORRUPT, "batch %zu has outcome %d: %s", which,
                         (int)outcome, chw_result_reason(result));
    if (rows != load->batch_rows || chw_result_target_count(result) != 1)
        return error_set(error, STATUS_CORRUPT, "batch %zu has %zu answers", which, rows);
    if (load->expected[which] != 0 &&
        load_hash(chw_result_probabilities(result, 0), rows) != load->expected[which])
        return error_set(error, STATUS_CORRUPT,
                         "batch %zu: the cluster's probabilities are not those of the "
                         "reference",
                         which);
    return STATUS_OK;
}

static enum status take_one(struct running *self, struct error_text *error)
{
    struct chw_result *result;
    enum chw_status got = chw_wait(self->client, WAIT_MS, &result);
    if (got == CHW_TIMEOUT)
        return STATUS_OK;
    if (got != CHW_OK)
        return error_set(error, STATUS_UNAVAILABLE, "%s", chw_last_error(self->client));
    size_t which = (size_t)(chw_result_sequence(result) - self->first);
    self->out->latencies_ms[self->done++] = now_ms() - self->sent_ms[which];
    enum status status =
        check_result(self->load, result, which % self->load->count, error);
    chw_result_free(result);
    return status;
}

enum status load_run(const struct load *self, size_t count, struct chw_client *client,
                     struct cluster *cluster, struct load_run *out,
                     struct error_text *error)
{
    *out = (struct load_run){.count = count};
    out->latencies_ms = calloc(count + 1, sizeof *out->latencies_ms);
    struct running running = {.load = self,
                              .client = client,
                              .sent_ms = calloc(count + 1, sizeof(double)),
                              .count = count,
                              .out = out};
    if (out->latencies_ms == NULL || running.sent_ms == NULL) {
        free(running.sent_ms);
        return error_set(error, STATUS_NOMEM, "out of memory");
    }
    double start_ms = now_ms();
    enum status status = STATUS_OK;
    while (status == STATUS_OK && running.done < count) {
        status = send_some(&running, error);
        if (status == STATUS_OK)
            status = take_one(&running, error);
        if (status == STATUS_OK)
            status = cluster_check(cluster, error);
    }
    out->seconds = (now_ms() - start_ms) / 1e3;
    free(running.sent_ms);
    return status;
}

void load_run_release(struct load_run *self)
{
    free(self->latencies_ms);
    *self = (struct load_run){0};
}
