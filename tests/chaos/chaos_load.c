/* SPDX-License-Identifier: Apache-2.0 */
/* Many clients of libchw at once, each with its thread: rows of a table as batches, and
 * the sums of what was answered, for a test to compare with the store's demand.
 *
 * Prints, as CSV: `cell,REGION,TARGET,TIER,people,sum_p,sum_pq` for each client, then
 * `latency_ms,batches,p50,p99,max`, from chw_submit() to the answer. Ends with 1 and a
 * sentence when a batch is not counted or not answered in time. */
#include "base/clock.h"
#include "base/config.h"
#include "client/chw.h"
#include "table/csv_reader.h"

#include <inttypes.h>
#include <math.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    COLUMNS_MAX = 64,
    CELLS_MAX = 64, /* targets times tiers of one client's region */
    CLIENTS_MAX = 1000,
    STACK_SIZE = 1 << 18,
    WAIT_MS = 100,
};

struct load_config {
    char *broker, *region;
    uint64_t clients, batches, rows, window, pause_ms, seconds;
};

#define KEY(name, type, field) name, type, offsetof(struct load_config, field)
static const struct config_key keys[] = {
    {KEY("broker", CONFIG_TEXT, broker), NULL, 0, 0, "ENDPOINT", "where clients connect"},
    {KEY("region", CONFIG_TEXT, region), "chaos/#", 0, 0, "REGION",
     "of all batches; # is the client's number"},
    {KEY("clients", CONFIG_COUNT, clients), "1", 1, CLIENTS_MAX, "N", "at once"},
    {KEY("batches", CONFIG_COUNT, batches), "10", 1, 1 << 20, "N", "of each client"},
    {KEY("rows", CONFIG_COUNT, rows), "64", 1, CHW_ROWS_MAX, "N", "of a batch"},
    {KEY("window", CONFIG_COUNT, window), "1", 1, 1024, "N", "batches in flight"},
    {KEY("pause-ms", CONFIG_COUNT, pause_ms), "0", 0, 60000, "MS",
     "from an answer to the next batch"},
    {KEY("seconds", CONFIG_COUNT, seconds), "120", 1, 3600, "S", "to the last answer"},
};
#undef KEY

static const struct config_spec spec = {
    .program = "chaos-load",
    .summary = "Score rows of a table by many clients at once; sum up the answers.",
    .operands = "FILE",
    .operands_min = 1,
    .operands_max = 1,
    .keys = keys,
    .key_count = sizeof keys / sizeof keys[0],
};

struct column {
    const char *name; /* borrowed from the description */
    bool is_number;
    size_t cell;
};

/* What all clients read, and none changes. */
struct table {
    char **cells; /* owned; rows times width */
    size_t rows, width;
    struct column columns[COLUMNS_MAX];
    size_t column_count;
};

struct sum {
    char target[CHW_TARGET_MAX + 1], tier[64];
    int64_t people, sum_p, sum_pq;
};

struct client {
    const struct load_config *config;
    const struct table *table;
    uint32_t number;
    int32_t as_of;
    uint64_t end_ms, next_ms; /* give up; send the next one */
    char region[CHW_REGION_MAX + 1];
    struct chw_client *handle;
    uint64_t submitted, answered;
    uint64_t *sent_ms;    /* by sequence - 1; owned */
    double *latencies_ms; /* of the answered; owned */
    struct sum sums[CELLS_MAX];
    size_t sum_count;
    struct chw_error error; /* empty: all went well */
};

static bool fail(struct client *self, const char *what, const char *detail)
{
    snprintf(self->error.text, sizeof self->error.text,
             "client %" PRIu32 ": %s: %.300s; %" PRIu64 " of %" PRIu64
             " batches answered",
             self->number, what, detail, self->answered, self->config->batches);
    return false;
}

static void die(const char *what, const char *detail)
{
    fprintf(stderr, "chaos-load: %s: %s\n", what, detail);
    exit(EXIT_FAILURE);
}

