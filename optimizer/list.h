/* SPDX-License-Identifier: Apache-2.0 */
/* list.h - words in a sentence: "chd, diabetes, ..." where not all fit. */

#ifndef OPTIMIZER_LIST_H
#define OPTIMIZER_LIST_H

#include <stddef.h>

/* Adds `word` to `list`, which has `room` bytes, unless it is there already. */
void list_add(char *list, size_t room, const char *word);

#endif
