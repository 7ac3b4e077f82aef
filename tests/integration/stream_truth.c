/* SPDX-License-Identifier: Apache-2.0 */
/* The truth about a scored stream, from its input, its results and the store: each
 * probability must equal the reference scorer's, computed here in process, bit for bit;
 * the demand recomputed from the results must equal the store's, to the integer.
 *
 * usage: stream-truth STORE INPUT.csv RESULTS.csv REGION_COLUMN
 * Prints one line of counts; ends with 1 and a sentence at the first difference. */
#include "model/model.h"
#include "store/store.h"
#include "table/csv_reader.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CHUNK_ROWS = 4096, VERSIONS_MAX = 16, CELLS_MAX = 65536, CATEGORIES = 256 };

struct truth {
    struct store *store;
    struct csv_reader *input, *results;
    size_t region_column; /* of the input */
    struct model *models[VERSIONS_MAX];
    size_t model_count;
    struct demand_cell *cells;
    size_t cell_count;
    uint64_t rows, ok, compared;
};

/* What one chunk holds of the two files. */
struct chunk {
    uint32_t rows;
    char **input;   /* rows * input columns, owned */
    char **results; /* rows * results columns, owned */
};

static void die(const char *what, const char *detail)
{
    fprintf(stderr, "stream-truth: %s: %s\n", what, detail);
    exit(EXIT_FAILURE);
}

static void must(enum status status, const struct error_text *error)
{
    if (status != STATUS_OK)
        die(status_text(status), error->text);
}

static const struct model *model_of(struct truth *self, const char *version)
{
    struct error_text error = {""};
    struct digest digest;
    uint8_t *bytes;
    size_t size;
    if (digest_parse(version, &digest) != STATUS_OK)
        die("not a full version in the results", version);
    for (size_t i = 0; i < self->model_count; i++)
        if (memcmp(model_version(self->models[i]), &digest, sizeof digest) == 0)
            return self->models[i];
    if (self->model_count == VERSIONS_MAX)
        die("more versions than expected", version);
    must(store_get(self->store, ARTIFACT_MODEL, &digest, &bytes, &size, &error), &error);
    must(model_load(bytes, size, &self->models[self->model_count], &error), &error);
    free(bytes);
    return self->models[self->model_count++];
}

static void copy_row(char **to, const struct csv_row *row, size_t count)
{
    for (size_t i = 0; i < count; i++)
        to[i] = strdup(row->cells[i]);
}

static bool read_chunk(struct truth *self, struct chunk *chunk)
{
    size_t wide = csv_reader_column_count(self->input);
    size_t narrow = csv_reader_column_count(self->results);
    struct error_text error = {""};
    struct csv_row row;
    for (chunk->rows = 0; chunk->rows < CHUNK_ROWS; chunk->rows++) {
        enum status status = csv_reader_next(self->input, &row, &error);
        if (status == STATUS_END)
            break;
        must(status, &error);
        copy_row(chunk->input + chunk->rows * wide, &row, wide);
        must(csv_reader_next(self->results, &row, &error), &error);
        copy_row(chunk->results + chunk->rows * narrow, &row, narrow);
        if (strtoull(row.cells[0], NULL, 10) != ++self->rows)
            die("results are not in input order, at row", row.cells[0]);
    }
    return chunk->rows > 0;
}

static void free_chunk(const struct truth *self, struct chunk *chunk)
{
    for (size_t i = 0; i < chunk->rows * csv_reader_column_count(self->input); i++)
        free(chunk->input[i]);
    for (size_t i = 0; i < chunk->rows * csv_reader_column_count(self->results); i++)
        free(chunk->results[i]);
}

/* One column of the chunk as a model's feature wants it, in the plainest encoding. */
struct plain_column {
    Chw__Column column;
    Chw__Floats floats;
    Chw__Codes codes;
    float values[CHUNK_ROWS];
    uint8_t bytes[CHUNK_ROWS];
    char *names[CATEGORIES];
    uint8_t valid[CHUNK_ROWS / 8];
    uint8_t unreadable[CHUNK_ROWS / 8];
};

static void set_bit(uint8_t *bits, uint32_t row)
{
    bits[row / 8] = (uint8_t)(bits[row / 8] | 1u << (row % 8));
}

static uint8_t code_of(struct plain_column *self, char *cell)
{
    size_t count = self->codes.n_categories;
    for (size_t i = 0; i < count; i++)
        if (strcmp(self->names[i], cell) == 0)
            return (uint8_t)i;
    if (count == CATEGORIES)
        die("more than 256 categories in a chunk", self->column.name);
    self->names[count] = cell;
    self->codes.n_categories++;
    return (uint8_t)count;
}

