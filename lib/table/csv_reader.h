/* SPDX-License-Identifier: Apache-2.0 */
/* csv_reader.h - streams the rows of a .csv or .csv.gz: the one home of libcsv and zlib.
 *
 * RFC 4180 with a header line; a line ends with LF, CR LF or CR; gzip is recognised by its
 * content, not its name. Constant memory: a row is at most 1 MiB, a table at most 4,096
 * columns. A UTF-8 byte order mark is skipped; spaces inside cells are kept. */

#ifndef TABLE_CSV_READER_H
#define TABLE_CSV_READER_H

#include "base/error_text.h"

#include <stddef.h>
#include <stdint.h>

struct csv_reader;

struct csv_row {
    uint64_t number;          /* of the data row, from 1: the header does not count */
    uint64_t line;            /* of the file, where the row starts, from 1 */
    const char *const *cells; /* csv_reader_column_count() of them, terminated;
                               * borrowed until the next call */
};

/* Reads the header. STATUS_NOT_FOUND/IO: not readable; STATUS_MALFORMED: empty, a header
 * name twice or empty, not CSV. `error` names the file. */
MUST_CHECK enum status csv_reader_open(const char *path, struct csv_reader **out,
                                       struct error_text *error);
void csv_reader_close(struct csv_reader *self);

size_t csv_reader_column_count(const struct csv_reader *self);
const char *csv_reader_column_name(const struct csv_reader *self, size_t column);

/* STATUS_NOT_FOUND: `error` lists the columns there are. */
MUST_CHECK enum status csv_reader_find(const struct csv_reader *self, const char *name,
                                       size_t *column, struct error_text *error);

/* STATUS_END: no more rows. STATUS_MALFORMED: a ragged row, bad quoting, a NUL byte, a row
 * that is too large, a damaged gzip; `error` names file and line, and what was expected.
 * Blank lines are skipped. After an error the reader is only to be closed. */
MUST_CHECK enum status csv_reader_next(struct csv_reader *self, struct csv_row *row,
                                       struct error_text *error);

/* How much of the file has been read, in [0, 1]: for progress. */
double csv_reader_fraction(const struct csv_reader *self);

/* An empty cell, NA, N/A, NaN, null or "?" is a missing value (case-insensitive). */
int csv_cell_is_missing(const char *cell);

/* Whole cell as a finite decimal number; spaces around it are allowed; hexadecimal and
 * "inf" are not numbers. Returns 0 where it is none. Locale-independent. */
int csv_cell_number(const char *cell, float *value);

#endif
