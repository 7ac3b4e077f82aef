/* SPDX-License-Identifier: Apache-2.0 */
/* model_export.c - export, write, say so. */
#include "client/model_export.h"

#include "base/file.h"
#include "exchange/export.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum status model_export_format(struct model_export *self, const char *name,
                                struct error_text *error)
{
    if (name == NULL || self->file == NULL)
        return error_set(error, STATUS_INVALID,
                         "--format FORMAT and -o FILE are needed; try `chw model export "
                         "--help`");
    return export_format_find(name, &self->format, error);
}

static void print(const struct model_export *self, const struct model *model, size_t size,
                  bool replaced)
{
    char version[DIGEST_HEX_SIZE];
    digest_format(model_version(model), version);
    printf("model       %s\n", model_name(model));
    printf("version     %s\n", version);
    printf("written     %s, %zu bytes%s\n", self->file, size,
           replaced ? ", in place of what was there" : "");
}

enum status model_export_run(const struct model_export *self, const struct model *model,
                             struct error_text *error)
{
    bool replaced = access(self->file, F_OK) == 0;
    uint8_t *bytes = NULL;
    size_t size;
    enum status status =
        exchange_export(model_message(model), self->format, &bytes, &size, error);
    if (status == STATUS_INVALID)
        status = STATUS_MALFORMED; /* the model, not the command, is what is refused */
    if (status == STATUS_OK)
        status = file_replace(self->file, bytes, size, error);
    if (status == STATUS_OK)
        print(self, model, size, replaced);
    free(bytes);
    return status;
}
