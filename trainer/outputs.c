/* SPDX-License-Identifier: Apache-2.0 */
/* outputs.c - writes beside the final name and renames at the end. */
#include "trainer/outputs.h"

#include "base/file.h"
#include "model/model.h"
#include "table/csv_writer.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct output {
    const char *path;
    char *part;
    FILE *file;
};

static enum status output_open(struct output *self, const char *path,
                               struct error_text *error)
{
    size_t size = strlen(path) + sizeof ".part";
    self->path = path;
    self->part = malloc(size);
    if (self->part == NULL)
        return STATUS_NOMEM;
    snprintf(self->part, size, "%s.part", path);
    self->file = fopen(self->part, "w");
    if (self->file != NULL)
        return STATUS_OK;
    enum status status =
        error_set(error, STATUS_IO, "%s: %s", self->part, strerror(errno));
    free(self->part);
    return status;
}

static enum status output_finish(struct output *self, struct error_text *error)
{
    bool written =
        fflush(self->file) == 0 && fsync(fileno(self->file)) == 0 && !ferror(self->file);
    int reason = errno;
    written = fclose(self->file) == 0 && written;
    enum status status =
        written ? file_publish(self->part, self->path, error)
                : error_set(error, STATUS_IO, "%s: %s", self->part, strerror(reason));
    if (status != STATUS_OK)
        (void)unlink(self->part);
    free(self->part);
    return status;
}

static void write_split(const struct dataset *data, const struct split *split, FILE *file)
{
    size_t used = 0, train = 0, validation = 0;
    fputs("row,part\n", file);
    for (uint64_t number = 1; number <= data->rows_read; number++) {
        const char *part = "excluded";
        if (used < data->row_count && data->numbers[used] == number) {
            bool learnt = train < split->train_count && split->train[train] == used;
            bool validates = validation < split->validation_count &&
                             split->validation[validation] == used;
            part = learnt ? "train" : validates ? "validation" : "heldout";
            train += learnt;
            validation += validates;
            used++;
        }
        csv_write_count(file, 1, number);
        csv_write_text(file, 0, part);
        csv_write_end(file);
    }
}

enum status outputs_write_split(const char *path, const struct dataset *data,
                                const struct split *split, struct error_text *error)
{
    struct output output;
    enum status status = output_open(&output, path, error);
    if (status != STATUS_OK)
        return status;
    write_split(data, split, output.file);
    return output_finish(&output, error);
}

static void write_score(const struct judgement *judgement, size_t i, FILE *file)
{
    if (judgement->faults[i].fault == CHW__RECORD_FAULT__RECORD_FAULT_NONE) {
        csv_write_float(file, 0, judgement->probabilities[i]);
        csv_write_float(file, 0, judgement->margins[i]);
        return;
    }
    csv_write_text(file, 0, "");
    csv_write_text(file, 0, "");
}

enum status outputs_write_predictions(const char *path, const struct dataset *data,
                                      const struct split *split,
                                      const struct judgement *judgement,
                                      struct error_text *error)
{
    struct output output;
    enum status status = output_open(&output, path, error);
    if (status != STATUS_OK)
        return status;
    fputs("row,outcome,probability,margin\n", output.file);
    for (size_t i = 0; i < split->heldout_count; i++) {
        size_t row = split->heldout[i];
        csv_write_count(output.file, 1, data->numbers[row]);
        csv_write_count(output.file, 0, data->outcomes[row]);
        write_score(judgement, i, output.file);
        csv_write_end(output.file);
    }
    return output_finish(&output, error);
}

enum status outputs_write_report(const char *path, const struct report *report,
                                 struct error_text *error)
{
    struct output output;
    enum status status = output_open(&output, path, error);
    if (status != STATUS_OK)
        return status;
    report_write_json(report, output.file);
    return output_finish(&output, error);
}
