/* SPDX-License-Identifier: Apache-2.0 */
/* letter_show.c - lines, JSON, columns, values. */
#include "client/letter_show.h"

#include "base/day.h"
#include "base/proto_parse.h"
#include "client/letter_key.h"
#include "model/columns.h"
#include "table/csv_writer.h"
#include "table/json_text.h"
#include "table/text_table.h"

#include <inttypes.h>
#include <string.h>
#include <time.h>

enum { WHEN_SIZE = 32 };

static bool is_told(const struct dead_letter *letter)
{
    return letter->buried_s != 0;
}

static void format_when(int64_t seconds, char text[WHEN_SIZE])
{
    time_t when = (time_t)seconds;
    struct tm parts;
    gmtime_r(&when, &parts);
    strftime(text, WHEN_SIZE, "%Y-%m-%dT%H:%M:%SZ", &parts);
}

/* ---- lists ---- */

#define LIST_FORMAT "%-34s  %-20s  %8s  %8s  %9s  %s  %s\n"

void letter_list_heading(FILE *file)
{
    fprintf(file, LIST_FORMAT, "key", "buried", "attempts", "records", "bytes", "region",
            "reason");
}

void letter_list_line(const struct dead_letter *letter, FILE *file)
{
    char key[LETTER_KEY_TEXT_SIZE], when[WHEN_SIZE] = "-";
    char attempts[16] = "-", records[16] = "-", size[24];
    letter_key_format(&letter->key, key);
    if (is_told(letter)) {
        format_when(letter->buried_s, when);
        snprintf(attempts, sizeof attempts, "%" PRIu32, letter->attempts);
    }
    if (letter->records > 0)
        snprintf(records, sizeof records, "%" PRIu32, letter->records);
    snprintf(size, sizeof size, "%zu", letter->size);
    fprintf(file, LIST_FORMAT, key, when, attempts, records, size, letter->region,
            letter->reason);
}

static void write_json_member(FILE *file, const char *name, const char *text)
{
    fprintf(file, ",\"%s\":", name);
    if (text == NULL)
        fputs("null", file);
    else
        json_write_text(file, text);
}

static void write_json_count(FILE *file, const char *name, bool known, uint64_t count)
{
    if (known)
        fprintf(file, ",\"%s\":%" PRIu64, name, count);
    else
        fprintf(file, ",\"%s\":null", name);
}

void letter_list_json(const struct dead_letter *letter, FILE *file)
{
    char key[LETTER_KEY_TEXT_SIZE], when[WHEN_SIZE], day[DAY_TEXT_SIZE];
    bool told = is_told(letter);
    letter_key_format(&letter->key, key);
    format_when(letter->buried_s, when);
    day_format(letter->as_of, day);
    fprintf(file, "{\"key\":\"%s\"", key);
    write_json_member(file, "region", letter->region);
    write_json_member(file, "reason", letter->reason);
    write_json_member(file, "buried", told ? when : NULL);
    write_json_member(file, "as_of", told ? day : NULL);
    write_json_count(file, "attempts", told, letter->attempts);
    write_json_count(file, "records", letter->records > 0, letter->records);
    write_json_count(file, "bytes", true, letter->size);
    fputc('}', file);
}

/* ---- one ---- */

static void show_line(FILE *file, const char *what, const char *text)
{
    fprintf(file, "%-12s%s\n", what, text);
}

static void show_count(FILE *file, const char *what, bool known, uint64_t count)
{
    if (known)
        fprintf(file, "%-12s%" PRIu64 "\n", what, count);
    else
        show_line(file, what, "not known");
}

void letter_show_head(const struct dead_letter *letter, FILE *file)
{
    char key[LETTER_KEY_TEXT_SIZE], when[WHEN_SIZE] = "not known (an older release)";
    char day[DAY_TEXT_SIZE] = "not known";
    letter_key_format(&letter->key, key);
    if (is_told(letter)) {
        format_when(letter->buried_s, when);
        day_format(letter->as_of, day);
    }
    show_line(file, "key", key);
    show_line(file, "region", letter->region);
    show_line(file, "reason", letter->reason);
    show_line(file, "buried", when);
    show_line(file, "as of", day);
    show_count(file, "attempts", is_told(letter), letter->attempts);
    show_count(file, "records", letter->records > 0, letter->records);
    show_count(file, "bytes", true, letter->size);
}

/* The batch and the view of it, which borrows from it. */
struct content {
    Chw__Batch *batch;
    struct columns columns;
};

