/* SPDX-License-Identifier: Apache-2.0 */
/* letter_show.h - dead letters for people and for scripts. No value of a patient is
 * written but by letter_show_values(). */

#ifndef CLIENT_LETTER_SHOW_H
#define CLIENT_LETTER_SHOW_H

#include "store/store.h"

#include "batch.pb-c.h"

#include <stdio.h>

/* A line each, below a heading. */
void letter_list_heading(FILE *file);
void letter_list_line(const struct dead_letter *letter, FILE *file);

/* One JSON object, without a line's end. */
void letter_list_json(const struct dead_letter *letter, FILE *file);

/* Everything that is told of it. */
void letter_show_head(const struct dead_letter *letter, FILE *file);

/* What was asked for, and per column its type and how many records have a value.
 * STATUS_MALFORMED: the body is no batch; `error` says why. */
MUST_CHECK enum status letter_show_columns(const struct dead_letter *letter, FILE *file,
                                           struct error_text *error);

/* The records as CSV: an empty cell is a missing value, "?" one that the source held in
 * no readable form. */
MUST_CHECK enum status letter_show_values(const struct dead_letter *letter, FILE *file,
                                          struct error_text *error);

#endif
