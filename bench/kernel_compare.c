/* SPDX-License-Identifier: Apache-2.0 */
/* kernel_compare.c - ours, theirs, ours, theirs: what disturbs the machine disturbs both.
 */
#include "bench/kernel_compare.h"

#include "bench/kernel_peer.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const double SUMS_APART_MAX = 1e-5;

struct comparing {
    struct kernel_rows rows;
    struct kernel_ours *ours;
    const struct kernel_peer *peer;
    void *theirs;
};

static enum status score_ours(void *arg, size_t thread, size_t batch, float *out,
                              struct error_text *error)
{
    const struct comparing *self = arg;
    return kernel_ours_score(self->ours, thread, batch, out, error);
}

static enum status score_bound(void *arg, size_t thread, size_t batch, float *out,
                               struct error_text *error)
{
    const struct comparing *self = arg;
    return kernel_ours_score_bound(self->ours, thread, batch, out, error);
}

static struct kernel_load load_of(const struct comparing *self, size_t threads)
{
    return (struct kernel_load){
        .batch_rows = self->rows.batch_rows,
        .batch_count = self->rows.batch_count,
        .width = kernel_ours_width(self->ours),
        .threads = threads,
    };
}

/* ---- equality ---- */

static uint32_t bits_of(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

void kernel_note_differences(const float *ours, const float *theirs, size_t count,
                             double tolerance, struct kernel_result *out)
{
    out->largest = 0;
    out->different = 0;
    out->compared = count;
    for (size_t i = 0; i < count; i++) {
        if (bits_of(ours[i]) == bits_of(theirs[i]))
            continue;
        double difference = fabs((double)ours[i] - (double)theirs[i]);
        out->different++;
        if (difference > out->largest || isnan(difference)) /* and a NaN stays */
            out->largest = difference;
    }
    out->equal = tolerance > 0 ? out->largest <= tolerance : out->different == 0;
}

static enum status check_sums(struct comparing *self, struct kernel_result *out,
                              struct error_text *error)
{
    enum status status = kernel_ours_sums_apart(self->ours, &out->sums_apart, error);
    if (!(out->sums_apart <= SUMS_APART_MAX))
        out->equal = false;
    return status;
}

static enum status check_equal(struct comparing *self, struct kernel_result *out,
                               struct error_text *error)
{
    const struct kernel_scorer ours = {self, score_ours};
    const struct kernel_load load = load_of(self, 1);
    size_t count = load.batch_rows * load.batch_count * load.width;
    float *scores = calloc(2 * count, sizeof *scores);
    if (scores == NULL)
        return error_set(error, STATUS_NOMEM, "out of memory");
    enum status status = kernel_results(&ours, &load, scores, error);
    if (status == STATUS_OK)
        status = self->peer->results(self->theirs, &load, scores + count, error);
    if (status == STATUS_OK)
        kernel_note_differences(scores, scores + count, count, self->peer->tolerance,
                                out);
    if (status == STATUS_OK && out->of->explains)
        status = check_sums(self, out, error);
    free(scores);
    return status;
}

/* ---- speed ---- */

struct rates {
    double ours[KERNEL_RUNS_MAX], theirs[KERNEL_RUNS_MAX], bound[KERNEL_RUNS_MAX],
        ratio[KERNEL_RUNS_MAX];
};

static enum status measure_bound(struct comparing *self, struct kernel_load load,
                                 double *out, struct error_text *error)
{
    const struct kernel_scorer bound = {self, score_bound};
    *out = 0;
    if (load.batch_rows > KERNEL_BOUND_ROWS_MAX)
        return STATUS_OK;
    if (load.batch_count > KERNEL_BOUND_MAX)
        load.batch_count = KERNEL_BOUND_MAX;
    return kernel_rate(&bound, &load, out, error);
}

static enum status measure_once(struct comparing *self, const struct kernel_load *load,
                                size_t run, struct rates *out, struct error_text *error)
{
    const struct kernel_scorer ours = {self, score_ours};
    enum status status = kernel_rate(&ours, load, &out->ours[run], error);
    if (status == STATUS_OK)
        status = self->peer->rate(self->theirs, load, &out->theirs[run], error);
    if (status == STATUS_OK)
        status = measure_bound(self, *load, &out->bound[run], error);
    if (status == STATUS_OK)
        out->ratio[run] = out->ours[run] / out->theirs[run];
    return status;
}

static enum status measure(struct comparing *self, const struct kernel_setting *setting,
                           struct kernel_result *out, struct error_text *error)
{
    struct rates rates;
    struct kernel_load load = load_of(self, out->threads);
    load.seconds = setting->seconds;
    load.cpu_time = setting->cpu_time;
    enum status status = STATUS_OK;
    for (size_t run = 0; status == STATUS_OK && run < setting->runs; run++) {
        status = measure_once(self, &load, run, &rates, error);
        if (status == STATUS_OK)
            fprintf(stderr,
                    "%s, threads %zu, run %zu of %zu: %.0f and %.0f records/s, %.1f\n",
                    out->of->name, out->threads, run + 1, setting->runs, rates.ours[run],
                    rates.theirs[run], rates.ratio[run]);
    }
    if (status != STATUS_OK)
        return status;
    out->ours = stats_of(rates.ours, setting->runs);
    out->theirs = stats_of(rates.theirs, setting->runs);
    out->bound = stats_of(rates.bound, setting->runs);
    out->ratio = stats_of(rates.ratio, setting->runs);
    return STATUS_OK;
}

/* ---- a case ---- */

static enum status open_sides(struct comparing *self, const struct kernel_case *of,
                              const struct kernel_subject *subject, size_t threads,
                              struct error_text *error)
{
    const struct kernel_ours_options options = {subject->model, &self->rows,
                                                self->peer->output, threads};
    enum status status = kernel_rows_make(&subject->design, of->batch_rows, of->row_count,
                                          &self->rows, error);
    if (status == STATUS_OK)
        status = kernel_ours_open(&options, &self->ours, error);
    if (status == STATUS_OK)
        status = self->peer->open(subject, &self->rows, threads, &self->theirs, error);
    return status;
}

static size_t most_threads(const struct kernel_setting *setting)
{
    size_t most = 1;
    for (size_t i = 0; i < setting->thread_count; i++)
        if (setting->threads[i] > most)
            most = setting->threads[i];
    return most;
}

enum status kernel_compare(const struct kernel_case *of,
                           const struct kernel_subject *subject,
                           const struct kernel_setting *setting,
                           struct kernel_result *results, struct error_text *error)
{
    struct comparing comparing = {.peer = kernel_peer_of(of)};
    struct kernel_result equality = {.of = of};
    enum status status =
        open_sides(&comparing, of, subject, most_threads(setting), error);
    if (status == STATUS_OK)
        status = check_equal(&comparing, &equality, error);
    for (size_t i = 0; status == STATUS_OK && i < setting->thread_count; i++) {
        results[i] = equality;
        results[i].threads = setting->threads[i];
        status = measure(&comparing, setting, &results[i], error);
    }
    comparing.peer->close(comparing.theirs);
    kernel_ours_close(comparing.ours);
    kernel_rows_release(&comparing.rows);
    return status == STATUS_OK ? status : error_prefix(error, status, "%s", of->name);
}

double kernel_tree_record_ns(const struct kernel_result *self, size_t tree_count)
{
    if (tree_count == 0)
        return 0;
    return 1e9 * (double)self->threads / self->ours.median / (double)tree_count;
}
