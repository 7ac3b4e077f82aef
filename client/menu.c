/* SPDX-License-Identifier: Apache-2.0 */
/* menu.c - looked up one by one: menus are short. */
#include "client/menu.h"

#include "client/nearest.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

enum { ITEMS_MAX = 32 };

static const struct menu_item *item_at(const struct menu *self, size_t index)
{
    return (const struct menu_item *)(const void *)((const char *)self->items +
                                                    index * self->item_size);
}

static void print_usage(const struct menu *self, FILE *file)
{
    fprintf(file, "usage: %s %s [OPTION]...\n%s\n\n", self->program, self->noun,
            self->summary);
    for (size_t i = 0; i < self->count; i++)
        fprintf(file, "  %-11s %s\n", item_at(self, i)->name, item_at(self, i)->help);
    fprintf(file, "\n`%s %s --help` explains one%s\n", self->program, self->noun,
            self->after == NULL ? "." : self->after);
}

static void print_unknown(const struct menu *self, const char *name)
{
    const char *names[ITEMS_MAX];
    for (size_t i = 0; i < self->count; i++)
        names[i] = item_at(self, i)->name;
    const char *meant = nearest_name(name, names, self->count);
    fprintf(stderr, "%s: there is no '%s'%s%s%s; try `%s --help`\n", self->program, name,
            meant == NULL ? "" : "; did you mean '", meant == NULL ? "" : meant,
            meant == NULL ? "" : "'?", self->program);
}

static bool asks_for_help(const char *word)
{
    return strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0 ||
           strcmp(word, "help") == 0;
}

bool menu_choose(const struct menu *self, int argc, char **argv, size_t *index,
                 int *exit_code)
{
    assert(self->count <= ITEMS_MAX);
    *exit_code = EX_USAGE;
    if (argc < 2) {
        print_usage(self, stderr);
        return false;
    }
    for (size_t i = 0; i < self->count; i++)
        if (strcmp(argv[1], item_at(self, i)->name) == 0) {
            *index = i;
            return true;
        }
    if (asks_for_help(argv[1])) {
        print_usage(self, stdout);
        *exit_code = EX_OK;
    } else {
        print_unknown(self, argv[1]);
    }
    return false;
}
