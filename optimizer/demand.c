/* SPDX-License-Identifier: Apache-2.0 */
/* demand.c - all periods are gathered, then one is kept: a refusal can name the others.
 */
#include "optimizer/demand.h"

#include "base/day.h"
#include "optimizer/list.h"
#include "table/csv_reader.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct gathering {
    struct demand_cell *cells;
    size_t count, room;
    bool failed;
};

static bool gather(void *arg, const struct demand_cell *cell)
{
    struct gathering *self = arg;
    if (cell->people <= 0)
        return true;
    if (self->count == self->room) {
        size_t room = 2 * self->room + 256;
        struct demand_cell *cells = realloc(self->cells, room * sizeof *cells);
        self->failed = cells == NULL;
        if (self->failed)
            return false;
        self->cells = cells;
        self->room = room;
    }
    self->cells[self->count++] = *cell;
    return true;
}

static int by_key(const void *a, const void *b)
{
    const struct demand_cell *one = a, *other = b;
    if (one->period != other->period)
        return one->period < other->period ? -1 : 1;
    int order = strcmp(one->region, other->region);
    if (order == 0)
        order = strcmp(one->target, other->target);
    return order != 0 ? order : strcmp(one->tier, other->tier);
}

static enum status no_demand(const struct gathering *all, int32_t period,
                             struct error_text *error)
{
    char list[120] = "", word[32];
    for (size_t i = all->count; i > 0; i--) { /* newest first */
        int32_t found = all->cells[i - 1].period;
        snprintf(word, sizeof word, "%" PRId32 "-%02" PRId32, found / 100, found % 100);
        list_add(list, sizeof list, word);
    }
    if (all->count == 0)
        return error_set(error, STATUS_NOT_FOUND,
                         "there is no demand to plan for: `chw score` adds some");
    return error_set(error, STATUS_NOT_FOUND,
                     "there is no demand in %" PRId32 "-%02" PRId32
                     "; the periods with demand are %s",
                     period / 100, period % 100, list);
}

/* Keeps one period of `all`, whose cells become the demand's. */
static enum status keep(struct gathering *all, int32_t period, struct demand *out,
                        struct error_text *error)
{
    size_t kept = 0;
    if (all->failed)
        return error_set(error, STATUS_NOMEM, "out of memory");
    if (all->count > 0)
        qsort(all->cells, all->count, sizeof *all->cells, by_key);
    if (period == 0 && all->count > 0)
        period = all->cells[all->count - 1].period;
    for (size_t i = 0; i < all->count; i++)
        kept += all->cells[i].period == period;
    if (kept == 0)
        return no_demand(all, period, error);
    size_t first = 0;
    while (all->cells[first].period != period)
        first++;
    memmove(all->cells, all->cells + first, kept * sizeof *all->cells);
    *out = (struct demand){.period = period, .cells = all->cells, .count = kept};
    all->cells = NULL;
    return STATUS_OK;
}

enum status demand_from_store(struct store *store, int32_t period, struct demand *out,
                              struct error_text *error)
{
    struct gathering all = {.count = 0};
    *out = (struct demand){.count = 0};
    enum status status = store_demand(store, 0, gather, &all, error);
    if (status == STATUS_OK)
        status = keep(&all, period, out, error);
    free(all.cells);
    return status;
}

/* ---- CSV ---- */

/* Of one cell: any number of them can still be added up. */
static const int64_t people_max = 1000000000000;

enum column { PERIOD, REGION, TARGET, TIER, PEOPLE, SUM_P, COLUMN_COUNT };

static bool read_integer(const char *cell, int64_t *out)
{
    char *end;
    errno = 0;
    *out = strtoll(cell, &end, 10);
    return errno == 0 && end != cell && *end == '\0' && *out >= 0;
}

