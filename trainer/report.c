/* SPDX-License-Identifier: Apache-2.0 */
/* report.c - two ways to print the same struct; the file's errors are the caller's. */
#include "trainer/report.h"

#include <math.h>
#include <string.h>

static const struct dataset_column *column_of(const struct report *self, size_t feature)
{
    return &self->data->columns[self->pipeline->features[feature].column];
}

static double percent(uint64_t part, uint64_t whole)
{
    return whole == 0 ? 0 : 100.0 * (double)part / (double)whole;
}

/* ---- the table ---- */

static void write_data(const struct report *self, FILE *file)
{
    const struct dataset *data = self->data;
    char digest[DIGEST_HEX_SIZE];
    digest_format(&self->lineage->data, digest);
    fprintf(file, "data        %s\n            SHA-256 %s\n", self->path, digest);
    fprintf(file, "rows        %llu read, %zu used", (unsigned long long)data->rows_read,
            data->row_count);
    if (data->target_missing_count > 0)
        fprintf(file, "; %llu left out without a value of %s",
                (unsigned long long)data->target_missing_count, self->target);
    if (data->refused_count > 0)
        fprintf(file, "; %llu left out where the dictionary says `missing: invalid`",
                (unsigned long long)data->refused_count);
    fprintf(file, "\noutcome     %s = %s in %zu rows (%.2f %%)\n", self->target,
            data->positive, data->positive_count,
            percent(data->positive_count, data->row_count));
    fprintf(
        file,
        "split       %zu to train, %zu to validate, %zu held out (%.1f %%, seed %llu, "
        "equal rows together)\n",
        self->split->train_count, self->split->validation_count,
        self->split->heldout_count, percent(self->split->heldout_count, data->row_count),
        (unsigned long long)self->lineage->seed);
}

static void describe_missing(const struct report *self, size_t index, char *text,
                             size_t size)
{
    const struct pipeline_feature *feature = &self->pipeline->features[index];
    const struct dataset_column *column = column_of(self, index);
    if (feature->missing == CHW__MISSING_POLICY__MISSING_INVALID)
        snprintf(text, size, "invalid");
    else if (feature->missing == CHW__MISSING_POLICY__MISSING_INDICATOR)
        snprintf(text, size, "an indicator");
    else if (feature->missing == CHW__MISSING_POLICY__MISSING_KEEP)
        snprintf(text, size, "kept for the trees");
    else if (column->numeric)
        snprintf(text, size, "median %.6g", (double)feature->impute);
    else
        snprintf(text, size, "'%.20s'", column->categories[feature->impute_code]);
}

static const char *describe_unknown(const struct report *self, size_t index)
{
    if (column_of(self, index)->numeric)
        return "-";
    return self->pipeline->features[index].unknown == CHW__UNKNOWN_POLICY__UNKNOWN_MISSING
               ? "missing"
               : "invalid";
}

static void write_features(const struct report *self, FILE *file)
{
    fprintf(file, "\n%-24s %-9s %6s %9s  %-24s %s\n", "feature", "type", "inputs",
            "missing", "a missing value is", "an unknown category is");
    for (size_t i = 0; i < self->pipeline->feature_count; i++) {
        const struct dataset_column *column = column_of(self, i);
        char missing[40];
        describe_missing(self, i, missing, sizeof missing);
        fprintf(file, "%-24s %-9s %6zu %7.2f %%  %-24s %s%s\n", column->name,
                column->numeric ? "numeric" : "category",
                self->pipeline->features[i].input_count,
                percent(column->missing_count, self->data->row_count), missing,
                describe_unknown(self, i),
                self->pipeline->features[i].required ? ", required" : "");
    }
    for (size_t i = 0; i < self->pipeline->dropped_count; i++)
        fprintf(file, "%-24s left out: %s\n",
                self->data->columns[self->pipeline->dropped[i].column].name,
                self->pipeline->dropped[i].reason);
}

static void write_metrics(const struct report *self, FILE *file)
{
    fprintf(
        file,
        "\nheld out    %zu records scored by the published model, %zu with the outcome\n",
        self->metrics->count, self->metrics->positive_count);
    if (self->unscored_count > 0)
        fprintf(file, "            %zu more are invalid for it and not counted\n",
                self->unscored_count);
    for (size_t i = 0; evaluate_name(i) != NULL; i++) {
        double value = evaluate_value(self->metrics, i);
        if (isnan(value))
            fprintf(file, "  %-24s    undefined\n", evaluate_name(i));
        else
            fprintf(file, "  %-24s %12.6f\n", evaluate_name(i), value);
    }
}

static void write_program(const struct report *self, FILE *file)
{
    if (self->alias == NULL)
        fprintf(file, "promoted    no: give --promote ALIAS to serve it\n");
    else
        publish_write(&self->published, self->name, self->alias, file);
}

