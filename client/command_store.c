/* SPDX-License-Identifier: Apache-2.0 */
/* command_store.c - chw store check | copy. */
#include "base/config.h"
#include "base/progress.h"
#include "client/commands.h"
#include "client/data_folder.h"
#include "client/menu.h"
#include "client/store_option.h"
#include "store/store_copy.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

struct store_config {
    char *data, *store;
};

#define KEY(name, type, field) name, type, offsetof(struct store_config, field)
static const struct config_key check_keys[] = {
    {KEY("data", CONFIG_TEXT, data), DATA_FOLDER_DEFAULT, 0, 0, "DIR",
     "the cluster's data folder"},
    {KEY("store", CONFIG_TEXT, store), NULL, 0, 0, "URL",
     STORE_URL_FORMS " (default: sqlite:DIR/store.db)"},
};
#undef KEY

/* ---- check ---- */

static void print_finding(void *arg, const struct store_finding *finding)
{
    size_t *missing = arg;
    printf("%-17s %s%s\n", finding->what, finding->missing ? "MISSING " : "",
           finding->text);
    *missing += finding->missing;
}

static enum status check(const struct store_config *config, char *const *operands,
                         struct error_text *error)
{
    struct store *store = NULL;
    size_t missing = 0;
    (void)operands;
    enum status status = store_option_open(config->data, config->store, &store, error);
    if (status == STATUS_OK)
        status = store_check(store, print_finding, &missing, error);
    store_close(store);
    if (status != STATUS_OK)
        return status;
    if (missing > 0)
        return error_set(error, STATUS_UNAVAILABLE,
                         "workers refuse to settle in this store, unless started with "
                         "--store-durability weak");
    puts("workers settle in this store");
    return STATUS_OK;
}

/* ---- copy ---- */

struct telling {
    struct progress *progress;
    bool compares;
    uint64_t done;
};

static void end_phase(struct telling *self)
{
    progress_end(self->progress, self->done);
    progress_free(self->progress);
    self->progress = NULL;
}

static void tell(void *arg, bool comparing, uint64_t done)
{
    struct telling *self = arg;
    if (comparing && !self->compares) {
        end_phase(self);
        self->progress = progress_new("comparing", "entries");
        self->compares = true;
    }
    self->done = done;
    progress_update(self->progress, done, -1);
}

static enum status copy(const struct store_config *config, char *const *operands,
                        struct error_text *error)
{
    struct store *from = NULL, *to = NULL;
    struct store_copied copied = {0};
    struct telling telling = {.compares = false};
    (void)config;
    enum status status = store_option_open(NULL, operands[0], &from, error);
    if (status == STATUS_OK)
        status = store_open_to_fill(operands[1], &to, error);
    if (status == STATUS_OK) {
        telling.progress = progress_new("copying", "entries");
        status = store_copy(from, to, tell, &telling, &copied, error);
        end_phase(&telling);
    }
    store_close(from);
    store_close(to);
    if (status != STATUS_OK)
        return status;
    printf("copied and compared: %" PRIu64 " artifacts of %" PRIu64 " bytes, %" PRIu64
           " moves of aliases, %" PRIu64 " settlements, %" PRIu64
           " demand cells, %" PRIu64 " dead letters\n",
           copied.artifacts, copied.bytes, copied.moves, copied.settlements, copied.cells,
           copied.letters);
    return STATUS_OK;
}

/* ---- the table of actions ---- */

static const struct action {
    struct menu_item item;
    enum status (*run)(const struct store_config *config, char *const *operands,
                       struct error_text *error);
    struct config_spec spec;
} actions[] = {
    {{"check", "what the store promises, what it lacks, what it holds"},
     check,
     {.program = "chw store check",
      .summary = "What the store promises, what it lacks, what it holds.",
      .keys = check_keys,
      .key_count = sizeof check_keys / sizeof check_keys[0],
      .notes = "Exits 0 when workers would settle in it. A password is better given as "
               "CHW_STORE\nthan by --store, where others on the machine can see it.\n"}},
    {{"copy", "everything in a store into another, empty one"},
     copy,
     {.program = "chw store copy",
      .summary =
          "Copy everything in a store into another one that is empty, and compare.",
      .operands = "FROM TO",
      .operands_min = 2,
      .operands_max = 2,
      .notes = "FROM and TO are " STORE_URL_FORMS ".\n"
               "Stop what uses them first: a copy during which FROM changes fails. Until "
               "it is\nfinished TO cannot be used; run it again after it was "
               "interrupted.\n"}},
};

static int run_action(const struct action *action, int argc, char **argv)
{
    struct store_config config = {0};
    struct config_list operands = {0};
    struct error_text error = {""};
    int exit_code;
    if (!config_load(&action->spec, argc, argv, &config, &operands, &exit_code))
        return exit_code;
    enum status status = action->run(&config, operands.items, &error);
    exit_code = error_exit(&error, status, action->spec.program);
    config_free(&action->spec, &config, &operands);
    return exit_code;
}

int command_store(int argc, char **argv)
{
    static const struct menu menu = {
        .program = "chw store",
        .noun = "ACTION",
        .summary = "The store keeps models, settlements and demand: a file or a Redis.",
        .items = actions,
        .item_size = sizeof actions[0],
        .count = sizeof actions / sizeof actions[0],
    };
    size_t index;
    int exit_code;
    return menu_choose(&menu, argc, argv, &index, &exit_code)
               ? run_action(&actions[index], argc - 1, argv + 1)
               : exit_code;
}
