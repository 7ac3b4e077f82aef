/* SPDX-License-Identifier: Apache-2.0 */
/* split.c - BLAKE2b over a row's values decides its part. */
#include "trainer/split.h"

#include "base/crypto.h"

#include <stdlib.h>
#include <string.h>

/* What stands for a missing value, and the bit that keeps numbers apart from it. */
static const uint64_t TOKEN_MISSING = 0, TOKEN_NUMBER = 1ULL << 32;

static uint64_t digest_number(const void *bytes, size_t size)
{
    struct digest digest = digest_body(bytes, size);
    uint64_t number = 0;
    for (size_t i = 0; i < sizeof number; i++)
        number |= (uint64_t)digest.bytes[i] << (8 * i);
    return number;
}

/* By the categories' names, not their codes: those depend on which others there are. */
static enum status name_tokens(const struct dataset_column *column, uint64_t **tokens)
{
    *tokens = calloc(column->category_count + 1, sizeof **tokens);
    if (*tokens == NULL)
        return STATUS_NOMEM;
    for (size_t i = 0; i < column->category_count; i++)
        (*tokens)[i] =
            digest_number(column->categories[i], strlen(column->categories[i]));
    return STATUS_OK;
}

static uint64_t cell_token(const struct dataset_column *column, const uint64_t *tokens,
                           size_t row)
{
    if (dataset_is_missing(column, row))
        return TOKEN_MISSING;
    if (!column->numeric)
        return tokens[column->codes[row]];
    uint32_t bits;
    memcpy(&bits, &column->values[row], sizeof bits);
    return TOKEN_NUMBER | bits;
}

/* `scratch` has room for the seed and a token per column. */
static uint64_t row_hash(const struct dataset *data, uint64_t *const *tokens,
                         uint64_t seed, size_t row, uint64_t *scratch)
{
    scratch[0] = seed;
    for (size_t i = 0; i < data->column_count; i++)
        scratch[i + 1] = cell_token(&data->columns[i], tokens[i], row);
    return digest_number(scratch, (data->column_count + 1) * sizeof *scratch);
}

static void assign(const struct dataset *data, uint64_t *const *tokens, uint64_t seed,
                   double fraction, uint64_t *scratch, struct split *out)
{
    uint64_t bound = (uint64_t)(fraction * 18446744073709551616.0);
    for (size_t row = 0; row < data->row_count; row++) {
        if (row_hash(data, tokens, seed, row, scratch) < bound)
            out->heldout[out->heldout_count++] = (uint32_t)row;
        else
            out->train[out->train_count++] = (uint32_t)row;
    }
}

static enum status check(const struct dataset *data, const struct split *split,
                         struct error_text *error)
{
    size_t positive = 0;
    for (size_t i = 0; i < split->train_count; i++)
        positive += data->outcomes[split->train[i]];
    if (split->train_count == 0 || split->heldout_count == 0)
        return error_set(
            error, STATUS_MALFORMED,
            "all %zu rows fall into one part, because rows with equal features stay "
            "together: there are too few different rows",
            data->row_count);
    if (positive == 0 || positive == split->train_count)
        return error_set(
            error, STATUS_MALFORMED,
            "the %zu training rows hold only one outcome (%zu of all %zu rows are "
            "'%s'): more rows are needed, or another --seed",
            split->train_count, data->positive_count, data->row_count, data->positive);
    return STATUS_OK;
}

static enum status make_tokens(const struct dataset *data, uint64_t **tokens)
{
    enum status status = STATUS_OK;
    for (size_t i = 0; status == STATUS_OK && i < data->column_count; i++)
        status = name_tokens(&data->columns[i], &tokens[i]);
    return status;
}

enum status split_rows(const struct dataset *data, uint64_t seed, double fraction,
                       struct split **out, struct error_text *error)
{
    enum status status = STATUS_NOMEM;
    struct split *self = calloc(1, sizeof *self);
    uint64_t **tokens = calloc(data->column_count, sizeof *tokens);
    uint64_t *scratch = calloc(data->column_count + 1, sizeof *scratch);
    if (self == NULL || tokens == NULL || scratch == NULL)
        goto end;
    self->train = calloc(data->row_count, sizeof *self->train);
    self->heldout = calloc(data->row_count, sizeof *self->heldout);
    if (self->train == NULL || self->heldout == NULL)
        goto end;
    status = make_tokens(data, tokens);
    if (status != STATUS_OK)
        goto end;
    assign(data, tokens, seed, fraction, scratch, self);
    status = check(data, self, error);
end:
    for (size_t i = 0; tokens != NULL && i < data->column_count; i++)
        free(tokens[i]);
    free(tokens);
    free(scratch);
    if (status == STATUS_OK)
        *out = self;
    else
        split_free(self);
    return status;
}

void split_free(struct split *self)
{
    if (self == NULL)
        return;
    free(self->train);
    free(self->heldout);
    free(self);
}
