/* SPDX-License-Identifier: Apache-2.0 */
/* batch.c - records gathered as columns, then encoded in the smallest type that holds
 * them: the same cells always give the same bytes, so a batch can be rebuilt. */
#include "client/batch.h"

#include "wire/header.h"

#include "batch.pb-c.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { ROWS_FIRST = 16, MODELS_MAX = 16 };

enum cell { CELL_MISSING, CELL_VALUE, CELL_UNREADABLE };

struct batch_column {
    char *name;
    enum chw_column type;
    uint8_t *cells; /* enum cell, one per row; of what is no value the next two are 0 */
    float *values;  /* CHW_NUMBER */
    uint8_t *codes; /* CHW_CATEGORY: index into names */
    char **names;   /* in the order in which they came */
    size_t name_count, names_size;
};

struct chw_batch {
    char region[CHW_REGION_MAX + 1];
    int32_t as_of;
    struct chw_model models[MODELS_MAX]; /* owned texts */
    size_t model_count;
    uint32_t explain;
    struct batch_column *columns;
    size_t column_count, columns_max;
    size_t row_count, rows_max; /* rows_max: what each column has room for */
};

/* ---- making ---- */

struct chw_batch *chw_batch_new(const char *region, int32_t as_of)
{
    if (region == NULL || !region_is_valid(region))
        return NULL;
    struct chw_batch *self = calloc(1, sizeof *self);
    if (self == NULL)
        return NULL;
    strcpy(self->region, region);
    self->as_of = as_of;
    return self;
}

static void release_column(struct batch_column *column)
{
    for (size_t i = 0; i < column->name_count; i++)
        free(column->names[i]);
    free(column->names);
    free(column->name);
    free(column->cells);
    free(column->values);
    free(column->codes);
}

/* The texts of a model are ours, whatever the public struct says. */
static void release_model(struct chw_model *model)
{
    free((void *)(uintptr_t)model->name);
    free((void *)(uintptr_t)model->alias);
}

void chw_batch_free(struct chw_batch *batch)
{
    if (batch == NULL)
        return;
    for (size_t i = 0; i < batch->column_count; i++)
        release_column(&batch->columns[i]);
    for (size_t i = 0; i < batch->model_count; i++)
        release_model(&batch->models[i]);
    free(batch->columns);
    free(batch);
}

enum chw_status chw_batch_model(struct chw_batch *batch, const struct chw_model *model)
{
    if (batch->model_count == MODELS_MAX)
        return CHW_FULL;
    if (model->name == NULL || model->alias == NULL)
        return CHW_INVALID;
    struct chw_model copy = {strdup(model->name), strdup(model->alias)};
    if (copy.name == NULL || copy.alias == NULL) {
        release_model(&copy);
        return CHW_NOMEM;
    }
    batch->models[batch->model_count++] = copy;
    return CHW_OK;
}

enum chw_status chw_batch_explain(struct chw_batch *batch, uint32_t factors)
{
    if (factors > CHW_FACTORS_MAX)
        return CHW_INVALID;
    batch->explain = factors;
    return CHW_OK;
}

static bool has_column(const struct chw_batch *batch, const char *name)
{
    for (size_t i = 0; i < batch->column_count; i++)
        if (strcmp(batch->columns[i].name, name) == 0)
            return true;
    return false;
}

static bool name_fits(const char *name)
{
    return strlen(name) <= CHW_NAME_MAX;
}

static bool grow_columns(struct chw_batch *batch)
{
    if (batch->column_count < batch->columns_max)
        return true;
    size_t columns_max = batch->columns_max == 0 ? 32 : 2 * batch->columns_max;
    struct batch_column *columns = realloc(batch->columns, columns_max * sizeof *columns);
    if (columns == NULL)
        return false;
    batch->columns = columns;
    batch->columns_max = columns_max;
    return true;
}