static void fill_column(struct plain_column *self, const Chw__Feature *feature,
                        char **cells, size_t stride, uint32_t rows)
{
    bool numeric = feature->kind_case == CHW__FEATURE__KIND_NUMERIC;
    chw__column__init(&self->column);
    chw__floats__init(&self->floats);
    chw__codes__init(&self->codes);
    self->column.name = feature->name;
    self->codes.categories = self->names;
    for (uint32_t row = 0; row < rows; row++) {
        char *cell = cells[row * stride];
        if (csv_cell_is_missing(cell))
            continue;
        set_bit(self->valid, row);
        if (!numeric)
            self->bytes[row] = code_of(self, cell);
        else if (!csv_cell_number(cell, &self->values[row]))
            set_bit(self->unreadable, row);
    }
    size_t bitmap_size = (rows + 7) / 8;
    self->column.valid = (ProtobufCBinaryData){bitmap_size, self->valid};
    self->column.unreadable = (ProtobufCBinaryData){bitmap_size, self->unreadable};
    self->floats.values = self->values;
    self->floats.n_values = rows;
    self->codes.codes = (ProtobufCBinaryData){rows, self->bytes};
    self->column.values_case =
        numeric ? CHW__COLUMN__VALUES_FLOATS : CHW__COLUMN__VALUES_CODES;
    if (numeric)
        self->column.floats = &self->floats;
    else
        self->column.codes = &self->codes;
}

/* What the reference scorer says of each row of the chunk. */
static void score_chunk(struct truth *self, const struct model *model,
                        const struct chunk *chunk, float *probabilities,
                        struct record_fault *faults)
{
    const Chw__Model *message = model_message(model);
    struct plain_column *plain = calloc(message->n_features, sizeof *plain);
    Chw__Column **pointers = calloc(message->n_features, sizeof(Chw__Column *));
    Chw__Batch batch;
    struct error_text error = {""};
    struct columns columns;
    struct binding *binding;
    chw__batch__init(&batch);

    batch.rows = chunk->rows;
    batch.columns = pointers;
    for (size_t i = 0; i < message->n_features; i++) {
        size_t column;
        if (csv_reader_find(self->input, message->features[i]->name, &column, NULL) !=
            STATUS_OK)
            continue;
        struct plain_column *slot = &plain[batch.n_columns];
        fill_column(slot, message->features[i], chunk->input + column,
                    csv_reader_column_count(self->input), chunk->rows);
        pointers[batch.n_columns++] = &slot->column;
    }
    must(columns_view(&batch, &columns, &error), &error);
    must(model_bind(model, &columns, &binding, &error), &error);
    model_reference_score(binding, 0, chunk->rows, probabilities, faults);
    binding_free(binding);
    columns_release(&columns);
    free(pointers);
    free(plain);
}

static struct demand_cell *cell_of(struct truth *self, const char *region,
                                   const char *target, const char *tier)
{
    for (size_t i = self->cell_count; i-- > 0;) {
        struct demand_cell *cell = &self->cells[i];
        if (strcmp(cell->region, region) == 0 && strcmp(cell->target, target) == 0 &&
            strcmp(cell->tier, tier) == 0)
            return cell;
    }
    if (self->cell_count == CELLS_MAX)
        die("more demand cells than expected", region);
    struct demand_cell *cell = &self->cells[self->cell_count++];
    snprintf(cell->region, sizeof cell->region, "%s", region);
    snprintf(cell->target, sizeof cell->target, "%s", target);
    snprintf(cell->tier, sizeof cell->tier, "%s", tier);
    return cell;
}

static void count_row(struct truth *self, const char *region, const char *target,
                      const char *tier, float probability)
{
    double p = (double)probability;
    struct demand_cell *cell = cell_of(self, region, target, tier);
    cell->people++;
    cell->sum_p += llrint(p * 4294967296.0);
    cell->sum_pq += llrint(p * (1.0 - p) * 4294967296.0);
}

/* Compare the three columns NAME_probability, NAME_tier, NAME_version that begin at `at`.
 */
