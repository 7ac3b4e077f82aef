/* SPDX-License-Identifier: Apache-2.0 */
/* names.c - an open-addressed table of codes beside the list of texts. */
#include "trainer/names.h"

#include "trainer/utf8.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { SLOTS = 1024 }; /* a power of two, four times NAMES_MAX: probes stay short */

struct names {
    size_t count;
    char *texts[NAMES_MAX];
    uint16_t slots[SLOTS]; /* code + 1; 0: free */
};

struct names *names_new(void)
{
    return calloc(1, sizeof(struct names));
}

void names_free(struct names *self)
{
    if (self == NULL)
        return;
    for (size_t i = 0; i < self->count; i++)
        free(self->texts[i]);
    free(self);
}

/* FNV-1a. */
static size_t first_slot(const char *text)
{
    uint32_t hash = 2166136261U;
    for (; *text != '\0'; text++)
        hash = (hash ^ (uint8_t)*text) * 16777619U;
    return hash % SLOTS;
}

/* The slot that holds the text, or the free one where it belongs. */
static uint16_t *find_slot(struct names *self, const char *text)
{
    size_t slot = first_slot(text);
    while (self->slots[slot] != 0 &&
           strcmp(self->texts[self->slots[slot] - 1], text) != 0)
        slot = (slot + 1) % SLOTS;
    return &self->slots[slot];
}

enum status names_add(struct names *self, const char *text, uint8_t *code)
{
    uint16_t *slot = find_slot(self, text);
    if (*slot == 0) {
        if (self->count == NAMES_MAX)
            return STATUS_FULL;
        if (!utf8_is_valid(text))
            return STATUS_MALFORMED;
        self->texts[self->count] = strdup(text);
        if (self->texts[self->count] == NULL)
            return STATUS_NOMEM;
        *slot = (uint16_t)++self->count;
    }
    *code = (uint8_t)(*slot - 1);
    return STATUS_OK;
}

size_t names_count(const struct names *self)
{
    return self->count;
}

const char *names_text(const struct names *self, size_t code)
{
    assert(code < self->count);
    return self->texts[code];
}

struct entry {
    char *text;
    uint8_t code;
};

static int compare_entries(const void *left, const void *right)
{
    const struct entry *a = left, *b = right;
    return strcmp(a->text, b->text);
}

void names_sort(struct names *self, uint8_t map[NAMES_MAX])
{
    struct entry entries[NAMES_MAX];
    for (size_t i = 0; i < self->count; i++)
        entries[i] = (struct entry){self->texts[i], (uint8_t)i};
    qsort(entries, self->count, sizeof entries[0], compare_entries);
    memset(self->slots, 0, sizeof self->slots);
    for (size_t i = 0; i < self->count; i++) {
        map[entries[i].code] = (uint8_t)i;
        self->texts[i] = entries[i].text;
        *find_slot(self, self->texts[i]) = (uint16_t)(i + 1);
    }
}

char **names_take(struct names *self)
{
    char **texts = calloc(self->count + 1, sizeof *texts);
    if (texts == NULL)
        return NULL;
    memcpy(texts, self->texts, self->count * sizeof *texts);
    self->count = 0;
    memset(self->slots, 0, sizeof self->slots);
    return texts;
}
