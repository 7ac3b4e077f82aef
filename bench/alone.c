/* SPDX-License-Identifier: Apache-2.0 */
/* alone.c - the worker's own code, called directly. */
#include "bench/alone.h"

#include "base/proto_parse.h"
#include "client/batch.h"
#include "worker/task.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct running {
    struct load *load;
    struct snapshot *snapshot;
    struct outbox *outbox;
    double worker_s, compare_s;
};

/* Of this thread's CPU. */
static double cpu_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* ---- the worker's part ---- */

static enum status answer(struct running *self, struct task *task, size_t which,
                          uint8_t **packed, struct error_text *error)
{
    struct header header = {
        .type = MESSAGE_SCORE, .flags = HEADER_WHAT_IF, .as_of = self->load->as_of};
    snprintf(header.region, sizeof header.region, "%s",
             batch_region(self->load->batches[which]));
    task->header = header;
    enum task_next next = task_begin(task, self->snapshot, self->load->as_of);
    while (next == TASK_SCORE && scoring_step(task->pass->scoring))
        ;
    if (next == TASK_SCORE)
        next = task_scored(task);
    if (next != TASK_ANSWER || task->reply.outcome == CHW__OUTCOME__OUTCOME_INVALID)
        return error_set(error, STATUS_CORRUPT, "batch %zu: %s", which, task->reason);
    if (((const Chw__Reply *)task->answer)->n_errors != 0)
        return error_set(error, STATUS_CORRUPT, "batch %zu has invalid records", which);
    *packed = malloc(protobuf_c_message_get_packed_size(task->answer));
    if (*packed == NULL)
        return error_set(error, STATUS_NOMEM, "out of memory");
    protobuf_c_message_pack(task->answer, *packed);
    return STATUS_OK;
}

static bool agrees(struct running *self, size_t which, const struct task *task)
{
    const Chw__TargetScores *target = ((const Chw__Reply *)task->answer)->targets[0];
    double start_s = cpu_s();
    uint64_t hash = references_hash(target->probabilities, target->n_probabilities);
    self->compare_s += cpu_s() - start_s;
    return target->version.len == REFERENCES_VERSION_SIZE &&
           references_check(&self->load->references, which, target->version.data, hash);
}

static enum status work_as_worker(struct running *self, const uint8_t *body, size_t size,
                                  size_t which, struct error_text *error)
{
    struct task task;
    struct header none = {0};
    uint8_t *packed = NULL;
    double start_s = cpu_s();
    task_init(&task, &none, body, size, self->outbox);
    enum status status = answer(self, &task, which, &packed, error);
    self->worker_s += cpu_s() - start_s;
    if (status == STATUS_OK && !agrees(self, which, &task))
        status =
            error_set(error, STATUS_CORRUPT,
                      "batch %zu: a worker's probabilities are not the kernel's", which);
    free(packed);
    task_release(&task);
    return status;
}

/* ---- all batches ---- */

static enum status work(struct running *self, struct error_text *error)
{
    enum status status = STATUS_OK;
    for (size_t i = 0; status == STATUS_OK && i < self->load->count; i++) {
        uint8_t *body;
        size_t size;
        if (batch_encode(self->load->batches[i], &body, &size) != STATUS_OK)
            return error_set(error, STATUS_NOMEM, "out of memory");
        status = work_as_worker(self, body, size, i, error);
        free(body);
    }
    return status;
}

/* STATUS_NOT_FOUND: there is no such alias. */
static enum status work_as_kernel(struct running *self, const char *alias,
                                  struct alone_kernel *out, struct error_text *error)
{
    struct loaded *loaded = snapshot_alias(self->snapshot, "chd", alias);
    if (loaded == NULL)
        return error_set(error, STATUS_NOT_FOUND, "the store has no model chd@%s", alias);
    return alone_kernel(self->load, loaded_model(loaded), out, error);
}

/* The kernel first: its references are what the worker's code is compared with. */
static enum status run_all(struct running *self, struct alone *out,
                           struct error_text *error)
{
    struct alone_kernel next;
    char hex[DIGEST_HEX_SIZE];
    double records = (double)(self->load->count * self->load->batch_rows);
    enum status status = work_as_kernel(self, "champion", &out->kernel, error);
    if (status != STATUS_OK)
        return status;
    self->load->references.complete = true;
    status = work(self, error);
    if (status == STATUS_OK)
        status = work_as_kernel(self, "next", &next, error);
    if (status == STATUS_NOT_FOUND)
        status = STATUS_OK;
    const struct loaded *champion = snapshot_alias(self->snapshot, "chd", "champion");
    digest_format(model_version(loaded_model(champion)), hex);
    snprintf(out->version, sizeof out->version, "%.12s", hex);
    out->worker_us = self->worker_s * 1e6 / records;
    out->compare_us = self->compare_s * 1e6 / records;
    return status;
}

enum status alone_run(struct load *load, const char *store_url, struct alone *out,
                      struct error_text *error)
{
    struct running running = {.load = load};
    struct store *store;
    *out = (struct alone){.worker_us = 0};
    fprintf(stderr, "scoring them alone\n");
    enum status status = store_open(store_url, &store, error);
    if (status != STATUS_OK)
        return status;
    status = snapshot_load(store, NULL, &running.snapshot, error);
    running.outbox = outbox_new();
    if (status == STATUS_OK && running.outbox == NULL)
        status = error_set(error, STATUS_NOMEM, "out of memory");
    if (status == STATUS_OK)
        status = run_all(&running, out, error);
    outbox_free(running.outbox);
    snapshot_drop(running.snapshot);
    store_close(store);
    return status;
}
