/* SPDX-License-Identifier: Apache-2.0 */
/* alone.h - the same batches without a cluster, in this process and one thread: what the
 * cluster is compared with, in speed and bit for bit. */

#ifndef BENCH_ALONE_H
#define BENCH_ALONE_H

#include "bench/load.h"

struct alone {
    char version[13];      /* of the model, its first digits */
    double kernel_seconds; /* model_score() of every record, and nothing else */
    double worker_seconds; /* what a worker does between two messages: parse, bind,
                            * score, tiers, the packed answer; no settlement */
};

/* Also fills load->expected. STATUS_CORRUPT: a batch cannot be scored. */
MUST_CHECK enum status alone_run(struct load *load, const char *store_url,
                                 struct alone *out, struct error_text *error);

#endif
