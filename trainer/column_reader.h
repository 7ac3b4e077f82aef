/* SPDX-License-Identifier: Apache-2.0 */
/* column_reader.h - one column while its cells arrive and its type is not yet known.
 *
 * Numbers are kept as long as every cell is one, categories as long as there are at most
 * 255; at the end one of the two remains, or a sentence says why not. Pure. */

#ifndef TRAINER_COLUMN_READER_H
#define TRAINER_COLUMN_READER_H

#include "trainer/dataset.h"

struct column_reader;

/* `path` is for sentences and borrowed, `declared` may be NULL. Returns NULL when out of
 * memory. */
struct column_reader *column_reader_new(const char *path, const char *name,
                                        const struct dictionary_column *declared);
void column_reader_free(struct column_reader *self);

/* Make room for `capacity` rows. */
MUST_CHECK enum status column_reader_reserve(struct column_reader *self, size_t capacity);

/* The cell of the next row, for which there is room. STATUS_MALFORMED: text in a column
 * that is declared numeric. */
MUST_CHECK enum status column_reader_add(struct column_reader *self, const char *cell,
                                         uint64_t line, struct error_text *error);

/* Decide the type and hand the column over; the reader is of no use afterwards. */
MUST_CHECK enum status column_reader_finish(struct column_reader *self,
                                            const struct dictionary *dictionary,
                                            struct dataset_column *out,
                                            struct error_text *error);

#endif
