/* SPDX-License-Identifier: Apache-2.0 */
/* alone.h - the same batches without a cluster, in this process and one thread: what the
 * cluster is compared with, in speed and bit for bit. */

#ifndef BENCH_ALONE_H
#define BENCH_ALONE_H

#include "bench/alone_kernel.h"
#include "bench/load.h"

struct alone {
    char version[13]; /* of the champion, its first digits */
    struct alone_kernel kernel;
    double worker_us; /* CPU per record of what a worker does between two messages: parse,
                       * bind, score, tiers, the packed answer; no settlement */
    double compare_us; /* of comparing it with its reference */
};

/* Also completes load->references, of the champion and, where there is one, of the alias
 * "next". STATUS_CORRUPT: a batch cannot be scored, or the worker's code and the kernel's
 * do not agree. */
MUST_CHECK enum status alone_run(struct load *load, const char *store_url,
                                 struct alone *out, struct error_text *error);

#endif
