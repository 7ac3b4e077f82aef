/* SPDX-License-Identifier: Apache-2.0 */
/* export.c - which format, and the memory that it is written to. */
#include "exchange/export_format.h"

#include <stdlib.h>
#include <string.h>

static const struct export_format {
    const char *name, *tool;
    export_writer *write;
} formats[] = {
    {"xgboost-json", "XGBoost's JSON", export_xgboost_json},
    {"onnx", "ONNX", export_onnx},
};
enum { FORMAT_COUNT = sizeof formats / sizeof formats[0] };

enum status export_format_find(const char *name, const struct export_format **out,
                               struct error_text *error)
{
    char names[128] = "";
    size_t used = 0;
    for (size_t i = 0; i < FORMAT_COUNT; i++) {
        *out = &formats[i];
        if (strcmp(formats[i].name, name) == 0)
            return STATUS_OK;
        used += (size_t)snprintf(names + used, sizeof names - used, "%s%s",
                                 i == 0 ? "" : " or ", formats[i].name);
    }
    return error_set(error, STATUS_INVALID, "'%.40s' is no format to export to: %s", name,
                     names);
}

/* A stream in memory fails only where there is none left. */
static enum status close_stream(FILE *out, enum status status)
{
    bool failed = ferror(out) != 0;
    failed = fclose(out) != 0 || failed;
    return failed ? STATUS_NOMEM : status;
}

enum status exchange_export(const Chw__Model *model, const struct export_format *format,
                            uint8_t **bytes, size_t *size, struct error_text *error)
{
    char *text = NULL;
    *bytes = NULL;
    FILE *out = open_memstream(&text, size);
    if (out == NULL)
        return STATUS_NOMEM;
    enum status status = close_stream(out, format->write(model, out, error));
    if (status == STATUS_OK) {
        *bytes = (uint8_t *)text;
        return STATUS_OK;
    }
    free(text);
    return status == STATUS_NOMEM
               ? status
               : error_prefix(error, status, "%s cannot say", format->tool);
}