enum chw_status chw_batch_column(struct chw_batch *batch, const char *name,
                                 enum chw_column type, size_t *column)
{
    if (name == NULL || *name == '\0' || !name_fits(name) || has_column(batch, name) ||
        batch->rows_max > 0)
        return CHW_INVALID;
    if (batch->column_count == CHW_COLUMNS_MAX)
        return CHW_FULL;
    if (!grow_columns(batch))
        return CHW_NOMEM;
    struct batch_column fresh = {.name = strdup(name), .type = type};
    if (fresh.name == NULL)
        return CHW_NOMEM;
    *column = batch->column_count;
    batch->columns[batch->column_count++] = fresh;
    return CHW_OK;
}

/* ---- rows ---- */

static bool grow_array(void **array, size_t item_size, size_t old_count, size_t new_count)
{
    char *larger = realloc(*array, item_size * new_count);
    if (larger == NULL)
        return false;
    memset(larger + item_size * old_count, 0, item_size * (new_count - old_count));
    *array = larger;
    return true;
}

static bool grow_column(struct batch_column *column, size_t old_count, size_t new_count)
{
    void *cells = column->cells, *values = column->values, *codes = column->codes;
    bool grown = grow_array(&cells, 1, old_count, new_count);
    if (column->type == CHW_NUMBER)
        grown = grow_array(&values, sizeof(float), old_count, new_count) && grown;
    else
        grown = grow_array(&codes, 1, old_count, new_count) && grown;
    column->cells = cells;
    column->values = values;
    column->codes = codes;
    return grown;
}

static enum chw_status reserve(struct chw_batch *batch, size_t rows)
{
    if (rows <= batch->rows_max)
        return CHW_OK;
    if (rows > CHW_ROWS_MAX)
        return CHW_FULL;
    size_t rows_max = batch->rows_max == 0 ? ROWS_FIRST : batch->rows_max;
    while (rows_max < rows)
        rows_max *= 2;
    for (size_t i = 0; i < batch->column_count; i++)
        if (!grow_column(&batch->columns[i], batch->rows_max, rows_max))
            return CHW_NOMEM;
    batch->rows_max = rows_max;
    return CHW_OK;
}

/* The column's cell of `row`, with room for it. */
static enum chw_status cell_at(struct chw_batch *batch, size_t column, size_t row,
                               struct batch_column **out)
{
    if (column >= batch->column_count)
        return CHW_INVALID;
    enum chw_status status = reserve(batch, row + 1);
    *out = &batch->columns[column];
    return status;
}

static enum chw_status set_number(struct chw_batch *batch, size_t column, size_t row,
                                  float value)
{
    struct batch_column *to = NULL;
    enum chw_status status = cell_at(batch, column, row, &to);
    if (status != CHW_OK)
        return status;
    if (to->type != CHW_NUMBER)
        return CHW_INVALID;
    to->values[row] = isfinite(value) ? value : 0;
    to->cells[row] = isfinite(value) ? CELL_VALUE
                     : isnan(value)  ? CELL_MISSING
                                     : CELL_UNREADABLE;
    return CHW_OK;
}

/* CHW_CATEGORIES_MAX: not among the column's names. */
static size_t find_name(const struct batch_column *column, const char *name)
{
    for (size_t i = 0; i < column->name_count; i++)
        if (strcmp(column->names[i], name) == 0)
            return i;
    return CHW_CATEGORIES_MAX;
}

bool batch_has_room(const struct chw_batch *self, size_t column, const char *name)
{
    const struct batch_column *at = &self->columns[column];
    return at->name_count < CHW_CATEGORIES_MAX ||
           find_name(at, name) < CHW_CATEGORIES_MAX;
}

static enum chw_status add_name(struct batch_column *column, const char *name,
                                size_t *code)
{
    if (column->name_count == CHW_CATEGORIES_MAX)
        return CHW_FULL;
    char **names = realloc(column->names, (column->name_count + 1) * sizeof *names);
    if (names == NULL)
        return CHW_NOMEM;
    column->names = names;
    names[column->name_count] = strdup(name);
    if (names[column->name_count] == NULL)
        return CHW_NOMEM;
    column->names_size += strlen(name);
    *code = column->name_count++;
    return CHW_OK;
}

