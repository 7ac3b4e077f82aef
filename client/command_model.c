/* SPDX-License-Identifier: Apache-2.0 */
/* command_model.c - chw model list | show | promote | rollback | import | export. */
#include "base/config.h"
#include "base/log.h"
#include "client/commands.h"
#include "client/menu.h"
#include "client/model_export.h"
#include "client/model_import.h"
#include "client/model_show.h"
#include "client/model_source.h"
#include "client/store_option.h"
#include "table/csv_writer.h"
#include "table/text_table.h"

#include "client/data_folder.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { VERSION_SHOWN = 12 };

struct model_config {
    char *data, *store, *format;
    char *name, *alias, *chosen, *check, *expected; /* of an import */
    double tolerance;
    char *output; /* of an export */
    bool columns;
};

#define KEY(name, type, field) name, type, offsetof(struct model_config, field)
#define STORE_KEYS                                                                       \
    {KEY("data", CONFIG_TEXT, data), DATA_FOLDER_DEFAULT, 0, 0, "DIR",                   \
     "the cluster's data folder"},                                                       \
    {                                                                                    \
        KEY("store", CONFIG_TEXT, store), NULL, 0, 0, "URL",                             \
            STORE_URL_FORMS " (default: sqlite:DIR/store.db)"                            \
    }
static const struct config_key store_keys[] = {STORE_KEYS};
static const struct config_key show_keys[] = {
    STORE_KEYS,
    {KEY("columns", CONFIG_FLAG, columns), NULL, 0, 0, NULL,
     "print only what it reads, as `chw score --columns` takes it"},
};
static const struct config_key list_keys[] = {
    STORE_KEYS,
    {KEY("format", CONFIG_TEXT, format), "table", 0, 0, "FORMAT", "table or csv"},
};
static const struct config_key import_keys[] = {
    STORE_KEYS,
    {KEY("name", CONFIG_TEXT, name), NULL, 0, 0, "NAME", "the model's name, such as chd"},
    {KEY("alias", CONFIG_TEXT, alias), NULL, 0, 0, "ALIAS",
     "serve it under this alias, such as challenger"},
    {KEY("class", CONFIG_TEXT, chosen), NULL, 0, 0, "LABEL",
     "the class whose probability is the score (of two: the second)"},
    {KEY("check", CONFIG_TEXT, check), NULL, 0, 0, "ROWS.csv",
     "score these rows first, and refuse a model that scores them otherwise"},
    {KEY("expected", CONFIG_TEXT, expected), "expected", 0, 0, "COLUMN",
     "of ROWS.csv: the probability that each row must score"},
    {KEY("tolerance", CONFIG_REAL, tolerance), "1e-6", 0, 0, "DIFFERENCE",
     "how far a score may be from what was expected"},
};
static const struct config_key export_keys[] = {
    STORE_KEYS,
    {KEY("format", CONFIG_TEXT, format), NULL, 0, 0, "FORMAT", "xgboost-json or onnx"},
    {KEY("output", CONFIG_TEXT, output), NULL, 0, 0, "FILE", "where to write"},
};
#undef STORE_KEYS
#undef KEY

/* What one action works with. */
struct work {
    struct store *store;
    const struct model_config *config;
    char *const *operands;
    struct error_text *error;
};

static void shorten(const struct digest *version, char text[DIGEST_HEX_SIZE])
{
    digest_format(version, text);
    text[VERSION_SHOWN] = '\0';
}

/* ---- list ---- */

struct alias_list {
    struct alias *items;
    size_t count, room;
    bool failed;
};

static bool gather_alias(void *arg, const struct alias *alias)
{
    struct alias_list *self = arg;
    if (alias->kind != ARTIFACT_MODEL)
        return true;
    if (self->count == self->room) {
        size_t room = self->room * 2 + 16;
        struct alias *items = realloc(self->items, room * sizeof *items);
        self->failed = items == NULL;
        if (self->failed)
            return false;
        self->items = items;
        self->room = room;
    }
    self->items[self->count++] = *alias;
    return true;
}

/* The list is the caller's to free, whatever is returned. */
static enum status read_aliases(const struct work *work, struct alias_list *aliases)
{
    *aliases = (struct alias_list){0};
    enum status status = store_aliases(work->store, gather_alias, aliases, work->error);
    return status == STATUS_OK && aliases->failed
               ? error_set(work->error, STATUS_NOMEM, "out of memory")
               : status;
}

