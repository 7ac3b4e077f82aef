/* SPDX-License-Identifier: Apache-2.0 */
/* report.c - figures that every form of the report tells. */
#include "bench/report.h"

const struct report_quantile report_quantiles[REPORT_QUANTILES] = {
    {.5, "p50", "p50"},  {.9, "p90", "p90"},       {.95, "p95", "p95"},
    {.99, "p99", "p99"}, {.999, "p99_9", "p99.9"}, {.9999, "p99_99", "p99.99"},
};

struct report_latency report_latency(const struct histogram *histogram)
{
    struct report_latency out = {.count = histogram_count(histogram),
                                 .mean_ms = histogram_mean(histogram) / 1e6,
                                 .max_ms = (double)histogram_max(histogram) / 1e6};
    for (size_t i = 0; i < REPORT_QUANTILES; i++)
        out.ms[i] =
            (double)histogram_quantile(histogram, report_quantiles[i].share) / 1e6;
    return out;
}

struct stats report_throughput(const struct report *self)
{
    double values[REPORT_RUNS_MAX];
    for (size_t i = 0; i < self->run_count; i++)
        values[i] = self->runs[i].records_per_s;
    return stats_of(values, self->run_count);
}

const char *report_outcome(size_t outcome)
{
    static const char *const names[RUN_OUTCOMES] = {
        [CHW_COUNTED] = "counted",
        [CHW_BATCH_INVALID] = "invalid",
        [CHW_DEAD] = "dead",
        [CHW_SCORED] = "scored",
        [CHW_ACKNOWLEDGED] = "answered before",
        [CHW_REFUSED] = "refused",
    };
    return names[outcome];
}

uint64_t report_errors(const struct report *self)
{
    uint64_t errors = 0;
    for (size_t i = 0; i < RUN_OUTCOMES; i++)
        if (i != CHW_COUNTED && i != CHW_SCORED)
            errors += self->outcomes[i];
    return errors;
}
