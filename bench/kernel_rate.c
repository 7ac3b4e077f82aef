/* SPDX-License-Identifier: Apache-2.0 */
/* kernel_rate.c - threads that start together; the clock is read every thousand records.
 * What a worker scores it has just parsed, so a thread goes round few batches, which stay
 * in the processor's cache, on both sides. */
#include "bench/kernel_rate.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

enum { RECORDS_PER_LOOK = 1024 };

struct running {
    const struct kernel_scorer *scorer;
    const struct kernel_load *load;
    pthread_barrier_t *start;
    size_t thread;
    float *out;
    double records_per_s;
    enum status status;
    struct error_text error;
};

static double now_s(const struct kernel_load *load)
{
    struct timespec now;
    clock_gettime(load->cpu_time ? CLOCK_THREAD_CPUTIME_ID : CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* As many batches as make a thousand records, the next being `turn`. */
static void score_some(struct running *self, size_t turn)
{
    const struct kernel_load *load = self->load;
    size_t first = self->thread * load->batch_count / load->threads;
    size_t round = load->batch_count < KERNEL_BATCHES_IN_TURN ? load->batch_count
                                                              : KERNEL_BATCHES_IN_TURN;
    for (uint32_t done = 0; done < RECORDS_PER_LOOK && self->status == STATUS_OK;
         done += load->batch_rows)
        self->status = self->scorer->score(self->scorer->arg, self->thread,
                                           (first + turn++ % round) % load->batch_count,
                                           self->out, &self->error);
}

static void *run_thread(void *arg)
{
    struct running *self = arg;
    const struct kernel_load *load = self->load;
    size_t batches_per_look =
        (RECORDS_PER_LOOK + load->batch_rows - 1) / load->batch_rows;
    size_t batches = 0;
    pthread_barrier_wait(self->start);
    double start_s = now_s(load), seconds = 0;
    while (self->status == STATUS_OK && (batches == 0 || seconds < load->seconds)) {
        score_some(self, batches);
        batches += batches_per_look;
        seconds = now_s(load) - start_s;
    }
    self->records_per_s = (double)batches * load->batch_rows / seconds;
    return NULL;
}

/* A thread that cannot be started would leave the others waiting at the barrier: that
 * ends the program. */
static void run_all(struct running *runs, size_t count)
{
    pthread_t threads[KERNEL_THREADS_MAX];
    pthread_barrier_t start;
    int failed = pthread_barrier_init(&start, NULL, (unsigned)count);
    for (size_t i = 0; i < count && failed == 0; i++) {
        runs[i].start = &start;
        failed = pthread_create(&threads[i], NULL, run_thread, &runs[i]);
    }
    assert(failed == 0);
    for (size_t i = 0; i < count; i++)
        pthread_join(threads[i], NULL);
    pthread_barrier_destroy(&start);
}

static enum status sum_up(const struct running *runs, size_t count, double *records_per_s,
                          struct error_text *error)
{
    *records_per_s = 0;
    for (size_t i = 0; i < count; i++) {
        if (runs[i].status != STATUS_OK)
            return error_set(error, runs[i].status, "%s", runs[i].error.text);
        *records_per_s += runs[i].records_per_s;
    }
    return STATUS_OK;
}

enum status kernel_rate(const struct kernel_scorer *scorer,
                        const struct kernel_load *load, double *records_per_s,
                        struct error_text *error)
{
    assert(load->threads > 0 && load->threads <= KERNEL_THREADS_MAX);
    struct running *runs = calloc(load->threads, sizeof *runs);
    size_t out_count = load->batch_rows * load->width; /* of a thread */
    float *out = calloc(load->threads * out_count, sizeof *out);
    enum status status = STATUS_NOMEM;
    if (runs != NULL && out != NULL) {
        for (size_t i = 0; i < load->threads; i++)
            runs[i] = (struct running){
                .scorer = scorer, .load = load, .thread = i, .out = out + i * out_count};
        run_all(runs, load->threads);
        status = sum_up(runs, load->threads, records_per_s, error);
    }
    free(runs);
    free(out);
    return status;
}

enum status kernel_results(const struct kernel_scorer *scorer,
                           const struct kernel_load *load, float *out,
                           struct error_text *error)
{
    enum status status = STATUS_OK;
    for (size_t i = 0; status == STATUS_OK && i < load->batch_count; i++)
        status = scorer->score(scorer->arg, 0, i,
                               out + i * load->batch_rows * load->width, error);
    return status;
}
