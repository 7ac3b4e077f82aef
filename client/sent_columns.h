/* SPDX-License-Identifier: Apache-2.0 */
/* sent_columns.h - which columns of a table leave it: those that the models read, or
 * those that a person names where no cluster can be asked. */

#ifndef CLIENT_SENT_COLUMNS_H
#define CLIENT_SENT_COLUMNS_H

#include "base/error_text.h"
#include "client/chw.h"
#include "client/job.h"
#include "table/csv_reader.h"

/* What the models read and the table has. STATUS_NOT_FOUND: a column that they require,
 * or all of them, are not there. `input` names the table to people; what else it lacks is
 * said on stderr. */
MUST_CHECK enum status sent_columns_described(struct job *job,
                                              const struct csv_reader *reader,
                                              const char *input,
                                              const struct chw_description *description,
                                              struct error_text *error);

/* Those of a list "age,sex:category": numbers, but for those that say otherwise.
 * STATUS_INVALID; STATUS_NOT_FOUND: not in the table. */
MUST_CHECK enum status sent_columns_named(struct job *job,
                                          const struct csv_reader *reader,
                                          const char *list, struct error_text *error);

/* STATUS_INVALID: the list is not what the job, which goes on, has. */
MUST_CHECK enum status sent_columns_compare(const struct job *job, const char *list,
                                            struct error_text *error);

/* Look for columns of numbers without any number: a slip in the list, which makes every
 * record invalid. Give it each row; then ask. */
struct sent_columns_check;

/* NULL: out of memory. `job` has its columns and outlives it. */
struct sent_columns_check *sent_columns_check_new(const struct job *job,
                                                  const struct csv_reader *reader);
void sent_columns_check_free(struct sent_columns_check *self); /* accepts NULL */
void sent_columns_check_row(struct sent_columns_check *self, const char *const *cells);
MUST_CHECK enum status sent_columns_check_end(const struct sent_columns_check *self,
                                              struct error_text *error);

#endif
