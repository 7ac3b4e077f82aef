/* SPDX-License-Identifier: Apache-2.0 */
/* commands.c - chw plan solve and chw plan show. */
#include "optimizer/commands.h"

#include "base/config.h"
#include "base/day.h"
#include "optimizer/plan.h"
#include "optimizer/plan_print.h"
#include "optimizer/planner.h"
#include "optimizer/publish.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct plan_config {
    char *data, *store, *allocation, *demand, *period, *version, *format, *output;
    bool dry_run;
};

#define KEY(name, type, field) name, type, offsetof(struct plan_config, field)
#define KEY_DATA                                                                         \
    {                                                                                    \
        KEY("data", CONFIG_TEXT, data), "chw-data", 0, 0, "DIR",                         \
            "the cluster's data folder"                                                  \
    }
#define KEY_STORE                                                                        \
    {                                                                                    \
        KEY("store", CONFIG_TEXT, store), NULL, 0, 0, "URL",                             \
            STORE_URL_FORMS " (default: sqlite:DIR/store.db)"                            \
    }
#define KEY_FORMAT                                                                       \
    {                                                                                    \
        KEY("format", CONFIG_TEXT, format), "table", 0, 0, "FORMAT",                     \
            "table, csv or json"                                                         \
    }
#define KEY_OUTPUT                                                                       \
    {                                                                                    \
        KEY("output", CONFIG_TEXT, output), NULL, 0, 0, "FILE",                          \
            "write there instead of standard output"                                     \
    }
static const struct config_key solve_keys[] = {
    KEY_DATA,
    KEY_STORE,
    {KEY("allocation", CONFIG_TEXT, allocation), NULL, 0, 0, "FILE",
     "what there is to plan with (default: DIR/allocation.yaml)"},
    {KEY("period", CONFIG_TEXT, period), NULL, 0, 0, "YYYY-MM",
     "the month to plan for (default: the newest with demand)"},
    {KEY("demand", CONFIG_TEXT, demand), NULL, 0, 0, "FILE.csv",
     "plan for this, as `chw demand --format csv` prints it, without a store"},
    {KEY("dry-run", CONFIG_FLAG, dry_run), NULL, 0, 0, NULL, "print it, publish nothing"},
    KEY_FORMAT,
    KEY_OUTPUT,
};
static const struct config_key show_keys[] = {
    KEY_DATA,
    KEY_STORE,
    {KEY("version", CONFIG_TEXT, version), NULL, 0, 0, "PREFIX",
     "an earlier plan, by the first digits of its version"},
    KEY_FORMAT,
    KEY_OUTPUT,
};
#undef KEY

static const struct config_spec solve_spec = {
    .program = "chw plan solve",
    .summary = "Plan what each region gets, publish the plan and print it.",
    .keys = solve_keys,
    .key_count = sizeof solve_keys / sizeof solve_keys[0],
    .notes = "The allocation's file says what there is: docs/planning.md has an example. "
             "The same\ninputs make the same plan, which is then no new version.\n",
};
static const struct config_spec show_spec = {
    .program = "chw plan show",
    .summary = "Print the current plan.",
    .keys = show_keys,
    .key_count = sizeof show_keys / sizeof show_keys[0],
};

/* ---- places ---- */

/* DIR and a name after it; the caller's to free. */
static char *path_in(const char *before, const char *folder, const char *name)
{
    size_t size = strlen(before) + strlen(folder) + strlen(name) + 2;
    char *path = malloc(size);
    if (path != NULL)
        snprintf(path, size, "%s%s/%s", before, folder, name);
    return path;
}

/* Reading never makes a store. */
static enum status open_store(const struct plan_config *config, struct store **out,
                              struct error_text *error)
{
    static const char scheme[] = "sqlite:";
    char *own = config->store == NULL ? path_in(scheme, config->data, "store.db") : NULL;
    const char *url = config->store == NULL ? own : config->store;
    enum status status = STATUS_NOMEM;
    if (url != NULL && strncmp(url, scheme, strlen(scheme)) == 0 &&
        access(url + strlen(scheme), F_OK) != 0)
        status = error_set(error, STATUS_NOT_FOUND,
                           "there is no store at %s; `chw up` or `chw train` with the "
                           "same --data makes one",
                           url + strlen(scheme));
    else if (url != NULL)
        status = store_open(url, out, error);
    free(own);
    return status;
}

/* ---- printing ---- */