static void release(struct content *self)
{
    columns_release(&self->columns);
    if (self->batch != NULL)
        proto_free(&self->batch->base);
}

static enum status view(const struct dead_letter *letter, struct content *out,
                        struct error_text *error)
{
    *out = (struct content){.batch = NULL};
    out->batch =
        (Chw__Batch *)proto_parse(&chw__batch__descriptor, letter->body, letter->size);
    if (out->batch == NULL)
        return error_set(error, STATUS_MALFORMED, "its body does not parse");
    enum status status = columns_view(out->batch, &out->columns, error);
    if (status == STATUS_OK)
        return STATUS_OK;
    release(out);
    return status == STATUS_INVALID ? STATUS_MALFORMED : status;
}

static const char *type_name(const struct column *column)
{
    if (column->category_count > 0)
        return "categories";
    return column->type == COLUMN_FLOATS ? "numbers" : "small integers";
}

static bool is_valid(const struct column *column, size_t row)
{
    return column->valid == NULL || bitmap_test(column->valid, row);
}

static bool is_unreadable(const struct column *column, size_t row)
{
    return column->unreadable != NULL && bitmap_test(column->unreadable, row);
}

static void add_column(struct text_table *table, const struct column *column, size_t rows)
{
    int64_t valid = 0, unreadable = 0;
    for (size_t row = 0; row < rows; row++) {
        valid += is_valid(column, row);
        unreadable += is_unreadable(column, row);
    }
    text_table_add(table, "%s", column->name);
    text_table_add(table, "%s", type_name(column));
    text_table_count(table, valid);
    text_table_count(table, (int64_t)rows - valid);
    text_table_count(table, unreadable);
}

static void show_asked(const Chw__Batch *batch, FILE *file)
{
    fprintf(file, "%-12s", "models");
    for (size_t i = 0; i < batch->n_models; i++)
        fprintf(file, "%s%s@%s", i == 0 ? "" : " ", batch->models[i]->name,
                batch->models[i]->alias);
    fputs(batch->n_models == 0 ? "every target of the program\n" : "\n", file);
    if (batch->explain > 0)
        fprintf(file, "%-12s%" PRIu32 " factors\n", "explained", batch->explain);
}

enum status letter_show_columns(const struct dead_letter *letter, FILE *file,
                                struct error_text *error)
{
    static const char *const heading[] = {"column", "type", "values", "missing",
                                          "unreadable"};
    struct content content;
    enum status status = view(letter, &content, error);
    if (status != STATUS_OK)
        return status;
    struct text_table *table = text_table_new("llrrr");
    if (table == NULL) {
        release(&content);
        return error_set(error, STATUS_NOMEM, "out of memory");
    }
    for (size_t i = 0; i < sizeof heading / sizeof heading[0]; i++)
        text_table_add(table, "%s", heading[i]);
    for (size_t i = 0; i < content.columns.count; i++)
        add_column(table, &content.columns.items[i], content.columns.rows);
    show_asked(content.batch, file);
    fputc('\n', file);
    text_table_print(table, file);
    text_table_free(table);
    release(&content);
    return STATUS_OK;
}

/* ---- values ---- */

static size_t code_of(const struct column *column, size_t row)
{
    return column->type == COLUMN_BITMAP ? bitmap_test(column->bytes, row)
                                         : column->bytes[row];
}

static void write_cell(const struct column *column, size_t row, int first, FILE *file)
{
    if (is_unreadable(column, row))
        csv_write_text(file, first, "?");
    else if (!is_valid(column, row))
        csv_write_text(file, first, "");
    else if (column->type == COLUMN_FLOATS)
        csv_write_float(file, first, column->floats[row]);
    else if (column->category_count > 0)
        csv_write_text(file, first, column->categories[code_of(column, row)]);
    else
        csv_write_count(file, first, code_of(column, row));
}

enum status letter_show_values(const struct dead_letter *letter, FILE *file,
                               struct error_text *error)
{
    struct content content;
    enum status status = view(letter, &content, error);
    if (status != STATUS_OK)
        return status;
    const struct columns *columns = &content.columns;
    for (size_t i = 0; i < columns->count; i++)
        csv_write_text(file, i == 0, columns->items[i].name);
    csv_write_end(file);
    for (size_t row = 0; row < columns->rows; row++) {
        for (size_t i = 0; i < columns->count; i++)
            write_cell(&columns->items[i], row, i == 0, file);
        csv_write_end(file);
    }
    release(&content);
    return STATUS_OK;
}
