/* SPDX-License-Identifier: Apache-2.0 */
/* kernel_table.c - `chw generate` makes the population; splitmix64 the numbers. */
#include "bench/kernel_table.h"

#include "bench/temporary.h"
#include "client/process.h"

#include <inttypes.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

enum {
    PEOPLE = 320000,
    CONTINUOUS_ROWS = 165000,
    CONTINUOUS_COLUMNS = 50,
    MISSING_PERCENT = 5,
};

/* ---- tables from files ---- */

static char *brfss_ids[] = {"row_id"};
static char *brfss_drops[] = {"state_fips", "state", "region"};
static char *people_ids[] = {"person_id"};
static char *people_drops[] = {"region", "diabetes"};

static const struct source {
    const char *target;
    struct config_list ids, drops;
} brfss = {"HeartDisease", {brfss_ids, 1}, {brfss_drops, 3}},
  people = {"chd", {people_ids, 1}, {people_drops, 2}};

static void cut(struct dataset *data, uint64_t rows_max)
{
    if (rows_max > 0 && data->row_count > rows_max)
        data->row_count = rows_max;
}

static enum status read_file(const char *path, const struct source *source,
                             uint64_t rows_max, struct dataset **out,
                             struct error_text *error)
{
    const struct dataset_request request = {.path = path,
                                            .target = source->target,
                                            .ids = &source->ids,
                                            .drops = &source->drops};
    struct progress *progress = progress_new("reading", "rows");
    enum status status = dataset_read(&request, progress, out, error);
    if (status == STATUS_OK) {
        progress_end(progress, (*out)->rows_read);
        cut(*out, rows_max);
    }
    progress_free(progress);
    return status;
}

static enum status generate(const char *path, uint64_t rows, uint64_t seed,
                            struct error_text *error)
{
    char rows_text[24], seed_text[24];
    const char *const words[] = {"chw",     "generate", "--rows", rows_text, "--seed",
                                 seed_text, "-o",       path,     NULL};
    const struct process_spec spec = {
        .argv = words, .log = "/dev/null", .output = -1, .parent_dies = SIGTERM};
    pid_t pid, ended;
    int code;
    snprintf(rows_text, sizeof rows_text, "%" PRIu64, rows);
    snprintf(seed_text, sizeof seed_text, "%" PRIu64, seed);
    enum status status = process_start(&spec, &pid, error);
    if (status != STATUS_OK)
        return status;
    while (!process_reap(&ended, &code))
        (void)process_wait_signal(100);
    return code == EX_OK ? STATUS_OK
                         : error_set(error, STATUS_UNAVAILABLE,
                                     "chw generate ended with code %d", code);
}

static enum status read_people(uint64_t rows, uint64_t seed, struct dataset **out,
                               struct error_text *error)
{
    char path[TEMPORARY_SIZE];
    enum status status = temporary_template("chw-bench-people", path, error);
    if (status != STATUS_OK)
        return status;
    int file = mkstemp(path);
    if (file < 0)
        return error_set(error, STATUS_IO, "%s: cannot be made", path);
    close(file);
    status = generate(path, rows, seed, error);
    if (status == STATUS_OK)
        status = read_file(path, &people, 0, out, error);
    unlink(path);
    return status;
}

/* ---- continuous numbers ---- */

/* splitmix64. */
static uint64_t next_random(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15U;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9U;
    z = (z ^ z >> 27) * 0x94d049bb133111ebU;
    return z ^ z >> 31;
}

/* Within (0, 1). */
static double next_uniform(uint64_t *state)
{
    return ((double)(next_random(state) >> 11) + 0.5) / 9007199254740992.0;
}

static double next_normal(uint64_t *state)
{
    double radius = sqrt(-2 * log(next_uniform(state)));
    return radius * cos(6.283185307179586 * next_uniform(state));
}

static uint8_t draw_outcome(const double *x, uint64_t *state)
{
    double logit =
        -1 + x[0] - 0.7 * x[1] + x[2] * x[3] + sin(2 * x[4]) + 0.5 * x[5] * x[5] - 0.5;
    for (size_t i = 6; i < CONTINUOUS_COLUMNS; i++)
        logit += 0.1 * x[i];
    return next_uniform(state) < 1 / (1 + exp(-logit));
}

