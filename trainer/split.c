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

/* Of hashes from 0 up: first the held-out part, then the validation part. */
static void assign(const struct dataset *data, uint64_t *const *tokens,
                   const struct split_request *request, uint64_t *scratch,
                   struct split *out)
{
    double end = request->heldout + request->validation * (1 - request->heldout);
    uint64_t heldout = (uint64_t)(request->heldout * 18446744073709551616.0);
    uint64_t validation = (uint64_t)(end * 18446744073709551616.0);
    for (size_t row = 0; row < data->row_count; row++) {
        uint64_t hash = row_hash(data, tokens, request->seed, row, scratch);
        if (hash < heldout)
            out->heldout[out->heldout_count++] = (uint32_t)row;
        else if (hash < validation)
            out->validation[out->validation_count++] = (uint32_t)row;
        else
            out->train[out->train_count++] = (uint32_t)row;
    }
}

static enum status check(const struct dataset *data, const struct split_request *request,
                         const struct split *split, struct error_text *error)
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
    if (request->validation > 0 && split->validation_count == 0)
        return error_set(error, STATUS_MALFORMED,
                         "no row falls into the validation part: give a larger "
                         "--validation, or --early-stopping 0 to do without");
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

enum status split_rows(const struct dataset *data, const struct split_request *request,
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
    self->validation = calloc(data->row_count, sizeof *self->validation);
    if (self->train == NULL || self->heldout == NULL || self->validation == NULL)
        goto end;
    status = make_tokens(data, tokens);
    if (status != STATUS_OK)
        goto end;
    assign(data, tokens, request, scratch, self);
    status = check(data, request, self, error);
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
    free(self->validation);
    free(self->heldout);
    free(self);
}