/* "champion challenger" */
static void join_aliases(const struct alias_list *aliases,
                         const struct artifact *artifact, char *text, size_t size)
{
    size_t used = 0;
    text[0] = '\0';
    for (size_t i = 0; i < aliases->count && used < size; i++) {
        const struct alias *alias = &aliases->items[i];
        if (strcmp(alias->name, artifact->name) == 0 &&
            memcmp(&alias->version, &artifact->version, sizeof alias->version) == 0)
            used += (size_t)snprintf(text + used, size - used, "%s%s",
                                     used == 0 ? "" : " ", alias->alias);
    }
}

static void format_time(int64_t seconds, char *text, size_t size)
{
    time_t when = (time_t)seconds;
    struct tm parts;
    gmtime_r(&when, &parts);
    strftime(text, size, "%Y-%m-%d %H:%M:%SZ", &parts);
}

static void print_table(const struct artifact *all, size_t count,
                        const struct alias_list *aliases)
{
    struct text_table *table = text_table_new("lllrl");
    char version[DIGEST_HEX_SIZE], when[32], names[192];
    if (table == NULL)
        return;
    text_table_add(table, "model");
    text_table_add(table, "version");
    text_table_add(table, "published");
    text_table_add(table, "bytes");
    text_table_add(table, "aliases");
    for (size_t i = 0; i < count; i++) {
        shorten(&all[i].version, version);
        format_time(all[i].published_s, when, sizeof when);
        join_aliases(aliases, &all[i], names, sizeof names);
        text_table_add(table, "%s", all[i].name);
        text_table_add(table, "%s", version);
        text_table_add(table, "%s", when);
        text_table_count(table, (int64_t)all[i].size);
        text_table_add(table, "%s", names);
    }
    text_table_print(table, stdout);
    text_table_free(table);
}

static void print_csv(const struct artifact *all, size_t count,
                      const struct alias_list *aliases)
{
    char version[DIGEST_HEX_SIZE], when[32], names[2048];
    puts("model,version,published,bytes,aliases");
    for (size_t i = 0; i < count; i++) {
        digest_format(&all[i].version, version);
        format_time(all[i].published_s, when, sizeof when);
        join_aliases(aliases, &all[i], names, sizeof names);
        csv_write_text(stdout, 1, all[i].name);
        csv_write_text(stdout, 0, version);
        csv_write_text(stdout, 0, when);
        csv_write_count(stdout, 0, all[i].size);
        csv_write_text(stdout, 0, names);
        csv_write_end(stdout);
    }
}

static enum status list(const struct work *work)
{
    struct alias_list aliases;
    struct artifact *all = NULL;
    size_t count = 0;
    bool csv = strcmp(work->config->format, "csv") == 0;
    if (!csv && strcmp(work->config->format, "table") != 0)
        return error_set(work->error, STATUS_INVALID,
                         "--format is '%s'; expected table or csv", work->config->format);
    enum status status = read_aliases(work, &aliases);
    if (status == STATUS_OK)
        status = model_source_list(work->store, NULL, &all, &count, work->error);
    if (status == STATUS_OK && csv)
        print_csv(all, count, &aliases);
    else if (status == STATUS_OK && count > 0)
        print_table(all, count, &aliases);
    else if (status == STATUS_OK)
        puts("no models yet: `chw train FILE --target COLUMN --name NAME --promote "
             "champion` publishes one");
    free(all);
    free(aliases.items);
    return status;
}

/* ---- show ---- */

static enum status load(const struct work *work, const struct artifact *artifact,
                        struct model **model)
{
    uint8_t *bytes;
    size_t size;
    enum status status = store_get(work->store, ARTIFACT_MODEL, &artifact->version,
                                   &bytes, &size, work->error);
    if (status != STATUS_OK)
        return status;
    status = model_load(bytes, size, model, work->error);
    free(bytes);
    return status;
}

static void print_artifact(const struct artifact *artifact,
                           const struct alias_list *aliases)
{
    char text[2048];
    printf("%-12s%s\n", "model", artifact->name);
    digest_format(&artifact->version, text);
    printf("%-12s%s\n", "version", text);
    format_time(artifact->published_s, text, sizeof text);
    printf("%-12s%s, %" PRIu64 " bytes\n", "published", text, artifact->size);
    join_aliases(aliases, artifact, text, sizeof text);
    printf("%-12s%s\n", "aliases", text[0] == '\0' ? "none" : text);
}