void report_write_table(const struct report *self, FILE *file)
{
    char version[DIGEST_HEX_SIZE];
    digest_format(&self->published.version, version);
    write_data(self, file);
    write_features(self, file);
    write_metrics(self, file);
    fprintf(file, "\nmodel       %s (%s)\nversion     %s\n", self->name, self->solver,
            version);
    write_program(self, file);
}

/* ---- JSON ---- */

static void json_text(FILE *file, const char *text)
{
    fputc('"', file);
    for (; *text != '\0'; text++) {
        if (*text == '"' || *text == '\\')
            fprintf(file, "\\%c", *text);
        else if ((unsigned char)*text < 0x20)
            fprintf(file, "\\u%04x", (unsigned)*text);
        else
            fputc(*text, file);
    }
    fputc('"', file);
}

/* "name": "text" of one line, with what stands before it. */
static void json_pair(FILE *file, const char *before, const char *name, const char *text)
{
    fputs(before, file);
    json_text(file, name);
    fputs(": ", file);
    json_text(file, text);
}

static void json_digest(FILE *file, const char *before, const char *name,
                        const struct digest *digest)
{
    char text[DIGEST_HEX_SIZE];
    digest_format(digest, text);
    json_pair(file, before, name, text);
}

static void json_count(FILE *file, const char *name, uint64_t count)
{
    fprintf(file, ",\n  \"%s\": %llu", name, (unsigned long long)count);
}

static void json_metrics(const struct report *self, FILE *file)
{
    fprintf(file, ",\n  \"metrics\": {");
    for (size_t i = 0; evaluate_name(i) != NULL; i++) {
        double value = evaluate_value(self->metrics, i);
        fprintf(file, "%s\n    \"%s\": ", i == 0 ? "" : ",", evaluate_name(i));
        if (isfinite(value))
            fprintf(file, "%.17g", value);
        else
            fprintf(file, "null");
    }
    fprintf(file, "\n  }");
}

static void json_parameters(const struct report *self, FILE *file)
{
    fprintf(file, ",\n  \"parameters\": {");
    for (size_t i = 0; i < self->lineage->parameter_count; i++)
        json_pair(file, i == 0 ? "\n    " : ",\n    ", self->lineage->parameters[i].name,
                  self->lineage->parameters[i].text);
    fprintf(file, "\n  }");
}

static void json_features(const struct report *self, FILE *file)
{
    fprintf(file, ",\n  \"features\": [");
    for (size_t i = 0; i < self->pipeline->feature_count; i++) {
        const struct dataset_column *column = column_of(self, i);
        char missing[40];
        describe_missing(self, i, missing, sizeof missing);
        json_pair(file, i == 0 ? "\n    {" : ",\n    {", "name", column->name);
        json_pair(file, ", ", "type", column->numeric ? "numeric" : "category");
        fprintf(file, ", \"inputs\": %zu, \"missing_rows\": %zu",
                self->pipeline->features[i].input_count, column->missing_count);
        json_pair(file, ", ", "missing", missing);
        json_pair(file, ", ", "unknown", describe_unknown(self, i));
        fputc('}', file);
    }
    fprintf(file, "\n  ],\n  \"left_out\": [");
    for (size_t i = 0; i < self->pipeline->dropped_count; i++) {
        fputs(i == 0 ? "" : ", ", file);
        json_text(file, self->data->columns[self->pipeline->dropped[i].column].name);
    }
    fprintf(file, "]");
}

void report_write_json(const struct report *self, FILE *file)
{
    json_pair(file, "{\n  ", "model", self->name);
    json_digest(file, ",\n  ", "version", &self->published.version);
    json_pair(file, ",\n  ", "target", self->target);
    json_pair(file, ",\n  ", "positive", self->data->positive);
    if (self->alias != NULL)
        json_pair(file, ",\n  ", "promoted", self->alias);
    json_pair(file, ",\n  ", "data", self->path);
    json_digest(file, ",\n  ", "data_sha256", &self->lineage->data);
    json_count(file, "seed", self->lineage->seed);
    json_count(file, "rows_read", self->data->rows_read);
    json_count(file, "rows_target_missing", self->data->target_missing_count);
    json_count(file, "rows_refused", self->data->refused_count);
    json_count(file, "rows_train", self->split->train_count);
    json_count(file, "rows_validation", self->split->validation_count);
    json_count(file, "rows_heldout", self->split->heldout_count);
    json_count(file, "heldout_scored", self->metrics->count);
    json_count(file, "heldout_positive", self->metrics->positive_count);
    json_parameters(self, file);
    json_metrics(self, file);
    json_features(self, file);
    fprintf(file, "\n}\n");
}
