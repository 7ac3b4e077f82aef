/* SPDX-License-Identifier: Apache-2.0 */
/* menu.h - the choice of a command or an action by its name: help, and what a person
 * probably meant. */

#ifndef CLIENT_MENU_H
#define CLIENT_MENU_H

#include <stdbool.h>
#include <stddef.h>

struct menu_item {
    const char *name, *help;
};

struct menu {
    const char *program; /* "chw model" */
    const char *noun;    /* "ACTION" */
    const char *summary;
    const char *after; /* the last sentence of its help; NULL: none */
    const void *items; /* each begins with a struct menu_item */
    size_t item_size, count;
};

/* True: argv[1] is item *index. False: help or a sentence was printed; end with
 * *exit_code. */
bool menu_choose(const struct menu *self, int argc, char **argv, size_t *index,
                 int *exit_code);

#endif