static enum status show(const struct work *work)
{
    struct alias_list aliases;
    struct artifact artifact;
    struct model *model = NULL;
    enum status status = read_aliases(work, &aliases);
    if (status == STATUS_OK)
        status = model_source_find(work->store, NULL, work->operands[0], &artifact,
                                   work->error);
    if (status == STATUS_OK)
        status = load(work, &artifact, &model);
    if (status == STATUS_OK && work->config->columns)
        model_show_columns(model);
    else if (status == STATUS_OK) {
        print_artifact(&artifact, &aliases);
        model_show(model);
    }
    model_free(model);
    free(aliases.items);
    return status;
}

/* ---- promote and rollback ---- */

static enum status check_names(const char *name, const char *alias,
                               struct error_text *error)
{
    if (!store_name_is_valid(name))
        return error_set(error, STATUS_INVALID,
                         "'%s' is not a name (1 to %d of a-z 0-9 . _ -)", name,
                         STORE_NAME_MAX);
    if (!store_name_is_valid(alias))
        return error_set(error, STATUS_INVALID,
                         "'%s' is not an alias (1 to %d of a-z 0-9 . _ -)", alias,
                         STORE_NAME_MAX);
    return STATUS_OK;
}

/* What workers would refuse is not promoted. */
static enum status check_serves(const struct work *work, const struct artifact *artifact)
{
    struct model *model;
    char version[DIGEST_HEX_SIZE];
    shorten(&artifact->version, version);
    enum status status = load(work, artifact, &model);
    if (status == STATUS_OK) {
        status = model_check_golden(model, work->error);
        if (status == STATUS_OK && strcmp(model_name(model), artifact->name) != 0)
            status = error_set(work->error, STATUS_CORRUPT, "it is a model of %s",
                               model_name(model));
        model_free(model);
    }
    return status == STATUS_OK
               ? STATUS_OK
               : error_prefix(work->error, status, "version %s is not promoted", version);
}

static void say_move(const char *name, const char *alias, bool had,
                     const struct digest *before, const struct digest *after)
{
    char from[DIGEST_HEX_SIZE], to[DIGEST_HEX_SIZE];
    shorten(before, from);
    shorten(after, to);
    if (had && strcmp(from, to) == 0)
        printf("%s@%s is %s already\n", name, alias, to);
    else
        printf("%s@%s is %s now%s%s\n", name, alias, to, had ? "; it was " : "",
               had ? from : "");
}

static enum status promote(const struct work *work)
{
    const char *name = work->operands[0], *alias = work->operands[2];
    struct artifact artifact;
    struct digest before;
    enum status status = check_names(name, alias, work->error);
    if (status == STATUS_OK)
        status = model_source_find(work->store, name, work->operands[1], &artifact,
                                   work->error);
    if (status == STATUS_OK)
        status = check_serves(work, &artifact);
    if (status != STATUS_OK)
        return status;
    bool had = store_alias_get(work->store, ARTIFACT_MODEL, name, alias, &before, NULL) ==
               STATUS_OK;
    status = store_alias_move(work->store, ARTIFACT_MODEL, name, alias, &artifact.version,
                              work->error);
    if (status == STATUS_OK)
        say_move(name, alias, had, had ? &before : &artifact.version, &artifact.version);
    return status;
}

static enum status rollback(const struct work *work)
{
    const char *name = work->operands[0], *alias = work->operands[1];
    struct digest before, after;
    enum status status = check_names(name, alias, work->error);
    if (status == STATUS_OK)
        status = store_alias_get(work->store, ARTIFACT_MODEL, name, alias, &before,
                                 work->error);
    if (status == STATUS_OK)
        status = store_alias_rollback(work->store, ARTIFACT_MODEL, name, alias, &after,
                                      work->error);
    if (status == STATUS_OK)
        say_move(name, alias, true, &before, &after);
    return status;
}

/* ---- import ---- */

static enum status import(const struct work *work)
{
    const struct model_config *config = work->config;
    const struct model_import import = {
        .file = work->operands[0],
        .name = config->name,
        .alias = config->alias,
        .chosen = config->chosen,
        .check = config->check,
        .expected = config->expected,
        .tolerance = config->tolerance,
        .data = config->data,
        .store = config->store,
    };
    return model_import_run(&import, work->error);
}

/* ---- export ---- */

static enum status write_export(const struct work *work)
{
    struct model_export output = {.file = work->config->output};
    struct artifact artifact;
    struct model *model = NULL;
    enum status status = model_export_format(&output, work->config->format, work->error);
    if (status == STATUS_OK)
        status = model_source_find(work->store, NULL, work->operands[0], &artifact,
                                   work->error);
    if (status == STATUS_OK)
        status = load(work, &artifact, &model);
    if (status == STATUS_OK)
        status = model_export_run(&output, model, work->error);
    model_free(model);
    return status;
}

