/* SPDX-License-Identifier: Apache-2.0 */
/* results.c - the rows of a batch ascend, so each batch is read once and left when its
 * last row is written: at most one batch per region is in memory. */
#include "client/results.h"

#include "base/crypto.h"
#include "base/file.h"
#include "table/csv_writer.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PATH_SIZE = 4096, REFUSED = 0 };

struct placed_batch {
    char region[CHW_REGION_MAX + 1];
    struct chw_result *result; /* while its rows are being written */
    uint32_t next;             /* row of the batch */
};

struct results {
    const char *region_column;
    size_t factors;      /* of each target */
    uint32_t *sequences; /* of each row; REFUSED: not sent */
    uint64_t row_count, row_room;
    struct placed_batch *batches; /* sequence 1 is the first */
    uint64_t batch_count, batch_room;
    char (*targets)[64];
    size_t target_count;
};

struct results *results_new(const char *region_column, size_t factors)
{
    struct results *self = calloc(1, sizeof *self);
    if (self == NULL)
        return NULL;
    self->region_column = region_column;
    self->factors = factors;
    return self;
}

void results_free(struct results *self)
{
    if (self == NULL)
        return;
    for (uint64_t i = 0; i < self->batch_count; i++)
        chw_result_free(self->batches[i].result);
    free(self->sequences);
    free(self->batches);
    free(self->targets);
    free(self);
}

/* ---- placing ---- */

static enum status reach_row(struct results *self, uint64_t row)
{
    if (row > self->row_room) {
        uint64_t room = 2 * row + 65536;
        uint32_t *larger = realloc(self->sequences, room * sizeof *larger);
        if (larger == NULL)
            return STATUS_NOMEM;
        memset(larger + self->row_room, 0, (room - self->row_room) * sizeof *larger);
        self->sequences = larger;
        self->row_room = room;
    }
    if (row > self->row_count)
        self->row_count = row;
    return STATUS_OK;
}

enum status results_place(struct results *self, uint64_t row, uint64_t sequence)
{
    if (sequence > UINT32_MAX)
        return STATUS_FULL;
    enum status status = reach_row(self, row);
    if (status == STATUS_OK)
        self->sequences[row - 1] = (uint32_t)sequence;
    return status;
}

enum status results_refuse(struct results *self, uint64_t row)
{
    return reach_row(self, row); /* zeroed: REFUSED */
}

enum status results_batch(struct results *self, uint64_t sequence, const char *region)
{
    if (sequence > self->batch_room) {
        uint64_t room = 2 * sequence + 1024;
        struct placed_batch *larger = realloc(self->batches, room * sizeof *larger);
        if (larger == NULL)
            return STATUS_NOMEM;
        memset(larger + self->batch_room, 0, (room - self->batch_room) * sizeof *larger);
        self->batches = larger;
        self->batch_room = room;
    }
    if (sequence > self->batch_count)
        self->batch_count = sequence;
    struct placed_batch *batch = &self->batches[sequence - 1];
    snprintf(batch->region, sizeof batch->region, "%s", region);
    return STATUS_OK;
}

static size_t find_target(const struct results *self, const char *name)
{
    size_t target = 0;
    while (target < self->target_count && strcmp(self->targets[target], name) != 0)
        target++;
    return target;
}

enum status results_note(struct results *self, const struct chw_result *result)
{
    for (size_t i = 0; i < chw_result_target_count(result); i++) {
        const char *name = chw_result_target_name(result, i);
        size_t target = find_target(self, name);
        if (target < self->target_count)
            continue;
        char(*larger)[64] = realloc(self->targets, (target + 1) * sizeof *larger);
        if (larger == NULL)
            return STATUS_NOMEM;
        self->targets = larger;
        snprintf(larger[target], sizeof larger[target], "%s", name);
        self->target_count++;
    }
    return STATUS_OK;
}

/* ---- writing ---- */

/* Everything that one pass over the rows needs. */
struct writing {
    struct results *results;
    struct chw_client *client;
    FILE *file;
    struct results_summary *summary;
    struct error_text *error;
};

/* Names of a target's columns; `number` 0: there is one of the kind. */
static void write_name(const struct writing *self, size_t target, const char *kind,
                       size_t number)
{
    char name[112];
    int used = snprintf(name, sizeof name, "%s_%s", self->results->targets[target], kind);
    if (number > 0)
        snprintf(name + used, sizeof name - (size_t)used, "%zu", number);
    csv_write_text(self->file, 0, name);
}

static void write_header(const struct writing *self)
{
    fputs("row,region,status", self->file);
    for (size_t i = 0; i < self->results->target_count; i++) {
        write_name(self, i, "probability", 0);
        write_name(self, i, "tier", 0);
        write_name(self, i, "version", 0);
        if (self->results->factors > 0)
            write_name(self, i, "base", 0);
        for (size_t k = 1; k <= self->results->factors; k++) {
            write_name(self, i, "factor", k);
            write_name(self, i, "contribution", k);
        }
    }
    csv_write_end(self->file);
}