static bool read_period(const char *cell, int32_t *out)
{
    char text[16];
    int32_t day;
    if (snprintf(text, sizeof text, "%.8s-01", cell) < 0 ||
        day_parse(text, &day) != STATUS_OK)
        return false;
    *out = day_period(day);
    return true;
}

/* Control characters have no business in a table on a terminal. */
static bool read_name(const char *cell, char *out, size_t room)
{
    for (const char *at = cell; *at != '\0'; at++)
        if (iscntrl((unsigned char)*at))
            return false;
    return cell[0] != '\0' && snprintf(out, room, "%s", cell) < (int)room;
}

/* The sums of p are of people: a mean above 1 would be no probability. */
static bool read_cell(const char *const *cells, const size_t *columns,
                      struct demand_cell *out)
{
    *out = (struct demand_cell){.people = 0};
    return read_period(cells[columns[PERIOD]], &out->period) &&
           read_name(cells[columns[REGION]], out->region, sizeof out->region) &&
           read_name(cells[columns[TARGET]], out->target, sizeof out->target) &&
           read_name(cells[columns[TIER]], out->tier, sizeof out->tier) &&
           read_integer(cells[columns[PEOPLE]], &out->people) &&
           read_integer(cells[columns[SUM_P]], &out->sum_p) &&
           out->people <= people_max &&
           (out->people == 0 || demand_probability(out) <= 1);
}

static enum status find_columns(struct csv_reader *reader, size_t *columns,
                                struct error_text *error)
{
    static const char *const names[COLUMN_COUNT] = {"period", "region", "target",
                                                    "tier",   "people", "sum_p"};
    enum status status = STATUS_OK;
    for (size_t i = 0; status == STATUS_OK && i < COLUMN_COUNT; i++)
        status = csv_reader_find(reader, names[i], &columns[i], error);
    return status;
}

static enum status read_rows(struct csv_reader *reader, const char *path,
                             struct gathering *all, struct error_text *error)
{
    size_t columns[COLUMN_COUNT];
    struct csv_row row;
    struct demand_cell cell;
    enum status status = find_columns(reader, columns, error);
    while (status == STATUS_OK) {
        status = csv_reader_next(reader, &row, error);
        if (status != STATUS_OK)
            break;
        if (!read_cell(row.cells, columns, &cell))
            return error_set(error, STATUS_MALFORMED,
                             "%s:%" PRIu64 ": not a line of `chw demand --format csv`: "
                             "period is YYYY-MM, names are without control "
                             "characters, people and sum_p are whole numbers, people "
                             "at most 10^12, sum_p at most people * 2^32",
                             path, row.line);
        if (!gather(all, &cell))
            break;
    }
    return status == STATUS_END ? STATUS_OK : status;
}

/* A cell twice would be planned for twice. */
static enum status check_unique(const struct demand *self, const char *path,
                                struct error_text *error)
{
    for (size_t i = 1; i < self->count; i++)
        if (by_key(&self->cells[i - 1], &self->cells[i]) == 0)
            return error_set(error, STATUS_MALFORMED, "%s: %s, %s, %s is there twice",
                             path, self->cells[i].region, self->cells[i].target,
                             self->cells[i].tier);
    return STATUS_OK;
}

enum status demand_from_csv(const char *path, int32_t period, struct demand *out,
                            struct error_text *error)
{
    struct gathering all = {.count = 0};
    struct csv_reader *reader = NULL;
    *out = (struct demand){.count = 0};
    enum status status = csv_reader_open(path, &reader, error);
    if (status == STATUS_OK)
        status = read_rows(reader, path, &all, error);
    csv_reader_close(reader);
    if (status == STATUS_OK)
        status = keep(&all, period, out, error);
    free(all.cells);
    return status == STATUS_OK ? check_unique(out, path, error) : status;
}

void demand_release(struct demand *self)
{
    free(self->cells);
    *self = (struct demand){.count = 0};
}

double demand_probability(const struct demand_cell *cell)
{
    return (double)cell->sum_p / 4294967296.0 / (double)cell->people;
}
