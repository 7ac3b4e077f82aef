/* SPDX-License-Identifier: Apache-2.0 */
/* csv_writer.h - cells quoted only where they must be, one row a line. */

#ifndef TABLE_CSV_WRITER_H
#define TABLE_CSV_WRITER_H

#include <stdint.h>
#include <stdio.h>

/* Write one cell, with a comma before it unless it is the first of its row. Errors are
 * seen by the caller through ferror() before it publishes the file. */
void csv_write_text(FILE *file, int first, const char *text);
void csv_write_count(FILE *file, int first, uint64_t value);

/* The shortest of %.6g..%.9g that reads back to the same float. */
void csv_write_float(FILE *file, int first, float value);
void csv_write_end(FILE *file);

#endif