static void check_target(struct truth *self, const struct chunk *chunk, size_t at)
{
    static float probabilities[CHUNK_ROWS];
    static struct record_fault faults[CHUNK_ROWS];
    const struct model *scored_by = NULL;
    size_t wide = csv_reader_column_count(self->input);
    size_t narrow = csv_reader_column_count(self->results);

    for (uint32_t row = 0; row < chunk->rows; row++) {
        char **cells = chunk->results + row * narrow;
        if (strcmp(cells[2], "ok") != 0)
            continue;
        const struct model *model = model_of(self, cells[at + 2]);
        if (model != scored_by)
            score_chunk(self, model, chunk, probabilities, faults);
        scored_by = model;
        float printed = strtof(cells[at], NULL);
        if (faults[row].fault != CHW__RECORD_FAULT__RECORD_FAULT_NONE ||
            memcmp(&printed, &probabilities[row], sizeof printed) != 0)
            die("differs from the reference scorer, at row", cells[0]);
        if (strcmp(cells[1], chunk->input[row * wide + self->region_column]) != 0)
            die("another region than in the input, at row", cells[0]);
        count_row(self, cells[1], model_name(model), cells[at + 1], printed);
        self->compared++;
    }
}

static void check_statuses(struct truth *self, const struct chunk *chunk)
{
    size_t narrow = csv_reader_column_count(self->results);
    for (uint32_t row = 0; row < chunk->rows; row++) {
        const char *status = chunk->results[row * narrow + 2];
        if (strcmp(status, "ok") == 0)
            self->ok++;
        else if (strncmp(status, "invalid: ", 9) != 0)
            die("a record without a score or a reason", status);
    }
}

struct comparison {
    struct truth *truth;
    uint64_t cells;
};

static bool compare_cell(void *arg, const struct demand_cell *stored)
{
    struct comparison *self = arg;
    struct demand_cell *cell =
        cell_of(self->truth, stored->region, stored->target, stored->tier);
    cell->people -= stored->people;
    cell->sum_p -= stored->sum_p;
    cell->sum_pq -= stored->sum_pq;
    self->cells++;
    return true;
}

static uint64_t check_demand(struct truth *self)
{
    struct error_text error = {""};
    struct comparison comparison = {self, 0};
    must(store_demand(self->store, 0, compare_cell, &comparison, &error), &error);
    for (size_t i = 0; i < self->cell_count; i++) {
        const struct demand_cell *cell = &self->cells[i];
        if (cell->people != 0 || cell->sum_p != 0 || cell->sum_pq != 0) {
            fprintf(
                stderr,
                "stream-truth: demand of %s %s %s: results minus store is %lld people\n",
                cell->region, cell->target, cell->tier, (long long)cell->people);
            exit(EXIT_FAILURE);
        }
    }
    return comparison.cells;
}

int main(int argc, char **argv)
{
    struct truth self = {.cells = calloc(CELLS_MAX, sizeof(struct demand_cell))};
    struct error_text error = {""};
    struct csv_row row;
    if (argc != 5)
        die("usage", "stream-truth STORE INPUT.csv RESULTS.csv REGION_COLUMN");
    must(store_open(argv[1], &self.store, &error), &error);
    must(csv_reader_open(argv[2], &self.input, &error), &error);
    must(csv_reader_open(argv[3], &self.results, &error), &error);
    must(csv_reader_find(self.input, argv[4], &self.region_column, &error), &error);

    size_t wide = csv_reader_column_count(self.input);
    size_t narrow = csv_reader_column_count(self.results);
    struct chunk chunk = {.input = calloc(wide * CHUNK_ROWS, sizeof(char *)),
                          .results = calloc(narrow * CHUNK_ROWS, sizeof(char *))};
    while (read_chunk(&self, &chunk)) {
        check_statuses(&self, &chunk);
        for (size_t at = 3; at + 3 <= narrow; at += 3)
            check_target(&self, &chunk, at);
        free_chunk(&self, &chunk);
    }
    if (csv_reader_next(self.results, &row, &error) != STATUS_END)
        die("more results than records", argv[3]);
    uint64_t cells = check_demand(&self);
    printf("%llu records, %llu ok, %llu probabilities equal, %llu demand cells equal, "
           "%zu versions\n",
           (unsigned long long)self.rows, (unsigned long long)self.ok,
           (unsigned long long)self.compared, (unsigned long long)cells,
           self.model_count);

    for (size_t i = 0; i < self.model_count; i++)
        model_free(self.models[i]);
    free(chunk.input);
    free(chunk.results);
    free(self.cells);
    csv_reader_close(self.input);
    csv_reader_close(self.results);
    store_close(self.store);
    return EXIT_SUCCESS;
}