static void write_status(const struct writing *self, const char *what, const char *column,
                         const char *why)
{
    char text[512];
    snprintf(text, sizeof text, "%s: %s%s%s", what, column, *column == '\0' ? "" : ": ",
             why);
    csv_write_text(self->file, 0, text);
}

static void write_empty_cells(const struct writing *self, size_t count)
{
    for (size_t i = 0; i < count; i++)
        putc(',', self->file);
}

/* Of each target, base and factors. */
static size_t factor_cells(const struct writing *self)
{
    return self->results->factors == 0 ? 0 : 1 + 2 * self->results->factors;
}

static void write_empty_target(const struct writing *self)
{
    write_empty_cells(self, 3 + factor_cells(self));
}

static void write_empty_targets(const struct writing *self)
{
    for (size_t i = 0; i < self->results->target_count; i++)
        write_empty_target(self);
}

static void count_version(struct results_summary *summary,
                          const struct chw_result *result, size_t target)
{
    const uint8_t *version = chw_result_version(result, target);
    for (size_t i = 0; i < summary->version_count; i++) {
        struct results_version *counted = &summary->versions[i];
        if (memcmp(counted->version, version, sizeof counted->version) == 0) {
            counted->rows++;
            return;
        }
    }
    if (summary->version_count == sizeof summary->versions / sizeof summary->versions[0])
        return;
    struct results_version *counted = &summary->versions[summary->version_count++];
    snprintf(counted->target, sizeof counted->target, "%s",
             chw_result_target_name(result, target));
    memcpy(counted->version, version, sizeof counted->version);
    counted->rows = 1;
    counted->explains = chw_result_factor_count(result, target) > 0;
    counted->in_log_odds = chw_result_in_log_odds(result, target);
    snprintf(counted->unexplained, sizeof counted->unexplained, "%s",
             chw_result_unexplained(result, target));
}

/* A factor that contributes nothing is none. */
static void write_factor(const struct writing *self, const struct chw_result *result,
                         size_t target, size_t row, size_t factor)
{
    float contribution = 0;
    const char *name = "";
    if (factor < chw_result_factor_count(result, target))
        name = chw_result_factor(result, target, row, factor, &contribution);
    if (contribution == 0) {
        write_empty_cells(self, 2);
        return;
    }
    csv_write_text(self->file, 0, name);
    csv_write_float(self->file, 0, contribution);
}

static void write_factors(const struct writing *self, const struct chw_result *result,
                          size_t target, size_t row)
{
    if (chw_result_factor_count(result, target) == 0) {
        write_empty_cells(self, factor_cells(self));
        return;
    }
    csv_write_float(self->file, 0, (float)chw_result_base(result, target));
    for (size_t k = 0; k < self->results->factors; k++)
        write_factor(self, result, target, row, k);
}

static void write_target(const struct writing *self, const struct chw_result *result,
                         size_t target, size_t row)
{
    struct digest version;
    char text[DIGEST_HEX_SIZE];
    memcpy(version.bytes, chw_result_version(result, target), sizeof version.bytes);
    digest_format(&version, text);
    csv_write_float(self->file, 0, chw_result_probabilities(result, target)[row]);
    csv_write_text(self->file, 0, chw_result_tier(result, target, row));
    csv_write_text(self->file, 0, text);
    count_version(self->summary, result, target);
    if (self->results->factors > 0)
        write_factors(self, result, target, row);
}

static void write_targets(const struct writing *self, const struct chw_result *result,
                          size_t row)
{
    for (size_t i = 0; i < self->results->target_count; i++) {
        size_t target = 0, count = chw_result_target_count(result);
        while (target < count && strcmp(chw_result_target_name(result, target),
                                        self->results->targets[i]) != 0)
            target++;
        if (target < count)
            write_target(self, result, target, row);
        else
            write_empty_target(self);
    }
}

static const char *fault_text(enum chw_fault fault)
{
    static const char *const texts[] = {
        [CHW_FAULT_NONE] = "",
        [CHW_FAULT_MISSING] = "missing",
        [CHW_FAULT_NOT_A_NUMBER] = "not a number",
        [CHW_FAULT_UNKNOWN_CATEGORY] = "unknown category",
    };
    /* A newer worker may know more faults. */
    return (size_t)fault < sizeof texts / sizeof texts[0] ? texts[fault]
                                                          : "cannot be used";
}