static enum chw_status set_category(struct chw_batch *batch, size_t column, size_t row,
                                    const char *name)
{
    struct batch_column *to = NULL;
    enum chw_status status = cell_at(batch, column, row, &to);
    if (status != CHW_OK)
        return status;
    if (to->type != CHW_CATEGORY || !name_fits(name))
        return CHW_INVALID;
    size_t code = find_name(to, name);
    if (code == CHW_CATEGORIES_MAX)
        status = add_name(to, name, &code);
    if (status != CHW_OK)
        return status;
    to->codes[row] = (uint8_t)code;
    to->cells[row] = CELL_VALUE;
    return CHW_OK;
}

enum chw_status chw_batch_number(struct chw_batch *batch, size_t column, float value)
{
    return set_number(batch, column, batch->row_count, value);
}

enum chw_status chw_batch_category(struct chw_batch *batch, size_t column,
                                   const char *name)
{
    return set_category(batch, column, batch->row_count, name);
}

enum chw_status chw_batch_unreadable(struct chw_batch *batch, size_t column)
{
    struct batch_column *to = NULL;
    enum chw_status status = cell_at(batch, column, batch->row_count, &to);
    if (status != CHW_OK)
        return status;
    to->cells[batch->row_count] = CELL_UNREADABLE;
    if (to->type == CHW_NUMBER)
        to->values[batch->row_count] = 0;
    else
        to->codes[batch->row_count] = 0;
    return CHW_OK;
}

enum chw_status chw_batch_end_row(struct chw_batch *batch)
{
    enum chw_status status = reserve(batch, batch->row_count + 1);
    if (status == CHW_OK)
        batch->row_count++;
    return status;
}

size_t chw_batch_rows(const struct chw_batch *batch)
{
    return batch->row_count;
}

static enum chw_status begin_whole(struct chw_batch *batch, size_t rows)
{
    if (rows == 0 || (batch->row_count > 0 && batch->row_count != rows))
        return CHW_INVALID;
    enum chw_status status = reserve(batch, rows);
    if (status == CHW_OK)
        batch->row_count = rows;
    return status;
}

enum chw_status chw_batch_numbers(struct chw_batch *batch, size_t column,
                                  const float *values, size_t rows)
{
    if (column >= batch->column_count || batch->columns[column].type != CHW_NUMBER)
        return CHW_INVALID;
    enum chw_status status = begin_whole(batch, rows);
    for (size_t row = 0; status == CHW_OK && row < rows; row++)
        status = set_number(batch, column, row, values[row]);
    return status;
}

enum chw_status chw_batch_categories(struct chw_batch *batch, size_t column,
                                     const char *const *names, size_t rows)
{
    if (column >= batch->column_count || batch->columns[column].type != CHW_CATEGORY)
        return CHW_INVALID;
    enum chw_status status = begin_whole(batch, rows);
    for (size_t row = 0; status == CHW_OK && row < rows; row++)
        if (names[row] != NULL)
            status = set_category(batch, column, row, names[row]);
    return status;
}

/* ---- encoding ---- */

const char *batch_region(const struct chw_batch *self)
{
    return self->region;
}

int32_t batch_as_of(const struct chw_batch *self)
{
    return self->as_of;
}

/* Numbers may become floats; each text and each message has a tag and a length before it.
 */
size_t batch_size_max(const struct chw_batch *self)
{
    enum { TAGS = 64, NAME_TAGS = 4 };
    size_t size = TAGS, bits = 2 * (self->row_count / 8 + 1);
    for (size_t i = 0; i < self->column_count; i++) {
        const struct batch_column *column = &self->columns[i];
        size_t cell_size = column->type == CHW_NUMBER ? sizeof(float) : 1;
        size += TAGS + strlen(column->name) + self->row_count * cell_size + bits +
                column->names_size + NAME_TAGS * column->name_count;
    }
    for (size_t i = 0; i < self->model_count; i++)
        size += TAGS + strlen(self->models[i].name) + strlen(self->models[i].alias);
    return size;
}

