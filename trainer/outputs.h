/* SPDX-License-Identifier: Apache-2.0 */
/* outputs.h - the files that a training leaves for who wants to check it. Each is
 * complete or not there. */

#ifndef TRAINER_OUTPUTS_H
#define TRAINER_OUTPUTS_H

#include "base/error_text.h"
#include "trainer/judge.h"
#include "trainer/report.h"

/* row,part: every row of the file with train, validation, heldout or excluded. */
MUST_CHECK enum status outputs_write_split(const char *path, const struct dataset *data,
                                           const struct split *split,
                                           struct error_text *error);

/* row,outcome,probability,margin of the held-out rows, in digits that read back to the
 * same float32; neither where the record is invalid. */
MUST_CHECK enum status outputs_write_predictions(const char *path,
                                                 const struct dataset *data,
                                                 const struct split *split,
                                                 const struct judgement *judgement,
                                                 struct error_text *error);

MUST_CHECK enum status outputs_write_report(const char *path, const struct report *report,
                                            struct error_text *error);

#endif
