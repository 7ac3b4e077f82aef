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
    const struct model *model;
    struct outbox *outbox;
    struct alone *out;
};

static double now_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
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
    while (next == TASK_SCORE && scoring_step(task->scoring))
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

static enum status work_as_worker(struct running *self, const uint8_t *body, size_t size,
                                  size_t which, struct error_text *error)
{
    struct task task;
    struct header none = {0};
    uint8_t *packed = NULL;
    double start_s = now_s();
    task_init(&task, &none, body, size, self->outbox);
    enum status status = answer(self, &task, which, &packed, error);
    self->out->worker_seconds += now_s() - start_s;
    if (status == STATUS_OK) {
        const Chw__Reply *reply = (const Chw__Reply *)task.answer;
        self->load->expected[which] = load_hash(reply->targets[0]->probabilities,
                                                reply->targets[0]->n_probabilities);
    }
    free(packed);
    task_release(&task);
    return status;
}

/* ---- the kernel ---- */

static void score_all(struct running *self, const struct binding *binding, uint32_t rows)
{
    static float probabilities[SCORE_BLOCK_ROWS];
    static struct record_fault faults[SCORE_BLOCK_ROWS];
    double start_s = now_s();
    for (uint32_t row = 0; row < rows; row += SCORE_BLOCK_ROWS) {
        uint32_t left = rows - row;
        model_score(binding, row, left < SCORE_BLOCK_ROWS ? left : SCORE_BLOCK_ROWS,
                    probabilities, faults);
    }
    self->out->kernel_seconds += now_s() - start_s;
}

static enum status work_as_kernel(struct running *self, const uint8_t *body, size_t size,
                                  struct error_text *error)
{
    struct columns columns;
    struct binding *binding;
    Chw__Batch *batch = (Chw__Batch *)proto_parse(&chw__batch__descriptor, body, size);
    if (batch == NULL)
        return error_set(error, STATUS_NOMEM, "out of memory");
    enum status status = columns_view(batch, &columns, error);
    if (status == STATUS_OK) {
        status = model_bind(self->model, &columns, &binding, error);
        if (status == STATUS_OK) {
            score_all(self, binding, columns.rows);
            binding_free(binding);
        }
        columns_release(&columns);
    }
    proto_free(&batch->base);
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
        if (status == STATUS_OK)
            status = work_as_kernel(self, body, size, error);
        free(body);
    }
    return status;
}

enum status alone_run(struct load *load, const char *store_url, struct alone *out,
                      struct error_text *error)
{
    struct running running = {.load = load, .out = out};
    struct store *store;
    struct loaded *champion = NULL;
    char hex[DIGEST_HEX_SIZE];
    *out = (struct alone){.kernel_seconds = 0};
    fprintf(stderr, "scoring them alone\n");
    enum status status = store_open(store_url, &store, error);
    if (status != STATUS_OK)
        return status;
    status = snapshot_load(store, NULL, &running.snapshot, error);
    if (status == STATUS_OK)
        champion = snapshot_alias(running.snapshot, "chd", "champion");
    running.outbox = outbox_new();
    if (status == STATUS_OK && champion == NULL)
        status =
            error_set(error, STATUS_NOT_FOUND, "the store has no model chd@champion");
    if (status == STATUS_OK) {
        running.model = loaded_model(champion);
        digest_format(model_version(running.model), hex);
        snprintf(out->version, sizeof out->version, "%.12s", hex);
        status = work(&running, error);
    }
    outbox_free(running.outbox);
    snapshot_drop(running.snapshot);
    store_close(store);
    return status;
}
