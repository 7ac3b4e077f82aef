/* SPDX-License-Identifier: Apache-2.0 */
/* load.h - the records, as batches made before the clock starts, and one run of them
 * through the cluster: as many in flight as the window allows, each answer checked. */

#ifndef BENCH_LOAD_H
#define BENCH_LOAD_H

#include "bench/cluster.h"
#include "client/chw.h"

struct load {
    struct chw_batch **batches;
    uint64_t *expected; /* hash of each batch's probabilities; 0: not known yet */
    size_t count;
    uint64_t batch_rows; /* of every one */
    int32_t as_of;
};

/* `count` different batches of `rows` records of synthetic people, round the regions.
 * Columns are those that the models read. */
MUST_CHECK enum status load_make(struct chw_client *client, size_t count, uint64_t rows,
                                 uint64_t seed, struct load *out,
                                 struct error_text *error);
void load_free(struct load *self);

/* Of probabilities, so that two ways to score can be compared bit for bit. */
uint64_t load_hash(const float *probabilities, size_t count);

struct load_run {
    double seconds;       /* from the first batch's sending to the last answer */
    double *latencies_ms; /* of each batch, from chw_submit() to its result; owned */
    size_t count;
};

/* `count` batches, from the first again after the last. STATUS_CORRUPT: an answer is not
 * what was expected. */
MUST_CHECK enum status load_run(const struct load *self, size_t count,
                                struct chw_client *client, struct cluster *cluster,
                                struct load_run *out, struct error_text *error);
void load_run_release(struct load_run *self);

#endif
