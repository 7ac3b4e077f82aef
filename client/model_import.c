/* SPDX-License-Identifier: Apache-2.0 */
/* model_import.c - read, import, load, check, publish, say so. */
#include "client/model_import.h"

#include "base/clock.h"
#include "base/file.h"
#include "client/expectation.h"
#include "client/store_option.h"
#include "exchange/exchange.h"
#include "model/model.h"
#include "publish/publish.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

struct importing {
    const struct model_import *options;
    uint8_t *bytes; /* of our model */
    size_t size;
    struct model *model;
    uint64_t load_ms; /* parsed, checked and compiled */
    struct expectation_result checked;
    struct publish_result published;
};

static enum status check_options(const struct model_import *self,
                                 struct error_text *error)
{
    if (self->name == NULL)
        return error_set(error, STATUS_INVALID,
                         "--name is needed; try `chw model import --help`");
    if (!store_name_is_valid(self->name))
        return error_set(error, STATUS_INVALID,
                         "'%s' is not a name (1 to %d of a-z 0-9 . _ -)", self->name,
                         STORE_NAME_MAX);
    if (self->alias != NULL && !store_name_is_valid(self->alias))
        return error_set(error, STATUS_INVALID,
                         "'%s' is not an alias (1 to %d of a-z 0-9 . _ -)", self->alias,
                         STORE_NAME_MAX);
    if (!(self->tolerance >= 0 && self->tolerance <= 1))
        return error_set(error, STATUS_INVALID, "--tolerance %g: a number from 0 to 1",
                         self->tolerance);
    return STATUS_OK;
}

static enum status pack(struct importing *self, const Chw__Model *message)
{
    self->size = chw__model__get_packed_size(message);
    self->bytes = malloc(self->size);
    if (self->bytes == NULL)
        return STATUS_NOMEM;
    (void)chw__model__pack(message, self->bytes);
    return STATUS_OK;
}

static enum status load(struct importing *self, struct error_text *error)
{
    uint64_t start_ms = clock_monotonic_ms();
    enum status status = model_load(self->bytes, self->size, &self->model, error);
    self->load_ms = clock_monotonic_ms() - start_ms;
    return status;
}

/* What is published is loaded as a worker would, before it is. */
static enum status import(struct importing *self, struct error_text *error)
{
    const struct model_import *options = self->options;
    const struct exchange_options exchange = {options->name, options->chosen};
    uint8_t *bytes = NULL;
    size_t size;
    Chw__Model *message = NULL;
    enum status status =
        file_read(options->file, EXCHANGE_SIZE_MAX, &bytes, &size, error);
    bool is_read = status == STATUS_OK;
    if (status == STATUS_OK)
        status = exchange_import(bytes, size, &exchange, &message, error);
    if (status == STATUS_OK)
        status = pack(self, message);
    if (status == STATUS_OK)
        status = load(self, error);
    if (status == STATUS_INVALID || status == STATUS_FULL)
        status = STATUS_MALFORMED; /* the file, not the command, is to be changed */
    if (is_read && status != STATUS_OK && status != STATUS_NOMEM)
        status = error_prefix(error, status, "%s", options->file);
    if (message != NULL)
        chw__model__free_unpacked(message, NULL);
    free(bytes);
    return status;
}

static enum status check(struct importing *self, struct error_text *error)
{
    const struct model_import *options = self->options;
    if (options->check == NULL)
        return STATUS_OK;
    const struct expectation expectation = {options->check, options->expected,
                                            options->tolerance};
    return expectation_check(&expectation, self->model, &self->checked, error);
}

static enum status publish(struct importing *self, struct error_text *error)
{
    const struct model_import *options = self->options;
    struct store *store = NULL;
    enum status status = store_option_make(options->data, options->store, &store, error);
    if (status == STATUS_OK)
        status = publish_model(store, options->name, self->bytes, self->size,
                               options->alias, &self->published, error);
    store_close(store);
    return status;
}

static void print(const struct importing *self)
{
    const struct model_import *options = self->options;
    const Chw__Model *message = model_message(self->model);
    char version[DIGEST_HEX_SIZE];
    digest_format(model_version(self->model), version);
    printf("model       %s, from %s: %s\n", options->name, options->file,
           message->lineage->parameters[0]->text);
    printf("version     %s\n", version);
    printf("kernel      %s: loaded in %" PRIu64 " ms, %zu KiB compiled\n",
           model_kernel(self->model), self->load_ms,
           model_kernel_bytes(self->model) / 1024);
    printf("features    %zu", message->n_features);
    for (size_t i = 0; i < message->n_features && i < 8; i++)
        printf("%s%s", i == 0 ? ": " : ", ", message->features[i]->name);
    puts(message->n_features > 8 ? ", ..." : "");
    if (message->lineage->outcome[0] != '\0')
        printf("score       probability of %s\n", message->lineage->outcome);
    if (options->check == NULL)
        puts("checked     no: give --check ROWS.csv to compare it with expected scores");
    else
        printf("checked     %" PRIu64 " rows: largest difference %.3g (row %" PRIu64
               "), tolerance %g\n",
               self->checked.rows, self->checked.difference, self->checked.row,
               options->tolerance);
    if (options->alias == NULL)
        puts("promoted    no: give --alias ALIAS to serve it");
    else
        publish_write(&self->published, options->name, options->alias, stdout);
}

enum status model_import_run(const struct model_import *self, struct error_text *error)
{
    struct importing importing = {.options = self};
    enum status status = check_options(self, error);
    if (status == STATUS_OK)
        status = import(&importing, error);
    if (status == STATUS_OK)
        status = check(&importing, error);
    if (status == STATUS_OK)
        status = publish(&importing, error);
    if (status == STATUS_OK)
        print(&importing);
    model_free(importing.model);
    free(importing.bytes);
    return status;
}