static enum status print(const struct plan_config *config, const uint8_t *bytes,
                         size_t size, const struct digest *version,
                         struct error_text *error)
{
    Chw__Plan *plan;
    enum status status = plan_unpack(bytes, size, &plan, error);
    if (status != STATUS_OK)
        return status;
    FILE *file = config->output == NULL ? stdout : fopen(config->output, "w");
    if (file != NULL)
        plan_print_find(config->format)(plan, version, file);
    bool written = file != NULL && fflush(file) == 0 && !ferror(file);
    if (config->output != NULL && file != NULL)
        written = fclose(file) == 0 && written;
    plan_free(plan);
    return written
               ? STATUS_OK
               : error_set(error, STATUS_IO, "the plan cannot be written to %s",
                           config->output == NULL ? "standard output" : config->output);
}

static enum status check_format(const struct plan_config *config,
                                struct error_text *error)
{
    return plan_print_find(config->format) != NULL
               ? STATUS_OK
               : error_set(error, STATUS_INVALID,
                           "--format is '%.20s'; expected table, csv or json",
                           config->format);
}

/* ---- solve ---- */

static enum status read_period(const char *text, int32_t *period,
                               struct error_text *error)
{
    char first[16];
    int32_t day;
    *period = 0;
    if (text == NULL)
        return STATUS_OK;
    snprintf(first, sizeof first, "%.8s-01", text);
    if (day_parse(first, &day) != STATUS_OK || strlen(text) != strlen("2026-11"))
        return error_set(error, STATUS_INVALID,
                         "--period is '%.20s'; expected YYYY-MM, such as 2026-11", text);
    *period = day_period(day);
    return STATUS_OK;
}

static enum status publish(const struct planner_inputs *inputs,
                           const struct planner_result *result, bool dry,
                           struct error_text *error)
{
    struct digest version;
    char hex[DIGEST_HEX_SIZE];
    bool news;
    if (inputs->store == NULL || dry)
        return STATUS_OK;
    enum status status =
        publish_plan(inputs->store, result->bytes, result->size, &version, &news, error);
    if (status != STATUS_OK)
        return status;
    digest_format(&version, hex);
    fprintf(stderr, "plan %.12s is %s\n", hex,
            news ? "published: it is the current one" : "the current one already");
    return STATUS_OK;
}

static enum status solve_and_print(const struct plan_config *config,
                                   const struct planner_inputs *inputs,
                                   struct error_text *error)
{
    struct planner_result result;
    enum status status = planner_run(inputs, NULL, &result, error);
    if (status == STATUS_OK && result.warning.text[0] != '\0')
        fprintf(stderr, "warning: %s\n", result.warning.text);
    if (status == STATUS_OK)
        status = publish(inputs, &result, config->dry_run, error);
    if (status == STATUS_OK) {
        struct digest version = digest_sha256(result.bytes, result.size);
        status = print(config, result.bytes, result.size, &version, error);
    }
    free(result.bytes);
    return status;
}

static enum status solve(const struct plan_config *config, struct error_text *error)
{
    struct planner_inputs inputs = {.demand = config->demand};
    char *own =
        config->allocation == NULL ? path_in("", config->data, "allocation.yaml") : NULL;
    inputs.allocation = config->allocation == NULL ? own : config->allocation;
    enum status status =
        inputs.allocation == NULL ? STATUS_NOMEM : check_format(config, error);
    if (status == STATUS_OK)
        status = read_period(config->period, &inputs.period, error);
    if (status == STATUS_OK && config->demand == NULL)
        status = open_store(config, &inputs.store, error);
    if (status == STATUS_OK)
        status = solve_and_print(config, &inputs, error);
    store_close(inputs.store);
    free(own);
    return status;
}

/* ---- show ---- */

static enum status show(const struct plan_config *config, struct error_text *error)
{
    struct store *store = NULL;
    struct digest version;
    uint8_t *bytes = NULL;
    size_t size;
    enum status status = check_format(config, error);
    if (status == STATUS_OK)
        status = open_store(config, &store, error);
    if (status == STATUS_OK)
        status = publish_find(store, config->version, &version, &bytes, &size, error);
    if (status == STATUS_OK)
        status = print(config, bytes, size, &version, error);
    free(bytes);
    store_close(store);
    return status;
}

static int run(const struct config_spec *spec,
               enum status (*command)(const struct plan_config *, struct error_text *),
               int argc, char **argv)
{
    struct plan_config config = {0};
    struct error_text error = {""};
    int exit_code;
    if (!config_load(spec, argc, argv, &config, NULL, &exit_code))
        return exit_code;
    enum status status = command(&config, &error);
    exit_code = error_exit(&error, status, spec->program);
    config_free(spec, &config, NULL);
    return exit_code;
}

int command_solve(int argc, char **argv)
{
    return run(&solve_spec, solve, argc, argv);
}

int command_show(int argc, char **argv)
{
    return run(&show_spec, show, argc, argv);
}
