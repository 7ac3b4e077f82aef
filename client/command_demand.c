/* SPDX-License-Identifier: Apache-2.0 */
/* command_demand.c - chw demand: what the settled batches add up to. */
#include "base/config.h"
#include "base/day.h"
#include "client/commands.h"
#include "client/data_folder.h"
#include "client/demand_sums.h"
#include "client/store_option.h"
#include "table/csv_writer.h"
#include "table/json_text.h"
#include "table/text_table.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct demand_config {
    char *data, *store, *period, *format;
};

#define KEY(name, type, field) name, type, offsetof(struct demand_config, field)
static const struct config_key keys[] = {
    {KEY("data", CONFIG_TEXT, data), DATA_FOLDER_DEFAULT, 0, 0, "DIR",
     "the cluster's data folder"},
    {KEY("store", CONFIG_TEXT, store), NULL, 0, 0, "URL",
     STORE_URL_FORMS " (default: sqlite:DIR/store.db)"},
    {KEY("period", CONFIG_TEXT, period), NULL, 0, 0, "YYYY-MM",
     "one month (default: all there are)"},
    {KEY("format", CONFIG_TEXT, format), "table", 0, 0, "FORMAT", "table, csv or json"},
};
#undef KEY

static const struct config_spec spec = {
    .program = "chw demand",
    .summary = "Per region and target: people scored, expected cases, people per tier.",
    .keys = keys,
    .key_count = sizeof keys / sizeof keys[0],
    .notes =
        "Demand counts scorings: a person scored by two jobs counts twice.\n"
        "`expected` is the sum of the probabilities, `+-` its standard deviation. "
        "csv and\njson also have the exact sums: sum_p of llrint(p * 2^32), sum_pq of "
        "llrint(p * (1 - p)\n* 2^32), over the people.\n",
};

struct cell_list {
    struct demand_cell *items;
    size_t count, room;
    bool failed;
};

static bool gather(void *arg, const struct demand_cell *cell)
{
    struct cell_list *self = arg;
    if (self->count == self->room) {
        size_t room = self->room * 2 + 256;
        struct demand_cell *items = realloc(self->items, room * sizeof *items);
        self->failed = items == NULL;
        if (self->failed)
            return false;
        self->items = items;
        self->room = room;
    }
    self->items[self->count++] = *cell;
    return true;
}

/* ---- table ---- */

static void add_heading(struct text_table *table, const struct demand_group *group)
{
    static const char *const fixed[] = {"region", "people", "expected", "+-"};
    for (size_t i = 0; i < 4; i++)
        text_table_add(table, "%s", fixed[i]);
    for (size_t i = 0; i < group->tier_count; i++)
        text_table_add(table, "%s", group->tiers[i]);
}

static void add_line(struct text_table *table, const struct demand_group *group,
                     const struct demand_line *line)
{
    text_table_add(table, "%s", line->region[0] == '\0' ? "all regions" : line->region);
    text_table_count(table, line->people);
    text_table_add(table, "%.1f", demand_expected(line->sum_p));
    text_table_add(table, "%.1f", demand_deviation(line->sum_pq));
    for (size_t i = 0; i < group->tier_count; i++)
        text_table_count(table, line->tiers[i]);
}

static void print_group(const struct demand_group *group)
{
    char align[4 + PROGRAM_TIERS_MAX + 1];
    memset(align, 'r', sizeof align);
    align[0] = 'l';
    align[4 + group->tier_count] = '\0';
    struct text_table *table = text_table_new(align);
    if (table == NULL)
        return;
    const struct demand_line *line = &group->lines[0];
    printf("%s, %" PRId32 "-%02" PRId32 "\n", line->target, line->period / 100,
           line->period % 100);
    add_heading(table, group);
    for (size_t i = 0; i < group->line_count; i++)
        add_line(table, group, &group->lines[i]);
    text_table_print(table, stdout);
    text_table_free(table);
    putchar('\n');
}

static void print_table(const struct cell_list *cells, const struct demand_sums *sums)
{
    (void)cells;
    for (size_t i = 0; i < sums->group_count; i++)
        print_group(&sums->groups[i]);
    puts("Demand counts scorings: a person scored by two jobs counts twice.");
}

/* ---- csv: the store's cells as they are ---- */

static void print_csv(const struct cell_list *cells, const struct demand_sums *sums)
{
    (void)sums;
    puts("period,region,target,tier,people,expected,deviation,sum_p,sum_pq");
    for (size_t i = 0; i < cells->count; i++) {
        const struct demand_cell *cell = &cells->items[i];
        printf("%" PRId32 "-%02" PRId32, cell->period / 100, cell->period % 100);
        csv_write_text(stdout, 0, cell->region);
        csv_write_text(stdout, 0, cell->target);
        csv_write_text(stdout, 0, cell->tier);
        printf(",%" PRId64 ",%.6f,%.6f,%" PRId64 ",%" PRId64, cell->people,
               demand_expected(cell->sum_p), demand_deviation(cell->sum_pq), cell->sum_p,
               cell->sum_pq);
        csv_write_end(stdout);
    }
}

