/* SPDX-License-Identifier: Apache-2.0 */
/* report_csv.c - the runs as a table for programs. */
#include "bench/report.h"

#include <inttypes.h>

static void write_heading(FILE *file)
{
    fputs("scenario,store,estimator,batch,window,what_if,seed,run,seconds,offered_per_s,"
          "records_per_s,unsent",
          file);
    for (size_t i = 0; i < REPORT_QUANTILES; i++)
        fprintf(file, ",%s_ms", report_quantiles[i].name);
    fputs(",mean_ms,max_ms,recovery_ms\n", file);
}

/* No field needs quotes: all words are our own. */
void report_csv(const struct report *self, FILE *file)
{
    write_heading(file);
    for (size_t i = 0; i < self->run_count; i++) {
        const struct report_run *run = &self->runs[i];
        fprintf(file, "%s,%s,%s,%" PRIu64 ",%" PRIu64 ",%d,%" PRIu64 ",%zu,",
                self->scenario, self->store, self->estimator, self->batch, self->window,
                self->what_if, self->seed, i + 1);
        fprintf(file, "%.6f,%.1f,%.1f,%" PRIu64, run->seconds, run->offered_per_s,
                run->records_per_s, run->unsent);
        for (size_t q = 0; q < REPORT_QUANTILES; q++)
            fprintf(file, ",%.4f", run->latency.ms[q]);
        fprintf(file, ",%.4f,%.4f,", run->latency.mean_ms, run->latency.max_ms);
        if (self->disturb != NULL)
            fprintf(file, "%.1f", run->recovery_ms);
        fputc('\n', file);
    }
}