/* The loops over rows below take no branches, so that the compiler makes vectors of them.
 */

static bool all_values(const struct batch_column *column, size_t rows)
{
    uint8_t others = 0;
    for (size_t row = 0; row < rows; row++)
        others |= column->cells[row] ^ CELL_VALUE;
    return others == 0;
}

static bool has_unreadable(const struct batch_column *column, size_t rows)
{
    return memchr(column->cells, CELL_UNREADABLE, rows) != NULL;
}

/* A bitmap of the rows where `items` has `wanted`. */
static bool put_bits(ProtobufCBinaryData *to, const uint8_t *items, size_t rows,
                     uint8_t wanted)
{
    uint8_t *bits = calloc(1, (rows + 7) / 8);
    to->data = bits;
    to->len = (rows + 7) / 8;
    if (bits == NULL)
        return false;
    for (size_t byte = 0; byte < rows / 8; byte++)
        for (unsigned bit = 0; bit < 8; bit++)
            bits[byte] |= (uint8_t)((items[8 * byte + bit] == wanted) << bit);
    for (size_t row = rows / 8 * 8; row < rows; row++)
        bits[row / 8] |= (uint8_t)((items[row] == wanted) << row % 8);
    return true;
}

/* The integer nearest to `value`, where that is from 0 to 255: adding 2^23 leaves it in
 * the sum's lowest bits. Of other values anything. */
static uint8_t nearest_code(float value)
{
    float sum = value + 0x1p23f;
    uint32_t bits;
    memcpy(&bits, &sum, sizeof bits);
    return (uint8_t)bits;
}

/* True: another number, if only by its sign; minus zero is no code. */
static bool is_other(float a, float b)
{
    uint32_t a_bits, b_bits;
    memcpy(&a_bits, &a, sizeof a_bits);
    memcpy(&b_bits, &b, sizeof b_bits);
    return a_bits != b_bits;
}

static bool all_fit_codes(const struct batch_column *column, size_t rows)
{
    unsigned misfits = 0;
    for (size_t row = 0; row < rows; row++) {
        float value = column->values[row];
        misfits |= is_other(value, (float)nearest_code(value));
    }
    return misfits == 0;
}

static bool put_floats(Chw__Column *to, const struct batch_column *column, size_t rows)
{
    to->floats = malloc(sizeof *to->floats);
    if (to->floats == NULL)
        return false;
    to->values_case = CHW__COLUMN__VALUES_FLOATS;
    chw__floats__init(to->floats);
    to->floats->n_values = rows;
    to->floats->values = column->values; /* borrowed */
    return true;
}

static Chw__Codes *new_codes(Chw__Column *to, size_t rows)
{
    to->codes = malloc(sizeof *to->codes);
    if (to->codes == NULL)
        return NULL;
    to->values_case = CHW__COLUMN__VALUES_CODES;
    chw__codes__init(to->codes);
    to->codes->codes.len = rows;
    to->codes->codes.data = malloc(rows);
    return to->codes->codes.data == NULL ? NULL : to->codes;
}

static bool put_number_codes(Chw__Column *to, const struct batch_column *column,
                             size_t rows)
{
    Chw__Codes *codes = new_codes(to, rows);
    if (codes == NULL)
        return false;
    const float *values = column->values;
    uint8_t *data = codes->codes.data;
    for (size_t row = 0; row < rows; row++)
        data[row] = nearest_code(values[row]);
    return true;
}

/* A column whose every category is missing is still one of categories: it has one,
 * unused, without a name. */
static char *no_names[] = {(char[]){""}};

static bool put_category_codes(Chw__Column *to, const struct batch_column *column,
                               size_t rows)
{
    Chw__Codes *codes = new_codes(to, rows);
    if (codes == NULL)
        return false;
    codes->n_categories = column->name_count == 0 ? 1 : column->name_count;
    codes->categories = column->name_count == 0 ? no_names : column->names; /* borrowed */
    memcpy(codes->codes.data, column->codes, rows);
    return true;
}