/* ---- json ---- */

/* Sums as text: they may be larger than what a JSON reader keeps exactly. */
static void print_json_line(const struct demand_group *group,
                            const struct demand_line *line)
{
    printf("  {\"period\": \"%" PRId32 "-%02" PRId32 "\", \"target\": ",
           line->period / 100, line->period % 100);
    json_write_text(stdout, line->target);
    fputs(", \"region\": ", stdout);
    json_write_text(stdout, line->region);
    printf(", \"people\": %" PRId64 ", \"expected\": %.6f, \"deviation\": %.6f, "
           "\"sum_p\": \"%" PRId64 "\", \"sum_pq\": \"%" PRId64 "\", \"tiers\": {",
           line->people, demand_expected(line->sum_p), demand_deviation(line->sum_pq),
           line->sum_p, line->sum_pq);
    for (size_t i = 0; i < group->tier_count; i++) {
        fputs(i == 0 ? "" : ", ", stdout);
        json_write_text(stdout, group->tiers[i]);
        printf(": %" PRId64, line->tiers[i]);
    }
    fputs("}}", stdout);
}

static void print_json(const struct cell_list *cells, const struct demand_sums *sums)
{
    const char *between = "\n";
    (void)cells;
    fputs("{\"counts\": \"scorings\", \"demand\": [", stdout);
    for (size_t i = 0; i < sums->group_count; i++)
        for (size_t j = 0; j + 1 < sums->groups[i].line_count; j++) { /* no total */
            fputs(between, stdout);
            print_json_line(&sums->groups[i], &sums->groups[i].lines[j]);
            between = ",\n";
        }
    puts("\n]}");
}

/* ---- the command ---- */

static const struct format {
    const char *name;
    void (*print)(const struct cell_list *cells, const struct demand_sums *sums);
} formats[] = {{"table", print_table}, {"csv", print_csv}, {"json", print_json}};

static const struct format *find_format(const char *name)
{
    for (size_t i = 0; i < sizeof formats / sizeof formats[0]; i++)
        if (strcmp(formats[i].name, name) == 0)
            return &formats[i];
    return NULL;
}

/* "2026-11" -> 202611; NULL: 0, all. A month is a day of it without the day. */
static enum status parse_period(const char *text, int32_t *period,
                                struct error_text *error)
{
    char first[DAY_TEXT_SIZE];
    int32_t day;
    *period = 0;
    if (text == NULL)
        return STATUS_OK;
    if (strlen(text) != strlen("2026-11") ||
        snprintf(first, sizeof first, "%s-01", text) < 0 ||
        day_parse(first, &day) != STATUS_OK)
        return error_set(error, STATUS_INVALID,
                         "--period is '%s'; expected a month such as 2026-11", text);
    *period = day_period(day);
    return STATUS_OK;
}

/* For the order of the tiers only: without it they come by name. */
static bool load_program(struct store *store, struct program *program)
{
    struct digest version;
    uint8_t *bytes;
    size_t size;
    if (store_alias_get(store, ARTIFACT_PROGRAM, STORE_PROGRAM_NAME, STORE_PROGRAM_ALIAS,
                        &version, NULL) != STATUS_OK ||
        store_get(store, ARTIFACT_PROGRAM, &version, &bytes, &size, NULL) != STATUS_OK)
        return false;
    enum status status = program_load(bytes, size, program, NULL);
    free(bytes);
    return status == STATUS_OK;
}

static enum status print_demand(struct store *store, int32_t period,
                                const struct format *format, struct error_text *error)
{
    struct cell_list cells = {0};
    struct demand_sums sums = {0};
    struct program program;
    bool known = load_program(store, &program);
    enum status status = store_demand(store, period, gather, &cells, error);
    if (status == STATUS_OK && cells.failed)
        status = STATUS_NOMEM;
    if (status == STATUS_OK)
        status =
            demand_sums_make(cells.items, cells.count, known ? &program : NULL, &sums);
    if (status == STATUS_OK && cells.count == 0 && format->print == print_table)
        printf("no demand %s: `chw score` adds some\n",
               period == 0 ? "yet" : "in that month");
    else if (status == STATUS_OK)
        format->print(&cells, &sums);
    demand_sums_free(&sums);
    free(cells.items);
    return status;
}

int command_demand(int argc, char **argv)
{
    struct demand_config config = {0};
    struct error_text error = {""};
    struct store *store = NULL;
    int exit_code;
    int32_t period;
    if (!config_load(&spec, argc, argv, &config, NULL, &exit_code))
        return exit_code;
    const struct format *format = find_format(config.format);
    enum status status = parse_period(config.period, &period, &error);
    if (status == STATUS_OK && format == NULL)
        status =
            error_set(&error, STATUS_INVALID,
                      "--format is '%s'; expected table, csv or json", config.format);
    if (status == STATUS_OK)
        status = store_option_open(config.data, config.store, &store, &error);
    if (status == STATUS_OK)
        status = print_demand(store, period, format, &error);
    exit_code = error_exit(&error, status, "chw demand");
    store_close(store);
    config_free(&spec, &config, NULL);
    return exit_code;
}
