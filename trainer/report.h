/* SPDX-License-Identifier: Apache-2.0 */
/* report.h - what a training did: a table for people, JSON for programs. */

#ifndef TRAINER_REPORT_H
#define TRAINER_REPORT_H

#include "trainer/artifact.h"
#include "publish/publish.h"
#include "trainer/split.h"

#include <stdio.h>

struct report {
    const char *path, *name, *target;
    const char *alias; /* NULL: not promoted */
    const char *solver;
    const struct dataset *data;
    const struct split *split;
    const struct pipeline *pipeline;
    const struct artifact_lineage *lineage;
    const struct metrics *metrics;
    size_t unscored_count; /* held-out records that the model calls invalid */
    struct publish_result published;
};

void report_write_table(const struct report *self, FILE *file);

/* Numbers read back to the same double; a metric without meaning is null. */
void report_write_json(const struct report *self, FILE *file);

#endif