static void write_scored(const struct writing *self, const struct chw_result *result,
                         size_t row)
{
    const char *column;
    enum chw_fault fault = chw_result_fault(result, row, &column);
    self->summary->ok += fault == CHW_FAULT_NONE;
    self->summary->invalid += fault != CHW_FAULT_NONE;
    if (fault == CHW_FAULT_NONE) {
        csv_write_text(self->file, 0, "ok");
        write_targets(self, result, row);
        return;
    }
    write_status(self, "invalid", column, fault_text(fault));
    write_empty_targets(self);
}

static void write_answer(const struct writing *self, const struct chw_result *result,
                         size_t row)
{
    enum chw_outcome outcome = chw_result_outcome(result);
    if (outcome == CHW_COUNTED || outcome == CHW_SCORED) {
        write_scored(self, result, row);
        return;
    }
    self->summary->dead += outcome == CHW_DEAD;
    self->summary->invalid += outcome != CHW_DEAD;
    if (outcome == CHW_ACKNOWLEDGED)
        write_status(self, "invalid", "",
                     "answered to an earlier run whose journal is gone");
    else
        write_status(self, outcome == CHW_DEAD ? "dead" : "invalid", "",
                     chw_result_reason(result));
    write_empty_targets(self);
}

static enum status open_batch(const struct writing *self, struct placed_batch *batch,
                              uint64_t sequence)
{
    if (batch->result != NULL)
        return STATUS_OK;
    enum chw_status got = chw_recall(self->client, sequence, &batch->result);
    if (got != CHW_OK)
        return error_set(self->error, STATUS_CORRUPT, "the answer to batch %llu: %s",
                         (unsigned long long)sequence, chw_last_error(self->client));
    return STATUS_OK;
}

static enum status write_sent(const struct writing *self, uint64_t row, uint64_t sequence)
{
    struct placed_batch *batch = &self->results->batches[sequence - 1];
    enum status status = open_batch(self, batch, sequence);
    if (status != STATUS_OK)
        return status;
    csv_write_count(self->file, 1, row);
    csv_write_text(self->file, 0, batch->region);
    write_answer(self, batch->result, batch->next++);
    csv_write_end(self->file);
    return STATUS_OK;
}

static void write_refused(const struct writing *self, uint64_t row)
{
    self->summary->invalid++;
    csv_write_count(self->file, 1, row);
    csv_write_text(self->file, 0, "");
    write_status(self, "invalid", self->results->region_column,
                 "not a region (1 to 63 bytes of text)");
    write_empty_targets(self);
    csv_write_end(self->file);
}

/* How many rows each batch has left is known by counting them once before. */
static uint32_t *count_rows(const struct results *self)
{
    uint32_t *counts = calloc(self->batch_count + 1, sizeof *counts);
    for (uint64_t row = 0; counts != NULL && row < self->row_count; row++)
        counts[self->sequences[row]]++;
    return counts;
}

static enum status write_rows(const struct writing *self)
{
    enum status status = STATUS_OK;
    uint32_t *left = count_rows(self->results);
    if (left == NULL)
        return error_set(self->error, STATUS_NOMEM, "out of memory");
    for (uint64_t row = 0; status == STATUS_OK && row < self->results->row_count; row++) {
        uint32_t sequence = self->results->sequences[row];
        if (sequence == REFUSED) {
            write_refused(self, row + 1);
            continue;
        }
        status = write_sent(self, row + 1, sequence);
        if (--left[sequence] == 0) {
            chw_result_free(self->results->batches[sequence - 1].result);
            self->results->batches[sequence - 1].result = NULL;
        }
    }
    free(left);
    return status;
}

static enum status write_file(const struct writing *self, const char *part)
{
    write_header(self);
    enum status status = write_rows(self);
    self->summary->rows = self->results->row_count;
    if (status == STATUS_OK &&
        (fflush(self->file) != 0 || ferror(self->file) || fsync(fileno(self->file)) != 0))
        status = error_set(self->error, STATUS_IO, "%s: %s", part, strerror(errno));
    return status;
}

enum status results_write(struct results *self, struct chw_client *client,
                          const char *path, struct results_summary *summary,
                          struct error_text *error)
{
    char part[PATH_SIZE];
    struct writing writing = {self, client, NULL, summary, error};
    memset(summary, 0, sizeof *summary);
    if ((size_t)snprintf(part, sizeof part, "%s.part", path) >= sizeof part)
        return error_set(error, STATUS_INVALID, "%s: the path is too long", path);
    writing.file = fopen(part, "w");
    if (writing.file == NULL)
        return error_set(error, STATUS_IO, "%s: %s", part, strerror(errno));
    enum status status = write_file(&writing, part);
    if (fclose(writing.file) != 0 && status == STATUS_OK)
        status = error_set(error, STATUS_IO, "%s: %s", part, strerror(errno));
    return status == STATUS_OK ? file_publish(part, path, error) : status;
}
