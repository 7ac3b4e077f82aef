/* SPDX-License-Identifier: Apache-2.0 */
/* job.h - what makes one run of chw score the same job as an earlier one.
 *
 * Beside the results file: RESULTS.job/ with `job` (YAML: input, options, the columns
 * that are sent), `journal` (libchw's) and `lock`. Run again with the same input and
 * options, a job goes on where it was; with others it is refused. The journal of a job
 * with a spool is in the spool's folder, which may be moved.
 *
 * The job file is written once the journal is there, and nothing is sent before: so a job
 * file without a journal is damage, and a journal without a job file has no answers. */

#ifndef CLIENT_JOB_H
#define CLIENT_JOB_H

#include "base/crypto.h"
#include "base/error_text.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { JOB_PATH_SIZE = 4096 };

struct job_column {
    char *name;
    bool is_number;
};

struct job {
    /* What a person asked for: */
    struct digest input; /* SHA-256 of the file */
    const char *region_column;
    const char *models; /* "chd@champion,diabetes@champion"; empty: the program's */
    uint64_t batch_rows;
    uint64_t explain; /* factors of each score */
    bool what_if;
    int32_t as_of;
    const char *spool; /* NULL: none */
    /* What the cluster said at the begin, or the person: */
    struct job_column *columns; /* owned */
    size_t column_count;
    /* Where it is: */
    bool is_complete;
    char folder[JOB_PATH_SIZE], file[JOB_PATH_SIZE], journal[JOB_PATH_SIZE];
    int lock;
};

/* Make RESULTS.job and lock it; `spool` is set. STATUS_TAKEN: another run works on it. */
MUST_CHECK enum status job_open(struct job *self, const char *results,
                                struct error_text *error);
void job_close(struct job *self);
void job_drop_columns(struct job *self);

/* Read an earlier run of this job: its columns, date and whether it is complete.
 * STATUS_NOT_FOUND: there was none, or only a what-if, which counted nothing.
 * STATUS_INVALID: that was another job; `error` says what differs. STATUS_CORRUPT: its
 * journal is gone, or it cannot be read. `as_of_given`: self->as_of was asked for, and
 * must be the same. */
MUST_CHECK enum status job_load(struct job *self, bool as_of_given,
                                struct error_text *error);

MUST_CHECK enum status job_add_column(struct job *self, const char *name, bool is_number);

MUST_CHECK enum status job_save(const struct job *self, struct error_text *error);

/* Is there a job file, of whichever job? */
bool job_is_saved(const struct job *self);

/* Which job the journal belongs to. */
struct digest job_identity(const struct job *self);

/* Forget the earlier run: the next one counts again. A spool stays as it is. */
MUST_CHECK enum status job_forget(struct job *self, struct error_text *error);

/* Remove the folder and what is in it; for jobs that leave nothing. */
void job_remove(struct job *self);

#endif
