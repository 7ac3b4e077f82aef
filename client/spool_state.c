/* SPDX-License-Identifier: Apache-2.0 */
/* spool_state.c - the heads of the batches, and the journal beside them. */
#include "client/spool_state.h"

#include "base/day.h"
#include "client/journal.h"
#include "client/spool_disk.h"
#include "table/json_text.h"
#include "table/text_table.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PATH_SIZE = 4096 };

/* ---- reading ---- */

static enum status add_region(struct spool_state *self, const struct spool_batch *batch,
                              size_t *room, struct error_text *error)
{
    if (self->region_count == *room) {
        size_t larger = *room == 0 ? 64 : 2 * *room;
        struct spool_region *regions = realloc(self->regions, larger * sizeof *regions);
        if (regions == NULL)
            return error_set(error, STATUS_NOMEM, "out of memory");
        self->regions = regions;
        *room = larger;
    }
    struct spool_region *region = &self->regions[self->region_count++];
    *region = (struct spool_region){.batches = 1, .records = batch->rows};
    strcpy(region->name, batch->header.region);
    return STATUS_OK;
}

static void add_batch(struct spool_state *self, const struct spool_batch *batch)
{
    int32_t day = batch->header.as_of;
    if (self->batches == 0 || day < self->oldest)
        self->oldest = day;
    if (self->batches == 0 || day > self->newest)
        self->newest = day;
    self->batches++;
    self->records += batch->rows;
}

static int compare(const void *a, const void *b)
{
    const struct spool_region *one = a, *other = b;
    return strcmp(one->name, other->name);
}

/* From one entry per batch to one per region. */
static void merge_regions(struct spool_state *self)
{
    size_t count = 0;
    if (self->region_count > 0)
        qsort(self->regions, self->region_count, sizeof *self->regions, compare);
    for (size_t i = 0; i < self->region_count; i++) {
        if (count > 0 && compare(&self->regions[count - 1], &self->regions[i]) == 0) {
            self->regions[count - 1].batches += self->regions[i].batches;
            self->regions[count - 1].records += self->regions[i].records;
        } else {
            self->regions[count++] = self->regions[i];
        }
    }
    self->region_count = count;
}

/* One that its owner removed while we looked has been answered. */
static enum status read_batches(struct spool_state *self, const struct spool *spool,
                                const struct journal *journal, struct error_text *error)
{
    size_t room = 0;
    for (uint64_t n = spool_next(spool, 0); n != 0; n = spool_next(spool, n + 1)) {
        struct spool_batch batch;
        if (journal_has(journal, n))
            continue;
        enum status status = spool_head(spool, n, &batch, error);
        if (status == STATUS_NOT_FOUND)
            continue;
        if (status == STATUS_OK)
            status = add_region(self, &batch, &room, error);
        if (status != STATUS_OK)
            return status;
        add_batch(self, &batch);
    }
    merge_regions(self);
    return STATUS_OK;
}

static enum status open_journal(const char *folder, struct journal **journal,
                                struct error_text *error)
{
    char path[PATH_SIZE];
    if ((size_t)snprintf(path, sizeof path, "%s/journal", folder) >= sizeof path)
        return error_set(error, STATUS_INVALID, "%.80s...: the path is too long", folder);
    if (access(folder, F_OK) != 0)
        return error_set(error, STATUS_NOT_FOUND, "%s: %s", folder, strerror(errno));
    enum status status = journal_look(path, journal, error);
    return status == STATUS_NOT_FOUND
               ? error_set(error, status, "%s is no spool: it has no journal", folder)
               : status;
}

enum status spool_state_read(const char *folder, struct spool_state *out,
                             struct error_text *error)
{
    struct spool_disk disk;
    struct spool *spool = NULL;
    struct journal *journal = NULL;
    memset(out, 0, sizeof *out);
    spool_disk_init(&disk, folder);
    enum status status = open_journal(folder, &journal, error);
    if (status == STATUS_OK)
        status = spool_open(&disk, NULL, UINT64_MAX, &spool, error);
    if (status == STATUS_OK) {
        out->job = *journal_job(journal);
        out->answered = journal_count(journal);
        out->bytes = spool_bytes(spool);
        out->given_up = spool_given_up(spool);
        status = read_batches(out, spool, journal, error);
    }
    spool_close(spool);
    journal_close(journal);
    if (status != STATUS_OK)
        spool_state_free(out);
    return status;
}

void spool_state_free(struct spool_state *self)
{
    free(self->regions);
    memset(self, 0, sizeof *self);
}

/* ---- showing ---- */

static void print_regions(const struct spool_state *self, FILE *file)
{
    struct text_table *table = text_table_new("lrr");
    if (table == NULL)
        return;
    text_table_add(table, "region");
    text_table_add(table, "batches");
    text_table_add(table, "records");
    for (size_t i = 0; i < self->region_count; i++) {
        text_table_add(table, "%s", self->regions[i].name);
        text_table_count(table, (int64_t)self->regions[i].batches);
        text_table_count(table, (int64_t)self->regions[i].records);
    }
    fputc('\n', file);
    text_table_print(table, file);
    text_table_free(table);
}

static void format_days(const struct spool_state *self, char oldest[DAY_TEXT_SIZE],
                        char newest[DAY_TEXT_SIZE])
{
    day_format(self->oldest, oldest);
    day_format(self->newest, newest);
}

void spool_state_print(const struct spool_state *self, FILE *file)
{
    char oldest[DAY_TEXT_SIZE], newest[DAY_TEXT_SIZE];
    format_days(self, oldest, newest);
    fprintf(file, "waiting   %" PRIu64 " batches, %" PRIu64 " records\n", self->batches,
            self->records);
    fprintf(file, "on disk   %" PRIu64 " bytes\n", self->bytes);
    if (self->batches > 0)
        fprintf(file, "days      %s to %s\n", oldest, newest);
    fprintf(file, "answered  %" PRIu64 " batches\n", self->answered);
    if (self->given_up > 0)
        fprintf(file, "given up  %" PRIu64 " damaged batches\n", self->given_up);
    if (self->region_count > 0)
        print_regions(self, file);
}

static void write_days(const struct spool_state *self, FILE *file)
{
    char oldest[DAY_TEXT_SIZE], newest[DAY_TEXT_SIZE];
    format_days(self, oldest, newest);
    if (self->batches > 0)
        fprintf(file, "\"oldest_day\":\"%s\",\"newest_day\":\"%s\"", oldest, newest);
    else
        fputs("\"oldest_day\":null,\"newest_day\":null", file);
}

void spool_state_json(const struct spool_state *self, FILE *file)
{
    fprintf(file,
            "{\"batches\":%" PRIu64 ",\"records\":%" PRIu64 ",\"bytes\":%" PRIu64 ",",
            self->batches, self->records, self->bytes);
    write_days(self, file);
    fprintf(file, ",\"answered\":%" PRIu64 ",\"given_up\":%" PRIu64 ",\"regions\":[",
            self->answered, self->given_up);
    for (size_t i = 0; i < self->region_count; i++) {
        const struct spool_region *region = &self->regions[i];
        fputs(i == 0 ? "{\"region\":" : ",{\"region\":", file);
        json_write_text(file, region->name);
        fprintf(file, ",\"batches\":%" PRIu64 ",\"records\":%" PRIu64 "}",
                region->batches, region->records);
    }
    fputs("]}\n", file);
}