static void draw_row(struct dataset *data, size_t row, uint64_t *state)
{
    double x[CONTINUOUS_COLUMNS];
    for (size_t i = 0; i < CONTINUOUS_COLUMNS; i++)
        x[i] = next_normal(state);
    data->numbers[row] = row + 1;
    data->outcomes[row] = draw_outcome(x, state);
    data->positive_count += data->outcomes[row];
    for (size_t i = 0; i < CONTINUOUS_COLUMNS; i++) {
        bool missing = next_random(state) % 100 < MISSING_PERCENT;
        data->columns[i].values[row] = missing ? NAN : (float)x[i];
        data->columns[i].missing_count += missing;
    }
}

static bool make_columns(struct dataset *data, size_t rows)
{
    data->columns = calloc(CONTINUOUS_COLUMNS, sizeof *data->columns);
    data->numbers = calloc(rows, sizeof *data->numbers);
    data->outcomes = calloc(rows, sizeof *data->outcomes);
    data->positive = strdup("1");
    bool made = data->columns != NULL && data->numbers != NULL &&
                data->outcomes != NULL && data->positive != NULL;
    for (size_t i = 0; made && i < CONTINUOUS_COLUMNS; i++) {
        struct dataset_column *column = &data->columns[data->column_count++];
        char name[16];
        snprintf(name, sizeof name, "x%zu", i);
        column->name = strdup(name);
        column->numeric = true;
        column->values = calloc(rows, sizeof *column->values);
        made = column->name != NULL && column->values != NULL;
    }
    return made;
}

static struct dataset *make_continuous(size_t rows, uint64_t seed)
{
    struct dataset *data = calloc(1, sizeof *data);
    if (data == NULL || !make_columns(data, rows)) {
        dataset_free(data);
        return NULL;
    }
    uint64_t state = seed;
    for (; data->row_count < rows; data->row_count++)
        draw_row(data, data->row_count, &state);
    data->rows_read = rows;
    return data;
}

/* ---- tables ---- */

static enum status split(struct kernel_table *self, uint64_t seed,
                         struct error_text *error)
{
    const struct split_request request = {.seed = seed, .heldout = 0.4};
    return split_rows(self->data, &request, &self->split, error);
}

enum status kernel_table_open(const char *path, uint64_t rows_max, uint64_t seed,
                              struct kernel_table **out, struct error_text *error)
{
    struct kernel_table *self = calloc(1, sizeof *self);
    if (self == NULL)
        return STATUS_NOMEM;
    uint64_t people_count = rows_max == 0 ? PEOPLE : rows_max;
    enum status status = path != NULL
                             ? read_file(path, &brfss, rows_max, &self->data, error)
                             : read_people(people_count, seed, &self->data, error);
    if (status == STATUS_OK)
        status = split(self, seed, error);
    if (status != STATUS_OK) {
        kernel_table_free(self);
        return status;
    }
    if (path != NULL)
        snprintf(self->origin, sizeof self->origin, "%s, %zu rows", path,
                 self->data->row_count);
    else
        snprintf(self->origin, sizeof self->origin,
                 "the synthetic population, %zu people (seed %" PRIu64 ")",
                 self->data->row_count, seed);
    *out = self;
    return STATUS_OK;
}

enum status kernel_table_make(uint64_t rows_max, uint64_t seed, struct kernel_table **out,
                              struct error_text *error)
{
    enum status status = STATUS_NOMEM;
    struct kernel_table *self = calloc(1, sizeof *self);
    if (self == NULL)
        return status;
    self->data = make_continuous(rows_max == 0 ? CONTINUOUS_ROWS : rows_max, seed);
    if (self->data != NULL)
        status = split(self, seed, error);
    if (status != STATUS_OK) {
        kernel_table_free(self);
        return status;
    }
    snprintf(self->origin, sizeof self->origin,
             "%d columns of normal numbers, %d %% missing, %zu rows (seed %" PRIu64 ")",
             CONTINUOUS_COLUMNS, MISSING_PERCENT, self->data->row_count, seed);
    *out = self;
    return STATUS_OK;
}

void kernel_table_free(struct kernel_table *self)
{
    if (self == NULL)
        return;
    split_free(self->split);
    dataset_free(self->data);
    free(self);
}
