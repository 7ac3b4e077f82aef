/* SPDX-License-Identifier: Apache-2.0 */
/* text_table.h - columns that line up, for people. The first row is the heading. */

#ifndef TABLE_TEXT_TABLE_H
#define TABLE_TEXT_TABLE_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct text_table;

/* `align`: one letter per column, 'l' left or 'r' right. NULL: out of memory. */
struct text_table *text_table_new(const char *align);
void text_table_free(struct text_table *self);

/* The next cell of the row; rows end by themselves. */
void text_table_add(struct text_table *self, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* 1234567 as 1,234,567. */
void text_table_count(struct text_table *self, int64_t count);

/* Nothing for cells that memory did not suffice for. */
void text_table_print(const struct text_table *self, FILE *file);

/* Characters, not bytes, of UTF-8 text. */
size_t text_width(const char *text);

#endif