static bool put_bitmap(Chw__Column *to, const struct batch_column *column, size_t rows)
{
    to->bitmap = malloc(sizeof *to->bitmap);
    if (to->bitmap == NULL)
        return false;
    to->values_case = CHW__COLUMN__VALUES_BITMAP;
    chw__bitmap__init(to->bitmap);
    to->bitmap->n_categories = 2;
    to->bitmap->categories = column->names; /* borrowed */
    return put_bits(&to->bitmap->bits, column->codes, rows, 1);
}

static bool put_values(Chw__Column *to, const struct batch_column *column, size_t rows)
{
    if (column->type == CHW_NUMBER)
        return all_fit_codes(column, rows) ? put_number_codes(to, column, rows)
                                           : put_floats(to, column, rows);
    return column->name_count == 2 ? put_bitmap(to, column, rows)
                                   : put_category_codes(to, column, rows);
}

static bool put_column(Chw__Column *to, const struct batch_column *column, size_t rows)
{
    to->name = column->name; /* borrowed */
    return put_values(to, column, rows) &&
           (all_values(column, rows) ||
            put_bits(&to->valid, column->cells, rows, CELL_VALUE)) &&
           (!has_unreadable(column, rows) ||
            put_bits(&to->unreadable, column->cells, rows, CELL_UNREADABLE));
}

static void release_encoded(Chw__Column *column)
{
    if (column->values_case == CHW__COLUMN__VALUES_BITMAP && column->bitmap != NULL)
        free(column->bitmap->bits.data);
    if (column->values_case == CHW__COLUMN__VALUES_CODES && column->codes != NULL)
        free(column->codes->codes.data);
    free(column->bitmap); /* one of the union */
    free(column->valid.data);
    free(column->unreadable.data);
}

static enum status pack(const Chw__Batch *message, uint8_t **bytes, size_t *size)
{
    *size = chw__batch__get_packed_size(message);
    if (*size > BODY_SIZE_MAX)
        return STATUS_FULL;
    *bytes = malloc(*size);
    if (*bytes == NULL)
        return STATUS_NOMEM;
    chw__batch__pack(message, *bytes);
    return STATUS_OK;
}

static void put_models(const struct chw_batch *self, Chw__ModelChoice choices[],
                       Chw__ModelChoice *pointers[])
{
    for (size_t i = 0; i < self->model_count; i++) {
        chw__model_choice__init(&choices[i]);
        choices[i].name = (char *)(uintptr_t)self->models[i].name;
        choices[i].alias = (char *)(uintptr_t)self->models[i].alias;
        pointers[i] = &choices[i];
    }
}

enum status batch_encode(const struct chw_batch *self, uint8_t **bytes, size_t *size)
{
    Chw__ModelChoice choices[MODELS_MAX], *choice_pointers[MODELS_MAX];
    Chw__Batch message;
    enum status status = STATUS_NOMEM;
    chw__batch__init(&message);
    if (self->row_count == 0)
        return STATUS_INVALID;
    Chw__Column *columns = calloc(self->column_count + 1, sizeof *columns);
    Chw__Column **pointers = calloc(self->column_count + 1, sizeof *pointers);
    bool made = columns != NULL && pointers != NULL;
    for (size_t i = 0; made && i < self->column_count; i++) {
        chw__column__init(&columns[i]);
        pointers[i] = &columns[i];
        made = put_column(&columns[i], &self->columns[i], self->row_count);
    }
    message.rows = (uint32_t)self->row_count;
    message.n_columns = self->column_count;
    message.columns = pointers;
    message.n_models = self->model_count;
    message.models = choice_pointers;
    put_models(self, choices, choice_pointers);
    message.explain = self->explain;
    if (made)
        status = pack(&message, bytes, size);
    for (size_t i = 0; columns != NULL && i < self->column_count; i++)
        release_encoded(&columns[i]);
    free(columns);
    free(pointers);
    return status;
}