/* ---- the table ---- */

static void read_table(const char *path, size_t rows, struct csv_reader *reader,
                       struct table *table)
{
    struct error_text error = {""};
    struct csv_row row;
    table->width = csv_reader_column_count(reader);
    table->cells = calloc(rows * table->width, sizeof *table->cells);
    while (table->rows < rows && csv_reader_next(reader, &row, &error) == STATUS_OK) {
        for (size_t i = 0; i < table->width; i++)
            table->cells[table->rows * table->width + i] = strdup(row.cells[i]);
        table->rows++;
    }
    if (table->rows == 0)
        die(path, error.text);
}

/* The columns that the models read and the table has. */
static void choose_columns(const struct chw_description *description,
                           const struct csv_reader *reader, struct table *table)
{
    for (size_t i = 0; i < chw_description_count(description); i++) {
        struct column *column = &table->columns[table->column_count];
        column->name = chw_description_name(description, i);
        column->is_number = chw_description_is_number(description, i);
        if (csv_reader_find(reader, column->name, &column->cell, NULL) == STATUS_OK &&
            ++table->column_count == COLUMNS_MAX)
            die("more columns than expected", column->name);
    }
}

/* ---- a batch ---- */

static bool add_cell(struct chw_batch *batch, size_t column, bool is_number,
                     const char *cell)
{
    float value;
    if (csv_cell_is_missing(cell))
        return true;
    if (!is_number)
        return chw_batch_category(batch, column, cell) == CHW_OK;
    return (csv_cell_number(cell, &value)
                ? chw_batch_number(batch, column, value)
                : chw_batch_unreadable(batch, column)) == CHW_OK;
}

static bool add_row(const struct table *table, struct chw_batch *batch, size_t row)
{
    bool added = true;
    for (size_t i = 0; added && i < table->column_count; i++)
        added = add_cell(
            batch, i, table->columns[i].is_number,
            table->cells[row % table->rows * table->width + table->columns[i].cell]);
    return added && chw_batch_end_row(batch) == CHW_OK;
}

static struct chw_batch *make_batch(const struct client *self)
{
    const struct table *table = self->table;
    struct chw_batch *batch = chw_batch_new(self->region, self->as_of);
    uint64_t first =
        (self->number * self->config->batches + self->submitted) * self->config->rows;
    size_t column;
    bool made = batch != NULL;
    for (size_t i = 0; made && i < table->column_count; i++)
        made = chw_batch_column(batch, table->columns[i].name,
                                table->columns[i].is_number ? CHW_NUMBER : CHW_CATEGORY,
                                &column) == CHW_OK;
    for (uint64_t i = 0; made && i < self->config->rows; i++)
        made = add_row(table, batch, first + i);
    if (made)
        return batch;
    chw_batch_free(batch);
    return NULL;
}

/* ---- an answer ---- */

static struct sum *sum_of(struct client *self, const char *target, const char *tier)
{
    for (size_t i = 0; i < self->sum_count; i++)
        if (strcmp(self->sums[i].target, target) == 0 &&
            strcmp(self->sums[i].tier, tier) == 0)
            return &self->sums[i];
    if (self->sum_count == CELLS_MAX)
        die("more targets and tiers than expected", target);
    struct sum *sum = &self->sums[self->sum_count++];
    snprintf(sum->target, sizeof sum->target, "%s", target);
    snprintf(sum->tier, sizeof sum->tier, "%s", tier);
    return sum;
}

/* As a settlement counts it: DESIGN "exact sums". */
static void count_target(struct client *self, const struct chw_result *result,
                         size_t target)
{
    const float *probabilities = chw_result_probabilities(result, target);
    for (size_t row = 0; row < chw_result_rows(result); row++) {
        double p = (double)probabilities[row];
        if (chw_result_fault(result, row, NULL) != CHW_FAULT_NONE)
            continue;
        struct sum *sum = sum_of(self, chw_result_target_name(result, target),
                                 chw_result_tier(result, target, row));
        sum->people++;
        sum->sum_p += llrint(p * 4294967296.0);
        sum->sum_pq += llrint(p * (1.0 - p) * 4294967296.0);
    }
}