/* ---- the table of actions ---- */

struct action {
    struct menu_item item;
    enum status (*run)(const struct work *work);
    bool opens_store; /* by itself, once it has something to store */
    struct config_spec spec;
};

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))
static const struct action actions[] = {
    {{"list", "every version, newest first"},
     list,
     false,
     {.program = "chw model list",
      .summary = "Every version there is, newest first.",
      .keys = list_keys,
      .key_count = COUNT(list_keys)}},
    {{"show", "features, policies, lineage, metrics of one"},
     show,
     false,
     {.program = "chw model show",
      .summary = "What a version reads, what it does without a value, where it is from.",
      .operands = "NAME[@ALIAS]|VERSION",
      .operands_min = 1,
      .operands_max = 1,
      .keys = show_keys,
      .key_count = COUNT(show_keys),
      .notes = "NAME alone is its newest version; VERSION is its first 6 or more "
               "letters.\n"}},
    {{"promote", "serve a version under an alias"},
     promote,
     false,
     {.program = "chw model promote",
      .summary = "Serve a version under an alias, once it has passed its golden records.",
      .operands = "NAME VERSION|NAME@ALIAS ALIAS",
      .operands_min = 3,
      .operands_max = 3,
      .keys = store_keys,
      .key_count = COUNT(store_keys),
      .notes = "chw model promote chd 3fa9c1 champion\n"
               "chw model promote chd chd@challenger champion\n"}},
    {{"rollback", "back to the version before"},
     rollback,
     false,
     {.program = "chw model rollback",
      .summary = "Move an alias back to where it was before its last move.",
      .operands = "NAME ALIAS",
      .operands_min = 2,
      .operands_max = 2,
      .keys = store_keys,
      .key_count = COUNT(store_keys)}},
    {{"import", "publish a model of XGBoost, LightGBM or ONNX"},
     import,
     true,
     {.program = "chw model import",
      .summary = "Publish a model that another tool made: XGBoost (JSON or UBJSON),\n"
                 "LightGBM (text), ONNX (of scikit-learn and others).",
      .operands = "FILE",
      .operands_min = 1,
      .operands_max = 1,
      .keys = import_keys,
      .key_count = COUNT(import_keys),
      .notes = "chw model import model.json --name chd --check rows.csv --alias "
               "challenger\n\n"
               "The format is recognised by the content. Nothing is stored unless all of "
               "the model is\n"
               "understood and every row scores as expected.\n\n"
               "Exit codes: 0 published, 64 wrong options, 65 not supported or not as "
               "expected, 66 no such\n"
               "file or column, 69 and 75 the store is away, 74 the file cannot be read.\n"}},
    {{"export", "write a version as a file of XGBoost or ONNX"},
     write_export,
     false,
     {.program = "chw model export",
      .summary =
          "Write a version as a file that another tool loads, and that predicts the "
          "same there.",
      .operands = "NAME[@ALIAS]|VERSION",
      .operands_min = 1,
      .operands_max = 1,
      .keys = export_keys,
      .key_count = COUNT(export_keys),
      .notes =
          "chw model export chd@champion --format xgboost-json -o chd.json\n"
          "chw model export chd@champion --format onnx -o chd.onnx\n\n"
          "A model that the format cannot say is refused, and nothing is written.\n\n"
          "Exit codes: 0 written, 64 wrong options, 65 the format cannot say it, 66 no "
          "such model.\n"}},
};

#undef COUNT

static int run_action(const struct action *action, int argc, char **argv)
{
    struct model_config config = {0};
    struct config_list operands = {0};
    struct error_text error = {""};
    struct store *store = NULL;
    int exit_code;
    if (!config_load(&action->spec, argc, argv, &config, &operands, &exit_code))
        return exit_code;
    enum status status = STATUS_OK;
    if (!action->opens_store)
        status = store_option_open(config.data, config.store, &store, &error);
    if (status == STATUS_OK)
        status = action->run(&(struct work){store, &config, operands.items, &error});
    exit_code = error_exit(&error, status, action->spec.program);
    store_close(store);
    config_free(&action->spec, &config, &operands);
    return exit_code;
}

int command_model(int argc, char **argv)
{
    static const struct menu menu = {
        .program = "chw model",
        .noun = "ACTION",
        .summary = "Models are immutable; an alias says which version serves.",
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
