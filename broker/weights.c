/* SPDX-License-Identifier: Apache-2.0 */
/* weights.c - a list, gone through once for each region that comes up. */
#include "broker/weights.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static enum status read_weight(struct weight *self, const char *text,
                               struct error_text *error)
{
    const char *sign = strrchr(text, '=');
    size_t size = sign == NULL ? 0 : (size_t)(sign - text);
    unsigned long weight = 0;
    char *end = NULL;
    bool path_fits = size > 0 && size <= HEADER_REGION_MAX && sign[-1] != '/';
    if (path_fits && sign[1] >= '0' && sign[1] <= '9')
        weight = strtoul(sign + 1, &end, 10);
    if (end == NULL || *end != '\0' || weight < 1 || weight > WEIGHT_MAX)
        return error_set(error, STATUS_INVALID,
                         "\"%s\" is not REGION=N with N from 1 to %d", text, WEIGHT_MAX);
    memcpy(self->path, text, size);
    self->path[size] = '\0';
    self->weight = (uint32_t)weight;
    return STATUS_OK;
}

enum status weights_open(struct weights *self, char *const *texts, size_t count,
                         struct error_text *error)
{
    *self = (struct weights){.items = calloc(count + 1, sizeof self->items[0])};
    if (self->items == NULL)
        return error_set(error, STATUS_NOMEM, "out of memory");
    for (size_t i = 0; i < count; i++) {
        enum status status = read_weight(&self->items[i], texts[i], error);
        if (status != STATUS_OK) {
            weights_close(self);
            return status;
        }
        self->count++;
    }
    return STATUS_OK;
}

void weights_close(struct weights *self)
{
    free(self->items);
    *self = (struct weights){0};
}

uint32_t weights_find(const struct weights *self, const char *region)
{
    size_t longest = 0;
    uint32_t weight = 1;
    for (size_t i = 0; i < self->count; i++) {
        const struct weight *item = &self->items[i];
        size_t size = strlen(item->path);
        bool fits = strncmp(region, item->path, size) == 0 &&
                    (region[size] == '\0' || region[size] == '/');
        if (fits && size >= longest) { /* of the same path the last counts */
            longest = size;
            weight = item->weight;
        }
    }
    return weight;
}