static bool take_answer(struct client *self, const struct chw_result *result)
{
    uint64_t now_ms = clock_monotonic_ms();
    if (chw_result_outcome(result) != CHW_COUNTED)
        return fail(self, "not counted", chw_result_reason(result));
    for (size_t i = 0; i < chw_result_target_count(result); i++)
        count_target(self, result, i);
    self->latencies_ms[self->answered++] =
        (double)(now_ms - self->sent_ms[chw_result_sequence(result) - 1]);
    self->next_ms = now_ms + self->config->pause_ms;
    return true;
}

/* ---- a client ---- */

static bool submit(struct client *self)
{
    uint64_t sequence;
    struct chw_batch *batch = make_batch(self);
    if (batch == NULL)
        return fail(self, "no batch", "out of memory");
    enum chw_status status = chw_submit(self->handle, batch, &sequence);
    chw_batch_free(batch);
    if (status != CHW_OK)
        return fail(self, "submitting", chw_last_error(self->handle));
    if (sequence != self->submitted + 1)
        return fail(self, "submitting", "the sequence is not the next one");
    self->sent_ms[self->submitted++] = clock_monotonic_ms();
    return true;
}

static bool may_submit(const struct client *self)
{
    return self->submitted < self->config->batches &&
           self->submitted - self->answered < self->config->window &&
           clock_monotonic_ms() >= self->next_ms;
}

static bool take(struct client *self)
{
    struct chw_result *result;
    uint64_t now_ms = clock_monotonic_ms();
    bool idle = self->submitted == self->answered && now_ms < self->next_ms;
    uint64_t wait_ms = idle ? self->next_ms - now_ms : WAIT_MS;
    enum chw_status status = chw_wait(
        self->handle, (uint32_t)(wait_ms < WAIT_MS ? wait_ms : WAIT_MS), &result);
    if (status == CHW_IDLE) { /* nothing to wait for but the time */
        poll(NULL, 0, (int)(wait_ms < WAIT_MS ? wait_ms : WAIT_MS));
        return true;
    }
    if (status == CHW_TIMEOUT)
        return now_ms < self->end_ms ||
               fail(self, "no answer in time", chw_last_error(self->handle));
    if (status != CHW_OK)
        return fail(self, "waiting", chw_last_error(self->handle));
    bool taken = take_answer(self, result);
    chw_result_free(result);
    return taken;
}

static void *run_client(void *arg)
{
    struct client *self = arg;
    const struct chw_options options = {
        .struct_size = sizeof options,
        .endpoint = self->config->broker,
        .window = (uint32_t)self->config->window,
    };
    struct chw_error error;
    bool going = chw_open(&options, &self->handle, &error) == CHW_OK ||
                 fail(self, "opening", error.text);
    while (going && self->answered < self->config->batches) {
        while (going && may_submit(self))
            going = submit(self);
        going = going && take(self);
    }
    chw_close(self->handle);
    return NULL;
}

/* ---- all of them ---- */

/* "chaos/#" -> "chaos/17" */
static void name_region(struct client *self)
{
    const char *from = self->config->region, *at = strchr(from, '#');
    if (at == NULL)
        snprintf(self->region, sizeof self->region, "%s", from);
    else
        snprintf(self->region, sizeof self->region, "%.*s%" PRIu32 "%s", (int)(at - from),
                 from, self->number, at + 1);
}

