/* SPDX-License-Identifier: Apache-2.0 */
/* json_text.h - a text as JSON writes it. */

#ifndef TABLE_JSON_TEXT_H
#define TABLE_JSON_TEXT_H

#include <stdio.h>

/* With its quotes; what JSON does not allow inside is escaped. */
void json_write_text(FILE *file, const char *text);

#endif
