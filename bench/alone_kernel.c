/* SPDX-License-Identifier: Apache-2.0 */
/* alone_kernel.c - passes over bound batches, in one thread and in several. */
#include "bench/alone_kernel.h"

#include "base/proto_parse.h"
#include "bench/stats.h"
#include "client/batch.h"
#include "worker/score.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>

enum { PASSES = 7 };

struct bound {
    Chw__Batch *batch;
    struct columns columns;
    struct binding *binding;
};

struct passes {
    struct load *load;
    struct bound *items;
    size_t count;
};

static double read_clock(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* ---- binding ---- */

static enum status parse(struct bound *self, const struct chw_batch *batch,
                         struct error_text *error)
{
    uint8_t *body;
    size_t size;
    if (batch_encode(batch, &body, &size) != STATUS_OK)
        return error_set(error, STATUS_NOMEM, "out of memory");
    self->batch = (Chw__Batch *)proto_parse(&chw__batch__descriptor, body, size);
    free(body);
    return self->batch == NULL ? error_set(error, STATUS_NOMEM, "out of memory")
                               : STATUS_OK;
}

static enum status bind_one(struct bound *self, const struct model *model,
                            struct error_text *error)
{
    enum status status = columns_view(self->batch, &self->columns, error);
    if (status != STATUS_OK)
        return status;
    status = model_bind(model, &self->columns, &self->binding, error);
    if (status != STATUS_OK)
        columns_release(&self->columns);
    return status;
}

static enum status bind_all(struct passes *self, const struct model *model,
                            struct error_text *error)
{
    enum status status = STATUS_OK;
    self->items = calloc(self->load->count, sizeof *self->items);
    if (self->items == NULL)
        return error_set(error, STATUS_NOMEM, "out of memory");
    while (status == STATUS_OK && self->count < self->load->count) {
        struct bound *one = &self->items[self->count];
        status = parse(one, self->load->batches[self->count], error);
        self->count += one->batch != NULL;
        if (status == STATUS_OK)
            status = bind_one(one, model, error);
    }
    return status;
}

static void release(struct passes *self)
{
    for (size_t i = 0; i < self->count; i++) {
        struct bound *one = &self->items[i];
        if (one->binding != NULL) {
            binding_free(one->binding);
            columns_release(&one->columns);
        }
        proto_free(&one->batch->base);
    }
    free(self->items);
}

/* ---- passes ---- */

/* `out` has room for all rows of the batch, or is NULL. */
static void score(const struct bound *one, float *out)
{
    float block[SCORE_BLOCK_ROWS];
    struct record_fault faults[SCORE_BLOCK_ROWS];
    for (uint32_t row = 0; row < one->columns.rows; row += SCORE_BLOCK_ROWS) {
        uint32_t left = one->columns.rows - row;
        model_score(one->binding, row, left < SCORE_BLOCK_ROWS ? left : SCORE_BLOCK_ROWS,
                    out == NULL ? block : out + row, faults);
    }
}

struct thread {
    const struct passes *passes;
    size_t number;
    pthread_t id;
};

static void *run_thread(void *arg)
{
    const struct thread *self = arg;
    for (size_t i = self->number; i < self->passes->count; i += ALONE_THREADS)
        score(&self->passes->items[i], NULL);
    return NULL;
}

/* Seconds that passed; 0: no threads. */
static double pass_of_threads(const struct passes *self)
{
    struct thread threads[ALONE_THREADS];
    size_t started = 0;
    double start_s = read_clock(CLOCK_MONOTONIC);
    for (; started < ALONE_THREADS; started++) {
        threads[started] = (struct thread){.passes = self, .number = started};
        if (pthread_create(&threads[started].id, NULL, run_thread, &threads[started]) !=
            0)
            break;
    }
    for (size_t i = 0; i < started; i++)
        pthread_join(threads[i].id, NULL);
    return started == ALONE_THREADS ? read_clock(CLOCK_MONOTONIC) - start_s : 0;
}

static double pass_alone(const struct passes *self)
{
    double start_s = read_clock(CLOCK_THREAD_CPUTIME_ID);
    for (size_t i = 0; i < self->count; i++)
        score(&self->items[i], NULL);
    return read_clock(CLOCK_THREAD_CPUTIME_ID) - start_s;
}

static void measure(const struct passes *self, struct alone_kernel *out)
{
    double records = (double)(self->count * self->load->batch_rows);
    double alone_s[PASSES], threads_s[PASSES];
    for (size_t i = 0; i < PASSES; i++) {
        alone_s[i] = pass_alone(self);
        threads_s[i] = pass_of_threads(self);
    }
    out->us_per_record = stats_of(alone_s, PASSES).median * 1e6 / records;
    out->per_s = records / stats_of(threads_s, PASSES).median;
}

static enum status note_references(struct passes *self, const struct model *model,
                                   struct error_text *error)
{
    size_t rows = self->load->batch_rows;
    bool noted = true;
    float *probabilities = malloc(rows * sizeof *probabilities);
    for (size_t i = 0; noted && probabilities != NULL && i < self->count; i++) {
        score(&self->items[i], probabilities);
        noted = references_set(&self->load->references, i, model_version(model)->bytes,
                               references_hash(probabilities, rows));
    }
    noted = noted && probabilities != NULL;
    free(probabilities);
    return noted ? STATUS_OK : error_set(error, STATUS_NOMEM, "out of memory");
}

enum status alone_kernel(struct load *load, const struct model *model,
                         struct alone_kernel *out, struct error_text *error)
{
    struct passes passes = {.load = load};
    enum status status = bind_all(&passes, model, error);
    if (status == STATUS_OK)
        status = note_references(&passes, model, error);
    if (status == STATUS_OK)
        measure(&passes, out);
    release(&passes);
    return status;
}