static void run_all(const struct load_config *config, const struct table *table,
                    struct client *clients)
{
    pthread_t *threads = calloc(config->clients, sizeof *threads);
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, STACK_SIZE);
    for (uint32_t i = 0; i < config->clients; i++) {
        clients[i].config = config;
        clients[i].table = table;
        clients[i].number = i;
        clients[i].as_of = clock_today();
        clients[i].end_ms = clock_monotonic_ms() + config->seconds * 1000;
        clients[i].sent_ms = calloc(config->batches, sizeof(uint64_t));
        clients[i].latencies_ms = calloc(config->batches, sizeof(double));
        name_region(&clients[i]);
        if (pthread_create(&threads[i], &attributes, run_client, &clients[i]) != 0)
            die("no thread", "too many clients for this machine");
    }
    for (uint32_t i = 0; i < config->clients; i++)
        pthread_join(threads[i], NULL);
    pthread_attr_destroy(&attributes);
    free(threads);
}

static int compare_numbers(const void *left, const void *right)
{
    double a = *(const double *)left, b = *(const double *)right;
    return (a > b) - (a < b);
}

static void print_latencies(const struct load_config *config,
                            const struct client *clients)
{
    size_t count = 0;
    double *all = calloc(config->clients * config->batches, sizeof *all);
    for (uint64_t i = 0; i < config->clients; i++)
        for (uint64_t j = 0; j < clients[i].answered; j++)
            all[count++] = clients[i].latencies_ms[j];
    qsort(all, count, sizeof *all, compare_numbers);
    if (count > 0)
        printf("latency_ms,%zu,%.0f,%.0f,%.0f\n", count, all[count / 2],
               all[(count - 1) * 99 / 100], all[count - 1]);
    free(all);
}

/* How many clients failed. */
static uint64_t print_all(const struct load_config *config, const struct client *clients)
{
    uint64_t failed = 0;
    for (uint64_t i = 0; i < config->clients; i++) {
        const struct client *client = &clients[i];
        for (size_t j = 0; j < client->sum_count; j++)
            printf("cell,%s,%s,%s,%" PRId64 ",%" PRId64 ",%" PRId64 "\n", client->region,
                   client->sums[j].target, client->sums[j].tier, client->sums[j].people,
                   client->sums[j].sum_p, client->sums[j].sum_pq);
        if (client->error.text[0] != '\0' && failed++ < 10)
            fprintf(stderr, "chaos-load: %s\n", client->error.text);
    }
    print_latencies(config, clients);
    return failed;
}

static struct chw_description *describe(const struct load_config *config)
{
    const struct chw_options options = {.struct_size = sizeof options,
                                        .endpoint = config->broker};
    struct chw_description *description;
    struct chw_client *client;
    struct chw_error error;
    if (chw_open(&options, &client, &error) != CHW_OK)
        die("opening", error.text);
    if (chw_describe(client, NULL, 0, (uint32_t)config->seconds * 1000, &description) !=
        CHW_OK)
        die("asking what the models read", chw_last_error(client));
    chw_close(client);
    return description;
}

static void release(const struct load_config *config, struct table *table,
                    struct client *clients)
{
    for (uint64_t i = 0; i < config->clients; i++) {
        free(clients[i].sent_ms);
        free(clients[i].latencies_ms);
    }
    free(clients);
    for (size_t i = 0; i < table->rows * table->width; i++)
        free(table->cells[i]);
    free(table->cells);
}

int main(int argc, char **argv)
{
    struct load_config config = {0};
    struct config_list operands = {0};
    struct table table = {0};
    struct csv_reader *reader;
    struct error_text error;
    int exit_code;
    if (!config_load(&spec, argc, argv, &config, &operands, &exit_code))
        return exit_code;
    if (csv_reader_open(operands.items[0], &reader, &error) != STATUS_OK)
        die(operands.items[0], error.text);
    struct chw_description *description = describe(&config);
    choose_columns(description, reader, &table);
    read_table(operands.items[0], config.clients * config.batches * config.rows, reader,
               &table);

    struct client *clients = calloc(config.clients, sizeof *clients);
    run_all(&config, &table, clients);
    uint64_t failed = print_all(&config, clients);

    release(&config, &table, clients);
    chw_description_free(description);
    csv_reader_close(reader);
    config_free(&spec, &config, &operands);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
